"""What a peer is."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from lpsr_core.geometry import Image


@dataclass(frozen=True)
class Peer:
    """Something that reads plates, or super-resolves them.

    Attributes:
        name: for the table.
        what: what its time covers, e.g. `crop to string`.
        read: texts of LR pictures, uint8[16, 48, 3] each, one picture in a forward pass; or None where it only makes
            pictures.
    """

    name: str
    what: str
    read: Callable[[Sequence[Image]], list[str] | None]
