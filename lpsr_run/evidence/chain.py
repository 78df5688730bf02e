"""The chain of a run's evidence: a file beside its folders that names each of them in order."""

from __future__ import annotations

import base64
import json
from dataclasses import dataclass, replace
from pathlib import Path

from lpsr_run.evidence.contents import Link, digest
from lpsr_run.evidence.signing import Signer
from lpsr_run.sinks.files import append_line, end_line

SUFFIX = ".chain.jsonl"


@dataclass(frozen=True)
class Entry:
    """A line of a chain.

    Attributes:
        folder: name of the folder; None of the line that closes the chain.
        manifest: sha256 of its manifest; of the closing line that of the last one.
        index: from 0; of the closing line the number of folders.
        signature: of `signed`, or None.
    """

    folder: str | None
    manifest: str
    index: int
    signature: bytes | None = None

    def signed(self, run: str) -> bytes:
        """The bytes that a signature of this line is of."""
        return json.dumps([run, self.index, self.folder, self.manifest]).encode()

    def line(self) -> bytes:
        """JSON with its newline."""
        shown = None if self.signature is None else base64.b64encode(self.signature).decode()
        told = {"index": self.index, "folder": self.folder, "manifest": self.manifest, "signature": shown}
        return (json.dumps(told) + "\n").encode()


def parse_entry(line: str) -> Entry:
    """A line of a chain.

    Raises:
        ValueError: it is something else.
    """
    try:
        told = json.loads(line)
        shown = told["signature"]
        signature = None if shown is None else base64.b64decode(shown, validate=True)
        return Entry(told["folder"], str(told["manifest"]), int(told["index"]), signature)
    except (KeyError, TypeError) as error:
        raise ValueError(f"not a line of a chain: {error}") from None


class Chain:
    """The chain of a run. A folder takes its place when it is made, and its line when its read is recorded.

    Args:
        folder: of the evidence.
        run: identifier of the run.
        signer: signs each line; None for none.
    """

    def __init__(self, folder: Path, run: str, signer: Signer | None = None) -> None:
        self._path, self.run, self._signer = folder / f"{run}{SUFFIX}", run, signer
        self.next = Link(0, digest(run.encode()))

    def take(self, manifest: bytes) -> None:
        """Let a manifest that was made for the next place have it."""
        self.next = Link(self.next.index + 1, digest(manifest))

    def add(self, folder: str, manifest: bytes, again: bool = False) -> None:
        """Name a folder, on the disk when this returns.

        Args:
            folder: its name.
            manifest: in it.
            again: whether the chain may name it already.

        Raises:
            OSError: it could not be written.
            ValueError: the manifest is none.
        """
        index = int(json.loads(manifest)["chain"]["index"])
        if again and self._path.exists():
            for line in self._path.read_text(encoding="utf-8", errors="replace").splitlines():
                if f'"folder": {json.dumps(folder)}' in line:
                    return
        self._append(Entry(folder, digest(manifest), index))

    def close(self) -> None:
        """Say that the run has ended and how many folders there are; a run without any leaves no chain.

        Raises:
            OSError: it could not be written.
        """
        if self.next.index:
            self._append(Entry(None, self.next.previous, self.next.index))

    def _append(self, entry: Entry) -> None:
        if self._signer is not None:
            entry = replace(entry, signature=self._signer.sign(entry.signed(self.run)))
        append(self._path, entry.line())


def append(path: Path, line: bytes) -> None:
    """Append a line, which does not go on in one that a power cut has torn.

    Raises:
        OSError: it could not be written.
    """
    if path.exists():
        end_line(path)
    with path.open("ab", buffering=0) as stream:
        append_line(stream, line)
