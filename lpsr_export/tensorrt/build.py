"""Builds TensorRT plans from typed graphs, through Polygraphy.

Networks are strongly typed: precision is the graph's, and no builder flag changes it. (TensorRT 11 knows nothing else;
10.3 and later take the same graphs with the flag that is always given here by name, since its value differs.)
"""

from __future__ import annotations

import contextlib
import logging
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from lpsr_core.cards import Role
from lpsr_core.contracts import CONTRACTS
from lpsr_core.errors import LpsrError
from lpsr_core.geometry import READ_SIZE
from lpsr_core.tensorrt import import_tensorrt, load_plugin
from lpsr_export.tensorrt.profiles import Profile

Say = Callable[[str], None]


@dataclass(frozen=True)
class BuilderOptions:
    """What the builder is told beside the graph and the target.

    Attributes:
        version_compatible: other TensorRT versions of the same major may run the plan.
        embed_plugin: the plan carries the plugin library, which then need not lie on the machine that runs it.
        optimization_level: 0..5; TensorRT's own choice when None.
    """

    version_compatible: bool = False
    embed_plugin: bool = False
    optimization_level: int | None = None


def build_plan(
    model: bytes,
    role: Role,
    profile: Profile,
    options: BuilderOptions,
    plugin: Path | None,
    timing_cache: Path | None,
    log: Path,
    say: Say = lambda _: None,
) -> tuple[bytes, float]:
    """Parses a graph and builds its plan.

    Args:
        model: the ONNX bytes; typed, with the plugin's nodes or none that are not TensorRT's.
        role: fixes the input's name and size.
        profile: of the target: batches and workspace.
        options: of the builder.
        plugin: the library; None where deformable convolutions were lowered.
        timing_cache: read, and added to, when it is given.
        log: where TensorRT's words go.
        say: told each phase.

    Returns:
        The plan, and the seconds that it took.

    Raises:
        LpsrError: the parser or the builder fails; the line names the log.
    """
    from polygraphy.backend.trt import CreateConfig, EngineBytesFromNetwork, NetworkFromOnnxBytes
    from polygraphy.backend.trt import Profile as TensorRtProfile
    from polygraphy.logger import G_LOGGER

    trt = import_tensorrt()
    if plugin is not None:
        load_plugin(plugin)
    contract = CONTRACTS[role]
    sizes = input_shapes(model, role, profile)

    def configured(builder: Any, network: Any) -> Any:
        config = CreateConfig(
            profiles=[TensorRtProfile().add(contract.input, *sizes)],
            memory_pool_limits={trt.MemoryPoolType.WORKSPACE: profile.workspace_mib << 20},
            load_timing_cache=str(timing_cache) if timing_cache and timing_cache.is_file() else None,
            version_compatible=options.version_compatible or None,
            builder_optimization_level=options.optimization_level,
            profiling_verbosity=trt.ProfilingVerbosity.DETAILED,  # or the inspector tells no types
            progress_monitor=_monitor(trt, say),
        )
        made = config(builder, network)
        if plugin is not None and options.embed_plugin:
            made.plugins_to_serialize = [str(plugin)]
        return made

    network = NetworkFromOnnxBytes(model, strongly_typed=True)
    build = EngineBytesFromNetwork(network, configured, save_timing_cache=str(timing_cache) if timing_cache else None)
    start = time.monotonic()
    with _told(G_LOGGER, log), one_line(f"TensorRT did not build the {role}", f"; all that it said is in {log}"):
        plan = bytes(build())
    return plan, time.monotonic() - start


@contextlib.contextmanager
def one_line(what: str, more: str = "") -> Iterator[None]:
    """Turns an error of Polygraphy's into one line: what failed, the first line of why, and more."""
    from polygraphy.exception import PolygraphyException

    try:
        yield
    except PolygraphyException as error:
        why = (str(error).strip().splitlines() or ["no reason given"])[0]
        raise LpsrError(f"{what}: {why}{more}") from None


def _monitor(trt: Any, say: Say) -> Any:
    """Tells TensorRT's phases; None where the version has no such thing."""
    if not hasattr(trt, "IProgressMonitor"):
        return None

    class Monitor(trt.IProgressMonitor):  # type: ignore[misc]
        def __init__(self) -> None:
            trt.IProgressMonitor.__init__(self)
            self._steps: dict[str, int] = {}

        def phase_start(self, phase_name: str, parent_phase: str | None, num_steps: int) -> None:
            self._steps[phase_name] = num_steps
            say(phase_name)

        def step_complete(self, phase_name: str, step: int) -> bool:
            say(f"{phase_name}, {step + 1} of {self._steps.get(phase_name, 0)}")
            return True

        def phase_finish(self, phase_name: str) -> None:
            self._steps.pop(phase_name, None)

    return Monitor()


def input_shapes(model: bytes, role: Role, profile: Profile) -> list[tuple[int, ...]]:
    """Least, best and largest shape of a network's input.

    Args:
        model: the ONNX bytes.
        role: of the network.
        profile: of the target.

    Returns:
        Three shapes; a reader whose input's height and width are free takes pictures up to `READ_SIZE`.

    Raises:
        LpsrError: the graph is of another role.
    """
    import onnx

    contract = CONTRACTS[role]
    inputs = {entry.name: entry for entry in onnx.load_from_string(model).graph.input}
    if contract.input not in inputs:
        raise LpsrError(f"no graph of a {role}: its inputs are {', '.join(inputs)}, not {contract.input}")
    tensor = inputs[contract.input]
    rows = [contract.input_shape] * 3
    if any(not dim.dim_value for dim in tensor.type.tensor_type.shape.dim[-2:]):
        width, height = READ_SIZE
        rows[2] = (contract.input_shape[0], height, width)
    return [(batch, *row) for batch, row in zip(profile.batch, rows, strict=True)]


@contextlib.contextmanager
def _told(polygraphy: Any, path: Path) -> Iterator[None]:
    """Sends what Polygraphy and TensorRT say to a file, and nothing to the terminal."""
    handler = logging.FileHandler(path, mode="w", encoding="utf-8")
    log, before = logging.getLogger("Polygraphy"), polygraphy.use_python_logging_system
    propagate = log.propagate
    log.addHandler(handler)
    log.propagate = False
    polygraphy.use_python_logging_system = True
    try:
        yield
    finally:
        polygraphy.use_python_logging_system = before
        log.propagate = propagate
        log.removeHandler(handler)
        handler.close()
