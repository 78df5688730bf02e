"""Rendered plates follow any layout."""

from __future__ import annotations

import numpy as np
import pytest

from lpsr_core.errors import UsageError
from lpsr_core.layouts import KNOWN_LAYOUTS, layout_of, parse_layouts
from lpsr_train.config import TrainConfig
from lpsr_train.plates.pairs import PlateSource, render_pair
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


def test_rendered_pairs_follow_the_patterns_of_a_source() -> None:
    source = PlateSource(patterns=("LLDDDLL", "LLLLDDD"), degradations={"none": 1.0})
    texts = [render_pair(source, 1, index).text for index in range(12)]
    layouts = parse_layouts(["argentina", "paraguay"])
    found = {layout_of(text, layouts) for text in texts}
    assert found == set(layouts)


def test_a_run_knows_its_layouts() -> None:
    run = TrainConfig(layouts="argentina,LLLLDDD")
    assert [layout.pattern for layout in run.plate_layouts] == ["LLDDDLL", "LLLLDDD"]
    assert run.patterns == ("LLDDDLL", "LLLLDDD")
    assert TrainConfig().patterns == ()
    with pytest.raises(UsageError, match="atlantis"):
        TrainConfig(layouts="atlantis").check()
