"""Plans of TensorRT in memory, and the execution contexts that run them."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from lpsr_core.cuda import Driver
from lpsr_core.errors import LpsrError
from lpsr_core.plans import PlanRuntime, current_gpu, load_runnable
from lpsr_core.tensorrt import import_tensorrt, load_plugin
from lpsr_run.engines.base import TensorSpec
from lpsr_run.engines.cuda import Buffer, current


class TensorRtPlan:
    """A loaded plan whose passes run in memory that the caller provides.

    Args:
        path: the .plan file; its card lies beside it.
        source: sha256 of the released graph that it must have been built from, where that is known.

    Attributes:
        name, inputs, outputs: see `Engine`.
        runtime: that runs it.
        card: of the plan.
        largest: crops in one pass.

    Raises:
        MissingExtraError: TensorRT, or a package that calls the GPU's driver, is not installed.
        LpsrError: there is no GPU, or the plan is missing, damaged, stale or another machine's.
    """

    runtime: PlanRuntime = "tensorrt"

    def __init__(self, path: Path, source: str | None = None) -> None:
        self._trt = trt = self._module()
        self._path = path
        self._gpu = current_gpu()
        self.card = load_runnable(path, str(trt.__version__), self._gpu, source, self.runtime)
        self.name = f"{path} ({self.runtime} {self.card.config.tensorrt})"
        self._log = Log(trt)
        with current():
            if self.card.plugin_file:
                load_plugin(path.parent / self.card.plugin_file, self.card.config.plugin)
            self._runtime = trt.Runtime(self._log.logger)
            if self.card.config.carries_code:
                self._runtime.engine_host_code_allowed = True
            self._engine = self._runtime.deserialize_cuda_engine(path.read_bytes())
            if self._engine is None:
                raise LpsrError(f"{path}: TensorRT cannot load this engine: {self._log.reason}")
            names = [self._engine.get_tensor_name(index) for index in range(self._engine.num_io_tensors)]
            inputs = [name for name in names if self._engine.get_tensor_mode(name) == trt.TensorIOMode.INPUT]
            self.inputs = tuple(self._spec(name) for name in inputs)
            self.outputs = tuple(self._spec(name) for name in names if name not in inputs)
            self.largest = int(self._engine.get_tensor_profile_shape(inputs[0], 0)[2][0])

    @property
    def activations(self) -> int:
        """Bytes on the device that a pass needs for what lies between its layers."""
        return int(self._engine.device_memory_size_v2)

    def buffer(self, cuda: Driver, name: str) -> Buffer:
        """Memory for the largest tensor of an input or output; the CUDA context must be current."""
        spec = next(spec for spec in (*self.inputs, *self.outputs) if spec.name == name)
        largest: tuple[int, ...]
        if spec in self.inputs:
            largest = tuple(int(size) for size in self._engine.get_tensor_profile_shape(name, 0)[2])
        else:
            largest = (self.largest, *spec.row)
        return Buffer(cuda, spec, largest)

    def execution(self, addresses: Mapping[str, int], activations: int) -> Execution:
        """Another way to run it; the CUDA context must be current.

        Args:
            addresses: on the device, of every input and output by name; they stay the same from pass to pass.
            activations: address of as many bytes as `activations` says. Passes that share them run one after the
                other, on one stream.

        Raises:
            LpsrError: TensorRT refuses.
        """
        context = self._context()
        if context is None:
            raise LpsrError(f"{self._path}: no memory on the GPU for this engine: {self._log.reason}")
        context.set_device_memory(activations, self.activations)
        return Execution(self.name, context, self._log, addresses)

    def keep(self) -> None:
        """Keeps what the first passes on a machine have cost, for its next start; nothing where there is no such."""

    def _module(self) -> Any:
        """TensorRT's."""
        return import_tensorrt()

    def _context(self) -> Any:
        """A new execution context of TensorRT's without memory of its own; None where it fails."""
        trt = self._trt
        return self._engine.create_execution_context(trt.ExecutionContextAllocationStrategy.USER_MANAGED)

    def _spec(self, name: str) -> TensorSpec:
        shape = tuple(int(size) if size >= 0 else None for size in self._engine.get_tensor_shape(name))
        return TensorSpec(name, shape, np.dtype(self._trt.nptype(self._engine.get_tensor_dtype(name))).name)


class Execution:
    """An engine's execution context: one pass at a time, on one stream, always with the same memory.

    Args:
        name: of the engine, for messages.
        context: TensorRT's.
        log: TensorRT's errors.
        addresses: of every input and output.

    Raises:
        LpsrError: TensorRT does not take an address.
    """

    def __init__(self, name: str, context: Any, log: Log, addresses: Mapping[str, int]) -> None:
        self._name, self._context, self._log = name, context, log
        self._shapes: dict[str, tuple[int, ...]] = {}
        for tensor, address in addresses.items():
            if not self._context.set_tensor_address(tensor, address):
                raise LpsrError(f"{name}: TensorRT does not take the memory of {tensor}: {log.reason}")

    def enqueue(self, shapes: Mapping[str, tuple[int, ...]], stream: int) -> None:
        """Puts one pass on a stream; the CUDA context must be current.

        Args:
            shapes: of the inputs.
            stream: its handle.

        Raises:
            LpsrError: TensorRT refuses it.
        """
        for name, shape in shapes.items():
            if self._shapes.get(name) == shape:
                continue
            self._shapes.pop(name, None)
            if not self._context.set_input_shape(name, shape):
                raise LpsrError(f"{self._name}: the engine does not take {name} of {shape}: {self._log.last}")
            self._shapes[name] = shape
        self.again(stream)

    def again(self, stream: int) -> None:
        """Puts the last pass on a stream once more.

        Raises:
            LpsrError: TensorRT refuses it.
        """
        if not self._context.execute_async_v3(stream):
            raise LpsrError(f"{self._name}: the engine failed: {self._log.reason}")


class Log:
    """TensorRT's errors; keeps the last.

    Attributes:
        logger: for TensorRT.
        last: first line of the last error; empty before there is one.
    """

    def __init__(self, trt: Any) -> None:
        self.last = ""
        log = self

        class Logger(trt.ILogger):  # type: ignore[misc]
            def __init__(self) -> None:
                trt.ILogger.__init__(self)

            def log(self, severity: Any, msg: str) -> None:
                if severity in (trt.ILogger.Severity.ERROR, trt.ILogger.Severity.INTERNAL_ERROR):
                    log.last = msg.strip().splitlines()[0] if msg.strip() else ""

        self.logger = Logger()

    @property
    def reason(self) -> str:
        """The last error, or that none was given."""
        return self.last or "no reason given"
