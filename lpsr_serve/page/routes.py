"""The pages for a browser, rendered here; the script on them only follows what is new."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Annotated, Any
from urllib.parse import parse_qs

from fastapi import APIRouter, Query, Request
from jinja2 import Environment, FileSystemLoader, StrictUndefined
from starlette.exceptions import HTTPException
from starlette.responses import FileResponse, HTMLResponse, RedirectResponse, Response

from lpsr_core import __version__
from lpsr_serve.access.keys import SESSION_SECONDS
from lpsr_serve.access.middleware import COOKIE
from lpsr_serve.api.reads import found_read
from lpsr_serve.api.sources import described
from lpsr_serve.page.documentation import operations
from lpsr_serve.page.views import view, views
from lpsr_serve.server import Server
from lpsr_serve.store.reads import ReadFilter

_HERE = Path(__file__).parent
_STATIC = {"app.css": "text/css", "app.js": "text/javascript", "icon.svg": "image/svg+xml"}
_NEWEST, _SIGHTINGS = 30, 100


def page_routes(server: Server) -> APIRouter:
    """Return the routes of the pages."""
    router = APIRouter(include_in_schema=False)
    environment = Environment(
        loader=FileSystemLoader(_HERE / "templates"), autoescape=True, undefined=StrictUndefined, trim_blocks=True,
        lstrip_blocks=True,
    )

    def page(name: str, status: int = 200, **values: Any) -> HTMLResponse:
        return HTMLResponse(environment.get_template(name).render(version=__version__, **values), status)

    @router.get("/login")
    def login() -> HTMLResponse:
        return page("login.html", wrong="")

    @router.post("/login")
    async def log_in(request: Request) -> Response:
        told = parse_qs((await request.body()).decode("utf-8", "replace"))
        address = request.client.host if request.client else ""
        cookie = server.keys.session(told.get("key", [""])[0].strip())
        if cookie is None:
            if server.guesses.wait(address):
                return page("login.html", 429, wrong="Too many wrong keys. Try again in some seconds.")
            return page("login.html", 403, wrong="No such API key.")
        answer = RedirectResponse("/", 303)
        secure = request.url.scheme == "https"
        answer.set_cookie(COOKIE, cookie, SESSION_SECONDS, path="/", secure=secure, httponly=True, samesite="strict")
        return answer

    @router.post("/logout")
    def log_out() -> Response:
        answer = RedirectResponse("/login", 303)
        answer.delete_cookie(COOKIE, path="/", httponly=True, samesite="strict")
        return answer

    @router.get("/static/{name}")
    def static(name: str) -> FileResponse:
        if name not in _STATIC:
            raise HTTPException(404, "no such file")
        headers = {"cache-control": "public, max-age=300"}
        return FileResponse(_HERE / "static" / name, media_type=_STATIC[name], headers=headers)

    @router.get("/")
    def live() -> HTMLResponse:
        found = server.reads.page(ReadFilter(final=True), _NEWEST)
        sources = [described(runner) for runner in server.fleet]
        return page("live.html", here="live", sources=sources, reads=views(server, found), now=int(time.time()))

    @router.get("/fragments/reads/{id}")
    def one_read(id: str) -> HTMLResponse:
        return page("read.html", read=view(server, found_read(server, id)))

    @router.get("/fragments/sources")
    def all_sources() -> HTMLResponse:
        sources = [described(runner) for runner in server.fleet]
        return page("sources.html", sources=sources, now=int(time.time()))

    @router.get("/plates/{text}")
    def plate(text: str, cursor: Annotated[str | None, Query(pattern=r"^[0-9]{1,18}$")] = None) -> HTMLResponse:
        wanted = ReadFilter(plate=text, final=True)
        found = server.reads.page(wanted, _SIGHTINGS + 1, None if cursor is None else int(cursor))
        more = found[_SIGHTINGS - 1].row if len(found) > _SIGHTINGS else None
        return page("plate.html", here="", text=text, reads=views(server, found[:_SIGHTINGS]), more=more)

    @router.get("/docs")
    def documentation(request: Request) -> HTMLResponse:
        return page("docs.html", here="docs", tags=list(operations(request.app.openapi())))

    return router
