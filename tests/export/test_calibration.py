"""Confidences that are shares: the fit finds what was done to them, and the runtime uses it."""

from __future__ import annotations

import json
import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from typer.testing import CliRunner

from lpsr_core.alphabet import ALPHABET
from lpsr_core.cards import Calibration, ModelCard
from lpsr_core.decode import decode
from lpsr_core.errors import LpsrError
from lpsr_core.views import SURE
from lpsr_export.calibration import FRAMES, Tracks, fit, reliability
from lpsr_export.cli import app

LETTERS, DIGITS = [i for i, c in enumerate(ALPHABET) if c.isalpha()], [i for i, c in enumerate(ALPHABET) if c.isdigit()]


def honest(plates: int, frames: int = FRAMES, seed: int = 0) -> Tracks:
    """Readings whose probabilities are right by construction: the truth is drawn from them. All frames say the same,
    so a power of 1 is right for tracks."""
    rng = np.random.default_rng(seed)
    scores = rng.normal(0, 4, (plates, 7, 36))
    scores -= np.logaddexp.reduce(scores, axis=2, keepdims=True)
    texts = []
    for row in scores:
        # Brazilian and Mercosur plates differ in the fifth character alone, which may be either.
        kinds = [LETTERS, LETTERS, LETTERS, DIGITS, [*LETTERS, *DIGITS], DIGITS, DIGITS]
        weights = [np.exp(row[position, allowed]) for position, allowed in enumerate(kinds)]
        drawn = [rng.choice(allowed, p=w / w.sum()) for allowed, w in zip(kinds, weights, strict=True)]
        texts.append("".join(ALPHABET[i] for i in drawn))
    return Tracks(np.repeat(scores[:, None], frames, axis=1), tuple(texts), np.full(plates, 120.0))


@pytest.mark.parametrize("sharpened", [0.5, 2.0])
def test_the_fit_finds_what_was_done_to_the_probabilities(sharpened: float) -> None:
    tracks = honest(400)
    found = fit(replace(tracks, log_probs=tracks.log_probs * sharpened))
    assert found.temperature == pytest.approx(sharpened, rel=0.12)
    assert found.power > 0.85, "frames that say the same are one"
    unseen = honest(400, seed=1)
    before = reliability(unseen.log_probs[:, 0] * sharpened, unseen.texts)
    after = reliability(unseen.log_probs[:, 0] * sharpened / found.temperature, unseen.texts)
    assert after.error < 0.6 * before.error
    assert after.right == before.right, "no text changes"


def test_a_tracks_sum_is_divided_by_a_power_of_its_frames() -> None:
    tracks = honest(3, frames=4)
    once = tracks.log_probs[:, 0] / 2
    for power, times in ((0.0, 4.0), (0.5, 2.0), (1.0, 1.0)):
        assert np.allclose(tracks.fused(4, Calibration(2.0, power)), times * once)


def test_narrow_crops_have_a_temperature_of_their_own() -> None:
    wide, narrow = honest(300, seed=2), honest(300, seed=3)
    mixed = Tracks(
        np.concatenate([wide.log_probs * 0.7, narrow.log_probs * 1.4]),
        (*wide.texts, *narrow.texts),
        np.repeat([120, 40], 300),
    )
    found = fit(mixed)
    assert found.temperature == pytest.approx(0.7, rel=0.15)
    assert found.temperature * found.narrow == pytest.approx(1.4, rel=0.15)
    temperatures = found.temperatures([120, 40, 64]).ravel()
    assert temperatures.tolist() == [found.temperature, found.temperature * found.narrow, found.temperature]


def test_a_mean_over_several_views_has_a_temperature_of_its_own() -> None:
    tracks = honest(400, seed=5)
    found = fit(replace(tracks, further=tracks.log_probs * 0.6))
    assert found.temperature == pytest.approx(1, rel=0.12)
    assert found.temperature * found.views == pytest.approx(0.6, rel=0.15)


def test_further_views_count_where_the_first_is_not_sure() -> None:
    tracks = honest(60, frames=1, seed=4)
    tracks = replace(tracks, log_probs=tracks.log_probs * 4)
    flat = np.zeros_like(tracks.log_probs)
    read = replace(tracks, further=flat).read(1, Calibration())[:, 0]
    sure = np.array([decode(row).confidence >= SURE for row in tracks.log_probs[:, 0]])
    assert 0 < sure.sum() < 60
    assert np.array_equal(read[sure], tracks.log_probs[sure, 0])
    assert not read[~sure].any()


def test_errors_are_those_of_the_bins() -> None:
    log_probs = np.full((4, 7, 36), -30.0)
    for position, character in enumerate("ABC1D23"):
        log_probs[:, position, ALPHABET.index(character)] = 0
    found = reliability(log_probs, ("ABC1D23", "ABC1D23", "ABC1D23", "XYZ1234"))
    assert found.right == 0.75
    assert found.confidence == pytest.approx(1)
    assert found.error == pytest.approx(0.25)


def test_the_command_writes_the_card_and_the_runtime_takes_it(exported: Path, tmp_path: Path) -> None:
    for path in exported.iterdir():
        shutil.copy(path, tmp_path)
    arguments = ["calibrate", "--models", str(tmp_path), "--name", "tiny", "--plates", "20"]
    done = CliRunner().invoke(app, arguments, catch_exceptions=False)
    assert done.exit_code == 0, done.output
    card = ModelCard.load(tmp_path / "tiny-reader.json")
    assert isinstance(card.calibration, Calibration)
    assert set(card.metrics["calibration"]) == {"1 frames", "3 frames", "5 frames"}
    assert f"temperature {card.calibration.temperature:g}" in done.output

    from lpsr_run.config import RunConfig
    from lpsr_run.pipeline.tools import open_tools

    names = {role: str(tmp_path / f"tiny-{role}.onnx") for role in ("generator", "reader")}
    config = RunConfig(crops="x", views="one", **names)  # type: ignore[arg-type]
    tools = open_tools(config)
    assert tools.calibration == card.calibration
    crop = np.random.default_rng(0).integers(0, 256, (12, 40, 3), np.uint8)
    warm = tools.reader.read([crop]).log_probs
    values = json.loads((tmp_path / "tiny-reader.json").read_text())
    (tmp_path / "tiny-reader.json").write_text(json.dumps({**values, "calibration": None}))
    plain = open_tools(config).reader.read([crop]).log_probs
    wanted = plain.astype(np.float64) / card.calibration.temperatures([crop.shape[1]])
    wanted -= np.logaddexp.reduce(wanted, axis=2, keepdims=True)
    assert np.allclose(warm, wanted, atol=1e-4)
    (tmp_path / "tiny-reader.json").write_text(json.dumps({**values, "calibration": {"heat": 1}}))
    with pytest.raises(LpsrError, match="calibration is of another form"):
        ModelCard.load(tmp_path / "tiny-reader.json")
