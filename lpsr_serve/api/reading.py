"""POST /api/v1/read and /api/v1/crops: pictures that are read at once."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from concurrent.futures import Future
from typing import Any, TypeVar

from fastapi import APIRouter, Request
from starlette.exceptions import HTTPException
from starlette.responses import JSONResponse

from lpsr_serve.api.errors import RETRY, responses
from lpsr_serve.api.pictures import decoded
from lpsr_serve.api.schemas import CropReads, PictureReads
from lpsr_serve.api.uploads import ReceivedFile, received
from lpsr_serve.inference.pool import BusyError
from lpsr_serve.server import Server

Value = TypeVar("Value")
_BINARY = {"schema": {"type": "string", "format": "binary"}}


def body(field: str, several: bool, kinds: tuple[str, ...]) -> dict[str, Any]:
    """Return the OpenAPI description of a body that is streamed.

    Args:
        field: name of the form's field.
        several: whether the form may have several files.
        kinds: content types of raw bodies.
    """
    file = _BINARY["schema"]
    properties = {field: {"type": "array", "items": file, "minItems": 1} if several else file}
    form = {"schema": {"type": "object", "properties": properties, "required": [field]}}
    return {
        "requestBody": {"required": True, "content": {"multipart/form-data": form, **dict.fromkeys(kinds, _BINARY)}}
    }


def reading_routes(server: Server) -> APIRouter:
    """Return the routes that read pictures."""
    router = APIRouter(prefix="/api/v1", tags=["pictures"])
    most_pixels = int(server.config.max_pixels * 1e6)

    async def outcome(call: Callable[[], Value]) -> Value:
        """What a worker makes of a call, within the time that a request may take."""
        future: Future[Value] = server.pool.submit(call)
        try:
            return await asyncio.wait_for(asyncio.wrap_future(future), server.config.timeout)
        except asyncio.TimeoutError:
            if future.cancelled():
                raise BusyError(f"no worker was free for {server.config.timeout:g} s; come again later") from None
            raise HTTPException(503, f"not read within {server.config.timeout:g} s; come again later", RETRY) from None

    def read(file: ReceivedFile) -> dict[str, Any]:
        reads = server.networks.read(decoded(file, most_pixels))
        return {"reads": [read.as_dict() for read in reads]}

    def crops(files: list[ReceivedFile]) -> dict[str, Any]:
        pictures = [decoded(file, most_pixels, position) for position, file in enumerate(files)]
        reads, skipped = server.networks.read_crops(pictures)
        return {"reads": [read.as_dict() for read in reads], "skipped": skipped}

    @router.post(
        "/read",
        summary="Find and read the plates of a picture",
        response_model=PictureReads,
        responses=responses(400, 413, 415, 503),
        openapi_extra=body("image", False, ("image/jpeg", "image/png", "application/octet-stream")),
    )
    async def read_picture(request: Request) -> JSONResponse:
        """Send an image as the body, or as a file of a form. The answer holds the plate that was found most surely
        first; a picture without plates gives an empty list. Nothing is stored.
        """
        server.pool.check_room()  # before the body comes, where it would only wait in vain
        async with received(request, server.places.uploads, 1, "image") as (file,):
            return JSONResponse(await outcome(lambda: read(file)))

    @router.post(
        "/crops",
        summary="Read pictures that are plates already",
        response_model=CropReads,
        responses=responses(400, 413, 415, 503),
        openapi_extra=body("images", True, ("image/jpeg", "image/png", "application/octet-stream")),
    )
    async def read_plates(request: Request) -> JSONResponse:
        """Send several images as files of a form, or one as the body. `frame` of a read is the position of its image;
        images without a plate are named in `skipped`. Nothing is stored.
        """
        server.pool.check_room()  # before the body comes, where it would only wait in vain
        async with received(request, server.places.uploads, server.config.max_crops, "image") as files:
            return JSONResponse(await outcome(lambda: crops(files)))

    return router
