"""The host's library of the kernels, built once for all tests.

LPSR_KERNELS names a folder in which both libraries lie ready.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from pathlib import Path

import pytest

from .kernels import GpuLibrary, Library

ROOT = Path(__file__).resolve().parents[2]
READY = os.environ.get("LPSR_KERNELS")


def cuda_headers(nvcc: str) -> Path:
    """The folder of the headers that a CUDA compiler uses, also where `nvcc` is a script that calls it elsewhere."""
    told = subprocess.run([nvcc, "--dryrun", "-E", "no.cu"], capture_output=True, text=True).stderr
    top = re.search(r"^#\$ TOP=(.+)$", told, re.MULTILINE)
    return (Path(top[1].strip()) if top else Path(nvcc).resolve().parents[1]) / "include"


def build(folder: Path, *options: str, targets: tuple[str, ...] = ()) -> None:
    """Configures and builds the project's CMakeLists.txt."""
    generator = ["-G", "Ninja"] if shutil.which("ninja") else []
    wanted = [part for target in targets for part in ("--target", target)]
    for command in (
        ["cmake", "-S", str(ROOT), "-B", str(folder), *generator, *options],
        ["cmake", "--build", str(folder), *wanted],
    ):
        done = subprocess.run(command, capture_output=True, text=True)
        assert done.returncode == 0, done.stdout[-3000:] + done.stderr[-3000:]


@pytest.fixture(scope="session")
def host(tmp_path_factory: pytest.TempPathFactory) -> Library:
    """The reference, and the kernels' own functions compiled for the host."""
    if READY:
        return Library(Path(READY) / "liblpsr_deform_conv_host.so")
    if not shutil.which("cmake") or not (shutil.which("c++") or shutil.which("g++")):
        pytest.skip("building the kernels' functions for the host needs CMake and a C++ compiler")
    folder = tmp_path_factory.mktemp("native")
    build(folder, targets=("lpsr_deform_conv_host",))
    return Library(next(folder.glob("liblpsr_deform_conv_host.*")))


@pytest.fixture(scope="session", params=["host", "gpu"])
def library(request: pytest.FixtureRequest, host: Library, tmp_path_factory: pytest.TempPathFactory) -> Library:
    """The kernels, on the host and on a GPU."""
    if request.param == "host":
        return host
    nvcc = os.environ.get("CUDACXX") or shutil.which("nvcc")
    torch = pytest.importorskip("torch", reason="kernels run on a GPU with PyTorch's memory")
    if READY and torch.cuda.is_available():
        return GpuLibrary(Path(READY) / "liblpsr_deform_conv.so", host)
    if not nvcc or not torch.cuda.is_available():
        pytest.skip("running the kernels needs a GPU, PyTorch with CUDA, and nvcc")
    folder = tmp_path_factory.mktemp("gpu")
    build(folder, f"-DCMAKE_CUDA_COMPILER={nvcc}", targets=("lpsr_deform_conv",))
    return GpuLibrary(folder / "liblpsr_deform_conv.so", host)
