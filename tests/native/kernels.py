"""The kernels' C interface through ctypes, for tests and timing: shapes, random problems, and what runs them."""

from __future__ import annotations

import ctypes
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

FLOAT32, FLOAT16 = 0, 1
LINEAR, PACKED8 = 0, 1
OK, BAD_SHAPE, BAD_TACTIC = 0, 1, 2
TACTICS = range(10)


class CShape(ctypes.Structure):
    """LpsrShape."""

    _fields_ = [
        (name, ctypes.c_int32)
        for name in (
            *("batch", "channels", "height", "width", "out_channels", "out_height", "out_width"),
            *("kernel_height", "kernel_width", "stride_y", "stride_x", "pad_top", "pad_left"),
            *("dilation_y", "dilation_x", "groups", "offset_groups", "relu", "raw"),
        )
    ]


class CProblem(ctypes.Structure):
    """LpsrProblem."""

    _fields_ = [
        ("shape", CShape),
        *((name, ctypes.c_int) for name in ("type", "offset_type", "layout")),
        *((name, ctypes.c_void_p) for name in ("x", "weight", "offset", "mask", "bias", "y")),
    ]


@dataclass(frozen=True)
class Shape:
    """A deformable convolution; the output's size follows."""

    batch: int = 1
    channels: int = 8
    height: int = 6
    width: int = 7
    out_channels: int = 8
    kernel: tuple[int, int] = (3, 3)
    stride: tuple[int, int] = (1, 1)
    pad: tuple[int, int] = (1, 1)
    dilation: tuple[int, int] = (1, 1)
    groups: int = 1
    offset_groups: int = 1
    relu: bool = False
    raw: bool = False

    @property
    def taps(self) -> int:
        """Samples of a pixel."""
        return self.kernel[0] * self.kernel[1]

    @property
    def out_size(self) -> tuple[int, int]:
        """Height and width of the output."""
        sizes = zip((self.height, self.width), self.kernel, self.stride, self.pad, self.dilation, strict=True)
        height, width = (
            (size + 2 * pad - dilation * (k - 1) - 1) // stride + 1 for size, k, stride, pad, dilation in sizes
        )
        return height, width

    def c(self) -> CShape:
        """For the library."""
        return CShape(
            *(self.batch, self.channels, self.height, self.width, self.out_channels, *self.out_size),
            *(
                *self.kernel,
                *self.stride,
                *self.pad,
                *self.dilation,
                self.groups,
                self.offset_groups,
                self.relu,
                self.raw,
            ),
        )


@dataclass(frozen=True)
class Problem:
    """Tensors as ONNX has them, float64.

    Of a raw shape the mask is that before the sigmoid, for the library behind the offsets in their tensor.
    """

    shape: Shape
    x: NDArray[np.float64]
    weight: NDArray[np.float64]
    offset: NDArray[np.float64]
    mask: NDArray[np.float64] | None
    bias: NDArray[np.float64] | None

    @property
    def gates(self) -> NDArray[np.float64] | None:
        """The mask that counts."""
        return (1 + np.tanh(self.mask / 2)) / 2 if self.shape.raw and self.mask is not None else self.mask

    @property
    def predicted(self) -> tuple[NDArray[np.float64], NDArray[np.float64] | None]:
        """Offsets and mask as the library takes them."""
        if not self.shape.raw or self.mask is None:
            return self.offset, self.mask
        return np.concatenate([self.offset, self.mask], axis=1), None

    def at_half(self, offsets_too: bool) -> Problem:
        """With values that half precision holds."""

        def half(values: NDArray | None) -> NDArray | None:
            return None if values is None else values.astype(np.float16).astype(np.float64)

        rounded = replace(self, x=half(self.x), weight=half(self.weight))
        return replace(rounded, offset=half(self.offset), mask=half(self.mask)) if offsets_too else rounded


def random_problem(shape: Shape, seed: int, mask: bool = True, bias: bool = True, reach: float = 2.0) -> Problem:
    """Normal pictures and weights, and offsets that reach beyond the border; all exact in FP32."""
    rng = np.random.default_rng(seed)
    height, width = shape.out_size

    def draw(*size: int) -> NDArray[np.float64]:
        return rng.standard_normal(size).astype(np.float32).astype(np.float64)

    fan = shape.channels // shape.groups * shape.taps
    samples = shape.offset_groups * shape.taps
    return Problem(
        shape,
        draw(shape.batch, shape.channels, shape.height, shape.width),
        (draw(shape.out_channels, shape.channels // shape.groups, *shape.kernel) / np.sqrt(fan))
        .astype(np.float32)
        .astype(np.float64),
        (reach * draw(shape.batch, 2 * samples, height, width)).astype(np.float32).astype(np.float64),
        np.abs(draw(shape.batch, samples, height, width)) if mask else None,
        draw(shape.out_channels) if bias else None,
    )


def _pointer(values: NDArray | None) -> int | None:
    return None if values is None else values.ctypes.data


def to_layout(values: NDArray, layout: int, dtype: type, padding: float = np.nan) -> NDArray:
    """[N, C, H, W] in a layout of the library's; padding of packed pictures holds `padding`."""
    values = values.astype(dtype)
    if layout == LINEAR:
        return np.ascontiguousarray(values)
    batch, channels, height, width = values.shape
    packed = np.full((batch, height, width, -(-channels // 8) * 8), padding, dtype)
    packed[..., :channels] = values.transpose(0, 2, 3, 1)
    return packed


class Library:
    """The shared library of the host's kernels and the reference.

    Attributes:
        sm: compute capability that tactics are asked for; the host has those of tensor cores.
    """

    sm = 90

    def __init__(self, path: Path) -> None:
        self._library = ctypes.CDLL(str(path))
        self._library.lpsrPackedWeights.restype = ctypes.c_size_t

    def check(self, shape: CShape) -> int:
        """Status of a shape."""
        return int(self._library.lpsrCheckShape(ctypes.byref(shape)))

    def tactics(self, problem: CProblem, sm: int) -> list[int]:
        """Tactics that can run it on a GPU of that compute capability."""
        found = (ctypes.c_int32 * 16)()
        count = self._library.lpsrTactics(ctypes.byref(problem), sm, found, 16)
        return list(found[:count])

    def choose(self, problem: CProblem, sm: int) -> int:
        """The tactic to take untimed."""
        return int(self._library.lpsrChooseTactic(ctypes.byref(problem), sm))

    def pack(self, shape: Shape, weight: NDArray) -> NDArray[np.float32]:
        """Packed weights."""
        c = shape.c()
        packed = np.empty(self._library.lpsrPackedWeights(ctypes.byref(c)), np.float32)
        single = np.ascontiguousarray(weight, np.float32)
        self._library.lpsrPackWeights(
            ctypes.byref(c), ctypes.c_void_p(_pointer(single)), ctypes.c_void_p(_pointer(packed))
        )
        return packed

    def reference(self, problem: Problem) -> NDArray[np.float64]:
        """float64[N, O, H, W]."""
        y = np.empty((problem.shape.batch, problem.shape.out_channels, *problem.shape.out_size))
        tensors = [
            None if v is None else np.ascontiguousarray(v)
            for v in (problem.x, problem.weight, problem.offset, problem.gates, problem.bias)
        ]
        c = problem.shape.c()
        status = self._library.lpsrReference(ctypes.byref(c), *(ctypes.c_void_p(_pointer(v)) for v in (*tensors, y)))
        assert status == OK
        return y

    def run(
        self, problem: Problem, tactic: int = 0, dtype: int = FLOAT32, offset_dtype: int = FLOAT32, layout: int = LINEAR
    ) -> NDArray[np.float64] | int:
        """float64[N, O, H, W], or the status of a failure."""
        number, offset_number = (np.float16 if each == FLOAT16 else np.float32 for each in (dtype, offset_dtype))
        shape = problem.shape
        offset, mask = problem.predicted
        tensors = (
            to_layout(problem.x, layout, number),
            self.pack(shape, problem.weight).astype(number),
            to_layout(offset, LINEAR, offset_number),
            None if mask is None else to_layout(mask, LINEAR, offset_number),
            None if problem.bias is None else problem.bias.astype(np.float32),
            to_layout(np.full((shape.batch, shape.out_channels, *shape.out_size), np.nan), layout, number),
        )
        status, y = self._launch(shape, (dtype, offset_dtype, layout), tensors, tactic)
        if status != OK:
            return status
        if layout == PACKED8:
            assert (y[..., shape.out_channels :] == 0).all(), "padding of the output is zero"
            y = y[..., : shape.out_channels].transpose(0, 3, 1, 2)
        return y.astype(np.float64)

    def launch(self, c: CProblem, tactic: int, stream: int = 0) -> int:
        """Runs a problem of the host's pointers; status."""
        return int(self._library.lpsrDeformConvOnHost(ctypes.byref(c), tactic))

    def _launch(
        self, shape: Shape, kinds: tuple[int, int, int], tensors: Sequence[NDArray | None], tactic: int
    ) -> tuple[int, NDArray]:
        """Status and y."""
        c = CProblem(shape.c(), *kinds, *(_pointer(tensor) for tensor in tensors))
        y = tensors[-1]
        assert y is not None
        return self.launch(c, tactic), y


class GpuLibrary(Library):
    """The kernels on the GPU, with PyTorch's memory; the reference is the host's.

    Args:
        path: of liblpsr_deform_conv.so.
        host: the host's library.
    """

    def __init__(self, path: Path, host: Library) -> None:
        import torch

        super().__init__(path)
        self._torch, self._host = torch, host
        major, minor = torch.cuda.get_device_capability()
        self.sm = 10 * major + minor

    def reference(self, problem: Problem) -> NDArray[np.float64]:
        """float64[N, O, H, W]."""
        return self._host.reference(problem)

    def launch(self, c: CProblem, tactic: int, stream: int = 0) -> int:
        """Puts a problem of device pointers on a stream; status."""
        return int(self._library.lpsrDeformConv(ctypes.byref(c), tactic, self.sm, ctypes.c_void_p(stream)))

    def _launch(
        self, shape: Shape, kinds: tuple[int, int, int], tensors: Sequence[NDArray | None], tactic: int
    ) -> tuple[int, NDArray]:
        there = [None if tensor is None else self._torch.from_numpy(tensor).cuda() for tensor in tensors]
        c = CProblem(shape.c(), *kinds, *(None if tensor is None else tensor.data_ptr() for tensor in there))
        status = self.launch(c, tactic)
        self._torch.cuda.synchronize()
        y = there[-1]
        assert y is not None
        return status, y.cpu().numpy()
