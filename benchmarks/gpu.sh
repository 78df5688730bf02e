#!/usr/bin/env bash
# Trains on a GPU for as long as it is there, a quarter of an hour by default.
#
#   benchmarks/gpu.sh OUT [SECONDS]
#
# Needs this checkout and a Python with PyTorch, NumPy, OpenCV, SciPy, onnx, ONNX Runtime, Rich and Typer; nothing is
# installed. SECONDS is the time for all of it, from the first line to the last. Set by environment:
#   PYTHON (python3), DEVICE (cuda), WORKERS (all cores), BATCH (512), PAIRS (131072), RENDER (150, seconds for the pool)
#
# In OUT: smoke.log; train.log with plates a second and how busy the GPU is; weights/checkpoint.pt, the averaged weights
# in half precision, written each minute (`lpsr-train fit --init OUT/weights`, `lpsr-export onnx --weights OUT/weights`).
set -euo pipefail
out=${1:?usage: benchmarks/gpu.sh OUT [SECONDS]}
total=${2:-840}
python=${PYTHON:-python3} device=${DEVICE:-cuda} workers=${WORKERS:-$(nproc)} batch=${BATCH:-512}
pairs=${PAIRS:-131072} render=${RENDER:-150}
cd "$(dirname "$0")/.."
export PYTHONUNBUFFERED=1
mkdir -p "$out/weights"
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
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
validation = 512
validate_every = 1000
weights_every = 60.0
steps = 1000000
$codec
TOML

"$python" -m lpsr_export restore --out "$work/released"
fit=("$python" -m lpsr_train fit --preset cameras --config "$work/train.toml" --device "$device" --workers "$workers")

echo "smoke test: 20 steps"
"${fit[@]}" --steps 20 --batch 64 --pairs 1024 --out "$work/smoke" --init "$work/released" 2>&1 | tee "$out/smoke.log"

echo "rendering for at most $render s on $workers cores, $(left) s left"
timeout --signal=INT "$render" "$python" -m lpsr_train render --shots --out "$work/pool" --pairs "$pairs" \
    --open-share 0.12 --workers "$workers" ${codec:+--without codec} || [ $? -eq 124 ] || [ $? -eq 130 ]
shards=$(find "$work/pool" -name 'shard-*.npy' | wc -l)
echo "$((shards * 1024)) shots, $(left) s left"

# The last seconds are for the validation at the end and for writing.
seconds=$(($(left) - 45))
if [ "$seconds" -lt 10 ]; then
    echo "error: no time is left to train in; give more SECONDS or less RENDER" >&2
    exit 1
fi
"${fit[@]}" --batch "$batch" --pairs "$((shards * 1024))" --pool "$work/pool" --out "$work/run" --seconds "$seconds" \
    --init "$work/released" 2>&1 | tee "$out/train.log" &
training=$!
while kill -0 "$training" 2>/dev/null; do
    sleep 5
    keep
done
wait "$training"
keep
cp "$work/run/curves.png" "$work/run/samples.png" "$out/"
du -h "$out"/weights/checkpoint.pt
