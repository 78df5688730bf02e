"""Where reading falls off as crops get narrower."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from lpsr_bench.report import captions
from lpsr_bench.report.drawing import Plot, beside, draw_rates, legend_above, tidy_numbers
from lpsr_bench.report.findings import Rows
from lpsr_bench.results import Document

if TYPE_CHECKING:
    from matplotlib.axes import Axes


def cameras(rows: Rows, document: Document) -> Iterator[Plot]:
    """Rates by width, for each way of reading."""
    plain = [row for row in rows if row["codec"] == "none"]
    if not plain:
        return
    widths = list(dict.fromkeys(row["width"] for row in plain))
    ways = list(dict.fromkeys(row["super_resolve"] for row in plain))

    def draw(axes: Axes) -> None:
        for index, way in enumerate(ways):
            found = [row["rate"]["all"] for row in plain if row["super_resolve"] == way]
            draw_rates(axes, beside(len(found), index, len(ways)), found, way, index)
        axes.set_xticks(range(len(widths)), ["as is" if width is None else str(width) for width in widths])
        tidy_numbers(axes, x=False)
        axes.set_xlabel("width of the crop, at most (number of pixels)")
        legend_above(axes)

    yield Plot("Plates read right, by width of the crop", captions.falloff(plain), draw)
