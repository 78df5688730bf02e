"""How fast: beside the paper, over batch sizes, with several callers, when crops arrive by themselves, and by stage."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from lpsr_bench.report import captions
from lpsr_bench.report.drawing import (
    SERIES,
    Bar,
    Plot,
    bar_plot,
    legend_above,
    name_ticks,
    series,
    tidy_numbers,
)
from lpsr_bench.report.findings import WHOLE, Row, Rows, by_batch, several_callers
from lpsr_bench.report.tables import duration, number
from lpsr_bench.results import Document
from lpsr_core.paper import PAPER_PLATES, PAPER_SECONDS, SR3_SECONDS

if TYPE_CHECKING:
    from matplotlib.axes import Axes


def reference(rows: Rows, document: Document) -> Iterator[Plot]:
    """Our time and the paper's, as bars on a logarithmic axis."""
    times = [(f"here, {captions.WAYS[row['way']]}", row["seconds_for_4000"], 0) for row in rows]
    times += [
        ("paper: its network, super-resolution alone", PAPER_SECONDS, 1),
        ("paper: SR3, super-resolution alone", SR3_SECONDS, 1),
    ]
    bars = [Bar(name, seconds, duration(seconds), kind) for name, seconds, kind in times]
    title, unit = f"Time for {PAPER_PLATES:,} plates, one by one", f"time for {PAPER_PLATES:,} plates (s, logarithmic)"
    yield bar_plot(title, captions.against_paper(rows), bars, unit, log=True)


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
        tidy_numbers(axes, x=False)
        batches = sorted({row["batch"] for _, found in ways for row in found})
        name_ticks(axes, batches, [f"{batch:,}" for batch in batches])
        axes.set_xlabel("batch (crops in a forward pass)")
        axes.set_ylabel("crops/s")
        legend_above(axes)

    if ways:
        yield Plot("Throughput over batch size", captions.batches(rows), over_batch)
    together = several_callers(rows)
    if together:
        batch = together[0]["batch"]
        alone = [row for row in by_batch(rows, WHOLE) if row["batch"] == batch]
        yield Plot(
            "Several callers at once", captions.streams(together), lambda axes: _streams(axes, alone + together, batch)
        )


def latency(rows: Rows, document: Document) -> Iterator[Plot]:
    """How long which share of the crops waits, a line for every rate at which they arrive."""
    rows = sorted(rows, key=lambda row: row["crops_per_second_arriving"])

    def draw(axes: Axes) -> None:
        for index, row in enumerate(rows):
            label = f"{number(row['crops_per_second_arriving'])} crops/s arriving"
            axes.plot(range(100), row["quantiles_milliseconds"][:100], label=label, markevery=20, **series(index))
        axes.set_yscale("log")
        tidy_numbers(axes)
        axes.set_xlabel("share of crops that wait no longer (%)")
        axes.set_ylabel("from arrival to text (ms, log.)")
        legend_above(axes)

    yield Plot("How long a crop waits for its text", captions.waiting(rows), draw)


def stages(rows: Rows, document: Document) -> Iterator[Plot]:
    """Bars of a whole run's stages, and of each stage alone."""
    run = [row for row in rows if row["kind"] == "run"]
    if run:
        shares = [
            Bar(row["stage"], time, f"{number(time)} ms, {100 * row['share']:.1f} %")
            for row in run
            for time in [row["milliseconds_per_frame"]]
        ]
        yield bar_plot("Stages of a run over a video", captions.run_stages(run), shares, "milliseconds a frame")
    alone = [row for row in rows if row["kind"] == "alone"]
    if alone:
        batches = sorted({row["batch"] for row in alone})
        order = list(dict.fromkeys(row["stage"] for row in alone))
        alone.sort(key=lambda row: (order.index(row["stage"]), row["batch"]))
        costs = [
            Bar(_name(row), time, f"{number(time)} ms", batches.index(row["batch"]))
            for row in alone
            for time in [row["milliseconds"]["p50"] / row["batch"]]
        ]
        unit, names = "milliseconds a crop or a frame (median)", [f"batch {batch}" for batch in batches]
        yield bar_plot("Each stage alone", captions.lone_stages(alone), costs, unit, names=names)


def _streams(axes: Axes, rows: list[Row], batch: int) -> None:
    """Each caller's share stacked on the others'."""
    for place, row in enumerate(rows):
        below = 0.0
        for share in row.get("crops_per_second_by_stream", [row["crops_per_second"]]):
            # A gap in the page's colour, and not a frame, keeps the shares apart in either mode.
            axes.bar(place, 0.985 * share, bottom=below, width=0.55, color=SERIES[0], linewidth=0)
            below += share
        axes.annotate(number(below), (place, below), (0, 3), textcoords="offset points", ha="center")
    axes.margins(y=0.15)
    tidy_numbers(axes, x=False)
    name_ticks(axes, range(len(rows)), [str(row["streams"]) for row in rows])
    axes.grid(axis="x", visible=False)
    axes.set_xlabel(f"callers at once (each with batches of {batch} crops)")
    axes.set_ylabel("crops/s, by caller")


def _name(row: Row) -> str:
    stage = "a crop, all its stages" if row["stage"] == "whole" else str(row["stage"])
    return stage if row["batch"] == 1 else f"{stage}, batch {row['batch']}"
