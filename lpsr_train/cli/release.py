"""`lpsr-train release`."""

from __future__ import annotations

import shlex
import signal
import subprocess
import sys
from contextlib import suppress
from pathlib import Path
from typing import Annotated

import typer

from lpsr_core.command_line import Debug
from lpsr_core.interrupt import StopRequest
from lpsr_train.cli.options import Device, Workers
from lpsr_train.terminal import need_torch

_PAUSE = 0.2
"""Seconds between two looks at whether a command is to be stopped."""


def release(
    out: Annotated[Path, typer.Option(help="Output folder of runs, datasets and figures; run again to resume.")],
    models: Annotated[Path | None, typer.Option(help="Output folder of graphs and cards (default: OUT/models)")] = None,
    plates: Annotated[int, typer.Option(help="Number of unseen plates for the figures.", min=1)] = 4000,
    device: Device = "auto",
    workers: Workers = 2,
    steps: Annotated[
        int | None, typer.Option(help="Number of training steps of every run (default: each preset's own)", min=1)
    ] = None,
    pairs: Annotated[
        int | None, typer.Option(help="Number of pairs of every dataset (default: each preset's own)", min=1)
    ] = None,
    batch: Annotated[
        int | None,
        typer.Option(help="Batch size in plates; 64 for two cores, 512 and more for a GPU.", min=2),
    ] = None,
    init: Annotated[Path | None, typer.Option(help="Run whose weights are the starting point of lite.")] = None,
    debug: Debug = False,
) -> None:
    """Train, evaluate and export every released model; run again to resume.

    Each command is printed as it would be typed.
    """
    need_torch()
    from lpsr_train.release import Recipe

    recipe = Recipe(out, models or out / "models", plates, device, workers, steps, pairs, batch, init)
    for module, *arguments in recipe.commands():
        typer.echo(f"$ {module.replace('_', '-')} {shlex.join(arguments)}")
        code = _run(module, *arguments)
        if code:
            typer.echo(f"{arguments[0]} ended with exit code {code}; run the same command again to go on", err=True)
            raise typer.Exit(code)
    typer.echo(f"graphs and cards: {recipe.models}; figures: {out / 'figures.json'}")


def _run(module: str, *arguments: str) -> int:
    """Run a command to its end; Ctrl-C reaches it from the terminal, and other signals are passed on to it."""
    with StopRequest(hangup=True) as stop, subprocess.Popen([sys.executable, "-m", module, *arguments]) as child:
        while not stop and child.poll() is None:
            with suppress(subprocess.TimeoutExpired):
                child.wait(_PAUSE)
        if stop.signal not in (None, signal.SIGINT):
            child.send_signal(stop.signal)
        return child.wait()
