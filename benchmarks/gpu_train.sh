#!/usr/bin/env bash
# Trains generator and reader on a GPU for as long as it is there, a quarter of an hour by default.
#
#   benchmarks/gpu_train.sh OUT [SECONDS]
#
# Needs this checkout and a Python with PyTorch, NumPy, OpenCV, SciPy, Pillow, onnx, ONNX Runtime, Rich and Typer; nothing
# is installed. SECONDS (840) is the time for all of it, from the first line to the last. Set by environment, beside what
# gpu_common.sh names:
#   WORKERS (all cores but two), BATCH (512), PAIRS (393216, most that are rendered), BEGIN (24, shards of 1,024 shots to
#   begin with), RATE (0.001, learning rate at its peak), INIT (run to begin with; the released graphs when empty),
#   RESERVE (45, seconds kept for validation and for writing)
#
# Shots are rendered all the while, and training takes them up as they come.
# In OUT: train.log with plates a second and how busy the GPU is; weights/checkpoint.pt, the averaged weights in half
# precision, written each minute (`lpsr-train fit --init OUT/weights`, `lpsr-export onnx --weights OUT/weights`).
set -euo pipefail
source "$(dirname "$0")/gpu_common.sh"
begin "${1:?usage: benchmarks/gpu_train.sh OUT [SECONDS]}" "${2:-840}"
workers=${WORKERS:-$(($(nproc) > 3 ? $(nproc) - 2 : 1))} pairs=${PAIRS:-393216} rate=${RATE:-0.001} init=${INIT:-}

# A machine without PyAV has no video codec; JPEG stands in for it there.
codec=""
if ! "$python" -c 'import av' 2>/dev/null; then
    echo "no PyAV here: shots go without a video codec"
    codec='without = "codec"'
fi
bf16=false
if [ "$device" = cuda ]; then bf16=true; fi
cat >"$work/train.toml" <<TOML
bf16 = $bf16
validation = 96
validate_every = 2000
weights_every = 60.0
steps = 1000000
guide_from = 50
generator_rate = $rate
reader_rate = $rate
$codec
TOML

start "$out/render.log" nice -n 5 "$python" -m lpsr_train render --shots --out "$work/pool" --pairs "$pairs" \
    --open-share 0.12 --workers "$workers" ${codec:+--without codec}
rendering=$started
if [ -z "$init" ]; then
    init=$work/released
    "$python" -m lpsr_export restore --out "$init"
fi
await_shards "$rendering" "$out/render.log" "${BEGIN:-24}" 0
await_gpu
echo "$(shards) shards are there, $(left) s left"
train "$out/train.log" "${RESERVE:-45}" "$python" -m lpsr_train fit --preset cameras --config "$work/train.toml" \
    --device "$device" --batch "${BATCH:-512}" --pairs "$pairs" --pool "$work/pool" --growing --out "$work/run" --init "$init"
cp "$work/run/curves.png" "$work/run/samples.png" "$out/" 2>/dev/null || true
echo "$(shards) shards of 1024 shots"
