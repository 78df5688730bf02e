"""A camera for tests: a local HTTP server of motion JPEG that can be made to fail in every way a camera does."""

from __future__ import annotations

import contextlib
import threading
import time
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import cv2
import numpy as np

Picture = Callable[[int], np.ndarray]


class Camera:
    """Serves endless motion JPEG.

    Attributes:
        picture: makes frame n, uint8[H, W, 3].
        pause: seconds between frames.
        frames: of a connection, after which it ends; None for no end.
        broken: the last frame of a connection is cut in its middle.
        sent: frames so far, over all connections.
        connections: how often somebody connected.
    """

    def __init__(self, picture: Picture, port: int = 0, pause: float = 0.02, frames: int | None = None) -> None:
        self.picture, self.pause, self.frames, self.broken = picture, pause, frames, False
        self.sent = self.connections = 0
        self._gone = threading.Event()
        camera = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                camera.connections += 1
                self.send_response(200)
                self.send_header("Content-Type", "multipart/x-mixed-replace; boundary=frame")
                self.end_headers()
                with contextlib.suppress(OSError):
                    camera._send(self.wfile)

            def log_message(self, *_: object) -> None:
                pass

        ThreadingHTTPServer.allow_reuse_address = True
        self._server = ThreadingHTTPServer(("127.0.0.1", port), Handler)
        self._server.daemon_threads = True
        self.port = self._server.server_address[1]
        self.url = self.address(self.port)
        threading.Thread(target=self._server.serve_forever, args=(0.01,), daemon=True).start()

    @staticmethod
    def address(port: int) -> str:
        """Of a camera at a port."""
        return f"http://user:hunter2@127.0.0.1:{port}/live.mjpg"

    def stop(self) -> None:
        """Breaks all connections and takes no new ones."""
        self._gone.set()
        self._server.shutdown()
        self._server.server_close()

    def _send(self, stream) -> None:
        count = 0
        while not self._gone.is_set() and (self.frames is None or count < self.frames):
            _, data = cv2.imencode(".jpg", self.picture(self.sent)[..., ::-1])
            body = data.tobytes()
            count += 1
            if self.broken and count == self.frames:
                body = body[: len(body) // 2]
            head = f"--frame\r\nContent-Type: image/jpeg\r\nContent-Length: {len(data)}\r\n\r\n"
            stream.write(head.encode() + body + b"\r\n")
            stream.flush()
            self.sent += 1
            time.sleep(self.pause)


@contextlib.contextmanager
def being(kind, picture: Picture, **options) -> Iterator:
    """A camera of a kind that is gone afterwards."""
    camera = kind(picture, **options)
    try:
        yield camera
    finally:
        camera.stop()


def serving(picture: Picture, **options) -> contextlib.AbstractContextManager[Camera]:
    """One that speaks HTTP."""
    return being(Camera, picture, **options)
