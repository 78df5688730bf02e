"""What the page shows of reads and sources."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from lpsr_serve.api.reads import told
from lpsr_serve.server import Server
from lpsr_serve.store.reads import StoredRead

_SHOWN = 3
"""Alternatives beside the text itself."""


@dataclass(frozen=True)
class ReadView:
    """A read as the page shows it.

    Attributes:
        id: its name.
        row: its number within the store.
        text: seven characters, or the digest that stands for them.
        certain: the text with `?` for each character that is not certain.
        sure: of each character of `text`, whether it is certain.
        percent: confidence in percent.
        confidence: 0..1.
        layout: name of the layout.
        source: camera or video.
        stored: ISO 8601, for the browser to show in its own time zone.
        frames: of the track.
        event: see `lpsr_core.reads.Read`.
        alternatives: texts with percent.
        lr, sr, frame: addresses of pictures, or None.
        hit: of a watch list, or None.
        zone: of the camera's picture, or None.
    """

    id: str
    row: int
    text: str
    certain: str
    sure: tuple[tuple[str, bool], ...]
    percent: str
    confidence: float
    layout: str
    source: str
    stored: str
    frames: int
    event: str
    alternatives: tuple[tuple[str, str], ...]
    lr: str | None
    sr: str | None
    frame: str | None
    hit: dict[str, Any] | None
    zone: str | None


def view(server: Server, stored: StoredRead) -> ReadView:
    """Return a stored read as the page shows it."""
    answer = told(server, stored)
    fields, pictures = answer["read"], answer["pictures"]
    text, certain = fields["text"], fields.get("certain") or fields["text"]
    same = len(certain) == len(text)
    return ReadView(
        answer["id"],
        stored.row,
        text,
        certain,
        tuple((one, not same or certain[index] == one) for index, one in enumerate(text)),
        percent(fields["confidence"]),
        fields["confidence"],
        fields["layout"],
        fields["source"],
        answer["stored"],
        fields["frames"],
        fields.get("event") or "final",
        tuple(
            (one["text"], percent(one["probability"]))
            for one in fields.get("alternatives", ())[1 : 1 + _SHOWN]
            if one["probability"] >= 0.001
        ),
        pictures["lr"],
        pictures["sr"],
        pictures["frame"],
        fields.get("hit"),
        fields.get("zone"),
    )


def views(server: Server, found: Sequence[StoredRead]) -> list[ReadView]:
    """Return stored reads as the page shows them."""
    return [view(server, one) for one in found]


def percent(probability: float) -> str:
    """Return a probability in percent; what is not certain is never called 100."""
    value = 100 * probability
    if value >= 99.95:
        return "> 99.9 %"
    return f"{value:.1f} %" if value < 10 or value >= 99 else f"{value:.0f} %"
