"""Failures as answers: one line of JSON, and the status that says whose fault it was."""

from __future__ import annotations

import logging
from typing import Any

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from starlette.exceptions import HTTPException
from starlette.responses import JSONResponse

from lpsr_core.errors import LpsrError, UsageError
from lpsr_serve.api.pictures import NotAPictureError, TooManyPixelsError
from lpsr_serve.api.schemas import Error
from lpsr_serve.cameras.fleet import SourceExistsError, TooManySourcesError, UnknownSourceError
from lpsr_serve.inference.pool import BusyError, StoppingError
from lpsr_serve.jobs.queue import UnknownJobError
from lpsr_serve.middleware import error as answer

_log = logging.getLogger("lpsr.serve")
RETRY = {"retry-after": "2"}
_STATUS: tuple[tuple[type[LpsrError], int], ...] = (
    (BusyError, 429),
    (StoppingError, 503),
    (TooManyPixelsError, 413),
    (NotAPictureError, 415),
    (UnknownJobError, 404),
    (UnknownSourceError, 404),
    (SourceExistsError, 409),
    (TooManySourcesError, 409),
    (UsageError, 400),
)
_MEANING = {
    400: "The request cannot be meant.",
    401: "No API key, or a wrong one.",
    404: "There is nothing of that name.",
    409: "It cannot be done as things are.",
    413: "The body or the picture is too large.",
    415: "Not a file that can be decoded.",
    422: "A parameter is missing, or has a value that cannot be meant.",
    429: "Too many requests, of this key or of all; `Retry-After` says for how many seconds.",
    503: "Not read in time, or the server is being stopped; `Retry-After` says for how many seconds.",
}


def responses(*statuses: int) -> dict[int | str, dict[str, Any]]:
    """Return OpenAPI's description of failures; those of every route are included."""
    return {status: {"model": Error, "description": _MEANING[status]} for status in sorted({401, 422, 429, *statuses})}


def add_handlers(app: FastAPI) -> None:
    """Have an app answer failures in one form."""

    @app.exception_handler(LpsrError)
    async def failed(request: Request, failure: LpsrError) -> JSONResponse:
        for kind, status in _STATUS:
            if isinstance(failure, kind):
                return answer(status, str(failure), RETRY if status in (429, 503) else None)
        _log.error("%s %s: %s", request.method, request.url.path, failure)
        return answer(503, str(failure), RETRY)

    @app.exception_handler(HTTPException)
    async def refused(request: Request, failure: HTTPException) -> JSONResponse:
        headers = dict(failure.headers) if failure.headers else None
        return answer(failure.status_code, str(failure.detail), headers)

    @app.exception_handler(RequestValidationError)
    async def invalid(request: Request, failure: RequestValidationError) -> JSONResponse:
        first = failure.errors()[0]
        where = ".".join(str(part) for part in first["loc"][1:]) or str(first["loc"][0])
        return answer(422, f"{where}: {first['msg']}")
