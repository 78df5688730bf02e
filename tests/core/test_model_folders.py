"""Released models are found first and never replaced; a user's own are found by name after them."""

from __future__ import annotations

from pathlib import Path

import pytest

from lpsr_core import model_folders
from lpsr_core.cards import released_folder
from lpsr_core.errors import UsageError
from lpsr_core.model_folders import find_graph, folder_of, named_graphs, output_folder, own_name, user_folder


@pytest.fixture
def own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The user's folder, with a reader `mine` and a file that calls itself lite."""
    monkeypatch.setenv(model_folders.VARIABLE, str(tmp_path / "models"))
    folder = tmp_path / "models"
    folder.mkdir()
    for name in ("mine-reader.onnx", "lite-reader.onnx", "lite-reader-fp16.onnx"):
        (folder / name).touch()
    return folder


def test_names_are_looked_up_among_the_released_models_first(own: Path) -> None:
    assert find_graph("lite", "reader") == released_folder() / "lite-reader.onnx"
    assert find_graph("lite", "reader", "fp16") == own / "lite-reader-fp16.onnx"
    assert find_graph("mine", "reader") == own / "mine-reader.onnx"
    assert find_graph("nobodys", "reader") is None
    assert (folder_of("lite"), folder_of("mine"), folder_of("nobodys")) == (released_folder(), own, own)
    assert ("mine", "fp32") in list(named_graphs("reader"))
    assert ("mine", "fp32") not in list(named_graphs("reader", released_folder()))


def test_released_models_are_not_replaced(own: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert output_folder() == own
    assert output_folder(own / "other") == own / "other"
    with pytest.raises(UsageError, match="holds the released models"):
        output_folder(released_folder())
    monkeypatch.setenv(model_folders.VARIABLE, str(released_folder()))
    with pytest.raises(UsageError, match="holds the released models"):
        output_folder()


def test_a_name_that_would_never_be_found_is_refused(own: Path, tmp_path: Path) -> None:
    assert own_name("mine", ("generator", "reader"), own) == "mine"
    assert own_name("lite", ("generator", "reader"), tmp_path / "elsewhere") == "lite"
    with pytest.raises(UsageError, match="'lite' is the name of a released model"):
        own_name("lite", ("generator", "reader"), own)


def test_the_default_is_the_users_data_folder(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.delenv(model_folders.VARIABLE)
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path))
    assert user_folder().name == "lpsr"
    monkeypatch.setenv(model_folders.VARIABLE, "~/models")
    assert user_folder() == Path.home() / "models"
