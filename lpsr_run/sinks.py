"""Where reads go: a file of JSON lines, pictures, a table. Each writes at once, so that nothing waits for the end."""

from __future__ import annotations

import os
import re
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import IO, Protocol

import cv2
from rich.console import Console
from rich.table import Table

from lpsr_core.errors import LpsrError
from lpsr_core.geometry import Image
from lpsr_core.reads import Read


@dataclass(frozen=True)
class Result:
    """A read with the span of time over which its plate was seen, in milliseconds of its source."""

    read: Read
    first: float
    last: float


class Sink(Protocol):
    """Takes reads one by one; a context manager, so that what it holds open is closed whatever happens."""

    def __enter__(self) -> Sink: ...

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None: ...

    def write(self, result: Result) -> None:
        """Takes a read.

        Raises:
            LpsrError: it could not be written.
        """
        ...


class JsonLinesSink:
    """`reads.jsonl`: one JSON object a line, on the disk before the next read is made.

    Args:
        path: the file; an existing one is replaced (see `set_aside`).

    Raises:
        LpsrError: the file cannot be made or written.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        try:
            self._file: IO[bytes] = path.open("wb", buffering=0)
        except OSError as error:
            raise _failed(path, error) from None

    def __enter__(self) -> JsonLinesSink:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._file.close()

    def write(self, result: Result) -> None:
        line = (result.read.to_json() + "\n").encode()
        start = self._file.tell()
        try:
            written = self._file.write(line)
            if written != len(line):
                # A disk that fills up takes a part of the line before it says so: take that back.
                self._file.truncate(start)
                raise OSError(28, "No space left on device")
            os.fsync(self._file.fileno())
        except OSError as error:
            raise _failed(self._path, error) from None


class PictureStore:
    """The pictures of reads, as PNG files in a folder.

    Args:
        folder: made when the first picture comes.
        root: what the returned paths are relative to.
    """

    def __init__(self, folder: Path, root: Path) -> None:
        self._folder, self._root = folder, root
        self._count = 0

    def save(self, source: str, frame: int, track: int, lr: Image, sr: Image | None) -> tuple[str, str | None]:
        """Writes what was cut from the named frame, and the generator's picture of it.

        Args:
            source: names the files together with frame and track.
            frame: number of the frame.
            track: number of the track.
            lr: uint8[h, w, 3] as cut.
            sr: uint8[32, 96, 3], or None.

        Returns:
            Their paths, relative to the root.

        Raises:
            LpsrError: they could not be written.
        """
        self._count += 1
        stem = re.sub(r"[^A-Za-z0-9._-]+", "_", Path(source).stem or "source")[-60:]
        name = f"{self._count:06d}-{stem}-f{frame}-t{track}"
        small = self._write(f"{name}-lr.png", lr)
        return small, None if sr is None else self._write(f"{name}-sr.png", sr)

    def _write(self, name: str, image: Image) -> str:
        path = self._folder / name
        _, data = cv2.imencode(".png", image[..., ::-1])
        try:
            self._folder.mkdir(parents=True, exist_ok=True)
            path.write_bytes(data.tobytes())
        except OSError as error:
            raise _failed(path, error) from None
        return path.relative_to(self._root).as_posix()


class TableSink:
    """A table of the reads, printed at the end, also after a failure.

    Args:
        console: where to.
        out: the folder whose pictures the reads name.
        most: rows; of more reads the last ones are shown.
    """

    def __init__(self, console: Console, out: Path, most: int = 200) -> None:
        self._console, self._out, self._most = console, out, most
        self._rows: list[Result] = []
        self._total = 0

    def __enter__(self) -> TableSink:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if not self._rows:
            return
        table = Table(box=None, header_style="bold", pad_edge=False)
        stills = all(result.read.milliseconds == 0 and result.last == 0 for result in self._rows)
        table.add_column("plate", style="bold")
        table.add_column("layout")
        table.add_column("confidence", justify="right")
        table.add_column("frames", justify="right")
        table.add_column("source" if stills else "seen", overflow="fold")
        table.add_column("picture", overflow="fold")
        for result in self._rows:
            read = result.read
            place = Path(read.source).name if stills else f"{_clock(result.first)}-{_clock(result.last)}"
            picture = read.sr_image or read.lr_image
            row = (read.text, read.layout, f"{read.confidence:.2f}", str(read.frames), place)
            table.add_row(*row, Path(picture).name if picture else "")
        if self._total > len(self._rows):
            self._console.print(f"the last {len(self._rows)} of {self._total} reads; all are in reads.jsonl")
        self._console.print(table, markup=False)
        if any(result.read.lr_image for result in self._rows):
            self._console.print(f"pictures are in {self._out / 'pictures'}", markup=False, soft_wrap=True)

    def write(self, result: Result) -> None:
        self._total += 1
        self._rows.append(result)
        del self._rows[: -self._most]


def set_aside(out: Path) -> Path | None:
    """Moves what an earlier run left in an output folder to `earlier-N` inside it, so that nothing is destroyed.

    Its `reads.jsonl` becomes `reads.earlier.jsonl` there: programs that look for files called reads.jsonl find
    those of the last run only. The pictures move along, and the paths in the reads stay right.

    Args:
        out: the output folder.

    Returns:
        The folder that was made, or None when there was nothing to keep.

    Raises:
        LpsrError: the files could not be moved.
    """
    reads = out / "reads.jsonl"
    moved = {"run.json": "run.json", "pictures": "pictures", "reads.jsonl": "reads.earlier.jsonl"}
    try:
        # A folder called pictures without our reads beside it is not ours to move.
        if not (reads.is_file() and reads.stat().st_size):
            return None
        number = 1
        while (out / f"earlier-{number}").exists():
            number += 1
        folder = out / f"earlier-{number}"
        folder.mkdir()
        for name, new in moved.items():
            if (out / name).exists():
                (out / name).rename(folder / new)
    except OSError as error:
        raise _failed(out, error) from None
    return folder


def make_folder(out: Path) -> None:
    """Makes an output folder that can be written.

    Raises:
        LpsrError: it cannot be made.
    """
    try:
        out.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise _failed(out, error) from None


def _failed(path: Path, error: OSError) -> LpsrError:
    return LpsrError(f"{path}: cannot be written: {error.strerror or error}; what was written before is kept")


def _clock(milliseconds: float) -> str:
    minutes, seconds = divmod(milliseconds / 1000, 60)
    return f"{int(minutes)}:{seconds:04.1f}"
