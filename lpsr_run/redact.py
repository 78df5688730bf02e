"""Names of sources as they may be shown: without passwords, and in UTF-8."""

from __future__ import annotations

import os
from pathlib import Path
from urllib.parse import parse_qsl, urlencode, urlsplit, urlunsplit

_SECRET = ("pass", "pwd", "token", "key", "secret", "auth", "user", "login", "sig", "-pw")


def shown(name: str | Path) -> str:
    """A name that can be printed and written as UTF-8; bytes that are not UTF-8 appear as `\\xNN`.

    So do line breaks and what else would steer a terminal.

    >>> shown("c\\udce2mera.mp4")
    'c\\\\xe2mera.mp4'
    >>> shown("a\\x1b[2J.mp4")
    'a\\\\x1b[2J.mp4'
    """
    text = os.fsencode(name).decode("utf-8", "backslashreplace")
    return "".join(one if one.isprintable() else one.encode("unicode_escape").decode() for one in text)


def redact(source: str) -> str:
    """A URL without its user, password and secret-looking query values; of anything else what can be shown.

    >>> redact("rtsp://admin:hunter2@10.0.0.7:554/live?token=abc&channel=1")
    'rtsp://***@10.0.0.7:554/live?token=***&channel=1'
    """
    source = shown(source)
    if source.startswith("gst:"):  # a pipeline: words, some of them properties
        return " ".join(_property(word) for word in source.split(" "))
    if "://" not in source:
        return source
    try:
        parts = urlsplit(source)
    except ValueError:
        # Not a URL that Python can take apart, so nobody knows where in it the password is.
        return source.split("://", 1)[0] + "://***"
    host = parts.netloc.rpartition("@")
    # A raw '/' or '?' in a password ends the network part early and leaves the '@' behind it.
    if not host[1] and "@" in parts.path + parts.query + parts.fragment:
        return f"{parts.scheme}://***@{source.rpartition('@')[2]}"
    netloc = f"***@{host[2]}" if host[1] else parts.netloc
    query = parse_qsl(parts.query, keep_blank_values=True)
    if any(_secret(name) for name, _ in query):
        query = [(name, "***" if _secret(name) else value) for name, value in query]
        return urlunsplit((parts.scheme, netloc, parts.path, urlencode(query, safe="*/:"), parts.fragment))
    return urlunsplit((parts.scheme, netloc, parts.path, parts.query, parts.fragment))


def _property(word: str) -> str:
    name, equals, value = word.partition("=")
    if equals and _secret(name):
        return f"{name}=***"
    return f"{name}{equals}{redact(value)}" if "://" in value else word


def _secret(name: str) -> bool:
    return any(word in name.lower() for word in _SECRET)
