"""Generator and reader of ONNX Runtime on a GPU in one go: the SR pictures stay on the device between the two.

Every batch size has input and output tensors of its own on the device, bound once to both sessions, so that no pass
allocates. Batches are filled up to powers of two (see `filled_up`), which keeps the number of sizes small.
"""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor
from time import perf_counter
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from lpsr_core.contracts import CONTRACTS
from lpsr_core.errors import LpsrError
from lpsr_run.engines.base import Passed, Pending
from lpsr_run.engines.batching import filled_up

LARGEST = 64
"""Crops of one pass; more are split."""
_GENERATOR, _READER = CONTRACTS["generator"], CONTRACTS["reader"]


class Bindable(Protocol):
    """An engine whose ONNX Runtime session can be bound to tensors."""

    @property
    def name(self) -> str: ...

    @property
    def session(self) -> Any: ...


class BoundChain:
    """Two sessions as one.

    Args:
        generator, reader: engines on the same device.
        device: ONNX Runtime's word for it: `cuda`, or `cpu`, where the same calls run without a GPU.
    """

    depth = 2
    """One batch is computed while the next is prepared."""

    def __init__(self, generator: Bindable, reader: Bindable, device: str = "cuda") -> None:
        self._generator, self._reader, self._device = generator, reader, device
        self._passes: dict[int, _BoundPass] = {}
        self._lock = threading.Lock()
        self._worker = ThreadPoolExecutor(1, "lpsr-bound")

    def start(self, lr: NDArray[np.float32]) -> Pending:
        """Begin with N crops and return a function that waits for them.

        Args:
            lr: float32[N, 3, 16, 48] in 0..1; must stay as it is until the results are there.
        """
        return self._worker.submit(self.run, lr).result

    def run(self, lr: NDArray[np.float32]) -> Passed:
        """Run N crops from beginning to end.

        Raises:
            LpsrError: ONNX Runtime failed.
        """
        starts = range(0, max(len(lr), 1), LARGEST)
        return Passed.joined([self._run_part(lr[at : at + LARGEST]) for at in starts])

    def warm_up(self, batch: int) -> None:
        """Bind and run a single crop and a full batch, so that no plate waits for cuDNN's choice of algorithms."""
        for count in sorted({1, min(batch, LARGEST)}):
            self.run(np.zeros((count, *_GENERATOR.input_shape), np.float32))

    def _run_part(self, lr: NDArray[np.float32]) -> Passed:
        if not len(lr):
            sr, log_probs = (np.empty((0, *contract.output_shape), np.float32) for contract in (_GENERATOR, _READER))
            return Passed(sr, log_probs)
        given, count = filled_up({"lr": lr})
        rows = given["lr"]
        with self._lock:
            try:
                if len(rows) not in self._passes:
                    self._passes[len(rows)] = _BoundPass(self._generator, self._reader, len(rows), self._device)
                return self._passes[len(rows)].run(rows, len(lr) if count is None else count)
            except Exception as error:
                reason = " ".join(str(error).split())[:400]
                names = f"{self._generator.name} and {self._reader.name}"
                raise LpsrError(f"{names}: the models failed: {reason}") from error


class _BoundPass:
    """One batch size: tensors on the device, and the bindings of both sessions to them."""

    def __init__(self, generator: Bindable, reader: Bindable, count: int, device: str) -> None:
        from onnxruntime import OrtValue

        self._lr, self._sr, self._log_probs = (
            OrtValue.ortvalue_from_shape_and_type([count, *shape], np.float32, device, 0)
            for shape in (_GENERATOR.input_shape, _GENERATOR.output_shape, _READER.output_shape)
        )
        self._steps = []
        for engine, contract, taken, given in (
            (generator, _GENERATOR, self._lr, self._sr),
            (reader, _READER, self._sr, self._log_probs),
        ):
            binding = engine.session.io_binding()
            binding.bind_ortvalue_input(contract.input, taken)
            binding.bind_ortvalue_output(contract.output, given)
            self._steps.append((engine.session, binding))

    def run(self, lr: NDArray[np.float32], count: int) -> Passed:
        """Run a full batch, of which `count` rows are wanted."""
        self._lr.update_inplace(np.ascontiguousarray(lr, np.float32))
        times = [perf_counter()]
        for session, binding in self._steps:
            session.run_with_iobinding(binding)  # waits for the device
            times.append(perf_counter())
        # A tensor of the processor's is handed out as it lies, and the next pass writes over it.
        sr, log_probs = (np.array(value.numpy()[:count]) for value in (self._sr, self._log_probs))
        return Passed(sr, log_probs, (times[2] - times[1]) / max(times[2] - times[0], 1e-9))
