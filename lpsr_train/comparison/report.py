"""A comparison as a table and as JSON, beside the paper's figures."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table

from lpsr_train.comparison.measure import Row
from lpsr_train.comparison.paper import HARDWARE, PLATES, ROWS
from lpsr_train.jsonfile import write_json


@dataclass(frozen=True)
class Comparison:
    """Rows and what they are of.

    Attributes:
        title: the plates and the judge.
        plates: how many were read.
        timed: how many were on the clock.
        machine: what computed, e.g. `cpu (threads: 2)`.
        rows: of our pictures.
    """

    title: str
    plates: int
    timed: int
    machine: str
    rows: Sequence[Row]

    def print(self) -> None:
        """Writes the table to the terminal."""
        console = Console()
        console.print(self.table())
        console.print(
            f"{self.plates} plates, intervals of 95 %. Time: the generator alone in PyTorch at batch 1 on "
            f"{self.machine}, median of {self.timed} plates; {PLATES:,} plates by proportion. "
            f"The paper's plates are photographs (RodoSol-ALPR), its time was taken on an {HARDWARE}.",
            soft_wrap=True,
        )

    def table(self) -> Table:
        """Ours, then the paper's."""
        table = Table(title=self.title)
        for name in ("pictures", "all 7, %", ">= 6, %", ">= 5, %", "PSNR, dB", "SSIM", "a plate", f"{PLATES:,} plates"):
            table.add_column(name)
        for row in self.rows:
            times = (_duration(row.seconds), _duration(_scaled(row.seconds)))
            rates = (str(row.rate.all), str(row.rate.six), str(row.rate.five))
            table.add_row(_label(row), *rates, _number(row.psnr, 2), _number(row.ssim, 3), *times)
        table.add_section()
        for paper in ROWS:
            one = paper.seconds / PLATES if paper.seconds else None
            rates = (f"{paper.all:.1f}", f"{paper.six:.1f}", f"{paper.five:.1f}")
            table.add_row(f"paper: {paper.name}", *rates, "", "", _duration(one), _duration(paper.seconds))
        return table

    def as_dict(self) -> dict[str, Any]:
        """For JSON; times in seconds."""
        return {
            "title": self.title,
            "plates": self.plates,
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
                    f"seconds_{PLATES}_plates": _scaled(row.seconds),
                    "parameters": row.parameters,
                    "passes": row.passes,
                }
                for row in self.rows
            ],
            "paper": {"plates": PLATES, "hardware": HARDWARE, "rows": [asdict(row) for row in ROWS]},
        }

    def write_json(self, path: Path) -> None:
        """Writes the figures."""
        write_json(path, self.as_dict())


def _label(row: Row) -> str:
    if row.parameters is None:
        return row.name
    passes = f", {row.passes} passes" if row.passes and row.passes > 1 else ""
    return f"{row.name} ({row.parameters / 1e6:.2f} M{passes})"


def _scaled(seconds: float | None) -> float | None:
    return None if seconds is None else seconds * PLATES


def _number(value: float | None, digits: int) -> str:
    return "" if value is None else f"{value:.{digits}f}"


def _duration(seconds: float | None) -> str:
    if seconds is None:
        return ""
    for limit, unit, name in ((0.1, 1e-3, "ms"), (120, 1, "s"), (7200, 60, "min")):
        if seconds < limit:
            return f"{seconds / unit:.3g} {name}"
    return f"{seconds / 3600:.3g} h"
