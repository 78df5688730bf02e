"""What the machine gives: arithmetic, energy, and how cost grows."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from lpsr_bench.report import captions
from lpsr_bench.report.drawing import MUTED, Bar, Plot, bar_plot, legend_above, series, tidy_numbers
from lpsr_bench.report.findings import Row, Rows, kernel_kind
from lpsr_bench.report.tables import number
from lpsr_bench.results import Document

if TYPE_CHECKING:
    from matplotlib.axes import Axes

_KINDS = {"network": "networks", "convolution": "ordinary convolutions", "deformable": "deformable convolutions"}


def kernel(rows: Rows, document: Document) -> Iterator[Plot]:
    """Arithmetic a second as bars, the ceiling first."""
    several = len({row["runtime"] for row in rows}) > 1
    bars = [
        Bar(
            f"{row['name']} ({row['runtime']})" if several else row["name"],
            row["gflops"],
            number(row["gflops"]),
            list(_KINDS).index(kernel_kind(row)),
        )
        for row in rows
    ]
    title, unit = "Arithmetic, beside a large convolution", "arithmetic (GFLOP/s); the first bar is the ceiling"
    yield bar_plot(title, captions.kernels(rows), bars, unit, names=list(_KINDS.values()))


def energy(rows: Rows, document: Document) -> Iterator[Plot]:
    """Joules a crop by meter."""
    found = [(row["meter"], row["joules_per_crop"]) for row in rows if number(row["joules_per_crop"])]
    if found:
        bars = [Bar(meter, joules, f"{number(joules)} J") for meter, joules in found]
        yield bar_plot("Energy of a crop", captions.energy(rows), bars, "energy (joules a crop)")


def scaling(rows: Rows, document: Document) -> Iterator[Plot]:
    """Time over crops on logarithmic axes, and crops a second over threads, beside proportional growth."""

    def along(axis: str) -> list[Row]:
        return sorted((row for row in rows if row["axis"] == axis), key=lambda row: row["value"])

    crops, threads = along("crops"), along("threads")

    def time(axes: Axes) -> None:
        _beside_proportion(axes, crops, "seconds", -1)
        axes.set_xscale("log")
        axes.set_yscale("log")
        tidy_numbers(axes)
        axes.set_xlabel("crops (logarithmic)")
        axes.set_ylabel("time (s, logarithmic)")

    def speed(axes: Axes) -> None:
        _beside_proportion(axes, threads, "crops_per_second", 0)
        axes.set_ylim(bottom=0)
        axes.set_xticks([row["value"] for row in threads])
        tidy_numbers(axes, x=False)
        axes.set_xlabel("threads of each network (number)")
        axes.set_ylabel("crops/s")

    if crops:
        yield Plot("Time over the number of crops", captions.growth(crops), time)
    if threads:
        yield Plot("Throughput over threads", captions.threads(threads), speed)


def _beside_proportion(axes: Axes, rows: Rows, figure: str, base: int) -> None:
    """What was measured, and what would be in proportion with one of the rows."""
    counts, values = [row["value"] for row in rows], [row[figure] for row in rows]
    proportional = [values[base] * count / counts[base] for count in counts]
    axes.plot(counts, values, label="measured", **series(0))
    axes.plot(counts, proportional, color=MUTED, linestyle=(0, (4, 3)), label="in proportion")
    legend_above(axes)
