"""Reads by HTTP."""

from __future__ import annotations

import base64
import http.client
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Mapping
from email.utils import parsedate_to_datetime
from urllib.parse import unquote, urlsplit, urlunsplit

from lpsr_core.errors import UsageError
from lpsr_run.redact import redact_address
from lpsr_run.sinks.deadline import Deadline, Watched
from lpsr_run.sinks.spool import NotTakenError, ReadRefusedError, Send
from lpsr_run.sources.web import StayHere

_TIMEOUT, _LONGEST = 10.0, 30.0
"""Seconds for one step of a request, and for all of it: a server may send a byte now and then."""
_ALWAYS = {"Content-Type": "application/json", "User-Agent": "lpsr-run"}
_AGAIN = frozenset({401, 403, 404, 408, 425, 429})
"""Client errors that pass, some when somebody mends a token or an address; others mean that this read will never be
taken."""
_LONGEST_WAIT = 3600.0
"""Seconds that a server may ask for."""


def poster(
    url: str | Callable[[], str], headers: Mapping[str, Callable[[], str]] | None = None, limit: float | None = None
) -> Send:
    """Posts reads as JSON; `Idempotency-Key` names each, so that a receiver can drop repetitions.

    Args:
        url: http or https; a user and a password in it are sent as basic authentication. What gives it is asked for
            every read, as a password may change.
        headers: what gives further ones, likewise.
        limit: seconds that a request may take altogether.

    Raises:
        UsageError: the URL is none.
    """
    give = url if callable(url) else lambda: url
    _target(give())

    def post(body: bytes, key: str) -> None:
        try:
            address, authorization = _target(give())
            given = {name: value() for name, value in (headers or {}).items()}
        except UsageError as error:  # whoever changes a file may be in the middle of it
            raise NotTakenError(str(error)) from None
        sent = {**_ALWAYS, **authorization, **given, "Idempotency-Key": key}
        request = urllib.request.Request(address, body, sent, method="POST")
        deadline = Deadline(_LONGEST if limit is None else limit)
        # A redirected POST would become a GET without the read, whose answer says nothing.
        opener = urllib.request.build_opener(StayHere, Watched(deadline))
        try:
            with deadline, opener.open(request, timeout=_TIMEOUT):
                pass
        except urllib.error.HTTPError as error:
            wait = _seconds(error.headers.get("Retry-After"))
            error.close()
            if 400 <= error.code < 500 and error.code not in _AGAIN:
                raise ReadRefusedError(f"was refused with status {error.code}") from None
            moved = ", which sends elsewhere; give that address" if 300 <= error.code < 400 else ""
            raise NotTakenError(f"status {error.code}{moved}", answered=True, wait=wait) from None
        except (OSError, http.client.HTTPException, ValueError) as error:
            if deadline.passed:
                raise NotTakenError(f"took longer than {deadline.seconds:g} s to answer") from None
            raise NotTakenError(f"cannot be reached: {getattr(error, 'reason', error)}") from None

    return post


def _target(url: str) -> tuple[str, dict[str, str]]:
    """The address that is asked, and the authorization that the URL holds."""
    try:
        parts = urlsplit(url)
        host, port = parts.hostname, parts.port
    except ValueError:
        host, port = None, None
    if not host or parts.scheme.lower() not in ("http", "https") or any(character.isspace() for character in url):
        raise UsageError(f"--webhook takes an http:// or https:// address, not {redact_address(url)!r}")
    if not parts.username:
        return url, {}
    pair = f"{unquote(parts.username)}:{unquote(parts.password or '')}"
    name = f"[{host}]" if ":" in host else host
    address = urlunsplit(parts._replace(netloc=name if port is None else f"{name}:{port}"))
    return address, {"Authorization": "Basic " + base64.b64encode(pair.encode()).decode()}


def _seconds(told: str | None) -> float:
    """What `Retry-After` asks for: seconds, or a date; 0 where it says nothing."""
    if told is None:
        return 0.0
    try:
        seconds = float(told) if told.strip().isdigit() else parsedate_to_datetime(told).timestamp() - time.time()
    except (ValueError, TypeError, OverflowError):
        return 0.0
    return min(max(seconds, 0.0), _LONGEST_WAIT)
