# What the scripts for a machine with a GPU share; sourced, not run.
#
# Each of them works within a number of seconds, keeps what it finds in OUT at once, and ends all that it started. Set by
# environment for all: PYTHON (python3), DEVICE (cuda; cpu rehearses), AFTER (a file: the GPU is another's until it is
# there; preparations that need none begin at once).
python=${PYTHON:-python3} device=${DEVICE:-cuda} after=${AFTER:-}
export PYTHONUNBUFFERED=1

# begin OUT SECONDS: goes to the checkout's root; sets `out` (absolute), `total` and `work`, a folder that goes at the end.
begin() {
    total=$2
    mkdir -p "$1"
    out=$(cd "$1" && pwd)
    cd "$(dirname "${BASH_SOURCE[0]}")/.."
    work=$(mktemp -d)
    groups=()
    trap finish EXIT
    trap 'exit 143' TERM
    trap 'exit 130' INT
}

finish() {
    local group
    for group in "${groups[@]}"; do kill -TERM -- "-$group" 2>/dev/null || true; done
    for group in "${groups[@]}"; do wait "$group" 2>/dev/null || true; done
    rm -rf "$work"
}

left() { echo $((total - SECONDS)); }

# start LOG COMMAND...: runs a command beside this script, in a process group of its own, which ends with the script;
# its number is in `started`.
start() {
    local log=$1
    shift
    : >"$log"
    set -m
    "$@" >"$log" 2>&1 &
    started=$!
    set +m
    groups+=("$started")
}

shards() { find "$work/pool" -name 'shard-*.npy' 2>/dev/null | wc -l; }

# await_shards PROCESS LOG COUNT SECOND: until there are COUNT shards and SECOND of the script has come; fails when the
# process that renders them ends without any.
await_shards() {
    until [ "$(shards)" -ge "$3" ] && [ "$SECONDS" -ge "$4" ]; do
        if ! kill -0 "$1" 2>/dev/null && [ "$(shards)" -eq 0 ]; then
            tail -n 3 "$2" >&2
            return 1
        fi
        [ "$(left)" -gt 0 ] || no_time || return 1
        sleep 1
    done
}

no_time() {
    echo "error: no time is left to train in; give more SECONDS" >&2
    return 1
}

await_gpu() { while [ -n "$after" ] && [ ! -e "$after" ] && [ "$(left)" -gt 0 ]; do sleep 1; done; }

# Copies the averaged weights that a training writes each minute.
keep_weights() {
    if [ -f "$work/run/weights/checkpoint.pt" ]; then
        mkdir -p "$out/weights"
        cp "$work/run/weights/checkpoint.pt" "$out/weights/part" && mv "$out/weights/part" "$out/weights/checkpoint.pt"
    fi
}

# train LOG RESERVE COMMAND...: runs a training with `--seconds` of what is left but RESERVE, and keeps its weights.
train() {
    local log=$1 seconds=$(($(left) - $2)) status=0 shown
    shift 2
    [ "$seconds" -ge 5 ] || no_time || return 1
    start "$log" "$@" --seconds "$seconds"
    local training=$started
    tail -n +1 -f "$log" --pid "$training" &
    shown=$!
    while kill -0 "$training" 2>/dev/null; do
        sleep 2
        keep_weights
        # It ends by its own clock; this is for one that does not.
        if [ "$(left)" -lt 12 ]; then kill -TERM -- "-$training" 2>/dev/null || true; fi
        if [ "$(left)" -lt 4 ]; then kill -KILL -- "-$training" 2>/dev/null || true; fi
    done
    wait "$training" || status=$?
    wait "$shown" 2>/dev/null || true
    keep_weights
    if [ ! -f "$out/weights/checkpoint.pt" ]; then
        echo "error: the training left no weights (status $status); see $log" >&2
        return 1
    fi
    du -h "$out/weights/checkpoint.pt"
}
