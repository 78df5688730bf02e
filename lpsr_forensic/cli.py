"""The command line of `lpsr-evidence`: what `lpsr_run` checks, and the report that is made here."""

from __future__ import annotations

import shlex
import sys
from pathlib import Path
from typing import Annotated, Any

import typer

from lpsr_core.command_line import Debug, with_options
from lpsr_core.errors import UsageError, run_command
from lpsr_core.wording import counted
from lpsr_run.cli.evidence import app
from lpsr_run.options import RunOptions


@app.command()
@with_options(RunOptions, only=("layouts", "reader", "generator", "threads"), parameter="reading")
def report(
    frames: Annotated[
        list[Path],
        typer.Argument(
            metavar="EVIDENCE_DIR|IMAGES...",
            help="Folder of one read of --evidence, or crops of one plate.",
        ),
    ],
    reading: dict[str, Any],
    out: Annotated[Path, typer.Option(metavar="FILE", help="HTML file to write.")] = Path("report.html"),
    case: Annotated[str, typer.Option(metavar="TEXT", help="Case number, for the head of the report.")] = "",
    examiner: Annotated[str, typer.Option(metavar="TEXT", help="Examiner, for the head of the report.")] = "",
    validation: Annotated[
        Path | None,
        typer.Option(metavar="FILE", help="Result of benchmarks.likelihood_ratios on labelled crops, to quote."),
    ] = None,
    public: Annotated[
        Path | None, typer.Option(metavar="KEY.pub", help="Public key with which the evidence's chain must be signed.")
    ] = None,
    overwrite: Annotated[bool, typer.Option("--overwrite", help="Replace an existing file.")] = False,
    debug: Debug = False,
) -> None:
    """Writes the forensic report of one vehicle's frames: pixels, likelihood ratios, comparison with the candidates.

    Layouts hold for images; evidence names its own.

    Exit codes: 0 the report was written, also without a conclusion; 1 the evidence was altered, an image was left out,
    or something failed; 2 wrong usage.
    """
    if out.suffix.lower() not in (".html", ".htm"):
        raise UsageError(f"--out {out}: the report is HTML; name it .html, and print it to PDF with a browser")
    if out.exists() and not overwrite:
        raise UsageError(f"--out {out}: exists; give another file, or --overwrite")
    for path in frames:
        if not path.exists():
            raise UsageError(f"{path}: no such file or folder")
    from lpsr_forensic.report import forensic_report
    from lpsr_run.config import RunConfig

    config = RunConfig(crops=".").changed(reading)
    config.check_values()
    made = forensic_report(
        frames,
        out,
        config=config,
        validation=validation,
        public=public,
        case=case,
        examiner=examiner,
        command=shlex.join(["lpsr-evidence", *sys.argv[1:]]),
        report=lambda line: typer.echo(line, err=True),
    )
    kinds = {"text": "conclusion", "part": "conclusion on a part", "none": "no conclusion"}
    typer.echo(f"{kinds[made.conclusion.kind]}: {made.conclusion.text}".rstrip(": "))
    for reason in made.conclusion.reasons:
        typer.echo(f"  {reason}")
    for line in made.material.altered:
        typer.echo(f"altered: {line}", err=True)
    if made.material.checked is not None and not made.material.checked.chained:
        typer.echo(f"remark: {made.material.checked.how}", err=True)
    listed = 0 if made.material.different else len(made.candidates)
    typer.echo(f"{out}: {counted(len(made.material.exhibits), 'frame')}, {counted(listed, 'candidate')}")
    raise typer.Exit(1 if made.material.altered or made.material.left_out else 0)


def main() -> None:
    """Entry point of `lpsr-evidence`."""
    run_command(app)


if __name__ == "__main__":
    main()
