"""Small trained-looking networks, exported once for all tests of the exporter."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from tiny_networks import save_run, tiny_networks


@pytest.fixture(scope="module", autouse=True)
def networks() -> Iterator[None]:
    """Export tiny networks, but in modules that have a fixture of this name."""
    with tiny_networks():
        yield


@pytest.fixture(autouse=True)
def own_cache(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> None:
    """Tests neither find nor leave anything in the user's cache."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path_factory.mktemp("cache")))


@pytest.fixture(scope="session")
def run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run's folder whose networks do something: random weights, and offsets and residuals that are not zero."""
    pytest.importorskip("torch", reason="exporting needs PyTorch (the train extra)")
    pytest.importorskip("onnxscript", reason="exporting needs onnxscript (the train extra)")
    pytest.importorskip("onnxruntime", reason="graphs are checked in ONNX Runtime")
    folder = tmp_path_factory.mktemp("run")
    with tiny_networks():
        save_run(folder)
    return folder


@pytest.fixture(scope="session")
def exported(run: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the run's FP32 graphs and cards."""
    from lpsr_export.weights.export import export_run

    folder = tmp_path_factory.mktemp("models")
    with tiny_networks():
        export_run(run, folder, "tiny", plates=0)
    return folder


@pytest.fixture
def converted(exported: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Exports of the run take the graphs that were made of it before: converting takes longer than all the rest."""
    from lpsr_export.graph.graphs import load_graph, save_graph

    def export(network: object, role: str, path: Path) -> object:
        model = load_graph(exported / f"tiny-{role}.onnx")
        save_graph(model, path)
        return model

    monkeypatch.setattr("lpsr_export.weights.torch_to_onnx.export", export)
