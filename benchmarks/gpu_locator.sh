#!/usr/bin/env bash
# Trains the locator on a GPU, beside another training if need be.
#
#   benchmarks/gpu_locator.sh OUT [SECONDS]
#
# Needs this checkout and a Python with PyTorch, NumPy, OpenCV, SciPy, Pillow, Rich and Typer; nothing is installed.
# SECONDS is the time for all of it, from the first line to the last. Set by environment:
#   PYTHON (python3), DEVICE (cuda), WORKERS (6), BATCH (96), SCENES (49152, at most; 0.5 MB each on disk and on the GPU),
#   RENDER (110, seconds until training begins; rendering goes on beside it), VALIDATE (2000, steps), VALIDATION (192 scenes),
#   RESERVE (50, seconds kept for starting, the last validation and writing)
#
# In OUT: locator.log with losses, scenes and what is found in unseen ones by width; weights/checkpoint.pt, the averaged
# weights in half precision, written each minute (`lpsr-export locator --weights OUT/weights`).
set -euo pipefail
out=${1:?usage: benchmarks/gpu_locator.sh OUT [SECONDS]}
total=${2:-840}
python=${PYTHON:-python3} device=${DEVICE:-cuda} workers=${WORKERS:-6} batch=${BATCH:-96} scenes=${SCENES:-49152}
render=${RENDER:-110} validate=${VALIDATE:-2000} validation=${VALIDATION:-192}
mkdir -p "$out/weights"
out=$(cd "$out" && pwd)
cd "$(dirname "$0")/.."
export PYTHONUNBUFFERED=1
work=$(mktemp -d)
rendering=""
finish() {
    if [ -n "$rendering" ]; then kill -TERM -- "-$rendering" 2>/dev/null || true; fi
    rm -rf "$work"
}
trap finish EXIT
keep() { if [ -f "$work/run/weights/checkpoint.pt" ]; then cp "$work/run/weights/checkpoint.pt" "$out/weights/"; fi; }
left() { echo $((total - SECONDS)); }
shards() { find "$work/pool" -name 'shard-*.npy' 2>/dev/null | wc -l; }

bf16=--no-bf16
if [ "$device" = cuda ]; then bf16=--bf16; fi

echo "rendering on $workers processes, $(left) s left"
set -m # a group of its own, so that all of its processes end with it
nice -n 10 "$python" -m lpsr_train scenes --out "$work/pool" --scenes "$scenes" --workers "$workers" \
    >"$out/scenes.log" 2>&1 &
rendering=$!
set +m
until [ "$SECONDS" -ge "$render" ] && [ "$(shards)" -gt 0 ]; do
    if ! kill -0 "$rendering" 2>/dev/null && [ "$(shards)" -eq 0 ]; then
        cat "$out/scenes.log" >&2
        exit 1
    fi
    sleep 1
done
echo "$(shards) shards, $(left) s left"

seconds=$(($(left) - ${RESERVE:-50}))
if [ "$seconds" -lt 5 ]; then
    echo "error: no time is left to train in; give more SECONDS or less RENDER" >&2
    exit 1
fi
"$python" -m lpsr_train locator --grow --pool "$work/pool" --out "$work/run" --device "$device" "$bf16" \
    --batch "$batch" --scenes "$scenes" --steps 10000000 --seconds "$seconds" --weights-every 60 --ema 0.9995 \
    --validate-every "$validate" --validation "$validation" --workers 1 2>&1 | tee "$out/locator.log" &
training=$!
while kill -0 "$training" 2>/dev/null; do
    sleep 5
    keep
done
wait "$training"
keep
du -h "$out/weights/checkpoint.pt"
