"""What the figures were measured on."""

from __future__ import annotations

import os
import platform
import shutil
import subprocess
import sys
from importlib import metadata
from pathlib import Path
from typing import Any

import cv2
import numpy as np

from lpsr_run.process import usable_cores

_CPUINFO = Path("/proc/cpuinfo")
_BOARD = Path("/proc/device-tree/model")
_RUNTIMES = ("onnxruntime", "onnxruntime-gpu", "tensorrt", "tensorrt-rtx-cu13", "openvino")


def describe_machine() -> dict[str, Any]:
    """The machine, for JSON; nothing in it names its owner.

    Returns:
        cpu, board (of an embedded computer), cores (logical), usable_cores (that this process may run on),
        memory_bytes, gpu, os, load_average (of the last minute, before the benchmark), versions. What cannot be
        found out is None.
    """
    return {
        "cpu": _cpu(),
        "board": _board(),
        "cores": os.cpu_count(),
        "usable_cores": usable_cores(),
        "memory_bytes": _memory(),
        "gpu": _gpu(),
        "os": _system(),
        "load_average": load_average(),
        "versions": _versions(),
    }


def load_average() -> float | None:
    """Processes that wanted to run during the last minute, or None where the system does not tell."""
    try:
        return round(os.getloadavg()[0], 2)
    except (AttributeError, OSError):
        return None


def peak_resident_bytes() -> int | None:
    """The most memory that this process had resident so far, or None where the system does not tell."""
    try:
        import resource
    except ImportError:
        return None
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak if sys.platform == "darwin" else 1024 * peak  # kilobytes everywhere else


def _cpu() -> str:
    for line in _lines(_CPUINFO):
        key, _, value = line.partition(":")
        if key.strip() in ("model name", "Model", "Hardware"):
            return value.strip()
    return platform.processor() or platform.machine()


def _board() -> str | None:
    lines = _lines(_BOARD)
    return lines[0].strip("\0 ") if lines else None


def _memory() -> int | None:
    try:
        return os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    except (AttributeError, ValueError, OSError):
        return None


def _gpu() -> str | None:
    """Name and driver of the first NVIDIA GPU."""
    tool = shutil.which("nvidia-smi")
    if tool is None:
        return None
    query = [tool, "--query-gpu=name,driver_version", "--format=csv,noheader"]
    try:
        result = subprocess.run(query, capture_output=True, text=True, timeout=20, check=True)
    except (OSError, subprocess.SubprocessError):
        return None
    return next(iter(result.stdout.strip().splitlines()), None)


def _system() -> str:
    kernel = f"{platform.system()} {platform.release()}"
    try:
        return f"{platform.freedesktop_os_release()['PRETTY_NAME']}, {kernel}"
    except OSError:  # only Linux has that file
        return kernel


def _versions() -> dict[str, str]:
    found = {"python": platform.python_version(), "numpy": np.__version__, "opencv": cv2.__version__}
    for name in _RUNTIMES:
        try:
            found[name] = metadata.version(name)
        except metadata.PackageNotFoundError:
            continue
    return found


def _lines(path: Path) -> list[str]:
    try:
        return path.read_text(encoding="utf-8", errors="replace").splitlines()
    except OSError:
        return []
