from __future__ import annotations

import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

import numpy as np
import pytest
from conftest import ROOT, make_generator, make_reader

from lpsr_core.cards import ModelCard, sha256
from lpsr_core.errors import LpsrError, MissingExtraError, UsageError
from lpsr_core.model_folders import named_graphs
from lpsr_run.engines.backends import open_engine
from lpsr_run.engines.base import TensorSpec, check_contract
from lpsr_run.engines.batching import filled_up
from lpsr_run.engines.models import find_model
from lpsr_run.engines.onnx_engine import OnnxRuntimeEngine
from lpsr_run.pipeline.plate_reader import PlateReader


def test_an_engine_runs_any_batch(models: Path) -> None:
    engine = open_engine(models / "generator.onnx", "onnxruntime", threads=1)
    check_contract(engine, "generator")
    for count in (1, 5):
        result = engine.run({"lr": np.full((count, 3, 16, 48), 0.25, np.float32)})["sr"]
        assert result.shape == (count, 3, 32, 96)
        np.testing.assert_allclose(result, 0.25, atol=1e-5)


def test_cudas_libraries_see_few_shapes(models: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """On the processor here: what CUDA would be given, and that nothing of it is seen in the results."""
    engine = OnnxRuntimeEngine(models / "generator.onnx", "cpu", threads=1)
    batches = {count: np.random.default_rng(count).random((count, 3, 16, 48), np.float32) for count in (1, 2, 3, 5, 9)}
    wanted = {count: engine.run({"lr": batch})["sr"] for count, batch in batches.items()}
    seen: list[int] = []
    session = engine.session

    class Session:
        def run(self, names: None, given: dict[str, np.ndarray]) -> list[np.ndarray]:
            seen.append(len(given["lr"]))
            return session.run(names, given)

    monkeypatch.setattr(engine, "session", Session())
    monkeypatch.setattr(engine, "device", "cuda")
    for count, batch in batches.items():
        np.testing.assert_allclose(engine.run({"lr": batch})["sr"], wanted[count], atol=1e-6)
    assert seen == [1, 2, 4, 8, 16]
    assert filled_up({"lr": np.zeros((0, 3))})[1] is None


def test_a_contract_names_what_was_expected_and_found(models: Path) -> None:
    engine = open_engine(models / "reader.onnx", "onnxruntime")
    check_contract(engine, "reader")
    with pytest.raises(LpsrError, match=r"not a generator.*lr float32\[Nx3x16x48\].*image float32\[Nx3x32x96\]"):
        check_contract(engine, "generator")


def test_a_fixed_batch_is_refused_with_a_hint(models: Path, tmp_path: Path) -> None:
    engine = open_engine(make_generator(tmp_path / "one.onnx", batch=1))
    with pytest.raises(LpsrError, match="free batch axis"):
        check_contract(engine, "generator")


def test_unknown_sizes_are_accepted() -> None:
    wanted, free = TensorSpec("lr", (None, 3, 16, 48)), TensorSpec("lr", (None, 3, None, None))
    assert wanted.accepts(free)
    assert not wanted.accepts(TensorSpec("lr", (None, 3, 16, 47)))
    assert not wanted.accepts(TensorSpec("lr", (None, 3, 16, 48), "float16"))


@pytest.mark.parametrize("content", [b"", b"this is not a graph", bytes(range(256)) * 8])
def test_an_unreadable_model_is_one_line(models: Path, tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "broken.onnx"
    path.write_bytes(content)
    with pytest.raises(LpsrError) as caught:
        open_engine(path)
    assert str(path) in str(caught.value)
    assert "\n" not in str(caught.value)


def test_a_failing_run_is_one_line(models: Path) -> None:
    engine = open_engine(models / "generator.onnx")
    with pytest.raises(LpsrError, match="the model failed") as caught:
        engine.run({"lr": np.zeros((1, 3, 5, 5), np.float32)})
    assert "\n" not in str(caught.value)


def test_backends_that_are_not_there(models: Path) -> None:
    with pytest.raises(LpsrError, match="TensorRT runs engines"):
        open_engine(models / "generator.onnx", "tensorrt")
    with pytest.raises(UsageError, match="unknown backend"):
        open_engine(models / "generator.onnx", "tpu")  # type: ignore[arg-type]
    import onnxruntime

    if "CUDAExecutionProvider" not in onnxruntime.get_available_providers():
        with pytest.raises(LpsrError, match=r"pip install .*\[gpu\]"):
            open_engine(models / "generator.onnx", "cuda")


def test_a_missing_runtime_names_the_extra(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setitem(sys.modules, "onnxruntime", None)
    with pytest.raises(MissingExtraError, match=r"pip install .*\[cpu\]"):
        OnnxRuntimeEngine(tmp_path / "any.onnx")


def test_models_are_found_by_name_and_checked(models: Path, tmp_path: Path) -> None:
    for role, make in (("generator", make_generator), ("reader", make_reader)):
        path = make(tmp_path / f"tiny-{role}.onnx")
        ModelCard("tiny", role, "fp32", path.name, sha256(path), 1, 19).save(tmp_path)  # type: ignore[arg-type]
    model = find_model("tiny", "reader", folder=tmp_path)
    assert model.name == "tiny fp32"
    assert list(named_graphs("reader", tmp_path)) == [("tiny", "fp32")]
    with pytest.raises(UsageError, match="'tiny' is not here at fp16; make it with: lpsr-export build --fp16"):
        find_model("tiny", "reader", "fp16", folder=tmp_path)
    with pytest.raises(UsageError, match=r"no reader 'other' at fp16; available: tiny \(fp32\)"):
        find_model("other", "reader", "fp16", tmp_path)
    with pytest.raises(LpsrError, match="a generator, not a reader"):
        find_model(str(tmp_path / "tiny-generator.onnx"), "reader")
    model.path.write_bytes(model.path.read_bytes() + b"\0")
    with pytest.raises(LpsrError, match="sha256"):
        find_model("tiny", "reader", folder=tmp_path)


def test_a_users_own_graph_needs_no_card(models: Path) -> None:
    model = find_model(str(models / "reader.onnx"), "reader")
    assert model.card is None
    assert model.sha256 == sha256(models / "reader.onnx")
    with pytest.raises(UsageError, match="no such model file"):
        find_model("nowhere.onnx", "reader")


class FakeReader:
    """Keeps the contract on paper, and gives whatever it was made with."""

    name = "fake"
    inputs = (TensorSpec("image", (None, 3, 32, 96)),)
    outputs = (TensorSpec("log_probs", (None, 7, 36)),)

    def __init__(self, result: np.ndarray) -> None:
        self._result = result

    def run(self, batch: Mapping[str, np.ndarray]) -> dict[str, np.ndarray]:
        return {"log_probs": self._result}


@pytest.mark.parametrize(
    ("result", "words"), [(np.full((1, 7, 36), np.nan), "NaN"), (np.zeros((2, 7, 36)), "has shape")]
)
def test_results_that_break_the_contract_are_refused(result: np.ndarray, words: str) -> None:
    reader = PlateReader(FakeReader(result), super_resolve="never")
    with pytest.raises(LpsrError, match=words):
        reader.read([np.zeros((32, 96, 3), np.uint8)])


def test_the_runtime_never_imports_the_training_side() -> None:
    code = (
        "import sys, lpsr_run.cli, lpsr_run.pipeline.run\n"
        "bad = {'torch', 'onnx', 'lpsr_train', 'lpsr_export'} & set(sys.modules)\n"
        "assert not bad, bad"
    )
    subprocess.run([sys.executable, "-c", code], check=True, cwd=ROOT, env={"PYTHONPATH": str(ROOT)}, timeout=60)
