"""The command line of `lpsr-serve`. Heavy imports wait until the options are known to be right."""

from __future__ import annotations

from typing import Annotated, Any

import typer

from lpsr_core.command_line import Debug, version_option, with_options
from lpsr_core.errors import MissingExtraError, run_command
from lpsr_serve.config import ServeConfig

app = typer.Typer(add_completion=False, pretty_exceptions_enable=False, rich_markup_mode=None)

_EXTRA = ("fastapi", "uvicorn", "python_multipart", "prometheus_client", "jinja2", "pydantic", "starlette")


@app.command()
@with_options(ServeConfig)
def serve(
    given: dict[str, Any], debug: Debug = False, version: Annotated[bool, version_option("lpsr-serve")] = False
) -> None:
    """Serves an HTTP API, a live page and metrics; reads pictures, videos and cameras.

    Exit codes: 0 stopped by SIGTERM or SIGINT, 1 failure, 2 wrong usage.
    """
    from lpsr_run.process import few_arenas, silence_opencv

    config = ServeConfig(**given)
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


def main() -> None:
    """Entry point of `lpsr-serve`."""
    run_command(app)


if __name__ == "__main__":
    main()
