"""Plans: a key of everything, and only the right machine runs them."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest

from lpsr_core import plans
from lpsr_core.cards import sha256
from lpsr_core.cuda import Gpu
from lpsr_core.errors import LpsrError
from lpsr_core.plans import PlanCard, PlanConfig, load_runnable, plan_card_path

ORIN = Gpu("Orin", 87, 8)
CONFIG = PlanConfig("lite", "generator", "fp16", "a" * 64, "b" * 64, "c" * 64, "10.3.0", ORIN, {"batch": [1, 4, 16]})


@pytest.fixture
def plan(tmp_path: Path) -> Path:
    path = tmp_path / CONFIG.file
    path.write_bytes(b"engine")
    PlanCard(CONFIG, CONFIG.key, sha256(path), "/lib/plugin.so", {"Half": 3}, 1.5, 6).save(tmp_path)
    return path


def test_the_card_comes_back_as_it_was(plan: Path) -> None:
    card = load_runnable(plan, "10.3.0", ORIN, source="b" * 64)
    assert card == PlanCard(CONFIG, CONFIG.key, sha256(plan), "/lib/plugin.so", {"Half": 3}, 1.5, 6)
    assert plan.name == "lite-generator-fp16.plan"
    assert [path.name for path in plan.parent.iterdir() if path.suffix == ".part"] == []


@pytest.mark.parametrize(
    "change",
    [
        {"graph": "d" * 64},
        {"plugin": ""},
        {"tensorrt": "10.13.0"},
        {"gpu": replace(ORIN, multiprocessors=16)},
        {"gpu": replace(ORIN, name="AGX Orin")},
        {"profile": {"batch": [1, 8, 16]}},
        {"options": {"version_compatible": True}},
        {"calibration": "folder sha256:1"},
        {"precision": "int8"},
    ],
)
def test_everything_that_matters_is_in_the_key(change: dict) -> None:
    assert replace(CONFIG, **change).key != CONFIG.key
    assert replace(CONFIG).key == CONFIG.key


@pytest.mark.parametrize(
    ("version", "gpu", "source", "words"),
    [
        ("10.3.0", replace(ORIN, multiprocessors=16), None, "built for Orin .*8 multi.* and this is Orin .*16 multi"),
        ("10.3.0", Gpu("NVIDIA L4", 89, 58), None, "this is NVIDIA L4"),
        ("10.13.0", ORIN, None, "built with TensorRT 10.3.0, and this is 10.13.0"),
        ("10.3.0", ORIN, "e" * 64, "older graph"),
    ],
)
def test_a_foreign_or_stale_plan_is_refused(plan: Path, version: str, gpu: Gpu, source: str | None, words: str) -> None:
    with pytest.raises(LpsrError, match=words) as error:
        load_runnable(plan, version, gpu, source)
    assert "lpsr-export build --fp16" in str(error.value)


def test_version_compatible_plans_run_within_their_major(tmp_path: Path) -> None:
    config = replace(CONFIG, options={"version_compatible": True})
    path = tmp_path / config.file
    path.write_bytes(b"engine")
    PlanCard(config, config.key, sha256(path), "", {}, 1.0, 6).save(tmp_path)
    assert load_runnable(path, "10.13.2", ORIN)
    with pytest.raises(LpsrError, match="this is 11"):
        load_runnable(path, "11.4.0", ORIN)


def test_damaged_files_are_refused(plan: Path) -> None:
    path = plan_card_path(plan)
    good = path.read_text()
    plan.write_bytes(b"engin")
    with pytest.raises(LpsrError, match="cut short"):
        load_runnable(plan, "10.3.0", ORIN)
    plan.write_bytes(b"enginf")
    with pytest.raises(LpsrError, match="not the one"):
        load_runnable(plan, "10.3.0", ORIN)
    plan.write_bytes(b"engine")
    path.write_text(good.replace('"tensorrt": "10.3.0"', '"tensorrt": "10.4.0"'))
    with pytest.raises(LpsrError, match="card was changed"):
        load_runnable(plan, "10.4.0", ORIN)
    for text in ("{", "[]", json.dumps({"schema": 1}), json.dumps({**json.loads(good), "schema": 9})):
        path.write_text(text)
        with pytest.raises(LpsrError, match="plan's card"):
            load_runnable(plan, "10.3.0", ORIN)
    path.unlink()
    with pytest.raises(LpsrError, match="no card here"):
        load_runnable(plan, "10.3.0", ORIN)
    plan.unlink()
    with pytest.raises(LpsrError, match="no such engine"):
        load_runnable(plan, "10.3.0", ORIN)


def test_a_machine_that_cannot_ask_the_driver_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    import sys

    for name in ("pycuda", "pycuda.driver", "cuda", "cuda.bindings"):
        monkeypatch.setitem(sys.modules, name, None)
    monkeypatch.setattr("lpsr_core.cuda._opened", None)
    with pytest.raises(LpsrError, match="tensorrt"):
        plans.current_gpu()
