"""Refuses outputs that would destroy what the run reads, or each other."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

from lpsr_core.errors import UsageError
from lpsr_run.config import RunConfig
from lpsr_run.redact import shown
from lpsr_run.sinks.postgres import is_postgres
from lpsr_run.sources.choose import files_named

_FILES = ("annotate", "status", "log", "csv", "store")
_INPUTS = ("cameras", "alerts", "generator", "reader", "locator", "detector", "watch_list")


def refuse_overwriting(config: RunConfig) -> None:
    """Makes sure that no output is one of the inputs, whatever links lead to it, and no two outputs are one file.

    Raises:
        UsageError: with the option and the file.
    """
    out = Path(config.out)
    inputs = {identity: path for path in _inputs(config) if (identity := _identity(path)) is not None}
    files = [(name, getattr(config, name)) for name in _FILES]
    outputs = [(f"--{name}", Path(path)) for name, path in files if path is not None and not is_postgres(path)]
    outputs += [("--out", out / name) for name in ("reads.jsonl", "run.json")]
    video = Path(config.annotate) if config.annotate is not None and not config.overwrite else None
    if video is not None and video.is_file() and video.stat().st_size and _identity(video) not in inputs:
        raise UsageError(f"--annotate {shown(video)}: exists; give another file, or --overwrite")
    taken: dict[Path, str] = {}
    for option, path in outputs:
        if (identity := _identity(path)) is not None and identity in inputs:
            raise UsageError(f"{option} would overwrite {shown(inputs[identity])}, which is read; give another file")
        place = path.resolve()
        if place in taken:
            raise UsageError(f"{option} and {taken[place]} are one file, {shown(path)}; give each its own")
        taken[place] = option
    pictures = (out / "pictures").resolve()
    if (out / "reads.jsonl").exists() and any(pictures in path.resolve().parents for path in inputs.values()):
        raise UsageError(
            f"--out {shown(out)} holds the pictures that are read and would move them; give another folder"
        )


def _inputs(config: RunConfig) -> Iterator[Path]:
    for spec in (*config.addresses, *config.crop_specs):
        yield from files_named(spec)
    for name in _INPUTS:
        if getattr(config, name) is not None:
            yield Path(getattr(config, name))


def _identity(path: Path) -> tuple[int, int] | None:
    """Device and inode of a regular file; None where there is none."""
    try:
        status = os.stat(path)  # noqa: PTH116 - also names that no file can have
    except (OSError, ValueError):
        return None
    return (status.st_dev, status.st_ino) if path.is_file() else None
