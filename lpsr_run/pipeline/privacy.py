"""Plates that nobody looks for are nobody's business: their texts can be replaced by a keyed digest."""

from __future__ import annotations

import hashlib
import hmac
import os
from dataclasses import dataclass
from pathlib import Path

from lpsr_core.alphabet import ALPHABET, PLATE_LENGTH
from lpsr_core.errors import LpsrError, UsageError

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

    def holds(self, text: str) -> bool:
        """Whether it is looked for."""
        return text in self.texts


def load_watch_list(path: Path, key_file: Path) -> WatchList:
    """Reads a list of one text a line, `#` beginning a comment, and the key beside it; a missing key is made.

    Raises:
        UsageError: the list cannot be read or holds nothing.
        LpsrError: the key cannot be made or read.
    """
    try:
        lines = path.read_text(encoding="utf-8-sig").splitlines()
    except (OSError, ValueError) as error:
        raise UsageError(f"{path}: not a readable watch list: {error}") from None
    words = [line.split("#")[0].upper().replace(" ", "").replace("-", "") for line in lines]
    for number, word in enumerate(words, start=1):
        if word and (len(word) != PLATE_LENGTH or set(word) - set(ALPHABET)):
            raise UsageError(f"{path}, line {number}: {word!r} is not a plate of {PLATE_LENGTH} letters and digits")
    texts = frozenset(word for word in words if word)
    if not texts:
        raise UsageError(f"{path}: the watch list is empty; give one plate a line")
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
