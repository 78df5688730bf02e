"""Exported graphs: the same numbers as PyTorch, standard operators alone, any batch, honest cards."""

from __future__ import annotations

import json
from collections import Counter
from pathlib import Path

import numpy as np
import pytest

from lpsr_core.cards import ModelCard, Role, load_verified
from lpsr_core.contracts import CONTRACTS
from lpsr_core.errors import LpsrError
from lpsr_export.checks.compare import compare_pictures, compare_readings
from lpsr_export.graph.graphs import GraphSession, load_graph, save_graph
from lpsr_export.graph.stored_weights import Storage, restore, store

ROLES: tuple[Role, ...] = ("generator", "reader")


def test_graphs_and_cards_are_written(exported: Path) -> None:
    names = sorted(path.name for path in exported.iterdir())
    assert names == ["tiny-generator.json", "tiny-generator.onnx", "tiny-reader.json", "tiny-reader.onnx"]
    card = load_verified(exported / "tiny-generator.onnx")
    assert card.opset >= 19
    assert card.made_by["training"]["generator"] == "lite"
    assert card.metrics["against_pytorch"]["max_difference"] <= 1e-4
    assert card.metrics["against_pytorch"]["strings_agree_percent"] == 100


@pytest.mark.parametrize("role", ROLES)
@pytest.mark.parametrize("batch", [1, 3, 64])
def test_a_graph_computes_what_the_network_does(run: Path, exported: Path, role: Role, batch: int) -> None:
    from lpsr_export.weights.torch_to_onnx import run_torch
    from lpsr_train.training.trainer import load_trained

    trained = load_trained(run)
    network = trained.generator if role == "generator" else trained.reader
    assert network is not None
    rng = np.random.default_rng(batch)
    images = rng.random((batch, *CONTRACTS[role].input_shape), np.float32)
    found = GraphSession(exported / f"tiny-{role}.onnx", role)(images)
    assert found.shape == (batch, *CONTRACTS[role].output_shape)
    assert np.abs(found - run_torch(network, images)).max() < 1e-4


@pytest.mark.parametrize("role", ROLES)
def test_only_standard_operators_and_deform_conv_as_one_node(exported: Path, role: Role) -> None:
    model = load_graph(exported / f"tiny-{role}.onnx")
    assert {entry.domain for entry in model.opset_import} <= {"", "ai.onnx"}
    kinds = Counter(node.op_type for node in model.graph.node)
    assert kinds["DeformConv"] == (8 if role == "generator" else 2)
    assert "GridSample" not in kinds
    assert not model.functions


def test_pixels_are_rearranged_by_moving_one_axis_at_a_time(exported: Path) -> None:
    nodes = load_graph(exported / "tiny-generator.onnx").graph.node
    assert not {"DepthToSpace", "SpaceToDepth"} & {node.op_type for node in nodes}
    orders = [list(node.attribute[0].ints) for node in nodes if node.op_type == "Transpose"]
    assert len(orders) > 20
    for order in orders:
        others = [[place for place in order if place != moved] for moved in order]
        assert any(left == sorted(left) for left in others), f"{order} moves more than one axis"


def test_graphs_name_no_file_of_the_exporting_machine(exported: Path) -> None:
    for path in exported.glob("*.onnx"):
        data = path.read_bytes()
        assert b"site-packages" not in data
        assert b"lpsr_train/" not in data


@pytest.mark.usefixtures("converted")
def test_a_graph_that_differs_is_not_left_behind(run: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from lpsr_export.weights import export

    monkeypatch.setattr(export, "LARGEST_DIFFERENCE", -1.0)
    with pytest.raises(LpsrError, match="differs from PyTorch"):
        export.export_run(run, tmp_path, "tiny", plates=0)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.usefixtures("converted")
@pytest.mark.parametrize(("storage", "share", "largest"), [("float16", 0.6, 0.02), ("int8", 0.45, 0.2)])
def test_weights_stored_in_fewer_bits_are_single_again_when_loaded(
    run: Path, exported: Path, tmp_path: Path, storage: Storage, share: float, largest: float
) -> None:
    from onnx import TensorProto

    from lpsr_export.weights.export import export_run

    for entry in export_run(run, tmp_path, "tiny", plates=0, storage=storage):
        whole = exported / entry.path.name
        assert entry.path.stat().st_size < share * whole.stat().st_size
        assert entry.card.made_by["weights_stored_as"] == storage
        loaded, before = load_graph(entry.path), load_graph(whole)
        assert [node.op_type for node in loaded.graph.node] == [node.op_type for node in before.graph.node]
        assert {weight.data_type for weight in loaded.graph.initializer} <= {TensorProto.FLOAT, TensorProto.INT64}
        batch = np.random.default_rng(0).random((4, *CONTRACTS[entry.card.role].input_shape), np.float32)
        found, expected = (GraphSession(path, entry.card.role)(batch) for path in (entry.path, whole))
        assert 0 < np.abs(np.exp(found) - np.exp(expected)).max() < largest
        again = tmp_path / "restored.onnx"
        save_graph(loaded, again)
        assert np.abs(GraphSession(again, entry.card.role)(batch) - found).max() < 1e-4, "the same weights"


def test_eight_bits_hold_wide_layers_each_channel_by_a_scale_of_its_own() -> None:
    from onnx import TensorProto, helper, numpy_helper

    rng = np.random.default_rng(0)
    loud = (
        rng.standard_normal((32, 64, 3, 3)).astype(np.float32)
        * np.logspace(-3, 3, 32, dtype=np.float32)[:, None, None, None]
    )
    across = rng.standard_normal((32, 48)).astype(np.float32) * np.logspace(-3, 3, 48, dtype=np.float32)
    narrow = rng.standard_normal((16, 64, 3, 3)).astype(np.float32)
    weights = {"loud": loud, "across": across, "narrow": narrow}
    nodes = [
        helper.make_node("Conv", ["x", "loud"], ["a"]),
        helper.make_node("Conv", ["x", "narrow"], ["b"]),
        helper.make_node("MatMul", ["y", "across"], ["c"]),
    ]
    initializers = [numpy_helper.from_array(values, name) for name, values in weights.items()]
    model = helper.make_model(helper.make_graph(nodes, "g", [], [], initializers))
    store(model, "int8")
    kinds = {weight.name: weight.data_type for weight in model.graph.initializer}
    assert kinds["loud_bytes"] == kinds["across_bytes"] == TensorProto.INT8
    assert kinds["narrow_half"] == TensorProto.FLOAT16
    restore(model)
    assert [node.op_type for node in model.graph.node] == ["Conv", "Conv", "MatMul"]
    back = {weight.name: numpy_helper.to_array(weight) for weight in model.graph.initializer}
    assert set(back) == set(weights)
    for name, axes in (("loud", (1, 2, 3)), ("across", (0,))):
        wrong = np.abs(back[name] - weights[name]).max(axis=axes)
        assert (wrong <= 0.501 / 127 * np.abs(weights[name]).max(axis=axes)).all()
    assert np.allclose(back["narrow"], narrow, rtol=1e-3)


@pytest.mark.usefixtures("converted")
def test_exporting_again_drops_graphs_derived_from_the_old_ones(
    run: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from lpsr_core.cards import sha256
    from lpsr_export.weights.export import export_run

    stale = tmp_path / "tiny-reader-fp16.onnx"
    stale.write_bytes(b"made from another graph")
    made_by = {"from": {"file": "tiny-reader.onnx", "sha256": "0" * 64}}
    ModelCard("tiny", "reader", "fp16", stale.name, sha256(stale), 1, 20, made_by).save(tmp_path)
    export_run(run, tmp_path, "tiny", plates=0)
    assert not stale.exists()
    assert not stale.with_suffix(".json").exists()


@pytest.mark.usefixtures("converted")
def test_rates_on_a_card_rest_on_as_many_plates_as_asked_for(run: Path, tmp_path: Path) -> None:
    from lpsr_export.weights.export import export_run

    exported = export_run(run, tmp_path, "tiny", plates=4)
    metrics = json.loads((tmp_path / "tiny-reader.json").read_text())["metrics"]
    for method in ("blur", "camera"):
        assert metrics[f"rendered plates, {method}"]["sr"]["all"]["total"] == 4
    assert metrics["read by"] == "the run's own reader"
    assert all(isinstance(entry.card, ModelCard) for entry in exported)
    export_run(run, tmp_path, "tiny", plates=2, judge=run)
    metrics = json.loads((tmp_path / "tiny-reader.json").read_text())["metrics"]
    assert metrics["read by"].startswith(f"{run.name} sha256:")


def test_agreement_counts_strings_and_measures_pictures() -> None:
    first = np.zeros((2, 3, 32, 96), np.float32)
    second = first + 0.1
    agreement = compare_pictures(first, second, ["ABC1234", "XYZ1234"], ["ABC1234", "XYZ1235"])
    assert agreement.strings == 0.5
    assert agreement.psnr == pytest.approx(20, abs=1e-3)
    assert agreement.difference == pytest.approx(0.1)
    even = np.log(np.full((3, 7, 36), 1 / 36, np.float32))
    assert compare_readings(even, even).strings == 1
