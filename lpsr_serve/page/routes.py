"""The pages for a browser, rendered here; the script on them only follows what is new."""

from __future__ import annotations

import time
from collections.abc import Iterable
from pathlib import Path
from typing import Annotated, Any
from urllib.parse import parse_qs, urlencode

from fastapi import APIRouter, Query, Request
from starlette.exceptions import HTTPException
from starlette.responses import FileResponse, HTMLResponse, RedirectResponse, Response

from lpsr_core import __version__
from lpsr_core.alphabet import PLATE_LENGTH
from lpsr_core.errors import UsageError
from lpsr_core.pages import templates
from lpsr_serve.access.keys import SESSION_SECONDS
from lpsr_serve.api.reads import found_read
from lpsr_serve.api.search import Way, search
from lpsr_serve.api.sources import described
from lpsr_serve.middleware import COOKIE
from lpsr_serve.page.documentation import operations
from lpsr_serve.page.views import view
from lpsr_serve.search import Filters, Found
from lpsr_serve.server import Server
from lpsr_serve.store.reads import ReadFilter, StoredRead

_HERE = Path(__file__).parent
_STATIC = {"app.css": "text/css", "app.js": "text/javascript", "icon.svg": "image/svg+xml"}
_NEWEST, _SIGHTINGS = 30, 100
_WAYS = (
    ("pattern", "pattern: ? is any character, * any number"),
    ("near", "near: a character or two differ"),
    ("likely", "likely: may be this plate"),
)
_ORDER = {"pattern": "newest first", "near": "nearest first", "likely": "most probable first"}


def page_routes(server: Server) -> APIRouter:
    """Return the routes of the pages."""
    router = APIRouter(include_in_schema=False)
    environment = templates(_HERE / "templates", "serve")

    def views(found: Iterable[StoredRead]) -> list[dict[str, Any]]:
        return [view(server, one) for one in found]

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
        return page("live.html", here="live", sources=sources, reads=views(found), now=int(time.time()))

    @router.get("/fragments/reads/{id}")
    def one_read(id: str) -> HTMLResponse:
        return page("read.html", read=view(server, found_read(server, id)))

    @router.get("/fragments/sources")
    def all_sources() -> HTMLResponse:
        sources = [described(runner) for runner in server.fleet]
        return page("sources.html", sources=sources, now=int(time.time()))

    @router.get("/search")
    def find(
        q: Annotated[str, Query(max_length=20)] = "",
        way: Way = "pattern",
        camera: Annotated[str, Query(max_length=300)] = "",
        cursor: Annotated[str | None, Query(max_length=200)] = None,
    ) -> HTMLResponse:
        text, wrong, found = q.strip(), "", None
        matches: list[tuple[StoredRead, Found]] = []
        if text:
            filters = Filters(cameras=(camera,) if camera else None)
            try:
                wanted = _pattern(text) if way == "pattern" else text
                matches, found = search(server, way, wanted, filters=filters, cursor=cursor)
            except UsageError as error:
                wrong = str(error)
        told = {"q": q, "way": way, "camera": camera, "cursor": found and found.cursor}
        return page(
            "search.html",
            200 if not wrong else 400,
            here="search",
            text=text,
            way=way,
            ways=_WAYS,
            order=_ORDER[way],
            camera=camera,
            cameras=[runner.camera.name for runner in server.fleet],
            wrong=wrong,
            found=found,
            reads=views(stored for stored, _ in matches),
            following=urlencode({name: value for name, value in told.items() if value}),
        )

    @router.get("/plates/{text}")
    def plate(text: str, cursor: Annotated[str | None, Query(pattern=r"^[0-9]{1,18}$")] = None) -> HTMLResponse:
        wanted = ReadFilter(plate=text, final=True)
        found = server.reads.page(wanted, _SIGHTINGS + 1, None if cursor is None else int(cursor))
        more = found[_SIGHTINGS - 1].row if len(found) > _SIGHTINGS else None
        return page("plate.html", here="", text=text, reads=views(found[:_SIGHTINGS]), more=more)

    @router.get("/docs")
    def documentation(request: Request) -> HTMLResponse:
        return page("docs.html", here="docs", tags=list(operations(request.app.openapi())))

    return router


def _pattern(text: str) -> str:
    """What somebody types into the search box as a pattern: a part of a plate is looked for anywhere in it."""
    word = text.replace("-", "").replace(" ", "")
    return word if "*" in word or len(word) >= PLATE_LENGTH else f"*{word}*"
