"""Several crops of one plate read as one: which of them belong together, and what each contributes."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from rich.console import Console
from rich.table import Table

from lpsr_core.alphabet import PLATE_LENGTH, encode
from lpsr_core.decode import MIN_PLATE, Reading, decode, plate_score
from lpsr_core.layouts import DEFAULT_LAYOUTS, Layout
from lpsr_run.history import tempered
from lpsr_run.pipeline.association import TOLERANCE, TextEvidence
from lpsr_run.pipeline.crops import large_enough, whole_image
from lpsr_run.pipeline.plate_reader import PlateReader
from lpsr_run.pipeline.stream import PlateEvent
from lpsr_run.pipeline.track import FusedRead, Track
from lpsr_run.sources.base import Frame, Report
from lpsr_run.sources.merge import Item

CONTRIBUTIONS = "contributions.jsonl"
"""Beside `reads.jsonl`: a line for each crop of a fused read."""
DIFFERENT = "the crops show different plates, and no plate is shown by most of them; give crops of one plate"
"""Why nothing is fused although crops show plates."""
_ONE_OF_MANY = "shows a plate, and no plate is shown by most of the crops; left out"


@dataclass(frozen=True)
class Contribution:
    """What one crop says, and whether it was fused.

    Attributes:
        source: its file.
        frame: its position among the crops, from 0.
        width, height: in pixels.
        reading: of this crop alone.
        plate: how surely it shows a plate at all, 0..1 (see `decode.plate_score`).
        agreement: log-likelihood ratio in nats of one plate against two, beside the other crops; None for a single one.
        log_likelihood: mean over the characters of the fused text, in nats; None where nothing was fused.
        log_probs: float32[7, 36], calibrated.
        left_out: why it was not fused; None where it was.
    """

    source: str
    frame: int
    width: int
    height: int
    reading: Reading
    plate: float
    agreement: float | None
    log_likelihood: float | None
    log_probs: NDArray[np.float32]
    left_out: str | None = None

    def to_json(self) -> str:
        """One line of JSON, without the newline."""
        told: dict[str, Any] = {
            "source": self.source,
            "frame": self.frame,
            "width": self.width,
            "height": self.height,
            "text": self.reading.text,
            "confidence": round(self.reading.confidence, 4),
            "probabilities": [round(value, 4) for value in self.reading.probabilities],
            "plate": round(self.plate, 4),
            "agreement": None if self.agreement is None else round(self.agreement, 2),
            "log_likelihood": None if self.log_likelihood is None else round(self.log_likelihood, 4),
            "fused": self.left_out is None,
            "left_out": self.left_out,
        }
        return json.dumps(told, ensure_ascii=False)


@dataclass(frozen=True)
class Fused:
    """Several crops read as one plate.

    Attributes:
        event: the read, under the name of the crop that agrees best with it; None where no crop shows a plate, or no
            plate is shown by most of them.
        contributions: of every crop that was large enough, in order.
        log_probs: float64[7, 36], the fused log-probabilities that the read was decoded from; None without a read.
        different: whether nothing was fused because no plate is shown by most of the crops that show one.
    """

    event: PlateEvent | None
    contributions: tuple[Contribution, ...]
    log_probs: NDArray[np.float64] | None
    different: bool = False


def fuse(
    frames: Iterable[Item],
    reader: PlateReader,
    report: Report,
    layouts: Sequence[Layout] = DEFAULT_LAYOUTS,
    power: float = 0.5,
    min_plate: float = MIN_PLATE,
) -> Fused:
    """Read several crops of one plate together, as a track reads its frames.

    The log-probabilities of the crops are added, and the sum is divided by a power of their number. A crop that shows
    no plate, or another plate than most of the crops, is reported and left out. Where no plate is shown by more than
    half of the crops that show one, nothing is fused, and that is reported.

    Args:
        frames: the crops; they are all kept in memory. Their numbers become their positions.
        reader: reads them, with the calibration's temperature.
        report: takes the line about a crop that is left out, or about all of them.
        layouts: that the text may follow.
        power: of the number of crops (see `Calibration`).
        min_plate: plate score from which a crop shows a plate, 0..1.
    """
    numbered = (replace(frame, index=at) for at, frame in enumerate(f for f in frames if isinstance(f, Frame)))
    kept = list(large_enough(numbered, report))
    if not kept:
        return Fused(None, (), None)
    batch = reader.read([frame.image for frame in kept])
    with reader.clock.stage("decode"):
        left_out, different = _left_out(batch.log_probs, layouts, min_plate)
        chosen = [at for at, why in enumerate(left_out) if why is None]
        track = Track(0, layouts, power)
        for at in chosen:
            track.add(whole_image(kept[at], batch.log_probs[at], batch.sr[at]))
        read = track.read() if chosen else None
        total = batch.log_probs[chosen].astype(np.float64).sum(axis=0)
        contributions = _contributions(kept, batch.log_probs, layouts, left_out, read)
    for each in contributions:
        if each.left_out not in (None, _ONE_OF_MANY):
            report(f"{each.source}: {each.left_out}")
    if different:
        report(DIFFERENT)
    if read is None:
        return Fused(None, contributions, None, different)
    best = next(frame for frame in kept if frame.index == read.best.frame)
    event = PlateEvent(best.source, read, best.stream)
    return Fused(event, contributions, tempered(total, len(chosen), power))


def print_contributions(contributions: Sequence[Contribution], console: Console) -> None:
    """Print a line for each crop."""
    table = Table(box=None, header_style="bold", pad_edge=False)
    table.add_column("crop", overflow="fold")
    for heading in ("pixels", "text alone", "confidence", "plate", "agreement", "log P", "fused"):
        table.add_column(heading, justify="right")
    for each in contributions:
        table.add_row(
            Path(each.source).name,
            f"{each.width}x{each.height}",
            each.reading.text,
            f"{each.reading.confidence:.2f}",
            f"{each.plate:.2f}",
            "" if each.agreement is None else f"{each.agreement:+.1f}",
            "" if each.log_likelihood is None else f"{each.log_likelihood:.2f}",
            "yes" if each.left_out is None else "no",
        )
    console.print(table, markup=False)


def _left_out(
    log_probs: NDArray[np.float32], layouts: Sequence[Layout], min_plate: float
) -> tuple[list[str | None], bool]:
    """Why each crop is left out, None for those that belong together; and whether no plate is shown by most of them."""
    scores = [plate_score(each, layouts) for each in log_probs]
    why: list[str | None] = [
        None if score >= min_plate else f"shows no plate that can be read (score {score:.2f}); left out"
        for score in scores
    ]
    shown = [at for at, reason in enumerate(why) if reason is None]
    if len(shown) < 2:
        return why, False
    evidence = TextEvidence(layouts)
    group = _largest_group(evidence, evidence.characters(log_probs[shown]))
    if 2 * len(group) <= len(shown):
        return [reason or _ONE_OF_MANY for reason in why], True
    together = decode(log_probs[[shown[at] for at in sorted(group)]].astype(np.float64).sum(axis=0), layouts).text
    for at, place in enumerate(shown):
        if at not in group:
            text = decode(log_probs[place], layouts).text
            why[place] = f"shows another plate: {text}, the others {together}; left out"
    return why, False


def _largest_group(evidence: TextEvidence, characters: NDArray[np.float64]) -> set[int]:
    """Indices of the most crops that show one plate.

    A group begins with each crop, takes the others from the one that agrees most, and ends where none agrees any more;
    a crop may disagree as much as a frame of a track.
    """
    pairs = evidence.agreement(characters, characters)
    best: tuple[int, float, set[int]] = (0, 0.0, set())
    for start in range(len(characters)):
        group, total = {start}, characters[start]
        for at in sorted(set(range(len(characters))) - group, key=lambda other: (-pairs[start, other], other)):
            if float(evidence.agreement(total[None], characters[at][None])[0, 0]) >= -TOLERANCE:
                group.add(at)
                total = total + characters[at]
        inside = float(pairs[np.ix_(sorted(group), sorted(group))].sum())
        if (len(group), inside) > best[:2]:
            best = len(group), inside, group
        if len(group) == len(characters):
            break
    return best[2]


def _contributions(
    frames: Sequence[Frame],
    log_probs: NDArray[np.float32],
    layouts: Sequence[Layout],
    left_out: Sequence[str | None],
    read: FusedRead | None,
) -> tuple[Contribution, ...]:
    evidence = TextEvidence(layouts)
    characters = evidence.characters(log_probs)
    fused = [at for at, why in enumerate(left_out) if why is None]
    found = []
    for at, (frame, said, why) in enumerate(zip(frames, log_probs, left_out, strict=True)):
        others = [other for other in fused if other != at]
        agreement = likelihood = None
        if others:
            beside = characters[others].sum(axis=0)
            agreement = float(evidence.agreement(beside[None], characters[at][None])[0, 0])
        if read is not None:
            likelihood = float(said[np.arange(PLATE_LENGTH), encode(read.reading.text)].mean())
        height, width = frame.image.shape[:2]
        reading, plate = decode(said, layouts), plate_score(said, layouts)
        found.append(
            Contribution(frame.source, frame.index, width, height, reading, plate, agreement, likelihood, said, why)
        )
    return tuple(found)
