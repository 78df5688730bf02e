"""The command line of `lpsr-bench`. Heavy imports wait until the options are known to be right."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Annotated, Any

import typer

from lpsr_bench.config import QUICK, SUITES, BenchConfig
from lpsr_core.command_line import Debug, version_option, with_options
from lpsr_core.errors import run_command

# Plain text: usage errors and help stay readable in logs and in narrow terminals.
app = typer.Typer(
    add_completion=False, pretty_exceptions_enable=False, rich_markup_mode=None, invoke_without_command=True
)
Version = Annotated[bool, version_option("lpsr-bench")]


@app.callback()
@with_options(BenchConfig)
def bench(
    context: typer.Context,
    given: dict[str, Any],
    quick: Annotated[
        bool, typer.Option("--quick", help="Few plates and short measurements, for a trial run only.")
    ] = False,
    debug: Debug = False,
    version: Version = False,
) -> None:
    """Measure speed and accuracy on this machine, beside the paper's figures.

    Exit codes: 0 done, 1 something failed, 2 wrong usage, 130 interrupted; what was measured is in the JSON file.
    """
    if context.invoked_subcommand is not None:
        return
    if "all" in given.get("suites", ()):
        given["suites"] = SUITES
    raise typer.Exit(_execute(given, quick))


@app.command()
def compare(
    before: Annotated[str, typer.Argument(metavar="A.json", help="Earlier result.")],
    after: Annotated[str, typer.Argument(metavar="B.json", help="Later result.")],
    debug: Debug = False,
) -> None:
    """Compare two results, and test whether chance explains the differences."""
    from rich.console import Console

    from lpsr_bench.comparison import compare_results, unlike
    from lpsr_bench.report.terminal import print_comparison
    from lpsr_bench.results import load_results

    old, new = load_results(Path(before)), load_results(Path(after))
    print_comparison(compare_results(old, new), before, after, Console(highlight=False, markup=False))
    for note in unlike(old, new):
        typer.echo(f"note: {note}", err=True)


@app.command()
def history(
    folder: Annotated[str, typer.Argument(metavar="DIR", help="Folder of JSON results.")] = "benchmarks/results",
    out: Annotated[str, typer.Option(metavar="FILE", help="Output HTML file.")] = "history.html",
    debug: Debug = False,
) -> None:
    """Plot the results of a folder over time, by machine and precision."""
    from lpsr_bench.report.history import write_history

    count = write_history(Path(folder), Path(out))
    typer.echo(f"{count} result{'s' * (count != 1)}, written to {out}")


@app.command()
def report(
    result: Annotated[str, typer.Argument(metavar="FILE.json", help="Result of lpsr-bench.")],
    debug: Debug = False,
) -> None:
    """Print a result, and write its .md, .csv and .html again."""
    from rich.console import Console

    from lpsr_bench.report import print_results, write_reports
    from lpsr_bench.results import load_results

    document = load_results(Path(result))
    print_results(document, Console(highlight=False, markup=False))
    for path in write_reports(document, Path(result), html=True):
        typer.echo(f"written to {path}")


def _execute(given: dict[str, Any], quick: bool) -> int:
    """Measures with these options; returns the exit code."""
    from lpsr_run.process import silence_opencv

    config = replace(QUICK if quick else BenchConfig(), **given)
    config.check()
    silence_opencv()

    from rich.console import Console

    from lpsr_bench.bench import run
    from lpsr_bench.report import print_results, write_reports

    results = run(config)
    document = results.as_dict()
    print_results(document, Console(highlight=False, markup=False))
    typer.echo(f"written to {config.out}")
    for path in write_reports(document, Path(config.out), config.html):
        typer.echo(f"written to {path}")
    return 130 if results.interrupted else 0


def main() -> None:
    """Entry point of `lpsr-bench`."""
    run_command(app)


if __name__ == "__main__":
    main()
