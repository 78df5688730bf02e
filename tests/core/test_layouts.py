"""Layouts: by name, by pattern, and from a user's file."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from lpsr_core.alphabet import CLASSES, encode
from lpsr_core.decode import decode
from lpsr_core.errors import UsageError
from lpsr_core.layouts import BRAZILIAN, DEFAULT_LAYOUTS, KNOWN_LAYOUTS, load_layouts, parse_layouts


def test_words_are_names_or_patterns() -> None:
    found = parse_layouts(["Argentina", " paraguay", "ddlllld"])
    assert [layout.pattern for layout in found] == ["LLDDDLL", "LLLLDDD", "DDLLLLD"]
    assert parse_layouts([]) == DEFAULT_LAYOUTS
    assert KNOWN_LAYOUTS["uruguay"].fits("SAB1234")


def test_a_file_of_layouts_stands_among_the_words(tmp_path: Path) -> None:
    path = tmp_path / "Mine.toml"
    path.write_text('[[layout]]\nname = "chile"\npattern = "LLLLDDD"\n[[layout]]\nname = "x"\npattern = "dllllld"\n')
    found = parse_layouts(["brazilian", str(path)])
    assert [(layout.name, layout.pattern) for layout in found[1:]] == [("chile", "LLLLDDD"), ("x", "DLLLLLD")]
    assert found[0] == BRAZILIAN


def test_the_decoder_follows_a_user_s_layout() -> None:
    scores = np.full((7, CLASSES), -5.0)
    scores[np.arange(7), encode("AB123CD")] = -1.0
    scores[np.arange(7), encode("ABIZBC0")] = -0.5
    assert decode(scores, parse_layouts(["LLDDDLL"])).text == "AB123CD"


@pytest.mark.parametrize(
    ("pattern", "words"),
    [("LLLDDD", "has 6 characters; the networks read 7"), ("LLLLDDDD", "has 8 characters"), ("moon", "unknown layout")],
)
def test_other_lengths_are_refused_in_one_line(pattern: str, words: str) -> None:
    with pytest.raises(UsageError, match=words):
        parse_layouts([pattern])


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("[[layout]\n", "not TOML"),
        ("", "holds no layouts"),
        ("[layout]\nname = 'a'\n", "holds no layouts"),
        ("other = 1\n[[layout]]\nname = 'a'\npattern = 'LLLDDDD'\n", "holds no layouts"),
        ("[[layout]]\npattern = 'LLLDDDD'\n", "layout 1: needs a name and a pattern"),
        ("[[layout]]\nname = 'a'\npattern = 7\n", "layout 1: needs a name and a pattern"),
        ("[[layout]]\nname = 'a'\npattern = 'LLLDDD'\n", "layout 1: layout 'LLLDDD' has 6 characters"),
        ("[[layout]]\nname = 'a'\npattern = 'ABC1234'\n", "layout 1: layout 'ABC1234' is not made of"),
    ],
)
def test_wrong_files_are_one_line(tmp_path: Path, text: str, words: str) -> None:
    path = tmp_path / "layouts.toml"
    path.write_text(text)
    with pytest.raises(UsageError, match=words) as error:
        load_layouts(path)
    assert str(path) in str(error.value)
    assert "\n" not in str(error.value)


def test_a_missing_file_is_said_so(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="cannot be read: No such file"):
        parse_layouts([str(tmp_path / "none.toml")])
