"""Reads by MQTT for home automation: a topic a camera, a last will, and discovery by Home Assistant."""

from __future__ import annotations

import json
import re
import threading
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any
from urllib.parse import unquote

from lpsr_core.errors import MissingExtraError
from lpsr_run.sinks.mqtt import Broker, parse_broker
from lpsr_run.sinks.pictures import find_picture
from lpsr_run.sinks.spool import NotTakenError

_TIMEOUT = 10.0
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
        self._broker: Broker = parse_broker(url, "an alert sink of MQTT")
        try:
            from paho.mqtt import client as mqtt
            from paho.mqtt.enums import CallbackAPIVersion
        except ImportError:
            raise MissingExtraError("paho-mqtt", "mqtt") from None
        self._root, self._discovery = root, discovery
        self._known, self._lock = list(cameras), threading.Lock()
        self._up = threading.Event()
        self._why = "the broker cannot be reached"
        self._client: Any = mqtt.Client(CallbackAPIVersion.VERSION2)
        if self._broker.user:
            self._client.username_pw_set(unquote(self._broker.user), unquote(self._broker.password))
        if self._broker.tls:
            self._client.tls_set()
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
                self._publish(self.topic(camera, "picture"), picture.read_bytes())
        self._publish(self.topic(camera, "read"), body)

    def close(self) -> None:
        """Say that the run is over."""
        if self._client.is_connected():
            self._client.publish(self._status, OFFLINE, qos=1, retain=True).wait_for_publish(1.0)
        self._client.disconnect()
        self._client.loop_stop()

    def topic(self, camera: str, what: str) -> str:
        """The topic of a camera's reads or pictures."""
        return f"{self._broker.topic}/{_slug(camera)}/{what}"

    def _publish(self, topic: str, payload: bytes) -> None:
        try:
            message = self._client.publish(topic, payload, qos=1)
            message.wait_for_publish(_TIMEOUT)
            taken = message.is_published()
        except (OSError, ValueError, RuntimeError) as error:
            raise NotTakenError(f"cannot be reached: {error}") from None
        if not taken:
            raise NotTakenError("the broker did not acknowledge")

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
        if self._discovery is None:
            return
        for topic, told in discovery(camera, self._discovery, self.topic, self._status, self._root is not None):
            self._client.publish(topic, json.dumps(told).encode(), qos=1, retain=True)


def discovery(
    camera: str, prefix: str, topic: Callable[[str, str], str], status: str, pictures: bool
) -> list[tuple[str, dict[str, Any]]]:
    """Topics and payloads that make a camera a device of Home Assistant: its last plate, hits, and its last picture.

    Args:
        camera: name.
        prefix: of discovery topics.
        topic: of what a camera publishes.
        status: topic of the availability.
        pictures: whether pictures are published.
    """
    slug = _slug(camera)
    common = {
        "availability_topic": status,
        "device": {"identifiers": [f"lpsr_{slug}"], "name": f"LPSR {camera}", "manufacturer": "LPSR"},
    }
    entities: list[tuple[str, str, dict[str, Any]]] = [
        (
            "sensor",
            "plate",
            {
                "name": "Plate",
                "icon": "mdi:car-info",
                "state_topic": topic(camera, "read"),
                "value_template": "{{ value_json.text }}",
                "json_attributes_topic": topic(camera, "read"),
                "json_attributes_template": "{{ {'certain': value_json.certain, 'confidence': value_json.confidence, "
                "'zone': value_json.zone, 'hit': value_json.hit, 'time': value_json.time} | tojson }}",
                "force_update": True,
            },
        ),
        (
            "binary_sensor",
            "hit",
            {
                "name": "Watch list hit",
                "state_topic": topic(camera, "read"),
                "value_template": "{{ 'ON' if value_json.hit else 'OFF' }}",
                "off_delay": _HIT_SECONDS,
            },
        ),
    ]
    if pictures:
        image = {"name": "Last plate", "image_topic": topic(camera, "picture"), "content_type": "image/png"}
        entities.append(("image", "picture", image))
    return [
        (
            f"{prefix}/{kind}/lpsr_{slug}/{name}/config",
            {**told, **common, "unique_id": f"lpsr_{slug}_{name}", "object_id": f"lpsr_{slug}_{name}"},
        )
        for kind, name, told in entities
    ]


def _slug(camera: str) -> str:
    """A camera's name as a part of a topic."""
    return re.sub(r"[^A-Za-z0-9_-]+", "_", camera).strip("_").lower() or "camera"
