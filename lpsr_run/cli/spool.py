"""The command line of `lpsr-spool`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from lpsr_core.command_line import Debug, command_group
from lpsr_core.errors import UsageError, run_command
from lpsr_core.wording import counted
from lpsr_run.redact import shown

app = command_group(
    "lpsr-spool", "Shows reads that wait for a webhook or a broker, and sends again what was set aside."
)

_Folder = Annotated[Path, typer.Argument(metavar="OUT", help="Folder of --out, or a spool in it.")]


@app.command("list")
def show(folder: _Folder, debug: Debug = False) -> None:
    """List the spools of a folder, and each read that was set aside with the reason.

    Exit codes: 0 nothing is set aside, 1 something is, 2 wrong usage.
    """
    from lpsr_run.sinks.spool_folder import refused

    aside = 0
    for each in _spools(folder):
        letters = refused(each)
        aside += len(letters)
        waiting = sum(1 for _ in each.glob("*.json"))
        typer.echo(f"{shown(each)}: {counted(waiting, 'read')} waiting, {len(letters)} set aside")
        for path, why in letters:
            typer.echo(f"  {shown(path.name)}: {shown(why)}")
    raise typer.Exit(1 if aside else 0)


@app.command()
def retry(folder: _Folder, debug: Debug = False) -> None:
    """Put back what was set aside: the run that holds the folder, or the next one, sends it again."""
    from lpsr_run.sinks.spool_folder import send_again

    for each in _spools(folder):
        typer.echo(f"{shown(each)}: sending {counted(send_again(each), 'read')} again")


def _spools(folder: Path) -> list[Path]:
    from lpsr_run.sinks.spool_folder import REFUSED, spools_in

    found = [folder] if (folder / REFUSED).is_dir() else spools_in(folder)
    if not found:
        raise UsageError(f"{shown(folder)}: holds no spool; give the --out of a run with --webhook, --mqtt or --alerts")
    return found


def main() -> None:
    """Entry point of `lpsr-spool`."""
    run_command(app)


if __name__ == "__main__":
    main()
