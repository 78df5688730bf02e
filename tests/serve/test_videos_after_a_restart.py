"""Videos that wait, are read, or were read when the server is stopped: the next one goes on with them."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import pytest
from fastapi.testclient import TestClient
from served import Make, sent
from waiting import until

from lpsr_serve.jobs.queue import JobQueue

TEXTS = ["ABC1D23", "XYZ9876"]
SEEN = 14
"""Frames after which the first plate was read, and the second one is still seen."""


def told(client: TestClient, identifier: str) -> dict[str, Any]:
    answer = client.get(f"/api/v1/jobs/{identifier}")
    assert answer.status_code == 200, answer.text
    return dict(answer.json())


def texts(client: TestClient, job: dict[str, Any]) -> list[str]:
    """What the store has of a video, oldest first."""
    reads = client.get("/api/v1/reads", params={"camera": job["source"]}).json()["reads"]
    return [one["read"]["text"] for one in reversed(reads)]


def stop(client: TestClient) -> None:
    client.__exit__(None, None, None)


def done(client: TestClient, identifier: str) -> dict[str, Any]:
    return until(lambda: (job := told(client, identifier))["status"] == "done" and job["reads"] >= 2 and job)


def test_videos_that_wait_are_read_by_the_next_server(
    make_client: Make, video: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    client = make_client()
    jobs = client.app_state["server"].jobs
    monkeypatch.setattr(jobs, "_read", lambda job: job.stop.wait(60))
    begun, waiting, unwanted = (sent(client, video, name) for name in ("a.mp4", "b.mp4", "c.mp4"))
    until(lambda: told(client, begun)["status"] == "running")
    client.delete(f"/api/v1/jobs/{unwanted}")
    stop(client)

    after = make_client()
    folder = after.app_state["server"].places.jobs
    assert [job["id"] for job in after.get("/api/v1/jobs").json()["jobs"]] == [unwanted, waiting, begun]
    assert told(after, unwanted)["status"] == "cancelled"
    for identifier, name in ((begun, "a.mp4"), (waiting, "b.mp4")):
        job = done(after, identifier)
        assert (job["name"], job["frames"], job["error"]) == (name, 16, None)
        assert texts(after, job) == TEXTS
        assert not (folder / identifier / "video").exists()


@pytest.mark.parametrize("journal", [None, '{"source": "cut of'], ids=["stopped", "killed"])
def test_a_video_that_was_being_read_is_read_again_and_no_read_doubled(
    make_client: Make, video: Path, run_file: Path, tmp_path: Path, journal: str | None
) -> None:
    run = tmp_path / "run.toml"
    run.write_text(run_file.read_text() + "batch = 1\n")
    client = make_client(run=run)
    server = client.app_state["server"]
    by_turns = server.networks.by_turns

    def held(items: Iterable[Any]) -> Iterator[Any]:
        for number, item in enumerate(by_turns(items), start=1):
            yield item
            if number == SEEN:
                server.jobs._closing.wait(60)

    server.networks.by_turns = held
    identifier = sent(client, video)
    until(lambda: told(client, identifier)["reads"] == 1)
    assert told(client, identifier)["status"] == "running"
    stop(client)
    lines = (server.places.root / "reads.jsonl").read_text().splitlines()
    assert [json.loads(line)["text"] for line in lines] == TEXTS[:1], "what the stop cut off is no read"
    if journal is not None:  # as a kill between the store and the job's own journal leaves it
        (server.places.jobs / identifier / "reads.jsonl").write_text(journal)

    after = make_client(run=run)
    job = done(after, identifier)
    assert (job["reads"], job["frames"], job["error"]) == (2, 16, None)
    assert texts(after, job) == TEXTS
    own = after.get(f"/api/v1/jobs/{identifier}/reads").text.splitlines()
    assert [json.loads(line)["text"] for line in own] == TEXTS
    assert json.loads(own[0]) == json.loads(lines[0])


def test_videos_that_were_read_are_told_after_a_restart(make_client: Make, video: Path) -> None:
    client = make_client()
    identifier = sent(client, video)
    before = done(client, identifier)
    half_sent = client.app_state["server"].places.jobs / "01M8GGMR5XH0FS38QYSS9326G0"
    half_sent.mkdir()
    (half_sent / "video").write_bytes(b"half a video")
    stop(client)

    after = make_client()
    assert told(after, identifier) == before
    assert after.get("/api/v1/jobs").json()["jobs"] == [before]
    assert len(after.get(f"/api/v1/jobs/{identifier}/reads").text.splitlines()) == 2
    assert not half_sent.exists()
    after.delete(f"/api/v1/jobs/{identifier}")
    stop(after)
    assert make_client().get(f"/api/v1/jobs/{identifier}").status_code == 404


def test_videos_are_forgotten_a_day_after_their_end_though_no_other_comes(
    make_client: Make, video: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("lpsr_serve.jobs.queue._FORGET_SECONDS", 0.05)
    client = make_client()
    identifier = sent(client, video)
    done(client, identifier)
    folder = client.app_state["server"].places.jobs / identifier
    assert (folder / "reads.jsonl").is_file()
    client.app_state["server"].jobs.find(identifier).ended -= 24 * 3600
    until(lambda: not folder.exists())
    assert client.get(f"/api/v1/jobs/{identifier}").status_code == 404


def ended_without_a_word(client: TestClient) -> Path:
    """Folder of a video during which the process was killed, as it lies there."""
    jobs = client.app_state["server"].jobs
    folder = client.app_state["server"].places.jobs
    (identifier,) = [job.id for job in jobs.list()]
    kept = {path.name: path.read_bytes() for path in (folder / identifier).iterdir()}
    stop(client)
    for name, data in kept.items():
        (folder / identifier / name).write_bytes(data)
    return Path(folder / identifier)


def test_a_video_that_ends_the_server_is_tried_twice(
    make_client: Make, video: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    client = make_client()
    monkeypatch.setattr(client.app_state["server"].jobs, "_read", lambda job: job.stop.wait(60) and False)
    identifier = sent(client, video)
    until(lambda: told(client, identifier)["status"] == "running")
    folder = ended_without_a_word(client)
    assert json.loads((folder / "job.json").read_bytes())["begun"] == 1

    with monkeypatch.context() as patched:
        patched.setattr(JobQueue, "_read", lambda self, job: job.stop.wait(60) and False)
        again = make_client()
        until(lambda: told(again, identifier)["status"] == "running")
        assert ended_without_a_word(again) == folder

    after = make_client()
    job = told(after, identifier)
    assert (job["status"], job["error"]) == ("failed", "the server ended each time that it was read")
    assert not (folder / "video").exists()


def test_a_video_is_over_when_its_reads_are_recorded(
    make_client: Make, video: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    client = make_client()
    recorder = client.app_state["server"].recorder
    full = threading.Event()
    record = recorder._record
    monkeypatch.setattr(recorder, "_record", lambda *of: full.wait(60) and record(*of))
    identifier = sent(client, video)
    until(lambda: told(client, identifier)["frames"] == 16)
    time.sleep(0.3)
    assert told(client, identifier)["status"] == "running"
    assert (client.app_state["server"].places.jobs / identifier / "video").exists()
    full.set()
    assert done(client, identifier)["reads"] == 2


@pytest.mark.parametrize("text", ['{"name": "a.mp4", "of_a_later_version": 1}', "[1"])
def test_what_cannot_be_taken_up_is_not_deleted(make_client: Make, video: Path, text: str) -> None:
    client = make_client()
    folder = Path(client.app_state["server"].places.jobs / "01M8GGMR5XH0FS38QYSS9326G0")
    stop(client)
    folder.mkdir()
    (folder / "video").write_bytes(video.read_bytes())
    (folder / "job.json").write_text(text)
    after = make_client()
    if text.startswith("{"):
        assert texts(after, done(after, folder.name)) == TEXTS
    else:
        assert after.get("/api/v1/jobs").json()["jobs"] == []
        assert (folder / "video").exists()
