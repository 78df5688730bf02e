#!/usr/bin/env bash
# Trains the locator on a GPU, beside another training if need be.
#
#   benchmarks/gpu_locator.sh OUT [SECONDS]
#
# Needs this checkout and a Python with PyTorch, NumPy, OpenCV, SciPy, Pillow, Rich and Typer; nothing is installed.
# SECONDS (840) is the time for all of it, from the first line to the last. Set by environment, beside what gpu_common.sh
# names:
#   WORKERS (6), BATCH (96), SCENES (49152, at most; 0.5 MB each on disk and on the GPU), RENDER (110, seconds until
#   training begins; rendering goes on beside it), VALIDATE (2000, steps), VALIDATION (192 scenes), RESERVE (50, seconds
#   kept for starting, the last validation and writing)
#
# In OUT: locator.log with losses, scenes and what is found in unseen ones by width; weights/checkpoint.pt, the averaged
# weights in half precision, written each minute (`lpsr-export locator --weights OUT/weights`).
set -euo pipefail
source "$(dirname "$0")/gpu_common.sh"
begin "${1:?usage: benchmarks/gpu_locator.sh OUT [SECONDS]}" "${2:-840}"
workers=${WORKERS:-6} scenes=${SCENES:-49152}
bf16=--no-bf16
if [ "$device" = cuda ]; then bf16=--bf16; fi

echo "rendering on $workers processes, $(left) s left"
start "$out/scenes.log" nice -n 10 "$python" -m lpsr_train scenes --out "$work/pool" --scenes "$scenes" --workers "$workers"
await_shards "$started" "$out/scenes.log" 1 "${RENDER:-110}"
await_gpu
echo "$(shards) shards, $(left) s left"
train "$out/locator.log" "${RESERVE:-50}" "$python" -m lpsr_train locator --grow --pool "$work/pool" --out "$work/run" \
    --device "$device" "$bf16" --batch "${BATCH:-96}" --scenes "$scenes" --steps 10000000 --weights-every 60 --ema 0.9995 \
    --validate-every "${VALIDATE:-2000}" --validation "${VALIDATION:-192}" --workers 1
