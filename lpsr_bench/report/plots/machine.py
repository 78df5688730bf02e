"""What the machine gives: arithmetic, energy, and how cost grows."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from lpsr_bench.report import captions
from lpsr_bench.report.drawing import INK, MUTED, Bar, Plot, bars_height, draw_bars, legend_above, series, tidy_numbers
from lpsr_bench.report.findings import Row, Rows, kernel_kind
from lpsr_bench.report.tables import number
from lpsr_bench.results import Document

if TYPE_CHECKING:
    from matplotlib.axes import Axes

_KINDS = {"network": "networks", "convolution": "ordinary convolutions", "deformable": "deformable convolutions"}


def kernel(rows: Rows, document: Document) -> Iterator[Plot]:
    """Arithmetic a second as bars, and the ceiling as a line across them."""
    runtimes = {row["runtime"] for row in rows}
    bars = [
        Bar(
            row["name"] if len(runtimes) == 1 else f"{row['name']} ({row['runtime']})",
            row["gflops"],
            number(row["gflops"]),
            list(_KINDS).index(kernel_kind(row)),
        )
        for row in rows
    ]

    def draw(axes: Axes) -> None:
        draw_bars(axes, bars, "arithmetic (GFLOP/s); dashed: the ceiling", names=list(_KINDS.values()))
        axes.axvline(rows[0]["gflops"], color=INK, linewidth=1.2, linestyle=(0, (5, 3)))

    yield Plot("kernel", "Arithmetic, beside a large convolution", captions.kernels(rows), draw, bars_height(len(bars)))


def energy(rows: Rows, document: Document) -> Iterator[Plot]:
    """Joules a crop by meter."""
    bars = [
        Bar(row["meter"], row["joules_per_crop"], f"{number(row['joules_per_crop'])} J")
        for row in rows
        if number(row["joules_per_crop"])
    ]
    if bars:
        yield Plot(
            "energy",
            "Energy of a crop",
            captions.energy(rows),
            lambda axes: draw_bars(axes, bars, "energy (joules a crop)"),
            bars_height(len(bars)),
        )


def scaling(rows: Rows, document: Document) -> Iterator[Plot]:
    """Time over crops on logarithmic axes, beside proportional growth; and crops a second over threads."""

    def along(axis: str) -> list[Row]:
        return sorted((row for row in rows if row["axis"] == axis), key=lambda row: row["value"])

    crops, threads = along("crops"), along("threads")

    def time(axes: Axes) -> None:
        counts, seconds = [row["value"] for row in crops], [row["seconds"] for row in crops]
        proportional = [seconds[-1] * count / counts[-1] for count in counts]
        axes.plot(counts, seconds, label="measured", **series(0))
        axes.plot(counts, proportional, color=MUTED, linestyle=(0, (4, 3)), label="in proportion with the most crops")
        axes.set_xscale("log")
        axes.set_yscale("log")
        tidy_numbers(axes, log_x=True, log_y=True)
        axes.set_xlabel("crops (logarithmic)")
        axes.set_ylabel("time (s, logarithmic)")
        legend_above(axes)

    def speed(axes: Axes) -> None:
        counts, rates = [row["value"] for row in threads], [row["crops_per_second"] for row in threads]
        axes.plot(counts, rates, label="measured", **series(0))
        proportional = [rates[0] * count / counts[0] for count in counts]
        axes.plot(counts, proportional, color=MUTED, linestyle=(0, (4, 3)), label="in proportion with the threads")
        axes.set_ylim(0, 1.1 * max(*rates, *proportional))
        axes.set_xticks(counts)
        tidy_numbers(axes, x=False)
        axes.set_xlabel("threads of each network (number)")
        axes.set_ylabel("crops/s")
        legend_above(axes)

    if crops:
        yield Plot("scaling", "Time over the number of crops", captions.growth(crops), time)
    if threads:
        yield Plot("threads", "Throughput over threads", captions.threads(threads), speed)
