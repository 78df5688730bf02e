"""What made the reads of a run: program, libraries, machine, clock, sources, models and configuration."""

from __future__ import annotations

import platform
import stat
import time
from collections.abc import Sequence
from importlib import metadata
from pathlib import Path
from typing import Any

from lpsr_core import __version__
from lpsr_core.cards import sha256
from lpsr_run.redact import shown
from lpsr_run.sources.choose import files_named

_LIBRARIES = ("numpy", "opencv-python", "onnxruntime", "onnxruntime-gpu", "av", "scipy", "pillow", "tensorrt")
_CLOCK_STATES = Path("/run/systemd/timesync/synchronized")


def environment() -> dict[str, Any]:
    """Program, libraries, machine, and what is known about its clock."""
    libraries = {}
    for name in _LIBRARIES:
        try:
            libraries[name] = metadata.version(name)
        except metadata.PackageNotFoundError:
            continue
    return {
        "program": f"lpsr {__version__}",
        "python": platform.python_version(),
        "libraries": libraries,
        "host": {"name": platform.node(), "system": platform.platform(), "machine": platform.machine()},
        "clock": {
            "utc": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime()),
            "zone": time.strftime("%z"),
            "synchronised": True if _CLOCK_STATES.exists() else None,
        },
    }


def source_digests(specs: Sequence[str]) -> list[dict[str, Any]]:
    """The sha256 and the size of every regular file among the sources, as they are at the start of the run."""
    found = []
    for spec in specs:
        for path in files_named(spec):
            try:
                status = path.stat()
                if not stat.S_ISREG(status.st_mode):
                    continue
                digest = sha256(path)
            except OSError:  # told where the source is read
                continue
            found.append({"source": shown(path), "sha256": digest, "bytes": status.st_size})
    return found
