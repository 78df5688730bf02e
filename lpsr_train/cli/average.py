"""`lpsr-train average`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from lpsr_core.command_line import Debug
from lpsr_train.terminal import need_torch


def average(
    runs: Annotated[
        list[Path], typer.Argument(help="Runs of one preset, one of which started from another's weights.")
    ],
    out: Annotated[Path, typer.Option(help="Output folder of the averaged run.")],
    debug: Debug = False,
) -> None:
    """Average the weights of several runs, of which one continued another."""
    need_torch()
    from lpsr_core.errors import UsageError
    from lpsr_train.training import state

    if len(runs) < 2:
        raise UsageError("name two runs or more")
    if (out / state.CHECKPOINT).exists():
        raise UsageError(f"{out}: holds a run; choose another --out")
    locators = [state.load(run).get("task") == "locator" for run in runs]
    if any(locators) and not all(locators):
        raise UsageError("name runs of one kind: some of these find plates, others read them")
    if all(locators):
        from lpsr_train.locating.fit import mean_locator

        made = mean_locator(runs)
    else:
        made = state.mean(runs)
    out.mkdir(parents=True, exist_ok=True)
    state.save(out, made)
    judge = f"lpsr-export locator --weights {out}" if all(locators) else f"lpsr-train evaluate --weights {out}"
    typer.echo(f"weights: {out}; say what they are worth with: {judge}")
