"""API keys, and the sessions of browsers that logged in with one."""

from __future__ import annotations

import hashlib
import hmac
import os
import secrets
import time
from collections.abc import Iterable
from pathlib import Path

from lpsr_core.errors import LpsrError, UsageError

ENVIRONMENT = "LPSR_API_KEYS"
SESSION_SECONDS = 12 * 3600
_SHORTEST = 16
_SESSION = b"lpsr-serve session "


class ApiKeys:
    """The keys that the server accepts. Only their SHA-256 digests are kept, and they are compared in constant time.

    Args:
        keys: at least one.

    Raises:
        UsageError: none, or one that is too short or has characters that no header can hold.
    """

    def __init__(self, keys: Iterable[str]) -> None:
        words = list(dict.fromkeys(keys))
        if not words:
            raise UsageError(f"no API key: give --api-key-file FILE, or set {ENVIRONMENT}")
        for number, word in enumerate(words, start=1):
            if len(word) < _SHORTEST or not word.isascii() or not word.isprintable() or " " in word:
                raise UsageError(f"API key {number} is not one of {_SHORTEST} or more printable ASCII characters")
        self._digests = tuple(hashlib.sha256(word.encode()).digest() for word in words)

    def holder(self, key: str) -> str | None:
        """Return a name for the holder of a key, the same for the same key and safe to log; None for a wrong key.

        Every known key is compared, whichever of them fits.
        """
        digest = hashlib.sha256(key.encode(errors="surrogateescape")).digest()
        found = None
        for known in self._digests:
            if hmac.compare_digest(known, digest):
                found = _name(known)
        return found

    def session(self, key: str, now: float | None = None) -> str | None:
        """Return the cookie of a browser that logged in with a key; None for a wrong key.

        The cookie is `EXPIRES.HMAC` under the key's digest: it outlives a restart and ends with its key.
        """
        holder = self.holder(key)
        if holder is None:
            return None
        expires = str(int((time.time() if now is None else now) + SESSION_SECONDS))
        digest = next(known for known in self._digests if _name(known) == holder)
        return f"{expires}.{_signature(digest, expires)}"

    def session_holder(self, cookie: str, now: float | None = None) -> str | None:
        """Return the holder of the key that a cookie was made with; None for one that is wrong or has expired."""
        expires, _, signature = cookie.partition(".")
        found = None
        for known in self._digests:
            if hmac.compare_digest(_signature(known, expires).encode(), signature.encode(errors="surrogateescape")):
                found = _name(known)
        if found is None or int(expires) < (time.time() if now is None else now):
            return None
        return found


def load_keys(path: Path | None, environment: str | None) -> ApiKeys:
    """Return the keys of a file, one a line with `#` beginning a comment, and of `LPSR_API_KEYS`, by commas.

    Raises:
        UsageError: there are none, or the file cannot be read.
    """
    words = [word.strip() for word in (environment or "").split(",") if word.strip()]
    if path is not None:
        try:
            lines = path.read_text(encoding="utf-8-sig").splitlines()
        except (OSError, ValueError) as error:
            why = error.strerror if isinstance(error, OSError) else error
            raise UsageError(f"--api-key-file {path}: cannot be read: {why}") from None
        words += [word for line in lines if (word := line.partition("#")[0].strip())]
    return ApiKeys(words)


def make_key_file(path: Path) -> None:
    """Make a key file with one new key that its owner alone can read.

    Raises:
        LpsrError: it cannot be written.
    """
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(handle, "w", encoding="ascii") as stream:
            stream.write(secrets.token_urlsafe(32) + "\n")
    except OSError as error:
        raise LpsrError(f"--api-key-file {path}: cannot be made: {error.strerror or error}") from None


def _name(digest: bytes) -> str:
    """Of a digest's digest: the first digits of the digest itself would say something about the key."""
    return hashlib.sha256(digest).hexdigest()[:8]


def _signature(digest: bytes, expires: str) -> str:
    return hmac.new(digest, _SESSION + expires.encode(errors="surrogateescape"), hashlib.sha256).hexdigest()
