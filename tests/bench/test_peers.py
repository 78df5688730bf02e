"""What runs beside: as large a picture in, a text or a larger picture out."""

from __future__ import annotations

from importlib.metadata import entry_points

import numpy as np
import pytest

from lpsr_bench.peers.choose import GROUP
from lpsr_bench.peers.readers import enlarged, plain
from lpsr_core.geometry import Image


def test_texts_are_compared_without_what_plates_do_not_hold() -> None:
    assert plain("abc-1d23") == "ABC1D23"
    assert plain(" ABC·1D 23_") == "ABC1D23"


def test_readers_get_a_picture_they_can_see() -> None:
    assert enlarged(np.zeros((16, 48, 3), np.uint8)).shape == (64, 192, 3)


def test_the_projects_own_peers_are_registered() -> None:
    assert {"paper", "lite-torch", "sr3-20-steps"} <= {entry.name for entry in entry_points(group=GROUP)}


def test_lite_in_pytorch_enlarges() -> None:
    pytest.importorskip("torch", reason="needs the train extra")
    from lpsr_train.peers import lite_torch

    sr = lite_torch()(np.full((2, 3, 16, 48), 0.5, np.float32))
    assert sr.shape == (2, 3, 32, 96)
    assert sr.dtype == np.float32


def test_rapidocr_reads_a_clear_text() -> None:
    pytest.importorskip("rapidocr", reason="needs the peers extra")
    import cv2

    from lpsr_bench.peers.readers import rapidocr

    picture: Image = np.full((16, 48, 3), 255, np.uint8)
    cv2.putText(picture, "AB 12", (2, 12), cv2.FONT_HERSHEY_SIMPLEX, 0.42, (0, 0, 0), 1, cv2.LINE_AA)
    (text,) = rapidocr().read([picture]) or [""]
    assert "12" in text
