"""The engine that asks a Triton server, against a stand-in that speaks its protocol."""

from __future__ import annotations

import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from conftest import ROOT

from lpsr_core.decode import decode
from lpsr_core.errors import LpsrError, MissingExtraError, UsageError
from lpsr_run.config import RunConfig
from lpsr_run.engines.base import check_contract
from lpsr_run.engines.triton_engine import TritonEngine, address_of
from lpsr_run.pipeline.tools import open_tools
from lpsr_run.sources import read_image

pytest.importorskip("onnx", reason="the repository is written with onnx")
pytest.importorskip("tritonclient.http", reason="needs pip install 'lpsr[triton]'")

from triton_server import TritonServer

PLATES = sorted((ROOT / "examples" / "plates").glob("*.jpg"))[:12]
DEAD = "triton://127.0.0.1:9"


@pytest.fixture(scope="module")
def repository(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What `lpsr-export graph --for triton --fp32` writes."""
    from lpsr_export.routes import triton
    from lpsr_export.routes.source import RouteConfig
    from lpsr_export.tensorrt.profiles import load_profile

    out = tmp_path_factory.mktemp("repository")
    triton.write(RouteConfig("lite", "fp32", ROOT / "engines" / "models", out, load_profile("generic"), plugin=False))
    return out


@pytest.fixture
def server(repository: Path) -> Iterator[TritonServer]:
    with TritonServer(repository) as server:
        yield server


def test_strings_are_those_of_the_local_engine(server: TritonServer) -> None:
    crops = [read_image(path) for path in PLATES]
    # Wide crops are read at 64x192, narrow ones through the generator: both shapes go to the server.
    crops += [np.ascontiguousarray(crop[::4, ::4]) for crop in crops]
    found = {}
    for backend in (server.url, "onnxruntime"):
        tools = open_tools(RunConfig(crops="-", backend=backend, threads=1))
        batch = tools.reader.read(crops)
        found[backend] = batch.log_probs, [decode(each).text for each in batch.log_probs]
    (log_probs, texts), (local, local_texts) = found.values()
    assert texts == local_texts
    assert sum(text == path.stem for text, path in zip(texts, PLATES, strict=False)) >= len(PLATES) - 1
    np.testing.assert_allclose(np.exp(log_probs), np.exp(local), atol=1e-3)
    assert len(server.rows) > 2


def test_a_batch_is_cut_to_what_the_model_takes(server: TritonServer) -> None:
    server.models["lpsr_reader"].largest = 4
    engine = TritonEngine(server.url, "reader")
    images = np.random.default_rng(0).random((9, 3, 32, 96), np.float32)
    whole = engine.run({"image": images})["log_probs"]
    assert server.rows == [4, 4, 1]
    assert whole.shape == (9, 7, 36)
    np.testing.assert_allclose(engine.run({"image": images[8:]})["log_probs"], whole[8:], atol=1e-4)
    assert engine.run({"image": images[:0]})["log_probs"].shape == (0, 7, 36)


def test_engines_say_what_the_server_says_of_its_models(server: TritonServer) -> None:
    reader = TritonEngine(server.url, "reader")
    assert str(reader.inputs[0]) == "image float32[Nx3xNxN]"
    assert reader.name == f"{server.url}/lpsr_reader (triton)"
    check_contract(reader, "reader")
    check_contract(TritonEngine(server.url, "generator"), "generator")


def test_a_dead_server_is_one_line_at_once() -> None:
    with pytest.raises(LpsrError) as raised:
        open_tools(RunConfig(crops="-", backend=DEAD))
    assert str(raised.value) == (
        f"{DEAD}/lpsr_reader (triton): no answer: Connection refused; start the server, or give its HTTP port"
    )


def test_a_server_without_the_model_is_one_line(repository: Path, tmp_path: Path) -> None:
    (tmp_path / "lpsr_generator").symlink_to(repository / "lpsr_generator")
    with TritonServer(tmp_path) as server, pytest.raises(LpsrError) as raised:
        open_tools(RunConfig(crops="-", backend=server.url))
    assert "no such model ready (Request for unknown model: 'lpsr_reader' is not found)" in str(raised.value)
    assert "lpsr-export graph --for triton" in str(raised.value)
    assert "\n" not in str(raised.value)


def test_another_model_under_the_name_is_one_line(repository: Path, tmp_path: Path) -> None:
    (tmp_path / "lpsr_reader").symlink_to(repository / "lpsr_generator")
    with TritonServer(tmp_path) as server, pytest.raises(LpsrError) as raised:
        open_tools(RunConfig(crops="-", backend=server.url, super_resolve="never"))
    assert "lpsr_reader (triton): not a reader: expected image float32[Nx3x32x96]" in str(raised.value)
    assert "found lr float32[Nx3x16x48]" in str(raised.value)


def test_a_refused_shape_is_one_line_and_is_not_tried_again(server: TritonServer) -> None:
    engine = TritonEngine(server.url, "generator")
    with pytest.raises(LpsrError, match=r"the server refused the request: unexpected shape for input 'lr'.*") as raised:
        engine.run({"lr": np.zeros((1, 3, 8, 8), np.float32)})
    assert "\n" not in str(raised.value)
    assert server.rows == [1]


def test_a_restarted_server_is_found_again(repository: Path) -> None:
    images = np.random.default_rng(1).random((2, 3, 32, 96), np.float32)
    first = TritonServer(repository)
    engine = TritonEngine(first.url, "reader")
    before = engine.run({"image": images})["log_probs"]
    first.close()
    made: list[TritonServer] = []
    # The second one comes up while the engine is waiting.
    timer = threading.Timer(0.5, lambda: made.append(TritonServer(repository, first.port)))
    timer.start()
    try:
        np.testing.assert_array_equal(engine.run({"image": images})["log_probs"], before)
        assert made[0].rows == [2]
    finally:
        timer.join()
        made[0].close()


def test_a_server_that_stays_away_ends_the_pass(repository: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("lpsr_run.engines.triton_engine.PATIENCE", 0.2)
    with TritonServer(repository) as server:
        engine = TritonEngine(server.url, "reader")
    with pytest.raises(LpsrError, match=r"no answer: .*; waited 0.2 s for it$"):
        engine.run({"image": np.zeros((1, 3, 32, 96), np.float32)})


@pytest.mark.parametrize("url", ["triton://", "triton://host:port", "triton://host/model", "triton://user@host"])
def test_what_is_no_server_is_refused_before_anything_is_opened(url: str) -> None:
    with pytest.raises(UsageError, match="a Triton server is named as triton://HOST"):
        RunConfig(crops="-", backend=url).check()
    with pytest.raises(UsageError):
        address_of(url)


def test_the_port_is_tritons_where_none_is_given() -> None:
    assert address_of("triton://gpu-1") == "gpu-1:8000"
    assert address_of("triton://[::1]:9000") == "[::1]:9000"
    RunConfig(crops="-", backend="triton://gpu-1").check()


def test_a_missing_client_names_the_extra(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "tritonclient.http", None)
    with pytest.raises(MissingExtraError, match=r"\[triton\]'"):
        TritonEngine(DEAD, "reader")
