"""A result in a few large figures."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from lpsr_bench.report.captions import WAYS
from lpsr_bench.report.findings import best_batch, degraded, fastest_kept, whole_way
from lpsr_bench.report.tables import duration, number
from lpsr_bench.results import Document
from lpsr_core.paper import PAPER_PLATES, PAPER_SECONDS
from lpsr_core.wording import counted


@dataclass(frozen=True)
class Tile:
    """One large figure.

    Attributes:
        figure: with its unit.
        meaning: what it is of.
    """

    figure: str
    meaning: str


def tiles(document: Document) -> Iterator[Tile]:
    """The large figures, as far as they were measured."""
    suites = document["suites"]
    if rows := suites.get("reference"):
        row = whole_way(rows)
        seconds = row["seconds_for_4000"]
        yield Tile(
            duration(seconds),
            f"for {PAPER_PLATES:,} plates {WAYS[row['way']]}; the paper's {duration(PAPER_SECONDS)} are "
            f"{number(PAPER_SECONDS / seconds)} times that",
        )
    if best := best_batch(suites.get("throughput") or ()):
        yield Tile(f"{number(best['crops_per_second'])} crops/s", f"at batch {best['batch']}, {WAYS[best['way']]}")
    if rows := suites.get("latency"):
        kept = fastest_kept(rows)
        yield (
            Tile("too many", "crops arrived a second at every rate that was tried: none was kept up with")
            if kept is None
            else Tile(
                f"{number(kept['milliseconds']['p99'])} ms",
                f"from arrival to text for 99 % of the crops, {number(kept['crops_per_second_arriving'])} arriving a "
                "second (the highest rate that was kept up with)",
            )
        )
    if rows := suites.get("accuracy"):
        found = rows[0]["rates"]["sr"]["all"]
        low, high = found["interval"]
        yield Tile(
            f"{found['percent']:.1f} %",
            f"of {counted(rows[0]['plates'], 'plate')} {degraded(rows[0])} read without a mistake, LR + SR; 95 % "
            f"interval {low:.1f} to {high:.1f}",
        )
