from __future__ import annotations

import numpy as np
import pytest

from lpsr_core.delivery import Delivery
from lpsr_core.geometry import Image


@pytest.fixture
def crop() -> Image:
    rng = np.random.default_rng(1)
    return np.kron(rng.integers(40, 215, (9, 31, 3)), np.ones((5, 5, 1), int)).astype(np.uint8)


def test_wide_crops_become_narrower_and_narrow_ones_stay(crop: Image) -> None:
    assert Delivery(31).of(crop).shape == (9, 31, 3)
    assert Delivery(20).of(crop).shape == (8, 20, 3), "never lower than eight rows"
    assert Delivery(400).of(crop) is crop
    assert Delivery().of(crop) is crop


@pytest.mark.parametrize("codec", ["jpeg", "h264", "hevc"])
def test_harder_compression_loses_more(crop: Image, codec: str) -> None:
    if codec != "jpeg":
        pytest.importorskip("av")
    levels = (90, 20) if codec == "jpeg" else (20, 44)
    errors = []
    for level in levels:
        found = Delivery(None, codec, level).of(crop)  # type: ignore[arg-type]
        assert found.shape == crop.shape, "odd sides too"
        errors.append(np.abs(found.astype(int) - crop).mean())
    assert 0 < errors[0] < errors[1]


def test_it_says_what_it_does() -> None:
    assert Delivery(48, "h264", 30).compression == "h264, quantiser 30"
    assert Delivery(None, "jpeg", 40).compression == "jpeg, quality 40"
    assert Delivery(48).compression == "as it is"
