"""Cameras that are added, paused, resumed and removed while the server runs."""

from __future__ import annotations

import threading
from pathlib import Path
from typing import Any

import pytest
from broker import Broker
from fastapi.testclient import TestClient
from served import Make
from waiting import until


def status(client: TestClient, name: str) -> str:
    return str(client.get(f"/api/v1/sources/{name}").json()["status"])


def test_a_source_is_added_read_and_removed(make_client: Make, video: Path) -> None:
    client = make_client(media=video.parent)
    added = client.post("/api/v1/sources", json={"name": "gate", "address": video.name})
    assert added.status_code == 201
    assert added.json()["name"] == "gate"
    until(lambda: status(client, "gate") == "ended")
    until(lambda: len(client.get("/api/v1/reads", params={"camera": "gate"}).json()["reads"]) == 2)
    (told,) = client.get("/api/v1/sources").json()["sources"]
    assert (told["frames"], told["reads"], told["dropped"]) == (16, 2, 0)
    picture = client.get(told["picture"])
    assert picture.headers["content-type"] == "image/jpeg"
    assert picture.content.startswith(b"\xff\xd8")
    metrics = client.get("/metrics").text
    assert 'lpsr_reads_total{camera="gate"} 2.0' in metrics
    assert 'lpsr_frames_total{camera="gate"} 16.0' in metrics
    assert 'lpsr_camera_up{camera="gate"} 0.0' in metrics
    assert 'lpsr_http_requests_total{method="POST",route="/api/v1/sources",status="201"} 1.0' in metrics
    assert client.delete("/api/v1/sources/gate").status_code == 204
    assert client.get("/api/v1/sources").json() == {"sources": []}
    assert client.get("/api/v1/sources/gate").status_code == 404
    assert client.patch("/api/v1/sources/gate", json={"paused": True}).status_code == 404


def test_a_paused_source_stays_so_over_a_restart_and_goes_on(make_client: Make, video: Path, tmp_path: Path) -> None:
    folder = tmp_path / "one"
    first = make_client(media=video.parent, store=folder)
    new = {"name": "gate", "address": video.name, "stride": 2, "layouts": ["mercosur"]}
    first.post("/api/v1/sources", json=new)
    assert first.patch("/api/v1/sources/gate", json={"paused": True}).json()["status"] == "paused"
    first.__exit__(None, None, None)
    second = make_client(media=video.parent, store=folder)
    assert status(second, "gate") == "paused"
    assert second.get("/api/v1/sources/gate").json()["frames"] == 0
    second.patch("/api/v1/sources/gate", json={"paused": False})
    until(lambda: status(second, "gate") == "ended")
    assert second.get("/api/v1/sources/gate").json()["frames"] == 8
    first.__enter__ = None  # type: ignore[method-assign, assignment]


@pytest.mark.parametrize(
    ("changed", "code", "line"),
    [
        ({"address": "/etc/hostname"}, 400, "no such file in the folder of --media"),
        ({"address": "../scene.png"}, 400, "no such file in the folder of --media"),
        ({"address": "gst:filesrc location=/etc/passwd ! appsink"}, 400, "camera numbers"),
        ({"address": "file:///etc/passwd"}, 400, "camera numbers"),
        ({"address": "rtsp://a\n.example/"}, 400, "printed"),
        ({"layouts": ["/etc/passwd.toml"]}, 400, "cameras file"),
        ({"layouts": ["nonsense!"]}, 400, "nonsense!"),
        ({"name": "../x"}, 422, "name"),
        ({"stride": 0}, 422, "stride"),
        ({"other": 1}, 422, "other"),
    ],
)
def test_sources_that_may_not_be_are_refused(
    make_client: Make, tmp_path: Path, changed: dict[str, Any], code: int, line: str
) -> None:
    media = tmp_path / "media"
    media.mkdir()
    client = make_client(media=media)
    answer = client.post("/api/v1/sources", json={"name": "gate", "address": "rtsp://127.0.0.1:9/", **changed})
    assert answer.status_code == code, answer.text
    assert line in answer.json()["error"]
    assert client.get("/api/v1/sources").json() == {"sources": []}


def test_a_camera_that_is_away_is_told_without_its_password(make_client: Make) -> None:
    client = make_client(max_sources=1)
    address = "rtsp://viewer:hunter2@127.0.0.1:9/live"
    assert client.post("/api/v1/sources", json={"name": "yard", "address": address}).status_code == 201
    assert client.post("/api/v1/sources", json={"name": "yard", "address": address}).status_code == 409
    assert client.post("/api/v1/sources", json={"name": "other", "address": address}).status_code == 409
    told = until(lambda: (one := client.get("/api/v1/sources/yard").json())["status"] == "waiting" and one)
    assert told["error"]
    assert "hunter2" not in str(told)
    assert told["address"] == "rtsp://***@127.0.0.1:9/live"
    assert "yard" in client.get("/").text
    assert "hunter2" not in client.get("/").text
    assert client.get("/api/v1/sources/yard/picture.jpg").status_code == 404
    kept = client.app_state["server"].places.sources  # type: ignore[attr-defined]
    assert "hunter2" in kept.read_text()
    assert kept.parent.stat().st_mode & 0o777 == 0o700


def test_a_store_is_held_by_one_server(make_client: Make, video: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from lpsr_core.errors import UsageError

    client = make_client()
    server = client.app_state["server"]
    jobs = server.jobs
    monkeypatch.setattr(jobs, "_read", lambda job: job.stop.wait(60))
    places = [client.post("/api/v1/videos", content=video.read_bytes()).headers["location"] for _ in range(2)]
    upload = server.places.uploads / "half-received"
    upload.write_bytes(b"half a picture")
    with pytest.raises(UsageError, match="--store"):
        make_client()
    assert upload.exists(), "what the first one receives stays"
    assert all(jobs.find(place.rpartition("/")[2]).video.exists() for place in places), "and its videos"


def test_the_cameras_file_is_read_again(make_client: Make, video: Path, tmp_path: Path) -> None:
    def camera(name: str, more: str = "") -> str:
        return f'[[camera]]\nname = "{name}"\naddress = "{video}"\n{more}\n'

    path = tmp_path / "cameras.toml"
    path.write_text(camera("gate") + camera("yard"))
    client = make_client(cameras=path, media=video.parent)
    server = client.app_state["server"]
    client.post("/api/v1/sources", json={"name": "added", "address": video.name})
    until(lambda: all(one["status"] == "ended" for one in client.get("/api/v1/sources").json()["sources"]))

    path.write_text(camera("gate") + camera("yard", "stride = 4") + camera("lane"))
    server.reload()
    frames = until(
        lambda: (
            all(status(client, name) == "ended" for name in ("gate", "yard", "lane", "added"))
            and {one["name"]: one["frames"] for one in client.get("/api/v1/sources").json()["sources"]}
        )
    )
    assert frames == {"gate": 16, "yard": 4, "lane": 16, "added": 16}

    path.write_text(camera("lane") + "nonsense = 1")
    server.reload()
    assert {one["name"] for one in client.get("/api/v1/sources").json()["sources"]} == frames.keys()
    path.write_text(camera("lane"))
    server.reload()
    assert {one["name"] for one in client.get("/api/v1/sources").json()["sources"]} == {"lane", "added"}


def test_a_paused_camera_stays_so_when_its_file_is_read_again(make_client: Make, video: Path, tmp_path: Path) -> None:
    path = tmp_path / "cameras.toml"
    path.write_text(f'[[camera]]\nname = "gate"\naddress = "{video}"\n')
    client = make_client(cameras=path)
    until(lambda: status(client, "gate") == "ended")
    client.patch("/api/v1/sources/gate", json={"paused": True})
    path.write_text(f'[[camera]]\nname = "gate"\naddress = "{video}"\nstride = 2\n')
    server = client.app_state["server"]
    server.reload()
    assert status(client, "gate") == "paused"
    assert not server.fleet.find("gate").alive
    client.patch("/api/v1/sources/gate", json={"paused": False})
    frames = until(lambda: status(client, "gate") == "ended" and client.get("/api/v1/sources/gate").json()["frames"])
    assert frames == 8


def test_a_camera_that_is_resumed_while_it_is_still_ending_goes_on(
    make_client: Make, video: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    client = make_client(media=video.parent)
    fleet = client.app_state["server"].fleet
    client.post("/api/v1/sources", json={"name": "yard", "address": video.name})
    until(lambda: status(client, "yard") == "ended")
    runner = fleet.find("yard")
    leave, runs = threading.Event(), []

    def hangs(stop: threading.Event) -> None:
        runs.append(stop)
        leave.wait(60)  # as the connection to a camera that is away

    monkeypatch.setattr(runner, "_read", hangs)
    monkeypatch.setattr("lpsr_serve.cameras.runner._LEAVE_SECONDS", 0.1)
    client.patch("/api/v1/sources/yard", json={"paused": False})
    until(lambda: len(runs) == 1)
    client.patch("/api/v1/sources/yard", json={"paused": True})
    client.patch("/api/v1/sources/yard", json={"paused": False})
    client.patch("/api/v1/sources/yard", json={"paused": False})
    leave.set()
    until(lambda: len(runs) == 2)
    assert not runs[1].is_set()
    until(lambda: not runner.alive)
    assert len(runs) == 2


def test_alerts_mark_reads_that_hit_a_watch_list(
    make_client: Make, video: Path, run_file: Path, tmp_path: Path
) -> None:
    (tmp_path / "wanted.txt").write_text("XYZ9876\n")
    alerts = tmp_path / "alerts.toml"
    alerts.write_text('[[watch_list]]\nname = "wanted"\nfile = "wanted.txt"\n')
    run = tmp_path / "run.toml"
    run.write_text(run_file.read_text() + f'alerts = "{alerts}"\n')
    client = make_client(run=run, media=video.parent)
    client.post("/api/v1/sources", json={"name": "gate", "address": video.name})
    until(lambda: len(client.get("/api/v1/reads").json()["reads"]) == 2)
    (hit,) = client.get("/api/v1/reads", params={"hit": True}).json()["reads"]
    assert (hit["read"]["text"], hit["read"]["hit"]["list"]) == ("XYZ9876", "wanted")
    assert "watch list wanted" in client.get("/").text


def test_home_assistant_is_told_of_no_video_that_was_sent(
    make_client: Make, video: Path, run_file: Path, tmp_path: Path
) -> None:
    pytest.importorskip("paho.mqtt.client", reason="paho-mqtt is not installed")
    broker = Broker()
    alerts, run = tmp_path / "alerts.toml", tmp_path / "run.toml"
    alerts.write_text(
        f'[[sink]]\nname = "home"\nkind = "mqtt"\naddress = "mqtt://127.0.0.1:{broker.port}/lpsr"\npictures = false\n'
    )
    run.write_text(run_file.read_text() + f'alerts = "{alerts}"\n')
    client = make_client(run=run)
    try:
        answer = client.post("/api/v1/videos", files={"video": ("cars.mp4", video.read_bytes())})
        assert answer.status_code == 202
        until(lambda: len(broker.got) == 2)
        assert {topic.rpartition("/")[2] for topic, _, _ in broker.published} == {"status", "read"}
    finally:
        broker.stop()
