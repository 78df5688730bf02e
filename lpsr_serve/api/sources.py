"""Sources: listed, added, paused, resumed and removed without a restart."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

from fastapi import APIRouter
from starlette.exceptions import HTTPException
from starlette.responses import JSONResponse, Response

from lpsr_core.errors import UsageError
from lpsr_serve.api.errors import responses
from lpsr_serve.api.schemas import ChangedSource, NewSourceModel, SourceModel, Sources
from lpsr_serve.cameras.fleet import NewSource
from lpsr_serve.cameras.runner import CameraRunner
from lpsr_serve.server import Server

_STREAM = re.compile(r"(rtsps?|rtmp|https?|udp|tcp|srt)://[^\s]+", re.IGNORECASE)
_DEVICE = re.compile(r"\d{1,3}|/dev/video\d{1,3}", re.ASCII)


def described(runner: CameraRunner) -> dict[str, Any]:
    """Return what a source is and does."""
    state, totals, camera = runner.state, runner.totals, runner.camera
    return {
        "name": camera.name,
        "address": camera.shown,
        "status": runner.status,
        "live": state.live,
        "error": state.error,
        "frames": totals.frames,
        "dropped": totals.dropped,
        "reconnects": totals.reconnects,
        "reads": totals.reads,
        "open_tracks": runner.open_tracks,
        "last_frame": state.last_frame,
        "picture": None if runner.picture.frame is None else f"/api/v1/sources/{camera.name}/picture.jpg",
    }


def source_routes(server: Server) -> APIRouter:
    """Return the routes of sources."""
    router = APIRouter(prefix="/api/v1/sources", tags=["sources"])

    @router.get("", summary="List sources", response_model=Sources, responses=responses())
    def list_sources() -> JSONResponse:
        """All sources with what they do, in the order in which they came."""
        return JSONResponse({"sources": [described(runner) for runner in server.fleet]})

    @router.post("", status_code=201, summary="Add a source", response_model=SourceModel, responses=responses(400, 409))
    def add_source(new: NewSourceModel) -> JSONResponse:
        """It starts at once, and again when the server is started again. GStreamer pipelines are for the cameras file
        alone.
        """
        address = _allowed(new.address, server.config.media)
        layouts = None if new.layouts is None else tuple(new.layouts)
        if any(layout.lower().endswith(".toml") for layout in layouts or ()):
            raise UsageError("layouts are names or patterns such as LLDDDLL; files are for the cameras file alone")
        values = new.model_dump() | {"address": address, "layouts": layouts}
        return JSONResponse(described(server.fleet.add(NewSource(**values))), 201)

    @router.get("/{name}", summary="One source", response_model=SourceModel, responses=responses(404))
    def show_source(name: str) -> JSONResponse:
        """What it is and does."""
        return JSONResponse(described(server.fleet.find(name)))

    @router.patch(
        "/{name}", summary="Pause or resume a source", response_model=SourceModel, responses=responses(400, 404)
    )
    def change_source(name: str, change: ChangedSource) -> JSONResponse:
        """A source that is paused closes its connection; plates that it follows are read to their end first."""
        return JSONResponse(described(server.fleet.pause(name, change.paused)))

    @router.delete("/{name}", status_code=204, summary="Remove a source", responses=responses(404))
    def remove_source(name: str) -> Response:
        """Its reads stay. A camera of the cameras file is back at the next start; remove it there as well."""
        server.fleet.remove(name)
        return Response(status_code=204)

    @router.get(
        "/{name}/picture.jpg",
        summary="Last picture of a source",
        response_class=Response,
        responses={**responses(404), 200: {"content": {"image/jpeg": {}}, "description": "With boxes."}},
    )
    def show_picture(name: str) -> Response:
        """The last frame, at most 960 pixels wide, with boxes around its plates."""
        data = server.fleet.find(name).picture.jpeg()
        if data is None:
            raise HTTPException(404, f"source {name} has given no picture yet")
        return Response(data, media_type="image/jpeg")

    return router


def _allowed(address: str, media: Path | None) -> str:
    """The address of a source that the API may add: a client must not have the server open any file.

    Raises:
        UsageError: it may not.
    """
    if not address.isprintable():
        raise UsageError("the address has characters that cannot be printed")
    if _STREAM.fullmatch(address) or _DEVICE.fullmatch(address):
        return address
    if "://" in address or address.startswith("gst:"):
        raise UsageError("the API takes rtsp, rtsps, rtmp, http, https, udp, tcp and srt addresses and camera numbers")
    if media is None:
        raise UsageError("files can be added when the server was started with --media FOLDER")
    path = (media / address).resolve()
    if not path.is_relative_to(media.resolve()) or not path.exists():
        raise UsageError("no such file in the folder of --media")
    return str(path)
