"""Models by name: released, and of the user's own."""

from __future__ import annotations

from pathlib import Path

import pytest

from lpsr_core.cards import ModelCard, Precision, graph_name, load_verified, released_folder, sha256
from lpsr_core.errors import LpsrError, UsageError
from lpsr_run.engines.models import find_model


def write_graph(folder: Path, name: str, precision: Precision = "fp32", made_from: str = "") -> Path:
    """A file with a card, made from a graph of this digest."""
    path = folder / graph_name(name, "reader", precision)
    path.write_bytes(f"{name} {precision}".encode())
    made_by = {"from": {"sha256": made_from}} if made_from else {}
    ModelCard(name, "reader", precision, path.name, sha256(path), 1, 20, made_by).save(folder)
    return path


@pytest.fixture
def own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The user's folder of models."""
    monkeypatch.setenv("LPSR_MODELS", str(tmp_path))
    return tmp_path


def test_own_models_go_by_name(own: Path) -> None:
    path = write_graph(own, "mine")
    assert find_model("mine", "reader").path == path
    write_graph(own, "lite")
    assert find_model("lite", "reader").path.parent == released_folder()


def test_derived_graphs_of_a_released_model_are_the_users(own: Path) -> None:
    source = load_verified(released_folder() / "lite-reader.onnx").sha256
    path = write_graph(own, "lite", "fp16", source)
    assert find_model("lite", "reader", "fp16").path == path
    write_graph(own, "lite", "fp16", "0" * 64)
    with pytest.raises(LpsrError, match=r"made from another reader 'lite' than .*; make it again with: lpsr-export"):
        find_model("lite", "reader", "fp16")


def test_what_is_missing_names_what_makes_it(own: Path) -> None:
    write_graph(own, "mine")
    with pytest.raises(UsageError, match="make it with: lpsr-export build --int8 --name mine"):
        find_model("mine", "reader", "int8")
    with pytest.raises(UsageError, match=r"no reader 'other' at fp32; available: lite \(fp32\), .*mine \(fp32\)"):
        find_model("other", "reader")
    assert find_model("mine", "reader", folder=own).name == "mine fp32"
    with pytest.raises(UsageError, match=r"available: mine \(fp32\);"):
        find_model("lite", "reader", folder=own)
