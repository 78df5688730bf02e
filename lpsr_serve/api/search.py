"""GET /api/v1/search: what was seen, by pattern, by edit distance, and by how probable a text is."""

from __future__ import annotations

from datetime import datetime, timezone
from typing import Annotated, Any, Literal

from fastapi import APIRouter, Query
from starlette.responses import JSONResponse

from lpsr_core.layouts import parse_layouts
from lpsr_serve.api.errors import responses
from lpsr_serve.api.reads import moment, told
from lpsr_serve.api.schemas import SearchPage
from lpsr_serve.search import Filters, Found, Page, search_likely, search_near, search_pattern
from lpsr_serve.server import Server
from lpsr_serve.store.reads import StoredRead

Way = Literal["pattern", "near", "likely"]


def search(
    server: Server,
    way: Way,
    text: str,
    edits: float = 1.0,
    least: float = 1e-4,
    filters: Filters | None = None,
    limit: int = 50,
    cursor: str | None = None,
) -> tuple[list[tuple[StoredRead, Found]], Page]:
    """Search the store.

    Args:
        server: has the index.
        way: `pattern`, `near` or `likely`; see `lpsr_serve.search.query`.
        text: what is looked for.
        edits: of `near`.
        least: probability, of `likely`.
        filters, limit, cursor: as of the searches.

    Returns:
        The stored reads with what was found of each, best first, and the page that they are of.

    Raises:
        UsageError: the text, or another value, cannot be meant.
        LpsrError: the store cannot be read.
    """
    index = server.search
    index.follow()
    if way == "pattern":
        page = search_pattern(index, text, filters, limit, cursor)
    elif way == "near":
        page = search_near(index, text, edits, filters, limit, cursor)
    else:
        layouts = parse_layouts(server.networks.config.layouts)
        page = search_likely(index, text, least, layouts, filters, limit, cursor)
    rows = server.reads.many([found.row.id for found in page.found])
    return [(rows[found.row.id], found) for found in page.found if found.row.id in rows], page


def search_routes(server: Server) -> APIRouter:
    """Return the route of searches."""
    router = APIRouter(prefix="/api/v1", tags=["reads"])

    @router.get("/search", summary="Search what was seen", response_model=SearchPage, responses=responses(400))
    def find(
        text: Annotated[str, Query(min_length=1, max_length=20, examples=["ABC?D2*"])],
        way: Annotated[Way, Query(description="How the text is compared.")] = "pattern",
        edits: Annotated[float, Query(ge=0, le=2, description="Of `near`: most edits.")] = 1.0,
        least: Annotated[float, Query(gt=0, le=1, description="Of `likely`: least probability.")] = 1e-4,
        camera: Annotated[list[str] | None, Query(max_length=64, description="Names of sources.")] = None,
        since: Annotated[datetime | None, Query(description="Seen at or after, ISO 8601.")] = None,
        until: Annotated[datetime | None, Query(description="Seen before, ISO 8601.")] = None,
        limit: Annotated[int, Query(ge=1, le=500)] = 50,
        cursor: Annotated[str | None, Query(max_length=200, description="`next` of the page before.")] = None,
    ) -> JSONResponse:
        """`pattern`: `?` is any character, `*` any number of them; newest first. `near`: few insertions, deletions and
        substitutions away, of which those between characters that are easily taken for each other count half; nearest
        first. `likely`: the probability that a read's plate has this text, from what its frames said; most probable
        first.
        """
        filters = Filters(moment(since), moment(until), None if camera is None else tuple(camera))
        matches, page = search(server, way, text, edits, least, filters, limit, cursor)
        return JSONResponse(
            {"found": [_found(server, *match) for match in matches], "next": page.cursor, "total": page.total}
        )

    return router


def _found(server: Server, stored: StoredRead, found: Found) -> dict[str, Any]:
    seen = datetime.fromtimestamp(found.moment, timezone.utc).isoformat(timespec="milliseconds")
    return {**told(server, stored), "seen": seen, "edits": found.edits, "probability": found.probability}
