"""Plates of the world: their rows of characters, and the seals between them."""

from __future__ import annotations

import re

import numpy as np
import pytest

pytest.importorskip("torch", reason="rendering comes with the train extra")

from lpsr_train.plates.registration import draw_row, draw_seals, random_face, random_row
from lpsr_train.plates.world import draw_world_plate


@pytest.mark.parametrize(
    ("ratio", "row", "least", "most", "known"),
    [(4.7, None, 6, 8, r"[A-Z]{2}\*\d{3}[A-Z]{2}"), (2.0, None, 4, 7, r"[A-Z]{3} \d{4}"), (1.3, 0, 2, 4, r"[A-Z]{3}")],
)
def test_rows_have_the_forms_of_countries_and_others(
    ratio: float, row: int | None, least: int, most: int, known: str
) -> None:
    rng = np.random.default_rng(1)
    rows = [random_row(ratio, row, rng) for _ in range(600)]
    counts = {len(re.sub(r"[^A-Z0-9]", "", text)) for text in rows}
    assert (min(counts), max(counts)) == (least, most)
    assert 5 < sum(re.fullmatch(known, text) is not None for text in rows) < 200
    assert not [text for text in rows if text[0] in " -*" or text[-1] in " -" or re.search(r"[ -]{2}", text)]


def test_a_row_stays_in_its_box_and_leaves_room_for_a_seal() -> None:
    rng = np.random.default_rng(2)
    for _ in range(40):
        ink = np.zeros((100, 400), np.uint8)
        seals, tall = draw_row(ink, "AB*123CD", random_face((), rng), ((40, 20), (360, 80)), rng)
        assert not ink[:18].any()
        assert not ink[82:].any()
        assert not ink[:, :30].any()
        assert not ink[:, 370:].any()
        assert ink[20:80].any(axis=0).sum() > 60
        [(x, y)] = seals
        assert (ink[:, x] == 0).all(), "no character stands where the seal belongs"
        assert 40 <= tall <= 60
        picture = np.full((100, 400, 3), 0.5, np.float32)
        draw_seals(picture, seals, tall, rng)
        changed = np.argwhere(np.abs(picture - 0.5).max(axis=2) > 0.01)
        if len(changed):
            assert np.abs(changed - (y, x)).max() < 0.6 * tall


def test_every_kind_is_drawn() -> None:
    rng = np.random.default_rng(3)
    for _ in range(60):
        plate = draw_world_plate(float(rng.uniform(60, 400)), (), rng)
        picture = plate.face.picture
        assert np.isfinite(picture).all()
        (left, top), (right, bottom) = plate.face.corners[0].astype(int), plate.face.corners[2].astype(int)
        face = picture[top:bottom, left:right]
        assert face.std() > 0.01, "something is written on it"
