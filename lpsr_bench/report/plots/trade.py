"""Accuracy against speed: precisions and peers as points, and the peers' times."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

from lpsr_bench.report import captions
from lpsr_bench.report.drawing import Bar, Plot, bar_plot, interval, legend_above, plain, series, tidy_numbers
from lpsr_bench.report.findings import Point, Rows, peer_points, precision_points
from lpsr_bench.report.tables import number
from lpsr_bench.results import Document

if TYPE_CHECKING:
    from matplotlib.axes import Axes


def precision(rows: Rows, document: Document) -> Iterator[Plot]:
    """Every precision at every batch size."""
    points = precision_points(rows)
    if points:
        yield _plot("Accuracy against speed, by precision", captions.precisions(rows), points)


def peers(rows: Rows, document: Document) -> Iterator[Plot]:
    """Every peer beside ours at every precision, and what a crop takes with each."""
    points = peer_points(rows, document)
    if points:
        without = [row["name"] for row in rows if row["rates"] is None]
        yield _plot("Accuracy against speed, one crop in a forward pass", captions.trade(points, without), points)
    bars = [
        Bar(f"{row['name']}, {row['what']}", time, f"{number(time)} ms", int(index > 0))
        for index, row in enumerate(rows)
        for time in [row["milliseconds"]["p50"]]
    ]
    unit = "milliseconds a crop (median, logarithmic)"
    yield bar_plot("Time of a single crop", captions.peers_time(rows), bars, unit, log=True)


def _plot(title: str, caption: str, points: Sequence[Point]) -> Plot:
    def draw(axes: Axes) -> None:
        for index, point in enumerate(points):
            look = series(index, line=False)
            rate = [point.rate]
            axes.errorbar([point.speed], [rate[0]["percent"]], yerr=interval(rate), label=plain(point.name), **look)
        axes.set_xscale("log")
        axes.set_ylim(-2, 102)
        tidy_numbers(axes)
        axes.set_xlabel("crops/s, from crop to text (logarithmic)")
        axes.set_ylabel("all 7 characters right (%)")
        legend_above(axes, columns=1)

    return Plot(title, caption, draw, 270 + 18 * len(points))
