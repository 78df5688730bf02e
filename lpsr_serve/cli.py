"""The command line of `lpsr-serve`. Heavy imports wait until the options are known to be right."""

from __future__ import annotations

import inspect
from typing import Annotated

import typer

from lpsr_core import __version__
from lpsr_core.errors import MissingExtraError, run_command
from lpsr_serve.config import ServeConfig
from lpsr_serve.options import command

_EXTRA = ("fastapi", "uvicorn", "python_multipart", "prometheus_client", "jinja2", "pydantic", "starlette")


def serve(config: ServeConfig) -> None:
    """Serves an HTTP API, a live page and metrics; reads pictures, videos and cameras.

    Exit codes: 0 stopped by SIGTERM or SIGINT, 1 failure, 2 wrong usage.
    """
    from lpsr_run.process import few_arenas, silence_opencv

    config.check()
    few_arenas()  # before anything imports what starts threads
    silence_opencv()
    try:
        from lpsr_serve.run import run_server
    except ModuleNotFoundError as error:
        if error.name in _EXTRA:
            raise MissingExtraError(str(error.name), "serve") from None
        raise
    run_server(config)


def _version(wanted: bool) -> None:
    if wanted:
        typer.echo(f"lpsr-serve {__version__}")
        raise typer.Exit


def _other(name: str, option: object) -> inspect.Parameter:
    return inspect.Parameter(name, inspect.Parameter.KEYWORD_ONLY, default=False, annotation=Annotated[bool, option])


app = typer.Typer(add_completion=False, pretty_exceptions_enable=False, rich_markup_mode=None)
app.command()(
    command(
        ServeConfig,
        serve,
        _other("debug", typer.Option("--debug", help="Show the traceback of an error.")),
        _other(
            "version",
            typer.Option("--version", callback=_version, is_eager=True, help="Show the version and exit."),
        ),
    )
)


def main() -> None:
    """Entry point of `lpsr-serve`."""
    run_command(app)


if __name__ == "__main__":
    main()
