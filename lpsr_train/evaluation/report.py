"""A comparison as a table and as JSON, in the form of the paper's tables and beside their figures; and as sheets."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table

from lpsr_core.jsonfile import write_json
from lpsr_core.metrics import characters_right
from lpsr_core.paper import GPU, PAPER_PLATES, TABLE_PLATES, TABLES, TableName
from lpsr_train.evaluation.contenders import Row
from lpsr_train.validation import pictures
from lpsr_train.validation.rates import Sample

_SHEET = 24
_WIDTH = 160
"""Columns of a table that is written to a file."""


@dataclass(frozen=True)
class Comparison:
    """Rows and what they are of.

    Attributes:
        title: the plates and the judge.
        samples: the plates.
        timed: how many were on the clock; 0 for none.
        machine: what computed, e.g. `cpu (threads: 2)`.
        rows: of our pictures, those of contenders last.
        table: of the paper, to show beside them.
    """

    title: str
    samples: Sequence[Sample]
    timed: int
    machine: str
    rows: Sequence[Row]
    table: TableName

    @property
    def contenders(self) -> list[Row]:
        """Rows of super-resolved pictures."""
        return [row for row in self.rows if row.contender is not None]

    def print(self) -> None:
        """Writes the table to the terminal."""
        console = Console()
        if not console.is_terminal:
            console = Console(width=_WIDTH)  # nobody's window is too small
        console.print(self.as_table())
        clock = (
            f"Time: the generator alone in PyTorch at batch 1 on {self.machine}, median of {self.timed} plates; "
            f"{PAPER_PLATES:,} plates by proportion. "
            if self.timed
            else ""
        )
        console.print(
            f"{len(self.samples)} plates, intervals of 95 %. {clock}The paper's plates are photographs, "
            f"its time was taken on an {GPU}.",
            soft_wrap=True,
        )

    def as_table(self) -> Table:
        """Ours, then the paper's."""
        table = Table(title=self.title)
        timed = ("a plate", f"{PAPER_PLATES:,} plates") if self.timed else ()
        for name in ("test images", "all 7, %", ">= 6, %", ">= 5, %", "PSNR, dB", "SSIM", *timed):
            table.add_column(name)
        for row in self.rows:
            times = (_duration(row.seconds), _duration(_scaled(row.seconds))) if timed else ()
            rates = (str(row.rate.all), str(row.rate.six), str(row.rate.five))
            table.add_row(_label(row), *rates, _number(row.psnr, 2), _number(row.ssim, 3), *times)
        table.add_section()
        table.add_row(f"the paper, Table {self.table}")
        for paper in TABLES[self.table]:
            one = paper.seconds / PAPER_PLATES if paper.seconds else None
            times = (_duration(one), _duration(paper.seconds)) if timed else ()
            rates = (f"{paper.all:.1f}", f"{paper.six:.1f}", f"{paper.five:.1f}")
            table.add_row(paper.name, *rates, "", "", *times)
        return table

    def as_dict(self) -> dict[str, Any]:
        """For JSON; times in seconds."""
        return {
            "title": self.title,
            "plates": len(self.samples),
            "plates_timed": self.timed,
            "batch_timed": 1,
            "machine": self.machine,
            "rows": [
                {
                    "pictures": row.name,
                    "rates": row.rate.as_dict(),
                    "psnr_db": row.psnr,
                    "ssim": row.ssim,
                    "seconds_a_plate": row.seconds,
                    f"seconds_{PAPER_PLATES}_plates": _scaled(row.seconds),
                    "parameters": row.contender.parameters if row.contender else None,
                    "passes": row.contender.passes if row.contender else None,
                }
                for row in self.rows
            ],
            "paper": {
                "table": self.table,
                "plates": TABLE_PLATES[self.table],
                "hardware": GPU,
                "rows": [asdict(row) for row in TABLES[self.table]],
            },
        }

    def write_json(self, path: Path) -> None:
        """Writes the figures."""
        write_json(path, self.as_dict())

    def write_sheet(self, path: Path) -> None:
        """Writes LR, every contender's SR and HR of the first plates side by side."""
        self._write_plates(path, range(min(_SHEET, len(self.samples))))

    def write_worst(self, path: Path, count: int = 10) -> None:
        """Writes the plates of which least is read from the first contender's pictures."""
        read = zip(self.contenders[0].texts, self.samples, strict=True)
        hits = [characters_right(text, sample.text) for text, sample in read]
        self._write_plates(path, sorted(range(len(hits)), key=lambda index: hits[index])[:count])

    def write_confusion(self, path: Path) -> None:
        """Writes which characters of the first contender's pictures are confused."""
        confusion = self.contenders[0].confusion
        assert confusion is not None, "every contender's row has one"
        pictures.write_confusion(path, confusion)

    def _write_plates(self, path: Path, indices: Iterable[int]) -> None:
        rows = []
        for index in indices:
            sample = self.samples[index]
            made = []
            for row in self.contenders:
                assert row.pictures is not None
                assert row.contender is not None
                label = "SR" if len(self.contenders) == 1 else row.contender.name
                made.append((label, row.pictures[index], row.texts[index]))
            rows.append(pictures.plate_row(sample.lr, made, sample.hr, sample.text))
        if len(self.contenders) == 1:
            rows = [left + right for left, right in zip(rows[::2], [*rows[1::2], []], strict=False)]
        pictures.write_png(path, pictures.sheet(rows))


def _label(row: Row) -> str:
    if row.contender is None:
        return row.name
    passes = f", {row.contender.passes} passes" if row.contender.passes > 1 else ""
    return f"{row.name}, {row.contender.parameters / 1e6:.2f} M{passes}"


def _scaled(seconds: float | None) -> float | None:
    return None if seconds is None else seconds * PAPER_PLATES


def _number(value: float | None, digits: int) -> str:
    return "" if value is None else f"{value:.{digits}f}"


def _duration(seconds: float | None) -> str:
    if seconds is None:
        return ""
    for limit, unit, name in ((0.1, 1e-3, "ms"), (120, 1, "s"), (7200, 60, "min")):
        if seconds < limit:
            return f"{seconds / unit:.3g} {name}"
    return f"{seconds / 3600:.3g} h"
