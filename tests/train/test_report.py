"""What an evaluation leaves behind: the worst plates first, and confusions that can be looked at."""

from __future__ import annotations

from pathlib import Path
from unittest.mock import MagicMock

import cv2
import numpy as np
import pytest

pytest.importorskip("torch", reason="the evaluation needs PyTorch (the train extra)")

from lpsr_core.metrics import recognition_rate
from lpsr_train.evaluation.contenders import Contender, Row
from lpsr_train.evaluation.report import Comparison
from lpsr_train.validation.pictures import write_confusion
from lpsr_train.validation.rates import Sample

TRUTHS = ("ABC1234", "ABC1235", "ABC1236")
TEXTS = ("ABC1234", "XYZ9876", "ABC1239")


def test_the_worst_plates_come_first(tmp_path: Path) -> None:
    samples = [  # each of one brightness
        Sample(np.full((16, 48, 3), 80 * n, np.uint8), np.full((32, 96, 3), 80 * n, np.uint8), text)
        for n, text in enumerate(TRUTHS)
    ]
    contender = MagicMock(Contender)
    pictures = np.stack([sample.hr for sample in samples])
    row = Row("ours", recognition_rate(TEXTS, TRUTHS), TEXTS, contender=contender, pictures=pictures)
    path = tmp_path / "deep" / "worst.png"
    Comparison("three", samples, 0, "", [row], "I").write_worst(path, count=2)
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
