"""Alerts by MQTT: a topic a camera, the last will, and what Home Assistant is told."""

from __future__ import annotations

import json
import shutil
import socket
import subprocess
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from broker import Broker
from conftest import Command, save_image, scene

from lpsr_core.errors import UsageError
from lpsr_run.alerts.mqtt_home import HomePublisher
from lpsr_run.sinks.spool import NotTakenError

pytest.importorskip("paho.mqtt.client", reason="paho-mqtt is not installed")
READ: dict[str, Any] = {"source": "Gate 1/+", "text": "ABC1D23", "hit": None, "lr_image": "a.png", "sr_image": None}
READ["time"] = "2026-07-26T10:00:00.000Z"


def until(condition: Callable[[], object]) -> None:
    deadline = time.monotonic() + 30
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.02)


@pytest.fixture
def broker() -> Iterator[Broker]:
    made = Broker()
    yield made
    made.stop()


def test_each_camera_has_its_topics_and_is_announced(broker: Broker, tmp_path: Path) -> None:
    picture = save_image(tmp_path / "a.png", np.full((10, 30, 3), 80, np.uint8))
    publisher = HomePublisher(f"mqtt://127.0.0.1:{broker.port}/lpsr/home", tmp_path, cameras=["yard"])
    until(lambda: len(broker.published) >= 4)
    assert broker.wills == [("lpsr/home/status", b"offline")]
    assert ("lpsr/home/status", b"online", True) in broker.published
    publisher(json.dumps(READ).encode(), "R-1")
    publisher(json.dumps({**READ, "source": "yard", "lr_image": None}).encode(), "R-2")
    assert broker.got == [("lpsr/home/gate_1/read", "ABC1D23"), ("lpsr/home/yard/read", "ABC1D23")]
    assert ("lpsr/home/gate_1/picture", picture.read_bytes(), False) in broker.published
    publisher.close()
    assert broker.published[-1] == ("lpsr/home/status", b"offline", True)
    announced = {topic: json.loads(payload) for topic, payload, kept in broker.published if topic.endswith("/config")}
    assert len(announced) == 6, "a sensor, a binary sensor and an image for each of two cameras"
    plate = announced["homeassistant/sensor/lpsr_gate_1/plate/config"]
    assert plate["state_topic"] == "lpsr/home/gate_1/read"
    assert plate["availability_topic"] == "lpsr/home/status"
    assert plate["unique_id"] == "lpsr_gate_1_plate"
    assert announced["homeassistant/image/lpsr_yard/picture/config"]["image_topic"] == "lpsr/home/yard/picture"
    assert len({told["unique_id"] for told in announced.values()}) == 6
    assert all(kept for topic, _, kept in broker.published if topic.endswith("/config"))


def test_nothing_is_announced_where_nobody_asks(broker: Broker) -> None:
    publisher = HomePublisher(f"mqtt://127.0.0.1:{broker.port}/lpsr", None, discovery=None)
    until(lambda: broker.published)
    publisher(json.dumps(READ).encode(), "R-1")
    publisher.close()
    assert [topic for topic, _, _ in broker.published] == ["lpsr/status", "lpsr/gate_1/read", "lpsr/status"]


def test_recordings_are_told_and_never_announced(broker: Broker) -> None:
    publisher = HomePublisher(f"mqtt://127.0.0.1:{broker.port}/lpsr", None)
    until(lambda: broker.published)
    publisher(json.dumps({**READ, "source": "01J0/cars.mp4", "time": None}).encode(), "R-1")
    publisher._connected(None, None, None, type("Yes", (), {"is_failure": False}), None)  # as when it comes back
    publisher.close()
    assert broker.got == [("lpsr/01j0_cars_mp4/read", "ABC1D23")]
    assert not [topic for topic, _, _ in broker.published if topic.endswith("/config")]


def test_a_broker_that_is_away_is_found_when_it_comes() -> None:
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    publisher = HomePublisher(f"mqtt://127.0.0.1:{port}/lpsr", None)
    with pytest.raises(NotTakenError, match="cannot be reached"):
        publisher(json.dumps(READ).encode(), "R-1")
    broker = Broker(port)
    try:
        until(lambda: broker.published)
        publisher(json.dumps(READ).encode(), "R-1")
        assert broker.got == [("lpsr/gate_1/read", "ABC1D23")]
    finally:
        publisher.close()
        broker.stop()
    with pytest.raises(UsageError, match="takes mqtt://host/topic"):
        HomePublisher("mqtt://127.0.0.1", None)


def test_a_run_tells_the_broker_its_hits(
    tmp_path: Path, broker: Broker, here: Command, options: list[str], detector: Path
) -> None:
    save_image(tmp_path / "in" / "0.png", scene("XYZ9876"))
    (tmp_path / "list.txt").write_text("XYZ9876\n")
    (tmp_path / "alerts.toml").write_text(
        '[[watch_list]]\nname = "ours"\nfile = "list.txt"\n'
        f'[[sink]]\nname = "home"\nkind = "mqtt"\naddress = "mqtt://127.0.0.1:{broker.port}/lpsr"\n'
    )
    given = [*options, "--detector", str(detector), "--quiet", "--alerts", tmp_path / "alerts.toml"]
    done = here("--video", tmp_path / "in", "--name", "gate", "--out", tmp_path / "out", *given)
    assert done.returncode == 0, done.stderr
    (told,) = [json.loads(payload) for topic, payload, _ in broker.published if topic == "lpsr/gate/read"]
    assert (told["text"], told["hit"]["way"]) == ("XYZ9876", "exact")
    assert "log_probs" not in told
    assert [topic for topic, _, _ in broker.published if topic == "lpsr/gate/picture"]
    assert broker.published[-1] == ("lpsr/status", b"offline", True)


def test_a_real_broker_keeps_what_it_is_told_and_tells_the_last_will(tmp_path: Path) -> None:
    server = shutil.which("mosquitto") or shutil.which("/usr/sbin/mosquitto")
    if server is None:
        pytest.skip("mosquitto is not installed")
    from paho.mqtt import client as mqtt
    from paho.mqtt.enums import CallbackAPIVersion

    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    (tmp_path / "mosquitto.conf").write_text(f"listener {port} 127.0.0.1\nallow_anonymous true\n")
    process = subprocess.Popen([server, "-c", str(tmp_path / "mosquitto.conf")], stderr=subprocess.DEVNULL)
    got: dict[str, bytes] = {}
    try:
        publisher = HomePublisher(f"mqtt://127.0.0.1:{port}/lpsr", None, cameras=["gate"])
        until(publisher._client.is_connected)
        watcher: Any = mqtt.Client(CallbackAPIVersion.VERSION2)
        watcher.on_message = lambda _client, _data, message: got.update({message.topic: message.payload})
        watcher.connect("127.0.0.1", port)
        watcher.subscribe("#", qos=1)
        watcher.loop_start()
        publisher(json.dumps({**READ, "source": "gate"}).encode(), "R-1")
        until(lambda: {"lpsr/status", "lpsr/gate/read", "homeassistant/sensor/lpsr_gate/plate/config"} <= got.keys())
        assert got["lpsr/status"] == b"online"
        publisher._client.loop_stop()
        publisher._client.socket().close()  # as when the machine loses its network
        until(lambda: got["lpsr/status"] == b"offline")
        watcher.loop_stop()
    finally:
        process.terminate()
        process.wait(10)
