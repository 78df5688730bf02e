"""Reads by MQTT for home automation: a topic a camera, a last will, and discovery by Home Assistant."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

from lpsr_run.cameras.settings import topic_name
from lpsr_run.sinks.mqtt import new_client, parse_broker, publish_acknowledged
from lpsr_run.sinks.pictures import find_picture
from lpsr_run.sinks.spool import NotTakenError

_CONNECT_SECONDS = 1.5
"""That a read waits for a connection that is being made."""
ONLINE, OFFLINE = b"online", b"offline"
_HIT_SECONDS = 30
"""After which Home Assistant takes a hit for over."""


class HomePublisher:
    """Publishes reads with quality of service 1 under `PREFIX/CAMERA/read`, and their pictures under `…/picture`.

    `PREFIX/status` says `online`, and `offline` once the run is over or its connection is lost. The connection is
    made in the background and brought back by itself.

    Args:
        url: `mqtt://[user:password@]host[:port]/PREFIX`, or `mqtts://` for TLS.
        root: what the paths of pictures are relative to; None publishes no pictures.
        discovery: Home Assistant's prefix; None announces nothing. What is no camera, such as a video that was sent to
            a server, is not announced: retained messages would outlive it.
        cameras: names that are announced before their first read; other cameras are announced with theirs.

    Raises:
        UsageError: the URL is none.
        MissingExtraError: paho-mqtt is not installed.
    """

    def __init__(
        self, url: str, root: Path | None, discovery: str | None = "homeassistant", cameras: Iterable[str] = ()
    ) -> None:
        self._broker = parse_broker(url, "an alert sink of MQTT")
        self._root, self._discovery = root, discovery
        self._known, self._lock = list(cameras), threading.Lock()
        self._up = threading.Event()
        self._why = "the broker cannot be reached"
        self._client = new_client(self._broker)
        self._status = f"{self._broker.topic}/status"
        self._client.will_set(self._status, OFFLINE, qos=1, retain=True)
        self._client.on_connect = self._connected
        self._client.on_disconnect = lambda *_: self._up.clear()
        self._client.connect_async(self._broker.host, self._broker.port, keepalive=30)
        self._client.loop_start()

    def __call__(self, body: bytes, key: str) -> None:
        """Publish a read, as a line of `reads.jsonl` has it."""
        if not self._up.wait(_CONNECT_SECONDS) or not self._client.is_connected():
            raise NotTakenError(self._why)
        read = json.loads(body)
        camera = str(read["source"])
        with self._lock:
            # Live sources alone have a time: recordings come and go.
            new = bool(read.get("time")) and camera not in self._known
            if new:
                self._known.append(camera)
        if new:
            self._announce(camera)
        if self._root is not None and read.get("lr_image"):
            picture = find_picture(self._root, read.get("sr_image") or read["lr_image"])
            if picture is not None:
                publish_acknowledged(self._client, self.topic(camera, "picture"), picture.read_bytes())
        publish_acknowledged(self._client, self.topic(camera, "read"), body)

    def close(self) -> None:
        """Say that the run is over."""
        if self._client.is_connected():
            self._client.publish(self._status, OFFLINE, qos=1, retain=True).wait_for_publish(1.0)
        self._client.disconnect()
        self._client.loop_stop()

    def topic(self, camera: str, what: str) -> str:
        """The topic of a camera's reads or pictures."""
        return f"{self._broker.topic}/{topic_name(camera)}/{what}"

    def _connected(self, _client: Any, _data: Any, _flags: Any, reason: Any, _properties: Any) -> None:
        if reason.is_failure:
            self._why = f"the broker says: {reason}"
            return
        self._why = "the connection to the broker is lost"
        self._client.publish(self._status, ONLINE, qos=1, retain=True)
        with self._lock:
            known = list(self._known)
        for camera in known:
            self._announce(camera)
        self._up.set()

    def _announce(self, camera: str) -> None:
        """Make a camera a device of Home Assistant: with its last plate, hits, and its last picture."""
        if self._discovery is None:
            return
        device = f"lpsr_{topic_name(camera)}"
        common = {
            "availability_topic": self._status,
            "device": {"identifiers": [device], "name": f"LPSR {camera}", "manufacturer": "LPSR"},
        }
        for kind, name, told in self._entities(camera):
            entity = f"{device}_{name}"
            config = {**told, **common, "unique_id": entity, "object_id": entity}
            topic = f"{self._discovery}/{kind}/{device}/{name}/config"
            self._client.publish(topic, json.dumps(config).encode(), qos=1, retain=True)

    def _entities(self, camera: str) -> Iterator[tuple[str, str, dict[str, Any]]]:
        """Kind, name and configuration of what Home Assistant shows of a camera."""
        reads = self.topic(camera, "read")
        plate = {
            "name": "Plate",
            "icon": "mdi:car-info",
            "state_topic": reads,
            "value_template": "{{ value_json.text }}",
            "json_attributes_topic": reads,
            "json_attributes_template": "{{ {'certain': value_json.certain, 'confidence': value_json.confidence, "
            "'zone': value_json.zone, 'hit': value_json.hit, 'time': value_json.time} | tojson }}",
            "force_update": True,
        }
        hit = {
            "name": "Watch list hit",
            "state_topic": reads,
            "value_template": "{{ 'ON' if value_json.hit else 'OFF' }}",
            "off_delay": _HIT_SECONDS,
        }
        yield "sensor", "plate", plate
        yield "binary_sensor", "hit", hit
        if self._root is not None:
            picture = {"image_topic": self.topic(camera, "picture"), "content_type": "image/png"}
            yield "image", "picture", {"name": "Last plate", **picture}
