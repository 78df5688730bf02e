"""DeformConv as the plugin's node and lowered to native operators: the same numbers, in both precisions."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

onnx = pytest.importorskip("onnx", reason="graphs are derived with onnx (the export extra)")
onnxruntime = pytest.importorskip("onnxruntime", reason="lowered graphs are run in ONNX Runtime")

from onnx import TensorProto, helper, numpy_helper  # noqa: E402

from lpsr_core.cards import Role  # noqa: E402
from lpsr_core.contracts import CONTRACTS  # noqa: E402
from lpsr_core.errors import LpsrError  # noqa: E402
from lpsr_core.tensorrt import PLUGIN_NAMESPACE, PLUGIN_VERSION  # noqa: E402
from lpsr_export.graph.deform import lower, pack_weights, to_plugin  # noqa: E402
from lpsr_export.graph.fp16 import to_fp16  # noqa: E402
from lpsr_export.graph.graphs import load_graph  # noqa: E402

ROOT = Path(__file__).resolve().parents[2]


def one_node(
    dtype: type = np.float32,
    *,
    sizes: tuple[int, int] = (6, 7),
    channels: int = 8,
    outputs: int = 6,
    kernel: tuple[int, int] = (3, 3),
    stride: int = 1,
    pads: tuple[int, int, int, int] = (1, 1, 1, 1),
    dilation: int = 1,
    group: int = 1,
    offset_group: int = 1,
    mask: bool = True,
    bias: bool = True,
    relu: bool = False,
):
    """A graph of one DeformConv with random weights, and inputs for it."""
    rng = np.random.default_rng(channels + outputs + group)
    kind = helper.np_dtype_to_tensor_dtype(np.dtype(dtype))
    height, width = (
        (size + first + last - dilation * (k - 1) - 1) // stride + 1
        for size, first, last, k in zip(sizes, pads[:2], pads[2:], kernel, strict=True)
    )
    samples = offset_group * kernel[0] * kernel[1]
    weight = rng.standard_normal((outputs, channels // group, *kernel)) / 8
    given = {
        "x": rng.standard_normal((3, channels, *sizes)),
        "offset": 2 * rng.standard_normal((3, 2 * samples, height, width)),
    }
    if mask:
        given["mask"] = rng.random((3, samples, height, width))
    node = helper.make_node(
        "DeformConv",
        ["x", "w", "offset", "b" if bias else "", "mask" if mask else ""],
        ["found" if relu else "y"],
        name="deform",
        strides=[stride, stride],
        pads=list(pads),
        dilations=[dilation, dilation],
        group=group,
        offset_group=offset_group,
    )
    nodes = [node, helper.make_node("Relu", ["found"], ["y"], name="relu")] if relu else [node]
    values = {name: array.astype(dtype) for name, array in given.items()}
    inputs = [helper.make_tensor_value_info(name, kind, ["n", *array.shape[1:]]) for name, array in values.items()]
    output = helper.make_tensor_value_info("y", kind, ["n", outputs, height, width])
    weights = [numpy_helper.from_array(weight.astype(dtype), "w")]
    if bias:
        weights.append(numpy_helper.from_array(rng.standard_normal(outputs).astype(dtype), "b"))
    graph = helper.make_graph(nodes, "deform", inputs, [output], weights)
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 20)], ir_version=9)
    onnx.checker.check_model(model, full_check=True)
    return model, values


def run(model, values):
    session = onnxruntime.InferenceSession(model.SerializeToString(), providers=["CPUExecutionProvider"])
    return session.run(None, values)[0].astype(np.float64)


SHAPES = [
    {},
    {"mask": False, "bias": False},
    {"kernel": (2, 3), "stride": 2, "pads": (0, 2, 1, 1), "dilation": 2, "sizes": (9, 11)},
    {"group": 2, "outputs": 10},
    {"offset_group": 4, "kernel": (1, 3)},
    {"group": 2, "offset_group": 2, "channels": 12},
    {"sizes": (1, 5), "kernel": (1, 1), "pads": (0, 0, 0, 0)},
]


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("dtype", [np.float32, np.float16])
def test_lowered_nodes_compute_the_same(shape: dict, dtype: type) -> None:
    model, values = one_node(dtype, **shape)
    lowered = lower(model)
    assert "DeformConv" not in {node.op_type for node in lowered.graph.node}
    wanted = run(one_node(np.float32, **shape)[0], {name: array.astype(np.float32) for name, array in values.items()})
    assert np.abs(run(lowered, values) - wanted).max() < (1e-5 if dtype is np.float32 else 5e-3)


def test_lowered_graphs_name_the_sampling_as_tensorrt_reads_it() -> None:
    lowered = lower(one_node()[0])
    (sampling,) = (node for node in lowered.graph.node if node.op_type == "GridSample")
    assert {entry.name: helper.get_attribute_value(entry) for entry in sampling.attribute}["mode"] == b"bilinear"
    assert [entry.version for entry in lowered.opset_import] == [19]


@pytest.mark.parametrize("role", ["generator", "reader"])
@pytest.mark.parametrize("precision", ["fp32", "fp16"])
def test_released_graphs_can_be_lowered(role: Role, precision: str) -> None:
    path = ROOT / "engines" / "models" / f"lite-{role}.onnx"
    model = load_graph(path) if precision == "fp32" else to_fp16(load_graph(path))
    contract = CONTRACTS[role]
    batch = np.random.default_rng(0).random((3, *contract.input_shape), np.float32)
    wanted, found = (run(each, {contract.input: batch}) for each in (load_graph(path), lower(model)))
    if role == "reader":
        wanted, found = np.exp(wanted), np.exp(found)
    assert np.abs(found - wanted).max() < (1e-4 if precision == "fp32" else 2e-2)


def attributes(node) -> dict:
    return {entry.name: helper.get_attribute_value(entry) for entry in node.attribute}


@pytest.mark.parametrize("relu", [False, True])
@pytest.mark.parametrize(("mask", "bias"), [(True, True), (False, True), (True, False), (False, False)])
def test_plugin_nodes_say_all_that_the_plugin_asks(relu: bool, mask: bool, bias: bool) -> None:
    model, _ = one_node(np.float16, relu=relu, mask=mask, bias=bias, pads=(0, 1, 2, 1))
    made = to_plugin(model)
    (node,) = made.graph.node
    assert (node.op_type, list(node.output)) == ("LpsrDeformConv", ["y"])
    assert len(node.input) == 3 + mask + bias
    found = attributes(node)
    assert found.pop("plugin_version").decode() == PLUGIN_VERSION
    assert found.pop("plugin_namespace").decode() == PLUGIN_NAMESPACE
    assert found == {
        "kernel_shape": [3, 3],
        "strides": [1, 1],
        "dilations": [1, 1],
        "pads": [0, 1, 2, 1],
        "group": 1,
        "offset_group": 1,
        "out_channels": 6,
        "relu": int(relu),
        "has_mask": int(mask),
        "has_bias": int(bias),
        "raw": 0,
    }
    source = (ROOT / "engines" / "plugin" / "tensorrt" / "attributes.cpp").read_text()
    assert all(f'{{"{name}", ' in source for name in found)
    weights = {entry.name: entry for entry in made.graph.initializer}
    assert weights[node.input[1]].data_type == TensorProto.FLOAT16
    assert set(weights) == {node.input[1], *([node.input[-1]] if bias else [])}, "what is no longer read is dropped"
    if bias:
        assert weights[node.input[-1]].data_type == TensorProto.FLOAT
    assert model.graph.node[0].op_type == "DeformConv", "the graph that came in is left as it was"


def predicted(split: int = 18, channels: int = 27):
    """A graph in which one layer predicts the offsets and the masks of a DeformConv."""
    model, _ = one_node()
    del model.graph.input[1:]
    constants = {"zero": [0], "split": [split], "all": [2**63 - 1], "one": [1]}
    weight = np.random.default_rng(1).standard_normal((channels, 8, 3, 3)).astype(np.float32)
    model.graph.initializer.extend(
        numpy_helper.from_array(np.array(each, np.int64), n) for n, each in constants.items()
    )
    model.graph.initializer.append(numpy_helper.from_array(weight / 8, "placing"))
    (deform,) = model.graph.node
    nodes = [
        helper.make_node("Conv", ["x", "placing"], ["both"], name="places", pads=[1, 1, 1, 1]),
        helper.make_node("Slice", ["both", "zero", "split", "one", "one"], ["offset"], name="first"),
        helper.make_node("Slice", ["both", "split", "all", "one", "one"], ["logits"], name="second"),
        helper.make_node("Sigmoid", ["logits"], ["mask"], name="gate"),
        deform,
    ]
    copies = [type(node).FromString(node.SerializeToString()) for node in nodes]
    del model.graph.node[:]
    model.graph.node.extend(copies)
    return model


def test_what_one_layer_predicts_is_taken_whole() -> None:
    model = predicted()
    onnx.checker.check_model(model, full_check=True)
    conv, node = to_plugin(model).graph.node
    assert (conv.op_type, node.op_type) == ("Conv", "LpsrDeformConv")
    assert list(node.input)[2] == "both"
    found = attributes(node)
    assert (found["raw"], found["has_mask"], found["has_bias"], len(node.input)) == (1, 0, 1, 4)


def test_what_is_predicted_otherwise_is_taken_apart() -> None:
    for model in (predicted(split=9), predicted(channels=36)):
        node = to_plugin(model).graph.node[-1]
        assert (attributes(node)["raw"], attributes(node)["has_mask"], list(node.input)[2]) == (0, 1, "offset")
    model = predicted()
    model.graph.node[3].op_type = "HardSigmoid"
    assert attributes(to_plugin(model).graph.node[-1])["raw"] == 0
    model = predicted()
    model.graph.output.append(helper.make_tensor_value_info("mask", TensorProto.FLOAT, None))
    made = to_plugin(model)
    assert [node.op_type for node in made.graph.node] == ["Conv", "Slice", "Sigmoid", "LpsrDeformConv"]
    assert attributes(made.graph.node[-1])["raw"] == 1, "others may read the mask"


@pytest.mark.parametrize("role", ["generator", "reader"])
def test_released_graphs_are_taken_whole(role: Role) -> None:
    model = to_fp16(load_graph(ROOT / "engines" / "models" / f"lite-{role}.onnx"))
    made = to_plugin(model)
    nodes = [node for node in made.graph.node if node.op_type == "LpsrDeformConv"]
    assert nodes
    assert all(attributes(node)["raw"] == 1 for node in nodes)
    assert len(made.graph.node) <= len(model.graph.node) - 3 * len(nodes)


def test_a_result_that_others_read_keeps_its_relu() -> None:
    model, _ = one_node(relu=True)
    model.graph.node.append(helper.make_node("Sigmoid", ["found"], ["z"], name="other"))
    model.graph.output.append(helper.make_tensor_value_info("z", TensorProto.FLOAT, None))
    made = to_plugin(model)
    assert [node.op_type for node in made.graph.node] == ["LpsrDeformConv", "Relu", "Sigmoid"]
    assert attributes(made.graph.node[0])["relu"] == 0


def test_weights_are_packed_in_pairs_and_padded() -> None:
    weight = np.random.default_rng(0).standard_normal((12, 5, 2, 3)).astype(np.float32)
    packed = pack_weights(weight, 3)
    assert packed.shape == (3, 6, 8, 8, 2)
    for output, channel, y, x in ((0, 0, 0, 0), (5, 3, 1, 2), (11, 4, 0, 1)):
        group, inner = divmod(output, 4)
        assert packed[group, 3 * y + x, channel // 2, inner, channel % 2] == weight[output, channel, y, x]
    assert np.count_nonzero(packed) == weight.size


def test_weights_that_are_computed_are_refused() -> None:
    model, _ = one_node()
    del model.graph.initializer[:]
    for derive in (lower, to_plugin):
        with pytest.raises(LpsrError, match="must be constants"):
            derive(model)
