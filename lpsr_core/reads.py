"""What the runtime tells about one plate: the line of reads.jsonl."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any, Literal

from lpsr_core.decode import Alternative, Candidate
from lpsr_core.geometry import Box

Event = Literal["first", "update", "final"]
"""When a read is told: as soon as it is sure, while its plate is still seen; improved; when its track is over."""


def read_key(run: str, number: int) -> str:
    """Return the name of a read, `RUN-00000042`."""
    return f"{run}-{number:08d}"


Way = Literal["exact", "fuzzy", "likelihood"]
"""How a read hits an entry of a watch list: it is that text, is few edits from it, or is likely enough that text."""


@dataclass(frozen=True)
class Hit:
    """A plate of a watch list that a read is, or may be.

    Attributes:
        list: name of the watch list.
        text: the plate that is looked for.
        way: how the read hits it.
        edits: how far the read's text is from it; a character that is easily taken for the other counts half.
        probability: that the read's plate has that text, among all texts of the layouts, 0..1.
        note: of the entry.
    """

    list: str
    text: str
    way: Way
    edits: float
    probability: float
    note: str = ""

    def as_dict(self) -> dict[str, Any]:
        """Return the hit as JSON holds it."""
        return {**vars(self), "probability": float(f"{self.probability:.3g}")}


@dataclass(frozen=True)
class Read:
    """A plate that was read, from one frame or fused over a track.

    Attributes:
        source: the file, folder entry, URL (without credentials) or camera that it comes from.
        frame: number of the frame that the pictures show, from 0; 0 for a single image.
        milliseconds: that frame's time from the start of its source; 0 for a single image.
        box: the plate in that frame, in pixels.
        text: seven characters.
        layout: name of the layout.
        confidence: probability of the text, 0..1.
        characters: for each position its likeliest characters with probabilities, best first.
        frames: how many frames were fused.
        agreeing: how many of those frames read this very text when taken alone.
        super_resolved: whether the named frame was read through the generator, alone or beside direct views.
        lr_image: path of the picture that was cut from the named frame, or None when pictures are off.
        sr_image: path of the generator's picture of it, or None when it was read directly alone.
        track: number of the track within its source; reads of one plate share it.
        alternatives: the likeliest texts, best first; the first is `text`.
        time: when a live source gave the named frame, ISO 8601 in UTC; None for recordings.
        certain: the text with `?` in place of each character that is not certain.
        plate: how surely a plate was seen at all, 0..1 (see `decode.plate_score`).
        event: `final` once the track is over; a live source tells plates that are still seen as `first`, and as
            `update` when their read has improved. All reads of a track share its number.
        run: identifier of the run, a ULID.
        number: of the read within its run, from 1; with `run` it names the read for ever.
        zone: name of the part of the camera's picture that the plate is in; None without such parts.
        hit: the plate of a watch list that it is, or may be; None where it hits none.
        log_probs: log-probabilities of all characters, packed (see `lpsr_core.compact`); empty where they are not told.
    """

    source: str
    frame: int
    milliseconds: float
    box: Box
    text: str
    layout: str
    confidence: float
    characters: tuple[tuple[Candidate, ...], ...]
    frames: int
    agreeing: int
    super_resolved: bool
    lr_image: str | None
    sr_image: str | None
    track: int
    alternatives: tuple[Alternative, ...] = ()
    time: str | None = None
    certain: str = ""
    plate: float = 1.0
    event: Event = "final"
    run: str = ""
    number: int = 0
    zone: str | None = None
    hit: Hit | None = None
    log_probs: str = ""

    def as_dict(self) -> dict[str, Any]:
        """Return the read as JSON holds it; numbers rounded to what they can mean."""
        return {
            "source": self.source,
            "zone": self.zone,
            "frame": self.frame,
            "milliseconds": round(self.milliseconds, 1),
            "box": {name: round(getattr(self.box, name), 1) for name in ("x", "y", "width", "height")},
            "text": self.text,
            "certain": self.certain,
            "layout": self.layout,
            "confidence": round(self.confidence, 4),
            "plate": round(self.plate, 4),
            "characters": [
                [{"character": c.character, "probability": round(c.probability, 4)} for c in position]
                for position in self.characters
            ],
            "frames": self.frames,
            "agreeing": self.agreeing,
            "super_resolved": self.super_resolved,
            "lr_image": self.lr_image,
            "sr_image": self.sr_image,
            "track": self.track,
            "alternatives": [{"text": a.text, "probability": round(a.probability, 4)} for a in self.alternatives],
            "time": self.time,
            "event": self.event,
            "run": self.run,
            "number": self.number,
            "hit": None if self.hit is None else self.hit.as_dict(),
            "log_probs": self.log_probs,
        }

    @property
    def key(self) -> str:
        """Its name, `RUN-00000042`: no other read has it, and keys of a run sort as its reads came."""
        return read_key(self.run, self.number)

    def to_json(self) -> str:
        """Return one line of JSON, without the newline."""
        return json.dumps(self.as_dict(), ensure_ascii=False)
