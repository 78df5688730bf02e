"""TOML files that users write."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

from lpsr_core.errors import UsageError

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib


def read_toml(path: Path) -> dict[str, Any]:
    """Read a TOML file; a byte order mark at its beginning is allowed.

    Raises:
        UsageError: it is missing, cannot be read, or is not TOML.
    """
    try:
        return tomllib.loads(path.read_text(encoding="utf-8-sig"))
    except OSError as error:
        raise UsageError(f"{path}: cannot be read: {error.strerror or error}") from None
    except ValueError as error:  # both decoders' errors are ValueErrors
        raise UsageError(f"{path}: not TOML: {error}") from None
