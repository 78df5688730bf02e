"""From what a user types after --video or --crops to a source."""

from __future__ import annotations

import re
import threading
from collections.abc import Sequence
from functools import partial
from glob import glob, has_magic
from pathlib import Path

from lpsr_core.errors import LpsrError, UsageError
from lpsr_run.redact import shown
from lpsr_run.sources.base import Report, Source
from lpsr_run.sources.images import IMAGE_SUFFIXES, ImageSource
from lpsr_run.sources.live import PIPELINE, LiveSource, Notice, Retry, has_gstreamer
from lpsr_run.sources.options import DEFAULT, VideoOptions
from lpsr_run.sources.raw import RawForm, RawSource
from lpsr_run.sources.video import ChainSource, VideoFileSource
from lpsr_run.sources.web import SCHEMES

_CAMERA = re.compile(r"/dev/video(\d{1,4})", re.ASCII)
_NAMED = 5
"""Files that are left out of a folder and named; of more the number is told."""


def open_source(
    spec: str,
    report: Report,
    stride: int = 1,
    retry: Retry | None = None,
    notice: Notice = lambda happening, why, delay: None,
    stop: threading.Event | None = None,
    raw: RawForm | None = None,
    note: Report = lambda line: None,
    options: VideoOptions = DEFAULT,
) -> Source:
    """The source behind a path, a folder, a glob, a URL or a camera number.

    Args:
        spec: what the user typed.
        report: takes one line for every file that fails and is skipped.
        stride: of a video, every so many frames.
        retry, notice, stop: of a live source, see `LiveSource`.
        raw: form of the frames on standard input, which is called `-`.
        note: takes one line for all that is left out though nothing is wrong with it.
        options: of videos, what the user knows better than they do.

    Raises:
        UsageError: nothing has that name.
        LpsrError: a folder without images.
    """
    if spec == "-":
        if raw is None:
            raise UsageError("--video - reads raw frames; say how they lie with --raw, as --raw 1280x720@25")
        return RawSource(raw, stride, report)
    address = _live_address(spec)
    if address is not None:
        return LiveSource(address, stride, retry, notice, stop, options, report, note)
    files, many = list_images(spec, note)
    # A lone file that fails is the whole run: let it raise.
    images = partial(ImageSource, report=report if many else None)
    if all(map(_is_image, files)):
        return images(files)
    parts: list[Source] = [
        images([path]) if _is_image(path) else VideoFileSource(path, stride, report, note, options) for path in files
    ]
    return ChainSource(parts, report) if many else parts[0]


def _live_address(spec: str) -> str | int | None:
    """The address of a stream, or the number of a camera; None for files."""
    if spec.startswith(PIPELINE):
        if not has_gstreamer():
            raise UsageError("this OpenCV was built without GStreamer; on a Jetson take the one of JetPack")
        return spec
    scheme, separator, _ = spec.partition("://")
    if separator:
        if scheme.lower() not in SCHEMES:
            raise UsageError(f"{scheme}://: not a kind of stream that can be opened; known: {', '.join(SCHEMES)}")
        return spec
    if spec.isascii() and spec.isdigit() and not Path(spec).exists():
        return int(spec)
    if (camera := _CAMERA.fullmatch(spec)) and Path(spec).is_char_device():
        return int(camera[1])
    return None


def list_images(spec: str, note: Report = lambda line: None) -> tuple[list[Path], bool]:
    """The files behind a path, a folder or a glob, sorted, and whether the user named many; of a folder the images.

    Args:
        spec: what the user typed.
        note: takes the line about what a folder holds beside images.

    Raises:
        UsageError: nothing has that name.
        LpsrError: a folder without images.
    """
    path = Path(spec)
    if path.is_dir():
        entries = sorted(path.iterdir())
        # A link that leads nowhere is a picture that cannot be read, and is reported as such.
        found = [entry for entry in entries if _is_image(entry) and (entry.is_file() or not entry.exists())]
        known = set(found)
        others = [entry for entry in entries if entry not in known and not entry.name.startswith(".")]
        if not found:
            held = f"; it holds {_named(others)}" if others else ""
            kinds = ", ".join(sorted(IMAGE_SUFFIXES))
            raise LpsrError(f"{shown(spec)}: no image in this folder; known are {kinds}{held}")
        if others:
            note(f"{shown(spec)}: left out, as no image files: {_named(others)}")
        return found, True
    if path.exists():
        return [path], False
    if has_magic(spec):
        # Path.glob refuses absolute patterns.
        matches = map(Path, glob(spec, recursive=True))  # noqa: PTH207
        found = sorted(entry for entry in matches if entry.is_file())
        if not found:
            raise UsageError(f"{shown(spec)}: no file matches")
        return found, True
    what = "camera; see ls /dev/video*" if _CAMERA.fullmatch(spec) else "file or folder"
    raise UsageError(f"{shown(spec)}: no such {what}")


def files_named(spec: str) -> list[Path]:
    """The files behind a path, a folder or a glob; none where it is something else, or does not exist."""
    try:
        return list_images(spec)[0]
    except (LpsrError, OSError, ValueError):
        return []


def _named(entries: Sequence[Path]) -> str:
    names = [shown(entry.name) + ("/" if entry.is_dir() else "") for entry in entries[:_NAMED]]
    more = len(entries) - len(names)
    return ", ".join(names) + (f" and {more} more" if more else "")


def _is_image(path: Path) -> bool:
    return path.suffix.lower() in IMAGE_SUFFIXES
