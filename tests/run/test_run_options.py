"""The options of a run stand in one place: the command, the TOML file and the example are made from it."""

from __future__ import annotations

import re
from dataclasses import fields
from pathlib import Path

import pytest
from conftest import ROOT
from typer.main import get_command

from lpsr_core.errors import UsageError
from lpsr_core.options import check_options, flag, options
from lpsr_run.cli import app
from lpsr_run.config import RunConfig, load_config
from lpsr_run.options import RunOptions

EXAMPLE = ROOT / "examples" / "run.toml"
OWN = options(RunConfig)


def test_every_field_is_an_option() -> None:
    assert list(OWN) == [entry.name for entry in fields(RunConfig)] == [entry.name for entry in fields(RunOptions)]
    typed = {name for parameter in get_command(app).params for name in parameter.opts}
    assert {flag(name) for name, (one, _) in OWN.items() if not one.file_only} < typed
    assert "--sure" not in typed


def test_the_example_as_it_stands_changes_nothing() -> None:
    assert load_config(EXAMPLE) == RunConfig()


def test_the_example_holds_every_option_in_its_type_and_with_its_default(tmp_path: Path) -> None:
    lines = re.findall(r"^#(\w+ = .*)$", EXAMPLE.read_text(encoding="utf-8"), re.M)
    assert {line.split(" = ")[0] for line in lines} == set(OWN)
    (tmp_path / "run.toml").write_text("\n".join(lines), encoding="utf-8")
    config = load_config(tmp_path / "run.toml")
    check_options(config)
    for name, (one, field) in OWN.items():
        assert getattr(config, name) == (field.default if one.example is None else one.example), name


@pytest.mark.parametrize(
    ("line", "words"),
    [
        ("stream = '1'", "stream takes a whole number, not '1'"),
        ("blur = 1", "blur takes true or false, not 1"),
        ("silence = true", "silence takes a number, not True"),
        ("layouts = 'mercosur'", "layouts takes a list of strings, not 'mercosur'"),
        ("fuse = [1]", "fuse takes a list of strings, not [1]"),
        ("video = [1.5]", "video takes a list of strings, not [1.5]"),
        ("video = true", "video takes a list of strings, not True"),
    ],
)
def test_values_of_other_types_are_refused(line: str, words: str, tmp_path: Path) -> None:
    path = tmp_path / "run.toml"
    path.write_text(line, encoding="utf-8")
    with pytest.raises(UsageError, match=re.escape(f"{path}: {words}") + "$"):
        load_config(path)


@pytest.mark.parametrize(
    ("line", "name", "value"),
    [
        ("video = 0", "video", ("0",)),
        ("video = 'a.mp4'", "video", ("a.mp4",)),
        ("video = ['a.mp4', 1]", "video", ("a.mp4", "1")),
        ("silence = 5", "silence", 5.0),
        ("stream = 2", "stream", 2),
        ("sure = 0.5", "sure", 0.5),
    ],
)
def test_values_are_read_in_the_type_of_the_option(line: str, name: str, value: object, tmp_path: Path) -> None:
    (tmp_path / "run.toml").write_text(line, encoding="utf-8")
    found = getattr(load_config(tmp_path / "run.toml"), name)
    assert (found, type(found)) == (value, type(value))
