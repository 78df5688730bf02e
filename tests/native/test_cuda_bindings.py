"""The driver interface through cuda-python's real bindings, with a library in the driver's place.

In a process of its own, since the bindings load the driver's library once.
"""

from __future__ import annotations

import importlib.util
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from .conftest import ROOT


@pytest.fixture(scope="module")
def environment(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """In which the driver's library is the shim."""
    if importlib.util.find_spec("cuda") is None or importlib.util.find_spec("cuda.bindings") is None:
        pytest.skip("needs cuda-bindings (the tensorrt extra)")
    compiler = shutil.which("gcc") or shutil.which("cc")
    if not compiler or not sys.platform.startswith("linux"):
        pytest.skip("the shim needs Linux and a C compiler")
    folder = tmp_path_factory.mktemp("driver")
    shim = str(ROOT / "tests" / "native" / "cuda_shim.c")
    library = str(folder / "libcuda.so.1")
    subprocess.run([compiler, "-shared", "-fPIC", "-Wall", "-Werror", "-o", library, shim, "-ldl"], check=True)
    path = os.pathsep.join((str(ROOT), os.environ.get("PYTHONPATH", "")))
    return {**os.environ, "LD_LIBRARY_PATH": str(folder), "PYTHONPATH": path}


def run(script: str, environment: dict[str, str]) -> subprocess.CompletedProcess[str]:
    return subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, env=environment)


def test_memory_streams_and_events(environment: dict[str, str]) -> None:
    done = run(_ALL, environment)
    assert done.returncode == 0, done.stderr[-2000:]
    assert done.stdout.splitlines() == ["Stand-in 0 (sm_87, 16 multiprocessors)", "kept", "pinned memory freed", "end"]


_ALL = """
import gc, threading
import numpy as np
from lpsr_core.cuda import driver
from lpsr_core.errors import LpsrError

made = driver()
assert made.name == "cuda-bindings" and driver() is made
print(made.gpu(), flush=True)

def refused(call, words):
    try:
        call()
    except LpsrError as error:
        assert words in str(error), error
    else:
        raise AssertionError(words)

refused(lambda: made.allocate(8), "cuMemAlloc: invalid device context")
made.push()
array = made.pinned((3, 4), np.float16)
assert array.shape == (3, 4) and array.dtype == np.float16
array[...] = np.arange(12).reshape(3, 4)
address, stream, other, event = made.allocate(24), made.stream(), made.stream(), made.event()
made.send(array, address, stream)
made.record(event, stream)
made.wait_for(event, other)
back = made.pinned((12,), np.float16)
made.fetch(address, back, other)
made.wait(event)
made.synchronize(other)
assert np.array_equal(back, np.arange(12))
refused(lambda: made.send(np.zeros(99), address, stream), "cuMemcpyHtoDAsync: invalid argument")
refused(lambda: made.allocate(1 << 50), "cuMemAlloc: out of memory")
try:
    made.send(array.T, address, stream)
except ValueError:
    pass
else:
    raise AssertionError("an array with gaps was copied")
made.free(address)
made.destroy((stream, other), (event,))
made.pop()
part = array[1:, 2:]
del array
gc.collect()
print("kept", flush=True)
assert part[0, 0] == 6
thread = threading.Thread(target=lambda: refused(lambda: made.stream(), "invalid device context"))
thread.start()
thread.join()
del part
gc.collect()
print("end", flush=True)
import os
os._exit(0)
"""


def test_no_driver_is_told_in_one_line(environment: dict[str, str], tmp_path: Path) -> None:
    script = "from lpsr_core.cuda import driver\ntry:\n    driver()\nexcept Exception as error:\n    print(repr(error))"
    done = run(script, {**environment, "LD_LIBRARY_PATH": str(tmp_path)})
    if "no NVIDIA GPU here" not in done.stdout:
        pytest.skip("there is a driver on this machine")
    assert done.stdout.startswith("LpsrError(")
    assert len(done.stdout.splitlines()) == 1
