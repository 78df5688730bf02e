"""Plates that nobody looks for are nobody's business: their texts can be replaced by a keyed digest."""

from __future__ import annotations

import hashlib
import hmac
import os
from dataclasses import dataclass
from pathlib import Path

from lpsr_core.errors import LpsrError
from lpsr_run.alerts.entries import load_entries

_DIGITS = 16


@dataclass(frozen=True)
class WatchList:
    """Texts that are looked for; every other is told as `#` and a digest, the same for the same plate.

    Attributes:
        texts: upper case, without spaces and hyphens.
        key: of the digest. Without it nobody can try all plates to find the one behind a digest.
    """

    texts: frozenset[str]
    key: bytes

    def shown(self, text: str) -> str:
        """The text itself, or its digest."""
        if text in self.texts:
            return text
        return "#" + hmac.new(self.key, text.encode(), hashlib.sha256).hexdigest()[:_DIGITS]


def load_watch_list(path: Path, key_file: Path) -> WatchList:
    """Reads a watch list (see `load_entries`), and the key beside it; a missing key is made.

    Raises:
        UsageError: the list cannot be read or holds nothing.
        LpsrError: the key cannot be made or read.
    """
    texts = frozenset(entry.text for entry in load_entries(path))
    try:
        if not key_file.exists():
            handle = os.open(key_file, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
            with os.fdopen(handle, "wb") as stream:
                stream.write(os.urandom(32))
        key = key_file.read_bytes()
    except OSError as error:
        raise LpsrError(f"{key_file}: the key of the digests cannot be kept: {error.strerror or error}") from None
    if len(key) < 16:
        raise LpsrError(f"{key_file}: too short for a key; delete it, and a new one is made")
    return WatchList(texts, key)
