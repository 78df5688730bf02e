"""Generator and reader bound to tensors that stay on the device: the calls for CUDA, run on the processor."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from lpsr_core.errors import LpsrError
from lpsr_run.engines.onnx_binding import LARGEST, BoundChain
from lpsr_run.engines.onnx_engine import OnnxRuntimeEngine


def engines(models: Path) -> tuple[OnnxRuntimeEngine, OnnxRuntimeEngine]:
    generator, reader = (OnnxRuntimeEngine(models / f"{role}.onnx", "cpu", 1) for role in ("generator", "reader"))
    return generator, reader


def pictures(count: int) -> np.ndarray:
    return np.random.default_rng(count).random((count, 3, 16, 48), np.float32)


@pytest.mark.parametrize("count", [0, 1, 3, 8, LARGEST + 5])
def test_a_bound_chain_gives_what_its_engines_give(models: Path, count: int) -> None:
    generator, reader = engines(models)
    lr = pictures(count)
    passed = BoundChain(generator, reader, "cpu").start(lr)()
    sr = generator.run({"lr": lr})["sr"]
    assert passed.sr.shape == (count, 3, 32, 96)
    assert passed.log_probs.shape == (count, 7, 36)
    np.testing.assert_allclose(passed.sr, sr, atol=1e-6)
    np.testing.assert_allclose(passed.log_probs, reader.run({"image": sr})["log_probs"], atol=1e-5)


def test_batch_sizes_are_few_and_bound_once(models: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Results of one pass are not those of the next, though the tensors are the same."""
    generator, reader = engines(models)
    bound: list[int] = []
    session = generator.session

    class Session:
        def io_binding(self):
            bound.append(1)
            return session.io_binding()

        def run_with_iobinding(self, binding: object) -> None:
            session.run_with_iobinding(binding)

    monkeypatch.setattr(generator, "session", Session())
    chain = BoundChain(generator, reader, "cpu")
    chain.warm_up(8)
    first = chain.run(pictures(8))
    kept = first.sr.copy()
    waiting = [chain.start(pictures(count)) for count in (5, 6, 7, 8, 1)]
    assert [len(wait().sr) for wait in waiting] == [5, 6, 7, 8, 1]
    assert len(bound) == 2, "one for single crops, one for up to eight"
    np.testing.assert_array_equal(first.sr, kept)


def test_cuda_engines_are_chained_and_others_are_not(models: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    generator, reader = engines(models)
    for engine in (generator, reader):
        monkeypatch.setattr(engine, "device", "cuda")
    assert isinstance(generator.then(reader), BoundChain)
    monkeypatch.setattr(reader, "device", "cpu")
    assert generator.then(reader) is None


def test_a_failure_is_one_line(models: Path) -> None:
    generator, reader = engines(models)
    chain = BoundChain(generator, reader, "no such device")
    with pytest.raises(LpsrError, match="the models failed") as caught:
        chain.start(pictures(2))()
    assert "\n" not in str(caught.value)
