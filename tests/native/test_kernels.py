"""The arithmetic of the deformable-convolution kernels, by their own functions compiled for the host."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from .kernels import (
    BAD_SHAPE,
    BAD_TACTIC,
    FLOAT16,
    FLOAT32,
    LINEAR,
    PACKED8,
    TACTICS,
    CProblem,
    Library,
    Problem,
    Shape,
    random_problem,
)

TILES = TACTICS[1:]
BY_TAPS = (8, 9)
"""Tiles whose taps are shared out among gangs of warps."""


def random_shape(rng: np.random.Generator) -> Shape:
    """Any kernel, stride, padding, dilation, groups and offset groups, with channels that they divide."""
    while True:
        groups, offset_groups = (int(rng.choice([1, 1, 2, 4])) for _ in range(2))
        shape = Shape(
            batch=int(rng.integers(1, 4)),
            channels=4 * int(rng.integers(1, 19)),
            height=int(rng.integers(3, 10)),
            width=int(rng.integers(3, 14)),
            out_channels=4 * int(rng.integers(1, 19)),
            kernel=tuple(rng.integers(1, 4, 2).tolist()),
            stride=tuple(rng.integers(1, 4, 2).tolist()),
            pad=tuple(rng.integers(0, 3, 2).tolist()),
            dilation=tuple(rng.integers(1, 3, 2).tolist()),
            groups=groups,
            offset_groups=offset_groups,
            relu=bool(rng.random() < 0.3),
        )
        if min(shape.out_size) > 0:
            return shape


def problems(count: int, seed: int, **changes: Any) -> list[Problem]:
    rng = np.random.default_rng(seed)
    made = []
    for index in range(count):
        shape = replace(random_shape(rng), **changes)
        made.append(random_problem(shape, index, mask=rng.random() < 0.8, bias=rng.random() < 0.8))
    return made


def apart(found: NDArray[np.float64] | int, wanted: NDArray[np.float64]) -> float:
    """Largest difference, relative to the largest value."""
    assert not isinstance(found, int), f"status {found}"
    return float(np.abs(found - wanted).max() / max(np.abs(wanted).max(), 1.0))


def test_single_precision_is_the_reference(library: Library) -> None:
    for problem in problems(60, seed=1):
        assert apart(library.run(problem), library.reference(problem)) < 1e-5, problem.shape


@pytest.mark.parametrize("layout", [LINEAR, PACKED8])
@pytest.mark.parametrize("offsets", [FLOAT32, FLOAT16])
def test_half_precision_rounds_the_result_alone(library: Library, layout: int, offsets: int) -> None:
    for problem in problems(40, seed=2):
        halves = problem.at_half(offsets_too=offsets == FLOAT16)
        found = library.run(halves, 0, FLOAT16, offsets, layout)
        wanted = library.reference(halves)
        assert not isinstance(found, int)
        # Half a unit in the last place, and what FP32 sums add.
        assert (np.abs(found - wanted) <= np.abs(wanted) * 2.0**-11 + 1e-5 * max(np.abs(wanted).max(), 1)).all()


@pytest.mark.parametrize("tactic", TILES)
@pytest.mark.parametrize("offsets", [FLOAT32, FLOAT16])
def test_tiles_find_what_the_reference_does(library: Library, tactic: int, offsets: int) -> None:
    run = 0
    for problem in problems(40, seed=3, groups=1):
        halves = problem.at_half(offsets_too=offsets == FLOAT16)
        found = library.run(halves, tactic, FLOAT16, offsets, PACKED8)
        if isinstance(found, int):  # offset groups that eight channels straddle, or too many places to hold
            assert found == BAD_TACTIC
            continue
        run += 1
        # Blended values are halves too: a relative error of 2^-11 each, which add up as noise does.
        assert apart(found, library.reference(halves)) < 1.5e-3, problem.shape
    assert run > 15


@pytest.mark.parametrize("tactic", [0, 1, 5, 7, 8, 9])
@pytest.mark.parametrize("offsets", [FLOAT32, FLOAT16])
def test_masks_before_their_sigmoid_behind_the_offsets(library: Library, tactic: int, offsets: int) -> None:
    for seed, offset_groups in enumerate((1, 2)):
        shape = Shape(batch=2, channels=32, height=4, width=12, out_channels=24, offset_groups=offset_groups, raw=True)
        problem = random_problem(shape, seed)
        assert problem.mask is not None
        signs = np.random.default_rng(seed).choice([-3.0, 1.0], problem.mask.shape)
        halves = replace(problem, mask=problem.mask * signs).at_half(offsets_too=offsets == FLOAT16)
        found = library.run(halves, tactic, FLOAT16, offsets, PACKED8)
        assert apart(found, library.reference(halves)) < 1.5e-3, shape
    single = library.run(halves)
    assert apart(single, library.reference(halves)) < 1e-5
    extreme = replace(halves, mask=np.where(signs > 0, 1e4, -1e4))
    assert apart(library.run(extreme, tactic, FLOAT16, offsets, PACKED8), library.reference(extreme)) < 1.5e-3


def test_all_tiles_sum_alike(library: Library) -> None:
    """Tactics differ in who computes what, not in what is computed; gangs of warps add their sums in another order."""
    shape = Shape(batch=2, channels=40, height=8, width=12, out_channels=72)
    problem = random_problem(shape, 7).at_half(offsets_too=True)
    made = [library.run(problem, tactic, FLOAT16, FLOAT16, PACKED8) for tactic in TILES]
    for tactic, each in zip(TILES, made, strict=True):
        if tactic in BY_TAPS:
            assert apart(each, made[0]) < 2.0**-10
        else:
            assert np.array_equal(each, made[0])


@pytest.mark.parametrize(
    ("tactic", "dtype", "layout"), [(0, FLOAT32, LINEAR), (0, FLOAT16, PACKED8), (3, FLOAT16, PACKED8)]
)
def test_offsets_that_lead_nowhere_find_nothing(library: Library, tactic: int, dtype: int, layout: int) -> None:
    shape = Shape(batch=2, channels=16, height=5, width=7, out_channels=8, kernel=(2, 2))
    for wild in (np.nan, np.inf, -np.inf, 1e30, -1e30, 3e9, -1.0 - 1e-6):
        problem = random_problem(shape, 3)
        offset = problem.offset.copy()
        offset[:, ::3] = wild
        problem = replace(problem, offset=offset).at_half(offsets_too=False)
        with np.errstate(invalid="ignore"):
            found, wanted = library.run(problem, tactic, dtype, FLOAT32, layout), library.reference(problem)
        assert np.isfinite(wanted).all()
        assert apart(found, wanted) < 1.5e-3, wild


@pytest.mark.parametrize(
    ("tactic", "dtype", "layout"), [(0, FLOAT32, LINEAR), (0, FLOAT16, PACKED8), (6, FLOAT16, PACKED8)]
)
def test_pixels_that_are_not_sampled_do_not_matter(library: Library, tactic: int, dtype: int, layout: int) -> None:
    """A NaN at the origin, which clamped indices would read with a weight of zero."""
    shape = Shape(batch=1, channels=8, height=6, width=6, out_channels=8, kernel=(1, 1), pad=(0, 0))
    problem = random_problem(shape, 4, mask=False)
    offset = np.full_like(problem.offset, 50.0)
    offset[..., 3:, 3:] = 0.25
    x = problem.x.copy()
    x[..., :3, :3] = np.nan
    problem = replace(problem, x=x, offset=offset).at_half(offsets_too=False)
    found = library.run(problem, tactic, dtype, FLOAT32, layout)
    assert apart(found, library.reference(problem)) < 1.5e-3


@pytest.mark.parametrize("tactic", [0, 1, 5, 7, 9])
@pytest.mark.parametrize("batch", [1, 3, 64])
def test_a_batch_is_its_plates(library: Library, tactic: int, batch: int) -> None:
    shape = Shape(batch=batch, channels=8, height=4, width=12, out_channels=16)
    problem = random_problem(shape, batch).at_half(offsets_too=True)
    together = library.run(problem, tactic, FLOAT16, FLOAT16, PACKED8)
    assert not isinstance(together, int)
    assert problem.mask is not None
    for n in {0, batch // 2, batch - 1}:
        one = slice(n, n + 1)
        alone = replace(
            problem,
            shape=replace(shape, batch=1),
            x=problem.x[one],
            offset=problem.offset[one],
            mask=problem.mask[one],
        )
        assert np.array_equal(library.run(alone, tactic, FLOAT16, FLOAT16, PACKED8), together[one])


def test_halves_are_converted_as_numpy_does(library: Library) -> None:
    """Every half comes through unchanged, and products round as NumPy's do."""
    halves = np.arange(65536, dtype=np.uint32).astype(np.uint16).view(np.float16)
    halves = halves[np.isfinite(halves)].astype(np.float64)
    shape = Shape(channels=1, height=1, width=len(halves), out_channels=1, kernel=(1, 1), pad=(0, 0))
    gates = np.random.default_rng(0).uniform(0, 2, len(halves)).astype(np.float32)
    for mask in (np.ones_like(gates), gates):
        problem = Problem(
            shape,
            halves.reshape(1, 1, 1, -1),
            np.ones((1, 1, 1, 1)),
            np.zeros((1, 2, 1, len(halves))),
            mask.astype(np.float64).reshape(1, 1, 1, -1),
            None,
        )
        found = library.run(problem, 0, FLOAT16)
        with np.errstate(over="ignore"):
            wanted = (halves.astype(np.float32) * mask).astype(np.float16).astype(np.float64)
        assert not isinstance(found, int)
        assert np.array_equal(found.ravel(), wanted)


def test_onnx_runtime_agrees(library: Library) -> None:
    onnx = pytest.importorskip("onnx", reason="needs onnx (the train extra)")
    onnxruntime = pytest.importorskip("onnxruntime", reason="needs ONNX Runtime (the cpu extra)")
    helper, single = onnx.helper, onnx.TensorProto.FLOAT
    for problem in problems(12, seed=5, relu=False):
        shape = problem.shape
        tensors = {
            "x": problem.x,
            "w": problem.weight,
            "offset": problem.offset,
            "b": problem.bias,
            "mask": problem.mask,
        }
        given = {name: tensor.astype(np.float32) for name, tensor in tensors.items() if tensor is not None}
        node = helper.make_node(
            "DeformConv",
            [name if name in given else "" for name in tensors],
            ["y"],
            kernel_shape=shape.kernel,
            strides=shape.stride,
            pads=[*shape.pad, *shape.pad],
            dilations=shape.dilation,
            group=shape.groups,
            offset_group=shape.offset_groups,
        )
        inputs = [helper.make_tensor_value_info(name, single, tensor.shape) for name, tensor in given.items()]
        output = helper.make_tensor_value_info("y", single, None)
        graph = helper.make_graph([node], "deform", inputs, [output])
        model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 19)], ir_version=9)
        session = onnxruntime.InferenceSession(model.SerializeToString(), providers=["CPUExecutionProvider"])
        assert apart(library.run(problem), session.run(None, given)[0]) < 1e-5, shape


def test_tactics_follow_the_gpu_and_the_problem(library: Library) -> None:
    packed = CProblem(Shape(channels=64, out_channels=64, height=16, width=48).c(), FLOAT16, FLOAT16, PACKED8)
    assert library.tactics(packed, 75) == [0]
    assert library.tactics(packed, 87) == list(TACTICS)
    linear = CProblem(packed.shape, FLOAT16, FLOAT16, LINEAR)
    assert library.tactics(linear, 90) == [0]
    straddled = CProblem(Shape(channels=24, offset_groups=2).c(), FLOAT16, FLOAT16, PACKED8)
    assert library.tactics(straddled, 90) == [0]
    many_places = CProblem(
        Shape(channels=64, offset_groups=4, kernel=(5, 5), pad=(2, 2)).c(), FLOAT16, FLOAT16, PACKED8
    )
    assert 0 < len(library.tactics(many_places, 90)) < len(TACTICS)
    assert library.choose(packed, 75) == 0
    assert library.choose(linear, 90) == 0
    assert library.choose(packed, 90) in TILES
    for batch in (1, 16):  # a few blocks, whatever the tile: taps are shared out
        few = CProblem(
            Shape(batch=batch, channels=32, out_channels=32, height=4, width=12).c(), FLOAT16, FLOAT16, PACKED8
        )
        assert library.choose(few, 90) == 9
    small = Shape(channels=32, out_channels=32, height=4, width=12, kernel=(2, 2), pad=(0, 0))
    assert library.choose(CProblem(small.c(), FLOAT16, FLOAT16, PACKED8), 90) == 8
    large = CProblem(Shape(batch=64, channels=64, out_channels=64, height=32, width=96).c(), FLOAT16, FLOAT16, PACKED8)
    assert library.choose(large, 90) == 6  # 64 x 64: a tile of 128 would multiply by padding


@pytest.mark.parametrize(
    "change",
    [{"channels": 0}, {"groups": 3}, {"offset_groups": 3}, {"stride": (0, 1)}, {"batch": 2**30}, {"dilation": (1, -1)}],
)
def test_sizes_that_do_not_fit_are_refused(library: Library, change: dict) -> None:
    c = Shape().c()
    for name, value in change.items():
        for field, each in (
            ((name, value),) if isinstance(value, int) else ((f"{name}_y", value[0]), (f"{name}_x", value[1]))
        ):
            setattr(c, field, each)
    assert library.check(Shape().c()) == 0
    assert library.check(c) == BAD_SHAPE
    both = CProblem(Shape(raw=True).c(), FLOAT32, FLOAT32, LINEAR, *(1 for _ in range(6)))
    assert library.launch(both, 0) == BAD_SHAPE, "the mask is in the offsets' tensor"
    assert library.run(random_problem(Shape(), 0), tactic=9) == BAD_TACTIC
    assert library.run(random_problem(Shape(), 0), tactic=1) == BAD_TACTIC
    assert library.run(random_problem(Shape(), 0), layout=PACKED8) == BAD_SHAPE
