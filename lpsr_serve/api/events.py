"""GET /api/v1/events: server-sent events of new reads; what a client missed is sent when it comes back."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import suppress
from typing import Annotated

from fastapi import APIRouter, Header, Request
from starlette.concurrency import run_in_threadpool
from starlette.responses import StreamingResponse

from lpsr_run.sinks.base import Record
from lpsr_serve.api.errors import responses
from lpsr_serve.api.reads import told
from lpsr_serve.inference.pool import BusyError
from lpsr_serve.server import Server

_PAGE = 100
_ALIVE_SECONDS = 15.0
"""Between two comments that keep proxies from closing a quiet connection."""
_LOOK_SECONDS = 1.0
"""Between two looks at the store and at the connection."""


class Newsroom:
    """Wakes those who follow events when a read was recorded.

    Args:
        most: followers at a time.
    """

    def __init__(self, most: int) -> None:
        self._most, self.followers, self.closing = most, 0, False
        self._loop: asyncio.AbstractEventLoop | None = None
        self._news = asyncio.Event()

    def open(self) -> None:
        """Take notice of the event loop; to be called in it."""
        self._loop = asyncio.get_running_loop()

    def tell(self, record: Record) -> None:
        """A read was recorded; called in the recorder's thread."""
        if self._loop is not None and not self._loop.is_closed():
            self._loop.call_soon_threadsafe(self._wake)

    def close(self) -> None:
        """End all streams."""
        self.closing = True
        self._wake()

    async def wait(self, seconds: float) -> None:
        """Wait for news, or for so long."""
        with suppress(asyncio.TimeoutError):
            await asyncio.wait_for(self._news.wait(), seconds)

    def enter(self) -> None:
        """One more follows.

        Raises:
            BusyError: too many do.
        """
        if self.followers >= self._most or self.closing:
            raise BusyError(f"{self._most} clients follow events already; come again later")
        self.followers += 1

    def _wake(self) -> None:
        news, self._news = self._news, asyncio.Event()
        news.set()


def event_routes(server: Server, newsroom: Newsroom) -> APIRouter:
    """Return the route of events."""
    router = APIRouter(prefix="/api/v1", tags=["reads"])

    @router.get(
        "/events",
        summary="New reads as they come",
        response_class=StreamingResponse,
        responses={
            **responses(),
            200: {"content": {"text/event-stream": {}}, "description": "Server-sent events, named `read`."},
        },
    )
    async def follow(
        request: Request,
        last_event_id: Annotated[
            str | None, Header(pattern=r"^[0-9]{1,18}$", description="The last event that came; later ones follow.")
        ] = None,
    ) -> StreamingResponse:
        """Each event is named `read`; its data is what `GET /api/v1/reads/{id}` gives. With `Last-Event-ID` the reads
        behind that event come first, so that nothing is missed over a lost connection.
        """
        start = await run_in_threadpool(lambda: server.reads.last_row) if last_event_id is None else int(last_event_id)
        newsroom.enter()
        return StreamingResponse(
            _events(server, newsroom, request, start),
            media_type="text/event-stream",
            headers={"cache-control": "no-cache", "x-accel-buffering": "no"},
        )

    return router


async def _events(server: Server, newsroom: Newsroom, request: Request, row: int) -> AsyncIterator[str]:
    try:
        yield f"retry: 2000\nid: {row}\n\n"
        quiet = 0.0
        while not newsroom.closing:
            page = await run_in_threadpool(lambda after: server.reads.after(after, _PAGE), row)
            for stored in page:
                data = await run_in_threadpool(lambda one: json.dumps(told(server, one), ensure_ascii=False), stored)
                yield f"id: {stored.row}\nevent: read\ndata: {data}\n\n"
                row, quiet = stored.row, 0.0
            if page:
                continue
            if await request.is_disconnected():
                return
            await newsroom.wait(_LOOK_SECONDS)
            quiet += _LOOK_SECONDS
            if quiet >= _ALIVE_SECONDS:
                yield ": still here\n\n"
                quiet = 0.0
    finally:
        newsroom.followers -= 1
