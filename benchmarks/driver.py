"""The runtime's driver classes against the real driver: python -m benchmarks.driver --build DIR --out FILE

What the TensorRT engine does on a GPU, with a deformable convolution in the engine's place: the driver interface opened
with whatever package there is, pinned and device memory, three streams ordered by events, a CUDA graph that is captured
and replayed, refusals told in a line, several threads, and memory that is given back. Needs no PyTorch and no TensorRT.
DIR holds the built kernels and the host's library, whose reference the results are held to.
"""

from __future__ import annotations

import argparse
import sys
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lpsr_core.cuda import Driver, driver
from lpsr_core.errors import LpsrError
from lpsr_core.jsonfile import write_json
from lpsr_run.engines.base import TensorSpec
from lpsr_run.engines.cuda import Buffer, current
from lpsr_run.engines.cuda_graph import CudaGraph
from tests.native.kernels import FLOAT16, PACKED8, CProblem, Library, Problem, Shape, random_problem, to_layout

_TOLERANCE = 1.5e-3
_SHAPE = Shape(batch=16, channels=32, height=4, width=12, out_channels=32)


@dataclass(frozen=True)
class Kernel:
    """The library, and how it is launched: `launch(problem, tactic, stream)` gives its status."""

    host: Library
    launch: Callable[[CProblem, int, int], int]


def kernel(folder: Path, sm: int) -> Kernel:
    """The kernels of a build, without PyTorch; the host's own functions for sm 0."""
    import ctypes

    host = Library(folder / "liblpsr_deform_conv_host.so")
    if sm == 0:
        return Kernel(host, host.launch)
    library = ctypes.CDLL(str(folder / "liblpsr_deform_conv.so"))

    def launch(problem: CProblem, tactic: int, stream: int) -> int:
        return int(library.lpsrDeformConv(ctypes.byref(problem), tactic, sm, ctypes.c_void_p(stream)))

    return Kernel(host, launch)


class Pass:
    """One deformable convolution as an engine runs it: sent, computed and fetched on streams of their own."""

    def __init__(self, cuda: Driver, kernel: Kernel, problem: Problem) -> None:
        shape, number = problem.shape, np.float16
        assert problem.mask is not None
        assert problem.bias is not None
        y = np.zeros((shape.batch, shape.out_channels, *shape.out_size))
        values: dict[str, NDArray] = {
            "x": to_layout(problem.x, PACKED8, number, 0.0),
            "weight": kernel.host.pack(shape, problem.weight).astype(number)[None],
            "offset": problem.offset.astype(number),
            "mask": problem.mask.astype(number),
            "bias": problem.bias.astype(np.float32)[None],
            "y": to_layout(y, PACKED8, number, 0.0),
        }
        self._cuda, self._kernel, self.values = cuda, kernel, values
        self.buffers = {
            name: Buffer(cuda, TensorSpec(name, (None, *each.shape[1:]), each.dtype.name), each.shape)
            for name, each in values.items()
        }
        addresses = (self.buffers[name].address for name in ("x", "weight", "offset", "mask", "bias", "y"))
        self.problem = CProblem(shape.c(), FLOAT16, FLOAT16, PACKED8, *addresses)
        self.streams = (cuda.stream(), cuda.stream(), cuda.stream())
        self.events = (cuda.event(), cuda.event(), cuda.event())

    def send(self) -> None:
        """All inputs."""
        for name in ("x", "weight", "offset", "mask", "bias"):
            self.buffers[name].send(self.values[name], self.streams[0])
        self._cuda.record(self.events[0], self.streams[0])
        self._cuda.wait_for(self.events[0], self.streams[1])

    def compute(self, tactic: int = 3) -> None:
        """The kernel."""
        status = self._kernel.launch(self.problem, tactic, self.streams[1])
        if status:
            raise LpsrError(f"the kernel gave status {status}")

    def fetch(self) -> NDArray:
        """The result, packed, when it has come."""
        self._cuda.record(self.events[1], self.streams[1])
        self._cuda.wait_for(self.events[1], self.streams[2])
        shape = self.values["y"].shape
        host = self.buffers["y"].host(shape)
        host[...] = np.nan
        self.buffers["y"].fetch(shape, self.streams[2])
        self._cuda.record(self.events[2], self.streams[2])
        self._cuda.wait(self.events[2])
        return host.copy()

    def close(self) -> None:
        """Gives everything back."""
        for buffer in self.buffers.values():
            buffer.close()
        self._cuda.destroy(self.streams, self.events)


def apart(kernel: Kernel, problem: Problem, found: NDArray) -> float:
    """Difference from the reference, relative to its largest value."""
    wanted = kernel.host.reference(problem)
    result = found[..., : problem.shape.out_channels].transpose(0, 3, 1, 2).astype(np.float64)
    return float(np.abs(result - wanted).max() / max(np.abs(wanted).max(), 1.0))


def passes(kernel: Kernel) -> dict[str, Any]:
    """A pass, and the same as a graph, each against the reference; and what they take."""
    problem = random_problem(_SHAPE, 1).at_half(offsets_too=True)
    with current() as cuda:
        work = Pass(cuda, kernel, problem)
        work.send()
        work.compute()
        plain = apart(kernel, problem, work.fetch())
        graph = CudaGraph(work.compute, work.streams[1])
        work.buffers["y"].send(np.zeros_like(work.values["y"]), work.streams[1])
        graph.launch()
        replayed = apart(kernel, problem, work.fetch())
        times = {}
        for name, call in (("launched", work.compute), ("replayed", graph.launch)):
            cuda.synchronize(work.streams[1])
            start = time.perf_counter()
            for _ in range(100):
                call()
            cuda.synchronize(work.streams[1])
            times[name] = round(1e6 * (time.perf_counter() - start) / 100, 2)
        graph.close()
        work.close()
    return {"difference": plain, "difference_replayed": replayed, "microseconds": times}


def threads(kernel: Kernel) -> dict[str, Any]:
    """Four threads with a pass each, at once; every one finds its own result."""
    found: dict[int, float] = {}

    def work(seed: int) -> None:
        problem = random_problem(_SHAPE, seed).at_half(offsets_too=True)
        with current() as cuda:
            mine = Pass(cuda, kernel, problem)
            for _ in range(20):
                mine.send()
                mine.compute()
                result = mine.fetch()
            found[seed] = apart(kernel, problem, result)
            mine.close()

    running = [threading.Thread(target=work, args=(seed,)) for seed in range(4)]
    for each in running:
        each.start()
    for each in running:
        each.join()
    return {"differences": [found.get(seed, float("inf")) for seed in range(4)]}


def refusals() -> dict[str, Any]:
    """More memory than any GPU has is refused in one line, and what follows works."""
    with current() as cuda:
        try:
            cuda.allocate(1 << 50)
        except LpsrError as error:
            line = str(error)
        else:
            raise LpsrError("a petabyte was given")
        cuda.free(cuda.allocate(1 << 20))
    return {"line": line}


def leaks(kernel: Kernel) -> dict[str, Any]:
    """Many passes made and closed take no more memory than a few."""
    problem = random_problem(_SHAPE, 2).at_half(offsets_too=True)

    def turn(count: int) -> int:
        with current() as cuda:
            for _ in range(count):
                work = Pass(cuda, kernel, problem)
                work.send()
                work.compute()
                work.fetch()
                work.close()
        return _resident()

    before = turn(5)
    return {"grown_bytes_in_50_passes": turn(50) - before}


def _resident() -> int:
    fields = Path("/proc/self/statm").read_text(encoding="ascii").split()
    return int(fields[1]) * 4096


def main() -> None:
    """Runs all, writes, and fails when any result is wrong."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--build", type=Path, required=True, help="folder of the built libraries")
    parser.add_argument("--out", type=Path, required=True, help="JSON file to write")
    parser.add_argument("--device", choices=("cuda", "cpu"), default="cuda", help="cpu: the host's kernels")
    options = parser.parse_args()
    try:
        made = driver()
        gpu = made.gpu()
        run = kernel(options.build, gpu.sm if options.device == "cuda" else 0)
        found: dict[str, Any] = {"package": made.name, "gpu": str(gpu)}
        steps: dict[str, Callable[[], dict[str, Any]]] = {
            "passes": lambda: passes(run),
            "threads": lambda: threads(run),
            "refusals": refusals,
            "leaks": lambda: leaks(run),
        }
        for name, step in steps.items():
            found[name] = step()
            write_json(options.out, found)
            print(name, found[name], flush=True)
    except (LpsrError, OSError) as error:
        sys.exit(f"error: {error}")
    results = (found["passes"]["difference"], found["passes"]["difference_replayed"], *found["threads"]["differences"])
    if not all(each <= _TOLERANCE for each in results):
        sys.exit("error: wrong results")


if __name__ == "__main__":
    main()
