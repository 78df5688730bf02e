"""How well calibrated the likelihood ratios are on labelled crops: Cllr, Cllr_min and reliability by pixel width.

    python -m benchmarks.likelihood_ratios --labels plates.csv --folder plates/ --out runs/likelihood

The table has the columns `file` and `text`, separated by semicolons or commas; files are looked for in `--folder`
(default: the table's own). Every crop is read as it is and averaged to each of `--widths` (crops that are narrower stay
as they are). The result is `likelihood_ratios.json`, `likelihood_ratios.svg` and a table on standard output;
`lpsr-evidence report --validation likelihood_ratios.json` quotes it.

- Characters: the likelihood ratio of the true character of each position, and those of all others that the layouts
  allow there.
- Texts: the likelihood ratio of the true text of each crop, and those of the texts of the other plates of the table.
- Intervals: 95 %, by resampling plates, since crops of one plate are not independent.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray
from rich.console import Console
from rich.progress import track
from rich.table import Table

from benchmarks.cllr import Validation, cllr, validate
from lpsr_core import __version__
from lpsr_core.alphabet import encode
from lpsr_core.cards import sha256
from lpsr_core.decode import decode, plate_score
from lpsr_core.errors import MissingExtraError, UsageError, run_command
from lpsr_core.geometry import Image
from lpsr_core.jsonfile import write_json
from lpsr_core.labelled import Labelled, plate_text, read_picture
from lpsr_core.layouts import Layout, parse_layouts
from lpsr_core.reliability import Reliability
from lpsr_core.spreadsheet import rows_of
from lpsr_forensic.likelihood import TextSet, character_log10_lrs, text_log10_lrs
from lpsr_run.config import RunConfig
from lpsr_run.pipeline.plate_reader import PlateBatch
from lpsr_run.pipeline.tools import open_tools

WIDTHS = ("native", "64", "48", "40", "33")
RESAMPLES = 400
SEED = 20_261_128
_AT_ONCE = 64


@dataclass(frozen=True)
class Ratios:
    """log10 LR of N crops.

    Attributes:
        characters: float64[N, 7, 36]; NaN where no layout allows the character.
        true_characters: int64[N, 7], class of the true character.
        texts: float64[N, P], of the text of every plate of the table.
        true_text: int64[N], index of the true text among them.
    """

    characters: NDArray[np.float64]
    true_characters: NDArray[np.int64]
    texts: NDArray[np.float64]
    true_text: NDArray[np.int64]

    def of_characters(self, chosen: NDArray[np.intp]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """LRs of the true characters of some crops, and of all others that are allowed."""
        values = self.characters[chosen]
        truth = np.zeros(values.shape, bool)
        np.put_along_axis(truth, self.true_characters[chosen][..., None], True, axis=2)
        return values[truth], values[~truth & ~np.isnan(values)]

    def of_texts(self, chosen: NDArray[np.intp]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """LRs of the true texts of some crops, and of the other plates' texts."""
        values, place = self.texts[chosen], self.true_text[chosen]
        truth = np.zeros(values.shape, bool)
        truth[np.arange(len(place)), place] = True
        return values[truth], values[~truth]


def load_table(labels: Path, folder: Path) -> list[Labelled]:
    """Read the crops that a table names.

    Raises:
        UsageError: the table is missing, or has other columns.
        LpsrError: a text is not a plate's, or a picture cannot be read.
    """
    try:
        text = labels.read_text(encoding="utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        raise UsageError(f"{labels}: cannot be read: {error}") from None
    found = [
        Labelled(read_picture(folder / row["file"]), plate_text(row["text"], f"{labels}, line {line}"), folder)
        for line, row in rows_of(text, ("file", "text"), str(labels))
    ]
    if len({each.text for each in found}) < 2:
        raise UsageError(f"{labels}: needs crops of at least two plates to compare")
    return found


def add_table(parser: argparse.ArgumentParser) -> None:
    """Add the options that name a table of labelled crops."""
    parser.add_argument("--labels", type=Path, required=True, metavar="FILE", help="table with the columns file;text")
    parser.add_argument("--folder", type=Path, metavar="DIR", help="where the files are (default: beside the table)")
    parser.add_argument("--debug", action="store_true", help="show the traceback of an error")


def narrowed(crop: Image, width: str) -> Image:
    """The crop averaged to a width in pixels; as it is where it is narrower, or the width is `native`."""
    height, across = crop.shape[:2]
    if width == "native" or across <= int(width):
        return crop
    size = (int(width), max(round(int(width) * height / across), 8))
    return cv2.resize(crop, size, interpolation=cv2.INTER_AREA)  # type: ignore[return-value]


def read(look: Callable[[Sequence[Image]], PlateBatch], crops: Sequence[Image], label: str) -> NDArray[np.float32]:
    """Calibrated log-probabilities of crops, float32[N, 7, 36]."""
    starts = track(range(0, len(crops), _AT_ONCE), label, transient=True, console=Console(stderr=True))
    return np.concatenate([look(crops[start : start + _AT_ONCE]).log_probs for start in starts])


def ratios_of(log_probs: NDArray[np.float32], texts: Sequence[str], layouts: Sequence[Layout]) -> Ratios:
    """The likelihood ratios of crops whose texts are known."""
    plates, place = np.unique(np.array(texts), return_inverse=True)
    possible = TextSet.of(layouts)
    return Ratios(
        character_log10_lrs(log_probs, possible),
        np.stack([encode(text) for text in texts]),
        text_log10_lrs(log_probs, plates.tolist(), possible),
        place.astype(np.int64),
    )


def interval(ratios: Ratios, of: str, resamples: int) -> tuple[float, float]:
    """95 % interval of Cllr, by resampling plates."""
    rng = np.random.default_rng(SEED)
    members = [np.flatnonzero(ratios.true_text == plate) for plate in np.unique(ratios.true_text)]
    pick = ratios.of_characters if of == "characters" else ratios.of_texts
    drawn = [
        cllr(*pick(np.concatenate([members[which] for which in rng.integers(0, len(members), len(members))])))
        for _ in range(resamples)
    ]
    low, high = np.percentile(drawn, [2.5, 97.5])
    return float(low), float(high)


def measure(
    log_probs: NDArray[np.float32], texts: Sequence[str], layouts: Sequence[Layout], min_plate: float, resamples: int
) -> dict[str, Any]:
    """All figures of one width, for JSON."""
    ratios = ratios_of(log_probs, texts, layouts)
    everything = np.arange(len(texts))
    readings = [decode(each, layouts) for each in log_probs]
    right = [reading.text == text for reading, text in zip(readings, texts, strict=True)]
    figures: dict[str, Any] = {
        "crops": len(texts),
        "plates": len(set(texts)),
        "below_min_plate": sum(plate_score(each, layouts) < min_plate for each in log_probs),
        "right": sum(right),
        "reliability": Reliability.of([reading.confidence for reading in readings], right).as_dict(),
    }
    for name, pick in (("characters", ratios.of_characters), ("texts", ratios.of_texts)):
        found: Validation = validate(*pick(everything))
        low, high = interval(ratios, name, resamples)
        figures[name] = {**found.as_dict(), "cllr_interval": [round(low, 6), round(high, 6)]}
    return figures


def draw(widths: dict[str, dict[str, Any]], path: Path) -> None:
    """Draw the reliability curves, and Cllr by width, as an SVG.

    Raises:
        MissingExtraError: matplotlib is not installed.
    """
    try:
        import matplotlib
        from matplotlib.figure import Figure
    except ImportError:
        raise MissingExtraError("matplotlib", "bench") from None
    matplotlib.rcParams |= {"svg.hashsalt": "lpsr", "svg.fonttype": "none", "font.family": "sans-serif"}
    colours = ("#0063a6", "#c24e00", "#00775a", "#98407f", "#7d6200", "#5a6570")
    figure = Figure(figsize=(9.5, 4.0), layout="constrained")
    left, right = figure.subplots(1, 2)
    left.plot([0, 1], [0, 1], color="#888888", linewidth=1, linestyle="--", label="perfect calibration")
    for (width, figures), colour in zip(widths.items(), colours * 3, strict=False):
        bins = [each for each in figures["reliability"]["bins"] if each["count"] >= 5]
        left.plot(
            [each["confidence"] for each in bins],
            [each["right"] for each in bins],
            marker="o",
            markersize=4,
            color=colour,
            label=f"{width} px" if width != "native" else "native",
        )
    left.set(xlabel="probability of the text", ylabel="fraction right", title="Reliability (bins of 5 reads or more)")
    left.legend(fontsize=8)
    at = np.arange(len(widths))
    for name, colour in (("characters", colours[0]), ("texts", colours[1])):
        low = [figures[name]["cllr_interval"][0] for figures in widths.values()]
        high = [figures[name]["cllr_interval"][1] for figures in widths.values()]
        right.vlines(at, low, high, color=colour, linewidth=1.5)
        right.plot(at, [each[name]["cllr"] for each in widths.values()], "o-", color=colour, label=f"{name}: Cllr")
        least = [each[name]["cllr_min"] for each in widths.values()]
        right.plot(at, least, "s:", color=colour, markersize=4, label=f"{name}: Cllr min")
    right.set(ylabel="bits", title="Cost of likelihood ratios (1: no information)", ylim=(0, None))
    right.set_xticks(at, [f"{width} px" if width != "native" else width for width in widths])
    right.legend(fontsize=8)
    for axes in (left, right):
        axes.spines[["top", "right"]].set_visible(False)
        axes.grid(color="#e2e6ea")
    figure.savefig(path, format="svg", metadata={"Date": None})


def show(widths: dict[str, dict[str, Any]]) -> None:
    """Print the figures."""
    table = Table(
        "width", "crops", "right", "ECE", "Cllr characters", "min", "Cllr texts", "min", "misleading characters"
    )
    for width, figures in widths.items():
        characters, texts = figures["characters"], figures["texts"]
        table.add_row(
            width,
            str(figures["crops"]),
            f"{100 * figures['right'] / figures['crops']:.1f} %",
            f"{100 * figures['reliability']['expected_calibration_error']:.1f} %",
            "{:.4f} [{:.4f}, {:.4f}]".format(characters["cllr"], *characters["cllr_interval"]),
            f"{characters['cllr_min']:.4f}",
            "{:.4f} [{:.4f}, {:.4f}]".format(texts["cllr"], *texts["cllr_interval"]),
            f"{texts['cllr_min']:.4f}",
            f"{100 * characters['misleading_same']:.2f} % / {100 * characters['misleading_different']:.3f} %",
        )
    Console(width=160).print(table)


def run(arguments: argparse.Namespace) -> int:
    """Measure, write and print."""
    for width in arguments.widths:
        if width != "native" and (not width.isdigit() or int(width) < 8):
            raise UsageError(f"--widths takes `native` and whole numbers of at least 8 pixels, not {width!r}")
    labelled = load_table(arguments.labels, arguments.folder or arguments.labels.parent)
    layouts = parse_layouts(arguments.layouts.split(","))
    for each in labelled:
        if not any(layout.fits(each.text) for layout in layouts):
            raise UsageError(f"{arguments.labels}: {each.text} follows none of the layouts; name them with --layouts")
    config = RunConfig(
        crops=".",
        reader=arguments.reader,
        generator=arguments.generator,
        layouts=tuple(arguments.layouts.split(",")),
        threads=arguments.threads,
    )
    tools = open_tools(config)
    texts = [each.text for each in labelled]
    widths = {}
    for width in arguments.widths:
        log_probs = read(tools.reader.read, [narrowed(each.crop, width) for each in labelled], f"read, {width}")
        widths[width] = measure(log_probs, texts, layouts, config.min_plate, arguments.resamples)
    arguments.out.mkdir(parents=True, exist_ok=True)
    path = arguments.out / "likelihood_ratios.json"
    write_json(
        path,
        {
            "schema": 1,
            "program": f"lpsr {__version__}",
            "labels": {"name": arguments.name or arguments.labels.name, "sha256": sha256(arguments.labels)},
            "layouts": [layout.pattern for layout in layouts],
            "models": {role: {"name": model.name, "sha256": model.sha256} for role, model in tools.models.items()},
            "calibration": tools.calibration.__dict__,
            "resamples": arguments.resamples,
            "widths": widths,
        },
    )
    show(widths)
    draw(widths, path.with_suffix(".svg"))
    Console().print(f"{path}, {path.with_suffix('.svg')}", highlight=False)
    return 0


def main(argv: Sequence[str] | None = None) -> int:
    """Entry point."""
    parser = argparse.ArgumentParser(description="Validate likelihood ratios on labelled crops.")
    add_table(parser)
    parser.add_argument("--out", type=Path, required=True, metavar="DIR", help="folder for the results")
    parser.add_argument("--widths", nargs="+", default=list(WIDTHS), metavar="W", help="pixels, or native")
    parser.add_argument("--name", default="", metavar="TEXT", help="what the pictures are called in reports")
    parser.add_argument("--layouts", default="brazilian,mercosur", metavar="LIST", help="layouts that texts may follow")
    parser.add_argument("--reader", default="lite", metavar="MODEL", help="released name or .onnx file")
    parser.add_argument("--generator", default="lite", metavar="MODEL", help="released name or .onnx file")
    parser.add_argument("--threads", type=int, default=0, metavar="N", help="CPU threads; 0 for as many as cores")
    parser.add_argument("--resamples", type=int, default=RESAMPLES, metavar="N", help="of the intervals")
    return run(parser.parse_args(argv))


if __name__ == "__main__":
    run_command(lambda: sys.exit(main()))
