"""Engines: what is kept, what is found up to date, and what leaves nothing behind.

TensorRT's part is stood in for, so that the rest runs anywhere: what it builds here is an ONNX graph.
"""

from __future__ import annotations

import hashlib
import sys
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from pathlib import Path
from types import ModuleType, SimpleNamespace

import pytest
from onnx import TensorProto, load_from_string, numpy_helper

from lpsr_core.cards import Precision
from lpsr_core.cuda import Gpu
from lpsr_core.errors import LpsrError, UsageError
from lpsr_core.plans import PlanCard, plan_card_path
from lpsr_core.plugin_library import PluginLibrary
from lpsr_export import build as builds
from lpsr_export.build import BuildConfig, build
from lpsr_export.checks.gate import Gate
from lpsr_export.graph.deform import lower
from lpsr_export.graph.graphs import GraphSession, load_graph
from lpsr_export.tensorrt import engines
from lpsr_export.tensorrt.build import BuilderOptions, input_shapes
from lpsr_export.tensorrt.engines import Machine
from lpsr_export.tensorrt.profiles import load_profile

HERE = Machine("10.3.0", Gpu("Orin", 87, 8))
PLUGIN = b"\x7fELF LPSR plugin for TensorRT 10.3.0; compute capabilities 87; source abc\0"


@dataclass
class Fake:
    """TensorRT: counts what it builds, and runs the graph in ONNX Runtime."""

    folder: Path
    built: int = 0
    types: Callable[[Precision], dict[str, int]] = lambda precision: {precision: 5}
    precision: Precision = "fp16"
    models: list[bytes] = field(default_factory=list)
    host_code: list[bool] = field(default_factory=list)

    def build_plan(self, model: bytes, role, profile, options, plugin, cache, log, say) -> tuple[bytes, float]:
        self.built += 1
        self.models.append(model)
        log.write_text("built")
        say("optimising")
        assert (b"LpsrDeformConv" in model) == (plugin is not None)
        return model, 1.25

    def inspect_types(self, plan: bytes, role, batch: int, host_code: bool) -> dict[str, int]:
        assert batch in (4, 8), "the optimum of the profiles here"
        self.host_code.append(host_code)
        return self.types(self.precision)

    def session(self, plan: bytes, role, batch: int, host_code: bool) -> GraphSession:
        """Of the lowered FP32 graph: ONNX Runtime cannot run the plugin's nodes."""
        source = next(self.folder.glob(f"models/*-{role}.onnx"))
        return GraphSession(lower(load_graph(source)), role)


def machine(monkeypatch: pytest.MonkeyPatch, tensorrt: str, gpu: Gpu) -> None:
    """A machine with that TensorRT and that GPU."""
    monkeypatch.setattr(engines, "import_tensorrt", lambda: SimpleNamespace(__version__=tensorrt))
    monkeypatch.setattr(engines, "current_gpu", lambda: gpu)


@pytest.fixture
def fake(exported: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Fake:
    made = Fake(tmp_path)
    (tmp_path / "models").mkdir()
    for path in exported.iterdir():
        (tmp_path / "models" / path.name).write_bytes(path.read_bytes())
    machine(monkeypatch, HERE.tensorrt, HERE.gpu)
    monkeypatch.setitem(sys.modules, "polygraphy", ModuleType("polygraphy"))
    library = tmp_path / "liblpsr_plugin.so"
    library.write_bytes(PLUGIN)
    monkeypatch.setattr(engines, "plugin_for", lambda *given, say: PluginLibrary.read(library))
    monkeypatch.setattr(engines, "build_plan", made.build_plan)
    monkeypatch.setattr(engines, "inspect_types", made.inspect_types)
    monkeypatch.setattr(engines, "PlanSession", made.session)
    return made


def wanted(fake: Fake, **changes) -> BuildConfig:
    config = BuildConfig("tiny", "fp16", "tensorrt", fake.folder / "models", fake.folder / "out", check_crops=4)
    return replace(config, **changes)


def left(fake: Fake) -> set[str]:
    out = fake.folder / "out"
    return (
        {path.name for path in out.iterdir() if path.suffix in (".plan", ".json", ".part")} if out.is_dir() else set()
    )


def test_a_build_leaves_plans_with_cards(fake: Fake) -> None:
    built = build(wanted(fake))
    assert built.graphs == []
    assert left(fake) == {f"tiny-{r}-fp16.plan{end}" for r in ("generator", "reader") for end in ("", ".json")}
    digest = hashlib.sha256(PLUGIN).hexdigest()
    for path, card in built.engines:
        assert PlanCard.load(plan_card_path(path)) == card
        assert card.config.gpu == HERE.gpu
        assert card.config.profile["name"] == "jetson-orin-nano"
        assert card.config.plugin == digest
        assert card.plugin_file == f"lpsr-plugin-{digest[:16]}.so"
        assert (path.parent / card.plugin_file).read_bytes() == PLUGIN, "the plugin travels with the plan"
        assert card.types == {"fp16": 5}
        assert card.metrics["against_fp32"]["strings_agree_percent"] == 100


def test_a_plan_is_built_again_only_when_something_changed(fake: Fake, monkeypatch: pytest.MonkeyPatch) -> None:
    build(wanted(fake))
    build(wanted(fake))
    assert fake.built == 2
    build(wanted(fake, lower_deform_conv=True))
    assert fake.built == 4
    build(wanted(fake, lower_deform_conv=True, profile="jetson-agx-orin"))
    assert fake.built == 6
    machine(monkeypatch, "10.13.0", HERE.gpu)
    build(wanted(fake, lower_deform_conv=True, profile="jetson-agx-orin"))
    assert fake.built == 8
    plan = fake.folder / "out" / "tiny-reader-fp16.plan"
    plan.write_bytes(plan.read_bytes()[:-1])
    build(wanted(fake, lower_deform_conv=True, profile="jetson-agx-orin"))
    assert fake.built == 9


def test_other_types_than_asked_for_leave_nothing(fake: Fake) -> None:
    fake.types = lambda precision: {"fp32": 9}
    with pytest.raises(LpsrError, match="asked for fp16, and the engine's layers put out 9 fp32"):
        build(wanted(fake))
    assert left(fake) == set()


def test_a_missed_gate_leaves_nothing(fake: Fake, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(builds.GATES, "fp16", Gate(500.0, 1.0))
    with pytest.raises(LpsrError, match=r"tiny-generator-fp16.plan: .*nothing was written"):
        build(wanted(fake))
    assert left(fake) == set()


def test_auto_makes_both(fake: Fake, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(builds, "GATES", dict.fromkeys(builds.GATES, Gate(0.0, 0.0)))
    built = build(wanted(fake, target="auto"))
    assert (len(built.graphs), len(built.engines), built.note) == (2, 2, "")


def test_int8_engines_come_from_symmetric_graphs_at_half_precision(fake: Fake, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(builds, "GATES", dict.fromkeys(builds.GATES, Gate(-200.0, 0.0, 1.0)))
    fake.precision = "int8"
    built = build(wanted(fake, precision="int8", calibration_crops=8))
    assert len(built.engines) == 2
    for (_, card), model in zip(built.engines, map(load_from_string, fake.models), strict=True):
        assert len(card.config.calibration) == 64
        types = {tensor.name: tensor.data_type for tensor in model.graph.initializer}
        quantisers = [node for node in model.graph.node if node.op_type in ("QuantizeLinear", "DequantizeLinear")]
        assert len(quantisers) > 10
        for node in quantisers:
            _, scale, zero = node.input
            assert types[scale] in (TensorProto.FLOAT16, TensorProto.FLOAT)
            assert types[zero] == TensorProto.INT8, "TensorRT takes signed integers, and no integer biases"
            zeros = next(tensor for tensor in model.graph.initializer if tensor.name == zero)
            assert not numpy_helper.to_array(zeros).any()
        scales = [types[node.input[1]] for node in quantisers]
        assert scales.count(TensorProto.FLOAT16) == len(scales), "FP16 between the pairs"
    other = build(wanted(fake, precision="int8", calibration_crops=6))
    assert [a.key == b.key for (_, a), (_, b) in zip(built.engines, other.engines, strict=True)] == [False, False]


def test_what_tensorrt_does_not_tell_is_told_and_not_refused(fake: Fake) -> None:
    fake.types = lambda precision: {"unknown": 7}
    told: list[str] = []
    built = build(wanted(fake), lambda what, done=None: told.append(what))
    assert len(built.engines) == 2
    assert any("TensorRT does not tell what the engine's layers put out (7 unknown)" in line for line in told)
    assert all("does not tell" in card.metrics["types_note"] for _, card in built.engines)


def test_plans_that_carry_code_are_loaded_with_leave(fake: Fake) -> None:
    build(wanted(fake))
    build(wanted(fake, builder=BuilderOptions(version_compatible=True)))
    built = build(wanted(fake, builder=BuilderOptions(embed_plugin=True)))
    assert fake.host_code == [False, False, True, True, True, True]
    assert all(card.plugin_file == "" for _, card in built.engines), "the plan carries the plugin"


def test_what_is_missing_is_told_before_crops_are_rendered(fake: Fake, monkeypatch: pytest.MonkeyPatch) -> None:
    def none(*given: object, say: object) -> PluginLibrary:
        raise LpsrError("building the plugin needs the CUDA toolkit")

    def rendered(*given: object) -> None:
        raise AssertionError("crops were rendered")

    monkeypatch.setattr(engines, "plugin_for", none)
    graphs = build(wanted(fake, target="auto"))
    assert (len(graphs.graphs), len(graphs.engines)) == (2, 0)
    assert graphs.note == "no TensorRT engine was built: building the plugin needs the CUDA toolkit"
    monkeypatch.setattr(builds, "rendered_crops", rendered)
    with pytest.raises(LpsrError, match="needs the CUDA toolkit"):
        build(wanted(fake))
    with pytest.raises(UsageError, match="nowhere: no such folder"):
        build(wanted(fake, target="onnxruntime", precision="int8", calibration=Path("nowhere")))
    with pytest.raises(UsageError, match="unknown profile 'none'"):
        build(wanted(fake, target="auto", profile="none"))
    with pytest.raises(UsageError, match="profile l4 is for sm_89, and this GPU is Orin"):
        build(wanted(fake, target="auto", profile="l4"))
    monkeypatch.setitem(sys.modules, "polygraphy", None)
    with pytest.raises(LpsrError, match=r"polygraphy is not installed; .*\[jetson\]"):
        build(wanted(fake))
    machine(monkeypatch, "10.13.0", Gpu("L4", 89, 58))
    with pytest.raises(LpsrError, match=r"polygraphy is not installed; .*\[tensorrt\]"):
        build(wanted(fake))


def test_readers_of_free_size_take_pictures_at_twice_the_size(exported: Path) -> None:
    profile = load_profile("l4")
    model = load_graph(next(exported.glob("*-reader.onnx")))
    fixed = load_from_string(model.SerializeToString())
    for graph, (height, width), largest in ((fixed, (32, 96), (64, 3, 32, 96)), (model, ("h", "w"), (64, 3, 64, 192))):
        dims = graph.graph.input[0].type.tensor_type.shape.dim
        for dim, size in zip(dims[-2:], (height, width), strict=True):
            dim.Clear()
            setattr(dim, "dim_value" if isinstance(size, int) else "dim_param", size)
        shapes = input_shapes(graph.SerializeToString(), "reader", profile)
        assert shapes == [(1, 3, 32, 96), (16, 3, 32, 96), largest]
