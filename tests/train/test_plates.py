"""The renderer: the same seed gives the same bytes, and the bytes look as they did."""

from __future__ import annotations

import hashlib
import itertools
import subprocess
import sys
from pathlib import Path

import cv2
import numpy as np
import pytest

from lpsr_core.alphabet import ALPHABET, DIGITS, LETTERS
from lpsr_core.layouts import BRAZILIAN, MERCOSUR
from lpsr_train.plates.face import character_centres, draw_face
from lpsr_train.plates.pairs import PlateSource, render_pair
from lpsr_train.plates.street import StreetConfig, street
from lpsr_train.plates.strokes import Pen, rasterise
from lpsr_train.plates.style import random_style
from lpsr_train.plates.typefaces import SKELETONS

GOLDEN = Path(__file__).parent / "golden.png"


def golden_sheet() -> np.ndarray:
    """HR above LR of six plates."""
    pairs = [render_pair(PlateSource(), 11, index) for index in range(6)]
    lr = [cv2.resize(pair.lr, (96, 32), interpolation=cv2.INTER_NEAREST) for pair in pairs]
    return np.vstack([np.hstack([pair.hr for pair in pairs]), np.hstack(lr)])


def test_plates_look_as_they_did() -> None:
    """Versions of OpenCV may differ in the last bit of a pixel, not in what is drawn."""
    golden = cv2.cvtColor(cv2.imread(str(GOLDEN)), cv2.COLOR_BGR2RGB)
    difference = np.abs(golden_sheet().astype(int) - golden)
    assert difference.mean() < 1.0
    assert np.percentile(difference, 99) < 12


def test_the_same_seed_gives_the_same_bytes_in_any_process_and_order() -> None:
    script = (
        "import hashlib; from lpsr_train.plates.pairs import *;"
        "pairs = [render_pair(PlateSource(), 5, index) for index in (3, 1, 2)];"
        "print(hashlib.sha256(pairs[0].hr.tobytes() + pairs[0].lr.tobytes()).hexdigest())"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    here = render_pair(PlateSource(), 5, 3)
    assert hashlib.sha256(here.hr.tobytes() + here.lr.tobytes()).hexdigest() == done.stdout.strip()
    other = render_pair(PlateSource(), 6, 3)
    assert other.text != here.text or (other.hr != here.hr).any()


def test_pairs_have_the_papers_sizes_and_layouts() -> None:
    for index in range(20):
        pair = render_pair(PlateSource(), 2, index)
        assert pair.lr.shape == (16, 48, 3)
        assert pair.hr.shape == (32, 96, 3)
        assert (BRAZILIAN if pair.country == "brazilian" else MERCOSUR).fits(pair.text)


def test_every_letter_is_as_likely_as_another() -> None:
    """The prior of no state is taught."""
    rng = np.random.default_rng(1)
    texts = [random_style(rng, country="brazilian").text for _ in range(1500)]
    counts = np.array([sum(text[:3].count(letter) for text in texts) for letter in ALPHABET[10:]])
    expected = 1500 * 3 / 26
    assert (np.abs(counts - expected) < 5 * np.sqrt(expected)).all()


@pytest.mark.parametrize("typeface", SKELETONS)
def test_every_character_is_drawn_and_unlike_every_other(typeface: str) -> None:
    drawn = {}
    for character in ALPHABET:
        raster = rasterise(SKELETONS[typeface][character], Pen(), 60)
        assert raster.shape[0] == 60
        assert raster[:2].max() > 128, f"{character} reaches the top"
        assert raster[-2:].max() > 128, f"{character} reaches the bottom"
        share = (raster > 128).mean()
        assert 0.15 < share <= 1, character
        drawn[character] = cv2.resize(raster, (40, 60))
    alike = {frozenset("O0"), frozenset("1I")}
    for first in ALPHABET:
        for second in ALPHABET:
            if first < second and frozenset((first, second)) not in alike:
                difference = np.abs(drawn[first].astype(int) - drawn[second]).mean() / 255
                assert difference > 0.03, (first, second)


def test_a_mercosur_m_is_no_wider_than_its_h() -> None:
    """FE-Engschrift gives every letter one width and every digit another; only I is narrower."""
    widths = {character: rasterise(SKELETONS["fe"][character], Pen(), 80).shape[1] for character in ALPHABET}
    assert {widths[letter] for letter in LETTERS if letter != "I"} == {43}
    assert {widths[digit] for digit in DIGITS} == {41}
    assert widths["I"] < 41


def test_an_even_pen_levels_all_widths_but_those_of_bars() -> None:
    def width(character: str, even: float) -> int:
        return int(rasterise(SKELETONS["mandatory"][character], Pen(even=even), 80).shape[1])

    assert width("W", 0) > width("V", 0) > width("O", 0)
    assert width("W", 1) == width("V", 1) == width("O", 1) == width("8", 1)
    assert width("O", 0.5) < width("W", 0.5) < width("W", 0)
    assert width("1", 1) == width("1", 0) < width("I", 1) * 2


@pytest.mark.parametrize("country", ["brazilian", "mercosur"])
@pytest.mark.parametrize("motorcycles", [0.0, 1.0])
def test_characters_stand_on_the_plate_in_order(country, motorcycles: float) -> None:
    rng = np.random.default_rng(3)
    for _ in range(10):
        style = random_style(rng, country=country, motorcycles=motorcycles)
        width, height = (400, 130) if style.rows == 1 else (200, 170)
        centres = character_centres(style)
        assert len(centres) == 7
        assert all(0 < x < width and 0 < y < height for x, y in centres)
        rows = [centres] if style.rows == 1 else [centres[:3], centres[3:]]
        assert all(a[0] < b[0] for row in rows for a, b in itertools.pairwise(row))
        face = draw_face(style, 0.5, rng)
        assert face.picture.dtype == np.float32
        assert np.isfinite(face.picture).all()


def test_a_street_video_names_its_plates_and_their_places() -> None:
    config = StreetConfig(cars=2, size=(480, 270), rate=4, seconds=1.0, smallest=30, largest=80)
    frames = list(street(config))
    assert len(frames) == 8
    assert len({frame.text for frame in frames}) == 2
    for frame in frames:
        assert frame.image.shape == (270, 480, 3)
        low, high = frame.corners.min(axis=0), frame.corners.max(axis=0)
        assert (low >= 0).all()
        assert (high <= [480, 270]).all()
        box = frame.image[int(low[1]) : int(high[1]), int(low[0]) : int(high[0])]
        assert box.mean() > 60, "a light plate stands where the truth says"
    widths = [float(np.ptp(frame.corners[:, 0])) for frame in frames[:4]]
    assert widths == sorted(widths), "the car comes nearer"
