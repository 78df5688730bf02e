"""The server as a user starts it: a process with the released networks and the example video as a camera."""

from __future__ import annotations

import json
import signal
import sys
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest
from running import Running, started
from toy_models import ROOT
from waiting import until

from lpsr_core.model_folders import named_graphs

pytestmark = pytest.mark.skipif(not list(named_graphs("reader")), reason="the released networks are not here")
_STRIDE = 12
_FIRST = "VKY5G31"


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    folder = tmp_path_factory.mktemp("serve")
    cameras = folder / "cameras.toml"
    cameras.write_text(f'[[camera]]\nname = "gate"\naddress = "{ROOT / "examples/gate.mp4"}"\nstride = {_STRIDE}\n')
    with started(folder, "--config", str(cameras)) as made:
        yield made


def events(running: Running, last: int | None, count: int) -> list[tuple[int, dict]]:
    """The next events, each with its identifier."""
    headers = {} if last is None else {"last-event-id": str(last)}
    found: list[tuple[int, dict]] = []
    row = 0
    with running.client.stream("GET", "/api/v1/events", headers=headers) as answer:
        assert answer.headers["content-type"].startswith("text/event-stream")
        for line in answer.iter_lines():
            if line.startswith("id: "):
                row = int(line[4:])
            elif line.startswith("data: "):
                found.append((row, json.loads(line[6:])))
                if len(found) == count:
                    break
    return found


def test_a_camera_is_read_searched_measured_and_followed(running: Running) -> None:
    client = running.client
    first = events(running, 0, 2)
    assert next(told["read"]["text"] for _, told in first) == _FIRST
    (behind,) = events(running, first[0][0], 1)
    assert behind == first[1]

    until(lambda: client.get("/api/v1/sources/gate").json()["status"] == "ended")
    until(lambda: len(client.get("/api/v1/reads").json()["reads"]) == 8)
    page = client.get("/api/v1/reads", params={"camera": "gate", "text": _FIRST}).json()
    (stored,) = page["reads"]
    assert stored == first[0][1]
    assert client.get(stored["pictures"]["frame"]).content.startswith(b"\xff\xd8")

    near = client.get("/api/v1/search", params={"text": "VKY5631", "way": "near"}).json()
    assert [entry["read"]["text"] for entry in near["found"]] == [_FIRST]
    assert near["found"][0]["edits"] == 0.5

    metrics = httpx.get(running.base + "/metrics").text
    assert 'lpsr_reads_total{camera="gate"} 8.0' in metrics
    assert 'lpsr_frames_total{camera="gate"} 24.0' in metrics


def test_pictures_are_read_as_by_the_command(running: Running) -> None:
    plate = ROOT / "examples/plates/APF5C22.jpg"
    answer = running.client.post("/api/v1/crops", files={"images": (plate.name, plate.read_bytes())})
    (read,) = answer.json()["reads"]
    assert (read["text"], read["source"]) == ("APF5C22", "APF5C22.jpg")


def test_termination_leaves_all_reads_and_no_key_in_the_log(running: Running) -> None:
    with running.client.stream("GET", "/api/v1/events") as stream:
        next(stream.iter_lines())
        running.process.send_signal(signal.SIGTERM)
        assert running.process.wait(60) == 0
    assert running.key not in running.log.read_text()
    assert "Traceback" not in running.log.read_text()
    lines = [json.loads(line) for line in (running.store / "reads.jsonl").read_text().splitlines()]
    assert len(lines) == 8
    assert lines[0]["text"] == _FIRST
    assert not (running.store / ".lock").exists()
    assert json.loads((running.store / "run.json").read_text())["reads"] == 8


@pytest.mark.parametrize(
    ("arguments", "line"),
    [
        (["--rate", "0"], "--rate is more than 0"),
        (["--port", "70000"], "--port is between 0 and 65535"),
        ([], "no API key: give --api-key-file FILE, or set LPSR_API_KEYS"),
        (["--config", "nowhere.toml", "--api-key-file", "keys"], "nowhere.toml"),
        (["--run", "run.toml", "--api-key-file", "keys"], "run.toml: log is not for the server"),
    ],
)
def test_wrong_usage_is_one_line(
    tmp_path: Path,
    arguments: list[str],
    line: str,
    monkeypatch: pytest.MonkeyPatch,
    capfd: pytest.CaptureFixture[str],
) -> None:
    from lpsr_serve.cli import main

    monkeypatch.setenv("LPSR_API_KEYS", "")
    monkeypatch.chdir(tmp_path)
    (tmp_path / "run.toml").write_text('log = "events.jsonl"\n')
    monkeypatch.setattr(sys, "argv", ["lpsr-serve", "--store", "store", "--port", "0", *arguments])
    with pytest.raises(SystemExit) as caught:
        main()
    assert caught.value.code == 2
    told = capfd.readouterr().err
    assert line in told
    assert len(told.strip().splitlines()) == 1
