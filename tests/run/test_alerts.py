"""Alerts: watch lists, hits and rules, from the file to what a sink is told."""

from __future__ import annotations

import errno
import json
import os
import signal
import time
from collections.abc import Iterator
from contextlib import ExitStack, nullcontext
from pathlib import Path
from typing import Any
from unittest.mock import Mock

import numpy as np
import pytest
from camera import Camera
from conftest import Command, save_image, scene
from receiver import Receiver
from watcher import Watcher

from lpsr_core.alphabet import ALPHABET, encode
from lpsr_core.compact import pack
from lpsr_core.decode import alternatives
from lpsr_core.errors import LpsrError, UsageError
from lpsr_core.layouts import DEFAULT_LAYOUTS
from lpsr_run.alerts import Entry, HitList, Rule, load_alerts, load_entries
from lpsr_run.alerts.alerts import Alerts, check_sinks, open_alerts
from lpsr_run.alerts.hits import best_hit
from lpsr_run.alerts.rules import Gate
from lpsr_run.alerts.settings import AlertsFile, SinkSettings
from lpsr_run.alerts.sink import AlertSink
from lpsr_run.cameras import Schedule, load_cameras
from lpsr_run.config import RunConfig
from lpsr_run.monitor.summary import Summary
from lpsr_run.pipeline.open_sinks import open_outbox
from lpsr_run.sinks.base import Record


def said(text: str, doubt: dict[int, tuple[str, float]] | None = None) -> np.ndarray:
    found = np.full((7, 36), 1e-4)
    found[np.arange(7), encode(text)] = 1 - 35e-4
    for place, (other, probability) in (doubt or {}).items():
        found[place, ALPHABET.index(text[place])] -= probability
        found[place, ALPHABET.index(other)] += probability
    return np.log(found)


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("a.txt", "# ours\n\nABC-1D23  # the white van\nxyz 9876\nABC1D23 # again\n"),
        ("a.csv", "Plate,Note\nabc1d23,the white van\n\nXYZ-9876,\n"),
        ("a.csv", "note;plate\nthe white van;ABC1D23\n;XYZ9876\n"),
        ("a.toml", '[[plate]]\ntext = "ABC1D23"\nnote = "the white van"\n[[plate]]\ntext = "xyz-9876"\n'),
    ],
)
def test_watch_lists_are_read_in_three_forms(tmp_path: Path, name: str, text: str) -> None:
    path = tmp_path / name
    path.write_text(text)
    assert load_entries(path) == (Entry("ABC1D23", "the white van"), Entry("XYZ9876", ""))


@pytest.mark.parametrize(
    ("name", "text", "message"),
    [
        ("a.txt", "", "the watch list is empty; give one plate a line"),
        ("a.txt", "# nothing\n\n", "the watch list is empty"),
        ("a.csv", "plate,note\n", "the watch list is empty"),
        (
            "a.csv",
            'plate,note\nABC1D23,"white van\nXYZ9876,\n',
            "unexpected end of data; is a quotation mark left open?",
        ),
        ("a.toml", "", "the watch list is empty"),
        ("a.txt", "ABC1D23\nABC1D2\n", "line 2: 'ABC1D2' is not a plate of 7 letters and digits"),
        ("a.csv", "plate\nABC1D23\nAB*1D23\n", "line 3: 'AB*1D23' is not a plate"),
        ("a.csv", "number\nABC1D23\n", "line 1: has no column called plate"),
        ("a.toml", '[[plate]]\ntext = "AB"\n', "line 2: plate.text: 'AB' is not a plate"),
        ("a.toml", '[[plate]]\nplate = "ABC1D23"\n', "line 2: plate.plate: unknown key"),
    ],
)
def test_a_watch_list_that_cannot_be_meant_is_an_error(tmp_path: Path, name: str, text: str, message: str) -> None:
    path = tmp_path / name
    path.write_text(text)
    with pytest.raises(UsageError) as caught:
        load_entries(path)
    assert message in str(caught.value)
    assert str(path) in str(caught.value)


def hit_list(*texts: str, ways: tuple[str, ...] = ("exact",), **changes) -> HitList:
    return HitList("list", tuple(map(Entry, texts)), frozenset(ways), **changes)  # type: ignore[arg-type]


def test_a_read_hits_the_text_itself() -> None:
    one = HitList("stolen", (Entry("ABC1D23", "a van"), Entry("XYZ9876")))
    hit = one.hit("ABC1D23", said("ABC1D23"), DEFAULT_LAYOUTS)
    assert hit is not None
    assert (hit.list, hit.text, hit.way, hit.edits, hit.note) == ("stolen", "ABC1D23", "exact", 0.0, "a van")
    assert hit.probability == pytest.approx(0.99, abs=0.01)
    assert one.hit("ABC1D28", said("ABC1D28"), DEFAULT_LAYOUTS) is None


def test_a_read_hits_texts_that_are_few_edits_away() -> None:
    one = hit_list("ABC1D23", "XYZ9876", ways=("fuzzy",), edits=1.0)
    for text, edits in (("ABC1D28", 1.0), ("A8C1D23", 0.5), ("BC1D234", None), ("AXX1D23", None), ("ABC1D23", 0.0)):
        hit = one.hit(text, None, DEFAULT_LAYOUTS)
        assert (None if hit is None else (hit.text, hit.edits, hit.way)) == (
            edits if edits is None else ("ABC1D23", edits, "fuzzy")
        )


def test_a_read_hits_texts_that_are_likely_enough() -> None:
    doubtful = said("ABC1D28", {6: ("3", 0.3)})
    truth = {one.text: one.probability for one in alternatives(doubtful)}["ABC1D23"]
    hit = hit_list("ABC1D23", ways=("likelihood",), probability=0.2).hit("ABC1D28", doubtful, DEFAULT_LAYOUTS)
    assert hit is not None
    assert (hit.text, hit.way, hit.edits) == ("ABC1D23", "likelihood", 1.0)
    assert hit.probability == pytest.approx(truth, rel=1e-3)
    assert hit_list("ABC1D23", ways=("likelihood",), probability=0.5).hit("ABC1D28", doubtful, DEFAULT_LAYOUTS) is None
    assert hit_list("ABC1D23", ways=("likelihood",)).hit("ABC1D28", None, DEFAULT_LAYOUTS) is None
    assert hit_list("1111111", ways=("likelihood",)).hit("ABC1D28", doubtful, DEFAULT_LAYOUTS) is None


def test_the_best_hit_is_exact_or_the_most_probable_one() -> None:
    doubtful = said("ABC1D28", {6: ("3", 0.3)})
    lists = (
        HitList("far", (Entry("ABC1D29"), Entry("ABC1D23")), frozenset({"fuzzy", "likelihood"})),
        HitList("same", (Entry("ABC1D28"),)),
    )
    best = best_hit(lists, "ABC1D28", doubtful, DEFAULT_LAYOUTS)
    assert best is not None
    assert (best.list, best.text) == ("same", "ABC1D28")
    best = best_hit(lists[:1], "ABC1D28", doubtful, DEFAULT_LAYOUTS)
    assert best is not None
    assert (best.text, best.way) == ("ABC1D23", "likelihood")


def told(**changes: Any) -> dict[str, Any]:
    read = {
        "run": "R",
        "source": "gate",
        "track": 1,
        "text": "ABC1D23",
        "zone": "entry",
        "confidence": 0.8,
        "hit": None,
    }
    return {**read, "confidence": 0.8, "time": "2026-11-28T12:00:00.000+00:00", **changes}


HIT = {"list": "stolen", "text": "XYZ9876", "way": "fuzzy", "edits": 1.0, "probability": 0.1, "note": ""}


@pytest.mark.parametrize(
    ("rule", "changes", "fits"),
    [
        (Rule(), {}, True),
        (Rule(cameras=("gate",)), {}, True),
        (Rule(cameras=("yard",)), {}, False),
        (Rule(zones=("entry",)), {}, True),
        (Rule(zones=("entry",)), {"zone": None}, False),
        (Rule(hits_only=True), {}, False),
        (Rule(hits_only=True), {"hit": HIT}, True),
        (Rule(lists=("stolen",)), {"hit": HIT}, True),
        (Rule(lists=("staff",)), {"hit": HIT}, False),
        (Rule(min_confidence=0.9), {}, False),
        (Rule(min_confidence=0.9), {"hit": HIT}, True),
        (Rule(schedule=Schedule(((11 * 60, 13 * 60),), zone="UTC")), {}, True),
        (Rule(schedule=Schedule(((13 * 60, 11 * 60),), zone="UTC")), {}, False),
    ],
)
def test_a_rule_says_which_reads_are_told(rule: Rule, changes: dict[str, Any], fits: bool) -> None:
    assert rule.fits(told(**changes)) == fits


def passed(gate: Gate, rule: Rule, read: dict[str, Any]) -> bool:
    """As a sink does that hands the read over."""
    passes = gate.passes(rule, read)
    if passes:
        gate.told(read)
    return passes


def test_a_plate_is_told_once_a_track_and_once_in_some_minutes() -> None:
    clock = [1000.0]
    gate, rule = Gate(lambda: clock[0]), Rule(once_minutes=10)
    assert passed(gate, rule, told(event="first"))
    assert not passed(gate, rule, told(event="final")), "the same track"
    assert not passed(gate, rule, told(track=2)), "the same plate"
    assert passed(gate, rule, told(track=3, text="ABC1D28"))
    assert passed(gate, rule, told(track=4, text="ABC1D29", hit=HIT))
    assert not passed(gate, rule, told(track=5, text="XYZ9875", hit=HIT)), "the same plate of the list"
    clock[0] += 601
    assert passed(gate, rule, told(track=6))
    eager = Gate(lambda: clock[0])
    assert all(passed(eager, Rule(updates=True, once_minutes=10), told(event=event)) for event in ("first", "final"))
    late = Gate(lambda: clock[0])
    assert not passed(late, Rule(hits_only=True), told(event="first"))
    assert passed(late, Rule(hits_only=True), told(event="update", hit=HIT)), "a track is told once it hits"
    assert not passed(late, Rule(hits_only=True), told(event="final", hit=HIT))


def test_a_track_that_was_told_is_told_again_when_it_comes_to_hit() -> None:
    gate, rule = Gate(), Rule()
    assert passed(gate, rule, told(event="first", text="XYZ9878"))
    assert passed(gate, rule, told(event="update", text="XYZ9876", hit=HIT)), "the first text was misread"
    assert not passed(gate, rule, told(event="final", text="XYZ9876", hit=HIT))
    assert not passed(gate, rule, told(event="final", text="XYZ9878"))


def sink_of(lists: tuple[HitList, ...], out: Path, rule: Rule) -> tuple[Alerts, AlertSink]:
    settings = SinkSettings("hook", "webhook", "http://127.0.0.1:9/", rule)
    watching = Alerts(AlertsFile(out / "alerts.toml", lists, (settings,)))
    with_sink = AlertSink(settings, out, (), lambda source: True, lambda line: None, watching.among)
    return watching, with_sink


def spooled(out: Path) -> list[dict[str, Any]]:
    return [json.loads(path.read_text()) for path in sorted((out / "spool-hook").glob("*.json"))]


@pytest.mark.parametrize("way", ["exact", "likelihood"])
def test_a_plate_on_two_lists_is_told_to_the_sink_of_either(tmp_path: Path, way: str) -> None:
    heard = said("ABC1D28", {6: ("3", 0.3)})
    text = "ABC1D28" if way == "exact" else "ABC1D23"
    staff = HitList("staff", (Entry("ABC1D28"),))
    stolen = HitList("stolen", (Entry(text, "white van"),), frozenset({way}))  # type: ignore[arg-type]
    watching, sink = sink_of((staff, stolen), tmp_path, Rule(lists=("stolen",), hits_only=True))
    hit = watching.hit("ABC1D28", heard)
    assert hit is not None
    assert hit.list == "staff", "of equal hits the first list's"
    read = told(text="ABC1D28", hit=hit.as_dict(), number=1, log_probs=pack(heard))
    with sink:
        sink.deliver(Record(json.dumps(read), read))
        others = told(text="ABC1D29", track=2, hit={**hit.as_dict()}, number=2, log_probs=pack(said("ABC1D99")))
        sink.deliver(Record(json.dumps(others), others))
        (alert,) = spooled(tmp_path)
    assert (alert["hit"]["list"], alert["hit"]["text"], alert["hit"]["note"]) == ("stolen", text, "white van")
    assert alert["hit"]["probability"] == pytest.approx(0.3 if way == "likelihood" else 0.7, abs=0.02)


def test_an_alert_that_could_not_be_spooled_is_not_taken_for_told(tmp_path: Path, monkeypatch: Any) -> None:
    _, sink = sink_of((), tmp_path, Rule(once_minutes=10))
    read = told(number=1)
    record = Record(json.dumps(read), read)
    with sink:
        with monkeypatch.context() as full:
            full.setattr(sink._spool, "add", Mock(side_effect=OSError(errno.ENOSPC, "No space left on device")))
            with pytest.raises(LpsrError, match="No space"):
                sink.deliver(record)
        sink.deliver(record)  # as its lane does after a pause
        assert [one["number"] for one in spooled(tmp_path)] == [1]


def test_a_long_watch_list_costs_little_a_read() -> None:
    letters, digits = ALPHABET[10:], ALPHABET[:10]
    assert letters.isalpha()
    rng = np.random.default_rng(0)
    kinds = [letters, letters, letters, digits, letters, digits, digits]
    columns = [np.array(list(kind))[rng.integers(len(kind), size=100_000)] for kind in kinds]
    entries = tuple(Entry("".join(row)) for row in zip(*columns, strict=True))
    lists = HitList("long", entries, frozenset({"exact", "fuzzy", "likelihood"}))
    heard = said("ABC1D28")
    lists.hit("ABC1D28", heard, DEFAULT_LAYOUTS)
    start = time.process_time()
    for _ in range(5):
        lists.hit("ABC1D28", heard, DEFAULT_LAYOUTS)
    assert (time.process_time() - start) / 5 < 0.4, "1.5 s where each entry's layout is looked for each time"


ALERTS = """
[[watch_list]]
name = "stolen"
file = "stolen.txt"
ways = ["exact", "fuzzy"]
edits = 1

[[sink]]
name = "hook"
kind = "webhook"
address = "{url}"
lists = ["stolen"]

[[sink]]
name = "mail"
kind = "email"
address = "smtp://me:${{MAIL_PASSWORD}}@mail.example.com"
from = "lpsr@example.com"
to = ["guard@example.com"]
once_minutes = 10
"""


@pytest.fixture
def alerts(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("MAIL_PASSWORD", "hunter2/@")
    (tmp_path / "stolen.txt").write_text("XYZ9876\n")
    path = tmp_path / "alerts.toml"
    path.write_text(ALERTS.format(url="http://127.0.0.1:1/x"))
    return path


def test_an_alerts_file_says_lists_sinks_and_rules(alerts: Path) -> None:
    file = load_alerts(alerts)
    assert file.lists == (HitList("stolen", (Entry("XYZ9876"),), frozenset({"exact", "fuzzy"}), 1.0),)
    hook, mail = file.sinks
    assert hook.rule == Rule(lists=("stolen",), hits_only=True)
    assert mail.address == "smtp://me:hunter2%2F%40@mail.example.com"
    assert mail.rule == Rule(once_minutes=10.0)
    assert "hunter2" not in repr(mail) + mail.shown


@pytest.mark.parametrize(
    ("old", "new", "line", "message"),
    [
        ('kind = "webhook"', 'kind = "webhok"', 10, "did you mean 'webhook'?"),
        ('ways = ["exact", "fuzzy"]', 'ways = ["exact", "fuzy"]', 5, "did you mean 'fuzzy'?"),
        ('ways = ["exact", "fuzzy"]', 'ways = ["exact"]', 6, "is for hits of the way 'fuzzy'"),
        ("edits = 1", "edits = 3", 6, "is between 0 and 2"),
        ('lists = ["stolen"]', 'lists = ["stole"]', 12, "did you mean 'stolen'?"),
        ('lists = ["stolen"]', 'list = ["stolen"]', 12, "did you mean 'lists'?"),
        ('"stolen.txt"', '"none.txt"', 4, "not a readable watch list"),
        ("${{MAIL_PASSWORD}}", "secret1", 17, "holds a password"),
        ("${{MAIL_PASSWORD}}", "${{NOT_SET}}", 17, "the environment variable NOT_SET is not set"),
        ('to = ["guard@example.com"]', "", 14, "to is missing"),
        ('name = "mail"', 'name = "hook"', 15, "is used twice"),
    ],
)
def test_what_cannot_be_meant_is_told_with_its_line(alerts: Path, old: str, new: str, line: int, message: str) -> None:
    assert old in ALERTS
    alerts.write_text(ALERTS.replace(old, new).format(url="http://127.0.0.1:1/x"))
    with pytest.raises(UsageError) as caught:
        load_alerts(alerts)
    assert str(caught.value).startswith(f"{alerts}, line {line}: ")
    assert message in str(caught.value)
    assert "secret1" not in str(caught.value)


def test_two_sinks_do_not_share_a_spool(alerts: Path) -> None:
    sink = '[[sink]]\nname = "{}"\nkind = "webhook"\naddress = "http://x/"\n'
    alerts.write_text(sink.format("gate 1") + sink.format("gate.1"))
    with pytest.raises(UsageError, match=r"line 6: sink.name: 'gate.1' and 'gate 1' would share the folder spool-gate"):
        load_alerts(alerts)


@pytest.mark.parametrize(("name", "address"), [("mqtt", "mqtt://x/y"), ("store", "postgresql://x/y")])
def test_a_sink_does_not_share_the_spool_of_another_output(alerts: Path, name: str, address: str) -> None:
    alerts.write_text(f'[[sink]]\nname = "{name}"\nkind = "webhook"\naddress = "http://x/"\n')
    alone = RunConfig(alerts=str(alerts))
    assert open_alerts(alone, None) is not None, "what waits for it is sent as before"
    message = f"{alerts}: sink '{name}': the reads of --{name} wait in the folder spool-{name}, too; give the sink an"
    with pytest.raises(UsageError, match=message):
        open_alerts(alone.changed({name: address}), None)
    assert open_alerts(alone.changed({"store": "reads.sqlite"}), None) is not None, "which has no spool"


def test_an_alert_sink_is_told_of_once_and_its_spool_is_bounded(tmp_path: Path) -> None:
    sinks = (SinkSettings("hook", "webhook", "http://127.0.0.1:9/"),)
    watching, summary, faults = Alerts(AlertsFile(tmp_path / "alerts.toml", (), sinks)), Summary(), list[str]()
    config = RunConfig(out=str(tmp_path), spool_limit="1k")
    with ExitStack() as stack:
        outbox = open_outbox(config, summary, lambda line: None, faults.append, stack, watching)
        (state,) = (output() for output in summary.state.outputs)
        (lane,) = outbox.lanes
        for number in (1, 2):
            read = told(number=number, text=f"ABC1D2{number}", track=number, note="x" * 600)
            lane.sink.deliver(Record(json.dumps(read), read))
        assert [one["number"] for one in spooled(tmp_path)] == [2], "--spool-limit holds for it, too"
    assert state["name"] == "hook: http://127.0.0.1:9/"
    assert faults == ["hook: http://127.0.0.1:9/: dropped 1 read (--spool-limit), the oldest first"]


def test_an_empty_watch_list_opens_no_door(alerts: Path, here: Command, tmp_path: Path) -> None:
    (tmp_path / "stolen.txt").write_text("# nobody\n")
    with pytest.raises(UsageError, match=r"line 4: watch_list.file: .*the watch list is empty"):
        load_alerts(alerts)
    alerts.write_text('[[sink]]\nname = "a"\nkind = "webhook"\naddress = "http://x/"\nhits_only = true\n')
    with pytest.raises(UsageError, match="hits_only: needs a watch list"):
        load_alerts(alerts)


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    made = Receiver()
    yield made
    made.stop()


def test_a_run_tells_hits_and_writes_them(
    tmp_path: Path, alerts: Path, receiver: Receiver, here: Command, options: list[str], detector: Path
) -> None:
    # One edit from the list, on the list, and neither.
    for number, text in enumerate(("XYZ9875", "XYZ9876", "ABC1D23")):
        save_image(tmp_path / "in" / f"{number}.png", scene(text))
    alerts.write_text(ALERTS.format(url=receiver.plain).partition('[[sink]]\nname = "mail"')[0])
    given = [*options, "--detector", str(detector), "--quiet", "--alerts", alerts]
    done = here("--video", tmp_path / "in", "--out", tmp_path / "out", *given)
    assert done.returncode == 0, done.stderr
    reads = [json.loads(line) for line in (tmp_path / "out/reads.jsonl").read_text().splitlines()]
    hits = {read["text"]: read["hit"] and (read["hit"]["way"], read["hit"]["text"]) for read in reads}
    assert hits == {"XYZ9875": ("fuzzy", "XYZ9876"), "XYZ9876": ("exact", "XYZ9876"), "ABC1D23": None}
    assert sorted(text for text, _ in receiver.got) == ["XYZ9875", "XYZ9876"]
    assert "127.0.0.1" not in (tmp_path / "out/run.json").read_text()


def test_hidden_plates_hit_nothing(
    tmp_path: Path, alerts: Path, here: Command, options: list[str], detector: Path
) -> None:
    save_image(tmp_path / "in" / "0.png", scene("XYZ9876"))
    (tmp_path / "ours.csv").write_text("plate\nABC1D23\n")
    alerts.write_text('[[watch_list]]\nname = "stolen"\nfile = "stolen.txt"\n')
    given = [
        *options,
        "--detector",
        str(detector),
        "--quiet",
        "--alerts",
        alerts,
        "--watch-list",
        tmp_path / "ours.csv",
    ]
    assert here("--video", tmp_path / "in", "--out", tmp_path / "out", *given).returncode == 0
    (read,) = [json.loads(line) for line in (tmp_path / "out/reads.jsonl").read_text().splitlines()]
    assert read["text"].startswith("#")
    assert (read["hit"], read["log_probs"]) == (None, "")


@pytest.mark.parametrize(("kind", "refused"), [("mqtt", True), ("webhook", False)])
def test_cameras_do_not_share_an_mqtt_topic(tmp_path: Path, kind: str, refused: bool) -> None:
    path = tmp_path / "cameras.toml"
    entry = "[[camera]]\nname = '{}'\naddress = 'x'\n"
    path.write_text(entry.format("Gate 1") + entry.format("gate_1"))
    cameras = load_cameras(path)
    alerts = AlertsFile(tmp_path / "alerts.toml", (), (SinkSettings("told", kind, "x://host"),))  # type: ignore[arg-type]
    told = pytest.raises(UsageError, match=r"cameras.toml: .*'Gate 1' and 'gate_1' would share the MQTT topic 'gate_1'")
    with told if refused else nullcontext():
        check_sinks(cameras, alerts)


def test_cameras_may_name_their_sinks(
    tmp_path: Path, alerts: Path, receiver: Receiver, here: Command, options: list[str], detector: Path
) -> None:
    save_image(tmp_path / "in" / "0.png", scene("XYZ9876"))
    cameras = tmp_path / "cameras.toml"
    entry = '[[camera]]\nname = "{}"\naddress = "in"\nsinks = ["{}"]\n'
    cameras.write_text(entry.format("a", "hok"))
    given = [*options, "--detector", str(detector), "--quiet", "--out", tmp_path / "out"]
    done = here("--cameras", cameras, "--alerts", alerts, *given)
    assert done.returncode == 2
    assert "camera 'a': sinks: there is no alert sink 'hok'; did you mean 'hook'?" in done.stderr
    done = here("--cameras", cameras, *given)
    assert "is an alert sink; name its file with --alerts" in done.stderr
    alerts.write_text(
        ALERTS.format(url=receiver.plain).partition('[[sink]]\nname = "mail"')[0]
        + f'[[sink]]\nname = "other"\nkind = "webhook"\naddress = "{receiver.plain}?other=1"\n'
    )
    cameras.write_text(entry.format("a", "hook") + entry.format("b", "other"))
    done = here("--cameras", cameras, "--alerts", alerts, *given)
    assert done.returncode == 0, done.stderr
    assert len(receiver.got) == 2, "each camera's read goes to its own sink alone"


@pytest.mark.skipif(not hasattr(signal, "SIGHUP"), reason="the system has no SIGHUP")
def test_watch_lists_are_read_again(
    tmp_path: Path, alerts: Path, receiver: Receiver, here: Command, options: list[str], detector: Path
) -> None:
    (tmp_path / "stolen.txt").write_text("AAA1A11\n")
    alerts.write_text(ALERTS.format(url=receiver.plain).partition('[[sink]]\nname = "mail"')[0])
    out = tmp_path / "out"
    # A plate of its own every so many frames; a track ends when its plate has been away for a while.
    texts = ["XYZ9876", *(f"KLM2N3{number}" for number in range(9))]
    with Camera(lambda number: scene(texts[number // 25 % 10])) as camera:

        def script(watcher: Watcher) -> None:
            watcher.until(lambda sources: sources[0]["frames"] > 5)
            (tmp_path / "stolen.txt").write_text("")
            os.kill(os.getpid(), signal.SIGHUP)
            time.sleep(0.5)
            (tmp_path / "stolen.txt").write_text("XYZ9876\n")
            os.kill(os.getpid(), signal.SIGHUP)
            deadline = time.monotonic() + 30
            while not receiver.got and time.monotonic() < deadline:
                time.sleep(0.05)

        given = [*options, "--detector", str(detector), "--quiet", "--alerts", alerts, "--out", out]
        with Watcher(out / "status.json", script):
            done = here("--video", camera.url, "--status", out / "status.json", *given)
    assert {text for text, _ in receiver.got} == {"XYZ9876"}
    assert "the watch list is empty; give one plate a line; watch lists and rules stay as they were" in done.stderr
    assert "read again; 1 plates are looked for" in done.stderr
