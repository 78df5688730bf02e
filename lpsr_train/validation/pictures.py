"""Contact sheets and curves: what a person looks at to judge a run."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from lpsr_core.alphabet import ALPHABET, CLASSES
from lpsr_core.errors import LpsrError
from lpsr_core.geometry import Image

_TILE = (288, 96)
_LABEL = 22
_NOTABLE = 5.0
"""Share of a character's plates, in percent, from which on a confusion is written out."""


def tile(image: Image, label: str, good: bool | None = None) -> Image:
    """Enlarge a picture, uint8[H, W, 3], to a common size, with a line of text under it.

    The text is green or red by whether it is good, and white when None.
    """
    enlarged = cv2.resize(image, _TILE, interpolation=cv2.INTER_CUBIC)
    strip = np.full((_LABEL, _TILE[0], 3), 24, np.uint8)
    colour = {None: (235, 235, 235), True: (120, 230, 140), False: (255, 130, 110)}[good]
    cv2.putText(strip, label, (6, 16), cv2.FONT_HERSHEY_SIMPLEX, 0.5, colour, 1, cv2.LINE_AA)
    return np.vstack([enlarged, strip])


def plate_row(
    lr: Image, made: Sequence[tuple[str, Image, str | None]], hr: Image, truth: str, note: str = ""
) -> list[Image]:
    """Tiles of one plate: LR, what was made of it, and HR.

    Args:
        lr, hr: uint8[H, W, 3].
        made: name of a picture, the picture, and what was read of it, or None where nobody read.
        truth: the plate's text.
        note: beside LR.
    """
    tiles = [tile(lr, f"LR{note}")]
    for name, picture, text in made:
        tiles.append(tile(picture, f"{name}  {text or ''}", None if text is None else text == truth))
    return [*tiles, tile(hr, f"HR  {truth}")]


def sheet(rows: Sequence[Sequence[Image]], gap: int = 4) -> Image:
    """Lays equally large tiles out in rows; short rows are filled up."""
    columns = max(len(row) for row in rows)
    height, width = rows[0][0].shape[:2]
    out = np.full((len(rows) * (height + gap) + gap, columns * (width + gap) + gap, 3), 60, np.uint8)
    for y, row in enumerate(rows):
        for x, picture in enumerate(row):
            top, left = gap + y * (height + gap), gap + x * (width + gap)
            out[top : top + height, left : left + width] = picture
    return out


def write_png(path: Path, image: Image) -> None:
    """Writes an RGB picture as PNG, making its folder when missing.

    Raises:
        LpsrError: it cannot be written.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    ok, data = cv2.imencode(".png", cv2.cvtColor(image, cv2.COLOR_RGB2BGR))
    if not ok:
        raise LpsrError(f"{path}: the picture cannot be encoded as PNG")
    path.write_bytes(data.tobytes())


def write_curves(path: Path, history: Sequence[dict[str, Any]]) -> None:
    """Plots a run's losses and recognition rates over its steps.

    Args:
        path: PNG to write.
        history: one entry a validation: `step`, `losses` (name -> mean) and `rates` (name -> percent all seven, or
            SSIM in percent where nothing is read).
    """
    from matplotlib.figure import Figure

    figure = Figure((12, 4.5), layout="constrained")
    losses, rates = figure.subplots(1, 2)
    steps = [entry["step"] for entry in history]
    for name in history[-1]["losses"]:
        losses.plot(steps, [entry["losses"].get(name, float("nan")) for entry in history], label=name)
    losses.set(xlabel="step", ylabel="loss, mean since the last validation", yscale="log", title="Losses")
    losses.legend()
    for name in history[-1]["rates"]:
        rates.plot(steps, [entry["rates"].get(name, float("nan")) for entry in history], label=name, marker=".")
    read = not all(name.startswith("ssim") for name in history[-1]["rates"])
    label = "plates with all seven right, %" if read else "likeness to HR, %"
    rates.set(xlabel="step", ylabel=label, ylim=(0, 100), title="Validation")
    rates.grid(alpha=0.3)
    rates.legend()
    figure.savefig(path, dpi=110)


def write_confusion(path: Path, confusion: NDArray[np.integer]) -> None:
    """Plot which characters were read as which, as PNG.

    Counts are int[36, 36]: rows are true classes, columns what was read.
    """
    from matplotlib.figure import Figure

    shares = 100 * confusion / np.maximum(confusion.sum(axis=1, keepdims=True), 1)
    wrong = shares - np.diag(np.diag(shares))
    figure = Figure((10, 9), layout="constrained")
    axes = figure.subplots()
    picture = axes.imshow(wrong, cmap="magma_r", vmin=0, vmax=max(float(wrong.max()), 1.0))
    axes.set_xticks(range(CLASSES), ALPHABET)
    axes.set_yticks(range(CLASSES), ALPHABET)
    axes.set(xlabel="read", ylabel="true", title="Characters read wrongly; the diagonal is left out")
    for row, column in np.argwhere(wrong >= _NOTABLE):
        share = wrong[row, column]
        colour = "white" if share > wrong.max() / 2 else "black"
        axes.text(column, row, f"{share:.0f}", ha="center", va="center", fontsize=7, color=colour)
    figure.colorbar(picture, label="share of the true character, %", shrink=0.7)
    path.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(path, dpi=110, format="png")
