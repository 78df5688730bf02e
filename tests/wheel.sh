#!/usr/bin/env bash
# Runs an installed wheel where nothing of the repository is in reach: tests/wheel.sh BIN VIDEO
set -euo pipefail
bin=$(cd "$1" && pwd)
video=$2
here=$(mktemp -d)
trap 'rm -rf "$here"' EXIT
cd "$here"
"$bin/python" - <<'PY'
import lpsr_run
from pathlib import Path

assert "site-packages" in str(Path(lpsr_run.__file__)), f"not the installed wheel: {lpsr_run.__file__}"
for package in ("lpsr", "lpsr_core", "lpsr_train", "lpsr_export", "lpsr_run", "lpsr_bench"):
    assert (Path(lpsr_run.__file__).parent.parent / package / "py.typed").is_file(), package

from lpsr_export.tensorrt.plugin import sources
from lpsr_export.tensorrt.profiles import load_profile

assert "site-packages" in str(sources()) and (sources() / "engines/plugin/deform_conv.cu").is_file()
assert load_profile("jetson-orin-nano").batch
PY
for command in lpsr-run lpsr-bench lpsr-train lpsr-export; do
    "$bin/$command" --help >/dev/null
done
if "$bin/python" -c 'import onnxruntime' 2>/dev/null; then
    "$bin/lpsr-run" --video "$video" --out reads --stride 6 --quiet
    test -s reads/reads.jsonl
    "$bin/python" -c 'import sys, lpsr; print(*(plate.text for plate in lpsr.Reader().stream(sys.argv[1], stride=6)))' \
        "$video" | grep -q .
    "$bin/lpsr-bench" --quick --out bench.json >/dev/null
    test -s bench.json
else
    echo "onnxruntime has no wheel for this Python: the installed wheel was imported, but read nothing"
fi
echo "the wheel works outside the repository"
