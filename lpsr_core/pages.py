"""Pages from templates: the one way in which text comes onto a page."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from lpsr_core.errors import MissingExtraError

if TYPE_CHECKING:
    from jinja2 import Environment


def templates(folder: Path, extra: str) -> Environment:
    """Return the templates of a folder: every text is escaped, and an unknown name is an error.

    Args:
        folder: of the files.
        extra: that brings Jinja, for the error that misses it.

    Raises:
        MissingExtraError: Jinja is not installed.
    """
    try:
        from jinja2 import Environment, FileSystemLoader, StrictUndefined
    except ImportError:
        raise MissingExtraError("jinja2", extra) from None
    return Environment(
        loader=FileSystemLoader(folder),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
