"""A live camera: reads while a plate is still seen, latency, an outage, and a pause."""

from __future__ import annotations

import re
import sys
from typing import Any

from served import Make
from toy_models import ROOT, scene
from waiting import until

sys.path.insert(0, str(ROOT / "tests" / "run"))
from camera import Camera


def test_a_live_camera_is_followed_through_an_outage_and_a_pause(make_client: Make) -> None:
    client = make_client()

    def state() -> dict[str, Any]:
        told: dict[str, Any] = client.get("/api/v1/sources/gate").json()
        return told

    def reads() -> list[tuple[str, str]]:
        found = client.get("/api/v1/reads", params={"camera": "gate"}).json()["reads"]
        return [(entry["read"]["event"], entry["read"]["text"]) for entry in found]

    with Camera(lambda number: scene("ABC1D23"), pause=0.05) as camera:
        client.post("/api/v1/sources", json={"name": "gate", "address": camera.url})
        assert until(reads) == [("first", "ABC1D23")]
        told = state()
        assert told["live"] is True
        assert told["status"] == "running"
        assert told["open_tracks"] == 1
        assert client.get("/api/v1/reads", params={"final": True}).json()["reads"] == []
        metrics = client.get("/metrics").text
        assert 'lpsr_camera_up{camera="gate"} 1.0' in metrics
        assert 'lpsr_open_tracks{camera="gate"} 1.0' in metrics
        count = re.search(r"^lpsr_latency_seconds_count (\S+)$", metrics, re.MULTILINE)
        assert count is not None
        assert float(count[1]) >= 1
    until(lambda: state()["status"] == "waiting")
    assert until(lambda: state()["error"])
    with Camera(lambda number: scene("XYZ9876"), port=camera.port, pause=0.05):
        until(lambda: state()["reconnects"] == 1)
        until(lambda: ("first", "XYZ9876") in reads())
        assert ("final", "ABC1D23") in reads()
        assert client.patch("/api/v1/sources/gate", json={"paused": True}).json()["status"] == "paused"
        until(lambda: ("final", "XYZ9876") in reads())
        assert 'lpsr_camera_up{camera="gate"} 0.0' in client.get("/metrics").text
        before = state()["frames"]
        client.patch("/api/v1/sources/gate", json={"paused": False})
        until(lambda: state()["frames"] > before)
