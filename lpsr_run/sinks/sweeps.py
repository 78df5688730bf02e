"""What retention deletes of pictures, of what earlier runs left, of their spools, and of `reads.jsonl`."""

from __future__ import annotations

import re
import shutil
from collections.abc import Callable, Collection, Iterator
from dataclasses import replace
from pathlib import Path

from lpsr_run.retention.lines import count_lines, json_line, kept_from
from lpsr_run.retention.policy import Entry, Retention, delete_each, superfluous
from lpsr_run.retention.sweeper import Sweep
from lpsr_run.sinks.files import write_rest
from lpsr_run.sinks.folder import DELIVERED, EARLIER_READS
from lpsr_run.sinks.jsonl import JsonLinesSink
from lpsr_run.sinks.spool_folder import SpoolFolder, spools_in

_KEY = re.compile(r"[0-9A-Z]{26}-\d{8,}")


def sweep_pictures(out: Path) -> Sweep:
    """Deletes pictures of reads, also of earlier runs."""

    def entries() -> Iterator[Entry]:
        for folder in (out / "pictures", *out.glob("earlier-*/pictures")):
            for path in folder.glob("*.png"):
                if (key := _KEY.match(path.name)) is not None:  # others are not ours
                    status = path.stat()
                    yield Entry(path, key[0], status.st_mtime, status.st_size)

    def sweep(rule: Retention, now: float) -> int:
        gone = list(superfluous(list(entries()), rule, now))
        delete_each(gone, lambda entry: entry.path.unlink(missing_ok=True))
        return len({entry.key for entry in gone})

    return sweep


def sweep_spools(out: Path, used: Collection[Path]) -> Sweep:
    """Deletes what is too old in spools that no output of the run uses; another run may still want what is not."""

    def sweep(rule: Retention, now: float) -> int:
        gone = 0

        def sweep_one(path: Path) -> None:
            nonlocal gone
            gone += SpoolFolder(path).sweep(Retention(days=rule.days), now)

        if rule.days is not None:
            delete_each([path for path in spools_in(out) if path not in used], sweep_one)
        return gone

    return sweep


def sweep_reads(out: Path, journal: JsonLinesSink, delivered: Callable[[], int]) -> Sweep:
    """Deletes lines of `reads.jsonl` that all sinks have, and of what earlier runs left, with its folders."""

    def sweep(rule: Retention, now: float) -> int:
        offset, count = kept_from(journal.path, rule, now, json_line, last=delivered())
        if count:
            journal.keep_from(offset)
        size, lines = journal.path.stat().st_size, _lines(journal.path)

        def sweep_earlier(folder: Path) -> None:
            nonlocal count, size, lines
            left = replace(
                rule,
                reads=None if rule.reads is None else max(rule.reads - lines, 0),
                bytes=None if rule.bytes is None else max(rule.bytes - size, 0),
            )
            path = folder / EARLIER_READS
            if not path.is_file():
                return
            owed = (folder / DELIVERED).exists()  # a sink of another run may still want them, until they are too old
            offset, gone = kept_from(path, Retention(days=rule.days) if owed else left, now, json_line)
            count += gone
            if gone and offset >= path.stat().st_size:
                shutil.rmtree(folder)
                return
            if gone:
                write_rest(path, offset)
            size, lines = size + path.stat().st_size, lines + _lines(path)

        delete_each(sorted(out.glob("earlier-*"), key=_number, reverse=True), sweep_earlier)
        return count

    return sweep


def _lines(path: Path) -> int:
    with path.open("rb") as stream:
        return count_lines(stream)


def _number(folder: Path) -> int:
    text = folder.name.rpartition("-")[2]
    return int(text) if text.isdigit() else 0
