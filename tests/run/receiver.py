"""A server for tests that takes reads as a webhook, and does so as badly as it is told to."""

from __future__ import annotations

import contextlib
import json
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer


class Receiver:
    """Takes reads, and answers with what it is told to.

    Attributes:
        got: text and key of every read that was taken, in order.
        answers: statuses of the next answers; 200 when there are none left.
        users: what was sent as authorization.
        asked: how often a read was brought.
        pause: seconds before each answer.
        silent: while set, no answer comes at all.
    """

    def __init__(self, port: int = 0, pause: float = 0.0) -> None:
        self.got: list[tuple[str, str]] = []
        self.answers: list[int] = []
        self.users: set[str | None] = set()
        self.asked, self.pause, self.silent = 0, pause, threading.Event()
        self._gone = threading.Event()
        receiver = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                with contextlib.suppress(OSError):
                    self._answer()

            def _answer(self) -> None:
                body = self.rfile.read(int(self.headers["Content-Length"]))
                receiver.asked += 1
                receiver.users.add(self.headers["Authorization"])
                while receiver.silent.is_set():
                    if receiver._gone.wait(0.01):
                        return
                time.sleep(receiver.pause)
                status = receiver.answers.pop(0) if receiver.answers else 200
                if status == 200:
                    receiver.got.append((json.loads(body)["text"], self.headers["Idempotency-Key"]))
                self.send_response(status)
                if status == 302:
                    self.send_header("Location", "/elsewhere")
                self.end_headers()

            def log_message(self, *_: object) -> None:
                pass

        self._server = ThreadingHTTPServer(("127.0.0.1", port), Handler)
        self._server.daemon_threads = True
        self.port = self._server.server_address[1]
        self.url = f"http://me:hunter2@127.0.0.1:{self.port}/reads?token=secret"
        self.plain = f"http://127.0.0.1:{self.port}/reads"
        threading.Thread(target=self._server.serve_forever, args=(0.01,), daemon=True).start()

    def stop(self) -> None:
        """Takes no reads any more."""
        self._gone.set()
        self._server.shutdown()
        self._server.server_close()
