"""Reads by HTTP."""

from __future__ import annotations

import http.client
import urllib.error
import urllib.request

from lpsr_core.errors import UsageError
from lpsr_run.redact import redact
from lpsr_run.sinks.spool import NotTakenError, RefusedError, Send

_TIMEOUT = 10.0
_AGAIN = frozenset({408, 425, 429})
"""Client errors that pass; others mean that this read will never be taken."""


def poster(url: str) -> Send:
    """Posts reads as JSON; `Idempotency-Key` names each, so that a receiver can drop repetitions.

    Args:
        url: http or https.

    Raises:
        UsageError: the URL is none.
    """
    if not url.lower().startswith(("http://", "https://")):
        raise UsageError(f"--webhook takes an http:// or https:// address, not {redact(url)!r}")

    def post(body: bytes, key: str) -> None:
        headers = {"Content-Type": "application/json", "Idempotency-Key": key, "User-Agent": "lpsr-run"}
        request = urllib.request.Request(url, body, headers, method="POST")
        try:
            with urllib.request.urlopen(request, timeout=_TIMEOUT):
                pass
        except urllib.error.HTTPError as error:
            error.close()
            if 400 <= error.code < 500 and error.code not in _AGAIN:
                raise RefusedError(f"was refused with status {error.code}") from None
            raise NotTakenError(f"status {error.code}") from None
        except (OSError, http.client.HTTPException, ValueError) as error:
            raise NotTakenError(f"cannot be reached: {getattr(error, 'reason', error)}") from None

    return post
