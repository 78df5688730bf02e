"""How busy the GPU is while something runs, as NVIDIA's driver tells it."""

from __future__ import annotations

import shutil
import statistics
import subprocess
import threading
from collections import deque
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import torch

_QUERY = ("--query-gpu=utilization.gpu", "--format=csv,noheader,nounits")
_LATELY = 30
"""Answers that count."""


def driver_name(device: torch.device) -> str | None:
    """What the driver calls a device; PyTorch counts those that it may see, in an order of its own. None for no GPU."""
    if device.type != "cuda":
        return None
    import torch

    return f"GPU-{torch.cuda.get_device_properties(device).uuid}"


class GpuWatch:
    """Asks the driver again and again, as a context; `busy` is what it said.

    Args:
        name: of the GPU, as `driver_name` tells it; None watches nothing.
        seconds: between two questions.
    """

    def __init__(self, name: str | None, seconds: float = 2.0) -> None:
        command = shutil.which("nvidia-smi") if name is not None else None
        self._command = [command, f"--id={name}", *_QUERY] if command else None
        self._seconds, self._stop = seconds, threading.Event()
        self._told: deque[float] = deque(maxlen=_LATELY)
        self._thread = threading.Thread(target=self._watch, name="lpsr-gpu", daemon=True)

    def __enter__(self) -> GpuWatch:
        if self._command:
            self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        if self._command:
            self._thread.join()

    @property
    def busy(self) -> float | None:
        """Percent of the time in which a kernel ran, the median of the last minute; None when nothing was told."""
        told = list(self._told)
        return statistics.median(told) if told else None

    def _watch(self) -> None:
        assert self._command is not None
        while not self._stop.wait(self._seconds):
            try:
                told = subprocess.run(self._command, capture_output=True, text=True, check=True, timeout=10).stdout
                self._told.append(float(told.split()[0]))
            except (OSError, subprocess.SubprocessError, ValueError, IndexError):
                return  # a driver that does not answer is not worth a failed training
