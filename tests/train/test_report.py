"""What an evaluation leaves behind: the worst plates first, and confusions that can be looked at."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import pytest

pytest.importorskip("torch", reason="the evaluation needs PyTorch (the train extra)")

from lpsr_train.evaluation import Evaluation, Sample
from lpsr_train.pictures import write_confusion
from lpsr_train.report import Report

TRUTHS = ("ABC1234", "ABC1235", "ABC1236")
TEXTS = ("ABC1234", "XYZ9876", "ABC1239")


def report(texts: dict[str, tuple[str, ...]]) -> Report:
    """Three plates, each of one brightness."""
    samples = [
        Sample(np.full((16, 48, 3), 80 * n, np.uint8), np.full((32, 96, 3), 80 * n, np.uint8), text)
        for n, text in enumerate(TRUTHS)
    ]
    sr = np.stack([sample.hr for sample in samples])
    return Report("three", samples, Evaluation(TRUTHS, texts, sr, np.zeros((36, 36), np.int64), 30.0, 0.9))


def test_the_worst_plates_come_first(tmp_path: Path) -> None:
    path = tmp_path / "deep" / "worst.png"
    report({"sr": TEXTS}).write_worst(path, count=2)
    sheet = cv2.imread(str(path))
    plates = [int(sheet[50, x, 0]) for x in (150, 1000)]
    assert plates == [80, 160], "no character right, then six; the plate read rightly is not among the two"


def test_confusions_are_drawn_where_they_are(tmp_path: Path) -> None:
    confusion = np.diag(np.full(36, 20))
    write_confusion(tmp_path / "none.png", confusion)
    confusion[3, 30] = 20
    write_confusion(tmp_path / "one.png", confusion)
    clean, marked = (cv2.imread(str(tmp_path / name)).astype(int) for name in ("none.png", "one.png"))
    assert clean.shape == marked.shape
    assert (np.abs(clean - marked).max(axis=2) > 60).sum() > 50
