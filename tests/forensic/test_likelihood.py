"""Likelihood ratios by Bayes' rule, their verbal scale, and the figures that validate them."""

from __future__ import annotations

import sys
from itertools import product

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from toy_models import ROOT

sys.path.insert(0, str(ROOT))
from benchmarks.cllr import cllr, cllr_min, validate
from lpsr_core.alphabet import ALPHABET, CLASSES, PLATE_LENGTH, encode
from lpsr_core.decode import decode
from lpsr_core.layouts import BRAZILIAN, DEFAULT_LAYOUTS, MERCOSUR, Layout
from lpsr_forensic.likelihood import (
    TextSet,
    character_log10_lrs,
    character_posteriors,
    text_log10_lrs,
    text_log_posteriors,
    verbal,
)

BOTH = TextSet.of(DEFAULT_LAYOUTS)


def drawn(seed: int, count: int = 1) -> np.ndarray:
    """Random log-probabilities, float32[count, 7, 36]."""
    rng = np.random.default_rng(seed)
    return np.log(rng.dirichlet(np.full(CLASSES, 0.1), (count, PLATE_LENGTH)) + 1e-9).astype(np.float32)


def test_texts_of_the_layouts_are_counted() -> None:
    assert BOTH.size == 26**3 * 10**4 + 26**4 * 10**3
    assert TextSet.of([BRAZILIAN, Layout("again", "LLLDDDD")]).size == 26**3 * 10**4
    np.testing.assert_allclose(BOTH.character_priors().sum(axis=1), 1)
    np.testing.assert_allclose(BOTH.character_priors()[4], 1 / 36)  # letters and digits, by their number of texts


@pytest.mark.parametrize("seed", range(5))
def test_probabilities_are_those_of_the_decoder(seed: int) -> None:
    said = drawn(seed)
    reading = decode(said[0])
    found = np.exp(text_log_posteriors(said, [reading.text], BOTH))[0, 0]
    assert found == pytest.approx(reading.confidence)
    own = character_posteriors(said, BOTH)[0][np.arange(PLATE_LENGTH), encode(reading.text)]
    np.testing.assert_allclose(own, reading.probabilities)


def test_a_text_ratio_is_its_likelihood_over_the_mean_of_all_others() -> None:
    """By enumeration: two characters are possible at each position, and all other texts have likelihood zero."""
    rng = np.random.default_rng(3)
    said = np.full((1, PLATE_LENGTH, CLASSES), -1e3)
    pairs = [("AB", "CD", "EF", "12", "34", "56", "78")[at] for at in range(PLATE_LENGTH)]
    weights = rng.dirichlet((1, 1), PLATE_LENGTH)
    for at, pair in enumerate(pairs):
        for which, character in enumerate(pair):
            said[0, at, ALPHABET.index(character)] = np.log(weights[at, which])
    likelihood = {
        "".join(text): float(np.prod([weights[at, pairs[at].index(c)] for at, c in enumerate(text)]))
        for text in product(*pairs)
    }
    texts = list(likelihood)
    found = text_log10_lrs(said, texts, TextSet.of([BRAZILIAN]))[0]
    total, number = sum(likelihood.values()), TextSet.of([BRAZILIAN]).size
    wanted = [likelihood[text] / ((total - likelihood[text]) / (number - 1)) for text in texts]
    np.testing.assert_allclose(found, np.log10(wanted), atol=1e-9)


def test_a_text_that_no_layout_allows_is_impossible() -> None:
    assert text_log10_lrs(drawn(1), ["1234567"], BOTH)[0, 0] == -np.inf


def test_what_says_nothing_has_a_ratio_of_one() -> None:
    flat = np.zeros((1, PLATE_LENGTH, CLASSES))
    np.testing.assert_allclose(text_log10_lrs(flat, ["ABC1234", "ABC1D23"], BOTH), 0, atol=1e-6)
    ratios = character_log10_lrs(flat, BOTH)[0]
    assert np.isnan(ratios[0, 0]), "a digit where all layouts have a letter"
    np.testing.assert_allclose(ratios[0, 10:], 0, atol=1e-9)


def test_arrays_of_another_shape_and_nan_are_refused() -> None:
    with pytest.raises(ValueError, match="N x 7 x 36"):
        character_posteriors(np.zeros((7, 36)), BOTH)
    with pytest.raises(ValueError, match="without NaN"):
        character_posteriors(np.full((1, 7, 36), np.nan), BOTH)


@pytest.mark.parametrize(
    ("log10", "words"),
    [
        (0.0, "no support for either proposition"),
        (0.3, "no support for either proposition"),
        (0.5, "weak support"),
        (1.5, "moderate support"),
        (2.5, "moderately strong support"),
        (3.5, "strong support"),
        (5.9, "very strong support"),
        (6.1, "extremely strong support"),
        (-2.5, "moderately strong support for the alternative"),
    ],
)
def test_words_of_the_scale(log10: float, words: str) -> None:
    assert verbal(log10) == words


def test_cllr_by_its_definition() -> None:
    same, different = np.log10([4.0, 9.0]), np.log10([0.5, 1 / 3])
    wanted = 0.5 * (np.log2([1.25, 1 + 1 / 9]).mean() + np.log2([1.5, 4 / 3]).mean())
    assert cllr(same, different) == pytest.approx(wanted)
    assert cllr(np.zeros(3), np.zeros(5)) == pytest.approx(1)
    assert cllr(np.full(3, 9.0), np.full(5, -np.inf)) == pytest.approx(0, abs=1e-6)
    assert cllr(np.array([-2.0]), np.array([2.0])) > 6, "it misleads"


def test_the_least_cost_is_that_of_the_order_alone() -> None:
    assert cllr_min(np.array([1.0, 2.0]), np.array([-1.0, 0.0])) == 0, "a threshold parts them"
    assert cllr_min(np.array([0.0, 0.0]), np.array([0.0])) == pytest.approx(1), "equal values are one"
    # One of each on the wrong side of the other: two groups, of which the pooled one has odds of 1 to 1.
    same, different = np.array([0.0, 2.0]), np.array([1.0, -1.0])
    assert cllr_min(same, different) == pytest.approx(0.5)


@settings(max_examples=20)
@given(st.integers(0, 1000), st.floats(0.2, 4), st.floats(-2, 2))
def test_recalibration_changes_the_cost_and_not_its_least(seed: int, slope: float, offset: float) -> None:
    rng = np.random.default_rng(seed)
    same, different = rng.normal(1, 1, 40), rng.normal(-1, 1, 60)
    found = validate(same, different)
    assert 0 <= found.cllr_min <= found.cllr
    again = cllr_min(slope * same + offset, slope * different + offset)
    assert again == pytest.approx(found.cllr_min, abs=1e-9)
    assert found.misleading_same == (same < 0).mean()
    assert found.largest_misleading == different.max()


def test_both_kinds_of_comparisons_are_needed() -> None:
    with pytest.raises(ValueError, match="both kinds"):
        validate(np.array([1.0]), np.array([]))


def test_a_brazilian_and_a_mercosur_text_are_weighed_together() -> None:
    said = drawn(7)
    texts = ["ABC1234", "ABC1D34"]
    both = np.exp(text_log_posteriors(said, texts, BOTH))[0]
    one = np.exp(text_log_posteriors(said, texts, TextSet.of([MERCOSUR])))[0]
    assert one[0] == 0
    assert one[1] > both[1] > 0
