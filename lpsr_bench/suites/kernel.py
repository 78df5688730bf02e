"""Deformable convolutions beside ordinary ones, and the arithmetic that the networks reach beside what is possible.

The ceiling is the fastest of some large convolutions in the same runtime with the same threads: what this machine
gives to a kernel that never waits. A deformable convolution does the arithmetic of an ordinary one and gathers its
samples besides.
"""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lpsr_bench.arithmetic import operations
from lpsr_bench.context import Context
from lpsr_bench.measure import measure
from lpsr_core.errors import LpsrError
from lpsr_core.extras import install_command, is_installed
from lpsr_core.geometry import to_lr, to_tensor
from lpsr_run.engines.onnx_engine import OnnxRuntimeEngine

LARGE = ((128, 64, 192), (64, 64, 192), (96, 24, 72))
"""Channels, height and width of convolutions, the fastest of which is taken for the ceiling."""
SHAPES = ((16, 8, 24), (48, 2, 6), (64, 32, 96))
"""Channels, height and width of deformable convolutions: the released generator's and reader's, and a large one."""
_BATCH = 32


@dataclass(frozen=True)
class Kernel:
    """One piece of work.

    Attributes:
        name: what it is.
        runtime: that ran it.
        milliseconds: of one pass.
        gflops: arithmetic a second, in 10^9 operations; multiplications and additions count each.
        share: of the ceiling, 0..1; None where there is none to compare with.
    """

    name: str
    runtime: str
    milliseconds: float
    gflops: float
    share: float | None

    def as_dict(self) -> dict[str, Any]:
        return {
            "name": self.name,
            "runtime": self.runtime,
            "milliseconds": round(self.milliseconds, 5),
            "gflops": round(self.gflops, 3),
            "share_of_ceiling": None if self.share is None else round(self.share, 4),
        }


def measure_kernel(context: Context) -> Iterator[Kernel]:
    """The ceiling, the networks, and deformable convolutions with torchvision's beside them where it is installed."""
    if not is_installed("onnx"):
        context.note(
            f"kernel: graphs of single operators are made with ONNX; install it with: {install_command('bench')}"
        )
        return
    backend, ceiling = context.config.backend, 0.0
    device = "cuda" if backend == "cuda" else "auto" if backend == "auto" else "cpu"
    total = 3 + 2 * len(SHAPES)
    with tempfile.TemporaryDirectory() as folder:

        def engine(name: str, graph: bytes) -> OnnxRuntimeEngine:
            path = Path(folder) / f"{name}.onnx"
            path.write_bytes(graph)
            return OnnxRuntimeEngine(path, device, context.config.threads)  # type: ignore[arg-type]

        def timed(name: str, runtime: str, work: Callable[[], object], flop: float) -> Kernel:
            milliseconds = measure(work, 1, context.budget).milliseconds.p50
            gflops = flop / milliseconds / 1e6
            return Kernel(name, runtime, milliseconds, gflops, gflops / ceiling if ceiling else None)

        context.tell("kernel, ceiling", 0, total)
        runtime, tried = "", []
        for number, (channels, height, width) in enumerate(LARGE):
            large = engine(f"large{number}", convolution(channels, height, width))
            runtime = f"onnxruntime {large.device}"
            picture = {"x": np.zeros((1, channels, height, width), np.float32)}
            name = f"convolution 3x3, {channels} channels, {height}x{width}"
            flop = _flop(channels, height, width)
            tried.append(timed(name, runtime, lambda: large.run(picture), flop))  # noqa: B023 - called here
        fastest = max(tried, key=lambda kernel: kernel.gflops)
        ceiling = fastest.gflops
        yield fastest
        for done, kernel in enumerate(_networks(context, timed), 1):
            context.tell("kernel, networks", done, total)
            yield kernel
        for number, (channels, height, width) in enumerate(SHAPES):
            context.tell(f"kernel, {channels}x{height}x{width}", 3 + 2 * number, total)
            flop = _flop(channels, height, width)
            given = samples(channels, height, width)
            what = f"{channels} channels, {height}x{width}"
            plain = engine(f"plain{number}", convolution(channels, height, width))
            x = {"x": given["x"]}
            yield timed(f"convolution 3x3, {what}", runtime, lambda: plain.run(x), flop)  # noqa: B023 - called here
            deform = engine(f"deform{number}", deformable(channels, height, width))
            yield timed(f"deformable 3x3, {what}", runtime, lambda: deform.run(given), flop)  # noqa: B023
            torchvision = _torchvision(given, channels)
            if torchvision is not None:
                yield timed(f"deformable 3x3, {what}", "torchvision, PyTorch", torchvision, flop)


def _networks(context: Context, timed: Callable[[str, str, Callable[[], object], float], Kernel]) -> Iterator[Kernel]:
    """Generator and reader at a large batch, by the arithmetic that their graphs hold."""
    networks = context.networks
    lr = to_tensor([to_lr(crop) for crop in context.fill(_BATCH)])
    sr = networks.generator.engine.run({"lr": lr})["sr"]
    for role, network, given in (
        ("generator", networks.generator, {"lr": lr}),
        ("reader", networks.reader, {"image": sr}),
    ):
        if network.model.path.suffix != ".onnx":
            continue
        try:
            flop = _BATCH * operations(network.model.path)
        except LpsrError as error:
            context.note(f"kernel: {error}")
            continue
        name = f"{role} {network.model.name}, batch {_BATCH}"
        yield timed(name, network.runtime, lambda: network.engine.run(given), flop)  # noqa: B023 - called at once


def samples(channels: int, height: int, width: int) -> dict[str, NDArray[np.float32]]:
    """Inputs of a deformable convolution with kernel 3x3: picture, offsets of about a pixel, and mask."""
    rng = np.random.default_rng(0)
    return {
        "x": rng.standard_normal((1, channels, height, width), np.float32),
        "offset": rng.standard_normal((1, 18, height, width), np.float32),
        "mask": rng.random((1, 9, height, width), np.float32),
    }


def convolution(channels: int, height: int, width: int) -> bytes:
    """A graph of one 3x3 convolution, as many channels out as in."""
    return _graph("Conv", {"x": (1, channels, height, width)}, ["x", "weight"], channels)


def deformable(channels: int, height: int, width: int) -> bytes:
    """A graph of one modulated 3x3 deformable convolution."""
    shapes = {"x": (1, channels, height, width), "offset": (1, 18, height, width), "mask": (1, 9, height, width)}
    return _graph("DeformConv", shapes, ["x", "weight", "offset", "", "mask"], channels)


def _graph(kind: str, shapes: Mapping[str, tuple[int, ...]], names: list[str], channels: int) -> bytes:
    from onnx import TensorProto, helper, numpy_helper

    weight = np.random.default_rng(0).standard_normal((channels, channels, 3, 3), np.float32)
    node = helper.make_node(kind, names, ["y"], kernel_shape=[3, 3], pads=[1, 1, 1, 1])
    inputs = [helper.make_tensor_value_info(name, TensorProto.FLOAT, shape) for name, shape in shapes.items()]
    output = helper.make_tensor_value_info("y", TensorProto.FLOAT, shapes["x"])
    graph = helper.make_graph([node], kind, inputs, [output], [numpy_helper.from_array(weight, "weight")])
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 20)], ir_version=9)
    return bytes(model.SerializeToString())


def _torchvision(given: dict[str, NDArray[np.float32]], channels: int) -> Callable[[], object] | None:
    """The same work in torchvision on the CPU; None where it is not installed or does not load."""
    try:
        import torch
        from torchvision.ops import deform_conv2d
    except Exception:  # a torchvision that does not fit its torch fails in many ways
        return None
    x, offset, mask = (torch.from_numpy(given[name]) for name in ("x", "offset", "mask"))
    weight = torch.randn(channels, channels, 3, 3)
    return lambda: deform_conv2d(x, offset, weight, padding=1, mask=mask)


def _flop(channels: int, height: int, width: int) -> float:
    return 2.0 * channels * channels * 9 * height * width
