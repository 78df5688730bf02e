"""Names of sources as they may be shown: without passwords, and in UTF-8."""

from __future__ import annotations

import os
import re
from collections.abc import Callable
from pathlib import Path
from urllib.parse import urlsplit

_SECRET = ("pass", "pwd", "token", "key", "secret", "auth", "user", "login", "sig", "-pw", "credential", "cookie")
_PAIR = re.compile(r"([^&;=]+)=([^&;]*)")
_PATH_PAIR = re.compile(r"([A-Za-z][A-Za-z0-9-]*)=([^&;/]*?)(?=[_&;,/][A-Za-z][A-Za-z0-9-]*=|[&;/]|$)")
"""Recorders write `user=admin_password=x_channel=1` into the path."""
_BEFORE = frozenset(
    {"admin", "root", "user", "login", "auth", "token", "key", "secret", "password", "hook", "hooks", "webhook"}
    | {"webhooks", "services"}
)
"""Segments of a path that a secret may follow."""
_TOKEN = re.compile(r"(?=[^/]*\d)(?=[^/]*[A-Za-z])[A-Za-z0-9_~+=-]{20,}")
"""A segment of a path that nobody would choose as a name."""
_PROPERTY = re.compile(r"""([\w:.-]+)(\s*=\s*)("(?:[^"\\]|\\.)*"|'[^']*'|[^\s!]+)""")

Hide = Callable[[str], str]
"""Takes a secret, and returns what is shown in its place."""


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
    """A URL without its user, password, tokens and fragment; of anything else what can be shown.

    >>> redact("rtsp://admin:hunter2@10.0.0.7:554/live?token=abc&channel=1")
    'rtsp://***@10.0.0.7:554/live?token=***&channel=1'
    >>> redact("rtsp://10.0.0.7/user=admin_password=hunter2_channel=1")
    'rtsp://10.0.0.7/user=***_password=***_channel=1'
    """
    return _redacted(shown(source), lambda secret: "***")


def redact_address(url: str) -> str:
    """The address of a webhook or a broker: scheme and host alone, since its path may be a secret as a whole.

    >>> redact_address("https://me:hunter2@hooks.example:8443/services/T0/B0/abc")
    'https://***@hooks.example:8443/***'
    """
    text = redact(url)
    scheme, found, rest = text.partition("://")
    if not found:
        return text
    host, _, path = rest.partition("/")
    return f"{scheme}://{host.partition('?')[0].partition('#')[0]}{'/***' if path or '?' in host else ''}"


def secrets_in(source: str) -> tuple[str, ...]:
    """The parts of a source that `redact` hides."""
    found: list[str] = []

    def hide(secret: str) -> str:
        found.append(secret)
        return "***"

    _redacted(source, hide)
    return tuple(found)


def _redacted(source: str, hide: Hide) -> str:
    if source.startswith("gst:"):  # a pipeline: words, some of them properties
        return _PROPERTY.sub(lambda match: _property(match, hide), source)
    if "://" not in source:
        return source
    scheme, _, rest = source.partition("://")
    try:
        parts = urlsplit(source)
    except ValueError:
        # Not a URL that Python can take apart, so nobody knows where in it the password is.
        return f"{scheme}://{hide(rest)}"
    user, at, _ = parts.netloc.rpartition("@")
    # A raw '/', '?', '#' or '@' in a password ends the network part early and leaves an '@' behind it.
    if "@" in rest[len(parts.netloc) :]:
        user, at, rest = rest.rpartition("@")
    elif at:
        rest = rest[len(user) + 1 :]
    shown_user = f"{hide(user)}@" if at else ""
    rest, sharp, fragment = rest.partition("#")
    rest, asked, query = rest.partition("?")
    host, slash, path = rest.partition("/")
    shown_path = "/".join(_segments(path.split("/"), hide)) if slash else ""
    shown_query = _PAIR.sub(lambda match: _pair(match, hide), query)
    if query and "=" not in query and _TOKEN.fullmatch(query):
        shown_query = hide(query)
    tail = f"#{hide(fragment) if fragment else ''}" if sharp else ""
    return f"{scheme}://{shown_user}{host}{slash}{shown_path}{asked}{shown_query}{tail}"


def _segments(segments: list[str], hide: Hide) -> list[str]:
    """The segments of a path, tokens hidden."""
    result: list[str] = []
    for index, segment in enumerate(segments):
        follows = index > 0 and segments[index - 1].lower() in _BEFORE
        deeper = index > 1 and segments[0].lower() in ("services", "hooks", "webhooks")
        if "=" in segment:
            result.append(_PATH_PAIR.sub(lambda match: _pair(match, hide), segment))
        elif segment and (follows or deeper or _TOKEN.fullmatch(segment)):
            result.append(hide(segment))
        else:
            result.append(segment)
    return result


def _pair(match: re.Match[str], hide: Hide) -> str:
    name, value = match[1], match[2]
    return f"{name}={hide(value)}" if _secret(name) and value else match[0]


def _property(match: re.Match[str], hide: Hide) -> str:
    name, equals, value = match[1], match[2], match[3]
    if _secret(name):
        return f"{name}{equals}{hide(value.strip(chr(34) + chr(39)))}"
    quote = value[0] if value[0] in "\"'" else ""
    return f"{name}{equals}{quote}{_redacted(value.strip(quote) if quote else value, hide)}{quote}"


def _secret(name: str) -> bool:
    return any(word in name.lower() for word in _SECRET)
