"""What was read of one plate."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime, timezone

from lpsr_core.decode import Alternative, Candidate
from lpsr_core.geometry import Image
from lpsr_core.reads import Event
from lpsr_run.pipeline.stream import PlateEvent

Point = tuple[float, float]


@dataclass(frozen=True)
class Plate:
    """A plate that was read.

    Two plates are equal when all but their pictures are.

    Attributes:
        text: seven characters.
        certain: the text with `?` in place of each character whose probability is below the reader's `certain`.
        confidence: calibrated probability of the whole text among all texts of the layouts, 0..1.
        plate_score: how surely the picture shows a plate of the layouts at all, 0..1.
        layout: name of the layout that the text follows, such as `mercosur`.
        probabilities: of each of the seven characters of `text`, 0..1.
        characters: for each of the seven positions its three likeliest characters with their probabilities under that
            layout, best first.
        alternatives: up to five texts with their probabilities, best first; the first is `text`.
        corners: of the plate in the picture, ((x, y), ...) in pixels: top left, top right, bottom right, bottom left.
            None for crops, which are plates already.
        lr_image: the plate as it was cut from the picture, uint8[h, w, 3], RGB.
        sr_image: the generator's picture of it, uint8[32, 96, 3], RGB; None where the plate was large enough to be read
            directly alone.
        source: file, address (without credentials) or camera; `image` or `image 3` for pictures without a path.
        frame: number of the frame that the pictures and corners belong to, from 0; of crops, the position in the list.
        frames: how many frames or crops were fused.
        agreeing: how many of them read this very text when taken alone.
        track: number of the track within its source, from 0; None outside streams.
        first, last: times of the first and the last frame of the track, in milliseconds from the start of the source;
            None outside streams.
        time: when a live source gave the named frame, in UTC; None for everything else.
        event: `final` once the plate is gone. A live source also tells plates that are still seen: `first` as soon as
            they are sure, `update` when their read has improved; all share the number of the track.
    """

    text: str
    certain: str
    confidence: float
    plate_score: float
    layout: str
    probabilities: tuple[float, ...]
    characters: tuple[tuple[Candidate, ...], ...] = field(repr=False)
    alternatives: tuple[Alternative, ...] = field(repr=False)
    corners: tuple[Point, Point, Point, Point] | None
    lr_image: Image = field(repr=False, compare=False)
    sr_image: Image | None = field(repr=False, compare=False)
    source: str
    frame: int
    frames: int = 1
    agreeing: int = 1
    track: int | None = None
    first: float | None = None
    last: float | None = None
    time: datetime | None = None
    event: Event = "final"


def plate_of(event: PlateEvent, certain: float, located: bool, followed: bool) -> Plate:
    """Return what the runtime read in the form of the Python interface.

    Args:
        event: a read.
        certain: probability below which a character is `?` in the certain text, 0..1.
        located: whether the plate was found in a larger picture.
        followed: whether the picture belongs to a stream.
    """
    read = event.read
    best, reading = read.best, read.reading
    return Plate(
        text=reading.text,
        certain=reading.certain(certain),
        confidence=reading.confidence,
        plate_score=read.plate,
        layout=reading.layout.name,
        probabilities=reading.probabilities,
        characters=reading.characters,
        alternatives=read.alternatives,
        corners=best.quad.corners if located else None,
        lr_image=best.crop,
        sr_image=best.sr,
        source=event.source,
        frame=best.frame,
        frames=read.frames,
        agreeing=read.agreeing,
        track=read.track if followed else None,
        first=read.first if followed else None,
        last=read.last if followed else None,
        time=None if best.taken is None else datetime.fromtimestamp(best.taken, timezone.utc),
        event=event.event,
    )
