"""Health, readiness and metrics."""

from __future__ import annotations

from fastapi import APIRouter
from starlette.responses import JSONResponse, Response

from lpsr_core import __version__
from lpsr_serve.api.schemas import Health, Readiness
from lpsr_serve.server import Server


def health_routes(server: Server) -> APIRouter:
    """Return the routes for whoever watches the server."""
    router = APIRouter(tags=["health"])

    @router.get("/healthz", summary="Whether the process answers", response_model=Health)
    async def health() -> JSONResponse:
        """Needs no key."""
        return JSONResponse({"status": "ok", "version": __version__})

    @router.get(
        "/readyz",
        summary="Whether reads can be made and recorded",
        response_model=Readiness,
        responses={503: {"model": Readiness, "description": "Not now; `why` says why."}},
    )
    async def ready() -> JSONResponse:
        """Needs no key."""
        why = server.unready
        return JSONResponse({"ready": why is None, "why": why}, 200 if why is None else 503)

    @router.get(
        "/metrics",
        summary="Metrics for Prometheus",
        response_class=Response,
        responses={200: {"content": {"text/plain": {}}, "description": "Prometheus' text format."}},
    )
    def metrics() -> Response:
        """Needs a key unless the server was started with `--open-metrics`."""
        return Response(server.metrics.text(), media_type=server.metrics.content_type)

    return router
