"""Pixels rearranged by moves of one axis: the same pictures, with other nodes."""

from __future__ import annotations

from collections import Counter

import numpy as np
import pytest

onnx = pytest.importorskip("onnx", reason="graphs are derived with onnx (the export extra)")
onnxruntime = pytest.importorskip("onnxruntime", reason="graphs are checked in ONNX Runtime")

from onnx import helper, numpy_helper  # noqa: E402

from lpsr_export.graph.rearranging import rearrange  # noqa: E402

RNG = np.random.default_rng(0)
X = RNG.normal(size=(3, 8, 4, 6)).astype(np.float32)


def unshuffle(source: str, output: str) -> list:
    """As PyTorch's exporter writes it."""
    return [
        helper.make_node("Reshape", [source, "split"], [f"{output}.0"]),
        helper.make_node("Transpose", [f"{output}.0"], [f"{output}.1"], perm=[0, 1, 3, 5, 2, 4]),
        helper.make_node("Reshape", [f"{output}.1", "joined"], [output]),
    ]


def graph(nodes: list, channels: int, height: int, width: int, more: tuple[str, ...] = ()):
    constants = {
        "split": np.array([-1, 8, 2, 2, 3, 2]),
        "joined": np.array([-1, 32, 2, 3]),
        "w": RNG.normal(size=(5, 32, 1, 1)).astype(np.float32),
        "wide": RNG.normal(size=(5, 32, 3, 3)).astype(np.float32),
        "b": RNG.normal(size=5).astype(np.float32),
    }
    made = helper.make_graph(
        nodes,
        "toy",
        [helper.make_tensor_value_info("x", 1, ["n", 8, 4, 6])],
        [helper.make_tensor_value_info("y", 1, ["n", channels, height, width])]
        + [helper.make_tensor_value_info(name, 1, ["n", 32, 2, 3]) for name in more],
        [numpy_helper.from_array(array, name) for name, array in constants.items()],
    )
    return helper.make_model(made, opset_imports=[helper.make_opsetid("", 20)], ir_version=10)


def rearranged(model) -> Counter[str]:
    """The kinds of nodes afterwards; the results are checked."""
    before = onnxruntime.InferenceSession(model.SerializeToString()).run(None, {"x": X})
    rearrange(model)
    onnx.checker.check_model(model, full_check=True)
    after = onnxruntime.InferenceSession(model.SerializeToString()).run(None, {"x": X})
    for found, expected in zip(after, before, strict=True):
        np.testing.assert_allclose(found, expected, atol=1e-5)
    return Counter(node.op_type for node in model.graph.node)


@pytest.mark.parametrize("factor", [1, 2])
def test_shuffling(factor: int) -> None:
    node = helper.make_node("DepthToSpace", ["x"], ["y"], blocksize=factor, mode="CRD")
    kinds = rearranged(graph([node], 8 // factor**2, 4 * factor, 6 * factor))
    assert kinds == {"Reshape": 3, "Transpose": 2}


def test_the_other_order_of_channels_is_left_alone() -> None:
    node = helper.make_node("DepthToSpace", ["x"], ["y"], blocksize=2)
    assert rearranged(graph([node], 2, 8, 12)) == {"DepthToSpace": 1}


def test_unshuffling() -> None:
    assert rearranged(graph(unshuffle("x", "y"), 32, 2, 3)) == {"Reshape": 3, "Transpose": 2}


@pytest.mark.parametrize("bias", [[], ["b"]])
def test_a_pointwise_convolution_of_unshuffled_pixels_has_a_stride(bias: list[str]) -> None:
    nodes = [*unshuffle("x", "u"), helper.make_node("Conv", ["u", "w", *bias], ["y"], "shrink")]
    model = graph(nodes, 5, 2, 3)
    assert rearranged(model) == {"Conv": 1}
    assert [node.name for node in model.graph.node] == ["shrink"]
    assert "w" not in {entry.name for entry in model.graph.initializer}


def test_unshuffled_pixels_that_others_see_or_that_are_convolved_otherwise_stay() -> None:
    seen = [*unshuffle("x", "u"), helper.make_node("Conv", ["u", "w"], ["y"])]
    assert rearranged(graph(seen, 5, 2, 3, ("u",))) == {"Reshape": 3, "Transpose": 2, "Conv": 1}
    wide = [*unshuffle("x", "u"), helper.make_node("Conv", ["u", "wide"], ["y"], pads=[1] * 4)]
    assert rearranged(graph(wide, 5, 2, 3)) == {"Reshape": 3, "Transpose": 2, "Conv": 1}
