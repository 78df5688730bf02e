"""Manifests: a folder states what it is made of, so that it is continued with nothing else."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from lpsr_core.errors import LpsrError
from lpsr_core.jsonfile import write_json


def keep_manifest(path: Path, made_of: Mapping[str, Any]) -> None:
    """Write the manifest of a folder, or check that it is what was asked for; arguments as of `check_manifest`.

    Raises:
        LpsrError: as `check_manifest`.
    """
    if not check_manifest(path, made_of):
        write_json(path, made_of)


def check_manifest(path: Path, made_of: Mapping[str, Any]) -> bool:
    """Check that a folder was begun with what was asked for; False where it does not say.

    Typefaces are compared by their files' names: where they lie differs from machine to machine.

    Args:
        path: of the manifest, a JSON file in the folder.
        made_of: plain values.

    Raises:
        LpsrError: the folder was begun with other values, or its manifest cannot be read.
    """
    found = read_manifest(path)
    if found is not None and _placeless(found) != _placeless(json.loads(json.dumps(made_of))):
        raise LpsrError(
            f"{path.parent}: was begun with another source, seed or settings (see {path.name}); choose another folder"
        )
    return found is not None


def read_manifest(path: Path) -> dict[str, Any] | None:
    """Return what a folder was begun with; None where it was not.

    Raises:
        LpsrError: its manifest cannot be read.
    """
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        return None
    except ValueError as error:
        raise LpsrError(f"{path}: not readable ({error}); choose another folder, or delete this one") from None
    if not isinstance(found, dict):
        raise LpsrError(f"{path}: not a folder's manifest; choose another folder, or delete this one")
    return found


def _placeless(made_of: dict[str, Any]) -> dict[str, Any]:
    """What a folder is made of, with the names of typefaces in place of their paths."""
    source = made_of.get("source")
    if not isinstance(source, dict):
        return made_of
    faces = {key: value for key, value in source.items() if key.endswith("_typefaces") and isinstance(value, list)}
    named = {key: [Path(str(path)).name for path in paths] for key, paths in faces.items()}
    return {**made_of, "source": {**source, **named}}
