"""What a benchmark measured so far, and the JSON that it becomes and is read from again."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from lpsr_bench.config import BenchConfig, Suite
from lpsr_bench.context import Row
from lpsr_core import __version__
from lpsr_core.errors import LpsrError, UsageError
from lpsr_core.jsonfile import write_json
from lpsr_run.sinks import make_folder
from lpsr_run.sinks.base import writing

SCHEMA = 2

_KEYS = {"version", "complete", "interrupted", "hardware", "models", "data", "notes", "steadiness_seconds"}

Document = dict[str, Any]
"""The JSON file of a benchmark, read: what every form of the report is made from."""


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
        rows: what each suite measured, in its order.
        notes: what a reader of the figures has to know.
        steadiness: seconds of a fixed piece of work before each suite and at the end, by suite (see `Pace`).
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
    rows: dict[Suite, list[Row]] = field(default_factory=dict)
    notes: list[str] = field(default_factory=list)
    steadiness: dict[str, float] = field(default_factory=dict)
    seconds: float = 0.0
    peak_resident_bytes: int | None = None
    complete: bool = False
    interrupted: bool = False

    def as_dict(self) -> Document:
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
            "steadiness_seconds": {name: round(value, 5) for name, value in self.steadiness.items()},
            "suites": {name: [row.as_dict() for row in rows] for name, rows in self.rows.items()},
        }

    def write(self) -> None:
        """Writes the JSON file; an older one is replaced only once the new one is whole.

        Raises:
            LpsrError: it cannot be written.
        """
        with writing(path := Path(self.config.out)):
            write_json(path, self.as_dict())


def load_results(path: Path) -> Document:
    """Reads what a benchmark wrote.

    Raises:
        UsageError: there is no such file.
        LpsrError: it is not the result of a benchmark, or one of another schema.
    """
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise UsageError(f"{path}: no such file") from None
    except OSError as error:
        raise LpsrError(f"{path}: cannot be read: {error.strerror or error}") from None
    except (RecursionError, ValueError):
        raise LpsrError(f"{path}: not the JSON of a benchmark") from None
    if not isinstance(found, dict) or not {"schema", "machine", "config", "date"} <= found.keys():
        raise LpsrError(f"{path}: not the JSON of a benchmark")
    if found["schema"] != SCHEMA:
        raise LpsrError(
            f"{path}: its schema is {found['schema']}, this version reads {SCHEMA}; measure again with lpsr-bench"
        )
    if not isinstance(found.get("suites"), dict) or not found.keys() >= _KEYS:
        raise LpsrError(f"{path}: a benchmark's JSON that is not whole")
    return found


def check_writable(path: Path) -> None:
    """Makes sure, before minutes are spent, that a result can be written; makes its folder.

    Raises:
        LpsrError: it cannot.
    """
    make_folder(path.parent)
    if path.is_dir():
        raise LpsrError(f"{path}: cannot be written: it is a folder")
    trial = path.with_name(f".{path.name}.part")
    with writing(path):
        trial.touch()
        trial.unlink()
