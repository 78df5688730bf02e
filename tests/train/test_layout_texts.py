"""Rendered plates follow any layout."""

from __future__ import annotations

import numpy as np
import pytest

from lpsr_core.layouts import KNOWN_LAYOUTS, parse_layouts
from lpsr_train.plates.style import random_style


@pytest.mark.parametrize("word", [*KNOWN_LAYOUTS, "DDLLLLL"])
def test_texts_follow_the_pattern(word: str) -> None:
    (layout,) = parse_layouts([word])
    for seed in range(20):
        style = random_style(np.random.default_rng(seed), pattern=layout.pattern)
        assert layout.fits(style.text)


def test_without_a_pattern_a_country_keeps_its_own() -> None:
    for country in ("brazilian", "mercosur"):
        first, second = (
            random_style(np.random.default_rng(3), country=country, pattern=pattern)
            for pattern in (None, KNOWN_LAYOUTS[country].pattern)
        )
        assert first == second
        assert KNOWN_LAYOUTS[country].fits(first.text)
