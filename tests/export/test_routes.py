"""Graphs for trtexec, Triton and DeepStream: what is written is what those tools read, and gives the same texts."""

from __future__ import annotations

import importlib.util
import subprocess
from dataclasses import replace
from pathlib import Path
from types import ModuleType

import numpy as np
import onnx
import pytest
from google.protobuf import text_format
from onnxruntime import InferenceSession
from typer.testing import CliRunner

from lpsr_core.alphabet import ALPHABET
from lpsr_core.cards import sha256
from lpsr_core.cuda import Gpu
from lpsr_core.errors import LpsrError, UsageError
from lpsr_core.plans import PlanCard, PlanConfig, load_runnable, plan_card_path
from lpsr_export.checks.compare import Agreement
from lpsr_export.cli import app
from lpsr_export.routes import adopt as adopting
from lpsr_export.routes import deepstream, triton, trtexec
from lpsr_export.routes.source import RouteConfig
from lpsr_export.tensorrt import engines
from lpsr_export.tensorrt.engines import Machine
from lpsr_export.tensorrt.profiles import load_profile


@pytest.fixture
def route(exported: Path, tmp_path: Path) -> RouteConfig:
    return RouteConfig("tiny", "fp32", exported, tmp_path / "out", load_profile("generic"), plugin=False)


def plates(count: int) -> np.ndarray:
    return np.random.default_rng(count).random((count, 3, 16, 48), np.float32)


def run(path: Path, given: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
    session = InferenceSession(str(path), providers=["CPUExecutionProvider"])
    names = [output.name for output in session.get_outputs()]
    return dict(zip(names, session.run(names, given), strict=True))


def expected(route: RouteConfig, lr: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    sr = run(route.source("generator"), {"lr": lr})["sr"]
    return sr, run(route.source("reader"), {"image": sr})["log_probs"]


def test_trtexec_gets_the_plugins_graphs_source_and_lines(route: RouteConfig) -> None:
    lines = trtexec.write(replace(route, plugin=True, precision="fp16"))
    assert lines[0].startswith("cmake -S plugin -B build")
    assert lines[1] == (
        "trtexec --onnx=tiny-generator-fp16.onnx --minShapes=lr:1x3x16x48 --optShapes=lr:16x3x16x48 "
        "--maxShapes=lr:64x3x16x48 --stronglyTyped --memPoolSize=workspace:1024M --profilingVerbosity=detailed "
        "--staticPlugins=build/liblpsr_plugin.so --saveEngine=tiny-generator-fp16.plan"
    )
    for role in ("generator", "reader"):
        model = onnx.load(str(route.out / f"tiny-{role}-fp16.onnx"))
        kinds = {node.op_type for node in model.graph.node}
        assert "LpsrDeformConv" in kinds
        assert "DeformConv" not in kinds
    script = (route.out / "build.sh").read_text()
    assert script.splitlines()[2:] == lines
    subprocess.run(["sh", "-n", str(route.out / "build.sh")], check=True)
    for part in ("CMakeLists.txt", "cmake/FindTensorRT.cmake", "engines/plugin/tensorrt/plugin.cpp"):
        assert (route.out / "plugin" / part).is_file()
    lowered = trtexec.write(replace(route, out=route.out / "lowered"))
    assert not any("lugin" in line for line in lowered)


def tritons_schema() -> ModuleType:
    """Triton's own, out of its client's package; the rest of that wants gRPC."""
    found = importlib.util.find_spec("tritonclient")
    if found is None or not found.submodule_search_locations:
        pytest.skip("needs Triton's schema (pip install --no-deps tritonclient)")
    path = Path(next(iter(found.submodule_search_locations))) / "grpc" / "model_config_pb2.py"
    spec = importlib.util.spec_from_file_location("model_config_pb2", path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_triton_reads_the_configurations_and_the_ensemble_gives_the_texts(route: RouteConfig) -> None:
    (line,) = triton.write(route)
    assert line == f"tritonserver --model-repository={route.out.resolve()}"
    schema = tritons_schema()
    configs = {}
    for path in sorted(route.out.glob("*/config.pbtxt")):
        config = text_format.Parse(path.read_text(), schema.ModelConfig())
        assert config.name == path.parent.name
        assert (path.parent / "1").is_dir()
        assert config.max_batch_size == 64
        configs[config.name] = config
    assert set(configs) == {"lpsr", "lpsr_generator", "lpsr_reader"}
    for name in ("lpsr_generator", "lpsr_reader"):
        config = configs[name]
        graph = onnx.load(str(route.out / name / "1" / "model.onnx")).graph
        for told, real in ((config.input, graph.input), (config.output, graph.output)):
            assert [tensor.name for tensor in told] == [tensor.name for tensor in real]
            shapes = [[dim.dim_value for dim in tensor.type.tensor_type.shape.dim[1:]] for tensor in real]
            for tensor, sizes in zip(told, shapes, strict=True):
                known = [size or dim for size, dim in zip(sizes, tensor.dims, strict=True)]
                assert list(tensor.dims) == known
            assert all(tensor.data_type == schema.TYPE_FP32 for tensor in told)
        assert list(config.dynamic_batching.preferred_batch_size) == [16, 64]
    # What Triton does with the ensemble: each step takes tensors by its map, and gives others.
    lr = plates(3)
    pool = {"lr": lr}
    for step in configs["lpsr"].ensemble_scheduling.step:
        given = {inner: pool[outer] for inner, outer in step.input_map.items()}
        made = run(route.out / step.model_name / "1" / "model.onnx", given)
        pool |= {outer: made[inner] for inner, outer in step.output_map.items()}
    assert [tensor.name for tensor in configs["lpsr"].input] == ["lr"]
    found = {tensor.name: pool[tensor.name] for tensor in configs["lpsr"].output}
    sr, log_probs = expected(route, lr)
    np.testing.assert_allclose(found["sr"], sr, atol=1e-4)
    assert (found["log_probs"].argmax(2) == log_probs.argmax(2)).all()


def write_engine(folder: Path, role: str, plugin_file: str = "", **options: bool) -> Path:
    gpu, profile = Gpu("L4", 89, 58), {"batch": [1, 8, 32]}
    config = PlanConfig("tiny", role, "fp16", "a", "b", "", "10.13.0", gpu, profile, options)  # type: ignore[arg-type]
    path = folder / config.file
    path.write_bytes(role.encode())
    PlanCard(config, config.key, sha256(path), plugin_file, {}, 1.0, path.stat().st_size).save(folder)
    return path


def test_triton_serves_engines_that_need_nothing_beside_them(route: RouteConfig, tmp_path: Path) -> None:
    route, plans = replace(route, precision="fp16"), tmp_path
    with pytest.raises(UsageError, match=r"tiny-generator-fp16.plan: no engine here; build it with: .*--fp16"):
        triton.write(route, plans)
    for role in ("generator", "reader"):
        write_engine(tmp_path, role, embed_plugin=True)
    (line,) = triton.write(route, plans)
    assert line.endswith("--backend-config=tensorrt,version-compatible=true")
    assert (route.out / "lpsr_reader" / "1" / "model.plan").read_bytes() == b"reader"
    config = (route.out / "lpsr_reader" / "config.pbtxt").read_text()
    assert 'platform: "tensorrt_plan"' in config
    assert "max_batch_size: 32" in config
    write_engine(tmp_path, "reader", "lpsr-plugin.so")
    with pytest.raises(UsageError, match="Triton cannot give it its plugin; build it with --embed-plugin"):
        triton.write(route, plans)


def test_deepstream_gets_one_graph(route: RouteConfig) -> None:
    deepstream.write(route)
    text = (route.out / deepstream.CONFIG).read_text()
    values = dict(line.split("=", 1) for line in text.splitlines() if "=" in line and not line.startswith("#"))
    graph = route.out / values["onnx-file"]
    model = onnx.load(str(graph))
    onnx.checker.check_model(model, full_check=True)
    assert "DeformConv" not in {node.op_type for node in model.graph.node}
    assert [tensor.name for tensor in model.graph.input] == ["lr"]
    shape = [str(dim.dim_value) for dim in model.graph.input[0].type.tensor_type.shape.dim[1:]]
    assert values["infer-dims"] == ";".join(shape)
    assert float(values["net-scale-factor"]) == pytest.approx(1 / 255)
    assert values["maintain-aspect-ratio"] == "0", "crops are stretched, not padded"
    lr = plates(2)
    found, (sr, log_probs) = run(graph, {"lr": lr}), expected(route, lr)
    np.testing.assert_allclose(found["sr"], sr, atol=1e-4)
    assert (found["log_probs"].argmax(2) == log_probs.argmax(2)).all()
    assert ALPHABET in (route.out / deepstream.NOTES).read_text()


def test_the_command_says_what_to_do_next(exported: Path, tmp_path: Path) -> None:
    options = ["--out", str(tmp_path), "--name", "tiny", "--models", str(exported)]
    done = CliRunner().invoke(app, ["graph", "--for", "tensorrt", *options], catch_exceptions=False)
    assert done.exit_code == 0
    assert "trtexec --onnx=tiny-reader-fp16.onnx" in done.output
    for wrong, words in (
        (["--for", "tritn"], "route"),
        (["--for", "tensorrt", "--plans", str(tmp_path)], "--plans goes with --for triton"),
        (["--for", "triton", "--name", "none"], "no released graph here"),
        (["--for", "triton", "--profile", "none"], "unknown profile"),
    ):
        done = CliRunner().invoke(app, ["graph", *options, *wrong])
        assert isinstance(done.exception, UsageError), wrong
        assert words in str(done.exception)


def test_an_engine_that_another_tool_built_is_held_to_the_graph(
    exported: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for path in exported.iterdir():
        (tmp_path / path.name).write_bytes(path.read_bytes())
    plan = tmp_path / "mine.engine"
    plan.write_bytes(b"plan")
    machine = Machine("10.13.0", Gpu("L4", 89, 58))
    differences = iter([Agreement(4, 1.0, 60.0, 0.0), None])

    class Judged:
        def __init__(self, sources: object, crops: object) -> None:
            pass

        def compare(self, session: object, role: str) -> Agreement:
            found = next(differences)
            if found is None:
                raise LpsrError("too far from the FP32 graph")
            return found

    monkeypatch.setattr(adopting, "this_machine", lambda: machine)
    monkeypatch.setattr(engines, "inspect_types", lambda data, role, batch, host_code: {"fp16": 3})
    monkeypatch.setattr(engines, "PlanSession", lambda *given: None)
    monkeypatch.setattr(adopting, "rendered_crops", lambda count, seed: [])
    monkeypatch.setattr(adopting, "Reference", Judged)
    path, card = adopting.adopt(plan, "generator", "fp16", None, tmp_path, tmp_path, "tiny", print)
    assert path == tmp_path / "tiny-generator-fp16.plan"
    assert path.read_bytes() == b"plan"
    assert load_runnable(path, "10.13.0", machine.gpu, sha256(tmp_path / "tiny-generator.onnx")) == card
    assert card.config.carries_code, "it may: who built it is not known"
    path.unlink()
    plan_card_path(path).unlink()
    with pytest.raises(LpsrError, match="too far"):
        adopting.adopt(plan, "generator", "fp16", None, tmp_path, tmp_path, "tiny", print)
    with pytest.raises(LpsrError, match="asked for fp32"):
        adopting.adopt(plan, "generator", "fp32", None, tmp_path, tmp_path, "tiny", print)
    with pytest.raises(UsageError, match="no such file"):
        adopting.adopt(tmp_path / "none", "generator", "fp16", None, tmp_path, tmp_path, "tiny", print)
    assert not path.exists()
