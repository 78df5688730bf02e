"""What each step of the rendered cameras is worth on real crops: a reader trained without it, beside one with all.

    python -m benchmarks.leave_one_out --data FOLDER --init RUN --work runs/leave-one-out --out runs/leave-one-out.json

FOLDER holds labelled crops of real cameras (`lpsr_core.labelled`), RUN a reader that never saw these cameras. Every row
begins with that reader and takes as many steps on as many shots, drawn with the same seed; a step that is left out
stays at its neutral setting and changes nothing else that is drawn. Rows that are trained are not trained again.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from rich.console import Console
from rich.table import Table

from lpsr_core.alphabet import encode
from lpsr_core.decode import decode
from lpsr_core.delivery import Delivery
from lpsr_core.errors import LpsrError
from lpsr_core.geometry import READ_SIZE, resize, to_tensor
from lpsr_core.jsonfile import write_json
from lpsr_core.labelled import Labelled, load_labelled
from lpsr_core.metrics import wilson
from lpsr_train.cameras.camera import STEPS
from lpsr_train.cameras.framing import CHOICES
from lpsr_train.training.trainer import load_trained

ROWS = ("", *STEPS, *CHOICES)
"""What is left out; nothing at first."""
WIDTHS = (None, 48)
_BATCH = 64


@dataclass(frozen=True)
class Row:
    """What a reader makes of real crops.

    Attributes:
        without: what was left out of its training.
        width: to which crops were narrowed; None as they are.
        right: bool[N], by crop.
        log_likelihood: mean of the true texts', in nats.
    """

    without: str
    width: int | None
    right: NDArray[np.bool_]
    log_likelihood: float


def train(without: str, init: Path, work: Path, steps: int, pairs: int) -> Path:
    """Trains a row's reader, unless that was done; returns its run."""
    folder = work / (without or "all")
    folder.mkdir(parents=True, exist_ok=True)
    config = folder / "train.toml"
    config.write_text(
        f'shots = true\nwithout = "{without}"\nvalidation = 16\nvalidate_every = {steps}\n'
        "open_share = 0.12\nseed = 20261201\nreader_rate = 7e-4\nwarmup = 50\n"
    )
    options = ["--steps", steps, "--pairs", pairs, "--config", config, "--init", init, "--out", folder]
    command = [sys.executable, "-m", "lpsr_train", "fit", "--preset", "auxiliary", *map(str, options)]
    if subprocess.run(command, check=False).returncode:
        raise LpsrError(f"{folder}: the training failed; run again to go on")
    for shard in (folder / "pool").glob("shard-*.npy"):  # hundreds of megabytes that nothing needs again
        shard.unlink()
    return folder


def measure(run: Path, without: str, plates: Sequence[Labelled]) -> list[Row]:
    """Reads real crops directly, in one view, as they are and narrower."""
    reader = load_trained(run).reader
    rows = []
    for width in WIDTHS:
        delivery, right, sums = Delivery(width), [], 0.0
        for start in range(0, len(plates), _BATCH):
            chosen = plates[start : start + _BATCH]
            batch = torch.from_numpy(to_tensor([resize(delivery.of(plate.crop), READ_SIZE) for plate in chosen]))
            with torch.no_grad():
                log_probs = reader(batch).numpy()
            right += [decode(row).text == plate.text for row, plate in zip(log_probs, chosen, strict=True)]
            sums += sum(
                float(row[range(7), encode(plate.text)].sum()) for row, plate in zip(log_probs, chosen, strict=True)
            )
        rows.append(Row(without, width, np.array(right), sums / len(plates)))
    return rows


def main(arguments: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--init", type=Path, required=True)
    parser.add_argument("--work", type=Path, required=True)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--steps", type=int, default=500)
    parser.add_argument("--pairs", type=int, default=8192)
    parser.add_argument("--only", default=",".join(ROWS), help="rows, by what they leave out, joined by commas")
    chosen = parser.parse_args(arguments)
    plates = load_labelled(chosen.data)
    found: dict[str, list[Row]] = {"begun with": measure(chosen.init, "begun with", plates)}
    for without in (row for row in ROWS if row in chosen.only.split(",")):
        run = train(without, chosen.init, chosen.work, chosen.steps, chosen.pairs)
        found[without] = measure(run, without, plates)
        report(found, plates, chosen)


def report(found: dict[str, list[Row]], plates: Sequence[Labelled], chosen: argparse.Namespace) -> None:
    """Prints and writes what is there."""
    table = Table(title=f"{len(plates)} real crops, read directly; {chosen.steps} steps of 64 shots")
    for head in ("without", "width", "all 7, % [95 %]", "difference to all steps, points", "log-likelihood"):
        table.add_column(head)
    document = []
    for rows in found.values():
        for row, whole in zip(rows, found.get("", rows), strict=True):
            low, high = wilson(int(row.right.sum()), len(row.right))
            # Crop by crop: what both read is no difference.
            apart = 100 * (row.right.astype(float) - whole.right)
            gap, error = float(apart.mean()), float(1.96 * apart.std() / np.sqrt(len(apart)))
            name = row.without or "nothing"
            wide = "as it is" if row.width is None else str(row.width)
            rate = 100 * float(row.right.mean())
            table.add_row(
                name,
                wide,
                f"{rate:.1f} [{low:.1f}, {high:.1f}]",
                f"{gap:+.1f} ± {error:.1f}",
                f"{row.log_likelihood:.2f}",
            )
            document.append(
                {
                    "without": name,
                    "width": row.width,
                    "percent": round(rate, 2),
                    "interval": [round(low, 2), round(high, 2)],
                    "points_less_than_all": round(-gap, 2),
                    "points_uncertainty": round(error, 2),
                    "log_likelihood": round(row.log_likelihood, 3),
                }
            )
    Console().print(table)
    write_json(chosen.out, {"crops": len(plates), "steps": chosen.steps, "shots": chosen.pairs, "rows": document})


if __name__ == "__main__":
    main()
