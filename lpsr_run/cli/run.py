"""The command line of `lpsr-run`. Heavy imports wait until the options are known to be right."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from lpsr_core.command_line import Debug, version_option, with_options
from lpsr_core.errors import LpsrError, run_command
from lpsr_core.wording import counted
from lpsr_run.options import RunOptions

# Plain text: usage errors and help stay readable in logs and in narrow terminals.
app = typer.Typer(add_completion=False, pretty_exceptions_enable=False, rich_markup_mode=None)


@app.command()
@with_options(RunOptions)
def read_plates(
    given: dict[str, Any],
    config: Annotated[
        Path | None,
        typer.Option(metavar="FILE", help="TOML file with these options. Options on the command line override it."),
    ] = None,
    quiet: Annotated[bool, typer.Option("--quiet", help="Show neither progress nor results on the terminal.")] = False,
    debug: Debug = False,
    version: Annotated[bool, version_option("lpsr-run")] = False,
) -> None:
    """Read licence plates in videos, streams and pictures.

    Exit codes: 0 done, 1 something failed or was skipped, 2 wrong usage, 75 hung (--watchdog), 130 interrupted.
    """
    raise typer.Exit(_execute(given, config, quiet))


def _execute(given: dict[str, Any], config_file: Path | None, quiet: bool) -> int:
    """Runs with these options; returns the exit code."""
    from lpsr_run.process import few_arenas

    few_arenas()  # before anything imports what starts threads
    from lpsr_run.config import RunConfig, load_config
    from lpsr_run.process import silence_opencv
    from lpsr_run.redact import shown

    config = RunConfig() if config_file is None else load_config(config_file)
    # A source on the command line replaces the file's, of whichever kind that is.
    if given.keys() & {"video", "crops", "fuse", "cameras"}:
        config = config.without_source()
    config = config.changed(given)
    config.check()
    silence_opencv()
    try:
        from lpsr_run.pipeline.run import run

        summary = run(config, quiet)
    except KeyboardInterrupt:
        return 130
    except LpsrError as error:  # libraries repeat addresses in what they say
        error.args = (config.scrubber(str(error)),)
        raise
    if not quiet and config.log_format == "text":
        found = counted(summary.reads, "plate")
        typer.echo(f"{found} read in {summary.seconds:.1f} s; {shown(config.out)}/reads.jsonl")
        if summary.state.left_out:
            hint = "" if config.explain else "; --explain tells why"
            typer.echo(f"{summary.state.left_out} not reported{hint}")
    if summary.stopped_by is not None:
        return 128 + summary.stopped_by
    if config.fuse and not summary.reads:
        typer.echo("error: nothing was fused", err=True)
    elif summary.failures:
        others = "; the others were read" if summary.state.frames else ""
        typer.echo(f"error: {counted(len(summary.failures), 'input')} failed{others}", err=True)
    return 1 if summary.failures or summary.unwritten else 0


def main() -> None:
    """Entry point of `lpsr-run`."""
    run_command(app)
