"""Where a plate's characters come from: the project's skeletons, or open typefaces found on the machine.

Rasters are made once for each (typeface, pen, character) and kept, because drawing them is the dearest part of
rendering a plate.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Literal

import cv2
import numpy as np
from numpy.typing import NDArray

from lpsr_core.errors import MissingExtraError
from lpsr_train.plates import fe, mandatory
from lpsr_train.plates.strokes import Glyph, Pen, rasterise

if TYPE_CHECKING:
    from PIL import ImageFont

Typeface = Literal["mandatory", "fe"]
SKELETONS = {"mandatory": mandatory.GLYPHS, "fe": fe.GLYPHS}
VARIANTS: dict[Typeface, dict[str, tuple[Glyph, ...]]] = {"mandatory": mandatory.VARIANTS, "fe": fe.VARIANTS}
"""Other forms of some characters; a pen draws always the same one."""
RASTER_HEIGHT = 80
"""Pixels; a plate's characters are at most this high in a photograph 500 pixels wide."""
PENS = 48
"""How many pens the project's own skeletons are drawn with."""

OPEN_TYPEFACES = (
    "opendin/OSP-DIN.ttf",
    "roboto/unhinted/RobotoTTF/Roboto-Medium.ttf",
    "roboto/unhinted/RobotoCondensed-Bold.ttf",
    "liberation2/LiberationSans-Bold.ttf",
    "liberation2/LiberationSans-Regular.ttf",
    "dejavu/DejaVuSansCondensed-Bold.ttf",
    "dejavu/DejaVuSans.ttf",
    "lato/Lato-Bold.ttf",
    "lato/Lato-Medium.ttf",
)
"""Typefaces of Debian packages under free licences, used when present to widen the variety."""
SIGN_FAMILIES = (
    "cabin",
    "cantarell",
    "comfortaa",
    "crosextra",
    "croscore",
    "dejavu",
    "ebgaramond",
    "firacode",
    "hack",
    "inter",
    "junction",
    "lato",
    "liberation",
    "liberation2",
    "linux-libertine",
    "opendin",
    "quicksand",
    "urw-base35",
    "vollkorn",
)
"""Folders of Debian's typefaces that words on signs are set in when present; others are kept to test with."""
_FONT_FOLDER = Path("/usr/share/fonts/truetype")
_SIGN_FOLDERS = (_FONT_FOLDER, Path("/usr/share/fonts/opentype"))
_SYMBOLS = ("Dingbats", "Symbols", "D050000L", "Ornaments", "Initials")
"""In the names of files that hold no letters."""


def sign_typefaces() -> tuple[str, ...]:
    """Paths of the typefaces for signs that this machine has."""
    found = (
        path
        for folder in _SIGN_FOLDERS
        for family in SIGN_FAMILIES
        for path in sorted((folder / family).rglob("*.[to]tf"))
        if not any(word in path.name for word in _SYMBOLS)
    )
    return tuple(map(str, found))


def open_typefaces(folder: Path = _FONT_FOLDER) -> tuple[str, ...]:
    """Paths of the open typefaces that this machine has."""
    return tuple(str(folder / name) for name in OPEN_TYPEFACES if (folder / name).is_file())


@cache
def pen(typeface: Typeface, index: int) -> Pen:
    """One of the `PENS` pens of a typeface; the same index is always the same pen."""
    rng = np.random.default_rng([index, 0 if typeface == "mandatory" else 1])
    return Pen(
        stroke=float(np.clip(rng.normal(0.165 if typeface == "mandatory" else 0.145, 0.022), 0.10, 0.23)),
        contrast=float(rng.uniform(0.85, 1.05)),
        roundness=float(rng.uniform(0.6, 1.4)),
        condensed=float(rng.uniform(0.88, 1.08) if typeface == "mandatory" else rng.uniform(0.93, 1.13)),
        wobble=float(rng.uniform(0, 0.018)),
        even=float(np.clip(rng.uniform(-0.3, 1.2), 0, 1)) if typeface == "mandatory" else 0.0,
    )


@cache
def skeleton_raster(typeface: Typeface, index: int, character: str) -> NDArray[np.uint8]:
    """A character drawn with a pen: uint8[RASTER_HEIGHT, w], 255 inside the ink, cut to the ink's box."""
    rng = np.random.default_rng([index, ord(character)])
    forms = (SKELETONS[typeface][character], *VARIANTS[typeface].get(character, ()))
    return rasterise(forms[int(rng.integers(len(forms)))], pen(typeface, index), RASTER_HEIGHT, rng)


@cache
def open_raster(path: str, character: str) -> NDArray[np.uint8]:
    """A character of an installed typeface, in the same form as `skeleton_raster`."""
    ink = line_raster(path, character)
    width = max(round(ink.shape[1] * RASTER_HEIGHT / ink.shape[0]), 2)
    return cv2.resize(ink, (width, RASTER_HEIGHT), interpolation=cv2.INTER_AREA)  # type: ignore[return-value]


def line_raster(path: str, text: str) -> NDArray[np.uint8]:
    """A line of text set in an installed typeface, about 160 pixels high and cut to the ink's box: uint8[h, w].

    Raises:
        MissingExtraError: Pillow is not installed.
    """
    try:
        from PIL import Image, ImageDraw
    except ImportError:
        raise MissingExtraError("Pillow", "train") from None

    font = _open_font(path)
    wide = int(font.getlength(text))
    picture = Image.new("L", (wide + 100, 260), 0)
    ImageDraw.Draw(picture).text((40, 20), text, font=font, fill=255)
    ink = np.asarray(picture)
    rows, columns = np.flatnonzero(ink.max(axis=1) > 64), np.flatnonzero(ink.max(axis=0) > 64)
    if not len(rows):  # a gap, or a typeface without these characters
        return np.zeros((2, 2), np.uint8)
    return ink[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1]


@cache
def _open_font(path: str) -> ImageFont.FreeTypeFont:
    from PIL import ImageFont

    return ImageFont.truetype(path, 160)


def paste(
    canvas: NDArray[np.uint8], raster: NDArray[np.uint8], centre: tuple[float, float], size: tuple[float, float]
) -> None:
    """Draw a raster, uint8[h, w], into a coverage picture, uint8[H, W], keeping the darker ink where they overlap.

    Where its middle goes, and the width and height that it takes, are in pixels of the canvas.
    """
    width, height = max(round(size[0]), 1), max(round(size[1]), 1)
    left, top = round(centre[0] - width / 2), round(centre[1] - height / 2)
    ink = cv2.resize(raster, (width, height), interpolation=cv2.INTER_AREA)
    x0, y0 = max(left, 0), max(top, 0)
    x1, y1 = min(left + width, canvas.shape[1]), min(top + height, canvas.shape[0])
    if x0 < x1 and y0 < y1:
        region = canvas[y0:y1, x0:x1]
        np.maximum(region, ink[y0 - top : y1 - top, x0 - left : x1 - left], out=region)


def write(
    canvas: NDArray[np.uint8],
    text: Sequence[str] | str,
    typeface: Typeface,
    pen_index: int,
    left: float,
    middle: float,
    height: float,
    width: float,
) -> None:
    """Writes small print (a municipality, BRASIL) evenly over a width, in skeleton letters.

    Args:
        canvas: uint8[H, W], changed in place.
        text: characters of the alphabet; anything else leaves a gap.
        left, middle: where the line starts and its vertical middle, in canvas pixels.
        height, width: of the line, in canvas pixels.
    """
    pitch = width / max(len(text), 1)
    for position, character in enumerate(text):
        if character in SKELETONS[typeface]:
            raster = skeleton_raster(typeface, pen_index, character)
            wide = min(raster.shape[1] * height / RASTER_HEIGHT, 0.86 * pitch)
            paste(canvas, raster, (left + (position + 0.5) * pitch, middle), (wide, height))
