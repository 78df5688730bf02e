"""What measures power here: RAPL of processors, NVML of NVIDIA cards, INA sensors of Jetson boards."""

from __future__ import annotations

import shutil
import subprocess
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from math import prod
from pathlib import Path

_RAPL = Path("/sys/class/powercap")
_INA = Path("/sys/bus/i2c/drivers")
_SECONDS = 0.1
"""Between two looks at a sensor that gives power, not energy."""


@dataclass(frozen=True)
class Meter:
    """A source of power that can be read.

    Attributes:
        name: e.g. `RAPL package-0`.
        watts: a reading, in watts; None for a counter.
        joules: a counter's reading, in joules.
        wraps: joules at which the counter begins again; 0 for never.
    """

    name: str
    watts: Callable[[], float] | None = None
    joules: Callable[[], float] | None = None
    wraps: float = 0.0


def find_meters(rapl: Path = _RAPL, ina: Path = _INA) -> list[Meter]:
    """All that can be read now; the domains of a processor that are part of another are left out."""
    return [*_rapl(rapl), *_ina(ina), *_nvml()]


class Energy:
    """Adds up what meters see inside a `with` block.

    Args:
        meters: at least one.

    Attributes:
        joules: by meter, after the block.
        seconds: length of the block.
    """

    def __init__(self, meters: list[Meter]) -> None:
        self._meters = meters
        self.joules: dict[str, float] = {}
        self.seconds = 0.0

    def __enter__(self) -> Energy:
        self._stop = threading.Event()
        self._sampled: dict[str, float] = {meter.name: 0.0 for meter in self._meters if meter.watts is not None}
        self._counted = {meter.name: meter.joules() for meter in self._meters if meter.joules is not None}
        self._start = time.perf_counter()
        self._thread = threading.Thread(target=self._sample, daemon=True)
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        self._thread.join()
        self.seconds = time.perf_counter() - self._start
        self.joules = dict(self._sampled)
        for meter in self._meters:
            if meter.joules is not None:
                spent = meter.joules() - self._counted[meter.name]
                self.joules[meter.name] = spent + meter.wraps if spent < 0 else spent

    def _sample(self) -> None:
        last = time.perf_counter()
        going = True
        while going:
            going = not self._stop.wait(_SECONDS)
            now = time.perf_counter()
            for meter in self._meters:
                # A reading that fails is left out, with its moment's energy.
                if meter.watts is not None and (watts := meter.watts()) == watts:
                    self._sampled[meter.name] += watts * (now - last)
            last = now


def _rapl(folder: Path) -> list[Meter]:
    found = []
    for domain in sorted(folder.glob("*-rapl:*")):
        if domain.name.count(":") > 1:  # a part of a package
            continue
        counter, name, limit = domain / "energy_uj", domain / "name", domain / "max_energy_range_uj"
        if _number(counter) is not None:
            wraps = (_number(limit) or 0.0) / 1e6
            found.append(Meter(f"RAPL {_word(name) or domain.name}", joules=_product(counter), wraps=wraps))
    return found


def _ina(folder: Path) -> list[Meter]:
    """INA3221 channels: volts in millivolts and amperes in milliamperes; the board's input alone where it is named."""
    found = []
    for hwmon in sorted(folder.glob("ina3221/*/hwmon/hwmon*")):
        for channel in (1, 2, 3):
            volts, amperes = hwmon / f"in{channel}_input", hwmon / f"curr{channel}_input"
            label = _word(hwmon / f"in{channel}_label") or f"channel {channel}"
            if _number(volts) is not None and _number(amperes) is not None:
                found.append(Meter(f"INA3221 {label}", watts=_product(volts, amperes)))
    whole = [meter for meter in found if "VDD_IN" in meter.name or "5V_IN" in meter.name]
    return whole or found


def _nvml() -> list[Meter]:
    tool = shutil.which("nvidia-smi")
    if tool is None:
        return []
    query = [tool, "--query-gpu=power.draw", "--format=csv,noheader,nounits", "--id=0"]

    def watts() -> float:
        try:
            done = subprocess.run(query, capture_output=True, text=True, timeout=5, check=True)
            return float(done.stdout.strip().splitlines()[0])
        except (OSError, subprocess.SubprocessError, ValueError, IndexError):
            return float("nan")

    return [Meter("NVML GPU 0", watts=watts)] if watts() == watts() else []


def _product(*paths: Path) -> Callable[[], float]:
    """What the files hold, multiplied, in millionths."""
    return lambda: prod(_number(path) or 0.0 for path in paths) / 1e6


def _number(path: Path) -> float | None:
    try:
        return float(path.read_text(encoding="ascii"))
    except (OSError, ValueError):
        return None


def _word(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8", errors="replace").strip()
    except OSError:
        return ""
