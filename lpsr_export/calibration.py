"""`lpsr-export calibrate`: makes a reader's confidences the shares of plates that are right.

Temperatures are fitted on single frames, wide and narrow, in the views in which the runtime reads them, and the power
of the number of frames on tracks of several, all by the likelihood of the true texts; what is gained is measured on
other plates (Guo et al., "On Calibration of Modern Neural Networks", 2017).
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import minimize_scalar

from lpsr_core.alphabet import encode
from lpsr_core.cards import Calibration, graph_name, load_verified
from lpsr_core.decode import confidences, decode, log_mass, log_softmax, together
from lpsr_core.errors import UsageError
from lpsr_core.geometry import DIRECT_WIDTH, Image, plate_width, to_tensor
from lpsr_core.reliability import Reliability
from lpsr_core.views import SURE, View, first_view, further_views
from lpsr_export.graph.graphs import GraphSession
from lpsr_export.progress import Report, parts, silent
from lpsr_train.cameras.shots import HOPELESS, ShotSource, legibility, render_shots

FIT_SEED, TEST_SEED = 7_000_021, 7_000_022
"""Of the plates; no pool is rendered with them."""
FRAMES = 5


@dataclass(frozen=True)
class Tracks:
    """Rendered plates, each seen in several frames of one track.

    Attributes:
        log_probs: float64[N, frames, 7, 36], as the reader gives them at the first look.
        texts: of the plates.
        widths: float64[N], `plate_width` of the crops.
        further: as `log_probs`, of all views together, which counts where the first look is not sure; None where
            there are no further views.
    """

    log_probs: NDArray[np.float64]
    texts: tuple[str, ...]
    widths: NDArray[np.float64]
    further: NDArray[np.float64] | None = None

    def __getitem__(self, chosen: NDArray[np.bool_]) -> Tracks:
        """Some of the plates."""
        texts = tuple(text for text, kept in zip(self.texts, chosen, strict=True) if kept)
        further = None if self.further is None else self.further[chosen]
        return Tracks(self.log_probs[chosen], texts, self.widths[chosen], further)

    @property
    def narrow(self) -> NDArray[np.bool_]:
        """bool[N]: the plates whose crops go through the generator first."""
        return self.widths < DIRECT_WIDTH

    def read(self, frames: int, calibration: Calibration) -> NDArray[np.float64]:
        """float64[N, frames, 7, 36]: what the runtime makes of the first frames, each on its own."""
        temperatures = calibration.temperatures(self.widths)[:, None]
        first = self.log_probs[:, :frames] / temperatures
        if self.further is None:
            return first
        unsure = confidences(first.reshape(-1, *first.shape[2:])).reshape(first.shape[:2]) < SURE
        again = self.further[:, :frames] / (temperatures * calibration.views)
        return np.where(unsure[..., None, None], again, first)

    def fused(self, frames: int, calibration: Calibration) -> NDArray[np.float64]:
        """float64[N, 7, 36]: what a track of the first frames is decoded from."""
        return self.read(frames, calibration).sum(axis=1) / frames**calibration.power


def read_tracks(models: Path, name: str, plates: int, seed: int, report: Report = silent) -> Tracks:
    """What generator and reader make of rendered plates, filmed by surveillance cameras, covered or cut now and then.

    What shows nothing of its plate is left out, as it is from training.

    Raises:
        LpsrError: a graph is missing or cannot be run.
    """
    generate = GraphSession(models / graph_name(name, "generator"), "generator")
    read = GraphSession(models / graph_name(name, "reader"), "reader")
    source = ShotSource(absent=0.0)
    found: list[NDArray[np.float32]] = []
    further: list[NDArray[np.float64]] = []
    texts: list[str] = []
    widths: list[float] = []
    every = (shot for group in itertools.count() for shot in render_shots(source, seed, group, frames=FRAMES))
    for shot in itertools.islice((shot for shot in every if legibility(shot) >= HOPELESS), plates):
        report(f"reading plate {len(texts) + 1} of {plates}", len(texts) / plates)
        first = first_view("auto", shot.crop)
        looks = [_look(shot.frames, view, generate, read) for view in (first, *further_views("auto", first))]
        found.append(looks[0])
        further.append(together(np.stack(looks)))
        texts.append(shot.text)
        widths.append(plate_width(shot.crop))
    return Tracks(np.array(found, np.float64), tuple(texts), np.array(widths), np.array(further))


def _look(frames: Sequence[Image], view: View, generate: GraphSession, read: GraphSession) -> NDArray[np.float32]:
    """float32[N, 7, 36]: what is read of N frames in one view."""
    inputs = to_tensor([view.of(frame, read.direct) for frame in frames])
    return read(generate(inputs) if view.super_resolved else inputs)


def fit(tracks: Tracks) -> Calibration:
    """The calibration under which the true texts are likeliest."""
    narrow, first = tracks.narrow, replace(tracks, further=None)
    wide = 1.0 if narrow.all() else _least(lambda value: _of_one(first[~narrow], Calibration(value)), 0.3, 4.0)
    factor = views = 1.0
    if narrow.any():
        factor = _least(lambda value: _of_one(first[narrow], Calibration(wide, narrow=value)), 0.3, 4.0)
    if tracks.further is not None:
        views = _least(lambda value: _of_one(tracks, Calibration(wide, narrow=factor, views=value)), 0.3, 4.0)

    def power(value: float) -> float:
        made = Calibration(wide, value, factor, views)
        return sum(_surprise(tracks.fused(frames, made), tracks.texts) for frames in (3, FRAMES))

    return Calibration(wide, _least(power, 0.0, 1.0), factor, views)


def _of_one(tracks: Tracks, calibration: Calibration) -> float:
    return _surprise(tracks.fused(1, calibration), tracks.texts)


def _least(function: Callable[[float], float], low: float, high: float) -> float:
    """Where a function is least."""
    return round(float(minimize_scalar(function, bounds=(low, high), method="bounded", options={"xatol": 0.01}).x), 3)


def reliability(log_probs: NDArray[np.float64], texts: tuple[str, ...]) -> Reliability:
    """How far the confidences of N readings, float64[N, 7, 36], are from the shares that are right."""
    readings = [decode(row) for row in log_probs]
    right = [reading.text == text for reading, text in zip(readings, texts, strict=True)]
    return Reliability.of([reading.confidence for reading in readings], right)


def calibrate(
    models: Path, name: str, plates: int, report: Report = silent
) -> tuple[Calibration, dict[int, tuple[Reliability, Reliability]]]:
    """Fits a released reader's calibration and writes it into its card.

    Args:
        models: folder of the graphs.
        name: of the models.
        plates: rendered ones to fit on, and as many others to measure on.
        report: takes how far it is.

    Returns:
        The calibration, and by frames of a track the reliability without and with it.

    Raises:
        UsageError: there is no such reader.
        LpsrError: a graph cannot be run.
    """
    path = models / graph_name(name, "reader")
    if not path.is_file():
        raise UsageError(f"{path}: no released reader here")
    card = load_verified(path)
    to_fit, to_measure = parts(report, 2)
    calibration = fit(read_tracks(models, name, plates, FIT_SEED, to_fit))
    unseen = read_tracks(models, name, plates, TEST_SEED, to_measure)
    found = {
        frames: tuple(reliability(unseen.fused(frames, made), unseen.texts) for made in (Calibration(), calibration))
        for frames in (1, 3, FRAMES)
    }
    measured = {
        f"{frames} frames": {
            "plates": plates,
            "ece_percent_before": round(100 * before.error, 2),
            "ece_percent": round(100 * after.error, 2),
        }
        for frames, (before, after) in found.items()
    }
    replace(card, calibration=calibration, metrics={**card.metrics, "calibration": measured}).save(models)
    return calibration, found  # type: ignore[return-value]


def _surprise(log_probs: NDArray[np.float64], texts: tuple[str, ...]) -> float:
    """Mean negative log-likelihood of the true texts among those that the layouts allow."""
    rows = np.arange(log_probs.shape[1])
    total = 0.0
    for row, text in zip(log_softmax(log_probs).astype(np.float64), texts, strict=True):
        total += log_mass(row) - row[rows, encode(text)].sum()
    return total / len(texts)
