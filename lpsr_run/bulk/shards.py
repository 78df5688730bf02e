"""The results on disk: finished shards, and a journal that grows until it is one.

The journal takes results a block at a time, each synced to the disk before the next. A full journal becomes a shard.
Whoever opens the folder again, after whatever end, learns from both which inputs have their result.
"""

from __future__ import annotations

import json
import os
import re
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from lpsr_core.errors import LpsrError, UsageError
from lpsr_run.bulk.config import Format
from lpsr_run.bulk.result import import_parquet, input_of, parquet_schema
from lpsr_run.redact import shown
from lpsr_run.sinks.base import writing
from lpsr_run.sinks.files import ClosesItself, append_line, replace_file, sync_folder

JOURNAL, MANIFEST = "reads.open.jsonl", "bulk.json"
_SHARD = re.compile(r"reads-(\d{5,})\.(jsonl|parquet)")


class ResultStore(ClosesItself):
    """Keeps exactly one result per input.

    Args:
        folder: that exists; its earlier results are kept.
        format: of finished shards.
        size: results in one shard.
        identity: options that all results in the folder share.

    Attributes:
        done: names of the inputs that have their result.

    Raises:
        UsageError: the folder holds results of other options.
        LpsrError: it cannot be read or written, or a shard is damaged.
    """

    def __init__(self, folder: Path, format: Format, size: int, identity: Mapping[str, Any]) -> None:
        self._folder, self._format, self._size = folder, format, size
        self._journal = folder / JOURNAL
        self.done: set[str] = set()
        self._next = self._waiting = 0
        with writing(folder):
            _check_manifest(folder / MANIFEST, identity)
            self._load_shards()
            self._load_journal()
            self._file = self._journal.open("ab", buffering=0)

    def add(self, lines: Mapping[str, str]) -> int:
        """Add results; they are on the disk when this returns.

        Args:
            lines: JSON by input. Inputs that have their result already keep the first one.

        Returns:
            How many were new.

        Raises:
            LpsrError: they could not be written.
        """
        new = {name: line for name, line in lines.items() if name not in self.done}
        with writing(self._folder):
            if new:
                append_line(self._file, "".join(line + "\n" for line in new.values()).encode())
            self.done |= new.keys()
            self._waiting += len(new)
            if self._waiting >= self._size:
                self._roll()
        return len(new)

    def finish(self) -> None:
        """Make a shard of what the journal still holds.

        Raises:
            LpsrError: it could not be written.
        """
        with writing(self._folder):
            if self._waiting:
                self._roll()
            self._file.close()
            self._journal.unlink(missing_ok=True)

    def close(self) -> None:
        """Close the journal, which the next run goes on with."""
        self._file.close()

    def _roll(self) -> None:
        path = self._folder / f"reads-{self._next:05d}.{self._format}"
        self._file.close()
        if self._format == "jsonl":
            self._journal.replace(path)
            sync_folder(self._folder)
        else:
            replace_file(path, _parquet(self._journal.read_bytes()), synced=True)
            # A run that ends here finds the journal's inputs in the shard, and drops the journal.
            self._journal.unlink()
        self._next, self._waiting = self._next + 1, 0
        self._file = self._journal.open("ab", buffering=0)

    def _load_shards(self) -> None:
        for path in sorted(self._folder.iterdir()):
            if (named := _SHARD.fullmatch(path.name)) is None:
                continue
            try:
                self.done.update(_inputs_of(path))
            except ValueError as error:
                raise LpsrError(
                    f"{shown(path)}: a damaged shard: {' '.join(str(error).split())}; move it away, and its inputs are "
                    "read again"
                ) from None
            self._next = max(self._next, int(named[1]) + 1)

    def _load_journal(self) -> None:
        if not self._journal.exists():
            return
        data = self._journal.read_bytes()
        whole = data[: data.rfind(b"\n") + 1]
        names = []
        for line in whole.splitlines():
            try:
                names.append(input_of(line))
            except ValueError:
                raise LpsrError(
                    f"{shown(self._journal)}: line {len(names) + 1} is damaged; remove it, and its input is read again"
                ) from None
        if names and names[0] in self.done:  # it became a shard just before the run was killed
            self._journal.unlink()
            return
        if len(whole) < len(data):  # a line that a kill cut short
            os.truncate(self._journal, len(whole))
        self.done.update(names)
        self._waiting = len(names)


def _check_manifest(path: Path, identity: Mapping[str, Any]) -> None:
    if not path.exists():
        replace_file(path, (json.dumps(identity, indent=2, ensure_ascii=False) + "\n").encode(), synced=True)
        return
    try:
        before = json.loads(path.read_bytes())
        other = sorted(name for name in {*before, *identity} if before.get(name) != identity.get(name))
    except (ValueError, AttributeError, TypeError):
        raise LpsrError(f"{shown(path)}: damaged; give another --out") from None
    if other:
        name = other[0]
        raise UsageError(
            f"--out {shown(path.parent)} holds results with {name} = {before.get(name)!r}, not {identity.get(name)!r}; "
            "give another folder"
        )


def _inputs_of(shard: Path) -> Iterable[str]:
    if shard.suffix == ".jsonl":
        with shard.open("rb") as stream:
            return [input_of(line) for line in stream]
    return [str(name) for name in import_parquet().read_table(shard, columns=["input"])["input"].to_pylist()]


def _parquet(journal: bytes) -> bytes:
    """The journal's lines as a Parquet file."""
    import pyarrow as pa

    table = pa.Table.from_pylist([json.loads(line) for line in journal.splitlines()], parquet_schema())
    sink = pa.BufferOutputStream()
    import_parquet().write_table(table, sink, compression="zstd")
    return bytes(sink.getvalue())
