"""What sinks are, and what they take."""

from __future__ import annotations

import errno
import json
from abc import abstractmethod
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from lpsr_core.errors import LpsrError
from lpsr_core.geometry import Image, Quad
from lpsr_core.reads import Read, read_key
from lpsr_run.history import History
from lpsr_run.sinks.files import ClosesItself

Fault = Callable[[str], None]
"""Takes one line about something that was lost though the run goes on; it counts in the exit code."""

MAKE_ROOM = "make room, or give another path"
ELSEWHERE = "give another path"


@dataclass(frozen=True)
class Result:
    """A read with what it rests on.

    Attributes:
        read: what is told.
        first, last: the span of time over which its plate was seen, in milliseconds of its source.
        crop: the plate as it was cut from the named frame, uint8[h, w, 3].
        sr: the generator's picture of it, uint8[32, 96, 3], or None.
        quad: the plate's corners in that frame.
        frame: that frame, uint8[H, W, 3], where a sink wants frames.
        scale: size of `frame` relative to the picture that the quad lies in.
        hidden: whether nobody looks for the plate, so that its pictures must not be kept.
        history: what each of its frames said, where a sink wants that.
    """

    read: Read
    first: float
    last: float
    crop: Image
    sr: Image | None
    quad: Quad
    frame: Image | None = None
    hidden: bool = False
    history: History | None = None
    scale: float = 1.0


@dataclass(frozen=True)
class Record:
    """A read as it lies in `reads.jsonl`, and as sinks get it: also long after the run that made it.

    Attributes:
        line: JSON, without the newline.
        fields: what it says.
    """

    line: str
    fields: Mapping[str, Any]

    @classmethod
    def of(cls, read: Read) -> Record:
        """The record of a read."""
        fields = read.as_dict()
        return cls(json.dumps(fields, ensure_ascii=False), fields)

    @classmethod
    def parse(cls, line: str) -> Record:
        """A record from its line.

        Raises:
            ValueError: it is not one.
        """
        fields = json.loads(line)
        if not isinstance(fields, dict) or not isinstance(fields.get("run"), str) or not fields["run"]:
            raise ValueError("not a read")
        if type(fields.get("number")) is not int:
            raise ValueError("a read without a number")
        return cls(line, fields)

    @property
    def run(self) -> str:
        """Identifier of the run that made it."""
        return str(self.fields["run"])

    @property
    def number(self) -> int:
        """Its number within that run."""
        return int(self.fields["number"])

    @property
    def key(self) -> str:
        """Its name, which no other read has."""
        return read_key(self.run, self.number)


class NotNowError(LpsrError):
    """A sink that cannot take a read now, and is likely to take it later."""


class DurableSink(ClosesItself):
    """Keeps reads. It is handed each at least once, in their order, and keeps it once, or raises `LpsrError`.

    Attributes:
        name: kind and place, the same in every run.
        abandoned: whether a thread hangs in it, so that closing it would hang too.
    """

    name: str
    abandoned = False

    def __exit__(self, *failure: object) -> None:
        if not self.abandoned:
            self.close()

    def check(self) -> None:
        """Look whether the output is still where it was, make it anew where it is not, and tell; done ever so often."""

    def prepare(self, result: Result) -> None:
        """Put aside what the read alone does not hold, before it is recorded."""

    @abstractmethod
    def deliver(self, record: Record, again: bool = False) -> None:
        """Take a recorded read.

        Args:
            record: of the read.
            again: whether it may have been taken before, by an earlier run.

        Raises:
            NotNowError: it cannot be written now.
            LpsrError: it could not be written.
        """


@contextmanager
def writing(path: Path) -> Iterator[None]:
    """Raise what the system says about writing a file as the `LpsrError` of `write_failed`."""
    try:
        yield
    except OSError as error:
        raise write_failed(path, error) from None


def write_failed(path: Path, error: OSError) -> LpsrError:
    """The error of a file that could not be written."""
    return LpsrError(f"{path}: cannot be written: {why(error)}; what was written before is kept")


def vanished(path: Path) -> str:
    """The line about an output that somebody deleted or moved while it was written."""
    return f"{path}: was deleted or moved while the run wrote it; it is made anew, and begins with the next read"


def why(error: OSError) -> str:
    """What the system says, and what to do about it."""
    full = error.errno in (errno.ENOSPC, errno.EDQUOT)
    return f"{error.strerror or error}; {MAKE_ROOM if full else ELSEWHERE}"
