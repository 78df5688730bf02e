"""Alphabet and layouts: what a text is, and what is refused."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from lpsr_core.alphabet import ALPHABET, CLASSES, IS_DIGIT, decode_indices, encode, normalise
from lpsr_core.errors import LpsrError, UsageError
from lpsr_core.layouts import DEFAULT_LAYOUTS, Layout, parse_layouts


def test_there_are_36_classes_digits_first() -> None:
    assert CLASSES == 36
    assert IS_DIGIT.sum() == 10
    assert IS_DIGIT[:10].all()


@given(st.text(ALPHABET, min_size=7, max_size=7))
def test_encoding_is_invertible(text: str) -> None:
    indices = encode(text)
    assert indices.dtype == np.int64
    assert decode_indices(indices) == text


@pytest.mark.parametrize("text", ["", "ABC123", "ABC12345", "abc1234", "ABC-123", "ÃBC1234"])
def test_what_is_not_a_plate_is_refused_in_one_line(text: str) -> None:
    with pytest.raises(LpsrError) as error:
        encode(text)
    assert "\n" not in str(error.value)
    assert repr(text) in str(error.value)


@pytest.mark.parametrize("label", ["abc1d23", "ABC-1D23", "ABC 1D23", "ABC·1D23"])
def test_labels_are_normalised(label: str) -> None:
    assert normalise(label) == "ABC1D23"


def test_layouts_by_name_and_pattern() -> None:
    assert [layout.pattern for layout in parse_layouts(["Mercosur", "llddddd"])] == ["LLLDLDD", "LLDDDDD"]
    assert parse_layouts([]) == DEFAULT_LAYOUTS


@pytest.mark.parametrize("word", ["klingon", "LLD", "LLLDDDDD"])
def test_unknown_layouts_are_usage_errors(word: str) -> None:
    with pytest.raises(UsageError):
        parse_layouts([word])


def test_a_mask_allows_ten_digits_or_26_letters() -> None:
    mask = Layout("x", "LDLDLDL").mask
    assert mask.sum(axis=1).tolist() == [26, 10, 26, 10, 26, 10, 26]
