"""Secrets that do not stand on the command line, and secrets that must not stand in what is told.

Whatever is an argument can be seen by every user of the machine (`ps`). So an option may name where its value is:
`@FILE` or `env:NAME`.
"""

from __future__ import annotations

import base64
import os
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import TypeVar
from urllib.parse import quote, unquote

from lpsr_core.errors import UsageError
from lpsr_run.redact import redact, secrets_in, shown

_FILE, _ENVIRONMENT = "@", "env:"
_SHORTEST = 4
"""Characters from which a secret is looked for in texts: shorter ones are found everywhere."""

Told = TypeVar("Told")


def is_reference(value: str) -> bool:
    """Whether a value says where the value is."""
    return value.startswith((_FILE, _ENVIRONMENT))


def resolve(value: str) -> str:
    """The value itself, or what stands in the file or in the variable that it names; read anew at every call.

    >>> os.environ["CAMERA"] = "rtsp://user:pass@10.0.0.7/live"
    >>> resolve("env:CAMERA")
    'rtsp://user:pass@10.0.0.7/live'

    Raises:
        UsageError: there is no such file or variable, or nothing in it.
    """
    if value.startswith(_ENVIRONMENT):
        found = os.environ.get(value.removeprefix(_ENVIRONMENT), "")
        what = "is not set or empty"
    elif value.startswith(_FILE):
        try:
            found = Path(value.removeprefix(_FILE)).read_text(encoding="utf-8")
        except (OSError, ValueError) as error:
            why = error.strerror if isinstance(error, OSError) else "it is not UTF-8"
            raise UsageError(f"{shown(value)}: cannot be read: {why}") from None
        what = "is empty"
    else:
        return value
    lines = [line.strip() for line in found.splitlines() if line.strip()]
    if not lines:
        raise UsageError(f"{shown(value)}: {what}; one line with the value is wanted")
    return lines[0]


def resolve_words(text: str) -> str:
    """A text in which a word may be a reference: `Bearer @/run/secrets/token`.

    Raises:
        UsageError: see `resolve`.
    """
    return " ".join(resolve(word) if is_reference(word) else word for word in text.split(" "))


class Scrubber:
    """Takes the secrets of a run out of what other programs' errors say.

    Args:
        sources: URLs and pipelines; what `redact` hides in them is a secret.
        secrets: that are secrets as a whole.
    """

    def __init__(self, sources: Iterable[str] = (), secrets: Iterable[str] = ()) -> None:
        plain = {secret for source in sources for secret in secrets_in(source)} | set(secrets)
        parts = {part for secret in plain for part in (secret, *secret.split(":", 1))}
        forms = {form for part in parts for form in (part, unquote(part), quote(part, safe=""), _basic(part))}
        self._forms = sorted((form for form in forms if len(form) >= _SHORTEST), key=len, reverse=True)

    def __call__(self, text: str) -> str:
        """The text with `***` in place of each secret."""
        for form in self._forms:
            if form in text:
                text = text.replace(form, "***")
        return text

    def within(self, value: Told) -> Told:
        """A value of JSON with all its texts scrubbed."""
        if not self._forms:
            return value
        if isinstance(value, str):
            return self(value)  # type: ignore[return-value]
        if isinstance(value, dict):
            return {name: self.within(each) for name, each in value.items()}  # type: ignore[return-value]
        if isinstance(value, (list, tuple)):
            return [self.within(each) for each in value]  # type: ignore[return-value]
        return value


def header(text: str) -> tuple[str, Callable[[], str]]:
    """The name of an HTTP header, and what gives its value.

    Raises:
        UsageError: it is none, or its value cannot be found.
    """
    name, colon, value = text.partition(":")
    name, value = name.strip(), value.strip()
    if not colon or not value or not name.replace("-", "").replace("_", "").isalnum() or not name.isascii():
        raise UsageError(f"--webhook-header takes 'Name: value', not {redact_header(text)!r}")
    if any(not character.isprintable() for character in resolve_words(value)):
        raise UsageError(f"--webhook-header {name}: its value has characters that no header can have")
    return name, lambda: resolve_words(value)


def redact_header(text: str) -> str:
    """A header without its value; references are no secrets."""
    name, colon, value = text.partition(":")
    words = [word if is_reference(word) else "***" for word in value.split()]
    return f"{shown(name)}{colon} {' '.join(words)}" if colon else "***"


def redact_option(value: str) -> str:
    """The value of an option that may be a reference."""
    return shown(value) if is_reference(value) else redact(value)


def _basic(secret: str) -> str:
    return base64.b64encode(secret.encode(errors="surrogateescape")).decode()
