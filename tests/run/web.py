"""A web server for tests: serves the files of a folder with ranges, and can break off or refuse."""

from __future__ import annotations

import base64
import contextlib
import threading
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any


class Web:
    """Serves a folder, and is gone after its `with`.

    Attributes:
        url: of the folder, without a slash at the end.
        asked: paths of all requests.
        status: answered in place of every file; None serves them.
        password: `user:password` that is wanted; None wants none.
        cut: bytes after which every first answer of a file breaks off; None for none.
        ranges: whether parts of files may be asked for.
        redirects: addresses to which paths lead instead.
        made: makes the content of a path that is no file, from its name; None where there is none.
    """

    def __init__(self, folder: Path) -> None:
        self.status: int | None = None
        self.password: str | None = None
        self.cut: int | None = None
        self.ranges = True
        self.redirects: dict[str, str] = {}
        self.made: dict[str, Callable[[], bytes]] = {}
        self.asked: list[str] = []
        web = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def log_message(self, *_: Any) -> None:
                pass

            def do_GET(self) -> None:
                with contextlib.suppress(OSError):
                    web._answer(self, folder)

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        self.url = f"http://127.0.0.1:{self._server.server_address[1]}"
        threading.Thread(target=self._server.serve_forever, args=(0.01,), daemon=True).start()

    def __enter__(self) -> Web:
        return self

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._server.server_close()

    def _answer(self, request: BaseHTTPRequestHandler, folder: Path) -> None:
        name = request.path.partition("?")[0].lstrip("/")
        again, status = name in self.asked, self.status
        self.asked.append(name)
        wanted = None if self.password is None else "Basic " + base64.b64encode(self.password.encode()).decode()
        if wanted is not None and request.headers.get("Authorization") != wanted:
            status = 401
        if status is None and name in self.redirects:
            request.send_response(302)
            request.send_header("Location", self.redirects[name])
            request.send_header("Content-Length", "0")
            request.end_headers()
            return
        if status is None and not (name in self.made or (folder / name).is_file()):
            status = 404
        if status is not None:
            request.send_response(status)
            if status == 401:
                request.send_header("WWW-Authenticate", 'Basic realm="camera"')
            request.send_header("Content-Length", "0")
            request.end_headers()
            return
        data = self.made[name]() if name in self.made else (folder / name).read_bytes()
        first, last = 0, len(data) - 1
        part = request.headers.get("Range", "") if self.ranges else ""
        if part.startswith("bytes="):
            low, _, high = part.removeprefix("bytes=").partition("-")
            first, last = int(low), min(int(high) if high else last, last)
        request.send_response(206 if part else 200)
        if self.ranges:
            request.send_header("Accept-Ranges", "bytes")
        request.send_header("Content-Length", str(last - first + 1))
        if part:
            request.send_header("Content-Range", f"bytes {first}-{last}/{len(data)}")
        request.end_headers()
        body = data[first : last + 1]
        if self.cut is not None and not again and len(body) > self.cut:
            request.wfile.write(body[: self.cut])
            request.wfile.flush()
            request.connection.close()
            return
        request.wfile.write(body)
