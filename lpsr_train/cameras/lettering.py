"""Words and numbers that are no plates: of signs, shops, lorries, badges and telephone numbers.

Many of their typefaces are those of plates, too, so it is their texts that tell them apart: none follows the layout of
a plate. Where there are seven characters, they are all letters or all digits.
"""

from __future__ import annotations

from collections.abc import Sequence

import cv2
import numpy as np
from numpy.typing import NDArray

from lpsr_core.alphabet import ALPHABET, DIGITS, PLATE_LENGTH
from lpsr_train.plates.typefaces import PENS, RASTER_HEIGHT, Typeface, line_raster, paste, skeleton_raster
from lpsr_train.scenes.surroundings import FONTS, LETTERS, Picture, put_text, random_colour

_COUNTS = tuple(n for n in range(1, 15) if n != PLATE_LENGTH)
"""Characters that a text of letters at random may have."""
_MIXED_COUNTS = tuple(n for n in _COUNTS if not 5 <= n <= 8)
"""Characters that one of letters and digits may have: with 5 to 8 it may be a plate of some country."""
_CONSONANTS, _VOWELS, _ENDS = "BCDFGHJKLMNPRSTVXZ", "AAEEIOOU", "LMNRSXZ"
_CLEAR = 0.25
"""Least difference between the mean levels of most texts' ink and their ground."""


def draw_words(picture: Picture, rng: np.random.Generator, typefaces: Sequence[str]) -> None:
    """Write one or two lines over the middle of a picture, float32[H, W, 3] in 0..1, perhaps on a board with an edge.

    Paths of installed typefaces are used beside those of plates and OpenCV's.
    """
    height, width = picture.shape[:2]
    if rng.random() < 0.35:
        _board(picture, rng)
    colour = _ink(picture, rng)
    lines = 1 if rng.random() < 0.8 else 2
    for line in range(lines):
        text = random_text(rng)
        middle = height * (line + 0.5) / lines + float(rng.normal(0, 0.04)) * height
        tall = float(rng.uniform(0.3, 0.85)) * height / lines
        long = float(rng.uniform(0.5, 1.05)) * width
        left = (width - long) / 2 + float(rng.normal(0, 0.05)) * width
        _write(picture, text, (left, middle), (long, tall), colour, rng, typefaces)


def random_text(rng: np.random.Generator) -> str:
    """Draw a text that follows no layout of plates: a word, a number, both, or characters at random."""
    kind = rng.random()
    if kind < 0.35:
        return _cased(_word(rng), rng)
    if kind < 0.5:
        return _number(rng)
    if kind < 0.6:
        return f"{_cased(_word(rng), rng)} {_number(rng) if rng.random() < 0.5 else _cased(_word(rng), rng)}"
    signs, counts = (ALPHABET, _MIXED_COUNTS) if kind < 0.75 else (LETTERS, _COUNTS)
    return "".join(signs[i] for i in rng.integers(0, len(signs), int(rng.choice(counts))))


def _word(rng: np.random.Generator) -> str:
    """Syllables that could be of any language, in capitals."""
    syllables = []
    for _ in range(int(rng.choice([1, 2, 3, 4, 5], p=[0.1, 0.3, 0.32, 0.2, 0.08]))):
        syllable = str(rng.choice(list(_CONSONANTS))) if rng.random() < 0.9 else ""
        if syllable and rng.random() < 0.12:
            syllable += str(rng.choice(list("LR")))
        syllable += str(rng.choice(list(_VOWELS)))
        if rng.random() < 0.3:
            syllable += str(rng.choice(list(_ENDS)))
        syllables.append(syllable)
    return "".join(syllables)[:14]


def _cased(word: str, rng: np.random.Generator) -> str:
    kind = rng.random()
    return word if kind < 0.7 else word.capitalize() if kind < 0.85 else word.lower()


def _number(rng: np.random.Generator) -> str:
    """Digits as of a telephone, a price, a house or a bus line."""
    digits = "".join(DIGITS[i] for i in rng.integers(0, 10, int(rng.integers(1, 12))))
    if len(digits) > 3 and rng.random() < 0.5:
        gap = int(rng.integers(1, len(digits)))
        digits = digits[:gap] + str(rng.choice(["-", " ", ".", ","])) + digits[gap:]
    return digits


def _board(picture: Picture, rng: np.random.Generator) -> None:
    """A panel behind the words, with an edge or without."""
    height, width = picture.shape[:2]
    (x, y), (u, v) = rng.uniform(0, 0.12, 2), 1 - rng.uniform(0, 0.12, 2)
    ends = (int(x * width), int(y * height)), (int(u * width), int(v * height))
    cv2.rectangle(picture, *ends, random_colour(rng), -1)
    if rng.random() < 0.5:
        cv2.rectangle(picture, *ends, random_colour(rng), int(rng.integers(1, 7)))


def _ink(picture: Picture, rng: np.random.Generator) -> tuple[float, float, float]:
    """A colour that mostly differs from the picture's middle."""
    height, width = picture.shape[:2]
    ground = float(picture[height // 4 : 3 * height // 4, width // 4 : 3 * width // 4].mean())
    for _ in range(10):
        colour = random_colour(rng)
        if abs(float(np.mean(colour)) - ground) >= _CLEAR:
            break
    return colour


def _write(
    picture: Picture,
    text: str,
    start: tuple[float, float],
    size: tuple[float, float],
    colour: tuple[float, float, float],
    rng: np.random.Generator,
    typefaces: Sequence[str],
) -> None:
    """Write a line from a left end at a middle height, over at most a width and height in pixels."""
    (left, middle), (long, tall) = start, size
    kind = rng.random()
    if kind < 0.25:
        font, thick = int(rng.choice(FONTS)), int(rng.integers(1, 5))
        (wide, high), _ = cv2.getTextSize(text, font, 1.0, thick)
        scale = min(long / wide, tall / high)
        put_text(picture, text, (int(left), int(middle + tall / 2)), font, scale, colour, max(round(thick * scale), 1))
        return
    ink: NDArray[np.uint8] = np.zeros(picture.shape[:2], np.uint8)
    if kind < 0.75 and typefaces:
        raster = line_raster(str(typefaces[int(rng.integers(len(typefaces)))]), text)
        high, wide = raster.shape
        # Some are stretched, as on lorries and by the pixels of a recorder.
        stretch = float(rng.uniform(0.7, 1.4))
        scale = min(long / (wide * stretch), tall / high)
        paste(ink, raster, (left + long / 2, middle), (wide * stretch * scale, high * scale))
    else:
        _spell(ink, text.upper(), start, size, rng)
    cover = ink[..., None].astype(np.float32) / np.float32(255)
    picture *= 1 - cover
    picture += cover * np.array(colour, np.float32)


def _spell(
    ink: NDArray[np.uint8], text: str, start: tuple[float, float], size: tuple[float, float], rng: np.random.Generator
) -> None:
    """Write in a typeface of plates, each character in a place of the same width or close to the one before."""
    (left, middle), (long, tall) = start, size
    typeface: Typeface = "fe" if rng.random() < 0.5 else "mandatory"
    pen = int(rng.integers(PENS))
    rasters = [skeleton_raster(typeface, pen, sign) if sign in ALPHABET else None for sign in text]
    natural = np.array([raster.shape[1] / RASTER_HEIGHT if raster is not None else 0.35 for raster in rasters])
    gap = float(rng.uniform(0.06, 0.35))
    places = natural + gap if rng.random() < 0.5 else np.full(len(text), natural.max() + gap)
    tall = min(tall, 1.6 * long / float(places.sum()))
    scale = min(tall, long / float(places.sum()))
    x = left + (long - scale * float(places.sum())) / 2
    for raster, wide, place in zip(rasters, natural, places, strict=True):
        if raster is not None:
            paste(ink, raster, (x + scale * place / 2, middle), (scale * float(wide), tall))
        x += scale * float(place)
