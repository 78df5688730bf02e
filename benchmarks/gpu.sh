#!/usr/bin/env bash
# All that a machine with a GPU is for, in nine minutes: the kernels' proof and timings, then both trainings at once.
#
#   benchmarks/gpu.sh OUT [SECONDS]
#
# SECONDS (540) is the time for all of it. Plates and scenes are rendered from the first second on; the GPU is the
# kernels' alone for KERNEL (110) seconds at the most, then the trainings'. Each of the three has its own limit, a folder
# of its own in OUT (kernel, locator, reader) and writes there at once; one that fails does not end the others. The exit
# status is 1 when any failed. Set by environment: what gpu_kernel.sh, gpu_locator.sh and gpu_train.sh take; WORKERS is
# shared out between the renderers.
set -uo pipefail
source "$(dirname "$0")/gpu_common.sh"
begin "${1:?usage: benchmarks/gpu.sh OUT [SECONDS]}" "${2:-540}"
kernel=${KERNEL:-110} all=${WORKERS:-$(($(nproc) > 4 ? $(nproc) - 3 : 2))}
scenes=$((all / 3 > 0 ? all / 3 : 1))
plates=$((all - scenes > 0 ? all - scenes : 1))
free=$work/gpu-is-free
: >"$out/steps.txt"

note() { echo "$(printf '%4d s' "$SECONDS") $*" | tee -a "$out/steps.txt"; }

# A step that does not end by its own clock is ended ten seconds later.
start "$out/locator.txt" env AFTER="$free" WORKERS="$scenes" RENDER="${RENDER:-$kernel}" \
    timeout --kill-after=5 "$((total + 10))" benchmarks/gpu_locator.sh "$out/locator" "$((total - 5))"
locator=$started
start "$out/reader.txt" env AFTER="$free" WORKERS="$plates" \
    timeout --kill-after=5 "$((total + 10))" benchmarks/gpu_train.sh "$out/reader" "$((total - 5))"
reader=$started
status=0
note "kernel begins, plates and scenes are being rendered"
start "$out/kernel.txt" timeout --kill-after=5 "$((kernel + 10))" benchmarks/gpu_kernel.sh "$out/kernel" "$kernel"
wait "$started" || status=1
note "kernel $([ $status = 0 ] && echo done || echo failed); the trainings take the GPU"
touch "$free"
for name in locator reader; do
    result=done
    wait "${!name}" || result=failed status=1
    [ "$result" = done ] || status=1
    note "$name $result: $(tail -n 1 "$out/$name.txt")"
done
cat "$out/kernel/kernel.md" 2>/dev/null
exit "$status"
