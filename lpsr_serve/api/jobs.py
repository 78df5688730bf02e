"""Videos: sent, watched while they are read, cancelled."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

from fastapi import APIRouter, Query, Request
from starlette.concurrency import run_in_threadpool
from starlette.exceptions import HTTPException
from starlette.responses import FileResponse, JSONResponse, Response

from lpsr_serve.api.errors import responses
from lpsr_serve.api.reading import body
from lpsr_serve.api.schemas import JobModel, Jobs
from lpsr_serve.api.uploads import received
from lpsr_serve.server import Server

_HEAD = 64


def job_routes(server: Server) -> APIRouter:
    """Return the routes of videos."""
    router = APIRouter(prefix="/api/v1", tags=["videos"])
    jobs = server.jobs

    @router.post(
        "/videos",
        status_code=202,
        summary="Send a video to be read",
        response_model=JobModel,
        responses=responses(400, 413, 415, 503),
        openapi_extra=body("video", False, ("video/mp4", "application/octet-stream")),
    )
    async def send_video(request: Request, stride: Annotated[int, Query(ge=1, le=1000)] = 1) -> JSONResponse:
        """Send a video as the body, or as a file of a form. It is read after those that came before; `Location` names
        the job. Its reads are stored like those of cameras, under the job's `source`. `stride` reads every Nth frame.
        """
        jobs.check_room()
        async with received(request, server.places.uploads, 1, "video") as (file,):
            if _is_text(file.path):  # a playlist would have the decoder open other files
                raise HTTPException(415, f"{file.name}: not a video")
            job = await run_in_threadpool(jobs.add, file.path, file.name, stride)
        return JSONResponse(job.as_dict(), 202, {"location": f"/api/v1/jobs/{job.id}"})

    @router.get("/jobs", summary="List videos", response_model=Jobs, responses=responses())
    def list_jobs() -> JSONResponse:
        """Videos that wait, are read, or ended within the last day, the newest first."""
        return JSONResponse({"jobs": [job.as_dict() for job in jobs.list()]})

    @router.get("/jobs/{id}", summary="Progress of a video", response_model=JobModel, responses=responses(404))
    def show_job(id: str) -> JSONResponse:
        """`progress` is the fraction of the frames that were read, `seconds_left` an estimate."""
        return JSONResponse(jobs.find(id).as_dict())

    @router.get(
        "/jobs/{id}/reads",
        summary="Reads of a video",
        response_class=Response,
        responses={
            **responses(404),
            200: {"content": {"application/x-ndjson": {}}, "description": "Lines of `reads.jsonl`."},
        },
    )
    def show_reads(id: str) -> Response:
        """The reads so far, a line of JSON each."""
        job = jobs.find(id)
        if not job.journal.is_file():
            return Response(b"", media_type="application/x-ndjson")
        return FileResponse(job.journal, media_type="application/x-ndjson")

    @router.delete("/jobs/{id}", summary="Cancel a video", response_model=JobModel, responses=responses(404))
    def delete_job(id: str) -> JSONResponse:
        """Cancels a video that waits or is read; forgets one that is over. Its reads stay in the store."""
        return JSONResponse(jobs.delete(id).as_dict())

    return router


def _is_text(path: Path) -> bool:
    with path.open("rb") as stream:
        head = stream.read(_HEAD)
    return all(32 <= byte < 127 or byte in b"\t\r\n" for byte in head)
