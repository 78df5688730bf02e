"""What the page shows of reads and sources."""

from __future__ import annotations

from typing import Any

from lpsr_serve.api.reads import told
from lpsr_serve.server import Server
from lpsr_serve.store.reads import StoredRead

_SHOWN = 3
"""Alternatives beside the text itself."""


def view(server: Server, stored: StoredRead) -> dict[str, Any]:
    """Return a stored read as the page shows it."""
    answer = told(server, stored)
    fields = answer["read"]
    text, certain = fields["text"], fields.get("certain") or fields["text"]
    same = len(certain) == len(text)  # a hidden text is a digest
    return {
        "id": answer["id"],
        "row": stored.row,
        "text": text,
        "sure": [(one, not same or certain[index] == one) for index, one in enumerate(text)],
        "percent": percent(fields["confidence"]),
        "confidence": fields["confidence"],
        "layout": fields["layout"],
        "source": fields["source"],
        "stored": answer["stored"],  # for the browser to show in its own time zone
        "frames": fields["frames"],
        "event": fields.get("event") or "final",
        "alternatives": [
            (one["text"], percent(one["probability"]))
            for one in fields.get("alternatives", ())[1 : 1 + _SHOWN]
            if one["probability"] >= 0.001
        ],
        **answer["pictures"],
        "hit": fields.get("hit"),
        "zone": fields.get("zone"),
    }


def percent(probability: float) -> str:
    """Return a probability in percent; what is not certain is never called 100."""
    value = 100 * probability
    if value >= 99.95:
        return "> 99.9 %"
    return f"{value:.1f} %" if value < 10 or value >= 99 else f"{value:.0f} %"
