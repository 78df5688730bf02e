"""The command line of `lpsr-evidence`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from lpsr_core.command_line import Debug, command_group
from lpsr_core.errors import run_command
from lpsr_core.wording import counted

app = command_group("lpsr-evidence", "Check evidence of `lpsr-run --evidence`, and report on it.")


@app.command()
def verify(
    folder: Annotated[Path, typer.Argument(metavar="DIR", help="Folder given to lpsr-run --evidence.")],
    public: Annotated[
        Path | None, typer.Option(metavar="KEY.pub", help="Public key with which the chain must be signed.")
    ] = None,
    debug: Debug = False,
) -> None:
    """Verify digests, order, completeness and signatures; print one line per finding.

    Exit codes: 0 nothing is wrong, 1 something is, 2 wrong usage.
    """
    from lpsr_run.evidence.verify import verify as check

    verdict = check(folder, public)
    for finding in verdict.findings:
        typer.echo(f"{'remark' if finding.remark else 'finding'}: {finding}")
    wrong = sum(not finding.remark for finding in verdict.findings)
    how = "signatures checked" if verdict.signed else "no signature checked (--public)"
    reads, runs = counted(verdict.folders, "read"), counted(verdict.runs, "run")
    typer.echo(f"{reads} of {runs}: {counted(wrong, 'finding')}; {how}")
    raise typer.Exit(0 if verdict.sound else 1)


@app.command()
def replay(
    folder: Annotated[Path, typer.Argument(metavar="DIR", help="Evidence folder of one read.")],
    debug: Debug = False,
) -> None:
    """Compute a read again from its stored frame and log-probabilities, and check its digests.

    Exit codes: 0 it is the same, 1 it is not, 2 wrong usage.
    """
    from lpsr_run.pipeline.replay import replay as again

    found = again(folder)
    crop = {True: "the same, pixel by pixel", False: "another one", None: "not cut again, there is no whole frame"}
    typer.echo(f"text: {found.text}, recorded {found.recorded_text}")
    typer.echo(f"confidence: {found.confidence:.4f}, recorded {found.recorded_confidence:.4f}")
    typer.echo(f"crop: {crop[found.crop]}")
    typer.echo(f"probabilities of the named frame: largest difference {found.difference:.1e}")
    for line in found.checked.altered:
        typer.echo(f"altered: {line}")
    if not found.checked.chained:
        typer.echo(f"remark: {found.checked.how}")
    for role in found.models:
        typer.echo(f"{role}: the model is not the recorded one")
    typer.echo("the same" if found.same else "NOT the same")
    raise typer.Exit(0 if found.same else 1)


def main() -> None:
    """Entry point of `lpsr-evidence`."""
    run_command(app)


if __name__ == "__main__":
    main()
