"""Secrets of configuration files: they stand in environment variables or in files of their own."""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from pathlib import Path
from urllib.parse import quote

from lpsr_core.errors import UsageError

_VARIABLE = re.compile(r"\$\{([A-Za-z_][A-Za-z0-9_]*)\}")
_USER = re.compile(r"([A-Za-z][A-Za-z0-9+.-]*://)([^/@]*)@")
_CREDENTIALS = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*://[^/@:]*:([^@]*)@")
_QUERY = re.compile(r"[?&][^=&]*(?:pass|pwd|token|secret)[^=&]*=([^&#]*)", re.IGNORECASE)


def expand(text: str, environment: Mapping[str, str] = os.environ) -> str:
    """Replace each `${NAME}` by the environment variable of that name.

    Raises:
        UsageError: a variable is not set.
    """
    return _VARIABLE.sub(lambda match: _value(match[1], environment), text)


def expand_address(address: str, environment: Mapping[str, str] = os.environ) -> str:
    """Replace each `${NAME}` in a URL; in its user and password with what URLs cannot hold percent-encoded.

    >>> expand_address("rtsp://${U}:${P}@cam/1", {"U": "me", "P": "a@b/c"})
    'rtsp://me:a%40b%2Fc@cam/1'

    Raises:
        UsageError: a variable is not set.
    """
    encoded = _USER.sub(
        lambda match: (
            match[1] + _VARIABLE.sub(lambda variable: quote(_value(variable[1], environment), safe=""), match[2]) + "@"
        ),
        address,
        count=1,
    )
    return expand(encoded, environment)


def literal_password(address: str) -> bool:
    """Whether a URL holds a password or a token itself, and not the name of a variable.

    >>> literal_password("rtsp://me:hunter2@cam/1"), literal_password("rtsp://me:${P}@cam/1?token=${T}")
    (True, False)
    """
    found = [_CREDENTIALS.match(address), *_QUERY.finditer(address)]
    return any(match is not None and _VARIABLE.sub("", match[1]) for match in found)


def with_password(address: str, password: str) -> str:
    """Put a password behind the user of a URL.

    Args:
        address: `scheme://user@host/…`.
        password: as it is; what URLs cannot hold is percent-encoded.

    Raises:
        UsageError: the URL names no user, or a password already.
    """
    scheme, separator, rest = address.partition("://")
    user, at, host = rest.partition("@")
    if not separator or not at or not user or ":" in user:
        raise UsageError("needs a user in the address, and no password there: rtsp://user@host/path")
    return f"{scheme}://{user}:{quote(password, safe='')}@{host}"


def read_secret(path: Path) -> str:
    """Read a secret from the first line of a file.

    Raises:
        UsageError: the file cannot be read, or its first line is empty.
    """
    try:
        lines = path.read_text(encoding="utf-8").splitlines()
    except (OSError, ValueError) as error:
        raise UsageError(f"{path}: the secret cannot be read: {getattr(error, 'strerror', None) or error}") from None
    if not lines or not lines[0].strip():
        raise UsageError(f"{path}: the first line is empty; it should hold the secret")
    return lines[0].strip()


def _value(name: str, environment: Mapping[str, str]) -> str:
    value = environment.get(name)
    if value is None:
        raise UsageError(f"the environment variable {name} is not set")
    return value
