"""Stored reads: filtered, page by page, one by one, and their pictures."""

from __future__ import annotations

from datetime import datetime, timezone
from pathlib import Path
from typing import Annotated, Any, Literal

from fastapi import APIRouter, Query
from fastapi import Path as PathParameter
from starlette.exceptions import HTTPException
from starlette.responses import FileResponse, JSONResponse

from lpsr_serve.api.errors import responses
from lpsr_serve.api.schemas import ReadsPage, StoredReadModel
from lpsr_serve.server import Server
from lpsr_serve.store.places import frame_beside
from lpsr_serve.store.reads import ReadFilter, StoredRead

Picture = Literal["lr.png", "sr.png", "frame.jpg"]
_IMMUTABLE = {"cache-control": "private, max-age=86400, immutable"}


def told(server: Server, stored: StoredRead) -> dict[str, Any]:
    """Return a stored read as the API tells it."""
    fields, key = stored.fields, stored.key
    base = f"/api/v1/reads/{key}"
    return {
        "id": key,
        "stored": datetime.fromtimestamp(stored.stored, timezone.utc).isoformat(timespec="milliseconds"),
        "pictures": {
            kind: f"{base}/{name}" if _file(server, fields, key, name) is not None else None
            for kind, name in (("lr", "lr.png"), ("sr", "sr.png"), ("frame", "frame.jpg"))
        },
        "read": fields,
    }


def moment(value: datetime | None) -> float | None:
    """Return seconds since 1970; times without an offset are UTC."""
    if value is None:
        return None
    try:
        return (value if value.tzinfo else value.replace(tzinfo=timezone.utc)).timestamp()
    except (OverflowError, ValueError):
        raise HTTPException(422, "the time is too far away") from None


def read_routes(server: Server) -> APIRouter:
    """Return the routes of stored reads."""
    router = APIRouter(prefix="/api/v1", tags=["reads"])

    @router.get("/reads", summary="Stored reads", response_model=ReadsPage, responses=responses())
    def list_reads(
        camera: Annotated[str | None, Query(max_length=300, description="`source` of the reads.")] = None,
        since: Annotated[datetime | None, Query(description="Stored at or after, ISO 8601.")] = None,
        until: Annotated[datetime | None, Query(description="Stored before, ISO 8601.")] = None,
        text: Annotated[
            str | None, Query(min_length=1, max_length=20, description="Part of the text; `?` is any character.")
        ] = None,
        min_confidence: Annotated[float | None, Query(ge=0, le=1)] = None,
        hit: Annotated[bool | None, Query(description="Whether the read hits a watch list.")] = None,
        final: Annotated[bool, Query(description="Leave out reads of plates that are still seen.")] = False,
        limit: Annotated[int, Query(ge=1, le=500)] = 50,
        cursor: Annotated[str | None, Query(pattern=r"^[0-9]{1,18}$", description="`next` of the page before.")] = None,
    ) -> JSONResponse:
        """The newest first. `next` is the cursor of the following page; pages do not shift while reads come."""
        wanted = ReadFilter(camera, moment(since), moment(until), text, None, min_confidence, hit, final)
        found = server.reads.page(wanted, limit + 1, None if cursor is None else int(cursor))
        more = str(found[limit - 1].row) if len(found) > limit else None
        return JSONResponse({"reads": [told(server, one) for one in found[:limit]], "next": more})

    @router.get("/reads/{id}", summary="One read", response_model=StoredReadModel, responses=responses(404))
    def show_read(id: str) -> JSONResponse:
        """`read` is the line of `reads.jsonl`."""
        return JSONResponse(told(server, found_read(server, id)))

    @router.get(
        "/reads/{id}/{picture}",
        summary="Pictures of a read",
        response_class=FileResponse,
        responses={
            **responses(404),
            200: {"content": {"image/png": {}, "image/jpeg": {}}, "description": "The picture."},
        },
    )
    def show_picture(id: str, picture: Annotated[Picture, PathParameter()]) -> FileResponse:
        """`lr.png` is the plate as it was cut out, `sr.png` the generator's picture of it, `frame.jpg` a small copy of
        the frame with the plate's box.
        """
        stored = found_read(server, id)
        path = _file(server, stored.fields, stored.key, picture)
        if path is None:
            raise HTTPException(404, f"read {id} has no {picture}")
        return FileResponse(path, headers=_IMMUTABLE)

    return router


def found_read(server: Server, key: str) -> StoredRead:
    """Return a stored read.

    Raises:
        HTTPException: 404, there is none of that name.
    """
    stored = server.reads.find(key)
    if stored is None:
        raise HTTPException(404, f"no read is called {key}")
    return stored


def _file(server: Server, fields: dict[str, Any], key: str, name: str) -> Path | None:
    lr, sr = fields.get("lr_image"), fields.get("sr_image")
    named = {"lr.png": lr, "sr.png": sr, "frame.jpg": frame_beside(lr, key) if lr else None}[name]
    return None if named is None else server.places.picture(named)
