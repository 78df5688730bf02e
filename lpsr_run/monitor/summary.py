"""What a run did: run.json, and a table of its sources at the end."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table

from lpsr_core import __version__
from lpsr_core.files import replace_file
from lpsr_run.config import RunConfig
from lpsr_run.engines.models import Model
from lpsr_run.sinks.identity import new_run_id
from lpsr_run.state import RunState


@dataclass
class Summary:
    """What a run did so far; becomes run.json.

    Attributes:
        state: frames, reads, sources.
        failures: one line for every input that was skipped or failed.
        unwritten: one line for every output beside the reads that could not be written.
        stopped_by: the signal that stopped it, or None.
        seconds: from the first frame to the end.
        models: by role.
        engines: name of the engine by role.
        why: those engines, by role, where the runtime was chosen.
        run: its identifier, a ULID.
    """

    state: RunState = field(default_factory=RunState)
    failures: list[str] = field(default_factory=list)
    unwritten: list[str] = field(default_factory=list)
    stopped_by: int | None = None
    seconds: float = 0.0
    models: dict[str, Model] = field(default_factory=dict)
    engines: dict[str, str] = field(default_factory=dict)
    why: dict[str, str] = field(default_factory=dict)
    run: str = field(default_factory=new_run_id)

    @property
    def reads(self) -> int:
        """That were written."""
        return self.state.reads

    def made_by(self) -> dict[str, Any]:
        """Models and engines, for whoever must know what made a read."""
        return {
            "models": {
                role: {"name": model.name, "path": str(model.path), "sha256": model.sha256, "data": model.data}
                for role, model in self.models.items()
            },
            "engines": self.engines,
        }

    def as_dict(self, config: RunConfig) -> dict[str, Any]:
        """For run.json."""
        return {
            "version": __version__,
            "run": self.run,
            "frames": self.state.frames,
            "read_before": self.state.read_before,
            "reads": self.state.reads,
            "left_out": self.state.left_out,
            "failures": [*self.failures, *self.unwritten],
            "interrupted": self.stopped_by is not None,
            "seconds": round(self.seconds, 3),
            "stages": {str(name): round(value, 3) for name, value in self.state.stages().items()},
            "sources": self.state.sources_as_dicts(),
            **self.made_by(),
            "why_these_engines": self.why,
            "config": config.as_dict(),
        }

    def write(self, path: Path, config: RunConfig) -> None:
        """Writes run.json.

        Raises:
            OSError: it cannot be written; an earlier one is left as it was.
        """
        replace_file(
            path,
            (json.dumps(self.as_dict(config), indent=2, ensure_ascii=False) + "\n").encode(errors="backslashreplace"),
        )

    def print_sources(self, console: Console) -> None:
        """A line for each of several sources, and for a single one that lost something."""
        sources = self.state.sources
        if len(sources) < 2 and not any(source.dropped or source.reconnects or source.error for source in sources):
            return
        table = Table(box=None, header_style="bold", pad_edge=False)
        table.add_column("source", overflow="fold")
        for heading in ("frames", "dropped", "reconnects", "reads"):
            table.add_column(heading, justify="right")
        table.add_column("state", overflow="fold")
        for source in sources:
            state = source.status if source.error is None else f"{source.status}: {self.state.scrub(source.error)}"
            counts = (source.frames, source.dropped, source.reconnects, source.reads)
            table.add_row(source.name, *map(str, counts), state)
        console.print(table, markup=False)
