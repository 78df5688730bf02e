"""Cards, figures and notes on disk."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from lpsr_core.files import replace_file


def write_json(path: Path, values: Any) -> None:
    """Write plain values as indented JSON, whole or not at all; makes the folder when it is missing.

    Raises:
        OSError: it could not be written.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    replace_file(path, (json.dumps(values, indent=2, ensure_ascii=False) + "\n").encode())
