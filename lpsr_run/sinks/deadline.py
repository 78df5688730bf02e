"""A limit for a whole HTTP request: the time-outs of sockets begin anew with every byte."""

from __future__ import annotations

import http.client
import socket
import threading
import urllib.request
from contextlib import suppress
from types import TracebackType
from typing import Any


class Deadline:
    """Shuts the connections of a request down when its time is over; a context manager around the request.

    Args:
        seconds: that it may take.

    Attributes:
        passed: whether its time was over.
    """

    def __init__(self, seconds: float) -> None:
        self.seconds, self.passed = seconds, False
        self._connections: list[http.client.HTTPConnection] = []
        self._timer = threading.Timer(seconds, self._end)
        self._timer.daemon = True

    def __enter__(self) -> Deadline:
        self._timer.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._timer.cancel()

    def watch(self, connection: http.client.HTTPConnection) -> None:
        """Have the deadline hold for a connection."""
        self._connections.append(connection)

    def _end(self) -> None:
        self.passed = True
        for connection in self._connections:
            found: Any = connection.sock
            if found is not None:
                with suppress(OSError):
                    found.shutdown(socket.SHUT_RDWR)


class Plain(urllib.request.HTTPHandler):
    """Opens http: addresses with connections that a deadline holds for."""

    def __init__(self, deadline: Deadline) -> None:
        super().__init__()
        self._deadline = deadline

    def http_open(self, request: urllib.request.Request) -> http.client.HTTPResponse:
        """Ask, as the base class does."""
        return self.do_open(_watched(http.client.HTTPConnection, self._deadline), request)


class Encrypted(urllib.request.HTTPSHandler):
    """The same of https: addresses."""

    def __init__(self, deadline: Deadline) -> None:
        super().__init__()
        self._deadline = deadline

    def https_open(self, request: urllib.request.Request) -> http.client.HTTPResponse:
        """Ask, as the base class does."""
        return self.do_open(_watched(http.client.HTTPSConnection, self._deadline), request)


def _watched(kind: type[http.client.HTTPConnection], deadline: Deadline) -> Any:
    def make(host: str, **rest: Any) -> http.client.HTTPConnection:
        connection = kind(host, **rest)
        deadline.watch(connection)
        return connection

    return make
