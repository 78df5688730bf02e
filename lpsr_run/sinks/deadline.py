"""A limit for a whole HTTP request: the time-outs of sockets begin anew with every byte."""

from __future__ import annotations

import http.client
import socket
import threading
import urllib.request
from contextlib import suppress
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

    def __exit__(self, *failure: object) -> None:
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


class Watched(urllib.request.HTTPHandler, urllib.request.HTTPSHandler):
    """Opens http: and https: addresses with connections that a deadline holds for."""

    def __init__(self, deadline: Deadline) -> None:
        super().__init__()
        self._deadline = deadline

    def http_open(self, request: urllib.request.Request) -> http.client.HTTPResponse:
        """Ask without encryption."""
        return self.do_open(self._watched(http.client.HTTPConnection), request)

    def https_open(self, request: urllib.request.Request) -> http.client.HTTPResponse:
        """Ask with encryption."""
        return self.do_open(self._watched(http.client.HTTPSConnection), request)

    def _watched(self, kind: type[http.client.HTTPConnection]) -> Any:
        def make(host: str, **rest: Any) -> http.client.HTTPConnection:
            connection = kind(host, **rest)
            self._deadline.watch(connection)
            return connection

        return make
