"""Disks that are full, fill up or cannot be written: one line says so, and what was written before is whole."""

from __future__ import annotations

import csv
import hashlib
import json
import re
import sqlite3
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from subprocess import CompletedProcess
from typing import Any

import cv2
import numpy as np
import pytest
from conftest import ROOT, paint, save_image, save_video, scene
from disk import Disk, missing
from receiver import Receiver

from lpsr_run.sinks.csv_file import COLUMNS
from lpsr_run.sources import read_image

TEXTS = [f"ABC{number:04d}" for number in range(48)]
PAGE = 4096
FULL = "cannot be written: No space left on device; make room, or give another path"
FIXED = "cannot be written: Read-only file system; give another path"
RUN = (sys.executable, "-m", "lpsr_run")


@pytest.fixture
def disk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Disk:
    if why := missing():
        pytest.skip(why)
    monkeypatch.setenv("PYTHONPATH", str(ROOT))
    return Disk(tmp_path)


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    """It answers nothing, so that all reads wait in the spool."""
    one = Receiver()
    one.silent.set()
    yield one
    one.stop()


@pytest.fixture(scope="module")
def plates(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder of plates, each of which becomes a read."""
    folder = tmp_path_factory.mktemp("plates")
    for text in TEXTS:
        save_image(folder / f"{text}.png", paint(text, 40))
    return folder


def whole(path: Path) -> list[dict[str, Any]]:
    """The lines of a file, none of which may be torn."""
    text = path.read_text()
    assert not text or text.endswith("\n")
    return [json.loads(line) for line in text.splitlines()]


def says(done: CompletedProcess[str], path: Path, words: str) -> None:
    """One line: what, where, what to do."""
    assert done.returncode == 1, done.stderr
    assert re.fullmatch(rf"error: {re.escape(str(path))}\S*: {re.escape(words)}.*\n", done.stderr), done.stderr


def costs_itself(done: CompletedProcess[str], path: Path, words: str, told: list[str]) -> None:
    """A disk of an output beside the reads costs that output, or is told before the first read."""
    assert done.returncode == 1, done.stderr
    assert any(str(path) in line and words in line for line in done.stderr.splitlines()), done.stderr
    assert "Traceback" not in done.stderr
    assert told in ([], TEXTS)


def holds_all(found: list[str], told: list[str]) -> None:
    """Whether reads are the first ones that were told: the disk had room for some."""
    assert found == told[: len(found)]


# What earlier runs left on the disk, and what must be there in the end beside the reads that were told.


def reads_before(disk: Path) -> None:
    (disk / "out").mkdir()
    (disk / "out" / "reads.jsonl").write_text('{"text": "EARLIER"}\n')
    (disk / "out" / "run.json").write_text("{}\n")


def reads_after(disk: Path, told: list[str]) -> None:
    out, earlier = disk / "out", disk / "out" / "earlier-1"
    if not earlier.exists():
        earlier = out
        assert whole(out / "reads.jsonl") == [{"text": "EARLIER"}]
    else:
        assert whole(earlier / "reads.earlier.jsonl") == [{"text": "EARLIER"}]
        found = [read["text"] for read in whole(out / "reads.jsonl")]
        assert found == TEXTS[: len(found)]
        assert len(found) < len(TEXTS)
        if (out / "run.json").exists():
            assert json.loads((out / "run.json").read_text())["reads"] == len(found)
    assert json.loads((earlier / "run.json").read_text()) == {}
    assert {path.name for path in out.glob(".*")} <= {".crops.json", ".delivered.json"}, "nothing half written is left"


def table_before(disk: Path) -> None:
    (disk / "reads.csv").write_text(",".join(COLUMNS) + "\n" + "EARLIER" + "," * (len(COLUMNS) - 1) + "\n")


def table_after(disk: Path, told: list[str]) -> None:
    with (disk / "reads.csv").open(newline="") as stream:
        rows = list(csv.DictReader(stream, strict=True))
    assert rows[0]["source"] == "EARLIER"
    holds_all([row["text"] for row in rows[1:]], told)
    assert all(None not in row.values() for row in rows), "no line is torn"


def store_after(disk: Path, told: list[str]) -> None:
    path = disk / "reads.sqlite"
    if told or path.exists():
        with sqlite3.connect(path) as database:
            assert database.execute("PRAGMA integrity_check").fetchone() == ("ok",)
            if told:
                holds_all([text for (text,) in database.execute("SELECT text FROM reads ORDER BY id")], told)


def spool_before(disk: Path) -> None:
    (disk / "spool" / "refused").mkdir(parents=True)
    (disk / "spool" / "00000000000000000001-000000.json").write_text('{"text": "EARLIER"}')


def spool_after(disk: Path, told: list[str]) -> None:
    files = sorted(path for path in (disk / "spool").rglob("*") if path.is_file())
    found = [json.loads(path.read_text())["text"] for path in files]
    assert found[0] == "EARLIER"
    holds_all(found[1:], told)


def evidence_after(disk: Path, told: list[str]) -> None:
    entries = sorted((disk / "evidence").iterdir()) if (disk / "evidence").exists() else []
    folders = [entry for entry in entries if entry.is_dir() and not entry.name.startswith(".part-")]
    cards = [json.loads((folder / "evidence.json").read_text()) for folder in folders]
    holds_all([card["read"]["text"] for card in cards], told)
    for folder, card in zip(folders, cards, strict=True):
        for name, digest in card["files"].items():
            assert hashlib.sha256((folder / name).read_bytes()).hexdigest() == digest


def pictures_before(disk: Path) -> None:
    (disk / "pictures").mkdir()


def pictures_after(disk: Path, told: list[str]) -> None:
    found = sorted((disk / "pictures").iterdir())
    for path in found:
        assert read_image(path).ndim == 3, "none is torn"


@dataclass(frozen=True)
class Case:
    """A sink.

    Attributes:
        arguments: of the command; `{disk}` is the disk, `{hook}` a webhook.
        told: the beginning of the path that the command complains about, within the disk, or the output folder.
        left: bytes that leave room for some reads and not for all.
        after: looks at what is on the disk in the end, given the texts of the reads that were told.
        before: puts onto the disk what earlier runs left.
        linked: what of the output folder lies on the disk.
        full, begun, fixed: what is said of a disk that fills up, of one that is full at the beginning, and of one that
            is read-only.
    """

    arguments: tuple[str, ...]
    told: str
    left: int
    after: Callable[[Path, list[str]], None]
    before: Callable[[Path], None] = lambda disk: None
    linked: str | None = None
    full: str = FULL
    begun: str = FULL
    fixed: str = FIXED


CASES = {
    "reads": Case(("--out", "{disk}/out", "--no-pictures"), "out", 6 * PAGE, reads_after, reads_before),
    "table": Case(("--csv", "{disk}/reads.csv"), "reads.csv", PAGE, table_after, table_before),
    "store": Case(
        ("--store", "{disk}/reads.sqlite"),
        "reads.sqlite",
        40 * PAGE,
        store_after,
        full="cannot be written: database or disk is full; make room, or give another path",
        begun="cannot be used as the store of reads: database or disk is full; make room, or give another path",
        fixed="cannot be used as the store of reads: unable to open database file; give another path",
    ),
    "spool": Case(("--webhook", "{hook}"), "spool", 9 * PAGE, spool_after, spool_before, "spool"),
    "evidence": Case(("--evidence", "{disk}/evidence"), "evidence", 20 * PAGE, evidence_after),
    "pictures": Case((), "pictures", 9 * PAGE, pictures_after, pictures_before, "pictures"),
}


def run(
    disk: Disk, case: Case, plates: Path, hook: str, options: list[str], **how: Any
) -> tuple[CompletedProcess[str], list[str], Path]:
    """What the command says, the texts of `reads.jsonl`, and the path that it is to complain about."""
    out = disk.path.parent / "out"
    out.mkdir()
    case.before(disk.before)
    if case.linked is not None:
        (out / case.linked).symlink_to(disk.path / case.linked)
    given = [word.format(disk=disk.path, hook=hook) for word in case.arguments]
    done = disk.run(*RUN, "--crops", plates, "--out", out, "--quiet", *options, *given, **how)
    lines = whole(out / "reads.jsonl") if (out / "reads.jsonl").exists() else []
    return done, [line["text"] for line in lines], (disk.path if case.linked is None else out) / case.told


OTHERS = {name: case for name, case in CASES.items() if name != "reads"}


def test_a_disk_of_the_reads_that_fills_up_ends_the_run(
    disk: Disk, plates: Path, receiver: Receiver, options: list[str]
) -> None:
    case = CASES["reads"]
    done, told, path = run(disk, case, plates, receiver.plain, options, left=case.left)
    says(done, path, case.full)
    assert told == TEXTS[: len(told)]
    case.after(disk.after, told)


@pytest.mark.parametrize("how", [{"left": 0}, {"read_only": True}], ids=["full", "read-only"])
def test_a_disk_of_the_reads_that_cannot_be_written_ends_the_run(
    disk: Disk, plates: Path, receiver: Receiver, options: list[str], how: dict[str, Any]
) -> None:
    case = CASES["reads"]
    done, told, path = run(disk, case, plates, receiver.plain, options, **how)
    says(done, path, case.fixed if "read_only" in how else case.begun)
    assert not told or told == TEXTS[: len(told)] != TEXTS
    case.after(disk.after, told)


@pytest.mark.parametrize("case", OTHERS.values(), ids=OTHERS)
def test_a_disk_of_an_output_that_fills_up_costs_that_output(
    disk: Disk, plates: Path, receiver: Receiver, options: list[str], case: Case
) -> None:
    done, told, path = run(disk, case, plates, receiver.plain, options, left=case.left)
    costs_itself(done, path, case.full, told)
    assert told == TEXTS
    case.after(disk.after, told)


@pytest.mark.parametrize("how", [{"left": 0}, {"read_only": True}], ids=["full", "read-only"])
@pytest.mark.parametrize("case", OTHERS.values(), ids=OTHERS)
def test_a_disk_of_an_output_that_cannot_be_written_costs_no_more(
    disk: Disk, plates: Path, receiver: Receiver, options: list[str], case: Case, how: dict[str, Any]
) -> None:
    done, told, path = run(disk, case, plates, receiver.plain, options, **how)
    costs_itself(done, path, case.fixed if "read_only" in how else case.begun, told)
    case.after(disk.after, told)


def test_a_disk_that_has_room_for_the_reads_and_not_for_the_report(
    disk: Disk, tmp_path: Path, options: list[str]
) -> None:
    save_image(tmp_path / "plate.png", paint("ABC1234", 40))
    arguments = ["--out", disk.path / "out", "--no-pictures", "--quiet", *options]
    done = disk.run(*RUN, "--crops", tmp_path / "plate.png", *arguments, left=3 * PAGE)  # and lock and options
    says(done, disk.path / "out" / "run.json", FULL)
    assert [read["text"] for read in whole(disk.after / "out" / "reads.jsonl")] == ["ABC1234"]
    assert [path.name for path in (disk.after / "out").iterdir()] == ["reads.jsonl"]


def test_a_status_file_that_finds_no_room_any_more_is_told_and_stops_no_run(
    disk: Disk, plates: Path, tmp_path: Path, options: list[str]
) -> None:
    status = disk.path / "status.json"
    arguments = ["--out", tmp_path / "out", "--status", status, "--quiet", *options]
    done = disk.run(*RUN, "--crops", plates, *arguments, left=PAGE)  # two of them do not fit
    says(done, status, FULL + "; the run goes on")
    assert len(whole(tmp_path / "out" / "reads.jsonl")) == len(TEXTS)
    assert json.loads((disk.after / "status.json").read_text())["status"] == "running"
    assert [path.name for path in disk.after.iterdir()] == ["status.json"]


def test_a_disk_that_becomes_read_only_ends_the_status_file_and_no_run(
    disk: Disk, tmp_path: Path, options: list[str], detector: Path
) -> None:
    status, flag, frames = disk.path / "status.json", tmp_path / "flag", tmp_path / "frames"
    frames.write_bytes(scene("ABC1D34").tobytes() * 4)
    command = [*RUN, "--video", "-", "--raw", "320x240@10", "--detector", detector, "--out", tmp_path / "out"]
    given = " ".join(f"'{word}'" for word in (*command, "--status", status, "--quiet", *options))
    waits = 'n=0; while [ ! -e "$0" ] && [ $n -lt 400 ]; do sleep 0.05; n=$((n+1)); done'
    feed = f'{{ cat "{frames}"; {waits.replace("$0", str(flag))}; sleep 1.5; cat "{frames}"; }} | {given}'
    during = f'{waits.replace("$0", "$1/status.json")}; mount -o remount,bind,ro "$1"; touch "{flag}"'
    done = disk.run("sh", "-c", feed, during=during)
    says(done, status, FIXED + "; the run goes on")
    (read,) = whole(tmp_path / "out" / "reads.jsonl")
    assert read["frames"] == 8
    assert json.loads((disk.after / "status.json").read_text())["status"] == "running"


@pytest.mark.parametrize("option", ["--status", "--log", "--annotate"])
def test_what_cannot_be_begun_on_a_read_only_disk_is_told(
    disk: Disk, tmp_path: Path, options: list[str], detector: Path, option: str
) -> None:
    video = save_video(tmp_path / "v.mp4", [scene("ABC1D34")] * 3)
    (disk.before / "file.mp4").write_text("what was there")
    arguments = [
        "--detector",
        detector,
        "--out",
        tmp_path / "out",
        option,
        disk.path / "file.mp4",
        "--quiet",
        "--overwrite",
    ]
    done = disk.run(*RUN, "--video", video, "--quiet", *arguments, *options, size="8m", read_only=True)
    says(done, disk.path / "file.mp4", FIXED)
    assert (disk.after / "file.mp4").read_text() == "what was there"


def test_a_status_file_that_finds_no_room_at_all_is_told_at_once(
    disk: Disk, plates: Path, tmp_path: Path, options: list[str]
) -> None:
    arguments = ["--out", tmp_path / "out", "--status", disk.path / "status.json", *options]
    done = disk.run(*RUN, "--crops", plates, *arguments, left=0)
    says(done, disk.path / "status.json", FULL)
    assert not list(disk.after.iterdir())


def test_a_log_that_finds_no_room_is_told_once_and_stops_no_run(
    disk: Disk, plates: Path, tmp_path: Path, options: list[str]
) -> None:
    before = "".join(json.dumps({"event": f"{number:088d}"}) + "\n" for number in range(40))
    (disk.before / "log").write_text(before)
    assert len(before) % PAGE > PAGE - 100, "not even the first event fits"
    arguments = ["--out", tmp_path / "out", "--log", disk.path / "log", "--quiet", *options]
    done = disk.run(*RUN, "--crops", plates, *arguments, left=0)
    says(done, disk.path / "log", FULL.replace("cannot be", "events could not be") + "; the run goes on")
    assert (disk.after / "log").read_text() == before
    assert len(whole(tmp_path / "out" / "reads.jsonl")) == len(TEXTS)


def noise(count: int) -> list[np.ndarray]:
    rng, picture = np.random.default_rng(0), scene("ABC1D34")
    pictures = []
    for _ in range(count):
        one = picture.copy()
        one[120:] = rng.integers(0, 256, one[120:].shape, np.uint8)
        pictures.append(one)
    return pictures


def test_a_video_ends_whole_before_the_disk_is_full(
    disk: Disk, tmp_path: Path, options: list[str], detector: Path
) -> None:
    video, drawn = save_video(tmp_path / "v.mp4", noise(60)), disk.path / "drawn.mp4"
    arguments = ["--detector", detector, "--out", tmp_path / "out", "--annotate", drawn, "--quiet", *options]
    done = disk.run(*RUN, "--video", video, *arguments, size="8m", left=(4 << 20) + 64 * PAGE)
    says(done, drawn, "less than 4 MiB are left on its disk; make room, or give another path")
    capture, count = cv2.VideoCapture(str(disk.after / "drawn.mp4")), 0
    while capture.grab():
        count += 1
    assert 8 <= count < 60
    assert count == capture.get(cv2.CAP_PROP_FRAME_COUNT)
