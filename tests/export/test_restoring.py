"""Released graphs as a run again: the same networks, ready to learn on, and one line where that cannot be."""

from __future__ import annotations

import json
import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from tiny_networks import save_run

from lpsr_core.cards import Role, load_verified, sha256
from lpsr_core.contracts import CONTRACTS
from lpsr_core.errors import LpsrError, UsageError
from lpsr_core.geometry import READ_SIZE
from lpsr_export.graph.graphs import GraphSession, load_graph, save_graph
from lpsr_export.graph.stored_weights import Storage, store

ROLES: tuple[Role, ...] = ("generator", "reader")


@pytest.fixture(autouse=True)
def few_plates(monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("torch", reason="restoring needs PyTorch (the train extra)")
    from lpsr_export.weights import restore

    monkeypatch.setattr(restore, "_PLATES", 48)


@pytest.fixture(scope="module")
def networks() -> None:
    """Exporters fold narrow layers into constants, whose names restoring needs: these are the real networks."""


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run with every weight moved a little, as training does: exporters write equal weights once."""
    torch = pytest.importorskip("torch", reason="restoring needs PyTorch (the train extra)")
    from lpsr_train.training import state

    folder = tmp_path_factory.mktemp("moved")
    save_run(folder)
    saved = state.load(folder)
    torch.manual_seed(5)
    for network in saved["averages"].values():
        for tensor in {tensor.data_ptr(): tensor for tensor in network.values()}.values():
            if tensor.is_floating_point():
                tensor.mul_(1 + 0.03 * torch.randn_like(tensor)).add_(0.003 * torch.randn_like(tensor))
    state.save(folder, {name: value for name, value in saved.items() if name != "schema"})
    return folder


@pytest.fixture(scope="module")
def exported(run: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    from lpsr_export.weights.export import export_run

    folder = tmp_path_factory.mktemp("models")
    export_run(run, folder, "tiny", plates=0)
    return folder


@pytest.fixture
def models(exported: Path, tmp_path: Path) -> Path:
    """A copy of the exported graphs that a test may damage."""
    return Path(shutil.copytree(exported, tmp_path / "models"))


def change_card(path: Path, **changes: object) -> None:
    card = json.loads(path.read_text())
    path.write_text(json.dumps({**card, **changes}))


@pytest.mark.parametrize("storage", ["float32", "float16"])
def test_a_run_made_of_graphs_computes_what_they_do(models: Path, tmp_path: Path, storage: Storage) -> None:
    from lpsr_export.weights.restore import restore
    from lpsr_export.weights.torch_to_onnx import run_torch
    from lpsr_train.training.trainer import load_trained

    for role in ROLES:
        path = models / f"tiny-{role}.onnx"
        model = load_graph(path)
        store(model, storage)
        save_graph(model, path)
        change_card(path.with_suffix(".json"), sha256=sha256(path))
    out, said = tmp_path / "again", list[str]()
    found = restore(models, "tiny", out, said.append)
    assert set(found) == set(ROLES)
    assert said == ["restoring the generator", "restoring the reader"]
    trained = load_trained(out)
    rng = np.random.default_rng(1)
    for role, network in (("generator", trained.generator), ("reader", trained.reader)):
        session = GraphSession(models / f"tiny-{role}.onnx", role)  # type: ignore[arg-type]
        images = rng.random((5, *CONTRACTS[role].input_shape), np.float32)
        assert network is not None
        assert np.abs(np.exp(run_torch(network, images)) - np.exp(session(images))).max() < 1e-3


def test_it_learns_on_from_there(exported: Path, tmp_path: Path) -> None:
    """Normalisations that had gone into convolutions are in tune: training, which takes each batch's own statistics,
    begins with what they do in the graph."""
    import torch
    import torch.nn.functional as F

    from lpsr_export.checks.crops import CALIBRATION_SEED, direct_batch, lr_batch, rendered_crops
    from lpsr_export.weights.restore import restore
    from lpsr_train.config import PRESETS
    from lpsr_train.training.trainer import Trainer

    restore(exported, "tiny", tmp_path / "again")
    trainer = Trainer(PRESETS["lite"], tmp_path / "on", torch.device("cpu"))
    trainer.start_from(tmp_path / "again")
    assert trainer.lineage[-1]["config"]["generator"] == "lite"
    generator, reader = (trainer.networks[role].eval() for role in ROLES)
    apart: dict[str, float] = {}

    def watch(name: str, norm: torch.nn.BatchNorm2d) -> None:
        def compare(_: torch.nn.Module, inputs: tuple[torch.Tensor], output: torch.Tensor) -> None:
            learning = F.batch_norm(inputs[0], None, None, norm.weight, norm.bias, training=True, eps=norm.eps)
            apart[name] = float((learning - output).abs().max() / output.abs().max())

        norm.register_forward_hook(compare)

    graph = {entry.name for entry in load_graph(exported / "tiny-reader.onnx").graph.initializer}
    for name, module in reader.named_modules():
        if isinstance(module, torch.nn.BatchNorm2d) and f"{name}.running_mean" not in graph:
            watch(name, module)
    crops = rendered_crops(48, CALIBRATION_SEED).images
    pictures = torch.from_numpy(direct_batch(crops, READ_SIZE))
    with torch.no_grad():
        pictures[::2] = F.interpolate(generator(torch.from_numpy(lr_batch(crops[::2]))), READ_SIZE[::-1])
        reader(pictures)
    assert len(apart) > 10
    assert max(apart.values()) < 1e-3


def test_what_has_a_say_in_training_is_left_out(exported: Path, models: Path, tmp_path: Path) -> None:
    from lpsr_export.weights.restore import restore
    from lpsr_train.training.state import load

    made_by = load_verified(exported / "tiny-reader.onnx").made_by
    training = {**made_by["training"], "auxiliary_run": "auxiliary sha256:0123456789abcdef", "auxiliary_reader": "lite"}
    more = {"begun_from": [{"config": made_by["training"], "steps": 7}], "open_typefaces": ["OSP-DIN.ttf"]}
    change_card(models / "tiny-reader.json", made_by={**made_by, "training": training, "steps_trained": 9, **more})
    restore(models, "tiny", tmp_path / "again")
    saved = load(tmp_path / "again")
    assert saved["config"]["auxiliary_run"] == ""
    assert (saved["step"], saved["lineage"], saved["typefaces"]) == (9, more["begun_from"], ["OSP-DIN.ttf"])


def test_a_folder_that_holds_a_run_is_kept(run: Path, exported: Path) -> None:
    from lpsr_export.weights.restore import restore

    before = (run / "checkpoint.pt").read_bytes()
    with pytest.raises(UsageError, match="holds a run"):
        restore(exported, "tiny", run)
    assert (run / "checkpoint.pt").read_bytes() == before


def test_names_that_are_not_there(exported: Path, tmp_path: Path) -> None:
    from lpsr_export.weights.restore import restore

    with pytest.raises(UsageError, match=r"absent-reader\.onnx: no such graph"):
        restore(exported, "absent", tmp_path / "again")


def test_a_graph_of_before_lacks_layers_that_start_as_the_identity(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    import torch

    from lpsr_export.weights.restore import load_weights
    from lpsr_export.weights.torch_to_onnx import export, run_torch
    from lpsr_train.networks.presets import READERS, ReaderConfig
    from lpsr_train.networks.readers import make_reader

    lite = READERS["lite"]
    assert isinstance(lite, ReaderConfig)
    with monkeypatch.context() as before:
        before.setitem(READERS, "lite", replace(lite, presence=0))
        old = make_reader("lite").eval()
    torch.manual_seed(3)
    with torch.no_grad():
        for parameter in old.parameters():
            parameter.add_(0.02 * torch.randn_like(parameter))
    path = tmp_path / "old-reader.onnx"
    export(old, "reader", path)
    images = np.random.default_rng(2).random((3, *CONTRACTS["reader"].input_shape), np.float32)
    new = make_reader("lite").eval()
    load_weights(new, load_graph(path), images, path)
    assert np.abs(run_torch(new, images) - run_torch(old, images)).max() < 1e-3


def test_a_card_that_does_not_say_how_it_was_trained(models: Path, tmp_path: Path) -> None:
    from lpsr_export.weights.restore import restore

    change_card(models / "tiny-reader.json", made_by={})
    with pytest.raises(LpsrError, match="does not say how it was trained"):
        restore(models, "tiny", tmp_path / "again")
    assert not (tmp_path / "again").exists()


def test_a_graph_of_other_layers(models: Path, tmp_path: Path) -> None:
    """A weight that today's preset has and the graph has not."""
    from lpsr_export.weights.restore import restore

    path = models / "tiny-generator.onnx"
    model = load_graph(path)
    for entry in model.graph.initializer:
        if entry.name == "exit.weight":
            entry.name = "way_out.weight"
    for node in model.graph.node:
        node.input[:] = ["way_out.weight" if name == "exit.weight" else name for name in node.input]
    save_graph(model, path)
    change_card(models / "tiny-generator.json", sha256=sha256(path))
    with pytest.raises(LpsrError, match=r"holds no exit\.weight of today's preset"):
        restore(models, "tiny", tmp_path / "again")
    assert not (tmp_path / "again").exists()


def test_networks_that_compute_something_else_are_refused(
    exported: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from lpsr_export.weights import restore

    monkeypatch.setattr(restore, "settle", lambda network, *_: network.exit.weight.data.zero_())
    with pytest.raises(LpsrError, match="differs by"):
        restore.restore(exported, "tiny", tmp_path / "again")
    assert not (tmp_path / "again").exists()


def test_the_released_locator_is_a_run_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import torch

    from lpsr_core.cards import released_folder
    from lpsr_export.weights import restore_locator
    from lpsr_train.locating.config import LocatorTraining
    from lpsr_train.locating.fit import LocatorTrainer, load_locator

    monkeypatch.setattr(restore_locator, "_SCENES", 4)
    graph, out = released_folder() / "lite-locator.onnx", tmp_path / "run"
    assert restore_locator.restore_locator(graph.parent, "lite", out) < 0.5
    _, told = load_locator(out)
    assert told["step"] == load_verified(graph).made_by["steps_trained"]
    trainer = LocatorTrainer(LocatorTraining(), tmp_path / "on", torch.device("cpu"))
    trainer.start_from(out)
    with pytest.raises(UsageError, match="holds a run"):
        restore_locator.restore_locator(graph.parent, "lite", out)
    with pytest.raises(UsageError, match=r"absent-locator\.onnx: no such graph"):
        restore_locator.restore_locator(graph.parent, "absent", tmp_path / "other")


def test_the_command_restores_both_kinds(
    exported: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    from lpsr_export.cli.restore import restore
    from lpsr_export.weights import restore_locator

    monkeypatch.setattr(restore_locator, "_SCENES", 4)
    restore(tmp_path / "pair", "tiny", exported)
    restore(tmp_path / "locator", "lite", locator=True)
    said = capsys.readouterr().out
    for words in ("generator: differs", "reader: differs", "lpsr-train fit --init", "lpsr-train locator --init"):
        assert words in said
    assert (tmp_path / "pair" / "checkpoint.pt").exists()
    assert (tmp_path / "locator" / "checkpoint.pt").exists()
