"""A run over crops that was stopped: the next one with the same options goes on behind its reads.

Its options lie beside `reads.jsonl` until all crops are read.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path

from lpsr_core.files import replace_file
from lpsr_core.options import flag
from lpsr_core.wording import counted
from lpsr_run.config import RunConfig
from lpsr_run.engines.models import Model
from lpsr_run.redact import shown
from lpsr_run.sinks.base import writing
from lpsr_run.sinks.catch_up import whole_reads
from lpsr_run.sinks.folder import DELIVERED
from lpsr_run.sources.base import Report

READS = "reads.jsonl"
_OPTIONS = ".crops.json"
_CHANGE_NOTHING = ("out", "threads", "batch", "backend", "device", "explain", "status", "log", "log_format", "watchdog")
"""Options that change neither what is read nor where it goes."""


class UnfinishedCrops:
    """The note in an output folder that not all crops of its run are read.

    Args:
        config: of the run that begins.
        models: of it, by role.
    """

    def __init__(self, config: RunConfig, models: Mapping[str, Model]) -> None:
        self._out, self._of_crops = Path(config.out), config.crops is not None
        self._path = self._out / _OPTIONS
        options = {name: value for name, value in config.as_dict().items() if name not in _CHANGE_NOTHING}
        options |= {f"the {role}'s sha256": model.sha256 for role, model in models.items()}
        self._options = json.loads(json.dumps(options))

    def goes_on(self, note: Report) -> bool:
        """Whether the run goes on behind the reads in its folder; where a run was stopped and it does not, say why.

        Raises:
            LpsrError: the folder cannot be read or written.
        """
        with writing(self._path):
            if not self._path.exists():
                return False
            why = self._why_not() if self._of_crops else "it was over crops"
            if why is None:
                return True
            self._path.unlink()
        note(f"{shown(self._out)}: the run that was stopped is set aside, and this one begins anew: {why}")
        return False

    def _why_not(self) -> str | None:
        try:
            before = dict(json.loads(self._path.read_bytes()))
        except (ValueError, TypeError):
            return "its options cannot be read"
        for name in sorted({*before, *self._options}):
            if before.get(name) != self._options.get(name):
                told = flag(name) if name.isidentifier() else name
                return f"{told} was {before.get(name)!r} and is {self._options.get(name)!r}"
        if (self._out / DELIVERED).exists():
            return "not all outputs have its reads yet"
        if not (self._out / READS).exists():
            return f"its {READS} is gone"
        first = next(whole_reads(self._out / READS), None)
        return None if first is None or first.number == 1 else "its first reads were deleted"

    def begin(self) -> None:
        """Note the options, before the first read; where they cannot be written, the next run begins anew."""
        if self._of_crops:
            with suppress(OSError):
                replace_file(self._path, json.dumps(self._options).encode(), synced=True)


def all_read(out: Path) -> None:
    """Forget the options of a run that has read everything.

    Raises:
        LpsrError: the folder cannot be written.
    """
    with writing(out / _OPTIONS):
        (out / _OPTIONS).unlink(missing_ok=True)


def frames_read(out: Path, note: Report) -> tuple[set[tuple[str, int]], int]:
    """Source and frame of each read that the folder of a run holds at its start, and the number of the last one."""
    done: set[tuple[str, int]] = set()
    last, journal = 0, out / READS
    for read in whole_reads(journal) if journal.stat().st_size else ():
        done.add((str(read.fields["source"]), int(read.fields["frame"])))
        last = read.number
    if done:
        note(f"{shown(out)}: goes on behind the {counted(last, 'read')} of a run that was stopped")
    return done, last
