"""Plots as SVG that stands in a page and takes its colours from there.

Matplotlib draws with stand-in colours, one for each CSS variable, which are replaced afterwards: one drawing serves
light mode, dark mode and print. Text stays text, in the page's typeface.
"""

from __future__ import annotations

import io
import math
import re
import warnings
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any
from xml.etree import ElementTree

from lpsr_bench.report.markup import Html, tag, text
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
        name: unique on its page; begins every id in the SVG.
        title: what it shows.
        caption: what to conclude.
        draw: paints onto empty axes, and labels them with units.
        height: points.
        wide: whether it takes the page's whole width, and scrolls on a phone.
    """

    name: str
    title: str
    caption: str
    draw: Callable[[Axes], None]
    height: float = 290
    wide: bool = False


def series(index: int, line: bool = True) -> dict[str, Any]:
    """Colour, marker and dash of one of several series, for `plot` and `errorbar`; no two of thirty are alike."""
    look = {"color": SERIES[index % len(SERIES)], "marker": MARKERS[index % len(MARKERS)]}
    return {**look, "linestyle": _DASHES[index % len(_DASHES)] if line else "none"}


def render(plot: Plot) -> Html:
    """The `<svg>` of a plot; the same plot gives the same text.

    Raises:
        MissingExtraError: there is no matplotlib.
    """
    try:
        from matplotlib import rc_context
        from matplotlib.figure import Figure
    except ImportError:
        raise MissingExtraError("matplotlib", "bench") from None
    width = 1.4 * WIDTH if plot.wide else WIDTH
    drawn = io.BytesIO()
    with rc_context(_SETTINGS), warnings.catch_warnings():
        # The browser has other typefaces, so a letter that matplotlib's lacks is no loss.
        warnings.filterwarnings("ignore", message="Glyph")
        drawing = Figure(figsize=(width / _DOTS, plot.height / _DOTS), dpi=_DOTS, layout="constrained")
        plot.draw(drawing.add_subplot())
        drawing.savefig(drawn, format="svg", metadata=dict.fromkeys(("Date", "Creator", "Format", "Type")))
    return _for_page(drawn.getvalue(), plot)


def figure(plot: Plot) -> Html:
    """A plot with its title and what to conclude.

    Raises:
        MissingExtraError: there is no matplotlib.
    """
    caption = tag("figcaption", tag("strong", text(plot.title)), text(plot.caption))
    if plot.wide:
        scroll = tag("div", render(plot), class_="scroll", tabindex=0, role="region", aria_label=plot.title)
        return tag("figure", scroll, caption, class_="wide")
    return tag("figure", render(plot), caption)


def plain(name: str, most: int = 60) -> str:
    """A name from a file as a label: what cannot be printed left out, and shortened."""
    found = _UNPRINTABLE.sub("", name)
    return found if len(found) <= most else f"{found[: most - 1]}…"


def _for_page(svg: bytes, plot: Plot) -> Html:
    """Leaves out what belongs to a file of its own, and makes ids unique and colours the page's."""
    root = ElementTree.fromstring(svg)
    for parent in root.iter():
        for child in list(parent):
            # The style of such an element would hold for the whole page.
            if _local(child.tag) in ("metadata", "style"):
                parent.remove(child)
    used = set(re.findall(r"#([\w-]+)", " ".join(" ".join(element.attrib.values()) for element in root.iter())))
    for element in root.iter():
        element.tag = _local(element.tag)
        given = {_local(key): value for key, value in element.attrib.items()}
        if given.get("id") not in used:
            given.pop("id", None)
        # Colours given as attributes become style, where variables are sure to work.
        paints = [f"{key}: {given.pop(key)}" for key in ("fill", "stroke") if key in given]
        style = _style("; ".join([*paints, *filter(None, [given.pop("style", "")])]), plot.name)
        element.attrib = {key: _reference(key, value, plot.name) for key, value in given.items()}
        if style:
            element.attrib["style"] = style
    for key in ("width", "height", "version"):
        root.attrib.pop(key, None)
    root.attrib |= {"role": "img", "aria-label": f"{plot.title}. {plot.caption}"}
    return Html(ElementTree.tostring(root, encoding="unicode"))


def _local(name: str) -> str:
    return name.rpartition("}")[2]


def _reference(key: str, value: str, prefix: str) -> str:
    """An attribute whose ids are the plot's own."""
    if key == "id":
        return f"{prefix}-{value}"
    return value.replace("#", f"#{prefix}-", 1) if key in ("href", "clip-path") else value


def _style(declared: str, prefix: str) -> str:
    """A style in the page's colours and typeface, of which only the size is the plot's."""
    kept = []
    for name, _, value in (each.strip().partition(": ") for each in declared.split(";")):
        if name == "font":
            size = re.search(r"[\d.]+px", value)
            kept += [f"font-size: {size[0]}"] if size else []
        elif name and name != "font-family":
            value = re.sub(r"url\(#", f"url(#{prefix}-", value)
            kept.append(f"{name}: " + re.sub("#[0-9a-f]{6}", lambda found: f"var(--{_VARIABLES[found[0]]})", value))
    return "; ".join(kept)


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


def bars_height(count: int) -> float:
    """Points that so many bars take."""
    return 62 + 36 * max(count, 1)


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
    start = 10 ** _floor_log(least / 2) if log else 0
    for row, bar in enumerate(bars):
        axes.barh(
            -row,
            max(bar.value - start, 0),
            left=start,
            height=0.42,
            color=SERIES[bar.kind],
            hatch=HATCHES[bar.kind],
            linewidth=0,
        )
        axes.annotate(bar.label, (max(bar.value, start), -row), (4, 0), textcoords="offset points", va="center")
        axes.text(0, -row + 0.27, plain(bar.name), transform=axes.get_yaxis_transform(), va="bottom", fontsize=10.5)
    if log:
        axes.set_xscale("log")
        # Room for the labels, as a share of the axis.
        axes.set_xlim(start, largest * (largest / start) ** 0.28)
    else:
        axes.set_xlim(0, 1.25 * largest)
    tidy_numbers(axes, x=True, y=False, log_x=log)
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


def legend_above(axes: Axes, columns: int = 2, **options: Any) -> None:
    """A legend over the plot, where it hides nothing."""
    axes.legend(
        loc="lower left",
        bbox_to_anchor=(0, 1),
        ncols=columns,
        borderpad=0.2,
        borderaxespad=0.3,
        columnspacing=1.4,
        handlelength=2.6,
        **options,
    )


def tidy_numbers(axes: Axes, x: bool = True, y: bool = True, log_x: bool = False, log_y: bool = False) -> None:
    """Plain numbers at the ticks, in place of powers of ten; few enough to stand beside each other."""
    from matplotlib.ticker import FixedLocator, FuncFormatter, MaxNLocator, NullLocator

    for axis, wanted, log in ((axes.xaxis, x, log_x), (axes.yaxis, y, log_y)):
        if wanted:
            low, high = sorted(axis.get_view_interval())
            axis.set_major_locator(FixedLocator(log_ticks(low, high)) if log else MaxNLocator(6))
            axis.set_minor_locator(NullLocator())
            axis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:,.10g}"))


def log_ticks(low: float, high: float) -> list[float]:
    """Round numbers from `low` to `high`, both positive: powers of ten where these are enough, else more."""
    found: list[float] = []
    for steps in ((1,), (1, 3), (1, 2, 5), (1, 1.5, 2, 3, 5, 7)):
        powers = range(_floor_log(low), _floor_log(high) + 1)
        found = [tick for power in powers for step in steps if low <= (tick := step * 10.0**power) <= high]
        if len(found) >= 3:
            return found
    return found or [low]


def _floor_log(value: float) -> int:
    return math.floor(math.log10(value))
