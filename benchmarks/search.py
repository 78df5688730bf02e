"""Times the three searches over synthetic reads, and measures what a read costs on disk.

    python -m benchmarks.search --reads 1000000 --folder runs/search

Texts are drawn evenly from the Brazilian and Mercosur layouts. Each position's probability goes to the drawn character
by a Beta distribution, most of the rest to one character that is easily taken for it, and what is left to all others:
so texts that were read wrongly, and texts that are uncertain, are among them.
"""

from __future__ import annotations

import argparse
import json
import sqlite3
import statistics
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lpsr_core.alphabet import ALPHABET, CLASSES, PLATE_LENGTH
from lpsr_core.compact import pack, to_compact
from lpsr_core.decode import alternatives, decode
from lpsr_core.geometry import Box
from lpsr_core.layouts import DEFAULT_LAYOUTS
from lpsr_core.reads import Read
from lpsr_core.similarity import CONFUSABLE
from lpsr_run.sinks.base import Record
from lpsr_run.sinks.rows import COLUMNS, row_of
from lpsr_run.sinks.sqlite_store import SqliteSink
from lpsr_serve.search import Filters, Page, SearchIndex, open_store, search_likely, search_near, search_pattern
from lpsr_serve.search.segment import INDEX_BYTES

_BATCH = 8192
_CAMERAS = 20
_SAMPLE = 2000
"""Reads of which the growth of the database is measured, written as a run writes them."""
_SPAN = 90 * 86400.0


def main() -> None:
    """Make the reads, index them, and print what each search takes."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--reads", type=int, default=1_000_000, help="number of reads (default 1,000,000)")
    parser.add_argument("--folder", type=Path, required=True, help="of database and index; used again if there")
    parser.add_argument("--repeat", type=int, default=7, help="runs of each search (default 7)")
    parser.add_argument("--json", type=Path, help="write the figures to a file")
    options = parser.parse_args()
    options.folder.mkdir(parents=True, exist_ok=True)
    figures: dict[str, Any] = {"reads": options.reads, "growth": growth(options.folder)}
    path = options.folder / "reads.sqlite"
    if not path.exists():
        make(path, options.reads)
    figures["database_bytes"] = path.stat().st_size
    index = SearchIndex(open_store(path), options.folder / "index")
    start = time.perf_counter()
    new = index.follow()
    seconds = round(time.perf_counter() - start, 2)
    figures["indexing"] = {"reads": new, "seconds": seconds, "bytes_per_read": INDEX_BYTES}
    print(f"indexed {new} reads in {seconds} s, {INDEX_BYTES} bytes a read")
    figures["seconds"] = {name: timed(name, search, options.repeat) for name, search in searches(index, path)}
    if options.json is not None:
        options.json.write_text(json.dumps(figures, indent=1) + "\n")


def searches(index: SearchIndex, path: Path) -> list[tuple[str, Callable[[], Page]]]:
    """The searches that are timed, by name, for a text that the store holds."""
    with sqlite3.connect(path) as database:
        (text,) = database.execute("SELECT text FROM reads ORDER BY id LIMIT 1 OFFSET 1000").fetchone()
        (newest,) = database.execute("SELECT max(stored) FROM reads").fetchone()
    pattern = text[:2] + "?" + text[3:5] + "??"
    some = Filters(since=newest - 7 * 86400, cameras=("camera 3", "camera 7"))
    return [
        (f"pattern {pattern}", lambda: search_pattern(index, pattern)),
        ("pattern *7?", lambda: search_pattern(index, "*7?")),
        (f"edit distance 1, {text}", lambda: search_near(index, text, 1.0)),
        (f"edit distance 2, {text}", lambda: search_near(index, text, 2.0)),
        (f"likelihood {text}", lambda: search_likely(index, text)),
        (f"likelihood {text}, 7 days, 2 cameras", lambda: search_likely(index, text, filters=some)),
        ("nothing new to follow", lambda: Page((), None, index.follow())),
    ]


def timed(name: str, search: Callable[[], Page], repeat: int) -> dict[str, float]:
    """The first time, the median and the longest of the others, and the median processor time, in seconds."""
    seconds, processor = [], []
    for _ in range(repeat):
        start, busy = time.perf_counter(), time.process_time()
        page = search()
        seconds.append(time.perf_counter() - start)
        processor.append(time.process_time() - busy)
    first, others = seconds[0], seconds[1:] or seconds
    median, most, cpu = statistics.median(others), max(others), statistics.median(processor)
    print(f"{name}: first {first:.3f} s, then median {median:.3f}, at most {most:.3f}, ", end="")
    print(f"processor {cpu:.3f}; {page.total} fit", flush=True)
    return {"first": round(first, 4), "median": round(median, 4), "most": round(most, 4), "processor": round(cpu, 4)}


def growth(folder: Path) -> dict[str, float]:
    """Bytes that a read adds to the database, with and without its log-probabilities, and to `reads.jsonl`."""
    found: dict[str, float] = {}
    for name in ("with log_probs", "without"):
        path = folder / "growth.sqlite"
        lines = 0
        with SqliteSink(path) as sink:
            sink._database.execute("PRAGMA synchronous = OFF")  # of a file that is measured and deleted
            for number, read in enumerate(reads(_SAMPLE), start=1):
                kept = replace(read, number=number, log_probs=read.log_probs if name == "with log_probs" else "")
                record = Record.of(kept)
                lines += len(record.line) + 1
                sink.deliver(record)
            sink._database.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        found[f"database, {name}"] = round(path.stat().st_size / _SAMPLE, 1)
        found[f"reads.jsonl, {name}"] = round(lines / _SAMPLE, 1)
        for file in folder.glob("growth.sqlite*"):
            file.unlink()
    print("; ".join(f"{name}: {value} bytes a read" for name, value in found.items()))
    return found


def make(path: Path, count: int) -> None:
    """A database of so many reads, in the form of the store."""
    sample = next(reads(1))
    with SqliteSink(path):
        pass
    database = sqlite3.connect(path)
    database.execute("PRAGMA synchronous = OFF")
    marks = ", ".join("?" * (len(COLUMNS) - 1))
    template = dict(zip(COLUMNS, row_of(Record.of(replace(sample, run="01BENCH", number=1))), strict=True))
    head, tail = template["json"].split(f'"{sample.text}"', 1)
    began, now = time.perf_counter(), time.time()
    random = np.random.default_rng(1)
    for start in range(0, count, _BATCH):
        size = min(_BATCH, count - start)
        log_probs = distributions(random, size)
        packed = to_compact(log_probs).reshape(size, PLATE_LENGTH * CLASSES)
        texts = ["".join(ALPHABET[one] for one in row) for row in decoded(log_probs)]
        rows = []
        for place, text in enumerate(texts):
            number = start + place + 1
            values = {**template, "stored": now - _SPAN * (1 - number / count), "text": text, "number": number}
            values |= {"source": f"camera {number % _CAMERAS}", "json": f'{head}"{text}"{tail}'}
            rows.append(tuple(values.values())[:-1])
        database.executemany(f"INSERT INTO reads ({', '.join(COLUMNS[:-1])}) VALUES ({marks})", rows)
        levels = [(start + place + 1, row.tobytes()) for place, row in enumerate(packed)]
        database.executemany("INSERT INTO log_probs VALUES (?, ?)", levels)
        database.commit()
        rate = (start + size) / (time.perf_counter() - began)
        if (start // _BATCH) % 10 == 0:
            left = (count - start - size) / rate
            print(f"{start + size} of {count} reads, {rate:.0f}/s, {left:.0f} s left", flush=True)
    database.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    database.close()


def reads(count: int) -> Iterator[Read]:
    """Reads as a run makes them."""
    random = np.random.default_rng(2)
    for log_probs in distributions(random, count):
        reading = decode(log_probs)
        yield Read(
            source="rtsp://***@10.0.0.7/live",
            frame=1234,
            milliseconds=51416.7,
            box=Box(437.2, 200.1, 64.3, 22.9),
            text=reading.text,
            layout=reading.layout.name,
            confidence=reading.confidence,
            characters=reading.characters,
            frames=17,
            agreeing=11,
            super_resolved=True,
            lr_image="pictures/01M8GGMR5XH0FS38QYSS9326G0-00000001-live-lr.png",
            sr_image="pictures/01M8GGMR5XH0FS38QYSS9326G0-00000001-live-sr.png",
            track=3,
            alternatives=alternatives(log_probs),
            time="2026-11-28T10:00:00.000+00:00",
            certain=reading.certain(),
            run="01M8GGMR5XH0FS38QYSS9326G0",
            number=1,
            log_probs=pack(log_probs),
        )


def distributions(random: np.random.Generator, count: int) -> NDArray[np.float32]:
    """float32[N, 7, 36] log-probabilities of drawn plates."""
    masks = np.array([layout.mask for layout in DEFAULT_LAYOUTS])[random.integers(0, 2, count)]
    weights = random.random(masks.shape) * masks
    drawn = weights.argmax(axis=2)
    likely = random.beta(4, 0.4, (count, PLATE_LENGTH))
    alike = confused(random)[drawn]
    rest = 1 - likely
    found = np.repeat((0.1 * rest / CLASSES)[..., None], CLASSES, axis=2)
    np.put_along_axis(found, alike[..., None], (0.9 * rest)[..., None], axis=2)
    np.put_along_axis(found, drawn[..., None], likely[..., None], axis=2)
    return np.log(np.maximum(found, 1e-12)).astype(np.float32)


def confused(random: np.random.Generator) -> NDArray[np.int64]:
    """int64[36]: a character that each is easily taken for, or any other one."""
    others = (np.arange(CLASSES) + random.integers(1, CLASSES, CLASSES)) % CLASSES
    for first, second in map(tuple, CONFUSABLE):
        others[ALPHABET.index(first)] = ALPHABET.index(second)
        others[ALPHABET.index(second)] = ALPHABET.index(first)
    return others


def decoded(log_probs: NDArray[np.float32]) -> NDArray[np.int64]:
    """int64[N, 7], the classes of the likeliest texts."""
    masks = np.array([layout.mask for layout in DEFAULT_LAYOUTS])
    masked = np.where(masks[:, None], log_probs, -np.inf)
    best = masked.max(axis=3).sum(axis=2).argmax(axis=0)
    found: NDArray[np.int64] = masked[best, np.arange(len(log_probs))].argmax(axis=2)
    return found


if __name__ == "__main__":
    main()
