"""`lpsr-train evaluate` on runs that have learned nothing: tables, figures, sheets, and what it refuses."""

from __future__ import annotations

import json
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import pytest
from typer.testing import CliRunner

torch = pytest.importorskip("torch", reason="training needs PyTorch (the train extra)")

from lpsr_core.errors import LpsrError, UsageError  # noqa: E402
from lpsr_train.cli import app  # noqa: E402
from lpsr_train.config import PRESETS  # noqa: E402
from lpsr_train.evaluation.contenders import load_contenders, seconds_a_plate  # noqa: E402
from lpsr_train.training.trainer import Trainer, validation_samples  # noqa: E402
from lpsr_train.validation.rates import enlarge  # noqa: E402

CPU = torch.device("cpu")


@pytest.fixture(scope="module")
def networks() -> None:
    """The commands of these tests run in processes of their own, which know the real networks alone."""


@pytest.fixture(scope="module")
def runs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a run of ours, one of SR3 and a judge, as they are before the first step."""
    folder = tmp_path_factory.mktemp("runs")
    configs = {
        "ours": PRESETS["lite"],
        "sr3": replace(PRESETS["sr3-lite"], sampling_steps=2),
        "judge": PRESETS["judge"],
        "lr": PRESETS["reader-lr"],
    }
    for name, config in configs.items():
        (folder / name).mkdir()
        Trainer(config, folder / name, CPU).save()
    return folder


def lpsr_train(*arguments: str, cwd: Path) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "lpsr_train", *arguments]
    return subprocess.run(command, capture_output=True, text=True, cwd=cwd, check=False)


def test_runs_are_compared_on_the_same_plates(runs: Path) -> None:
    arguments = ["evaluate", "--weights", "Ours=ours", "--weights", "sr3", "--reader", "judge", "--lr-weights", "lr"]
    pictures = ["--sheet", "out/sheet.png", "--worst", "out/worst.png", "--confusion", "out/confusion.png"]
    done = lpsr_train(*arguments, *pictures, "--count", "4", "--time", "2", "--json", "deep/figures.json", cwd=runs)
    assert done.returncode == 0, done.stderr
    assert "33 h" in done.stdout
    assert "38 min" in done.stdout
    figures = json.loads((runs / "deep" / "figures.json").read_text())
    assert (figures["plates"], figures["plates_timed"]) == (4, 2)
    rows = {row["pictures"]: row for row in figures["rows"]}
    hr, lr, bicubic, _, ours, sr3 = rows
    assert (hr, lr, bicubic) == ("HR (original images)", "LR (degraded images)", "LR, bicubic")
    assert (ours, sr3) == ("LR + SR (Ours)", "LR + SR (sr3 at step 0)")
    for row in rows.values():
        low, high = row["rates"]["all"]["interval"]
        assert 0 <= low <= row["rates"]["all"]["percent"] <= high <= 100
        assert row["rates"]["five"]["total"] == 4
    assert [rows[name]["seconds_a_plate"] is None for name in rows] == [True, True, False, True, False, False]
    assert [rows[name]["passes"] for name in rows] == [None] * 4 + [1, 2]
    assert rows[sr3]["seconds_4000_plates"] == pytest.approx(4000 * rows[sr3]["seconds_a_plate"])
    assert rows[ours]["psnr_db"] == pytest.approx(rows[bicubic]["psnr_db"], abs=0.5)
    assert rows[sr3]["psnr_db"] < rows[bicubic]["psnr_db"], "noise that nothing was learned to remove"
    by_name = {row["name"]: row["seconds"] for row in figures["paper"]["rows"]}
    assert (by_name["LR + SR (SR3)"], by_name["LR + SR (proposed)"]) == (33 * 3600, 38 * 60)
    sheet = cv2.imread(str(runs / "out" / "sheet.png"))
    assert sheet.shape[:2] == (4 * (96 + 22 + 4) + 4, 4 * (288 + 4) + 4), "four rows of LR, both SR, and HR"
    assert (runs / "out" / "worst.png").is_file()
    assert (runs / "out" / "confusion.png").is_file()


def test_a_run_without_a_reader_needs_a_judge(runs: Path) -> None:
    alone = lpsr_train("evaluate", "--weights", "sr3", "--count", "2", cwd=runs)
    assert alone.returncode == 1
    assert alone.stderr == "error: a run of task sr3 has no reader; name a run that has one with --reader\n"


def test_a_list_is_read_beside_table_iii(runs: Path, tmp_path: Path) -> None:
    hr, lr = np.full((64, 192, 3), 90, np.uint8), np.full((16, 48, 3), 90, np.uint8)
    for name, picture in (("hr.png", hr), ("lr.png", lr)):
        cv2.imwrite(str(tmp_path / name), picture)
    (tmp_path / "hr.txt").write_text("plate: ABC1D23\n")
    (tmp_path / "pairs.txt").write_text("hr.png;lr.png;testing\n")
    done = lpsr_train("evaluate", "--weights", str(runs / "ours"), "--list", "pairs.txt", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert "Table III" in done.stdout
    assert "39.5" in done.stdout


def test_labels_of_a_list_are_read_once(runs: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from lpsr_train.data import lists

    read: list[Path] = []
    plain = lists.read_fields
    monkeypatch.setattr(lists, "read_fields", lambda path: read.append(path) or plain(path))
    cv2.imwrite(str(tmp_path / "lr.png"), np.full((16, 48, 3), 90, np.uint8))
    lines = []
    for split in ("training", "testing"):
        cv2.imwrite(str(tmp_path / f"{split}.png"), np.full((64, 192, 3), 90, np.uint8))
        (tmp_path / f"{split}.txt").write_text("plate: ABC1D23\n")
        lines.append(f"{split}.png;lr.png;{split}\n")
    (tmp_path / "pairs.txt").write_text("".join(lines))
    arguments = ["--weights", str(runs / "ours"), "--list", str(tmp_path / "pairs.txt")]
    done = CliRunner().invoke(app, ["evaluate", *arguments], catch_exceptions=False)
    assert done.exit_code == 0, done.output
    assert "note: 1 plate is in the training split and in another one" in done.stderr
    assert sorted(path.name for path in read) == ["testing.txt", "training.txt"]


@pytest.mark.parametrize(
    ("arguments", "error", "words"),
    [
        (["--weights", "ours", "--reader", "sr3"], LpsrError, "has no reader"),
        (["--weights", "nowhere", "--reader", "judge"], LpsrError, "no checkpoint"),
        (["--weights", "ours", "--reader", "judge", "--degradation", "rain"], UsageError, "unknown degradation"),
        (["--weights", "ours", "--list", "x.txt", "--split", "test"], UsageError, "unknown split"),
        (["--weights", "ours", "--split", "testing"], UsageError, "--split is of a list"),
        (["--weights", "ours", "--list", "x.txt", "--degradation", "blur"], UsageError, "leave --degradation out"),
        (["--weights", "ours", "--table", "II"], UsageError, "unknown table"),
        (["--weights", "a=ours", "--weights", "a=sr3"], UsageError, "two runs are called 'a'"),
        (["--weights", "ours", "--lr-weights", "judge"], LpsrError, "was not trained on LR pictures"),
        (["--weights", "lr", "--reader", "judge"], LpsrError, "give it as --lr-weights"),
    ],
)
def test_bad_calls_are_one_line(
    runs: Path, monkeypatch: pytest.MonkeyPatch, arguments: list[str], error: type[LpsrError], words: str
) -> None:
    monkeypatch.chdir(runs)
    count = [] if "--list" in arguments else ["--count", "1"]
    done = CliRunner().invoke(app, ["evaluate", *arguments, *count])
    assert type(done.exception) is error
    assert words in str(done.exception)
    assert "\n" not in str(done.exception)


def test_only_generators_take_part_and_only_sr3_in_steps(runs: Path) -> None:
    with pytest.raises(LpsrError, match="trained a reader alone"):
        load_contenders([str(runs / "judge")], None, CPU)
    with pytest.raises(UsageError, match="none of these"):
        load_contenders([str(runs / "ours")], 5, CPU)
    with pytest.raises(UsageError, match="0 \\(all\\) to 2000"):
        load_contenders([str(runs / "sr3")], 2001, CPU)
    found = load_contenders([str(runs / "ours"), str(runs / "sr3")], 0, CPU)
    assert [contender.passes for contender in found] == [1, 2000]


def test_the_clock_sees_one_plate_at_a_time() -> None:
    shapes = []

    def generator(lr: torch.Tensor) -> torch.Tensor:
        shapes.append(tuple(lr.shape))
        return enlarge(lr)

    assert seconds_a_plate(generator, validation_samples("camera", 3), 2, CPU) > 0
    assert shapes == [(1, 3, 16, 48)] * 4, "two to warm up, two timed"
