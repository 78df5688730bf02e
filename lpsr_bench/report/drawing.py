"""Plots as SVG pictures that follow light and dark mode.

Matplotlib draws with stand-in colours, one for each CSS variable, which are replaced afterwards: one drawing serves
light mode, dark mode and print.
"""

from __future__ import annotations

import base64
import io
import math
import re
import warnings
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from lpsr_bench.report.palette import variables
from lpsr_core.errors import MissingExtraError

if TYPE_CHECKING:
    from matplotlib.axes import Axes

INK, MUTED, GRID, GROUND = "#000001", "#000002", "#000003", "#000004"
SERIES = ("#000011", "#000012", "#000013", "#000014", "#000015", "#000016")
_VARIABLES = {
    INK: "ink",
    MUTED: "muted",
    GRID: "grid",
    GROUND: "ground",
    **{colour: f"series-{number}" for number, colour in enumerate(SERIES, 1)},
}
MARKERS = ("o", "s", "^", "D", "v", "P", "X", "<", ">", "p")
_DASHES: tuple[Any, ...] = ("-", (0, (5, 2)), (0, (1, 1.5)), (0, (6, 2, 1, 2)), (0, (3, 1)), (0, (8, 2, 1, 2, 1, 2)))
HATCHES = ("", "////", "....", "xxxx", "----", "\\\\\\\\")
WIDTH = 460
"""Points; with letters of 11, they can be read on a phone."""
_DOTS = 72
_SETTINGS: Any = {
    "svg.fonttype": "none",
    "svg.hashsalt": "lpsr",
    # Names come from files; a dollar sign in one is no formula.
    "text.parse_math": False,
    "font.family": "sans-serif",
    "font.sans-serif": ["DejaVu Sans"],
    "font.size": 11,
    "axes.labelsize": 11,
    "xtick.labelsize": 10.5,
    "ytick.labelsize": 10.5,
    "legend.fontsize": 10.5,
    "text.color": INK,
    "axes.labelcolor": INK,
    "axes.edgecolor": MUTED,
    "axes.facecolor": "none",
    "figure.facecolor": "none",
    "savefig.facecolor": "none",
    "xtick.color": MUTED,
    "ytick.color": MUTED,
    "xtick.labelcolor": INK,
    "ytick.labelcolor": INK,
    "grid.color": GRID,
    "grid.linewidth": 0.8,
    "axes.grid": True,
    "axes.axisbelow": True,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.unicode_minus": False,
    "hatch.color": GROUND,
    "hatch.linewidth": 1.1,
    "lines.linewidth": 1.8,
    "lines.markersize": 6,
    "errorbar.capsize": 3,
    "legend.frameon": False,
}
# What XML cannot hold.
_UNPRINTABLE = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")


@dataclass(frozen=True)
class Plot:
    """One plot of a page.

    Attributes:
        title: what it shows.
        caption: what to conclude.
        draw: paints onto empty axes, and labels them with units.
        height: points.
        wide: whether it takes the page's whole width.
    """

    title: str
    caption: str
    draw: Callable[[Axes], None]
    height: float = 290
    wide: bool = False


def series(index: int, line: bool = True) -> dict[str, Any]:
    """Colour, marker and dash of one of several series, for `plot` and `errorbar`; no two of thirty are alike."""
    look = {"color": SERIES[index % len(SERIES)], "marker": MARKERS[index % len(MARKERS)]}
    return {**look, "linestyle": _DASHES[index % len(_DASHES)] if line else "none"}


def svg(plot: Plot) -> str:
    """The drawing of a plot; the same plot gives the same text.

    Raises:
        MissingExtraError: there is no matplotlib.
    """
    try:
        from matplotlib import rc_context
        from matplotlib.figure import Figure
    except ImportError:
        raise MissingExtraError("matplotlib", "bench") from None
    width = 1.4 * WIDTH if plot.wide else WIDTH
    drawn = io.StringIO()
    with rc_context(_SETTINGS), warnings.catch_warnings():
        # The browser has other typefaces, so a letter that matplotlib's lacks is no loss.
        warnings.filterwarnings("ignore", message="Glyph")
        drawing = Figure(figsize=(width / _DOTS, plot.height / _DOTS), dpi=_DOTS, layout="constrained")
        plot.draw(drawing.add_subplot())
        drawing.savefig(drawn, format="svg", metadata=dict.fromkeys(("Date", "Creator", "Format", "Type")))
    # Colours given as attributes become style, where variables are sure to work.
    styled = re.sub(r'(fill|stroke)="(#[0-9a-f]{6})"', r'style="\1: \2"', drawn.getvalue())
    coloured = re.sub("#0000[01][0-9]", lambda found: f"var(--{_VARIABLES[found[0]]})", styled)
    return coloured.replace("<defs>", f"<style>{variables()}text{{font-family:system-ui,sans-serif}}</style><defs>", 1)


def source(plot: Plot) -> str:
    """What the `src` of an `<img>` takes.

    Raises:
        MissingExtraError: there is no matplotlib.
    """
    return f"data:image/svg+xml;base64,{base64.b64encode(svg(plot).encode()).decode()}"


def plain(name: str, most: int = 60) -> str:
    """A name from a file as a label: what cannot be printed left out, and shortened."""
    found = _UNPRINTABLE.sub("", name)
    return found if len(found) <= most else f"{found[: most - 1]}…"


@dataclass(frozen=True)
class Bar:
    """One of several horizontal bars.

    Attributes:
        name: above it.
        value: its length.
        label: at its end.
        kind: index of colour and hatch.
    """

    name: str
    value: float
    label: str
    kind: int = 0


def bar_plot(title: str, caption: str, bars: Sequence[Bar], unit: str, **options: Any) -> Plot:
    """A plot of bars alone; `options` are those of `draw_bars`."""
    return Plot(title, caption, lambda axes: draw_bars(axes, bars, unit, **options), 62 + 36 * max(len(bars), 1))


def draw_bars(axes: Axes, bars: Sequence[Bar], unit: str, log: bool = False, names: Sequence[str] = ()) -> None:
    """Bars below each other, each with its name above it, since names may be long.

    Args:
        axes: to paint on.
        bars: from top to bottom; of positive values where the axis is logarithmic.
        unit: label of the axis.
        log: whether the axis is logarithmic.
        names: of the kinds, for a legend.
    """
    values = [bar.value for bar in bars]
    largest, least = max(values, default=1) or 1, min((value for value in values if value > 0), default=1)
    start = 10.0 ** math.floor(math.log10(least / 2)) if log else 0.0
    for row, bar in enumerate(bars):
        look: Any = {"color": SERIES[bar.kind], "hatch": HATCHES[bar.kind]}
        axes.barh(-row, max(bar.value - start, 0), left=start, height=0.42, linewidth=0, **look)
        axes.annotate(bar.label, (max(bar.value, start), -row), (4, 0), textcoords="offset points", va="center")
        axes.text(0, -row + 0.27, plain(bar.name), transform=axes.get_yaxis_transform(), va="bottom", fontsize=10.5)
    if log:
        axes.set_xscale("log")
    # Room for the labels, as a share of the axis.
    axes.set_xlim(start, largest * (largest / start) ** 0.28 if log else 1.25 * largest)
    tidy_numbers(axes, y=False)
    axes.set_ylim(-len(bars) + 0.6, 0.75)
    axes.set_yticks([])
    axes.spines["left"].set_visible(False)
    axes.grid(axis="y", visible=False)
    axes.set_xlabel(unit)
    if names:
        from matplotlib.patches import Patch

        kinds = sorted({bar.kind for bar in bars})
        handles = [Patch(facecolor=SERIES[kind], hatch=HATCHES[kind], linewidth=0, label=names[kind]) for kind in kinds]
        legend_above(axes, handles=handles)


def draw_rates(axes: Axes, places: Sequence[Any], rates: Sequence[dict[str, Any]], name: str, index: int) -> None:
    """One line of recognition rates in percent, with their intervals.

    Args:
        axes: to paint on.
        places: along the axis.
        rates: one entry (all, six or five) of a recognition rate for each.
        name: in the legend.
        index: of the line among its fellows.
    """
    percents = [each["percent"] for each in rates]
    axes.errorbar(places, percents, yerr=interval(rates), label=plain(name), **series(index))
    axes.set_ylim(-2, 102)
    axes.set_ylabel("all 7 characters right (%)")


def beside(count: int, index: int, lines: int) -> list[float]:
    """Places 0, 1, 2, … of one of several lines, side by side, or their intervals would hide each other."""
    return [place + 0.06 * (index - (lines - 1) / 2) for place in range(count)]


def interval(values: Sequence[dict[str, Any]]) -> tuple[list[float], list[float]]:
    """How far the intervals of rates reach below and above them, as `errorbar` takes it."""
    below = [max(value["percent"] - value["interval"][0], 0.0) for value in values]
    return below, [max(value["interval"][1] - value["percent"], 0.0) for value in values]


def legend_above(axes: Axes, columns: int = 2, **options: Any) -> None:
    """A legend over the plot, where it hides nothing."""
    place: Any = {"loc": "lower left", "bbox_to_anchor": (0, 1), "borderaxespad": 0.3, "columnspacing": 1.4}
    axes.legend(ncols=columns, borderpad=0.2, handlelength=2.6, **place, **options)


def tidy_numbers(axes: Axes, x: bool = True, y: bool = True) -> None:
    """Plain numbers at the ticks, in place of powers of ten; few enough to stand beside each other."""
    from matplotlib.ticker import FuncFormatter, LogLocator, MaxNLocator, NullLocator

    for axis, wanted in ((axes.xaxis, x), (axes.yaxis, y)):
        if wanted:
            low, high = sorted(axis.get_view_interval())
            log = axis.get_scale() == "log"
            steps = (1,) if log and high / low > 1000 else (1, 2, 5)
            axis.set_major_locator(LogLocator(subs=steps) if log else MaxNLocator(6))
            axis.set_minor_locator(NullLocator())
            axis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:,.10g}"))


def name_ticks(axes: Axes, places: Sequence[float], names: Sequence[str]) -> None:
    """Ticks at these places of the horizontal axis and nowhere between."""
    axes.set_xticks(places, names)
    axes.set_xticks([], minor=True)
