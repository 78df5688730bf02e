"""Why a stream cannot be opened, in words that say what to do."""

from __future__ import annotations

import errno
import socket
from urllib.parse import urlsplit

from lpsr_core.errors import LpsrError

_SAID = {
    errno.ECONNREFUSED: "the connection was refused; is the camera on, and is this its port?",
    errno.EHOSTUNREACH: "there is no way to this host; check the address and the network",
    errno.ENETUNREACH: "there is no way to this network; check the address and the network",
    errno.ECONNRESET: "it broke off the connection",
    errno.EPIPE: "it broke off the connection",
}
_STATUSES = {
    "HTTPBadRequestError": "it does not understand the request (400); check the path",
    "HTTPUnauthorizedError": "it does not take this user and password (401)",
    "HTTPForbiddenError": "it does not take this user and password (403)",
    "HTTPNotFoundError": "there is nothing under this path (404)",
    "HTTPOtherClientError": "it refuses the request (4xx); check the path and the password",
    "HTTPServerError": "it has a fault of its own (5xx)",
}
_REFUSALS = ("HTTPUnauthorizedError", "HTTPForbiddenError")


class RefusedError(LpsrError):
    """A server does not take the user and password; cameras lock the account after a few attempts."""


def refused(error: BaseException) -> bool:
    """Return whether an error of PyAV says that user and password are not taken."""
    return type(error).__name__ in _REFUSALS


def reason(address: str, error: BaseException, seconds: float) -> str:
    """One clause about why a stream cannot be opened or read, without the address, which may hold a password.

    Args:
        address: the URL.
        error: what PyAV raised.
        seconds: for which an answer was waited for.
    """
    for kind in type(error).__mro__:
        if kind.__name__ in _STATUSES:
            return _STATUSES[kind.__name__]
        if kind.__name__ in ("ExitError", "TimeoutError"):
            return f"no answer within {seconds:g} s"
    number = getattr(error, "errno", None)
    if number in _SAID:
        return _SAID[number]
    if number == errno.EIO and not _resolves(address):
        return "its name cannot be resolved; check the name and the network"
    if type(error).__name__ == "InvalidDataError":
        return "what it sends is no video"
    return str(getattr(error, "strerror", None) or type(error).__name__).lower()


def _resolves(address: str) -> bool:
    try:
        host = urlsplit(address).hostname
        if host:
            socket.getaddrinfo(host, None)
    except (OSError, ValueError):
        return False
    return True
