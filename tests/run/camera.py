"""Cameras for tests: local servers that can be made to fail in every way a camera does; here the one for HTTP."""

from __future__ import annotations

import contextlib
import socketserver
import threading
import time
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator
from typing import BinaryIO

import cv2
import numpy as np

Picture = Callable[[int], np.ndarray]
USER, PASSWORD = "user", "hunter2"


class TestCamera(ABC):
    """Serves endless motion JPEG, and is gone after its `with`.

    Attributes:
        picture: makes frame n, uint8[H, W, 3].
        pause: seconds between frames.
        frames: of a connection, after which the camera hangs up; None for no end.
        broken: it hangs up in the middle of that connection's last frame.
        sent: frames so far, over all connections.
        connections: how often somebody was sent frames.
    """

    __test__ = False

    def __init__(self, picture: Picture, port: int = 0, pause: float = 0.02, frames: int | None = None) -> None:
        self.picture, self.pause, self.frames, self.broken = picture, pause, frames, False
        self.sent = self.connections = 0
        self._gone = threading.Event()
        camera = self

        class Handler(socketserver.StreamRequestHandler):
            def handle(self) -> None:
                with contextlib.suppress(OSError):
                    camera.talk(self.rfile, self.wfile)

        class Server(socketserver.ThreadingTCPServer):
            allow_reuse_address = True
            daemon_threads = True
            block_on_close = False

        self._server = Server(("127.0.0.1", port), Handler)
        self.port = self._server.server_address[1]
        self.url = self.address(self.port)
        threading.Thread(target=self._server.serve_forever, args=(0.01,), daemon=True).start()

    @staticmethod
    @abstractmethod
    def address(port: int) -> str:
        """Of a camera at a port, with the password."""

    @abstractmethod
    def talk(self, reader: BinaryIO, writer: BinaryIO) -> None:
        """With one who connected, until the camera is gone."""

    def stop(self) -> None:
        """Breaks all connections and takes no new ones."""
        self._gone.set()
        self._server.shutdown()
        self._server.server_close()

    def __enter__(self):
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    def shots(self) -> Iterator[tuple[np.ndarray, bool]]:
        """A connection's pictures in their time, and whether to hang up in the middle of this one."""
        self.connections += 1
        count = 0
        while not self._gone.is_set() and (self.frames is None or count < self.frames):
            count += 1
            yield self.picture(self.sent), self.broken and count == self.frames
            self.sent += 1
            time.sleep(self.pause)


class Camera(TestCamera):
    """One that speaks HTTP.

    Attributes:
        greeting: sent before the first boundary.
    """

    greeting = b""

    @staticmethod
    def address(port: int) -> str:
        return f"http://{USER}:{PASSWORD}@127.0.0.1:{port}/live.mjpg"

    def talk(self, reader: BinaryIO, writer: BinaryIO) -> None:
        while reader.readline().strip():
            pass
        writer.write(
            b"HTTP/1.0 200 OK\r\nContent-Type: multipart/x-mixed-replace; boundary=frame\r\n\r\n" + self.greeting
        )
        for picture, cut in self.shots():
            data = cv2.imencode(".jpg", picture[..., ::-1])[1].tobytes()
            head = f"--frame\r\nContent-Type: image/jpeg\r\nContent-Length: {len(data)}\r\n\r\n"
            writer.write(head.encode() + (data[: len(data) // 2] if cut else data) + b"\r\n")
