"""Decoding: layouts constrain by position, confidences are probabilities."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lpsr_core.alphabet import ALPHABET, CLASSES, IS_DIGIT, PLATE_LENGTH, decode_indices, encode
from lpsr_core.decode import (
    MIN_PLATE,
    alternatives,
    confidences,
    decode,
    knowledge,
    log_mass,
    log_softmax,
    plate_score,
    together,
)
from lpsr_core.layouts import BRAZILIAN, DEFAULT_LAYOUTS, KNOWN_LAYOUTS, MERCOSUR, Layout, layout_of


def spelled(text: str, mass: float = 0.99) -> np.ndarray:
    """Log-probabilities that put `mass` on each of the text's characters and share the rest evenly."""
    probs = np.full((PLATE_LENGTH, CLASSES), (1 - mass) / (CLASSES - 1))
    probs[np.arange(PLATE_LENGTH), encode(text)] = mass
    return np.log(probs)


scores = st.integers(0, 2**32 - 1).map(lambda seed: np.random.default_rng(seed).normal(0, 3, (PLATE_LENGTH, CLASSES)))


def test_a_clear_text_is_read_with_its_layout() -> None:
    for text, layout in (("ABC1234", BRAZILIAN), ("ABC1D23", MERCOSUR)):
        reading = decode(spelled(text))
        assert (reading.text, reading.layout) == (text, layout)
        assert reading.confidence > 0.9
        assert "".join(position[0].character for position in reading.characters) == text


def test_layouts_turn_lookalikes_into_what_the_position_allows() -> None:
    probs = np.exp(spelled("ABC1234", 0.6))
    probs[0] = 1e-6
    probs[0, encode("8000000")[0]], probs[0, encode("BAAAAAA")[0]] = 0.7, 0.3
    assert decode(np.log(probs)).text == "BBC1234"


def test_a_layout_of_the_users_own_is_enough() -> None:
    reading = decode(spelled("AB123CD"), [Layout("mine", "LLDDDLL")])
    assert reading.text == "AB123CD"
    assert reading.layout.name == "mine"


def test_two_names_of_one_pattern_do_not_halve_the_confidence() -> None:
    once, twice = (
        decode(spelled("ABC1234"), [BRAZILIAN]),
        decode(spelled("ABC1234"), [BRAZILIAN, Layout("u", "LLLDDDD")]),
    )
    assert twice.confidence == pytest.approx(once.confidence)


@settings(max_examples=60, deadline=None)
@given(scores)
def test_every_reading_follows_its_layout(log_probs: np.ndarray) -> None:
    reading = decode(log_probs)
    assert reading.layout.fits(reading.text)
    assert 0 <= reading.confidence <= 1
    for position, allowed in zip(reading.characters, reading.layout.mask, strict=True):
        assert all(allowed[ALPHABET.index(candidate.character)] for candidate in position)
        probabilities = [candidate.probability for candidate in position]
        assert probabilities == sorted(probabilities, reverse=True)
        assert sum(probabilities) <= 1 + 1e-9


@settings(max_examples=30, deadline=None)
@given(scores, st.floats(-50, 50))
def test_shifting_a_row_changes_nothing(log_probs: np.ndarray, shift: float) -> None:
    """Sums over frames are not normalised; only differences within a position count."""
    moved = log_probs.copy()
    moved[3] += shift
    first, second = decode(log_probs), decode(moved)
    assert first.text == second.text
    assert first.confidence == pytest.approx(second.confidence, abs=1e-9)


@settings(max_examples=20, deadline=None)
@given(scores)
def test_confidence_is_the_share_among_all_texts_of_a_short_plate(log_probs: np.ndarray) -> None:
    """Against enumeration, where all but two positions are certain."""
    log_probs = log_probs.copy()
    log_probs[2:] = spelled("XYZ1234", 1 - 1e-12)[2:]
    reading = decode(log_probs, [BRAZILIAN])
    letters = np.flatnonzero(~IS_DIGIT)
    probs = np.exp(log_probs[:2, letters])
    joint = np.outer(probs[0] / probs[0].sum(), probs[1] / probs[1].sum())
    assert reading.confidence == pytest.approx(joint.max(), rel=1e-6)


def test_wrong_shapes_and_nan_are_refused() -> None:
    with pytest.raises(ValueError, match="7x36"):
        decode(np.zeros((6, CLASSES)))
    bad = np.zeros((PLATE_LENGTH, CLASSES))
    bad[0, 0] = np.nan
    with pytest.raises(ValueError, match="NaN"):
        decode(bad)


def test_minus_infinity_everywhere_in_a_layout_still_decodes() -> None:
    log_probs = np.full((PLATE_LENGTH, CLASSES), -np.inf)
    log_probs[:, 0] = 0.0
    assert len(decode(log_probs).text) == PLATE_LENGTH


@pytest.mark.parametrize(
    ("text", "name"), [("ABC1234", "brazilian"), ("ABC1D23", "mercosur"), ("AB123CD", "argentina")]
)
def test_layout_of(text: str, name: str) -> None:
    layout = layout_of(text, KNOWN_LAYOUTS.values())
    assert layout is not None
    assert layout.name == name
    assert layout_of("1234567", DEFAULT_LAYOUTS) is None


def test_looks_that_see_nothing_abstain_unless_they_are_many() -> None:
    rng = np.random.default_rng(8)
    told = np.log(rng.dirichlet(np.full(36, 0.1), (3, 7)) + 1e-9)
    told -= np.logaddexp.reduce(told, axis=-1, keepdims=True)
    flat = np.full((1, 7, 36), -np.log(36))
    assert float(knowledge(flat[0])) == pytest.approx(1 / 36)
    assert (knowledge(told) > 0.3).all()
    whole, most = together(told), together(np.concatenate([told[:2], flat]))
    assert np.allclose(whole, told.mean(axis=0))
    assert np.allclose(most, (told[:2].sum(axis=0) + flat[0]) / 2), "one of three abstains"
    few = together(np.concatenate([told[:1], flat, flat]))
    assert np.allclose(few, (told[0] + 2 * flat[0]) / 2), "a third at most"
    frames = np.stack([np.concatenate([told[:2], flat]), told], axis=1)
    assert np.allclose(together(frames), np.stack([most, whole])), "each frame for itself"


def test_alternatives_are_the_likeliest_texts_of_all() -> None:
    rng = np.random.default_rng(4)
    for _ in range(20):
        log_probs = log_softmax(rng.normal(0, 3, (7, 36)))
        few = np.argsort(-log_probs, axis=1)
        found = alternatives(log_probs, DEFAULT_LAYOUTS, 6)
        reading = decode(log_probs)
        assert found[0].text == reading.text
        assert found[0].probability == pytest.approx(reading.confidence)
        assert [each.probability for each in found] == sorted((each.probability for each in found), reverse=True)
        # Every text of the likeliest characters of each kind, counted out.
        best: dict[str, float] = {}
        for layout in DEFAULT_LAYOUTS:
            rows = [[i for i in few[p] if layout.mask[p, i]][:4] for p in range(7)]
            choices = np.array(list(itertools.product(*rows)))
            sums = log_probs[np.arange(7), choices].sum(axis=1)
            best |= {decode_indices(choices[k]): float(sums[k]) for k in np.argsort(-sums)[:12]}
        wanted = sorted(best, key=lambda text: -best[text])[:6]
        assert [each.text for each in found] == wanted
    assert sum(each.probability for each in alternatives(log_probs, count=2000)) <= 1 + 1e-9


def test_confidences_of_many_are_those_of_each() -> None:
    rows = np.random.default_rng(5).normal(0, 3, (20, 7, 36))
    layouts = (*DEFAULT_LAYOUTS, Layout("again", "LLLDDDD"), Layout("mine", "LLDDDLL"))
    expected = [decode(row, layouts).confidence for row in rows]
    np.testing.assert_allclose(confidences(rows, layouts), expected, rtol=1e-12)
    assert confidences(np.empty((0, 7, 36))).shape == (0,)


def test_a_covered_character_is_a_question_mark() -> None:
    log_probs = spelled("ABC1D23")
    log_probs[1] = np.log(np.where(IS_DIGIT, 1e-6, 1 / 26))
    reading = decode(log_probs)
    assert reading.certain() == "A?C1D23"
    assert reading.certain(0.01) == reading.text
    assert reading.certain(1.0) == "???????"
    assert reading.probabilities[1] == pytest.approx(1 / 26, rel=0.01)


def test_a_character_is_as_certain_as_its_layout() -> None:
    """Under either layout one class is left for the fifth position; which of the two it is, nobody knows."""
    log_probs = spelled("ABC1D23", 1 - 1e-9)
    log_probs[4] = np.log(1e-9)
    log_probs[4, encode("D444444")[:2]] = np.log([0.52, 0.48])
    reading = decode(log_probs)
    assert reading.text == "ABC1D23"
    assert reading.characters[4][0].probability == pytest.approx(1, abs=1e-6)
    assert reading.probabilities[4] == pytest.approx(0.52, abs=1e-6)
    assert reading.certain() == "ABC1?23"


def test_the_mass_of_plates_tells_them_from_other_pictures() -> None:
    assert np.exp(log_mass(spelled("ABC1D23"))) > 0.9
    assert np.exp(log_mass(np.zeros((7, 36)))) < 0.01


def test_a_plate_score_wants_characters_that_are_told() -> None:
    nothing_but_kinds = np.full((7, 36), -1e4)
    nothing_but_kinds[:3, 10:] = np.log(1 / 26)
    nothing_but_kinds[3:, :10] = np.log(1 / 10)
    assert np.exp(log_mass(nothing_but_kinds)) > 0.99  # all of it lies on texts that plates have
    assert plate_score(nothing_but_kinds) < MIN_PLATE
    half_covered = np.where(np.arange(7)[:, None] < 4, spelled("ABC1D23"), nothing_but_kinds)
    assert plate_score(half_covered) > 0.9
    assert plate_score(spelled("ABC1D23")) == pytest.approx(min(np.exp(log_mass(spelled("ABC1D23"))), 1.0))
    assert plate_score(np.zeros((7, 36))) < 0.01
