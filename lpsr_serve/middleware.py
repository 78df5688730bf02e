"""What happens to every request before it reaches a route: key, rate, size; and to every answer: headers, counting."""

from __future__ import annotations

import math
import time
from http.cookies import CookieError, SimpleCookie
from urllib.parse import urlsplit

from starlette.datastructures import Headers, MutableHeaders
from starlette.exceptions import HTTPException
from starlette.responses import JSONResponse, RedirectResponse, Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from lpsr_serve.config import MEBIBYTE
from lpsr_serve.server import Server

COOKIE = "lpsr_session"
_OPEN = frozenset({"/healthz", "/readyz", "/login", "/static/app.css", "/static/icon.svg"})
_SMALL = MEBIBYTE
"""Largest body of a request without pictures."""
_FREE = (".png", ".jpg", ".css", ".js", ".svg")
"""Ends of paths that the rate does not count: a page has dozens of pictures."""
_SAFE = frozenset({"GET", "HEAD", "OPTIONS"})
_METHODS = _SAFE | {"POST", "PUT", "PATCH", "DELETE"}
"""Those that metrics name: who has no key could otherwise make as many series as there are words."""
_HEADERS = {
    "content-security-policy": "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; "
    "connect-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'",
    "x-content-type-options": "nosniff",
    "referrer-policy": "no-referrer",
    "cache-control": "no-store",
}


class Access:
    """Lets requests in that have a key, not too many at a time and none too large.

    Args:
        app: gets what is let in.
        server: has keys, rates and limits.
    """

    def __init__(self, app: ASGIApp, server: Server) -> None:
        self._app, self._server = app, server
        self._open = _OPEN | ({"/metrics"} if server.config.open_metrics else frozenset())

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve a request."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        refused = self._refused(scope)
        if refused is not None:
            await refused(scope, receive, send)
            return
        await self._app(scope, self._bounded(receive, self._limit(scope["path"])), send)

    def _refused(self, scope: Scope) -> Response | None:
        """The answer to a request that is not let in; None for one that is."""
        headers, path = Headers(scope=scope), str(scope["path"])
        limit = self._limit(path)
        length = headers.get("content-length", "")
        if length.isascii() and length.isdigit() and int(length[:20]) > limit:
            return error(413, _too_large(limit))
        if path in self._open:
            return None
        address = scope["client"][0] if scope.get("client") else ""
        holder, by_cookie = self._holder(headers)
        if holder is None:
            told = headers.get("authorization") or headers.get("x-api-key")
            if told and (wait := self._server.guesses.wait(address)):
                return error(429, "too many wrong API keys; come again later", {"retry-after": _seconds(wait)})
            if scope["method"] == "GET" and not path.startswith("/api/") and "text/html" in headers.get("accept", ""):
                return RedirectResponse("/login", 303)
            why = "no such API key" if told else "give an API key: Authorization: Bearer KEY, or X-API-Key: KEY"
            return error(401, why, {"www-authenticate": "Bearer"})
        if by_cookie and scope["method"] not in _SAFE and not _same_origin(headers):
            return error(403, "a browser sent this from another site")
        if not path.endswith(_FREE) and (wait := self._server.rates.wait(holder)):
            return error(429, "too many requests for this API key; come again later", {"retry-after": _seconds(wait)})
        return None

    def _holder(self, headers: Headers) -> tuple[str | None, bool]:
        """Whose key came with a request, and whether it came as a session."""
        scheme, _, bearer = headers.get("authorization", "").partition(" ")
        for key in (bearer.strip() if scheme.lower() == "bearer" else "", headers.get("x-api-key", "")):
            if key:
                return self._server.keys.holder(key), False
        try:
            cookie = SimpleCookie(headers.get("cookie", "")).get(COOKIE)
        except CookieError:
            cookie = None
        return (None, False) if cookie is None else (self._server.keys.session_holder(cookie.value), True)

    def _limit(self, path: str) -> int:
        """Bytes that the body of a request may have."""
        if path == "/api/v1/videos":
            return self._server.config.max_video_mb * MEBIBYTE
        return self._server.config.max_image_mb * MEBIBYTE if path in ("/api/v1/read", "/api/v1/crops") else _SMALL

    def _bounded(self, receive: Receive, limit: int) -> Receive:
        """Receives a body until it is too large: chunked requests do not say their length."""
        size = 0

        async def bounded() -> Message:
            nonlocal size
            message = await receive()
            size += len(message.get("body", b""))
            if size > limit:
                raise HTTPException(413, _too_large(limit))
            return message

        return bounded


class Observed:
    """Counts requests, and gives every answer the headers that keep a browser safe.

    Args:
        app: answers.
        server: has the metrics.
    """

    def __init__(self, app: ASGIApp, server: Server) -> None:
        self._app, self._metrics = app, server.metrics

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve a request."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        start, status = time.perf_counter(), 500

        async def counted(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
                headers = MutableHeaders(scope=message)
                for name, value in _HEADERS.items():
                    headers.setdefault(name, value)
            await send(message)

        try:
            await self._app(scope, receive, counted)
        finally:
            route = getattr(scope.get("route"), "path", None) or "other"
            method = scope["method"] if scope["method"] in _METHODS else "OTHER"
            self._metrics.requests.labels(method, route, str(status)).inc()
            if route != "/api/v1/events":
                self._metrics.request_seconds.labels(route).observe(time.perf_counter() - start)


def error(status: int, line: str, headers: dict[str, str] | None = None) -> JSONResponse:
    """Return the answer to a request that failed: `{"error": line}`."""
    return JSONResponse({"error": line}, status, headers)


def _same_origin(headers: Headers) -> bool:
    """Whether a browser says that its own page sent a request."""
    if (site := headers.get("sec-fetch-site")) is not None:
        return site in ("same-origin", "none")
    origin = headers.get("origin")
    return origin is None or urlsplit(origin).netloc == headers.get("host")


def _too_large(limit: int) -> str:
    return f"the request is larger than {limit // MEBIBYTE} MiB"


def _seconds(wait: float) -> str:
    return str(max(math.ceil(wait), 1))
