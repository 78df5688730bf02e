"""Every name of TensorRT's and Polygraphy's that the code uses exists in the installed bindings, 10.x and 11.x.

LPSR_TENSORRT_BINDINGS names folders of unpacked tensorrt-cu*-bindings wheels, separated by colons. They are imported
without TensorRT's libraries, which a shim stands in for; with TensorRT for RTX (LPSR_TENSORRT_RTX) behind it, the
builder's part of the code really runs: RTX's builder needs no GPU.
"""

from __future__ import annotations

import ast
import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from .conftest import ROOT

FOLDERS = [Path(folder) for folder in os.environ.get("LPSR_TENSORRT_BINDINGS", "").split(":") if folder]
SOURCES = (
    "lpsr_core/tensorrt.py",
    "lpsr_export/tensorrt/build.py",
    "lpsr_export/tensorrt/inspection.py",
    "lpsr_export/tensorrt/engines.py",
    "lpsr_run/engines/tensorrt_engine.py",
    "lpsr_run/engines/tensorrt_execution.py",
)
OBJECTS = {
    # What the code calls its objects -> the binding's class.
    "registry": "IPluginRegistry",
    "made": "IBuilderConfig",
    "runtime": "Runtime",
    "_runtime": "Runtime",
    "engine": "ICudaEngine",
    "_engine": "ICudaEngine",
    "_context": "IExecutionContext",
    "context": "IExecutionContext",
    "inspector": "EngineInspector",
}


def names_used() -> set[str]:
    """`Class.attribute` and module attributes, as the sources use them."""
    found: set[str] = set()
    for source in SOURCES:
        for node in ast.walk(ast.parse((ROOT / source).read_text())):
            if not isinstance(node, ast.Attribute):
                continue
            dotted = _dotted(node)
            if dotted and dotted[0] == "trt" and dotted[1:2] != ["__version__"]:
                found.add(".".join(dotted[1:]))
            elif dotted and len(dotted) >= 2 and dotted[-2] in OBJECTS:
                holder, attribute = dotted[-2:]
                # `engine` is TensorRT's own where engines are built, and ours where they are run.
                if holder != "engine" or source.endswith("inspection.py"):
                    found.add(f"{OBJECTS[holder]}.{attribute}")
    return found


def _dotted(node: ast.expr) -> list[str]:
    parts: list[str] = []
    while isinstance(node, ast.Attribute):
        parts.append(node.attr)
        node = node.value
    return [*([node.id] if isinstance(node, ast.Name) else []), *reversed(parts)]


def version_of(folder: Path) -> str:
    """Major and minor of unpacked bindings, as `10.3`."""
    (info,) = folder.glob("tensorrt_cu*_bindings-*.dist-info")
    return ".".join(info.name.split("-")[1].split(".")[:2])


@pytest.fixture(scope="module", params=FOLDERS or [None], ids=[version_of(folder) for folder in FOLDERS] or ["none"])
def environment(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """In which `import tensorrt` finds each of the bindings that are named."""
    if request.param is None:
        pytest.skip("needs TensorRT's bindings (unpacked wheels in LPSR_TENSORRT_BINDINGS)")
    major = version_of(request.param).split(".")[0]
    compiler = shutil.which("gcc") or shutil.which("cc")
    if not compiler:
        pytest.skip("the shim needs a C compiler")
    folder = tmp_path_factory.mktemp(f"bindings{major}")
    shim = str(ROOT / "tests" / "native" / "tensorrt_shim.c")
    for name in ("nvinfer", "nvonnxparser", "nvinfer_plugin"):
        library = str(folder / f"lib{name}.so.{major}")
        subprocess.run([compiler, "-shared", "-fPIC", "-Wall", "-Werror", "-o", library, shim, "-ldl"], check=True)
    (folder / "tensorrt").mkdir()
    lines = "from tensorrt_bindings import *\nfrom tensorrt_bindings import __version__\n"
    (folder / "tensorrt" / "__init__.py").write_text(lines)
    found = {**os.environ, "PYTHONPATH": f"{folder}:{request.param}:{ROOT}"}
    found["LD_LIBRARY_PATH"] = f"{folder}:{os.environ.get('LD_LIBRARY_PATH', '')}"
    rtx = os.environ.get("LPSR_TENSORRT_RTX")
    if rtx:
        for variable, name in (("LPSR_RTX_LIBRARY", "tensorrt_rtx"), ("LPSR_RTX_PARSER", "tensorrt_onnxparser_rtx")):
            found[variable] = str(next(Path(rtx).glob(f"lib{name}.so*")))
    return found


def test_the_sources_use_what_is_looked_for() -> None:
    found = names_used()
    assert {
        "Runtime",
        "ProfilingVerbosity.DETAILED",
        "MemoryPoolType.WORKSPACE",
        "IPluginRegistry.load_library",
        "IPluginRegistry.get_creator",
        "IBuilderConfig.plugins_to_serialize",
        "Runtime.deserialize_cuda_engine",
        "IExecutionContext.execute_async_v3",
        "IExecutionContext.set_tensor_address",
        "IExecutionContext.set_device_memory",
        "ICudaEngine.device_memory_size_v2",
        "ExecutionContextAllocationStrategy.USER_MANAGED",
        "EngineInspector.execution_context",
        "ICudaEngine.get_tensor_profile_shape",
        "EngineInspector.get_engine_information",
    } <= found


def test_every_name_exists(environment: dict[str, str]) -> None:
    script = """
import json, sys
import tensorrt as trt
missing = []
for name in json.loads(sys.argv[1]):
    found = trt
    for part in name.split("."):
        found = getattr(found, part, None)
    if found is None:
        missing.append(name)
print(json.dumps(missing))
"""
    command = [sys.executable, "-c", script, json.dumps(sorted(names_used()))]
    done = subprocess.run(command, capture_output=True, text=True, env=environment)
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout) == []


def test_the_builders_code_builds(environment: dict[str, str], tmp_path: Path) -> None:
    if "LPSR_RTX_LIBRARY" not in environment or "bindings11" not in environment["PYTHONPATH"]:
        pytest.skip("needs TensorRT for RTX (LPSR_TENSORRT_RTX) behind TensorRT 11's bindings")
    pytest.importorskip("polygraphy", reason="engines are built through Polygraphy (the tensorrt extra)")
    pytest.importorskip("onnx", reason="graphs are derived with onnx (the export extra)")
    done = subprocess.run(
        [sys.executable, "-c", _BUILD, str(tmp_path), str(ROOT / "engines" / "models")],
        capture_output=True,
        text=True,
        env=environment,
    )
    assert done.returncode == 0, done.stderr[-3000:]
    told = json.loads(done.stdout.splitlines()[-1])
    assert told["size"] > 1_000_000
    assert told["phases"] > 3
    assert (tmp_path / "timing.cache").stat().st_size > 0
    other, unbuilt = told["errors"]
    assert "no graph of a reader" in other
    assert "did not build the reader" in unbuilt


# RTX's classes are laid out a little differently from those that the bindings know: two calls that only look are
# kept from it.
_BUILD = """
import json, sys
from pathlib import Path
import tensorrt as trt
from polygraphy.backend.trt import util
trt.ITensor.is_shape_tensor = property(lambda self: False)
util.str_from_config = lambda config, network: ""
from lpsr_core.errors import LpsrError
from lpsr_export.graph.deform import lower
from lpsr_export.graph.fp16 import to_fp16
from lpsr_export.graph.graphs import load_graph
from lpsr_export.tensorrt.profiles import load_profile
from lpsr_export.tensorrt.build import BuilderOptions, build_plan

out, models = map(Path, sys.argv[1:])
model = lower(to_fp16(load_graph(models / "lite-generator.onnx"))).SerializeToString()
phases = []
cache, log = out / "timing.cache", out / "build.log"
plan, seconds = build_plan(model, "generator", load_profile("l4"), BuilderOptions(), None, cache, log, phases.append)
errors = []
without_plugin = to_fp16(load_graph(models / "lite-reader.onnx")).SerializeToString()
for wrong in (model, without_plugin):
    try:
        build_plan(wrong, "reader", load_profile("l4"), BuilderOptions(), None, None, log)
    except LpsrError as error:
        errors.append(str(error))
print(json.dumps({"size": len(plan), "phases": len(phases), "errors": errors}))
"""
