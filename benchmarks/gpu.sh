#!/usr/bin/env bash
# Trains on a GPU for as long as it is there, a quarter of an hour by default.
#
#   benchmarks/gpu.sh OUT [SECONDS]
#
# Needs this checkout and a Python with PyTorch, NumPy, OpenCV, SciPy, Pillow, onnx, ONNX Runtime, Rich and Typer; nothing
# is installed. SECONDS is the time for all of it, from the first line to the last. Set by environment:
#   PYTHON (python3), DEVICE (cuda), WORKERS (all cores but two), BATCH (512), PAIRS (393216, most that are rendered),
#   BEGIN (24, shards of 1,024 shots to begin with), RATE (0.001, learning rate at its peak), INIT (run to begin with; the released graphs when empty)
#
# Shots are rendered all the while, and training takes them up as they come.
# In OUT: train.log with plates a second and how busy the GPU is; weights/checkpoint.pt, the averaged weights in half
# precision, written each minute (`lpsr-train fit --init OUT/weights`, `lpsr-export onnx --weights OUT/weights`).
set -euo pipefail
out=${1:?usage: benchmarks/gpu.sh OUT [SECONDS]}
total=${2:-840}
python=${PYTHON:-python3} device=${DEVICE:-cuda} workers=${WORKERS:-$(($(nproc) > 3 ? $(nproc) - 2 : 1))}
batch=${BATCH:-512} pairs=${PAIRS:-393216} rate=${RATE:-0.001} begin=${BEGIN:-24} init=${INIT:-}
cd "$(dirname "$0")/.."
export PYTHONUNBUFFERED=1
mkdir -p "$out/weights"
work=$(mktemp -d)
rendering=""
trap 'if [ -n "$rendering" ]; then kill -TERM "$rendering" 2>/dev/null || true; wait "$rendering" 2>/dev/null || true; fi; rm -rf "$work"' EXIT
keep() { if [ -f "$work/run/weights/checkpoint.pt" ]; then cp "$work/run/weights/checkpoint.pt" "$out/weights/"; fi; }
left() { echo $((total - SECONDS)); }

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

# In a session of its own, so that only this script stops it.
setsid nice -n 5 "$python" -m lpsr_train render --shots --out "$work/pool" --pairs "$pairs" --open-share 0.12 \
    --workers "$workers" ${codec:+--without codec} >"$out/render.log" 2>&1 &
rendering=$!
if [ -z "$init" ]; then
    init=$work/released
    "$python" -m lpsr_export restore --out "$init"
fi

until [ "$(find "$work/pool" -name 'shard-*.npy' | wc -l)" -ge "$begin" ]; do
    if ! kill -0 "$rendering" 2>/dev/null; then
        tail -3 "$out/render.log" >&2
        exit 1
    fi
    sleep 1
done
echo "$begin shards are there, $(left) s left"
# The first and the last seconds are for validation and for writing.
seconds=$(($(left) - ${RESERVE:-45}))
if [ "$seconds" -lt 10 ]; then
    echo "error: no time is left to train in; give more SECONDS" >&2
    exit 1
fi
"$python" -m lpsr_train fit --preset cameras --config "$work/train.toml" --device "$device" --batch "$batch" \
    --pairs "$pairs" --pool "$work/pool" --growing --out "$work/run" --seconds "$seconds" --init "$init" \
    2>&1 | tee "$out/train.log" &
training=$!
while kill -0 "$training" 2>/dev/null; do
    sleep 2
    keep
    if [ "$(left)" -lt 12 ]; then pkill -TERM -f "$work/run" || true; fi
done
wait "$training" || true
keep
cp "$work/run/curves.png" "$work/run/samples.png" "$out/" 2>/dev/null || true
echo "$(find "$work/pool" -name 'shard-*.npy' | wc -l) shards of 1024 shots"
du -h "$out"/weights/checkpoint.pt
