"""A table of the reads on the terminal."""

from __future__ import annotations

from pathlib import Path
from types import TracebackType

from rich.console import Console
from rich.table import Table

from lpsr_run.sinks.base import Result


class TableSink:
    """A table of the reads, printed at the end, also after a failure.

    Args:
        console: where to.
        out: the folder whose pictures the reads name.
        most: rows; of more reads the last ones are shown.
    """

    def __init__(self, console: Console, out: Path, most: int = 200) -> None:
        self._console, self._out, self._most = console, out, most
        self._rows: list[Result] = []
        self._total = 0

    def __enter__(self) -> TableSink:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if not self._rows:
            return
        table = Table(box=None, header_style="bold", pad_edge=False)
        stills = all(result.read.milliseconds == 0 and result.last == 0 for result in self._rows)
        table.add_column("plate", style="bold")
        table.add_column("layout")
        table.add_column("confidence", justify="right")
        table.add_column("frames", justify="right")
        table.add_column("source" if stills else "seen", overflow="fold")
        table.add_column("picture", overflow="fold")
        for result in self._rows:
            read = result.read
            place = Path(read.source).name if stills else f"{_clock(result.first)}-{_clock(result.last)}"
            picture = read.sr_image or read.lr_image
            row = (read.text, read.layout, f"{read.confidence:.2f}", str(read.frames), place)
            table.add_row(*row, Path(picture).name if picture else "")
        if self._total > len(self._rows):
            self._console.print(f"the last {len(self._rows)} of {self._total} reads; all are in reads.jsonl")
        self._console.print(table, markup=False)
        if any(result.read.lr_image for result in self._rows):
            self._console.print(f"pictures are in {self._out / 'pictures'}", markup=False, soft_wrap=True)

    def write(self, result: Result) -> None:
        self._total += 1
        self._rows.append(result)
        del self._rows[: -self._most]


def _clock(milliseconds: float) -> str:
    minutes, seconds = divmod(milliseconds / 1000, 60)
    return f"{int(minutes)}:{seconds:04.1f}"
