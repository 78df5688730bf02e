"""A plate of the Python interface beside the line that the command writes for it."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import lpsr
from lpsr_core.geometry import Quad
from lpsr_run.sources import read_image

EXACT = ("text", "certain", "layout", "source", "frames", "agreeing", "event")
ROUNDED = 1e-4
"""The command rounds probabilities to four digits, and coordinates to one."""


def agree(plates: list[lpsr.Plate], reads: list[dict[str, Any]]) -> None:
    """Make sure that plates are the reads of the command, one by one, with their pictures."""
    assert [plate.text for plate in plates] == [read["text"] for read in reads]
    for plate, read in zip(plates, reads, strict=True):
        assert {name: getattr(plate, name) for name in EXACT} == {name: read[name] for name in EXACT}
        assert plate.confidence == pytest.approx(read["confidence"], abs=ROUNDED)
        assert plate.plate_score == pytest.approx(read["plate"], abs=ROUNDED)
        said = [(other.text, round(other.probability, 4)) for other in plate.alternatives]
        assert said == [(other["text"], other["probability"]) for other in read["alternatives"]]
        listed = [[(one.character, round(one.probability, 4)) for one in position] for position in plate.characters]
        assert listed == [[(one["character"], one["probability"]) for one in each] for each in read["characters"]]
        if plate.corners is not None:
            box = Quad(plate.corners).box
            assert [box.x, box.y, box.width, box.height] == pytest.approx(
                [read["box"][side] for side in ("x", "y", "width", "height")], abs=0.1
            )
        np.testing.assert_array_equal(plate.lr_image, read_image(read["lr_image"]))
        assert (plate.sr_image is None) == (read["sr_image"] is None)
        if plate.sr_image is not None:
            np.testing.assert_array_equal(plate.sr_image, read_image(read["sr_image"]))
