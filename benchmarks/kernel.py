"""Times the deformable-convolution kernels on this machine's GPU: python -m benchmarks.kernel [--out FILE.md]

Needs a GPU, PyTorch with CUDA, nvcc and CMake; torchvision and ONNX Runtime with CUDA are timed beside ours where they
are installed. Every kernel is held to the double-precision reference before it is timed. Floors are of this GPU: its
matrix products and its copies are timed first.
"""

from __future__ import annotations

import argparse
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from tests.native.kernels import (
    FLOAT16,
    FLOAT32,
    LINEAR,
    PACKED8,
    CProblem,
    GpuLibrary,
    Library,
    Problem,
    Shape,
    random_problem,
    to_layout,
)

ROOT = Path(__file__).resolve().parents[1]
BATCHES = (1, 4, 16, 64, 256, 1024)
_TRIALS, _LAUNCHES = 9, 20
_TOLERANCE = {FLOAT32: 1e-5, FLOAT16: 1.5e-3}


def shapes(graph: Path) -> dict[str, Shape]:
    """The deformable convolutions of a graph, and the one that docs/plugin.md reckons with."""
    import onnx

    model = onnx.shape_inference.infer_shapes(onnx.load(str(graph)), data_prop=True)
    values = (*model.graph.value_info, *model.graph.input, *model.graph.output)
    sizes = {value.name: [dim.dim_value for dim in value.type.tensor_type.shape.dim] for value in values}
    weights = {entry.name: list(entry.dims) for entry in model.graph.initializer}
    weights |= {  # stored at half precision, and cast
        node.output[0]: weights[node.input[0]]
        for node in model.graph.node
        if node.op_type == "Cast" and node.input[0] in weights
    }
    found = {}
    for node in model.graph.node:
        if node.op_type == "DeformConv":
            given = {entry.name: onnx.helper.get_attribute_value(entry) for entry in node.attribute}
            outputs, _, *kernel = weights[node.input[1]]
            _, channels, height, width = sizes[node.input[0]]
            pad = tuple(given.get("pads", (0, 0, 0, 0))[:2])
            shape = Shape(1, channels, height, width, outputs, tuple(kernel), pad=pad)
            shape = replace(
                shape, groups=given.get("group", 1), offset_groups=given.get("offset_group", 1), stride=(1, 1)
            )
            found[f"{channels}->{outputs}, {height}x{width}"] = shape
    found["64->64, 32x96"] = Shape(1, 64, 32, 96, 64)
    return found


def microseconds(torch: Any, work: Callable[[], object]) -> float:
    """The median time of one launch, by the GPU's clock, over launches in a row."""
    for _ in range(3):
        work()
    times = []
    for _ in range(_TRIALS):
        start, end = (torch.cuda.Event(enable_timing=True) for _ in range(2))
        start.record()
        for _ in range(_LAUNCHES):
            work()
        end.record()
        torch.cuda.synchronize()
        times.append(1000 * start.elapsed_time(end) / _LAUNCHES)
    return statistics.median(times)


class Ours:
    """One problem's tensors on the GPU, as the kernels take them."""

    def __init__(self, torch: Any, library: GpuLibrary, problem: Problem, dtype: int, layout: int) -> None:
        number = np.float16 if dtype == FLOAT16 else np.float32
        shape = problem.shape
        empty = np.zeros((shape.batch, shape.out_channels, *shape.out_size))
        arrays = (
            to_layout(problem.x, layout, number, 0.0),
            library.pack(shape, problem.weight).astype(number),
            problem.offset.astype(number),
            None if problem.mask is None else problem.mask.astype(number),
            None if problem.bias is None else problem.bias.astype(np.float32),
            to_layout(empty, layout, number, 0.0),
        )
        self._kept = [None if each is None else torch.from_numpy(np.ascontiguousarray(each)).cuda() for each in arrays]
        pointers = (None if each is None else each.data_ptr() for each in self._kept)
        self._problem = CProblem(shape.c(), dtype, dtype, layout, *pointers)
        self._library, self._stream = library, torch.cuda.current_stream().cuda_stream

    @property
    def tactics(self) -> list[int]:
        return self._library.tactics(self._problem, self._library.sm)

    def launch(self, tactic: int) -> None:
        status = self._library.launch(self._problem, tactic, self._stream)
        if status:
            sys.exit(f"tactic {tactic} gave status {status}")


def checked(library: GpuLibrary, shape: Shape, dtype: int, layout: int, tactics: list[int]) -> None:
    """Makes sure that every tactic finds what the reference does, on one plate."""
    problem = random_problem(replace(shape, batch=1), 1).at_half(offsets_too=dtype == FLOAT16)
    wanted = library.reference(problem)
    for tactic in tactics:
        found = library.run(problem, tactic, dtype, dtype, layout)
        apart = np.abs(found - wanted).max() / max(np.abs(wanted).max(), 1.0)
        if not apart <= _TOLERANCE[dtype]:
            sys.exit(f"tactic {tactic} of {shape}: {apart:.2g} from the reference; nothing was timed")


def floors(shape: Shape, batch: int, product: float, copy: float) -> tuple[float, float]:
    """Microseconds that the products and the memory take at least, FP16.

    Args:
        shape, batch: of the call.
        product: operations a second.
        copy: bytes a second, read and written.
    """
    height, width = shape.out_size
    pixels = batch * height * width
    operations = 2 * shape.taps * shape.channels // shape.groups * shape.out_channels * pixels
    inputs = batch * shape.channels * shape.height * shape.width
    samples = 3 * shape.offset_groups * shape.taps * pixels
    return 1e6 * operations / product, 1e6 * 2 * (inputs + samples + shape.out_channels * pixels) / copy


def rates(torch: Any) -> tuple[float, float]:
    """FP16 operations a second of a large product, and bytes a second of a large copy."""
    a, b = (torch.randn(8192, 8192, device="cuda", dtype=torch.float16) for _ in range(2))
    product = 2 * 8192**3 / (1e-6 * microseconds(torch, lambda: a @ b))
    x = torch.empty(1 << 29, device="cuda", dtype=torch.uint8)
    y = torch.empty_like(x)
    return product, 2 * x.numel() / (1e-6 * microseconds(torch, lambda: y.copy_(x)))


def torchvision_time(torch: Any, problem: Problem, half: bool) -> float | None:
    """Microseconds of torchvision's operator; None where it is not installed."""
    try:
        from torchvision.ops import deform_conv2d
    except (ImportError, RuntimeError):
        return None
    kind = torch.float16 if half else torch.float32
    shape = problem.shape
    x, offset, weight, bias, mask = (
        None if each is None else torch.from_numpy(each).to("cuda", kind)
        for each in (problem.x, problem.offset, problem.weight, problem.bias, problem.mask)
    )
    return microseconds(
        torch,
        lambda: deform_conv2d(
            x, offset, weight, bias, stride=shape.stride, padding=shape.pad, dilation=shape.dilation, mask=mask
        ),
    )


def onnxruntime_time(problem: Problem) -> float | None:
    """Microseconds of ONNX Runtime's CUDA operator in FP32, tensors on the GPU; None where it has none."""
    try:
        import onnx
        import onnxruntime
    except ImportError:
        return None
    if "CUDAExecutionProvider" not in onnxruntime.get_available_providers():
        return None
    shape = problem.shape
    tensors = {"x": problem.x, "w": problem.weight, "offset": problem.offset, "b": problem.bias, "mask": problem.mask}
    node = onnx.helper.make_node(
        "DeformConv",
        list(tensors),
        ["y"],
        kernel_shape=shape.kernel,
        pads=[*shape.pad, *shape.pad],
        group=shape.groups,
        offset_group=shape.offset_groups,
    )
    single = onnx.TensorProto.FLOAT
    inputs = [onnx.helper.make_tensor_value_info(name, single, each.shape) for name, each in tensors.items()]
    graph = onnx.helper.make_graph([node], "deform", inputs, [onnx.helper.make_tensor_value_info("y", single, None)])
    model = onnx.helper.make_model(graph, opset_imports=[onnx.helper.make_opsetid("", 19)], ir_version=9)
    options = onnxruntime.SessionOptions()
    options.add_session_config_entry("session.disable_cpu_ep_fallback", "1")
    try:
        session = onnxruntime.InferenceSession(model.SerializeToString(), options, ["CUDAExecutionProvider"])
    except Exception:
        return None
    binding = session.io_binding()
    kind = onnxruntime.OrtValue
    values = {name: kind.ortvalue_from_numpy(each.astype(np.float32), "cuda") for name, each in tensors.items()}
    for name, value in values.items():
        binding.bind_ortvalue_input(name, value)
    binding.bind_output("y", "cuda")
    # Its stream is its own, so the host's clock is taken around many runs.
    for _ in range(3):
        session.run_with_iobinding(binding)
    times = []
    for _ in range(_TRIALS):
        start = time.perf_counter()
        for _ in range(_LAUNCHES):
            session.run_with_iobinding(binding)
        binding.synchronize_outputs()
        times.append(1e6 * (time.perf_counter() - start) / _LAUNCHES)
    return statistics.median(times)


def lines(torch: Any, library: GpuLibrary, graph: Path, batches: tuple[int, ...]) -> Iterator[str]:
    """The table, a line at a time."""
    product, copy = rates(torch)
    name = torch.cuda.get_device_name()
    yield f"{name} (sm_{library.sm}), PyTorch {torch.__version__}: FP16 products {product / 1e12:.0f} TFLOP/s, "
    yield f"copies {copy / 1e9:.0f} GB/s. Microseconds a call, median of {_TRIALS} times {_LAUNCHES}."
    yield ""
    headings = ("ours FP16 (tactic)", "ours FP32", "torchvision FP16", "torchvision FP32", "ONNX Runtime FP32")
    yield f"| shape | batch | {' | '.join(headings)} | floor: products | floor: memory |"
    yield "|---|---|---|---|---|---|---|---|---|"
    for what, shape in shapes(graph).items():
        plain = random_problem(replace(shape, batch=1), 0)
        half = Ours(torch, library, plain.at_half(True), FLOAT16, PACKED8)
        checked(library, shape, FLOAT16, PACKED8, half.tactics)
        checked(library, shape, FLOAT32, LINEAR, [0])
        for batch in batches:
            problem = random_problem(replace(shape, batch=batch), batch)
            half = Ours(torch, library, problem, FLOAT16, PACKED8)
            timed = {tactic: microseconds(torch, lambda: half.launch(tactic)) for tactic in half.tactics}  # noqa: B023
            best = min(timed, key=lambda tactic: timed[tactic])
            single = Ours(torch, library, problem, FLOAT32, LINEAR)
            others = (
                microseconds(torch, lambda: single.launch(0)),  # noqa: B023
                torchvision_time(torch, problem, True),
                torchvision_time(torch, problem, False),
                onnxruntime_time(problem),
                *floors(shape, batch, product, copy),
            )
            cells = " | ".join("-" if each is None else f"{each:.1f}" for each in others)
            yield f"| {what} | {batch} | {timed[best]:.1f} ({best}) | {cells} |"


def main() -> None:
    """Builds the library, checks it, times it, prints the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--graph", type=Path, default=ROOT / "engines" / "models" / "lite-generator.onnx")
    parser.add_argument("--batches", type=int, nargs="+", default=list(BATCHES))
    parser.add_argument("--out", type=Path, help="Markdown file to write the table to")
    options = parser.parse_args()
    try:
        import torch
    except ImportError:
        sys.exit("error: timing the kernels needs PyTorch with CUDA")
    nvcc = os.environ.get("CUDACXX") or shutil.which("nvcc")
    if not torch.cuda.is_available() or not nvcc or not shutil.which("cmake"):
        sys.exit("error: timing the kernels needs a GPU that PyTorch sees, nvcc (on the PATH or in CUDACXX) and CMake")
    with tempfile.TemporaryDirectory() as folder:
        for command in (
            ["cmake", "-S", str(ROOT), "-B", folder, f"-DCMAKE_CUDA_COMPILER={nvcc}"],
            ["cmake", "--build", folder, "--target", "lpsr_deform_conv", "lpsr_deform_conv_host"],
        ):
            done = subprocess.run(command, capture_output=True, text=True)
            if done.returncode:
                sys.exit(f"error: {' '.join(command)} failed:\n{done.stdout[-2000:]}{done.stderr[-2000:]}")
        host = Library(Path(folder) / "liblpsr_deform_conv_host.so")
        library = GpuLibrary(Path(folder) / "liblpsr_deform_conv.so", host)
        table = []
        for line in lines(torch, library, options.graph, tuple(options.batches)):
            print(line, flush=True)
            table.append(line)
            if options.out:
                options.out.write_text("\n".join(table) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
