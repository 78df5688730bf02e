"""Several frames of a plate: they are added up, and more of them read more."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from typer.testing import CliRunner

torch = pytest.importorskip("torch", reason="training needs PyTorch (the train extra)")

from lpsr_core.alphabet import encode  # noqa: E402
from lpsr_core.errors import LpsrError  # noqa: E402
from lpsr_train.cli import app  # noqa: E402
from lpsr_train.config import TrainConfig  # noqa: E402
from lpsr_train.evaluation.fusion import Frames, fused_rates, shaken  # noqa: E402
from lpsr_train.plates.pairs import PlateSource, render_pair  # noqa: E402
from lpsr_train.training.trainer import Trainer  # noqa: E402

TRUTH = "ABC1D23"


@pytest.fixture(scope="module")
def networks() -> None:
    """The command runs in a process of its own, which knows the real networks alone."""


class Witness(torch.nn.Module):
    """Reads the truth in every frame, but doubts one position in each; the doubt is in the frame's brightness."""

    def __init__(self) -> None:
        super().__init__()
        self.weight = torch.nn.Parameter(torch.zeros(1))

    def forward(self, image: torch.Tensor) -> torch.Tensor:
        scores = torch.full((len(image), 7, 36), -6.0)
        for row, brightness in enumerate(image.mean(dim=(1, 2, 3))):
            scores[row, range(7), list(encode(TRUTH))] = -0.1
            wrong = round(float(brightness) * 255) % 7
            scores[row, wrong, list(encode("XYZ9X99"))[wrong]] = 0.0
        return scores


def flat(value: int) -> np.ndarray:
    return np.full((16, 48, 3), value, np.uint8)


def test_frames_that_doubt_different_characters_agree() -> None:
    plates = [Frames(tuple(flat(value) for value in (70, 71, 72, 73, 74)), TRUTH)]
    found = fused_rates(plates, Witness(), torch.nn.Upsample(scale_factor=2))
    assert found[1].all.percent == 0
    assert found[1].six.percent == 100
    assert found[3].all.percent == 100
    assert found[5].all.percent == 100


def test_too_few_frames_are_one_line() -> None:
    with pytest.raises(LpsrError, match="has 2 frames, and 5"):
        fused_rates([Frames((flat(1), flat(2)), TRUTH)], Witness(), torch.nn.Upsample(scale_factor=2))


def test_frames_of_a_crop_differ_and_repeat() -> None:
    crop = render_pair(PlateSource(), 3, 1).crop
    first, again = (shaken(crop, "hard", 3, np.random.default_rng(4)) for _ in range(2))
    assert all((a == b).all() for a, b in zip(first, again, strict=True))
    assert all(frame.shape == (16, 48, 3) for frame in first)
    assert not (first[0] == first[1]).all()
    still = [frame.astype(float).ravel() for frame in shaken(crop, "none", 2, np.random.default_rng(4))]
    assert 0.5 < np.corrcoef(still)[0, 1] < 0.9999, "moved a little, and still the same plate"


def test_the_command_fuses_and_refuses(tmp_path: Path) -> None:
    config = TrainConfig(batch=8, bf16=False)
    Trainer(config, tmp_path, torch.device("cpu")).save()
    out = tmp_path / "fused.json"
    options = ["fuse", "--weights", str(tmp_path), "--count", "2", "--degradation", "camera", "--json", str(out)]
    done = CliRunner().invoke(app, options)
    assert done.exit_code == 0, done.output
    assert set(json.loads(out.read_text())["frames"]) == {"1", "3", "5"}
    command = [sys.executable, "-m", "lpsr_train", "fuse", "--weights", str(tmp_path), "--tracks", "--data", "nowhere"]
    for more, code, words in (([], 2, "no such folder"), (["--degradation", "blur"], 2, "have their own frames")):
        failed = subprocess.run([*command, *more], capture_output=True, text=True, check=False)
        assert failed.returncode == code, failed.stderr
        assert words in failed.stderr
        assert failed.stderr.strip().count("\n") == 0
