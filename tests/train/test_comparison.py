"""`lpsr-train compare` on runs that have learned nothing: the table, the figures, and what it refuses."""

from __future__ import annotations

import json
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest
from typer.testing import CliRunner

torch = pytest.importorskip("torch", reason="training needs PyTorch (the train extra)")

from lpsr_core.errors import LpsrError, UsageError  # noqa: E402
from lpsr_train.cli import app  # noqa: E402
from lpsr_train.comparison.measure import load_contenders, seconds_a_plate  # noqa: E402
from lpsr_train.config import PRESETS  # noqa: E402
from lpsr_train.evaluation import enlarge  # noqa: E402
from lpsr_train.trainer import Trainer, validation_samples  # noqa: E402

CPU = torch.device("cpu")


@pytest.fixture(scope="module")
def runs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a run of ours, one of SR3 and a judge, as they are before the first step."""
    folder = tmp_path_factory.mktemp("runs")
    configs = {
        "ours": PRESETS["lite"],
        "sr3": replace(PRESETS["sr3-lite"], sampling_steps=2),
        "judge": PRESETS["judge"],
    }
    for name, config in configs.items():
        (folder / name).mkdir()
        Trainer(config, folder / name, CPU).save()
    return folder


def lpsr_train(*arguments: str, cwd: Path) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "lpsr_train", *arguments]
    return subprocess.run(command, capture_output=True, text=True, cwd=cwd, check=False)


def test_runs_are_compared_on_the_same_plates(runs: Path) -> None:
    arguments = ["compare", "--weights", "ours", "--weights", "sr3", "--reader", "judge", "--count", "4"]
    done = lpsr_train(*arguments, "--timed", "2", "--json", "deep/figures.json", cwd=runs)
    assert done.returncode == 0, done.stderr
    assert "33 h" in done.stdout
    assert "38 min" in done.stdout
    figures = json.loads((runs / "deep" / "figures.json").read_text())
    assert (figures["plates"], figures["plates_timed"]) == (4, 2)
    rows = {row["pictures"]: row for row in figures["rows"]}
    assert list(rows) == ["HR", "bicubic", "ours at step 0", "sr3 at step 0"]
    for row in rows.values():
        low, high = row["rates"]["all"]["interval"]
        assert 0 <= low <= row["rates"]["all"]["percent"] <= high <= 100
        assert row["rates"]["five"]["total"] == 4
    assert rows["HR"]["seconds_a_plate"] is None
    assert [rows[name]["passes"] for name in list(rows)[2:]] == [1, 2]
    sr3 = rows["sr3 at step 0"]
    assert sr3["seconds_4000_plates"] == pytest.approx(4000 * sr3["seconds_a_plate"])
    assert rows["ours at step 0"]["psnr_db"] == pytest.approx(rows["bicubic"]["psnr_db"], abs=0.5)
    assert sr3["psnr_db"] < rows["bicubic"]["psnr_db"], "noise that nothing was learned to remove"
    by_name = {row["name"]: row["seconds"] for row in figures["paper"]["rows"]}
    assert (by_name["SR3"], by_name["proposed"]) == (33 * 3600, 38 * 60)


def test_another_runs_reader_judges_an_evaluation(runs: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(runs)
    arguments = ["evaluate", "--weights", "sr3", "--count", "2"]
    alone = lpsr_train(*arguments, cwd=runs)
    assert alone.returncode == 1
    assert alone.stderr == "error: a run of task sr3 has no reader; name a run that has one with --reader\n"
    judged = CliRunner().invoke(app, [*arguments, "--reader", "judge", "--json", "judged.json"])
    assert judged.exit_code == 0, judged.output
    found = json.loads((runs / "judged.json").read_text())
    assert found["title"].endswith("read by judge")
    assert set(found["rates"]) == {"hr", "bicubic", "sr"}


@pytest.mark.parametrize(
    ("arguments", "error", "words"),
    [
        (["--weights", "ours", "--reader", "sr3"], LpsrError, "has no reader"),
        (["--weights", "nowhere", "--reader", "judge"], LpsrError, "no checkpoint"),
        (["--weights", "ours", "--reader", "judge", "--degradation", "rain"], UsageError, "unknown degradation"),
        (["--weights", "ours", "--reader", "judge", "--split", "test"], UsageError, "unknown split"),
    ],
)
def test_bad_calls_are_one_line(
    runs: Path, monkeypatch: pytest.MonkeyPatch, arguments: list[str], error: type[LpsrError], words: str
) -> None:
    monkeypatch.chdir(runs)
    done = CliRunner().invoke(app, ["compare", *arguments, "--count", "1"])
    assert type(done.exception) is error
    assert words in str(done.exception)
    assert "\n" not in str(done.exception)


def test_only_generators_take_part_and_only_sr3_in_steps(runs: Path) -> None:
    with pytest.raises(LpsrError, match="trained a reader alone"):
        load_contenders([runs / "judge"], None, CPU)
    with pytest.raises(UsageError, match="none of these"):
        load_contenders([runs / "ours"], 5, CPU)
    with pytest.raises(UsageError, match="0 \\(all\\) to 2000"):
        load_contenders([runs / "sr3"], 2001, CPU)
    found = load_contenders([runs / "ours", runs / "sr3"], 0, CPU)
    assert [contender.passes for contender in found] == [1, 2000]


def test_the_clock_sees_one_plate_at_a_time() -> None:
    shapes = []

    def generator(lr: torch.Tensor) -> torch.Tensor:
        shapes.append(tuple(lr.shape))
        return enlarge(lr)

    assert seconds_a_plate(generator, validation_samples("camera", 3), 2, CPU) > 0
    assert shapes == [(1, 3, 16, 48)] * 4, "two to warm up, two timed"
