"""Reads by HTTP."""

from __future__ import annotations

import base64
import http.client
import time
import urllib.error
import urllib.request
from email.utils import parsedate_to_datetime
from urllib.parse import unquote, urlsplit, urlunsplit

from lpsr_core.errors import UsageError
from lpsr_run.redact import redact
from lpsr_run.sinks.spool import NotTakenError, RefusedError, Send

_TIMEOUT = 10.0
_AGAIN = frozenset({401, 403, 404, 408, 425, 429})
"""Client errors that pass, some when somebody mends a token or an address; others mean that this read will never be
taken."""
_LONGEST_WAIT = 3600.0
"""Seconds that a server may ask for."""


class _NoRedirect(urllib.request.HTTPRedirectHandler):
    """A redirected POST would become a GET without the read, whose answer says nothing."""

    def redirect_request(self, *_: object) -> None:
        return None


def poster(url: str) -> Send:
    """Posts reads as JSON; `Idempotency-Key` names each, so that a receiver can drop repetitions.

    Args:
        url: http or https; a user and a password in it are sent as basic authentication.

    Raises:
        UsageError: the URL is none.
    """
    try:
        parts = urlsplit(url)
        host, port = parts.hostname, parts.port
    except ValueError:
        host, port = None, None
    if not host or parts.scheme.lower() not in ("http", "https") or any(character.isspace() for character in url):
        raise UsageError(f"--webhook takes an http:// or https:// address, not {redact(url)!r}")
    always = {"Content-Type": "application/json", "User-Agent": "lpsr-run"}
    if parts.username:
        pair = f"{unquote(parts.username)}:{unquote(parts.password or '')}"
        always["Authorization"] = "Basic " + base64.b64encode(pair.encode()).decode()
        name = f"[{host}]" if ":" in host else host
        url = urlunsplit(parts._replace(netloc=name if port is None else f"{name}:{port}"))
    opener = urllib.request.build_opener(_NoRedirect)

    def post(body: bytes, key: str) -> None:
        request = urllib.request.Request(url, body, {**always, "Idempotency-Key": key}, method="POST")
        try:
            with opener.open(request, timeout=_TIMEOUT):
                pass
        except urllib.error.HTTPError as error:
            wait = _seconds(error.headers.get("Retry-After"))
            error.close()
            if 400 <= error.code < 500 and error.code not in _AGAIN:
                raise RefusedError(f"was refused with status {error.code}") from None
            moved = ", which sends elsewhere; give that address" if 300 <= error.code < 400 else ""
            raise NotTakenError(f"status {error.code}{moved}", answered=True, wait=wait) from None
        except (OSError, http.client.HTTPException, ValueError) as error:
            raise NotTakenError(f"cannot be reached: {getattr(error, 'reason', error)}") from None

    return post


def _seconds(told: str | None) -> float:
    """What `Retry-After` asks for: seconds, or a date; 0 where it says nothing."""
    if told is None:
        return 0.0
    try:
        seconds = float(told) if told.strip().isdigit() else parsedate_to_datetime(told).timestamp() - time.time()
    except (ValueError, TypeError, OverflowError):
        return 0.0
    return min(max(seconds, 0.0), _LONGEST_WAIT)
