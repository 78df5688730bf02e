"""How fast: beside the paper, over batch sizes, with several callers, and when crops arrive by themselves."""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import TYPE_CHECKING

from lpsr_bench.report import captions
from lpsr_bench.report.drawing import (
    SERIES,
    Bar,
    Plot,
    bars_height,
    draw_bars,
    legend_above,
    series,
    tidy_numbers,
)
from lpsr_bench.report.findings import WHOLE, Row, Rows, by_batch, several_callers
from lpsr_bench.report.tables import duration, number
from lpsr_bench.results import Document
from lpsr_core.paper import PAPER_PLATES, PAPER_SECONDS, SR3_SECONDS

if TYPE_CHECKING:
    from matplotlib.axes import Axes

_TICKS = (0, 50, 90, 99, 99.9, 99.99)
"""Shares of crops that the axis of waiting names."""


def reference(rows: Rows, document: Document) -> Iterator[Plot]:
    """Our time and the paper's, as bars on a logarithmic axis."""
    times = [(f"here, {captions.WAYS[row['way']]}", row["seconds_for_4000"], 0) for row in rows]
    times += [
        ("paper: its network, super-resolution alone", PAPER_SECONDS, 1),
        ("paper: SR3, super-resolution alone", SR3_SECONDS, 1),
    ]
    bars = [Bar(name, seconds, duration(seconds), kind) for name, seconds, kind in times]
    yield Plot(
        "reference",
        f"Time for {PAPER_PLATES:,} plates, one by one",
        captions.against_paper(rows),
        lambda axes: draw_bars(axes, bars, f"time for {PAPER_PLATES:,} plates (s, logarithmic)", log=True),
        bars_height(len(bars)),
    )


def throughput(rows: Rows, document: Document) -> Iterator[Plot]:
    """Crops a second over the batch size, both ways, and what several callers get."""
    ways = [(way, found) for way in captions.WAYS if (found := by_batch(rows, way))]

    def over_batch(axes: Axes) -> None:
        for index, (way, found) in enumerate(ways):
            rates = [row["crops_per_second"] for row in found]
            rounds = [row["crops_per_second_by_round"] for row in found]
            below = [rate - min(each) for rate, each in zip(rates, rounds, strict=True)]
            above = [max(each) - rate for rate, each in zip(rates, rounds, strict=True)]
            # Side by side, or the bars of the rounds would hide each other.
            batches = [row["batch"] * 1.06 ** (index - (len(ways) - 1) / 2) for row in found]
            axes.errorbar(batches, rates, yerr=(below, above), label=captions.WAYS[way], **series(index))
        axes.set_xscale("log", base=2)
        axes.set_ylim(bottom=0)
        batches = sorted({row["batch"] for _, found in ways for row in found})
        tidy_numbers(axes, x=False)
        _name_ticks(axes, batches)
        axes.set_xlabel("batch (crops in a forward pass)")
        axes.set_ylabel("crops/s")
        legend_above(axes)

    if ways:
        yield Plot("throughput", "Throughput over batch size", captions.batches(rows), over_batch)
    together = several_callers(rows)
    if together:
        yield Plot(
            "streams",
            "Several callers at once",
            captions.streams(together),
            lambda axes: _streams(axes, together, rows),
        )


def latency(rows: Rows, document: Document) -> Iterator[Plot]:
    """How long which share of the crops waits, a line for every rate at which they arrive."""
    rows = sorted(rows, key=lambda row: row["crops_per_second_arriving"])

    def draw(axes: Axes) -> None:
        furthest = 1.0
        for index, row in enumerate(rows):
            points = list(_quantiles(row))
            furthest = max(furthest, points[-1][0])
            # Marks only where the axis has ticks: a hundred of them would hide the line.
            marked = [number for number, (place, _) in enumerate(points) if place in map(_place, _TICKS)]
            label = f"{number(row['crops_per_second_arriving'])} crops/s arriving"
            places, waits = zip(*points, strict=True)
            axes.plot(places, waits, label=label, markevery=marked, **series(index))
        axes.set_yscale("log")
        axes.set_xlim(0, 1.03 * furthest)
        ticks = [tick for tick in _TICKS if _place(tick) <= furthest]
        axes.set_xticks([_place(tick) for tick in ticks], [f"{tick:g}" for tick in ticks])
        tidy_numbers(axes, x=False, log_y=True)
        axes.set_xlabel("share of crops that wait no longer (%, stretched towards 100)")
        axes.set_ylabel("from arrival to text (ms, log.)")
        legend_above(axes)

    yield Plot("latency", "How long a crop waits for its text", captions.waiting(rows), draw)


def _streams(axes: Axes, together: Rows, rows: Rows) -> None:
    """Each caller's share stacked on the others', beside what one caller gets at the same batch size."""
    batch = together[0]["batch"]
    alone = [row["crops_per_second"] for row in by_batch(rows, WHOLE) if row["batch"] == batch]
    stacks = [("1", alone)] if alone else []
    stacks += [(str(row["streams"]), row["crops_per_second_by_stream"]) for row in together]
    for place, (_, shares) in enumerate(stacks):
        below = 0.0
        for share in shares:
            # A gap in the page's colour, and not a frame, keeps the shares apart in either mode.
            axes.bar(place, 0.985 * share, bottom=below, width=0.55, color=SERIES[0], linewidth=0)
            below += share
        axes.annotate(number(below), (place, below), (0, 3), textcoords="offset points", ha="center")
    axes.set_xlim(-0.7, len(stacks) - 0.3)
    axes.set_xticks(range(len(stacks)), [name for name, _ in stacks])
    axes.set_ylim(0, 1.15 * max(sum(shares) for _, shares in stacks))
    tidy_numbers(axes, x=False)
    axes.grid(axis="x", visible=False)
    axes.set_xlabel(f"callers at once (each with batches of {batch} crops)")
    axes.set_ylabel("crops/s, by caller")


def _quantiles(row: Row) -> Iterator[tuple[float, float]]:
    """Places on the axis and milliseconds, as far as there are crops to tell: of a hundred, one is the last percent."""
    waits = row["quantiles_milliseconds"]
    for percent, wait in enumerate(waits[:-1]):
        if percent == 0 or row["crops"] * (100 - percent) >= 100:
            yield _place(percent), wait
    if row["crops"] >= 1000:
        yield _place(99.9), row["milliseconds"]["p999"]


def _place(percent: float) -> float:
    """Where a share stands on the axis: each step is ten times fewer crops that wait longer."""
    return -math.log10(1 - percent / 100)


def _name_ticks(axes: Axes, values: list[int]) -> None:
    """Ticks at these values and nowhere between."""
    axes.set_xticks(values, [f"{value:,}" for value in values])
    axes.set_xticks([], minor=True)
