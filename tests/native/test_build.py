"""Building kernels and plugin with a CUDA compiler, and loading the plugin into TensorRT's own registry.

Needs nvcc (on the PATH, or named by CUDACXX) and TensorRT's headers (folders of them in TENSORRT_INCLUDE_DIR, separated
by colons). No GPU is needed.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from lpsr_core.plugin_library import PluginLibrary
from lpsr_run.engines.cuda_graph import CALLS

from .conftest import ROOT, build, cuda_headers

HEADERS = [Path(folder) for folder in os.environ.get("TENSORRT_INCLUDE_DIR", "").split(":") if folder]


@pytest.fixture(scope="module")
def nvcc() -> str:
    found = os.environ.get("CUDACXX") or shutil.which("nvcc")
    if not found or not shutil.which("cmake"):
        pytest.skip("compiling the kernels needs nvcc (on the PATH or in CUDACXX) and CMake")
    return found


def version_of(folder: Path) -> str:
    """Major and minor of a folder of headers, as `10.3`."""
    text = (folder / "NvInferVersion.h").read_text()
    numbers = []
    for part in ("MAJOR", "MINOR"):
        found = re.search(rf"define (?:TRT_{part}_ENTERPRISE|NV_TENSORRT_{part}) (\d+)", text)
        assert found, folder
        numbers.append(found[1])
    return ".".join(numbers)


def headers_of(major: int) -> Path:
    """Folder of the headers of a major version."""
    for folder in HEADERS:
        if version_of(folder).startswith(f"{major}."):
            return folder
    pytest.skip(f"needs TensorRT {major}'s headers, named by TENSORRT_INCLUDE_DIR")


def test_kernels_compile_for_every_gpu_without_a_warning(nvcc: str, tmp_path: Path) -> None:
    """Warnings are errors in CMakeLists.txt."""
    sms = "75;80;86;87;89;90;100;110;120"
    build(tmp_path, f"-DCMAKE_CUDA_COMPILER={nvcc}", f"-DLPSR_SMS={sms}", targets=("lpsr_deform_conv",))
    code = next(tmp_path.glob("liblpsr_deform_conv.*")).read_bytes()
    for sm in sms.split(";"):
        assert f"sm_{sm}".encode() in code


def test_cudas_header_has_the_calls_for_graphs(nvcc: str) -> None:
    path = cuda_headers(nvcc) / "cuda.h"
    if not path.is_file():
        pytest.skip("needs CUDA's headers beside its compiler")
    header = path.read_text()
    for name in CALLS:
        assert re.search(rf"\b{name}\b", header), name
    assert re.search(r"CU_STREAM_CAPTURE_MODE_THREAD_LOCAL\s*=\s*1\b", header)


def test_a_gpu_that_nobody_knows_is_refused(nvcc: str, tmp_path: Path) -> None:
    for sm in ("61", "999"):
        command = ["cmake", "-S", str(ROOT), "-B", str(tmp_path), f"-DCMAKE_CUDA_COMPILER={nvcc}", f"-DLPSR_SMS={sm}"]
        done = subprocess.run(command, capture_output=True, text=True)
        assert done.returncode != 0
        assert f"compute capability {sm}" in done.stderr


@pytest.fixture(scope="module", params=HEADERS or [None], ids=[version_of(folder) for folder in HEADERS] or ["none"])
def plugin(request: pytest.FixtureRequest, nvcc: str, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The plugin against each folder of headers that is named."""
    if request.param is None:
        pytest.skip("needs TensorRT's headers, named by TENSORRT_INCLUDE_DIR")
    folder = tmp_path_factory.mktemp(f"tensorrt{version_of(request.param)}-", numbered=False)
    options = (f"-DTENSORRT_INCLUDE_DIR={request.param}", f"-DCMAKE_CUDA_COMPILER={nvcc}", "-DLPSR_SMS=87")
    build(folder, *options)
    return folder / "liblpsr_plugin.so"


def test_the_plugin_passes_its_own_tests(plugin: Path) -> None:
    done = subprocess.run(["ctest", "--test-dir", str(plugin.parent)], capture_output=True, text=True)
    assert done.returncode == 0, done.stdout
    assert "100% tests passed, 0 tests failed out of 1" in done.stdout


def test_the_plugin_exports_two_names_and_needs_no_tensorrt(plugin: Path) -> None:
    names = subprocess.run(
        ["nm", "-D", "--defined-only", str(plugin)], capture_output=True, text=True, check=True
    ).stdout
    assert sorted(line.split()[-1] for line in names.splitlines()) == ["getCreators", "setLoggerFinder"]
    needed = subprocess.run(["objdump", "-p", str(plugin)], capture_output=True, text=True, check=True).stdout
    assert "nvinfer" not in needed
    assert "cudart" not in needed


def test_the_plugin_says_what_it_was_built_for(plugin: Path) -> None:
    library = PluginLibrary.read(plugin)
    assert plugin.parent.name == "tensorrt" + ".".join(library.tensorrt.split(".")[:2]) + "-"
    assert library.sms == (87,)
    assert library.source == "unknown"


def test_tensorrts_registry_loads_lists_and_creates_it(plugin: Path) -> None:
    """In a process of its own: a library that it should not load may take the process with it."""
    trt = pytest.importorskip("tensorrt_lean_bindings", reason="needs the tensorrt-lean wheels")
    if not plugin.parent.name.startswith(f"tensorrt{trt.__version__.split('.')[0]}."):
        pytest.skip(f"the registry is TensorRT {trt.__version__}'s")
    done = subprocess.run([sys.executable, "-c", _REGISTRY, str(plugin)], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert "field pads is missing" in done.stderr
    assert "field strides is at least 1, not 0" in done.stderr


_REGISTRY = """
import sys
import numpy as np
import tensorrt_lean_bindings as trt

registry = trt.get_plugin_registry()
assert registry.load_library(sys.argv[1]) is not None
creators = [creator for creator in registry.all_creators if creator.name == "LpsrDeformConv"]
assert [(creator.plugin_version, creator.plugin_namespace) for creator in creators] == [("1", "lpsr")]
creator = registry.get_creator("LpsrDeformConv", "1", "lpsr")
good = {name: [1] for name in ("group", "offset_group", "out_channels", "relu", "has_mask", "has_bias")} | {"raw": [0]}
good |= {name: [1, 1] for name in ("kernel_shape", "strides", "dilations")} | {"pads": [0, 0, 0, 0]}
assert sorted(field.name for field in creator.field_names) == sorted(good)

def create(fields):
    int32 = trt.PluginFieldType.INT32
    made = [trt.PluginField(name, np.array(value, np.int32), int32) for name, value in fields.items()]
    return creator.create_plugin("node", trt.PluginFieldCollection(made), trt.TensorRTPhase.BUILD)

plugin = create(good)
assert plugin is not None
assert plugin.get_capability_interface(trt.PluginCapabilityType.CORE).plugin_name == "LpsrDeformConv"
assert create({name: value for name, value in good.items() if name != "pads"}) is None
assert create(good | {"strides": [0, 1]}) is None
"""
