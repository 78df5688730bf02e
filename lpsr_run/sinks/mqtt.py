"""Reads by MQTT."""

from __future__ import annotations

from typing import Any
from urllib.parse import unquote, urlsplit

from lpsr_core.errors import MissingExtraError, UsageError
from lpsr_run.redact import redact
from lpsr_run.sinks.spool import NotTakenError, Send

_TIMEOUT = 10.0
_PORTS = {"mqtt": 1883, "mqtts": 8883}


def publisher(url: str) -> Send:
    """Publishes reads with quality of service 1, so that the broker says that it has each.

    Args:
        url: `mqtt://[user:password@]host[:port]/topic`, or `mqtts://` for TLS.

    Raises:
        UsageError: the URL is none.
        MissingExtraError: paho-mqtt is not installed.
    """
    try:
        parts = urlsplit(url)
        port = parts.port or _PORTS.get(parts.scheme.lower(), 0)
    except ValueError:
        parts, port = urlsplit(""), 0
    topic = parts.path.strip("/")
    if not port or not parts.hostname or not topic or set(url) & set("#+?"):
        raise UsageError(f"--mqtt takes mqtt://host/topic or mqtts://host:port/topic, not {redact(url)!r}")
    try:
        from paho.mqtt import client as mqtt
        from paho.mqtt.enums import CallbackAPIVersion
    except ImportError:
        raise MissingExtraError("paho-mqtt", "mqtt") from None
    client: Any = mqtt.Client(CallbackAPIVersion.VERSION2)
    if parts.username:
        client.username_pw_set(unquote(parts.username), unquote(parts.password or ""))
    if parts.scheme.lower() == "mqtts":
        client.tls_set()
    host = parts.hostname

    def publish(body: bytes, key: str) -> None:
        try:
            if not client.is_connected():
                client.loop_stop()
                client.connect(host, port, keepalive=60)
                client.loop_start()
            message = client.publish(topic, body, qos=1)
            message.wait_for_publish(_TIMEOUT)
            taken = message.is_published()
        except (OSError, ValueError, RuntimeError) as error:
            raise NotTakenError(f"cannot be reached: {error}") from None
        if not taken:
            client.loop_stop()
            client.disconnect()
            raise NotTakenError("the broker did not acknowledge")

    return publish
