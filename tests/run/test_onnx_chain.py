"""Batches that are shared out among the cores give what one core alone gives."""

from __future__ import annotations

import threading
from pathlib import Path

import numpy as np
import pytest
from conftest import paint

from lpsr_core.errors import LpsrError
from lpsr_core.geometry import to_lr, to_tensor
from lpsr_run.engines.backends import open_engine
from lpsr_run.engines.onnx_chain import OnnxChain
from lpsr_run.engines.onnx_engine import OnnxRuntimeEngine
from lpsr_run.pipeline.plate_reader import PlateReader

TEXTS = [f"ABC{digit}D{digit}{digit}" for digit in range(9)]


def engines(models: Path, threads: int) -> tuple[OnnxRuntimeEngine, OnnxRuntimeEngine]:
    generator, reader = (
        OnnxRuntimeEngine(models / f"{role}.onnx", "cpu", threads, rows=True) for role in ("generator", "reader")
    )
    return generator, reader


def batch() -> np.ndarray:
    return to_tensor([to_lr(paint(text, 40)) for text in TEXTS])


@pytest.mark.parametrize("threads", [2, 3, 16])
def test_rows_are_shared_out_and_put_together_in_order(models: Path, threads: int) -> None:
    lr = batch()
    whole = open_engine(models / "generator.onnx", "onnxruntime").run({"lr": lr})["sr"]
    shared, _ = engines(models, threads)
    assert shared.workers == threads
    for count in (1, 2, len(lr)):
        np.testing.assert_allclose(shared.run({"lr": lr[:count]})["sr"], whole[:count], atol=1e-6)


@pytest.mark.parametrize("count", [1, 2, 9])
def test_a_chain_gives_what_its_engines_give(models: Path, count: int) -> None:
    generator, reader = engines(models, 3)
    chain = generator.then(reader)
    assert isinstance(chain, OnnxChain)
    lr = batch()[:count]
    passed = chain.start(lr)()
    sr = generator.run({"lr": lr})["sr"]
    np.testing.assert_allclose(passed.sr, sr, atol=1e-6)
    np.testing.assert_allclose(passed.log_probs, reader.run({"image": sr})["log_probs"], atol=1e-5)
    assert 0 < passed.reading < 1


def test_one_core_and_other_runtimes_have_no_chain(models: Path) -> None:
    alone, reader = engines(models, 1)
    assert alone.pool is None
    assert alone.then(reader) is None
    generator, _ = engines(models, 2)
    assert generator.then(object()) is None  # type: ignore[arg-type]


@pytest.mark.parametrize("size", [1, 4])
def test_a_reader_keeps_every_core_busy_and_the_order(models: Path, monkeypatch: pytest.MonkeyPatch, size: int) -> None:
    """With single crops as with batches, all cores work at once: each waits here until all others came too."""
    generator, reader = engines(models, 3)
    gate = threading.Barrier(3)
    whole = generator.run_whole
    monkeypatch.setattr(generator, "run_whole", lambda given: (gate.wait(20), whole(given))[1])
    crops = [paint(text, 40) for text in [*TEXTS, *TEXTS[:3]]]
    found = PlateReader(reader, generator, "always", batch=size).read(crops)
    plain = PlateReader(*engines(models, 1)[::-1], "always", batch=size).read(crops)
    np.testing.assert_allclose(found.log_probs, plain.log_probs, atol=1e-4)
    assert all(np.array_equal(one, other) for one, other in zip(found.sr, plain.sr, strict=True))


def test_stages_are_told_apart(models: Path) -> None:
    generator, reader = engines(models, 2)
    plates = PlateReader(reader, generator, "always", batch=4)
    plates.warm_up()
    plates.read([paint(text, 40) for text in TEXTS])
    assert plates.clock.seconds["generate"] > 0
    assert plates.clock.seconds["read"] > 0


def test_a_failure_in_a_thread_is_one_line(models: Path) -> None:
    generator, reader = engines(models, 2)
    chain = generator.then(reader)
    assert chain is not None
    waiting = chain.start(np.zeros((4, 3, 5, 5), np.float32))
    with pytest.raises(LpsrError, match="the model failed") as caught:
        waiting()
    assert "\n" not in str(caught.value)
    assert chain.start(batch())().sr.shape == (9, 3, 32, 96), "and the next batch is served"
