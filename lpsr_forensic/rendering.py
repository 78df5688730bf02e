"""Draws candidates as the plates that they would be: the one place that uses the training side's renderer."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from lpsr_core.layouts import BRAZILIAN, MERCOSUR
from lpsr_train.plates.face import draw_face
from lpsr_train.plates.style import Country, PlateStyle

SCALE = 1.0
"""Pixels of a rendering for each millimetre."""
CHARACTERS = (14.0, 42.0, 386.0, 118.0)
"""Left, top, right and bottom of the row of characters, in millimetres of a plate of 400 x 130."""
_COUNTRIES: dict[str, Country] = {BRAZILIAN.pattern: "brazilian", MERCOSUR.pattern: "mercosur"}
"""By pattern of layout: those whose plates the renderer draws."""


@dataclass(frozen=True)
class Rendering:
    """A drawn plate.

    Attributes:
        text: its seven characters.
        luma: float32[H, W], reflectance 0..1, with surroundings; dark characters on a light face.
        corners: float32[4, 2], the plate's corners in it in pixels, clockwise from the top left.
    """

    text: str
    luma: NDArray[np.float32]
    corners: NDArray[np.float32]

    @property
    def characters(self) -> tuple[int, int, int, int]:
        """Left, top, right and bottom of the row of characters, in pixels."""
        x, y = self.corners[0]
        left, top, right, bottom = CHARACTERS
        return round(x + left * SCALE), round(y + top * SCALE), round(x + right * SCALE), round(y + bottom * SCALE)


def drawable(pattern: str) -> bool:
    """Whether the renderer draws plates of a layout's pattern."""
    return pattern in _COUNTRIES


def render(text: str, pattern: str, pen: int = 0) -> Rendering:
    """Draw a clean plate in even light: no wear, dirt, seal, frame or town.

    Args:
        text: seven characters.
        pattern: of its layout; `drawable`.
        pen: which of the drawn forms of the typeface.
    """
    country = _COUNTRIES[pattern]
    style = PlateStyle(
        text=text,
        country=country,
        rows=1,
        face=(0.9, 0.9, 0.9),
        ink=(0.06, 0.06, 0.06),
        pen=pen,
        open_typeface=None,
        glyph_height=64.0,
        glyph_width=1.0,
        pitch=47.5 if country == "brazilian" else 46.0,
        shift=(0.0, 0.0),
        jitter=0.0,
        strip="",
        seal=None,
        emboss=0.0,
        wear=0.0,
        dirt=0.0,
        sheen=0.0,
        frame=False,
    )
    face = draw_face(style, SCALE, np.random.default_rng(0))
    return Rendering(text, np.ascontiguousarray(face.picture.mean(axis=2)), face.corners)
