"""Engines of TensorRT for RTX, by its real builder, which needs no GPU."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from lpsr_core.cuda import Gpu
from lpsr_core.errors import LpsrError, MissingExtraError, UsageError
from lpsr_core.plans import PlanCard, load_runnable, plan_card_path
from lpsr_export import build as builds
from lpsr_export.build import BuildConfig, build
from lpsr_export.checks.gate import Gate
from lpsr_export.tensorrt.plugin import PluginConfig

LEAST = Gate(-200.0, 0.0, 1.0)


def wanted(models: Path, out: Path, precision: str, **changes) -> BuildConfig:
    config = BuildConfig("tiny", precision, "tensorrt-rtx", models, out, check_crops=4, calibration_crops=8)  # type: ignore[arg-type]
    return replace(config, plugin_config=PluginConfig(sms=(86,)), **changes)


@pytest.mark.parametrize("precision", ["fp32", "fp16", "int8"])
def test_both_networks_are_built(
    exported: Path, tmp_path: Path, precision: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    trt = pytest.importorskip("tensorrt_rtx", reason="needs TensorRT for RTX (the rtx extra)")
    monkeypatch.setattr(builds, "GATES", dict.fromkeys(builds.GATES, LEAST))
    config = wanted(exported, tmp_path, precision)
    built = build(config)
    assert built.graphs == []
    suffix = "" if precision == "fp32" else f"-{precision}"
    assert {path.name for path, _ in built.engines} == {f"tiny-{role}{suffix}.rtx" for role in ("generator", "reader")}
    for path, card in built.engines:
        assert path.stat().st_size == card.size > 10_000
        assert card.types.get(precision, 0) > 10
        assert card.config.gpu is None
        assert card.config.options == {"sms": [86]}
        assert "needs a GPU to run" in card.metrics["measured_on"]
        assert PlanCard.load(plan_card_path(path)) == card
        version, at = trt.__version__, path.stat().st_mtime_ns
        assert load_runnable(path, version, Gpu("RTX 3090", 86, 82), runtime="tensorrt-rtx") == card
        with pytest.raises(LpsrError, match=r"built for sm_86, and this is RTX 4090 \(sm_89.*--sm 89"):
            load_runnable(path, version, Gpu("RTX 4090", 89, 128), runtime="tensorrt-rtx")
        with pytest.raises(LpsrError, match="an engine of tensorrt-rtx; run it with --backend tensorrt-rtx"):
            load_runnable(path, version, Gpu("RTX 3090", 86, 82))
        build(config)
        assert path.stat().st_mtime_ns == at, "it is up to date"


def test_a_graph_that_misses_its_gate_is_not_built(
    exported: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pytest.importorskip("tensorrt_rtx", reason="needs TensorRT for RTX (the rtx extra)")
    monkeypatch.setitem(builds.GATES, "fp16", Gate(500.0, 1.0))
    with pytest.raises(LpsrError, match="the generator's graph: "):
        build(wanted(exported, tmp_path, "fp16"))
    assert list(tmp_path.iterdir()) == []


def test_other_gpus_are_refused_before_crops_are_rendered(
    exported: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def rendered(*given: object) -> None:
        raise AssertionError("crops were rendered")

    monkeypatch.setattr(builds, "rendered_crops", rendered)
    try:
        import tensorrt_rtx  # noqa: F401
    except ImportError:
        with pytest.raises(MissingExtraError, match=r"pip install .*\[rtx\]"):
            build(wanted(exported, tmp_path, "fp16"))
        return
    config = replace(wanted(exported, tmp_path, "fp16"), plugin_config=PluginConfig(sms=(90,)))
    with pytest.raises(UsageError, match=r"does not build for sm_90; --sm takes 75, 80, 86, 89, 120"):
        build(config)
