"""Bodies of requests, streamed into files of the server's own folder under names of its own."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO

from python_multipart.exceptions import MultipartParseError
from python_multipart.multipart import MultipartParser, parse_options_header
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect, Request

from lpsr_run.redact import shown
from lpsr_run.sinks.base import write_failed
from lpsr_run.sinks.identity import new_run_id

_LONGEST_NAME = 100
_MOST_HEADER = 4096


@dataclass(frozen=True)
class ReceivedFile:
    """A file that a client sent.

    Attributes:
        path: where it lies.
        name: as the client called it, fit to be shown; no part of any path.
    """

    path: Path
    name: str


@asynccontextmanager
async def received(request: Request, folder: Path, most: int, kind: str) -> AsyncIterator[list[ReceivedFile]]:
    """The files of a request, as long as the context lasts: those of a form, or the raw body as the only one.

    Args:
        request: its body was not read yet.
        folder: takes the files.
        most: how many a form may have.
        kind: what they are called in errors, such as `image`.

    Raises:
        HTTPException: 400 without a file or with a form that cannot be taken apart; 413 with too many files.
        LpsrError: a file cannot be written.
    """
    files: list[ReceivedFile] = []
    try:
        try:
            await _receive(request, folder, files, most, kind)
        except OSError as error:  # a full disk
            raise write_failed(folder, error) from None
        if not files or not any(file.path.stat().st_size for file in files):
            raise HTTPException(400, f"no {kind}: send it as the body, or as a file of a multipart/form-data form")
        yield files
    except ClientDisconnect:
        raise HTTPException(400, "the client hung up before the end of its request") from None
    finally:
        for file in files:
            file.path.unlink(missing_ok=True)


async def _receive(request: Request, folder: Path, files: list[ReceivedFile], most: int, kind: str) -> None:
    kind_of_body, options = parse_options_header(request.headers.get("content-type", ""))
    if kind_of_body == b"multipart/form-data":
        boundary = options.get(b"boundary", b"")
        if not boundary:
            raise HTTPException(400, "the form has no boundary; let the HTTP client write Content-Type itself")
        await _form(request, _Form(folder, files, most, boundary))
    else:
        file = ReceivedFile(folder / new_run_id(), kind)
        files.append(file)
        with file.path.open("wb") as stream:
            async for chunk in request.stream():
                stream.write(chunk)


async def _form(request: Request, form: _Form) -> None:
    try:
        async for chunk in request.stream():
            form.parser.write(chunk)
        form.parser.finalize()
    except MultipartParseError as error:
        raise HTTPException(400, f"the form cannot be taken apart: {error}") from None
    finally:
        form.close()


@dataclass
class _Form:
    """Takes a form apart while it comes; parts that are no files are ignored."""

    folder: Path
    files: list[ReceivedFile]
    most: int
    boundary: bytes
    _name: bytearray = field(default_factory=bytearray)
    _value: bytearray = field(default_factory=bytearray)
    _disposition: bytes = b""
    _stream: IO[bytes] | None = None

    def __post_init__(self) -> None:
        self.parser = MultipartParser(
            self.boundary,
            {
                "on_part_begin": self._begin,
                "on_header_field": lambda data, start, end: self._grow(self._name, data[start:end]),
                "on_header_value": lambda data, start, end: self._grow(self._value, data[start:end]),
                "on_header_end": self._header,
                "on_headers_finished": self._open,
                "on_part_data": self._data,
                "on_part_end": self.close,
            },
        )

    def close(self) -> None:
        """Close the file that is being written."""
        if self._stream is not None:
            self._stream.close()
            self._stream = None

    def _begin(self) -> None:
        self._disposition = b""

    def _grow(self, into: bytearray, data: bytes) -> None:
        if len(into) + len(data) > _MOST_HEADER:
            raise HTTPException(400, "a header of the form is too long")
        into += data

    def _header(self) -> None:
        if bytes(self._name).lower() == b"content-disposition":
            self._disposition = bytes(self._value)
        self._name.clear()
        self._value.clear()

    def _open(self) -> None:
        _, options = parse_options_header(self._disposition)
        name = options.get(b"filename")
        if name is None:
            return
        if len(self.files) >= self.most:
            raise HTTPException(413, f"the form has more than {self.most} {'file' if self.most == 1 else 'files'}")
        file = ReceivedFile(self.folder / new_run_id(), shown_name(name))
        self.files.append(file)
        self._stream = file.path.open("wb")

    def _data(self, data: bytes, start: int, end: int) -> None:
        if self._stream is not None:
            self._stream.write(data[start:end])


def shown_name(name: bytes | str) -> str:
    """Return a client's file name as it may be shown: its last part, printable and not too long."""
    text = name.decode("utf-8", "replace") if isinstance(name, bytes) else name
    last = text.replace("\\", "/").rpartition("/")[2].strip()
    return shown(last)[-_LONGEST_NAME:] or "file"
