"""Q/DQ pairs in a graph: what is rounded once, what comes back, and what ONNX Runtime makes of it."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import numpy as np
import pytest

onnx = pytest.importorskip("onnx", reason="graphs are derived with onnx (the export extra)")
onnxruntime = pytest.importorskip("onnxruntime", reason="graphs are checked in ONNX Runtime")

from onnx import helper, numpy_helper  # noqa: E402

from lpsr_export.graph.editing import uses_of  # noqa: E402
from lpsr_export.int8.qdq import place, written  # noqa: E402
from lpsr_export.int8.rounding import Rounding, fit  # noqa: E402

CHANNELS = 32
RNG = np.random.default_rng(0)


@pytest.fixture(scope="module")
def model():
    """x -> first -> ReLU -> second -> + x -> a product with a matrix; channels differ in range."""
    spread = np.logspace(-1, 1, CHANNELS)[:, None, None, None]
    first = RNG.normal(size=(CHANNELS, CHANNELS, 3, 3)) / 17 * spread
    second = RNG.normal(size=(CHANNELS, CHANNELS, 1, 1)) / 6 / spread[:, 0, 0, 0][None, :, None, None]
    weights = {"w1": first, "b1": RNG.normal(size=CHANNELS), "w2": second, "w3": RNG.normal(size=(8, 16)) / 3}
    nodes = [
        helper.make_node("Conv", ["x", "w1", "b1"], ["a"], "first", kernel_shape=[3, 3], pads=[1] * 4),
        helper.make_node("Relu", ["a"], ["r"], "relu"),
        helper.make_node("Conv", ["r", "w2"], ["c"], "second", kernel_shape=[1, 1]),
        helper.make_node("Add", ["c", "x"], ["s"], "add"),
        helper.make_node("MatMul", ["s", "w3"], ["y"], "product"),
    ]
    sizes = ["n", CHANNELS, 6, 8]
    graph = helper.make_graph(
        nodes,
        "toy",
        [helper.make_tensor_value_info("x", 1, sizes)],
        [helper.make_tensor_value_info("y", 1, [*sizes[:3], 16])],
        [numpy_helper.from_array(array.astype(np.float32), name) for name, array in weights.items()],
    )
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 20)], ir_version=10)


def run(model, x: np.ndarray, outputs: list[str]) -> list[np.ndarray]:
    seen = onnx.ModelProto()
    seen.CopyFrom(model)
    seen.graph.output.extend(helper.make_empty_tensor_value_info(name) for name in outputs if name != "y")
    return onnxruntime.InferenceSession(seen.SerializeToString()).run(outputs, {"x": x})


@pytest.fixture(scope="module")
def x() -> np.ndarray:
    return RNG.normal(size=(16, CHANNELS, 6, 8)).astype(np.float32)


@pytest.fixture(scope="module")
def roundings(model, x: np.ndarray) -> dict[str, Rounding]:
    found = {}
    for name, values in zip(["r", "c", "s"], run(model, x, ["r", "c", "s"]), strict=True):
        rows = values.reshape(-1, 8) if name == "s" else np.moveaxis(values, 1, -1).reshape(-1, CHANNELS)
        found[name] = fit(rows, [], False, True)
    return {**found, "x": fit(np.moveaxis(x, 1, -1).reshape(-1, CHANNELS), [], False, True)}


def quantised(model, layers: list[str], roundings: dict[str, Rounding], integer: bool = True):
    made = onnx.ModelProto()
    made.CopyFrom(model)
    place(made, layers, roundings, integer)
    onnx.checker.check_model(made, full_check=True)
    return made


def dot_products() -> bool:
    """Whether the processor multiplies and adds eight bits in 32, as x86 does with VNNI and Arm always."""
    path = Path("/proc/cpuinfo")
    text = path.read_text() if path.is_file() else "vnni"
    return "vnni" in text or "flags" not in text


def decibels(found: np.ndarray, expected: np.ndarray) -> float:
    return float(10 * np.log10(np.mean(expected**2) / np.mean((found - expected) ** 2)))


def test_a_chain_is_rounded_once_between_its_layers_and_reads_as_before(model, x, roundings) -> None:
    made = quantised(model, ["first", "second", "product"], roundings)
    kinds = Counter(node.op_type for node in made.graph.node)
    assert kinds["QuantizeLinear"] == 4, "of x, of what ReLU leaves, of the second's output, of the sum"
    makers = {output: node for node in made.graph.node for output in node.output}
    second = next(node for node in made.graph.node if node.name == "second")
    assert makers[makers[second.input[0]].input[0]].input[0] == "r.written", "nothing real lies between"
    types = {entry.name: entry.data_type for entry in made.graph.initializer}
    assert {types[name] for name in ("first.weight.q", "second.weight.q", "product.weight.q")} == {3}
    assert types["first.bias.q"] == 6
    assert not {"w1", "b1", "w2", "w3"} & set(types), "the real weights are gone"
    if not dot_products():
        pytest.skip("without VNNI ONNX Runtime adds pairs of products in 16 bits, which overflow")
    (found,), (expected,) = run(made, x, ["y"]), run(model, x, ["y"])
    assert decibels(found, expected) > 30


def test_scales_of_channels_are_worth_many_decibels(model, x, roundings) -> None:
    (expected,) = run(model, x, ["y"])
    rows = np.moveaxis(run(model, x, ["r"])[0], 1, -1).reshape(-1, CHANNELS)
    one = {**roundings, "r": fit(rows, [], False, False)}
    (apart,), (together,) = (run(quantised(model, ["first", "second"], each), x, ["y"]) for each in (roundings, one))
    assert decibels(apart, expected) > decibels(together, expected) + 5


def test_a_layer_that_is_left_out_sees_and_leaves_real_numbers(model, x, roundings) -> None:
    made = quantised(model, ["first"], roundings)
    second = next(node for node in made.graph.node if node.name == "second")
    assert list(second.input) == ["r", "w2"]
    assert "r" in {output for node in made.graph.node for output in node.output}
    (found,), (expected,) = run(made, x, ["y"]), run(model, x, ["y"])
    assert decibels(found, expected) > 30


def test_the_runtime_multiplies_integers(model, x, roundings, tmp_path) -> None:
    made = quantised(model, ["first", "second", "product"], roundings)
    options = onnxruntime.SessionOptions()
    options.optimized_model_filepath = str(tmp_path / "optimised.onnx")
    options.log_severity_level = 4
    onnxruntime.InferenceSession(made.SerializeToString(), options)
    kinds = Counter(node.op_type for node in onnx.load(tmp_path / "optimised.onnx").graph.node)
    assert kinds["QLinearConv"] == 2
    assert kinds["MatMulIntegerToFloat"] == 1
    assert kinds["Conv"] == kinds["MatMul"] == kinds["Relu"] == 0


def test_for_tensorrt_outputs_and_biases_stay_real(model, x) -> None:
    signed = {"x": fit(np.moveaxis(x, 1, -1).reshape(-1, CHANNELS), [], True, False)}
    signed["r"] = fit(run(model, x, ["r"])[0].reshape(-1, 1), [], True, False)
    made = quantised(model, ["first", "second"], signed, integer=False)
    kinds = Counter(node.op_type for node in made.graph.node)
    assert (kinds["QuantizeLinear"], kinds["DequantizeLinear"], kinds["Mul"]) == (2, 4, 0)
    assert "b1" in {entry.name for entry in made.graph.initializer}
    assert {entry.data_type for entry in made.graph.initializer if entry.name.endswith(".zero")} == {3}
    (found,), (expected,) = run(made, x, ["y"]), run(model, x, ["y"])
    assert decibels(found, expected) > 20


def test_what_a_layer_leaves_is_its_relus_only_where_nothing_else_sees_it(model) -> None:
    nodes = {node.name: node for node in model.graph.node}
    assert written(nodes["first"], uses_of(model.graph)) == "r"
    assert written(nodes["second"], uses_of(model.graph)) == "c"
    other = onnx.ModelProto()
    other.CopyFrom(model)
    other.graph.output.extend([helper.make_empty_tensor_value_info("a")])
    assert written(nodes["first"], uses_of(other.graph)) == "a"
