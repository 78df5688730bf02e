"""The rule of conclusion: the whole text, a part of it, or nothing; never a text that the data do not support."""

from __future__ import annotations

import numpy as np
import pytest

from lpsr_core.alphabet import CLASSES, PLATE_LENGTH, encode
from lpsr_core.layouts import DEFAULT_LAYOUTS
from lpsr_forensic.comparison import Compared
from lpsr_forensic.conclusion import CANDIDATES, Conclusion, candidate_texts, conclude, weigh
from lpsr_forensic.likelihood import TextSet

BOTH = TextSet.of(DEFAULT_LAYOUTS)
TEXT = "ABC8D36"


def says(*second: tuple[int, str, float], sure: float = 0.9995) -> np.ndarray:
    """Log-probabilities of `TEXT`, with a second character of a probability at some positions."""
    values = np.full((PLATE_LENGTH, CLASSES), (1 - sure) / (CLASSES - 1))
    values[np.arange(PLATE_LENGTH), encode(TEXT)] = sure
    for at, character, probability in second:
        values[at, encode(TEXT[:at] + character + TEXT[at + 1 :])[at]] = probability
        values[at, encode(TEXT)[at]] = sure - probability
    return np.log(values)


def compared(errors: dict[str, float], explained: float = 0.8) -> list[Compared]:
    blank = np.zeros((2, 2), np.float32)
    return [Compared(text, blank, blank, error, explained, 1.0) for text, error in errors.items()]


def concluded(
    said: np.ndarray,
    errors: dict[str, float] | None = None,
    plate: float = 0.99,
    explained: float = 0.8,
    altered: bool = False,
) -> Conclusion:
    named = candidate_texts(said, DEFAULT_LAYOUTS)
    assert len(named) == CANDIDATES
    assert named[0][0] == TEXT
    weighed = weigh(said, named, compared(errors or {}, explained), BOTH)
    return conclude(plate, 0.3, weighed, said, BOTH, altered)


def test_a_sure_text_is_concluded() -> None:
    found = concluded(says())
    assert (found.kind, found.text, found.reasons) == ("text", TEXT, ())


def test_candidates_are_weighed_against_all_texts_and_against_the_first() -> None:
    said = says((3, "6", 0.2))
    first, second, *_ = weigh(said, candidate_texts(said, DEFAULT_LAYOUTS), [], BOTH)
    assert (first.text, second.text) == (TEXT, "ABC6D36")
    assert first.log10_first == 0
    assert second.log10_first == pytest.approx(np.log10(0.7995 / 0.2))
    assert first.log10_lr == pytest.approx(np.log10(first.posterior / (1 - first.posterior) * (BOTH.size - 1)))
    assert first.relation == "not compared"


def test_a_character_with_low_odds_is_left_open() -> None:
    found = concluded(says((3, "6", 0.3)))
    assert (found.kind, found.text) == ("part", "ABC?D36")
    assert "Posterior odds below 10 to 1 leave open: position 4." in found.reasons


def test_a_near_rival_is_told_apart_by_the_pixels_or_leaves_its_character_open() -> None:
    said = says((3, "6", 0.03))  # the ratio against it is 32
    assert concluded(said).text == "ABC?D36"
    assert concluded(said, {TEXT: 10.0, "ABC6D36": 10.1}).text == "ABC?D36"
    assert concluded(said, {TEXT: 10.0, "ABC6D36": 11.0}).kind == "text"
    poor = concluded(said, {TEXT: 10.0, "ABC6D36": 11.0}, explained=0.2)
    assert poor.text == "ABC?D36", "a comparison that explains little does not count"


def test_a_rival_that_is_nearer_to_the_pixels_leaves_its_character_open_however_sure_the_networks_are() -> None:
    found = concluded(says((3, "6", 0.001)), {TEXT: 11.0, "ABC6D36": 10.0})
    assert (found.kind, found.text) == ("part", "ABC?D36")
    assert "nearer to the pixels" in found.reasons[0]


def test_characters_that_are_likely_one_by_one_may_not_be_together() -> None:
    said = says(sure=0.94)
    found = concluded(said, {text: 10.0 + 5 * (text != TEXT) for text, _ in candidate_texts(said, DEFAULT_LAYOUTS)})
    assert found.kind == "part"
    assert found.text.count("?") == 1
    assert "whole text" in found.reasons[0]


def test_few_characters_are_no_conclusion() -> None:
    found = concluded(says(*((at, other, 0.4) for at, other in enumerate(("X", "Y", "Z", "1")))))
    assert (found.kind, found.text) == ("none", "")
    assert found.reasons[-1] == "Fewer than 4 characters would remain."


@pytest.mark.parametrize(
    ("plate", "altered", "why"),
    [(0.2, False, "plate score 0.20 is below 0.3"), (0.99, True, "not what its manifest or its chain says")],
)
def test_no_plate_and_altered_evidence_are_no_conclusion(plate: float, altered: bool, why: str) -> None:
    found = concluded(says(), plate=plate, altered=altered)
    assert (found.kind, found.text) == ("none", "")
    assert why in found.reasons[0]


def test_different_plates_are_no_conclusion() -> None:
    weighed = weigh(says(), candidate_texts(says(), DEFAULT_LAYOUTS), [], BOTH)
    found = conclude(0.99, 0.3, weighed, says(), BOTH, different=True)
    assert (found.kind, found.text) == ("none", "")
    assert "show different plates" in found.reasons[0]


def test_nothing_known_is_no_conclusion() -> None:
    said = np.full((PLATE_LENGTH, CLASSES), -np.log(CLASSES))
    weighed = weigh(said, candidate_texts(said, DEFAULT_LAYOUTS), [], BOTH)
    assert conclude(0.99, 0.3, weighed, said, BOTH).kind == "none"
