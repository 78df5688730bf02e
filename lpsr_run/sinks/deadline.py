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


def handlers(deadline: Deadline) -> tuple[urllib.request.BaseHandler, urllib.request.BaseHandler]:
    """Handlers of http and https whose connections a deadline holds for."""

    def watched(made: http.client.HTTPConnection) -> http.client.HTTPConnection:
        deadline.watch(made)
        return made

    class Plain(urllib.request.HTTPHandler):
        def http_open(self, request: urllib.request.Request) -> http.client.HTTPResponse:
            make: Any = lambda host, **rest: watched(http.client.HTTPConnection(host, **rest))  # noqa: E731
            return self.do_open(make, request)

    class Encrypted(urllib.request.HTTPSHandler):
        def https_open(self, request: urllib.request.Request) -> http.client.HTTPResponse:
            make: Any = lambda host, **rest: watched(http.client.HTTPSConnection(host, **rest))  # noqa: E731
            return self.do_open(make, request)

    return Plain(), Encrypted()
