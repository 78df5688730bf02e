"""Small trained-looking networks, exported once for all tests of the exporter."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest


@pytest.fixture(autouse=True)
def own_cache(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> None:
    """Tests neither find nor leave anything in the user's cache."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path_factory.mktemp("cache")))


@pytest.fixture(scope="session")
def run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run's folder whose networks do something: random weights, and offsets and residuals that are not zero."""
    torch = pytest.importorskip("torch", reason="exporting needs PyTorch (the train extra)")
    pytest.importorskip("onnxscript", reason="exporting needs onnxscript (the train extra)")
    pytest.importorskip("onnxruntime", reason="graphs are checked in ONNX Runtime")
    from lpsr_train.config import TrainConfig
    from lpsr_train.networks.deform import DeformConv2d
    from lpsr_train.training.trainer import Trainer

    folder = tmp_path_factory.mktemp("run")
    trainer = Trainer(replace(TrainConfig(), steps=1), folder, torch.device("cpu"))
    torch.manual_seed(4)
    for average in trainer.averages.values():
        for module in average.network.modules():
            if isinstance(module, DeformConv2d):
                torch.nn.init.normal_(module.offset_mask.weight, std=0.1)
    generator = trainer.averages["generator"].network
    torch.nn.init.normal_(generator.exit.weight, std=0.05)  # type: ignore[arg-type]
    # A random reader says nearly the same of every picture; sharpened, its texts differ from crop to crop.
    reader = trainer.averages["reader"].network
    torch.nn.init.normal_(reader.classify.weight, std=3.0)  # type: ignore[arg-type]
    trainer.save()
    return folder


@pytest.fixture(scope="session")
def exported(run: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the run's FP32 graphs and cards."""
    from lpsr_export.weights.export import export_run

    folder = tmp_path_factory.mktemp("models")
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
