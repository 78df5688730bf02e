"""Execution contexts of TensorRT, and what generator and reader need of each other to run as one."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Protocol

from lpsr_core.cuda import Driver
from lpsr_core.errors import LpsrError
from lpsr_run.engines.base import TensorSpec
from lpsr_run.engines.cuda import Buffer


class Plan(Protocol):
    """A loaded plan whose passes run in memory that the caller provides."""

    largest: int

    @property
    def inputs(self) -> tuple[TensorSpec, ...]: ...

    @property
    def outputs(self) -> tuple[TensorSpec, ...]: ...

    @property
    def activations(self) -> int:
        """Bytes on the device that a pass needs for what lies between its layers."""
        ...

    def buffer(self, cuda: Driver, name: str) -> Buffer:
        """Memory for the largest tensor of an input or output; the CUDA context must be current."""
        ...

    def execution(self, addresses: Mapping[str, int], activations: int) -> Execution:
        """Another way to run it; the CUDA context must be current.

        Args:
            addresses: on the device, of every input and output by name; they stay the same from pass to pass.
            activations: address of as many bytes as `activations` says. Passes that share them run one after the
                other, on one stream.

        Raises:
            LpsrError: TensorRT refuses.
        """
        ...

    def keep(self) -> None:
        """Keeps what the first passes on a machine have cost, for its next start; nothing where there is no such."""
        ...


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
