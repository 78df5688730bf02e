"""Reads by MQTT."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import unquote, urlsplit

from lpsr_core.errors import MissingExtraError, UsageError
from lpsr_run.redact import redact_address
from lpsr_run.sinks.spool import NotTakenError, Send

_TIMEOUT = 10.0
_PORTS = {"mqtt": 1883, "mqtts": 8883}


@dataclass(frozen=True)
class Broker:
    """Where messages are published.

    Attributes:
        host, port: of the broker.
        topic: of the messages, or what their topics begin with.
        user, password: percent-encoded; empty without.
        tls: whether the connection is encrypted.
    """

    host: str
    port: int
    topic: str
    user: str = field(repr=False)
    password: str = field(repr=False)
    tls: bool


def parse_broker(url: str, what: str = "--mqtt") -> Broker:
    """A broker from `mqtt://[user:password@]host[:port]/topic`, or `mqtts://` for TLS.

    Args:
        url: the address.
        what: takes it, for the message.

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
        raise UsageError(f"{what} takes mqtt://host/topic or mqtts://host:port/topic, not {redact_address(url)!r}")
    tls = parts.scheme.lower() == "mqtts"
    return Broker(parts.hostname, port, topic, parts.username or "", parts.password or "", tls)


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
    parse_broker(give())
    _library()
    connected: list[tuple[Any, str]] = []

    def publish(body: bytes, key: str) -> None:
        if connected and not connected[0][0].is_connected():
            _leave(connected.pop()[0])
        if not connected:
            connected.append(_connected(give))
        try:
            publish_acknowledged(*connected[0], body)
        except NotTakenError:
            _leave(connected.pop()[0])
            raise

    return publish


def new_client(broker: Broker) -> Any:
    """A client of a broker, with its user and encryption, and not connected yet.

    Raises:
        MissingExtraError: paho-mqtt is not installed.
    """
    mqtt, version = _library()
    client = mqtt.Client(version)
    if broker.user:
        client.username_pw_set(unquote(broker.user), unquote(broker.password))
    if broker.tls:
        client.tls_set()
    return client


def _library() -> tuple[Any, Any]:
    """Paho's module of clients, and the version of its callbacks, which 1.x does not have.

    Raises:
        MissingExtraError: paho-mqtt 2 is not installed.
    """
    try:
        from paho.mqtt import client
        from paho.mqtt.enums import CallbackAPIVersion
    except ImportError:
        raise MissingExtraError("paho-mqtt", "mqtt") from None
    return client, CallbackAPIVersion.VERSION2


def publish_acknowledged(client: Any, topic: str, payload: bytes) -> None:
    """Publish a message, and wait until the broker says that it has it.

    Raises:
        NotTakenError: it did not say so.
    """
    with _reaching():
        message = client.publish(topic, payload, qos=1)
        message.wait_for_publish(_TIMEOUT)
        taken = message.is_published()
    if not taken:
        raise NotTakenError("the broker did not acknowledge")


def _connected(give: Callable[[], str]) -> tuple[Any, str]:
    """A client that the broker has let in, and its topic; what an old one could not deliver it would send again."""
    try:
        broker = parse_broker(give())
    except UsageError as error:  # whoever changes a file may be in the middle of it
        raise NotTakenError(str(error)) from None
    answered, reasons = threading.Event(), list[Any]()

    def answer(_client: Any, _data: Any, _flags: Any, reason: Any, _properties: Any) -> None:
        reasons.append(reason)
        answered.set()

    with _reaching():
        client = new_client(broker)
        client.on_connect = answer
        client.connect(broker.host, broker.port, keepalive=60)
        client.loop_start()
    if not answered.wait(_TIMEOUT) or reasons[0].is_failure:
        _leave(client)
        raise NotTakenError(f"the broker says: {reasons[0]}" if reasons else "the broker did not answer")
    return client, broker.topic


def _leave(client: Any) -> None:
    client.disconnect()
    client.loop_stop()


@contextmanager
def _reaching() -> Iterator[None]:
    try:
        yield
    except (OSError, ValueError, RuntimeError) as error:
        raise NotTakenError(f"cannot be reached: {error}") from None
