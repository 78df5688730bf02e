"""The command line of `lpsr-bulk`."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Annotated, Any

import typer

from lpsr_core.command_line import Debug, version_option, with_options
from lpsr_core.errors import run_command
from lpsr_run.bulk.config import BulkConfig
from lpsr_run.options import RunOptions

app = typer.Typer(add_completion=False, pretty_exceptions_enable=False, rich_markup_mode=None)


@app.command()
@with_options(RunOptions, only=("backend", "precision", "layouts"), parameter="reading")
@with_options(BulkConfig)
def bulk(
    given: dict[str, Any],
    reading: dict[str, Any],
    config: Annotated[
        Path | None, typer.Option(metavar="FILE", help="TOML file with options of lpsr-run; the command line wins.")
    ] = None,
    quiet: Annotated[bool, typer.Option("--quiet", help="No progress and no summary.")] = False,
    debug: Debug = False,
    version: Annotated[bool, version_option("lpsr-bulk")] = False,
) -> None:
    """Read an archive of crops or videos on a Ray cluster: one result per input, resumable.

    Exit codes: 0 done, 1 an input failed, 2 wrong usage, 130 interrupted.
    """
    from lpsr_run.bulk.run import run_bulk
    from lpsr_run.config import RunConfig, load_config

    run = RunConfig() if config is None else load_config(config).without_source()
    options = BulkConfig(**given)
    options = replace(options, run=run.changed({**reading, "threads": options.threads}))
    options.check()
    summary = run_bulk(options, quiet)
    if not quiet:
        rate = summary.results / max(summary.seconds, 1e-3)
        typer.echo(
            f"{summary.results:,} results in {summary.seconds:.1f} s ({rate:.1f}/s), {summary.failed:,} failed; "
            f"{summary.before + summary.results:,} of {summary.inputs:,} inputs have their result; {options.out}"
        )
    if summary.stopped_by is not None:
        raise typer.Exit(128 + summary.stopped_by)
    raise typer.Exit(1 if summary.failed else 0)


def main() -> None:
    """Entry point of `lpsr-bulk`."""
    run_command(app)
