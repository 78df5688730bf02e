"""The command line of `lpsr-bulk`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from lpsr_core.command_line import Debug, version_option
from lpsr_core.errors import UsageError, run_command

app = typer.Typer(add_completion=False, pretty_exceptions_enable=False, rich_markup_mode=None)

_SOURCE = "A file, folder, glob, or a .csv or .parquet list of paths."


@app.command()
def bulk(
    crops: Annotated[
        str | None, typer.Option(metavar="PATH", help=f"Images that are plates already. {_SOURCE}")
    ] = None,
    video: Annotated[
        str | None, typer.Option(metavar="PATH", help=f"Videos and photographs. {_SOURCE} Not with --crops.")
    ] = None,
    column: Annotated[str, typer.Option(metavar="NAME", help="Column of the list that holds the paths.")] = "path",
    out: Annotated[Path, typer.Option(metavar="DIR", help="Folder of the results; an interrupted run goes on.")] = Path(
        "runs/bulk"
    ),
    format: Annotated[str, typer.Option(metavar="jsonl|parquet", help="Format of the shards.")] = "jsonl",
    shard: Annotated[int, typer.Option(metavar="N", help="Results in one shard.")] = 10_000,
    workers: Annotated[int, typer.Option(metavar="N", help="Worker processes; 0 takes all CPUs.")] = 0,
    threads: Annotated[int, typer.Option(metavar="N", help="CPU threads of the models in each worker.")] = 1,
    gpus: Annotated[float, typer.Option(metavar="N", help="GPUs of each worker; a fraction shares one.")] = 0.0,
    block: Annotated[int, typer.Option(metavar="N", help="Inputs in one task; 0 takes 64 crops or one video.")] = 0,
    address: Annotated[
        str | None,
        typer.Option(metavar="HOST:PORT", help="Running Ray cluster [one of this machine's own]."),
    ] = None,
    backend: Annotated[str | None, typer.Option(metavar="NAME", help="Runtime of the models, as of lpsr-run.")] = None,
    precision: Annotated[str | None, typer.Option(metavar="fp32|fp16|int8", help="Variant of the models.")] = None,
    layouts: Annotated[str | None, typer.Option(metavar="LIST", help="Layouts that plates may follow.")] = None,
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
    from lpsr_run.bulk.config import BulkConfig
    from lpsr_run.bulk.run import run_bulk
    from lpsr_run.config import RunConfig, load_config

    given: dict[str, Any] = {
        "backend": backend,
        "precision": precision,
        "layouts": None if layouts is None else tuple(word for word in layouts.split(",") if word.strip()),
        "threads": threads,
    }
    if (crops is None) == (video is None):
        raise UsageError("give exactly one of --crops and --video")
    run = RunConfig() if config is None else load_config(config).without_source()
    options = BulkConfig(
        crops or video or "",
        "crops" if crops is not None else "video",
        str(out),
        column,
        format,  # type: ignore[arg-type]  # checked below
        shard,
        workers,
        threads,
        gpus,
        block,
        address,
        run.changed(given),
    )
    options.check()
    summary = run_bulk(options, quiet)
    if not quiet:
        rate = summary.results / max(summary.seconds, 1e-3)
        typer.echo(
            f"{summary.results:,} results in {summary.seconds:.1f} s ({rate:.1f}/s), {summary.failed:,} failed; "
            f"{summary.before + summary.results:,} of {summary.inputs:,} inputs have their result; {out}"
        )
    if summary.stopped_by is not None:
        raise typer.Exit(128 + summary.stopped_by)
    raise typer.Exit(1 if summary.failed else 0)


def main() -> None:
    """Entry point of `lpsr-bulk`."""
    run_command(app)
