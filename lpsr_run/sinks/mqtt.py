"""Reads by MQTT."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Any
from urllib.parse import SplitResult, unquote, urlsplit

from lpsr_core.errors import MissingExtraError, UsageError
from lpsr_run.redact import redact_address
from lpsr_run.sinks.spool import NotTakenError, Send

_TIMEOUT = 10.0
_PORTS = {"mqtt": 1883, "mqtts": 8883}


def publisher(url: str | Callable[[], str]) -> Send:
    """Publishes reads with quality of service 1, so that the broker says that it has each.

    Args:
        url: `mqtt://[user:password@]host[:port]/topic`, or `mqtts://` for TLS. What gives it is asked for every
            connection, as a password may change.

    Raises:
        UsageError: the URL is none.
        MissingExtraError: paho-mqtt is not installed.
    """
    give = url if callable(url) else lambda: url
    _target(give())
    try:
        from paho.mqtt import client as mqtt
        from paho.mqtt.enums import CallbackAPIVersion
    except ImportError:
        raise MissingExtraError("paho-mqtt", "mqtt") from None
    connected: list[Any] = []
    topics: list[str] = []

    def connect() -> Any:
        """A client that the broker has let in. Each is new: what an old one could not deliver it would send again."""
        try:
            parts, host, port, topic = _target(give())
        except UsageError as error:  # whoever changes a file may be in the middle of it
            raise NotTakenError(str(error)) from None
        topics[:] = [topic]
        client: Any = mqtt.Client(CallbackAPIVersion.VERSION2)
        if parts.username:
            client.username_pw_set(unquote(parts.username), unquote(parts.password or ""))
        if parts.scheme.lower() == "mqtts":
            client.tls_set()
        answered, reasons = threading.Event(), list[Any]()

        def answer(_client: Any, _data: Any, _flags: Any, reason: Any, _properties: Any) -> None:
            reasons.append(reason)
            answered.set()

        client.on_connect = answer
        client.connect(host, port, keepalive=60)
        client.loop_start()
        if not answered.wait(_TIMEOUT) or reasons[0].is_failure:
            leave(client)
            raise NotTakenError(f"the broker says: {reasons[0]}" if reasons else "the broker did not answer")
        return client

    def leave(client: Any) -> None:
        client.disconnect()
        client.loop_stop()

    def publish(body: bytes, key: str) -> None:
        try:
            if not connected or not connected[0].is_connected():
                for old in connected:
                    leave(old)
                connected[:] = [connect()]
            message = connected[0].publish(topics[0], body, qos=1)
            message.wait_for_publish(_TIMEOUT)
            taken = message.is_published()
        except (OSError, ValueError, RuntimeError) as error:
            raise NotTakenError(f"cannot be reached: {error}") from None
        if not taken:
            leave(connected.pop())
            raise NotTakenError("the broker did not acknowledge")

    return publish


def _target(url: str) -> tuple[SplitResult, str, int, str]:
    """The parts of a URL, its host, port and topic.

    Raises:
        UsageError: the URL is none.
    """
    try:
        parts = urlsplit(url)
        port = parts.port or _PORTS.get(parts.scheme.lower(), 0)
    except ValueError:
        parts, port = urlsplit(""), 0
    topic = parts.path.strip("/")
    if not port or not parts.hostname or not topic or set(url) & set("#+?"):
        raise UsageError(f"--mqtt takes mqtt://host/topic or mqtts://host:port/topic, not {redact_address(url)!r}")
    return parts, parts.hostname, port, topic
