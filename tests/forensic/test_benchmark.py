"""The tool that validates likelihood ratios on a user's own labelled crops."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import numpy as np
import pytest
from toy_models import ROOT, paint, save_image

sys.path.insert(0, str(ROOT))
from benchmarks.likelihood_ratios import Ratios, main, narrowed
from lpsr_core.errors import UsageError

TEXTS = ("ABC1234", "ABC1284", "XYZ9A87")


@pytest.fixture
def table(tmp_path: Path) -> Path:
    """Four crops of three plates, and their table."""
    rows = ["file;text"]
    for at, text in enumerate((*TEXTS, TEXTS[0])):
        save_image(tmp_path / "crops" / f"{at}.png", paint(text, 90 + at))
        rows.append(f"{at}.png;{text}")
    (tmp_path / "plates.csv").write_text("\n".join(rows) + "\n")
    return tmp_path / "plates.csv"


def call(table: Path, models: Path, *more: object) -> None:
    out, folder = table.parent / "out", table.parent / "crops"
    networks = ["--reader", f"{models}/reader.onnx", "--generator", f"{models}/generator.onnx", "--threads", 1]
    given = ["--labels", table, "--folder", folder, "--out", out, "--resamples", 5, *networks, *more]
    assert main([*map(str, given)]) == 0


def test_figures_are_written_by_width(table: Path, models: Path, capsys: pytest.CaptureFixture[str]) -> None:
    pytest.importorskip("matplotlib", reason="the plot is drawn with matplotlib (the bench extra)")
    call(table, models, "--widths", "native", "48", "--name", "three plates")
    told = json.loads((table.parent / "out" / "likelihood_ratios.json").read_text())
    assert told["labels"]["name"] == "three plates"
    assert list(told["widths"]) == ["native", "48"]
    native = told["widths"]["native"]
    assert (native["crops"], native["plates"], native["right"]) == (4, 3, 4)
    assert (native["texts"]["same"], native["texts"]["different"]) == (4, 8)
    # 26 letters or 10 digits at six positions, 36 characters at the fifth.
    assert native["characters"]["different"] == 4 * (3 * 25 + 3 * 9 + 35)
    assert native["characters"]["cllr"] < 0.01
    plot = (table.parent / "out" / "likelihood_ratios.svg").read_text()
    assert "Reliability" in plot
    assert "48 px" in plot
    assert "native" in capsys.readouterr().out


def test_tables_that_cannot_be_meant_are_refused(table: Path, models: Path) -> None:
    for text, why in (
        ("name;text\na.png;ABC1234\n", "has no column called file; it needs file, text"),
        ("file;text\n0.png;ABC1234\n", "at least two plates"),
        ("file,text\n0.png,ABC1234\n1.png,1234567\n", "follows none of the layouts"),
    ):
        table.write_text(text)
        with pytest.raises(UsageError, match=why):
            call(table, models)
    with pytest.raises(UsageError, match="whole numbers of at least 8 pixels"):
        call(table, models, "--widths", "wide")


def test_narrow_crops_stay_as_they_are() -> None:
    crop = np.zeros((20, 60, 3), np.uint8)
    assert narrowed(crop, "native") is crop
    assert narrowed(crop, "64") is crop
    assert narrowed(crop, "30").shape == (10, 30, 3)


def test_true_and_other_ratios_are_parted() -> None:
    characters = np.full((2, 7, 36), -1.0)
    characters[:, :, :5] = np.nan
    truth = np.full((2, 7), 9)
    characters[:, :, 9] = 3.0
    ratios = Ratios(characters, truth, np.array([[2.0, -4.0], [-5.0, 1.0]]), np.array([0, 1]))
    same, different = ratios.of_characters(np.array([0, 1, 1]))
    assert (len(same), set(same)) == (21, {3.0})
    assert (len(different), set(different)) == (3 * 7 * 30, {-1.0})
    same, different = ratios.of_texts(np.array([1]))
    assert (same.tolist(), different.tolist()) == ([1.0], [-5.0])
