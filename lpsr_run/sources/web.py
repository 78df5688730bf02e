"""What a web server answers where FFmpeg cannot read it: redirects, and streams with text before their pictures."""

from __future__ import annotations

import ssl
from dataclasses import dataclass
from http.client import HTTPException
from time import monotonic
from typing import Any
from urllib import request
from urllib.error import HTTPError
from urllib.parse import SplitResult, unquote, urljoin, urlsplit

from lpsr_core.errors import LpsrError

SCHEMES = ("rtsp", "rtsps", "rtmp", "http", "https", "udp", "tcp", "srt")
"""Of the addresses that can be read."""
_WEB = ("http", "https")
_PORTS = {"http": 80, "https": 443, "rtsp": 554, "rtsps": 322, "rtmp": 1935}
_MOST = 8
"""Redirects that are followed, as FFmpeg does."""


@dataclass(frozen=True)
class Answer:
    """Where a web address leads.

    Attributes:
        address: at the end of the redirects; may be of any scheme that can be read.
        kind: media type of what a web server sends from there, such as `multipart/x-mixed-replace`; empty elsewhere.
    """

    address: str
    kind: str


class StayHere(request.HTTPRedirectHandler):
    """Leaves redirects to the caller."""

    def redirect_request(self, *_: Any) -> None:
        return None


def is_web(address: str) -> bool:
    """Whether an address is of a web server."""
    return address.lower().startswith(tuple(f"{scheme}:" for scheme in _WEB))


def ask(address: str, seconds: float) -> Answer | None:
    """Ask a web server for the headers of its answer, and those that it redirects to.

    Args:
        address: of HTTP or HTTPS, with user and password where they are needed.
        seconds: to wait at most.

    Returns:
        What was answered; None where nothing was.

    Raises:
        LpsrError: the redirects have no end, or lead to what cannot be read. A clause that does not name the address.
    """
    until = monotonic() + seconds
    try:
        for _ in range(_MOST + 1):
            scheme = urlsplit(address).scheme
            if scheme not in SCHEMES:
                raise LpsrError(f"it redirects to {scheme[:20]}://, which cannot be read; known: {', '.join(SCHEMES)}")
            if scheme not in _WEB:
                return Answer(address, "")
            with _reply(address, until - monotonic()) as reply:
                location = reply.headers.get("Location") if 300 <= reply.status < 400 else None
                if location is None:
                    return Answer(address, reply.headers.get_content_type())
            address = _redirected(address, location)
    except (OSError, HTTPException, ValueError):
        return None
    raise LpsrError("it redirects in a circle; check the path")


def _reply(address: str, seconds: float) -> Any:
    parts = urlsplit(address)
    bare = parts._replace(netloc=parts.netloc.rpartition("@")[2], fragment="").geturl()
    passwords = request.HTTPPasswordMgrWithDefaultRealm()
    if parts.username is not None:
        passwords.add_password(None, bare, unquote(parts.username), unquote(parts.password or ""))
    unverified = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)  # as FFmpeg's, for cameras sign their certificates themselves
    unverified.check_hostname, unverified.verify_mode = False, ssl.CERT_NONE
    opener = request.build_opener(
        StayHere(),
        request.HTTPSHandler(context=unverified),
        request.HTTPBasicAuthHandler(passwords),
        request.HTTPDigestAuthHandler(passwords),
    )
    try:
        return opener.open(bare, timeout=max(seconds, 0.1))
    except HTTPError as error:  # of redirects too
        return error


def _redirected(address: str, location: str) -> str:
    """The address of a redirect, with user and password where they may go along."""
    before, after = urlsplit(address), urlsplit(urljoin(address, location))
    user = before.netloc.rpartition("@")[0]
    if user and not after.username and _may_go_along(before, after):
        after = after._replace(netloc=f"{user}@{after.netloc}")
    return after.geturl()


def _may_go_along(before: SplitResult, after: SplitResult) -> bool:
    """Whether user and password may: to the same host and port, or from HTTP to its HTTPS; never out of HTTPS."""
    if after.hostname != before.hostname:
        return False
    if after.scheme == "https":
        return before.scheme == "http" or _port(before) == _port(after)
    return before.scheme != "https" and _port(before) == _port(after)


def _port(parts: SplitResult) -> int | None:
    return parts.port or _PORTS.get(parts.scheme)
