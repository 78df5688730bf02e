"""Lowered graphs in a real TensorRT builder: TensorRT for RTX's needs no GPU to parse, type and build.

Needs TensorRT 11's headers (TENSORRT_INCLUDE_DIR), CUDA's (beside the compiler that CUDACXX names, or on the PATH), and
the libraries of the wheel onnxruntime-ep-nv-tensorrt-rtx-cu13 (its folder in LPSR_TENSORRT_RTX).
"""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path

import pytest

pytest.importorskip("onnx", reason="graphs are derived with onnx (the export extra)")

from lpsr_core.cards import Precision, Role, graph_name
from lpsr_export.checks.crops import CALIBRATION_SEED, direct_batch, lr_batch, rendered_crops
from lpsr_export.graph.deform import lower
from lpsr_export.graph.fp16 import to_fp16
from lpsr_export.graph.graphs import GraphSession, load_graph, save_graph
from lpsr_export.int8.quantise import Quantiser

from .conftest import ROOT, cuda_headers
from .test_build import headers_of


@pytest.fixture(scope="module")
def builder(tmp_path_factory: pytest.TempPathFactory) -> list[str]:
    """The command that builds a graph."""
    folder = os.environ.get("LPSR_TENSORRT_RTX")
    nvcc = os.environ.get("CUDACXX") or shutil.which("nvcc")
    if not folder or not nvcc or not shutil.which("g++"):
        pytest.skip("needs TensorRT for RTX (its folder in LPSR_TENSORRT_RTX), nvcc's headers and g++")
    libraries = [str(next(Path(folder).glob(f"lib{name}.so*"))) for name in ("tensorrt_rtx", "tensorrt_onnxparser_rtx")]
    program = tmp_path_factory.mktemp("rtx") / "rtx_build"
    includes = [f"-isystem{headers_of(11)}", f"-isystem{cuda_headers(nvcc)}"]
    source = str(ROOT / "tests" / "native" / "rtx_build.cpp")
    options = ["-std=c++17", "-Wall", "-Werror", "-Wno-deprecated-declarations"]
    command = ["g++", *options, *includes, source, "-o", str(program), "-ldl"]
    done = subprocess.run(command, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return [str(program), *libraries]


def built(builder: list[str], path: Path) -> dict[str, int]:
    done = subprocess.run([*builder, str(path)], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr[-2000:]
    return {name: int(number) for name, number in (line.split() for line in done.stdout.splitlines())}


@pytest.mark.parametrize("role", ["generator", "reader"])
@pytest.mark.parametrize("precision", ["fp32", "fp16", "int8"])
def test_lowered_graphs_are_parsed_typed_and_built(
    builder: list[str], tmp_path: Path, role: Role, precision: Precision
) -> None:
    source = ROOT / "engines" / "models" / graph_name("lite", role)
    layers = 0
    if precision == "int8":
        crops = rendered_crops(8, CALIBRATION_SEED).images
        inputs = lr_batch(crops) if role == "generator" else direct_batch(crops, GraphSession(source, role).direct)
        quantiser = Quantiser(source, role, inputs, symmetric=True)
        model, layers = quantiser.graph(), len(quantiser.layers)
        assert layers > 30
    else:
        model = load_graph(source)
    save_graph(lower(model if precision == "fp32" else to_fp16(model)), tmp_path / "lowered.onnx")
    found = built(builder, tmp_path / "lowered.onnx")
    assert found["engine"] > 1_000_000
    if precision == "fp32":
        assert not {"float16", "int8"} & set(found)
    else:
        assert found["float16"] > 1.5 * found["float32"], "FP32 is left to sampling, sums and the edges"
        assert found.get("int8", 0) >= layers
        assert ("int8" in found) == (precision == "int8")
