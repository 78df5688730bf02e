"""The command line of `lpsr-bench`. Heavy imports wait until the options are known to be right."""

from __future__ import annotations

from typing import Annotated, Any

import typer

from lpsr_core.errors import run_command

# Plain text: usage errors and help stay readable in logs and in narrow terminals.
app = typer.Typer(
    add_completion=False, pretty_exceptions_enable=False, rich_markup_mode=None, invoke_without_command=True
)


def _version(wanted: bool) -> None:
    if wanted:
        from lpsr_core import __version__

        typer.echo(f"lpsr-bench {__version__}")
        raise typer.Exit


@app.callback()
def bench(
    context: typer.Context,
    suite: Annotated[
        list[str] | None,
        typer.Option(
            metavar="NAME",
            help="Suite to run: reference, throughput, latency, stages, accuracy, precision, kernel, energy, cameras, "
            "scaling, peers or all. Repeatable (default: the first eight)",
        ),
    ] = None,
    out: Annotated[
        str | None,
        typer.Option(
            metavar="FILE",
            help="Output JSON file. A .md, .csv and .html of the same name are written beside it; existing "
            "files are replaced (default: bench.json)",
        ),
    ] = None,
    data: Annotated[
        str | None,
        typer.Option(
            metavar="DIR",
            help="Labelled crops: a labels.csv with file,text[,x,y,width,height], or files named after "
            "their plates (default: the packaged rendered plates)",
        ),
    ] = None,
    degradation: Annotated[
        str | None,
        typer.Option(
            metavar="blur|noise|camera|none|hard", help="Degradation that produces the LR pictures (default: blur)"
        ),
    ] = None,
    layouts: Annotated[
        str | None,
        typer.Option(
            metavar="LIST",
            help="Allowed plate layouts: names, patterns such as LLDDDLL, or a TOML file (default: brazilian,mercosur)",
        ),
    ] = None,
    limit: Annotated[
        int | None, typer.Option(metavar="N", help="Maximum number of labelled plates; 0 for all (default: 0)")
    ] = None,
    frame: Annotated[
        str | None,
        typer.Option(
            metavar="SOURCE",
            help="Picture or video whose first frame is used for location (default: a synthetic frame)",
        ),
    ] = None,
    generator: Annotated[
        str | None, typer.Option(metavar="MODEL", help="Model name or .onnx file (default: lite)")
    ] = None,
    reader: Annotated[
        str | None, typer.Option(metavar="MODEL", help="Model name or .onnx file (default: lite)")
    ] = None,
    lr_reader: Annotated[
        str | None,
        typer.Option(metavar="MODEL", help="Reader trained on LR pictures (default: lr, if present)"),
    ] = None,
    precision: Annotated[
        str | None, typer.Option(metavar="fp32|fp16|int8", help="Precision of named models (default: fp32)")
    ] = None,
    backend: Annotated[
        str | None,
        typer.Option(
            metavar="NAME",
            help="Inference backend: onnxruntime, cuda, tensorrt, tensorrt-rtx, openvino, or auto for the "
            "fastest one available (default: auto)",
        ),
    ] = None,
    threads: Annotated[
        int | None, typer.Option(metavar="N", help="Number of CPU threads for inference (default: one per core)")
    ] = None,
    batches: Annotated[
        str | None, typer.Option(metavar="LIST", help="Batch sizes, comma-separated (default: 1,2,4,8,16,32,64)")
    ] = None,
    streams: Annotated[
        str | None, typer.Option(metavar="LIST", help="Suite throughput: numbers of concurrent callers (default: 1,4)")
    ] = None,
    rates: Annotated[
        str | None,
        typer.Option(
            metavar="LIST",
            help="Suite latency: arrival rates in crops per second (default: 30, 60 and 90 % of the maximum)",
        ),
    ] = None,
    most: Annotated[
        int | None,
        typer.Option(metavar="N", help="Suite scaling: number of crops of the largest measurement (default: 16384)"),
    ] = None,
    peer: Annotated[
        list[str] | None,
        typer.Option(
            metavar="PEER",
            help="Suite peers: what to compare with: bicubic, rapidocr, fast-plate-ocr=FILE, paper, lite-torch, "
            "sr3-20-steps or LABEL=FILE.onnx. Repeatable (default: all that are installed)",
        ),
    ] = None,
    seconds: Annotated[
        float | None, typer.Option(metavar="S", help="Duration of one measurement in seconds (default: 3)")
    ] = None,
    repeats: Annotated[
        int | None,
        typer.Option(metavar="N", help="Number of rounds per measurement; the median is reported (default: 3)"),
    ] = None,
    plates: Annotated[
        int | None, typer.Option(metavar="N", help="Suite reference: number of plates read one by one (default: 4000)")
    ] = None,
    seed: Annotated[int | None, typer.Option(metavar="N", help="Random seed of the degradations (default: 0)")] = None,
    html: Annotated[
        bool | None, typer.Option("--html/--no-html", help="Write an HTML page with plots (default: yes)")
    ] = None,
    sheet: Annotated[
        bool | None,
        typer.Option("--sheet/--no-sheet", help="Include sample plates in the result (default: yes)"),
    ] = None,
    quick: Annotated[
        bool, typer.Option("--quick", help="Few plates and short measurements, for a trial run only.")
    ] = False,
    debug: Annotated[bool, typer.Option("--debug", help="Show the traceback of an error.")] = False,
    version: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Show the version and exit.")
    ] = False,
) -> None:
    """Measure speed and accuracy on this machine, beside the paper's figures.

    Exit codes: 0 done, 1 something failed, 2 wrong usage, 130 interrupted; what was measured is in the JSON file.
    """
    if context.invoked_subcommand is not None:
        return
    given: dict[str, Any] = {
        "suites": _suites(suite),
        "out": out,
        "data": data,
        "degradation": degradation,
        "layouts": None if layouts is None else tuple(word for word in layouts.split(",") if word.strip()),
        "batches": _numbers("--batches", batches, int),
        "streams": _numbers("--streams", streams, int),
        "rates": _numbers("--rates", rates, float),
        "most": most,
        "peers": tuple(peer) if peer else None,
        "html": html,
        "sheet": sheet,
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


@app.command()
def compare(
    before: Annotated[str, typer.Argument(metavar="A.json", help="Earlier result.")],
    after: Annotated[str, typer.Argument(metavar="B.json", help="Later result.")],
    debug: Annotated[bool, typer.Option("--debug", help="Show the traceback of an error.")] = False,
) -> None:
    """Compare two results, and test whether chance explains the differences."""
    from pathlib import Path

    from rich.console import Console

    from lpsr_bench.comparison import compare_results
    from lpsr_bench.report.terminal import print_comparison
    from lpsr_bench.results import load_results

    found = compare_results(load_results(Path(before)), load_results(Path(after)))
    print_comparison(found, before, after, Console(highlight=False, markup=False))


@app.command()
def history(
    folder: Annotated[str, typer.Argument(metavar="DIR", help="Folder of JSON results.")] = "benchmarks/results",
    out: Annotated[str, typer.Option(metavar="FILE", help="Output HTML file.")] = "history.html",
    debug: Annotated[bool, typer.Option("--debug", help="Show the traceback of an error.")] = False,
) -> None:
    """Plot the results of a folder over time, by machine and precision."""
    from pathlib import Path

    from lpsr_bench.report.history import write_history

    count = write_history(Path(folder), Path(out))
    typer.echo(f"{count} result{'s' * (count != 1)}, written to {out}")


@app.command()
def report(
    result: Annotated[str, typer.Argument(metavar="FILE.json", help="Result of lpsr-bench.")],
    debug: Annotated[bool, typer.Option("--debug", help="Show the traceback of an error.")] = False,
) -> None:
    """Print a result, and write its .md, .csv and .html again."""
    from pathlib import Path

    from rich.console import Console

    from lpsr_bench.report import print_results, write_reports
    from lpsr_bench.results import load_results

    document = load_results(Path(result))
    print_results(document, Console(highlight=False, markup=False))
    for path in write_reports(document, Path(result), html=True):
        typer.echo(f"written to {path}")


def _suites(names: list[str] | None) -> tuple[str, ...] | None:
    from lpsr_bench.config import SUITES

    if not names:
        return None
    return tuple(SUITES) if "all" in names else tuple(names)


def _numbers(option: str, text: str | None, kind: type) -> tuple[Any, ...] | None:
    """The numbers of a list as a user types it.

    Raises:
        UsageError: a word of it is no number.
    """
    from lpsr_core.errors import UsageError

    if text is None:
        return None
    try:
        return tuple(kind(word) for word in text.split(",") if word.strip())
    except ValueError:
        raise UsageError(f"{option} takes numbers separated by commas, not {text!r}") from None


def _execute(given: dict[str, Any], quick: bool) -> int:
    """Measures with these options; returns the exit code."""
    from pathlib import Path

    from lpsr_bench.config import QUICK, BenchConfig
    from lpsr_run.process import silence_opencv

    config = (QUICK if quick else BenchConfig()).changed(given)
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
