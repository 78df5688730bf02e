"""The command line of `lpsr-serve`. Heavy imports wait until the options are known to be right."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from lpsr_core.errors import MissingExtraError, run_command

app = typer.Typer(add_completion=False, pretty_exceptions_enable=False, rich_markup_mode=None)


def _version(wanted: bool) -> None:
    if wanted:
        from lpsr_core import __version__

        typer.echo(f"lpsr-serve {__version__}")
        raise typer.Exit


@app.command()
def serve(
    store: Annotated[Path, typer.Option(metavar="DIR", help="Folder of reads, pictures, uploads and jobs.")],
    host: Annotated[str, typer.Option(metavar="ADDRESS", help="Address to listen on.")] = "127.0.0.1",
    port: Annotated[int, typer.Option(metavar="N", help="TCP port; 0 takes a free one.")] = 8080,
    config: Annotated[
        Path | None, typer.Option(metavar="FILE", help="TOML file of cameras; SIGHUP reads it again.")
    ] = None,
    run: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE", help="TOML file of lpsr-run options: networks, acceptance, webhook, MQTT, evidence."
        ),
    ] = None,
    api_key_file: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE",
            help="File of API keys, one a line; made with a new key where it is missing. Keys in LPSR_API_KEYS, "
            "separated by commas, are accepted too.",
        ),
    ] = None,
    media: Annotated[
        Path | None, typer.Option(metavar="DIR", help="Folder whose files may be added as sources through the API.")
    ] = None,
    open_metrics: Annotated[bool, typer.Option("--open-metrics", help="Serve /metrics without a key.")] = False,
    workers: Annotated[int, typer.Option(metavar="N", help="Threads that read uploaded pictures.")] = 2,
    queue: Annotated[int, typer.Option(metavar="N", help="Requests that wait for a worker; more get 503.")] = 32,
    timeout: Annotated[float, typer.Option(metavar="S", help="Seconds that a request waits for its reads.")] = 30.0,
    rate: Annotated[float, typer.Option(metavar="R", help="Requests per second and key; more get 429.")] = 20.0,
    burst: Annotated[int, typer.Option(metavar="N", help="Requests of a key that may come at once.")] = 40,
    max_image_mb: Annotated[int, typer.Option(metavar="N", help="Largest body with pictures, in MiB.")] = 32,
    max_video_mb: Annotated[int, typer.Option(metavar="N", help="Largest video, in MiB.")] = 2048,
    max_pixels: Annotated[float, typer.Option(metavar="N", help="Largest picture, in millions of pixels.")] = 50.0,
    max_crops: Annotated[int, typer.Option(metavar="N", help="Most pictures in one request of crops.")] = 64,
    max_jobs: Annotated[int, typer.Option(metavar="N", help="Videos that wait or are read; more get 503.")] = 16,
    max_events: Annotated[int, typer.Option(metavar="N", help="Clients that follow events at a time.")] = 64,
    max_sources: Annotated[int, typer.Option(metavar="N", help="Cameras at a time.")] = 64,
    keep_days: Annotated[
        float, typer.Option(metavar="N", help="Delete reads and pictures after so many days; 0 keeps them.")
    ] = 0.0,
    keep_reads: Annotated[int, typer.Option(metavar="N", help="Keep the newest N reads; 0 keeps all.")] = 0,
    frames: Annotated[
        bool, typer.Option("--frames/--no-frames", help="Keep a small copy of each read's frame.", show_default=False)
    ] = True,
    debug: Annotated[bool, typer.Option("--debug", help="Show the traceback of an error.")] = False,
    version: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Show the version and exit.")
    ] = False,
) -> None:
    """Serves an HTTP API, a live page and metrics; reads pictures, videos and cameras.

    Exit codes: 0 stopped by SIGTERM or SIGINT, 1 failure, 2 wrong usage.
    """
    from lpsr_run.process import few_arenas

    few_arenas()  # before anything imports what starts threads
    from lpsr_run.process import silence_opencv
    from lpsr_serve.config import ServeConfig

    settings = ServeConfig(
        store=store,
        host=host,
        port=port,
        cameras=config,
        run=run,
        api_key_file=api_key_file,
        media=media,
        open_metrics=open_metrics,
        workers=workers,
        queue=queue,
        timeout=timeout,
        rate=rate,
        burst=burst,
        max_image_mb=max_image_mb,
        max_video_mb=max_video_mb,
        max_pixels=max_pixels,
        max_crops=max_crops,
        max_jobs=max_jobs,
        max_events=max_events,
        max_sources=max_sources,
        keep_days=keep_days,
        keep_reads=keep_reads,
        frames=frames,
    )
    settings.check()
    silence_opencv()
    try:
        from lpsr_serve.run import run_server
    except ModuleNotFoundError as error:
        if error.name in ("fastapi", "uvicorn", "python_multipart", "prometheus_client", "jinja2", "pydantic"):
            raise MissingExtraError(str(error.name), "serve") from None
        raise
    run_server(settings)


def main() -> None:
    """Entry point of `lpsr-serve`."""
    run_command(app)


if __name__ == "__main__":
    main()
