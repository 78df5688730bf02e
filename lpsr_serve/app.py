"""The ASGI application over a server's parts."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from fastapi import FastAPI
from starlette.concurrency import run_in_threadpool

from lpsr_core import __version__
from lpsr_serve.api.errors import add_handlers
from lpsr_serve.api.events import Newsroom, event_routes
from lpsr_serve.api.health import health_routes
from lpsr_serve.api.jobs import job_routes
from lpsr_serve.api.reading import reading_routes
from lpsr_serve.api.reads import read_routes
from lpsr_serve.api.search import search_routes
from lpsr_serve.api.sources import source_routes
from lpsr_serve.middleware import Access, Observed
from lpsr_serve.page.routes import page_routes
from lpsr_serve.server import Server

_ABOUT = "Reads licence plates in pictures, videos and cameras. Every request but health needs an API key."


def create_app(server: Server, newsroom: Newsroom) -> FastAPI:
    """Return the application; it starts the server's parts and closes them with its own life.

    Args:
        server: opened, not started.
        newsroom: wakes those who follow events.
    """

    @asynccontextmanager
    async def life(app: FastAPI) -> AsyncIterator[None]:
        newsroom.open()
        server.recorder.listeners.append(newsroom.tell)
        try:
            yield
        finally:
            newsroom.close()
            await run_in_threadpool(server.close)

    app = FastAPI(title="LPSR", version=__version__, description=_ABOUT, lifespan=life, docs_url=None, redoc_url=None)
    app.add_middleware(Access, server=server)
    app.add_middleware(Observed, server=server)
    add_handlers(app)
    for router in (
        health_routes(server),
        reading_routes(server),
        job_routes(server),
        read_routes(server),
        search_routes(server),
        event_routes(server, newsroom),
        source_routes(server),
        page_routes(server),
    ):
        app.include_router(router)
    _secure(app)
    return app


def _secure(app: FastAPI) -> None:
    """Have the OpenAPI document say how keys are given."""
    make = app.openapi

    def document() -> dict[str, object]:
        made = make()
        made.setdefault("components", {})["securitySchemes"] = {
            "bearer": {"type": "http", "scheme": "bearer"},
            "key": {"type": "apiKey", "in": "header", "name": "X-API-Key"},
        }
        made["security"] = [{"bearer": []}, {"key": []}]
        for path in ("/healthz", "/readyz"):
            made["paths"][path]["get"]["security"] = []
        return made

    app.openapi = document  # type: ignore[method-assign]
