"""What the comparison with rendered candidates says on labelled crops: how often it is right where it speaks.

    python -m benchmarks.rendered_candidates --labels plates.csv --folder plates/ --out runs/candidates.json

Takes the table of `benchmarks.likelihood_ratios`. Of every crop the likeliest texts are rendered and compared, and a
conclusion is drawn, as in a report of that crop alone (`lpsr_forensic`). Counted are the conclusions that hold a wrong
character, and, over pairs of the true text and another candidate, which of the two comes nearer to the pixels, by the
ratio of their squared residuals.
"""

from __future__ import annotations

import argparse
import sys
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from rich.console import Console
from rich.progress import track

from benchmarks.likelihood_ratios import add_table, load_table, narrowed, read
from lpsr_core.decode import MIN_PLATE, UNKNOWN, plate_score
from lpsr_core.errors import run_command
from lpsr_core.jsonfile import write_json
from lpsr_core.layouts import DEFAULT_LAYOUTS
from lpsr_core.metrics import gray
from lpsr_forensic.comparison import LEAST_FIT, TELLS_APART, compare
from lpsr_forensic.conclusion import candidate_texts, conclude, weigh
from lpsr_forensic.likelihood import TextSet
from lpsr_run.config import RunConfig
from lpsr_run.pipeline.tools import open_tools


def measure(arguments: argparse.Namespace, width: str) -> dict[str, Any]:
    """Figures of one width, for JSON."""
    labelled = load_table(arguments.labels, arguments.folder or arguments.labels.parent)
    order = np.random.default_rng(arguments.seed).permutation(len(labelled))[: arguments.count]
    crops = [narrowed(labelled[index].crop, width) for index in order]
    texts = [labelled[index].text for index in order]
    log_probs = read(open_tools(RunConfig(crops=".", threads=1)).reader.read, crops, f"read, {width}")
    explained, ratios, concluded = [], [], Counter[str]()
    possible = TextSet.of(DEFAULT_LAYOUTS)
    console = Console(stderr=True)
    for crop, text, each in track(
        list(zip(crops, texts, log_probs, strict=True)), f"compare, {width}", transient=True, console=console
    ):
        named = candidate_texts(each, DEFAULT_LAYOUTS)
        found = compare(gray(crop), named)
        weighed = weigh(each, named, found, possible)
        said = conclude(plate_score(each), MIN_PLATE, weighed, each, possible)
        holds = all(shown in (UNKNOWN, true) for shown, true in zip(said.text, text, strict=False))
        concluded[said.kind if holds else f"{said.kind}, wrong"] += 1
        errors = {one.text: one.error**2 for one in found}
        explained.append(max((one.explained for one in found), default=0.0))
        if text in errors and explained[-1] >= LEAST_FIT:
            ratios += [error / errors[text] for name, error in errors.items() if name != text]
    pairs = np.array(ratios)
    return {
        "crops": len(crops),
        "conclusions": dict(sorted(concluded.items())),
        "median_explained": round(float(np.median(explained)), 4),
        "fit": int((np.array(explained) >= LEAST_FIT).sum()),
        "pairs": len(pairs),
        "favours_truth": int((pairs >= TELLS_APART).sum()),
        "neutral": int(((pairs < TELLS_APART) & (pairs > 1 / TELLS_APART)).sum()),
        "favours_other": int((pairs <= 1 / TELLS_APART).sum()),
    }


def run(arguments: argparse.Namespace) -> int:
    """Measure, write and print."""
    figures = {}
    for width in arguments.widths:
        figures[width] = measure(arguments, width)
        write_json(arguments.out, figures)
        print(width, figures[width], flush=True)
    return 0


def main(argv: Sequence[str] | None = None) -> int:
    """Entry point."""
    parser = argparse.ArgumentParser(description="Compare rendered candidates with labelled crops.")
    add_table(parser)
    parser.add_argument("--out", type=Path, required=True, metavar="FILE", help="JSON file for the figures")
    parser.add_argument("--widths", nargs="+", default=["native", "48"], metavar="W", help="pixels, or native")
    parser.add_argument("--count", type=int, default=100, metavar="N", help="crops, drawn at random")
    parser.add_argument("--seed", type=int, default=1, metavar="N", help="of the draw")
    return run(parser.parse_args(argv))


if __name__ == "__main__":
    run_command(lambda: sys.exit(main()))
