"""Which runtime is faster on this processor, found by a short trial."""

from __future__ import annotations

import importlib.util
import platform
import statistics
import time
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from lpsr_core.errors import LpsrError
from lpsr_core.geometry import HR_SIZE
from lpsr_run.engines.base import Engine
from lpsr_run.engines.openvino_engine import OpenVinoEngine

_ROUNDS = 5
_GAIN = 0.8
"""OpenVINO is taken where its pass takes at most this fraction of ONNX Runtime's time, by the median of the rounds."""
_APART = 0.03
"""The most that pictures may differ, and probabilities of characters: bf16 makes about 0.01 of it."""


def openvino_is_worth_a_trial() -> bool:
    """Whether OpenVINO is installed and the processor is Intel's, for which it is made."""
    return importlib.util.find_spec("openvino") is not None and "Intel" in processor()


def processor() -> str:
    """Its name, as the system has it."""
    try:
        for line in Path("/proc/cpuinfo").read_text(encoding="utf-8", errors="replace").splitlines():
            if line.startswith(("model name", "vendor_id")) and "Intel" in line:
                return line.partition(":")[2].strip()
    except OSError:
        pass
    return platform.processor()


def faster(engine: Engine, path: Path, threads: int) -> tuple[Engine, str]:
    """The faster of ONNX Runtime and OpenVINO for a graph, and why.

    Args:
        engine: ONNX Runtime's, on the processor.
        path: of the graph.
        threads: of the processor; 0 for as many as there are cores.
    """
    try:
        other = OpenVinoEngine(path, threads=threads, rows=True)
        ours, theirs, apart = _compared(engine, other)
    except LpsrError as error:
        return engine, f"OpenVINO does not run it: {error}"
    times = f"{1000 * theirs:.1f} ms with OpenVINO, {1000 * ours:.1f} with ONNX Runtime"
    if apart > _APART:
        return engine, f"OpenVINO's results differ by {apart:.2g}"
    return (other if theirs <= _GAIN * ours else engine), f"{8 * other.workers} crops take {times}"


def _compared(engine: Engine, other: OpenVinoEngine) -> tuple[float, float, float]:
    """Seconds of a pass with each, and the largest difference."""
    (spec,) = engine.inputs
    usual = (3, HR_SIZE[1], HR_SIZE[0])
    shape = (8 * other.workers, *(size or free for size, free in zip(spec.shape[1:], usual, strict=True)))
    batch = {spec.name: _pictures(shape)}
    results, seconds = [], []
    for each in (engine, other):
        each.run(batch)
    for _ in range(_ROUNDS):
        for each in (engine, other):
            start = time.perf_counter()
            results.append(each.run(batch)[engine.outputs[0].name])
            seconds.append(time.perf_counter() - start)
    one, two = results[:2]
    if engine.outputs[0].name == "log_probs":
        one, two = np.exp(one), np.exp(two)
    return statistics.median(seconds[::2]), statistics.median(seconds[1::2]), float(np.abs(one - two).max())


def _pictures(shape: tuple[int, ...]) -> NDArray[np.float32]:
    """Smooth ones with an edge, in 0..1: like nothing in particular, and not noise alone."""
    rng = np.random.default_rng(0)
    y, x = np.linspace(0, 1, shape[2])[:, None], np.linspace(0, 1, shape[3])[None, :]
    waves = np.sin(8 * x * rng.uniform(0.5, 2, (shape[0], shape[1], 1, 1)) + 3 * y) + (x > 0.5)
    made: NDArray[np.float32] = np.clip(0.5 + 0.25 * waves + 0.02 * rng.standard_normal(shape), 0, 1).astype(np.float32)
    return made
