"""Characters at the frame's border are doubted, and no others."""

from __future__ import annotations

import numpy as np
import pytest

from lpsr_core.alphabet import encode
from lpsr_core.decode import decode
from lpsr_core.geometry import Box, Quad
from lpsr_run.pipeline.cut_off import doubt_cut_off

SIZE = (640, 360)


def sure(text: str = "ABC1234") -> np.ndarray:
    """What networks say that are sure of a text: float32[7, 36]."""
    said = np.full((7, 36), 0.03 / 35)
    said[np.arange(7), encode(text)] = 0.97
    return np.log(said).astype(np.float32)


@pytest.mark.parametrize(("left", "cut"), [(0, 0), (-12, 0), (1.5, 0), (540, 6), (550, 6)])
def test_the_outermost_character_at_the_border_is_not_believed(left: float, cut: int) -> None:
    said = doubt_cut_off(sure(), Quad.from_box(Box(left, 100, 100, 32)), SIZE)
    assert np.exp(said).sum(axis=1) == pytest.approx(1, abs=1e-4)
    assert np.exp(said[cut]).max() < 0.3
    others = [place for place in range(7) if place != cut]
    assert (said[others] == sure()[others]).all()
    assert said[cut].argmax() == sure()[cut].argmax(), "the best guess is still one"
    reading = decode(said)
    assert reading.text == "ABC1234"
    assert reading.confidence < 0.5


@pytest.mark.parametrize("left", [3, 200, 537])
def test_plates_inside_the_frame_are_believed(left: float) -> None:
    said = sure()
    assert doubt_cut_off(said, Quad.from_box(Box(left, 0, 100, 32)), SIZE) is said


def test_a_plate_as_wide_as_the_frame_is_doubted_on_both_sides() -> None:
    said = np.exp(doubt_cut_off(sure(), Quad.from_box(Box(-5, 0, 650, 200)), SIZE))
    assert (said.max(axis=1) < 0.3).tolist() == [True, False, False, False, False, False, True]
