"""What a benchmark measured so far, and the JSON that it becomes."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from lpsr_bench.config import BenchConfig
from lpsr_bench.suites import Accuracy, ReferenceRun, StageTiming, Throughput
from lpsr_core import __version__
from lpsr_core.errors import LpsrError
from lpsr_run.sinks import make_folder

SCHEMA = 1


@dataclass
class Results:
    """Filled while the suites run.

    Attributes:
        config: what was asked for.
        date: start, ISO 8601, UTC.
        machine: see `lpsr_bench.machine`.
        models: by role.
        data: what was measured on.
        hardware: what ran the networks, in words.
        reference, throughput, stages: one entry a measurement.
        accuracy: None until it was measured.
        notes: what a reader of the figures has to know.
        seconds: all suites together.
        peak_resident_bytes: of the process; None if unknown.
        complete: whether every suite that could run came to its end.
        interrupted: whether the user stopped it.
    """

    config: BenchConfig
    date: str
    machine: dict[str, Any]
    models: dict[str, Any]
    data: dict[str, Any]
    hardware: str
    reference: list[ReferenceRun] = field(default_factory=list)
    throughput: list[Throughput] = field(default_factory=list)
    stages: list[StageTiming] = field(default_factory=list)
    accuracy: Accuracy | None = None
    notes: list[str] = field(default_factory=list)
    seconds: float = 0.0
    peak_resident_bytes: int | None = None
    complete: bool = False
    interrupted: bool = False

    def as_dict(self) -> dict[str, Any]:
        """For the JSON file."""
        return {
            "schema": SCHEMA,
            "version": __version__,
            "date": self.date,
            "complete": self.complete,
            "interrupted": self.interrupted,
            "seconds": round(self.seconds, 2),
            "peak_resident_bytes": self.peak_resident_bytes,
            "machine": self.machine,
            "hardware": self.hardware,
            "models": self.models,
            "data": self.data,
            "config": self.config.as_dict(),
            "notes": self.notes,
            "reference": [run.as_dict() for run in self.reference],
            "throughput": [entry.as_dict() for entry in self.throughput],
            "stages": [entry.as_dict() for entry in self.stages],
            "accuracy": None if self.accuracy is None else self.accuracy.as_dict(),
        }

    def write(self) -> None:
        """Writes the JSON file; an older one is replaced only once the new one is whole.

        Raises:
            LpsrError: it cannot be written.
        """
        path = Path(self.config.out)
        text = json.dumps(self.as_dict(), indent=2, ensure_ascii=False, allow_nan=False) + "\n"
        part = _part(path)
        try:
            part.write_text(text, encoding="utf-8")
            part.replace(path)
        except OSError as error:
            raise LpsrError(f"{path}: cannot be written: {error.strerror or error}") from None


def check_writable(path: Path) -> None:
    """Makes sure, before minutes are spent, that a result can be written; makes its folder.

    Raises:
        LpsrError: it cannot.
    """
    make_folder(path.parent)
    if path.is_dir():
        raise LpsrError(f"{path}: cannot be written: it is a folder")
    try:
        _part(path).touch()
        _part(path).unlink()
    except OSError as error:
        raise LpsrError(f"{path}: cannot be written: {error.strerror or error}") from None


def _part(path: Path) -> Path:
    return path.with_name(f"{path.name}.part")
