"""A folder remembers what it is made of, so that it is continued with nothing else."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from lpsr_core.errors import LpsrError
from lpsr_core.jsonfile import write_json


def claim(note: Path, made_of: Mapping[str, Any]) -> None:
    """Writes down what a folder is made of, or checks that it is what was asked for.

    Args:
        note: JSON file in the folder.
        made_of: plain values.

    Raises:
        LpsrError: the folder was begun with other values, or its note cannot be read.
    """
    wanted = json.loads(json.dumps(made_of))
    found = claimed(note)
    if found is None:
        write_json(note, wanted)
    elif found != wanted:
        raise LpsrError(
            f"{note.parent}: was begun with another source, seed or settings (see {note.name}); choose another folder"
        )


def claimed(note: Path) -> dict[str, Any] | None:
    """What a folder was begun with; None where it was not.

    Raises:
        LpsrError: its note cannot be read.
    """
    try:
        found = json.loads(note.read_text(encoding="utf-8"))
    except FileNotFoundError:
        return None
    except ValueError as error:
        raise LpsrError(f"{note}: not readable ({error}); choose another folder, or delete this one") from None
    if not isinstance(found, dict):
        raise LpsrError(f"{note}: not a folder's note; choose another folder, or delete this one")
    return found
