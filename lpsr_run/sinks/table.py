"""A table of the reads on the terminal."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from rich.console import Console
from rich.table import Table

from lpsr_run.redact import shown
from lpsr_run.sinks.base import Result
from lpsr_run.sinks.files import ClosesItself

_MOST_ROWS = 200


@dataclass(frozen=True)
class _Row:
    """What is printed of a read; its pictures are not kept in memory."""

    cells: tuple[str, ...]
    still: bool
    source: str
    seen: str
    picture: str


class TableSink(ClosesItself):
    """A table of the reads, of many the last ones, printed at the end, also after a failure.

    Args:
        console: where to.
        out: the folder whose pictures the reads name.
    """

    def __init__(self, console: Console, out: Path) -> None:
        self._console, self._out = console, out
        self._rows: list[_Row] = []
        self._total = 0

    def close(self) -> None:
        """Print it."""
        if not self._rows:
            return
        table = Table(box=None, header_style="bold", pad_edge=False)
        stills = all(row.still for row in self._rows)
        table.add_column("plate", style="bold")
        table.add_column("certain")
        table.add_column("layout")
        table.add_column("confidence", justify="right")
        table.add_column("frames", justify="right")
        if stills:
            table.add_column("source", overflow="fold")
        else:
            table.add_column("seen", no_wrap=True, min_width=len("0:00.0-0:00.0"))
        # One line per read also on 80 columns: of a picture's name only the number, which is the read's.
        table.add_column("picture", justify="right")
        for row in self._rows:
            table.add_row(*row.cells, row.source if stills else row.seen, row.picture)
        if self._total > len(self._rows):
            self._console.print(f"the last {len(self._rows)} of {self._total} reads; all are in reads.jsonl")
        self._console.print(table, markup=False)
        if any(row.picture for row in self._rows):
            self._console.print(
                f"pictures are in {shown(self._out / 'pictures')}, as RUN-NUMBER-…", markup=False, soft_wrap=True
            )

    def write(self, result: Result) -> None:
        if result.read.event != "final":  # its plate gets a line when it is gone
            return
        self._total += 1
        read, picture = result.read, result.read.sr_image or result.read.lr_image
        row = _Row(
            (read.text, read.certain, read.layout, f"{read.confidence:.2f}", str(read.frames)),
            read.milliseconds == 0 and result.last == 0,
            Path(read.source).name,
            f"{_clock(result.first)}-{_clock(result.last)}",
            f"{read.number:08d}" if picture else "",
        )
        self._rows.append(row)
        del self._rows[:-_MOST_ROWS]


def _clock(milliseconds: float) -> str:
    minutes, seconds = divmod(milliseconds / 1000, 60)
    return f"{int(minutes)}:{seconds:04.1f}"
