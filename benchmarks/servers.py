"""The webhook and the broker of the tests, for benchmarks: both take reads as badly as they are told to."""

from __future__ import annotations

import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
sys.path[:0] = [str(ROOT / "tests"), str(ROOT / "tests" / "run")]

from broker import Broker  # noqa: E402
from camera import Camera  # noqa: E402
from receiver import Receiver  # noqa: E402

__all__ = ["Broker", "Camera", "Receiver"]
