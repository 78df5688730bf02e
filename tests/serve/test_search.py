"""Search over stored reads: what is found, in which order, page by page, and what is forgotten."""

from __future__ import annotations

import base64
import json
import shutil
import sqlite3
import tempfile
import time
from collections.abc import Iterator
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from postgres import cluster
from served import Make
from waiting import until

from lpsr_core.alphabet import ALPHABET, encode
from lpsr_core.compact import from_compact, pack, to_compact, unpack
from lpsr_core.decode import alternatives, decode
from lpsr_core.errors import LpsrError, UsageError
from lpsr_core.geometry import Box
from lpsr_core.layouts import DEFAULT_LAYOUTS, parse_layouts
from lpsr_core.reads import Read
from lpsr_core.similarity import edit_distances
from lpsr_run.retention import sweeper
from lpsr_run.retention.policy import Retention
from lpsr_run.sinks import SpooledSink, SqliteSink
from lpsr_run.sinks.base import Record
from lpsr_run.sinks.postgres import inserter, sweep_postgres
from lpsr_run.sinks.spool import NotTakenError
from lpsr_serve.search import Filters, SearchIndex, open_store, search_likely, search_near, search_pattern
from lpsr_serve.search import index as index_module

SEGMENT = 64
"""Reads of a segment: a few hundred reads fill several."""


def said(text: str, doubt: dict[int, tuple[str, float]] | None = None) -> np.ndarray:
    """Log-probabilities that speak for a text, with another character and its probability at some places."""
    found = np.full((7, 36), 1e-4)
    found[np.arange(7), encode(text)] = 1 - 35e-4
    for place, (other, probability) in (doubt or {}).items():
        found[place, ALPHABET.index(text[place])] -= probability
        found[place, ALPHABET.index(other)] += probability
    return np.log(found)


def read(heard: np.ndarray, number: int, /, **changes) -> Read:
    reading = decode(heard)
    told = Read(
        *("gate", 3, 120.0, Box(1, 2, 30, 10), reading.text, reading.layout.name, reading.confidence),
        *(reading.characters, 2, 1, False, None, None, 0),
        run="R",
        number=number,
        log_probs=pack(heard),
    )
    return replace(told, **changes)


class Store:
    """A store and its index, filled read by read."""

    def __init__(self, folder: Path) -> None:
        self.path = folder / "reads.sqlite"
        self._sink, self.count = SqliteSink(self.path), 0
        self._sink._database.execute("PRAGMA synchronous = OFF")  # no power cut is tested here
        self.index = SearchIndex(open_store(self.path), folder / "index", SEGMENT)

    def add(self, plate: str, /, doubt: dict[int, tuple[str, float]] | None = None, **changes) -> None:
        self.count += 1
        self._sink.deliver(Record.of(read(said(plate, doubt), self.count, **changes)))

    def close(self) -> None:
        self._sink.close()


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    made = Store(tmp_path)
    yield made
    made.close()


def texts(page) -> list[str]:
    return [found.row.fields["text"] for found in page.found]


def random_texts(count: int, seed: int = 0) -> list[str]:
    random = np.random.default_rng(seed)
    kinds = ["LLLDDDD", "LLLDLDD"]
    return [
        "".join(ALPHABET[random.integers(10, 36) if kind == "L" else random.integers(10)] for kind in kinds[number % 2])
        for number in range(count)
    ]


def test_compact_log_probabilities_keep_what_matters() -> None:
    random = np.random.default_rng(0)
    plates = np.exp([said(text) for text in random_texts(50)])
    log_probs = np.log(0.6 * plates + 0.4 * random.dirichlet(np.full(36, 0.1), (50, 7)) + 1e-12)
    log_probs -= np.logaddexp.reduce(log_probs, axis=-1, keepdims=True)
    kept = from_compact(to_compact(log_probs))
    near, far = log_probs > -1, log_probs > -23
    assert np.abs(kept - log_probs)[near].max() < 0.02
    assert np.abs(kept - log_probs)[far].max() < 0.1
    for one, other in zip(log_probs, kept, strict=True):
        assert decode(one).text == decode(other).text
        for told, again in zip(alternatives(one), alternatives(other), strict=True):
            assert again.probability == pytest.approx(told.probability, rel=0.25, abs=1e-3)
    assert unpack(pack(log_probs[0])) == to_compact(log_probs[0]).tobytes()
    with pytest.raises(ValueError, match="not 252"):
        unpack("AAAA")


def test_patterns_find_what_they_say_newest_first(store: Store) -> None:
    told = [*random_texts(3 * SEGMENT + 5), "ABX1D23", "ABY1D29", "ABC1E23", "AAB1D23"]
    for text in told:
        store.add(text)
    assert store.index.follow() == len(told)
    assert store.index.follow() == 0
    assert texts(search_pattern(store.index, "AB?1D2?")) == ["ABY1D29", "ABX1D23"]
    assert texts(search_pattern(store.index, "ab-?1d2?")) == ["ABY1D29", "ABX1D23"]
    for pattern, fits in (("???1D??", lambda t: t[3:5] == "1D"), ("*23", lambda t: t.endswith("23"))):
        page = search_pattern(store.index, pattern, limit=1000)
        assert texts(page) == [text for text in reversed(told) if fits(text)]
        assert page.total == len(page.found)
    found = texts(search_pattern(store.index, "A*1*2*", limit=1000))
    assert found == [t for t in reversed(told) if t[0] == "A" and "1" in t[1:] and "2" in t[t.index("1", 1) + 1 :]]


@pytest.mark.parametrize("pattern", ["", "AB1", "AB?1D2?4", "AB!1D23", "*AB1D2345*"])
def test_patterns_that_fit_no_plate_are_refused(store: Store, pattern: str) -> None:
    with pytest.raises(UsageError):
        search_pattern(store.index, pattern)


def test_many_stars_are_one(store: Store) -> None:
    for text in random_texts(5):
        store.add(text)
    store.index.follow()
    start = time.process_time()
    assert search_pattern(store.index, "*" * 8).total == search_pattern(store.index, "*").total
    assert search_pattern(store.index, "****A****1****").total == search_pattern(store.index, "*A*1*").total
    assert time.process_time() - start < 2, "each star would multiply the forms by eight"


@pytest.mark.parametrize("place", ["Infinity", "-Infinity", "NaN"])
def test_a_cursor_that_is_no_number_is_refused(store: Store, place: str) -> None:
    for text in random_texts(5):
        store.add(text)
    store.index.follow()
    cursor = search_pattern(store.index, "*", limit=1).cursor
    assert cursor is not None
    rank, _, sign = json.loads(base64.urlsafe_b64decode(cursor + "=" * (-len(cursor) % 4)))
    forged = base64.urlsafe_b64encode(f'[{rank}, {place}, "{sign}"]'.encode()).decode()
    with pytest.raises(UsageError, match="cursor"):
        search_pattern(store.index, "*", limit=1, cursor=forged)


def distance(one: str, other: str) -> int:
    """Edit distance in whole edits, the way it is taught."""
    row = list(range(len(other) + 1))
    for number, character in enumerate(one, start=1):
        before, row = row, [number]
        for place, rival in enumerate(other):
            row.append(min(before[place] + (character != rival), before[place + 1] + 1, row[place] + 1))
    return row[-1]


def test_edit_distances_are_those_of_the_definition() -> None:
    told = [*random_texts(60), "ABC1D23", "BC1D234", "0BC1D23"]
    columns = np.array([encode(text) for text in told]).T.astype(np.uint8)
    for text in ("ABC1D23", "BC1D23", "ABC1D234", told[3][1:], told[4][:2] + "X" + told[4][3:]):
        found = edit_distances(text, columns, confusable=False)
        assert [2 * distance(text, other) for other in told] == found.tolist()
        banded = edit_distances(text, columns, confusable=False, most=4)
        assert np.minimum(banded, 5).tolist() == np.minimum(found, 5).tolist()
    half = edit_distances("OBC1D23", columns)
    assert half[-1] == 1, "O and 0 are easily taken for each other"
    assert edit_distances("?BC1D23", columns)[-1] == 0


def test_near_texts_are_found_nearest_first(store: Store) -> None:
    for text in [*random_texts(SEGMENT), "ABC1D23", "ABC1D28", "ADC1D23", "ABC1D23", "XBC1D23", "XYC1D23"]:
        store.add(text)
    store.index.follow()
    page = search_near(store.index, "ABC1D23", 1.0)
    assert texts(page) == ["ABC1D23", "ABC1D23", "ADC1D23", "XBC1D23", "ABC1D28"]
    assert [found.edits for found in page.found] == [0.0, 0.0, 0.5, 1.0, 1.0]
    assert [found.edits for found in search_near(store.index, "ABC1D23", 0.0).found] == [0.0, 0.0]
    assert "XYC1D23" in texts(search_near(store.index, "ABC1D23", 2.0))
    assert texts(search_near(store.index, "BC1D23", 1.0))[:2] == ["XBC1D23", "ABC1D23"], "a character is missing"
    with pytest.raises(UsageError, match="between 0 and 2"):
        search_near(store.index, "ABC1D23", 3)


def test_likely_texts_are_found_most_probable_first(store: Store) -> None:
    for text in random_texts(2 * SEGMENT):
        store.add(text)
    store.add("ABC1D23")
    store.add("ABC1D28", {6: ("3", 0.3)})
    store.add("ABC1D28", {6: ("3", 0.1)})
    store.add("A8C1D23".replace("8", "B"), {0: ("X", 0.2)})
    store.index.follow()
    page = search_likely(store.index, "ABC1D23", 0.02)
    assert texts(page) == ["ABC1D23", "ABC1D23", "ABC1D28", "ABC1D28"]
    doubts = ({}, {0: ("X", 0.2)}, {6: ("3", 0.3)}, {6: ("3", 0.1)})
    for found, text, doubt in zip(page.found, texts(page), doubts, strict=True):
        said_of = {one.text: one.probability for one in alternatives(said(text, doubt), count=20)}
        assert found.probability == pytest.approx(said_of["ABC1D23"], rel=0.1)
    assert len(search_likely(store.index, "ABC1D23", 0.2).found) == 3
    with pytest.raises(UsageError, match="follows none of the layouts"):
        search_likely(store.index, "1BC1D23")
    with pytest.raises(UsageError, match="has 6 characters"):
        search_likely(store.index, "ABC1D2")
    assert search_likely(store.index, "AB123CD", layouts=parse_layouts(["argentina"])).total == 0


def test_probabilities_are_normalised_over_the_texts_of_the_layouts(store: Store) -> None:
    # The reader cannot tell B from 8 at a place that is a letter under every layout.
    store.add("ABC1D23", {1: ("8", 0.6)})
    store.index.follow()
    (found,) = search_likely(store.index, "ABC1D23").found
    expected = decode(said("ABC1D23", {1: ("8", 0.6)}), DEFAULT_LAYOUTS).confidence
    assert found.probability == pytest.approx(expected, rel=0.05)
    assert found.probability > 0.9


def test_filters_leave_out_other_cameras_times_and_plates_that_are_still_seen(store: Store) -> None:
    store.add("ABC1D23", source="gate", time="2026-01-01T10:00:00.000+00:00")
    store.add("ABC1D23", source="yard", time="2026-01-01T11:00:00.000+00:00")
    store.add("ABC1D23", source="yard", time="2026-01-01T12:00:00.000+00:00", event="first")
    store.index.follow()
    eleven = 1767265200.0  # 2026-01-01T11:00Z

    def count(**conditions) -> int:
        counts = {
            search_pattern(store.index, "ABC1D23", Filters(**conditions)).total,
            search_near(store.index, "ABC1D23", 1.0, Filters(**conditions)).total,
            search_likely(store.index, "ABC1D23", filters=Filters(**conditions)).total,
        }
        assert len(counts) == 1
        return counts.pop()

    assert count() == 2
    assert count(final=False) == 3
    assert count(since=eleven) == 1
    assert count(until=eleven) == 1
    assert count(cameras=("yard",)) == 1
    assert count(cameras=("yard", "gate")) == 2
    assert count(cameras=("nowhere",)) == 0


def test_pages_hold_every_read_once_also_while_more_come(store: Store) -> None:
    for number in range(2 * SEGMENT + 3):
        store.add("ABC1D23", {6: ("8", 0.01 * (number % 7))})
    store.index.follow()
    for search in (
        lambda cursor: search_pattern(store.index, "ABC????", limit=10, cursor=cursor),
        lambda cursor: search_near(store.index, "ABC1D23", limit=10, cursor=cursor),
        lambda cursor: search_likely(store.index, "ABC1D23", limit=10, cursor=cursor),
    ):
        count, seen, cursor = store.count, [], None
        while True:
            page = search(cursor)
            seen += [found.row.id for found in page.found]
            cursor = page.cursor
            if cursor is None:
                break
            if len(seen) == 20:
                store.add("XYZ1D23")
                store.index.follow()
        assert len(seen) == len(set(seen)) == sum(1 for one in seen if one <= count)
        assert len(seen) >= 2 * SEGMENT + 3
    page = search_pattern(store.index, "ABC????", limit=10)
    with pytest.raises(UsageError, match="belongs to another search"):
        search_near(store.index, "ABC1D23", limit=10, cursor=page.cursor)
    with pytest.raises(UsageError, match="belongs to another search"):
        search_pattern(store.index, "ABC????", limit=10, cursor="nonsense")
    with pytest.raises(UsageError, match="1 to 1000"):
        search_pattern(store.index, "ABC????", limit=0)


def test_hidden_reads_are_found_by_no_search(store: Store) -> None:
    store.add("ABC1D23", text="#0123456789abcdef", log_probs="")
    store.index.follow()
    assert search_pattern(store.index, "*").total == 0
    assert search_near(store.index, "ABC1D23", 2.0).total == 0
    assert search_likely(store.index, "ABC1D23").total == 0


def test_what_the_store_loses_is_forgotten(store: Store, tmp_path: Path) -> None:
    for number in range(3 * SEGMENT):
        store.add("ABC1D23" if number % 2 else "XYZ9876")
    store.index.follow()
    with sqlite3.connect(store.path) as database:
        database.execute("DELETE FROM reads WHERE id <= 10 OR id = 100")
        assert database.execute("SELECT count(*) FROM log_probs").fetchone() == (3 * SEGMENT - 11,)
    page = search_pattern(store.index, "ABC1D23", limit=1000)
    assert len(page.found) == 3 * SEGMENT // 2 - 6, "left out of pages at once"
    store.index._counted = -1e9  # as after a minute
    store.index.follow()
    assert store.index.rows == 3 * SEGMENT - 11
    assert search_pattern(store.index, "ABC1D23", limit=1000).total == 3 * SEGMENT // 2 - 6
    levels = [segment.levels[:, :count] for segment, count in store.index.parts()]
    assert (np.concatenate(levels, axis=1) == 255).all(axis=0).sum() == 11, "and erased on the disk"
    again = SearchIndex(open_store(store.path), tmp_path / "index", SEGMENT)
    assert again.follow() == 0
    assert again.rows == 3 * SEGMENT - 11


def test_a_server_erases_what_it_may_keep_no_longer_though_nobody_searches_or_passes(
    make_client: Make, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sweeper, "SWEEP_SECONDS", 0.05)
    monkeypatch.setattr(index_module, "_COUNTED_SECONDS", 0.0)
    client = make_client(keep_days=1)
    path = tmp_path / "store" / "reads.sqlite"
    with SqliteSink(path) as sink:
        sink.deliver(Record.of(read(said("ABC1D23"), 1)))
        assert client.get("/api/v1/search", params={"way": "pattern", "text": "ABC1D23"}).json()["total"] == 1
        assert list((tmp_path / "store").rglob("*.segment"))
        with closing(sqlite3.connect(path)) as database, database:
            database.execute("UPDATE reads SET stored = stored - 2 * 86400")
        until(lambda: not list((tmp_path / "store").rglob("*.segment")))


def test_an_index_of_another_database_is_made_anew(store: Store, tmp_path: Path) -> None:
    for text in random_texts(10):
        store.add(text)
    store.index.follow()
    store.close()
    for path in tmp_path.glob("reads.sqlite*"):
        path.unlink()
    other = Store(tmp_path)
    for number in range(12):
        other.add("ABC1D23", run=f"S{number}")
    assert other.index.follow() == 12
    assert search_pattern(other.index, "*", limit=100).total == 12
    other.close()


def test_a_store_of_an_earlier_version_is_upgraded(tmp_path: Path) -> None:
    path = tmp_path / "reads.sqlite"
    made = Store(tmp_path)
    made.add("ABC1D23")
    made.close()
    with sqlite3.connect(path) as database:
        database.execute("DROP TRIGGER reads_deleted")
        database.execute("DROP TABLE log_probs")
        for column in ("zone", "hit"):
            database.execute(f"ALTER TABLE reads DROP COLUMN {column}")
        database.execute("PRAGMA user_version = 3")
    again = Store(tmp_path)
    again.count = 1
    again.add("ABC1D23", zone="entry")
    again.index.follow()
    assert search_pattern(again.index, "ABC1D23").total == 2
    assert search_likely(again.index, "ABC1D23").total == 1, "the other has no log-probabilities"
    assert [found.row.fields["zone"] for found in search_pattern(again.index, "ABC1D23").found] == ["entry", None]
    again.close()


def test_a_store_that_is_missing_is_told(tmp_path: Path) -> None:
    with pytest.raises(LpsrError, match="no such store"):
        open_store(tmp_path / "none.sqlite")


@pytest.fixture(scope="module")
def server() -> Iterator[str]:
    folder = Path(tempfile.mkdtemp(prefix="pg"))  # short, as paths of sockets are
    try:
        with cluster(folder) as url:
            yield url
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def test_postgresql_holds_each_read_once_and_is_searched_alike(server: str, tmp_path: Path) -> None:
    insert = inserter(server)
    told = [read(said(text), number) for number, text in enumerate([*random_texts(20), "ABC1D23"], start=1)]
    told.append(read(said("ABC1D28", {6: ("3", 0.3)}), 22, zone="entry"))
    for one in [*told, *told[:5]]:
        insert(Record.of(one).line.encode(), one.key)
    index = SearchIndex(open_store(server), tmp_path / "index", SEGMENT)
    assert index.follow() == 22
    assert texts(search_pattern(index, "ABC1D2?")) == ["ABC1D28", "ABC1D23"]
    assert texts(search_near(index, "ABC1D23")) == ["ABC1D23", "ABC1D28"]
    page = search_likely(index, "ABC1D23", 0.01)
    assert texts(page) == ["ABC1D23", "ABC1D28"]
    assert page.found[1].row.fields["zone"] == "entry"
    assert "log_probs" not in page.found[1].row.fields
    assert sweep_postgres(server, Retention(days=1), time.time()) == 0
    assert sweep_postgres(server, Retention(reads=2), time.time()) == 20
    assert sweep_postgres(server, Retention(days=1), time.time() + 2 * 86400) == 2


def test_a_postgresql_server_that_cannot_be_reached_holds_nothing_up(tmp_path: Path) -> None:
    pytest.importorskip("psycopg", reason="psycopg is not installed")
    url = f"postgresql://me:hunter2@/x?host={tmp_path}"
    with pytest.raises(NotTakenError) as caught:
        inserter(url)(Record.of(read(said("ABC1D23"), 1)).line.encode(), "R-1")
    assert "hunter2" not in str(caught.value)
    with SpooledSink(inserter(url), "store", tmp_path / "spool") as sink:
        sink.deliver(Record.of(read(said("ABC1D23"), 1)))
        assert sink.waiting == 1
    assert sweep_postgres(url, Retention(days=1), time.time()) == 0
    with pytest.raises(LpsrError, match="cannot be reached") as refused:
        SearchIndex(open_store(url), tmp_path / "index").follow()
    assert "hunter2" not in str(refused.value)
