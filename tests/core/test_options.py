"""A command, its help and its TOML file, from the fields of one dataclass."""

from __future__ import annotations

import re
from dataclasses import dataclass
from math import nan
from pathlib import Path
from typing import Annotated, Any, Literal

import pytest
import typer
from typer.testing import CliRunner

from lpsr_core.command_line import Debug, version_option, with_options
from lpsr_core.errors import UsageError
from lpsr_core.options import check_options, load_options, option

Form = Literal["round", "square"]
Version = Annotated[bool, version_option("boxes")]


@dataclass(frozen=True)
class Boxes:
    """Options of a command that does not exist."""

    store: Path = option("Folder of boxes.", "DIR")
    form: Form = option("Form of a box.", default="round", choices=("round", "square"))
    sizes: tuple[int, ...] = option("Sizes.", "LIST", (1, 2), separator=",", least=1)
    label: tuple[str, ...] = option("Label. Repeatable.", "TEXT", ())
    weight: float | None = option("Weight.", "KG", None, more_than=0, less_than=10, default_words="any")
    lid: bool = option("Close the boxes.", default=True)
    empty: bool = option("Leave the boxes empty.", default=False)
    colour: str = option("Colour.", "NAME", "red", flag="--paint", environment="BOXES_COLOUR")
    glue: float = option("Glue in each box.", "G", 0.5, most=2, file_only=True)


app = typer.Typer(add_completion=False, rich_markup_mode=None)
seen: dict[str, Any] = {}


@app.command()
@with_options(Boxes)
def boxes(given: dict[str, Any], quiet: bool = False, debug: Debug = False, version: Version = False) -> None:
    """Make boxes."""
    seen.update(given=given, quiet=quiet)


def called(*arguments: str, environment: dict[str, str] | None = None) -> dict[str, Any]:
    """Options that the command was given."""
    result = CliRunner().invoke(app, ["--store", "s", *arguments], env=environment, catch_exceptions=False)
    assert result.exit_code == 0, result.output
    return {name: value for name, value in seen["given"].items() if name != "store"}


def test_only_what_was_given_is_handed_on_in_its_type() -> None:
    assert called() == {}
    assert called("--quiet", "--sizes", "3,4", "--label", "a", "--label", "b") == {"sizes": (3, 4), "label": ("a", "b")}
    assert seen["quiet"] is True
    assert called("--no-lid", "--empty", "--weight", "2") == {"lid": False, "empty": True, "weight": 2.0}
    assert (seen["given"]["store"], type(seen["given"]["weight"])) == (Path("s"), float)
    with pytest.raises(UsageError, match=r"^--sizes takes numbers separated by commas, not '1,x'$"):
        called("--sizes", "1,x")


def test_the_command_line_comes_before_the_environment() -> None:
    assert called(environment={"BOXES_COLOUR": "blue"}) == {"colour": "blue"}
    assert called("--paint", "green", environment={"BOXES_COLOUR": "blue"}) == {"colour": "green"}


def test_the_help_names_values_and_defaults() -> None:
    text = " ".join(CliRunner().invoke(app, ["--help"]).output.split())
    for words in (
        "Make boxes.",
        "--store DIR Folder of boxes. [required]",
        "--form round|square Form of a box (default: round)",
        "--sizes LIST Sizes (default: 1,2)",
        "--label TEXT Label. Repeatable. --weight KG Weight (default: any)",
        "--lid / --no-lid Close the boxes (default: yes)",
        "--empty Leave the boxes empty. --paint NAME Colour (default: red)",
        "BOXES_COLOUR",
    ):
        assert words in text
    assert "--glue" not in text
    assert CliRunner().invoke(app, ["--version"]).output.startswith("boxes 0")
    missing = CliRunner().invoke(app, [])
    assert (missing.exit_code, "--store" in missing.output) == (2, True)


@pytest.mark.parametrize(
    ("values", "words"),
    [
        ({"form": "flat"}, "--form is one of round, square, not 'flat'"),
        ({"sizes": (1, 0)}, "--sizes is at least 1, not 0"),
        ({"weight": 0.0}, "--weight is more than 0 and less than 10, not 0.0"),
        ({"weight": 10.0}, "--weight is more than 0 and less than 10, not 10.0"),
        ({"weight": nan}, "--weight is more than 0 and less than 10, not nan"),
        ({"glue": 3.0}, "--glue is at most 2, not 3.0"),
    ],
)
def test_values_out_of_bounds_are_refused(values: dict[str, Any], words: str) -> None:
    check_options(Boxes(Path("s")))
    with pytest.raises(UsageError, match=f"^{re.escape(words)}$"):
        check_options(Boxes(Path("s"), **values))


def test_a_toml_file_holds_the_same_options(tmp_path: Path) -> None:
    path = tmp_path / "boxes.toml"
    path.write_text('store = "s"\nsizes = [3]\nweight = 4\nglue = 1\ncolour = "blue"\n', encoding="utf-8")
    assert load_options(Boxes, path) == Boxes(Path("s"), sizes=(3,), weight=4.0, glue=1.0, colour="blue")
    path.write_text("sizes = ['3']\n", encoding="utf-8")
    with pytest.raises(UsageError, match="sizes takes a list of numbers"):
        load_options(Boxes, path)
    path.write_text("sizes = [3]\n", encoding="utf-8")
    with pytest.raises(UsageError, match="'store' is missing"):
        load_options(Boxes, path)
    path.write_text("banana = true\n", encoding="utf-8")
    with pytest.raises(UsageError, match="unknown key 'banana'; known are colour, empty"):
        load_options(Boxes, path)
    path.write_text("colors = 'blue'\n", encoding="utf-8")
    with pytest.raises(UsageError, match=r"unknown key 'colors'; did you mean 'colour'\?"):
        load_options(Boxes, path)
    path.write_text("store = 's'\nglue = 3\n", encoding="utf-8")
    with pytest.raises(UsageError, match=re.escape(f"{path}: --glue is at most 2, not 3")):
        load_options(Boxes, path)
