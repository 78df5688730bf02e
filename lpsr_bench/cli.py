"""The command line of `lpsr-bench`. Heavy imports wait until the options are known to be right."""

from __future__ import annotations

from typing import Annotated, Any

import typer

from lpsr_core.errors import run_command

# Plain text: usage errors and help stay readable in logs and in narrow terminals.
app = typer.Typer(add_completion=False, pretty_exceptions_enable=False, rich_markup_mode=None)


def _version(wanted: bool) -> None:
    if wanted:
        from lpsr_core import __version__

        typer.echo(f"lpsr-bench {__version__}")
        raise typer.Exit


@app.command()
def bench(
    suite: Annotated[
        list[str] | None,
        typer.Option(
            metavar="reference|throughput|stages|accuracy", help="What to measure; may be repeated (default all)."
        ),
    ] = None,
    out: Annotated[
        str | None, typer.Option(metavar="FILE", help="The JSON file (default bench.json); replaces an older one.")
    ] = None,
    data: Annotated[
        str | None,
        typer.Option(
            metavar="DIR",
            help="Labelled crops: labels.csv with file,text[,x,y,width,height], or files named after their plates "
            "(default the project's own rendered plates).",
        ),
    ] = None,
    degradation: Annotated[
        str | None, typer.Option(metavar="blur|noise|camera|none|hard", help="How LR pictures are made (default blur).")
    ] = None,
    layouts: Annotated[
        str | None,
        typer.Option(
            metavar="LIST", help="Layouts that plates may follow, e.g. brazilian,mercosur (default) or LLDDDLL."
        ),
    ] = None,
    limit: Annotated[int | None, typer.Option(metavar="N", help="Most labelled plates; 0 for all (default).")] = None,
    frame: Annotated[
        str | None,
        typer.Option(metavar="SOURCE", help="Picture or video whose first frame is searched (default a painted one)."),
    ] = None,
    generator: Annotated[
        str | None, typer.Option(metavar="MODEL", help="Released name or .onnx file (default lite).")
    ] = None,
    reader: Annotated[
        str | None, typer.Option(metavar="MODEL", help="Released name or .onnx file (default lite).")
    ] = None,
    lr_reader: Annotated[
        str | None,
        typer.Option(metavar="MODEL", help="Reader trained on LR pictures (default the released lr, if there is one)."),
    ] = None,
    precision: Annotated[
        str | None, typer.Option(metavar="fp32|fp16|int8", help="Variant of the released models (default fp32).")
    ] = None,
    backend: Annotated[
        str | None,
        typer.Option(metavar="auto|onnxruntime|cuda|tensorrt", help="What runs the models; auto: CUDA if it works."),
    ] = None,
    threads: Annotated[
        int | None, typer.Option(metavar="N", help="CPU threads of the models; 0 lets the runtime choose.")
    ] = None,
    seconds: Annotated[float | None, typer.Option(metavar="S", help="Length of one measurement (default 3).")] = None,
    repeats: Annotated[
        int | None, typer.Option(metavar="N", help="Rounds of a measurement, whose median counts (default 3).")
    ] = None,
    plates: Annotated[
        int | None, typer.Option(metavar="N", help="Plates read one by one in suite reference (default 4000).")
    ] = None,
    seed: Annotated[int | None, typer.Option(metavar="N", help="Of the noise in degradations (default 0).")] = None,
    quick: Annotated[
        bool, typer.Option("--quick", help="Few plates and short measurements: a trial, not a benchmark.")
    ] = False,
    debug: Annotated[bool, typer.Option("--debug", help="Show the traceback of an error.")] = False,
    version: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Show the version and exit.")
    ] = False,
) -> None:
    """Measures speed and accuracy on this machine, beside the paper's figures.

    Exit codes: 0 done, 1 something failed, 2 wrong usage, 130 interrupted; what was measured is in the JSON file.
    """
    given: dict[str, Any] = {
        "suites": tuple(suite) if suite else None,
        "out": out,
        "data": data,
        "degradation": degradation,
        "layouts": None if layouts is None else tuple(word for word in layouts.split(",") if word.strip()),
        "limit": limit,
        "frame": frame,
        "generator": generator,
        "reader": reader,
        "lr_reader": lr_reader,
        "precision": precision,
        "backend": backend,
        "threads": threads,
        "seconds": seconds,
        "repeats": repeats,
        "plates": plates,
        "seed": seed,
    }
    raise typer.Exit(_execute(given, quick))


def _execute(given: dict[str, Any], quick: bool) -> int:
    """Measures with these options; returns the exit code."""
    from lpsr_bench.config import QUICK, BenchConfig
    from lpsr_run.quiet import silence_opencv

    config = (QUICK if quick else BenchConfig()).changed(given)
    config.check()
    silence_opencv()

    from rich.console import Console

    from lpsr_bench.bench import run
    from lpsr_bench.report import print_results

    results = run(config)
    print_results(results, Console(highlight=False, markup=False))
    typer.echo(f"written to {config.out}")
    if results.interrupted:
        return 130
    return 0


def main() -> None:
    """Entry point of `lpsr-bench`."""
    run_command(app)


if __name__ == "__main__":
    main()
