"""What the runtime tells about one plate: the line of reads.jsonl."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass

from lpsr_core.decode import Alternative, Candidate
from lpsr_core.geometry import Box


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

    def to_json(self) -> str:
        """One line of JSON, without the newline; numbers rounded to what they can mean."""
        fields = asdict(self)
        fields["milliseconds"] = round(self.milliseconds, 1)
        fields["confidence"] = round(self.confidence, 4)
        fields["box"] = {name: round(value, 1) for name, value in fields["box"].items()}
        fields["characters"] = [
            [{"character": c.character, "probability": round(c.probability, 4)} for c in position]
            for position in self.characters
        ]
        fields["alternatives"] = [{"text": a.text, "probability": round(a.probability, 4)} for a in self.alternatives]
        return json.dumps(fields, ensure_ascii=False)
