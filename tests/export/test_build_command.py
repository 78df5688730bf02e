"""`lpsr-export build` as a command: options that do not fit, and the line that runs what it made."""

from __future__ import annotations

from pathlib import Path

import pytest
from typer.testing import CliRunner

from lpsr_core.cuda import Gpu
from lpsr_core.errors import UsageError
from lpsr_core.plans import PlanCard, PlanConfig
from lpsr_export import build as builds
from lpsr_export.build import BuildConfig, Built
from lpsr_export.cli import app


@pytest.fixture(scope="module")
def networks() -> None:
    """Nothing is exported here."""


@pytest.fixture
def engines(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The user's folder, in which builds leave engines alone."""

    def build(config: BuildConfig, report: object) -> Built:
        made = []
        for role in ("generator", "reader"):
            plan = PlanConfig(config.name, role, "fp16", "", "", "", "10.3.0", Gpu("Orin", 87, 8), {})  # type: ignore[arg-type]
            agreement = {"psnr_db": None, "strings_agree_percent": 100}
            made.append((config.out / plan.file, PlanCard.of(plan, b"plan", {}, {"against_fp32": agreement})))
        return Built([], made)

    monkeypatch.setattr(builds, "build", build)
    monkeypatch.setenv("LPSR_MODELS", str(tmp_path / "mine"))
    return tmp_path / "mine"


def last_line(*options: str) -> str:
    done = CliRunner().invoke(app, ["build", "--fp16", "--target", "tensorrt", *options], catch_exceptions=False)
    assert done.exit_code == 0
    return done.output.splitlines()[-1]


def test_engines_are_run_by_the_names_that_find_them(engines: Path, tmp_path: Path) -> None:
    run = "run the engines with: lpsr-run --backend tensorrt --precision fp16"
    assert last_line() == run
    assert last_line("--name", "tiny") == f"{run} --generator tiny --reader tiny"
    out = tmp_path / "engines"
    plans = {role: out / f"lite-{role}-fp16.plan" for role in ("generator", "reader")}
    wanted = f"run the engines with: lpsr-run --generator {plans['generator']} --reader {plans['reader']}"
    assert last_line("--out", str(out)) == wanted


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ("--fp16 --calibration DIR", "--calibration has no effect without --int8"),
        ("--fp16 --target onnxruntime --profile generic", "--profile has no effect with --target onnxruntime"),
        ("--fp16 --target onnxruntime --sm 87", "--sm has no effect with --target onnxruntime"),
        ("--int8 --target tensorrt-rtx --version-compatible", "--version-compatible has no effect with --target ten"),
        ("--fp16 --target tensorrt-rtx --plugin FILE", "--plugin has no effect with --target tensorrt-rtx"),
        ("--fp16 --lower-deform-conv --embed-plugin", "--embed-plugin has no effect with --lower-deform-conv"),
        ("--fp16 --lower-deform-conv --compiler FILE", "--compiler has no effect with --lower-deform-conv"),
    ],
)
def test_options_that_would_do_nothing_are_refused(engines: Path, options: str, words: str) -> None:
    done = CliRunner().invoke(app, ["build", *options.split()])
    assert isinstance(done.exception, UsageError)
    assert words in str(done.exception)
    fitting = CliRunner().invoke(
        app, ["build", "--fp16", "--target", "tensorrt-rtx", "--lower-deform-conv", "--sm", "86"]
    )
    assert fitting.exit_code == 0
