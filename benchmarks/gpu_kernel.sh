#!/usr/bin/env bash
# Builds, tests and times the deformable-convolution kernels on this machine's GPU.
#
#   benchmarks/gpu_kernel.sh OUT [SECONDS]
#
# Needs this checkout, nvcc, CMake and a Python with PyTorch, NumPy, OpenCV, onnx and pytest; compute-sanitizer, cuobjdump,
# torchvision and cuda-bindings are used where they are. Of TensorRT the headers alone, where
# TENSORRT_INCLUDE_DIR names them: then the plugin's enqueue runs too. Nothing is installed. Every step has a limit of its
# own and is cut to what is left of SECONDS (100); what it found is in OUT at once. A step that fails is told and the next
# begins; the exit status is 1 when any failed. Set by environment:
#   what gpu_common.sh names, BEFORE (a checkout or an unpacked engines/plugin of an earlier state, to
#   time beside this one), READER ("32 96", height and width of the reader's input), CUDACXX (nvcc)
#
# In OUT: steps.txt (what each step took and gave), log.txt, code.txt (registers and instructions of each kernel),
# kernel.json and kernel.md, networks.json, driver.json.
set -uo pipefail
source "$(dirname "$0")/gpu_common.sh"
before=${BEFORE:-}
read -r -a reader <<<"${READER:-32 96}"
if [ -n "$before" ]; then before=$(cd "$before" && pwd) || exit 2; fi
begin "${1:?usage: benchmarks/gpu_kernel.sh OUT [SECONDS]}" "${2:-100}"
failed=0
patience=1
if [ "$device" = cpu ]; then patience=3; fi
: >"$out/steps.txt"
: >"$out/log.txt"

# step NAME LIMIT COMMAND...: runs a command for at most LIMIT seconds, and notes how it went.
step() {
    local name=$1 limit=$(($2 * patience)) began=$SECONDS status=0 left=$((total - SECONDS)) log
    shift 2
    if [ "$left" -lt 3 ]; then
        echo "$name: left out, no time is left" | tee -a "$out/steps.txt"
        failed=1
        return 1
    fi
    if [ "$limit" -gt "$left" ]; then limit=$left; fi
    log=$(mktemp "$work/log.XXXX")
    timeout --kill-after=2 "$limit" "$@" >"$log" 2>&1 || status=$?
    # Two steps may run at once; each line says whose it is, and no log is long.
    tail -c 60000 "$log" | sed "s/^/$name | /" >>"$out/log.txt"
    case $status in
        0) status=done ;;
        124 | 137) status="stopped after its $limit s" ;;
        *) status="failed ($status): $(grep -v '^$' "$log" | tail -n 1 | cut -c 1-200)" ;;
    esac
    echo "$name: $status, $((SECONDS - began)) s" | tee -a "$out/steps.txt"
    [ "$status" = done ] || failed=1
    [ "$status" = done ]
}

machine() {
    if [ "$device" = cuda ]; then
        nvidia-smi --query-gpu=name,driver_version,memory.total,clocks.sm,clocks.mem,temperature.gpu --format=csv
    fi
    "${CUDACXX:-nvcc}" --version | tail -n 2
    "$python" -c 'import platform, torch; print(platform.python_version(), torch.__version__, torch.version.cuda)'
}

# compile SOURCES FOLDER TARGETS...
compile() {
    local sources=$1 folder=$2
    shift 2
    cmake -S "$sources" -B "$folder" ${CUDACXX:+-DCMAKE_CUDA_COMPILER="$CUDACXX"} ${SM:+-DLPSR_SMS="$SM"} &&
        cmake --build "$folder" --parallel --target "$@"
}

both() {
    compile . "$work/after" lpsr_deform_conv lpsr_deform_conv_host device_check &
    local ours=$! other=0
    if [ -n "$before" ]; then
        compile "$work/earlier" "$work/before" lpsr_deform_conv lpsr_deform_conv_host || other=$?
    fi
    wait "$ours" && return "$other"
}

# What the compiler made of each kernel: registers, and instructions by kind.
code() {
    local name
    for name in before after; do
        [ -f "$work/$name/liblpsr_deform_conv.so" ] || continue
        cuobjdump --dump-resource-usage "$work/$name/liblpsr_deform_conv.so" >"$work/$name.usage" &&
            cuobjdump --dump-sass "$work/$name/liblpsr_deform_conv.so" >"$work/$name.sass" &&
            "$python" -m benchmarks.machine_code "$name" "$work/$name.usage" "$work/$name.sass" || return 1
    done >"$out/code.txt"
    cat "$out/code.txt"
}

sanitize() {
    local tool
    for tool in memcheck racecheck; do
        compute-sanitizer --tool "$tool" --error-exitcode 1 --print-limit 20 "$work/after/device_check" "$1" 7 || return 1
    done
}

export -f machine compile both code sanitize
export out work python device before

if [ -n "$before" ]; then
    # An earlier state may be the plugin's sources alone; the rest of the build is today's.
    mkdir "$work/earlier"
    cp -r CMakeLists.txt cmake engines tests "$work/earlier/"
    rm -rf "$work/earlier/engines/plugin"
    if [ -d "$before/engines/plugin" ]; then before=$before/engines/plugin; fi
    cp -r "$before" "$work/earlier/engines/plugin"
fi

step machine 25 bash -c machine &
looking=$!
step build 60 bash -c both
wait "$looking" || failed=1
step code 10 bash -c code
library=$work/after
if [ "$device" = cuda ]; then
    step "kernels against the reference, C++" 10 "$work/after/device_check" 200
    # The timings need the GPU to themselves; these two do not.
    if [ -n "${TENSORRT_INCLUDE_DIR:-}" ]; then
        step "plugin's enqueue" 20 bash -c 'cmake --build "$work/after" --target plugin_enqueue && "$work/after/plugin_enqueue"'
    else
        echo "plugin's enqueue: left out, TENSORRT_INCLUDE_DIR names no headers" | tee -a "$out/steps.txt"
    fi
    step sanitizer 25 bash -c 'sanitize 6' &
    sanitizing=$!
    LPSR_KERNELS=$library step "kernels against the reference, Python" 25 "$python" -m pytest -q -p no:cacheprovider \
        -k "gpu" tests/native/test_kernels.py
    wait "$sanitizing" || failed=1
fi
step driver 15 "$python" -m benchmarks.driver --build "$library" --out "$out/driver.json" --device "$device"
kernel=("$python" -m benchmarks.kernel --build "$library" --out "$out/kernel.json" --reader-size "${reader[@]}"
    --device "$device")
if [ -n "$before" ]; then kernel+=(--before "$work/before"); fi
networks=("$python" -m benchmarks.networks --build "$library" --tactics "$out/kernel.json" --out "$out/networks.json"
    --reader-size "${reader[@]}" --device "$device")
# The networks take about 20 s; the kernels have the rest.
span=$((total - SECONDS - 25))
if [ "$span" -lt 5 ]; then span=5; fi
if [ "$device" = cpu ]; then
    step "kernel timings" 60 "${kernel[@]}" --presets lite --batches 1
    step networks 60 "${networks[@]}" --networks "lite generator" --batches 1
else
    step "kernel timings" "$((span + 5))" "${kernel[@]}" --seconds "$span"
    step networks 25 "${networks[@]}" --seconds 20
fi
cat "$out/kernel.md" 2>/dev/null
cat "$out/steps.txt"
exit "$failed"
