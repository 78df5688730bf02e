"""A message broker for tests, which answers as badly as it is told to."""

from __future__ import annotations

import contextlib
import json
import socket
import threading
from collections.abc import Collection

CONNECT, PUBLISH, _PING = 1, 3, 12
"""Kinds of MQTT packets."""


class Broker:
    """As much of an MQTT broker as takes messages: CONNECT, PUBLISH with quality 1, PINGREQ, DISCONNECT.

    Attributes:
        got: topic and text of every read that came, in order.
        published: topic, payload and whether it is to be retained, of everything that came, in order.
        wills: topic and payload that each client leaves behind.
        silent: kinds of packets that it hears and does not answer.
    """

    def __init__(self, port: int = 0, silent: Collection[int] = ()) -> None:
        self.silent = silent
        self.got: list[tuple[str, str]] = []
        self.published: list[tuple[str, bytes, bool]] = []
        self.wills: list[tuple[str, bytes]] = []
        self._socket = socket.create_server(("127.0.0.1", port))
        self.port = self._socket.getsockname()[1]
        self._open: list[socket.socket] = []
        threading.Thread(target=self._accept, daemon=True).start()

    def stop(self) -> None:
        for one in (self._socket, *self._open):
            with contextlib.suppress(OSError):
                one.shutdown(socket.SHUT_RDWR)
            one.close()

    def _accept(self) -> None:
        with contextlib.suppress(OSError):
            while True:
                one, _ = self._socket.accept()
                self._open.append(one)
                threading.Thread(target=self._serve, args=(one,), daemon=True).start()

    def _serve(self, one: socket.socket) -> None:
        stream = one.makefile("rb")
        with contextlib.suppress(OSError, IndexError):
            while head := stream.read(1):
                length, shift = 0, 0
                while True:
                    byte = stream.read(1)[0]
                    length |= (byte & 127) << shift
                    shift += 7
                    if not byte & 128:
                        break
                body = stream.read(length)
                kind = head[0] >> 4
                if kind in self.silent:
                    continue
                if kind == CONNECT:
                    self.wills += _will(body)
                    one.sendall(b"\x20\x02\x00\x00")
                elif kind == PUBLISH:
                    size = int.from_bytes(body[:2], "big")
                    topic, number, payload = body[2 : 2 + size].decode(), body[2 + size : 4 + size], body[4 + size :]
                    self.published.append((topic, payload, bool(head[0] & 1)))
                    if payload.startswith(b"{") and "text" in (told := json.loads(payload)):
                        self.got.append((topic, told["text"]))
                    one.sendall(b"\x40\x02" + number)
                elif kind == _PING:
                    one.sendall(b"\xd0\x00")


def _will(body: bytes) -> list[tuple[str, bytes]]:
    """Topic and payload of the last will in a CONNECT packet, where there is one."""
    name = int.from_bytes(body[:2], "big")
    flags, rest = body[name + 3], body[name + 6 :]
    fields = []
    while rest:
        size = int.from_bytes(rest[:2], "big")
        fields.append(rest[2 : 2 + size])
        rest = rest[2 + size :]
    return [(fields[1].decode(), fields[2])] if flags & 4 else []
