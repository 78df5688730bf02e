"""Accuracy against speed: precisions and peers as points, and the peers' times."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

from lpsr_bench.report import captions
from lpsr_bench.report.drawing import MUTED, Bar, Plot, bars_height, draw_bars, log_ticks, plain, series, tidy_numbers
from lpsr_bench.report.findings import Point, Rows, peer_points, precision_points
from lpsr_bench.report.plots.accuracy import interval
from lpsr_bench.report.tables import number
from lpsr_bench.results import Document

if TYPE_CHECKING:
    from matplotlib.axes import Axes

_LABELS = 0.62
"""Share of the plot's width in which points stand; the rest is for their names."""


def precision(rows: Rows, document: Document) -> Iterator[Plot]:
    """Every precision at every batch size."""
    points = precision_points(rows)
    if points:
        yield _plot("precision", "Accuracy against speed, by precision", captions.precisions(rows), points)


def peers(rows: Rows, document: Document) -> Iterator[Plot]:
    """Every peer beside ours at every precision, and what a crop takes with each."""
    points = peer_points(rows, document)
    if points:
        title = "Accuracy against speed, one crop in a forward pass"
        yield _plot(
            "trade", title, captions.trade(points, [row["name"] for row in rows if row["rates"] is None]), points
        )
    bars = [
        Bar(
            f"{row['name']}, {row['what']}",
            row["milliseconds"]["p50"],
            f"{number(row['milliseconds']['p50'])} ms",
            int(index > 0),
        )
        for index, row in enumerate(rows)
    ]
    yield Plot(
        "peers",
        "Time of a single crop",
        captions.peers_time(rows),
        lambda axes: draw_bars(axes, bars, "milliseconds a crop (median, logarithmic)", log=True),
        bars_height(len(bars)),
    )


def _plot(name: str, title: str, caption: str, points: Sequence[Point]) -> Plot:
    return Plot(name, title, caption, lambda axes: _draw(axes, points), max(290, 90 + 34 * len(points)))


def _draw(axes: Axes, points: Sequence[Point]) -> None:
    """Points with their names in a column at the right, in the order of their heights, so that no two overlap."""
    speeds = [point.speed for point in points]
    low, high = min(speeds) / 1.4, max(speeds) * 1.4
    axes.set_xscale("log")
    axes.set_xlim(low, high * (high / low) ** (1 / _LABELS - 1))
    axes.set_ylim(-2, 102)
    # Of points at one height the fastest comes first: the lines of the others pass above it.
    order = sorted(enumerate(points), key=lambda each: (each[1].rate["percent"], -each[1].speed))
    places = _apart([point.rate["percent"] for _, point in order], 94 / max(len(points), 8))
    for (index, point), place in zip(order, places, strict=True):
        percent = point.rate["percent"]
        axes.errorbar([point.speed], [percent], yerr=interval([point.rate]), **series(index, line=False))
        axes.annotate(
            plain(point.name, 26),
            (point.speed, percent),
            (_LABELS + 0.03, place),
            textcoords=axes.get_yaxis_transform(),
            va="center",
            fontsize=10,
            arrowprops={"arrowstyle": "-", "color": MUTED, "linewidth": 0.7, "shrinkA": 1, "shrinkB": 5},
        )
    tidy_numbers(axes)
    axes.set_xticks(log_ticks(low, high), [f"{tick:,.10g}" for tick in log_ticks(low, high)])
    axes.set_xticks([], minor=True)
    axes.set_xlabel("crops/s, from crop to text (logarithmic)")
    axes.set_ylabel("all 7 characters right (%)")


def _apart(heights: Sequence[float], least: float) -> list[float]:
    """Moves rising heights as little as it takes to keep them `least` apart and below 100."""
    places: list[float] = []
    for height in heights:
        places.append(max(height, places[-1] + least) if places else height)
    above = 100.0 + least
    for index in reversed(range(len(places))):
        places[index] = above = min(places[index], above - least)
    return places
