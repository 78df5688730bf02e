"""Derived precisions: types in the graph, figures on the card, gates that hold."""

from __future__ import annotations

import subprocess
import sys
from collections import Counter
from dataclasses import replace
from pathlib import Path

import onnx
import pytest

from lpsr_core.cards import ModelCard, Precision, load_verified
from lpsr_core.errors import LpsrError, UsageError
from lpsr_export import build as builds
from lpsr_export.build import BuildConfig, build, trained_patterns
from lpsr_export.checks.compare import Agreement
from lpsr_export.checks.gate import Gate
from lpsr_export.graph.graphs import load_graph
from lpsr_run.engines.onnx_engine import OnnxRuntimeEngine


def config(models: Path, out: Path, precision: Precision) -> BuildConfig:
    return BuildConfig("tiny", precision, "onnxruntime", models, out, calibration_crops=8, check_crops=8)


@pytest.fixture
def no_gate(monkeypatch: pytest.MonkeyPatch) -> None:
    """The test networks are random: how well they survive a precision says nothing."""
    monkeypatch.setattr(builds, "GATES", dict.fromkeys(builds.GATES, Gate(0.0, 0.0)))


@pytest.mark.parametrize("precision", ["fp32", "fp16"])
def test_lowered_graphs_need_no_deformable_convolution(
    exported: Path, tmp_path: Path, precision: Precision, no_gate: None
) -> None:
    lowered = replace(config(exported, tmp_path, precision), lower_deform_conv=True)
    for entry in build(lowered).graphs:
        operators = {node.op_type for node in load_graph(entry.path).graph.node}
        assert "DeformConv" not in operators
        assert "GridSample" in operators
        assert load_verified(entry.path).made_by["build"]["lowered"] is True
        assert entry.agreement.difference < (1e-3 if precision == "fp32" else 0.1)


def test_lowered_graphs_never_replace_those_that_they_come_from(exported: Path) -> None:
    with pytest.raises(UsageError, match="another folder with --out"):
        build(replace(config(exported, exported, "fp32"), lower_deform_conv=True))


def test_an_onnx_runtime_without_deformable_convolutions_checks_lowered_graphs(
    exported: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    onnxruntime = pytest.importorskip("onnxruntime", reason="graphs are checked in ONNX Runtime")
    real = onnxruntime.InferenceSession

    def old(graph: str | bytes, *rest, **more):
        model = onnx.load(graph) if isinstance(graph, str) else onnx.load_from_string(graph)
        if any(node.op_type == "DeformConv" for node in model.graph.node):
            raise RuntimeError("NOT_IMPLEMENTED : Could not find an implementation for DeformConv(19) node")
        return real(graph, *rest, **more)

    monkeypatch.setattr(onnxruntime, "InferenceSession", old)
    built = build(config(exported, tmp_path, "fp32")).graphs
    assert [entry.agreement.strings for entry in built] == [1.0, 1.0]
    with pytest.raises(LpsrError, match=r"has no deformable convolutions; take 1.25 .*--lower-deform-conv"):
        OnnxRuntimeEngine(exported / "tiny-generator.onnx", "cpu")


@pytest.mark.parametrize("precision", ["fp16", "int8"])
def test_a_precision_is_a_property_of_the_graph(
    exported: Path, tmp_path: Path, precision: Precision, no_gate: None
) -> None:
    built = build(config(exported, tmp_path, precision)).graphs
    assert [entry.path.name for entry in built] == [f"tiny-{role}-{precision}.onnx" for role in ("generator", "reader")]
    for entry in built:
        card = load_verified(entry.path)
        assert card.precision == precision
        assert set(card.metrics["against_fp32"]) >= {"psnr_db", "strings_agree_percent"}
        model = load_graph(entry.path)
        kinds = Counter(node.op_type for node in model.graph.node)
        if precision == "fp16":
            assert {initializer.data_type for initializer in model.graph.initializer} >= {10}  # FLOAT16
        else:
            assert kinds["QuantizeLinear"] > 10
            assert kinds["DequantizeLinear"] > 10
        assert kinds["DeformConv"] > 0
        # Whatever is inside, the contract's input and output stay FP32.
        assert {value.type.tensor_type.elem_type for value in (*model.graph.input, *model.graph.output)} == {1}
    assert built[0].agreement.psnr is not None
    assert built[0].agreement.psnr > 20


def test_half_precision_changes_little(exported: Path, tmp_path: Path, no_gate: None) -> None:
    generator, _ = build(config(exported, tmp_path, "fp16")).graphs
    assert generator.agreement.psnr is not None
    assert generator.agreement.psnr > 45
    assert generator.path.stat().st_size < 0.65 * (exported / "tiny-generator.onnx").stat().st_size


def test_fp32_is_checked_and_copied(exported: Path, tmp_path: Path) -> None:
    for entry in build(config(exported, tmp_path, "fp32")).graphs:
        assert entry.path.parent == tmp_path
        assert load_verified(entry.path) == load_verified(exported / entry.path.name)
    before = sorted(exported.iterdir())
    build(config(exported, exported, "fp32"))
    assert sorted(exported.iterdir()) == before


def test_crops_follow_the_layouts_that_the_model_was_trained_on(exported: Path) -> None:
    card = ModelCard.load(exported / "tiny-generator.json")
    assert trained_patterns(card) == ()
    argentine = replace(card, made_by={"training": {"layouts": "LLDDDLL,LLLDDD?"}})
    assert trained_patterns(argentine) == ("LLDDDLL", "LLLDDD?")
    assert trained_patterns(replace(card, made_by={})) == ()


@pytest.mark.parametrize(
    ("agreement", "passes"),
    [
        (Agreement(100, 0.98, 35.0, 0.5, (0.905, 0.91)), True),
        (Agreement(100, 0.97, 99.0, 0.0, (0.91, 0.91)), False),
        (Agreement(100, 1.00, 34.9, 0.5, None), False),
        (Agreement(100, 1.00, None, 0.5, (0.89, 0.91)), False),
        (Agreement(100, 1.00, None, 0.5, None), True),
    ],
)
def test_a_gate_asks_for_the_pictures_the_strings_and_the_rate(agreement: Agreement, passes: bool) -> None:
    assert Gate(35.0, 0.98).passes(agreement) == passes


def test_a_graph_that_misses_its_gate_is_not_left_behind(
    exported: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(builds.GATES, "fp16", Gate(500.0, 1.0))
    with pytest.raises(LpsrError, match="nothing was written"):
        build(config(exported, tmp_path, "fp16"))
    assert list(tmp_path.iterdir()) == []


def test_without_tensorrt_the_graphs_are_made_and_one_line_says_what_is_missing(
    exported: Path, tmp_path: Path, no_gate: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "tensorrt", None)
    built = build(replace(config(exported, tmp_path, "fp16"), target="auto"))
    assert len(built.graphs) == 2
    assert built.engines == []
    assert built.note.startswith("no TensorRT engine was built: tensorrt is not installed")
    assert "\n" not in built.note
    with pytest.raises(LpsrError, match=r"pip install .*\[tensorrt\]"):
        build(replace(config(exported, tmp_path, "fp16"), target="tensorrt"))


def test_missing_models_are_usage_errors(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="no such FP32 graph"):
        build(config(tmp_path, tmp_path, "fp16"))


def test_a_folder_that_cannot_be_written_is_told_before_the_work(exported: Path, tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    said: list[str] = []
    with pytest.raises(LpsrError, match="file: cannot be written: is not a folder; give another folder with --out"):
        build(config(exported, tmp_path / "file", "fp16"), lambda what, done: said.append(what))
    assert said == []


def test_a_changed_graph_is_refused(exported: Path, tmp_path: Path) -> None:
    for path in exported.iterdir():
        (tmp_path / path.name).write_bytes(path.read_bytes())
    with (tmp_path / "tiny-reader.onnx").open("ab") as stream:
        stream.write(b"x")
    with pytest.raises(LpsrError, match="sha256"):
        build(config(tmp_path, tmp_path, "fp16"))


@pytest.mark.parametrize(
    ("arguments", "code", "words"),
    [
        (["build"], 2, "give one of --fp32, --fp16 and --int8"),
        (["build", "--fp16", "--int8"], 2, "give one of"),
        (["build", "--fp16", "--target", "toaster"], 2, "unknown target 'toaster'"),
        (["build", "--fp16", "--models", "nowhere"], 2, "no such FP32 graph"),
        (["build", "--fp16", "--target", "tensorrt"], 1, "tensorrt"),
        (["build", "--int8", "--target", "tensorrt"], 1, "[tensorrt]"),
        (["onnx", "--weights", "nowhere"], 1, "no checkpoint"),
    ],
)
def test_bad_calls_are_one_line(tmp_path: Path, arguments: list[str], code: int, words: str) -> None:
    command = [sys.executable, "-m", "lpsr_export", *arguments]
    done = subprocess.run(command, capture_output=True, text=True, cwd=tmp_path, check=False)
    assert done.returncode == code, done.stderr
    assert words in done.stderr
    assert done.stderr.strip().count("\n") == 0
