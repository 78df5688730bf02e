"""`lpsr-train describe`."""

from __future__ import annotations

from typing import Annotated

import typer

from lpsr_core.command_line import Debug
from lpsr_train.terminal import need_torch


def describe(
    preset: Annotated[
        str,
        typer.Argument(
            help="Generator preset: lite, base, paper, sr3 or sr3-lite. With --reader: lite, gp_lpr or multi-task."
        ),
    ],
    reader: Annotated[
        bool, typer.Option("--reader", help="Describe the reader of that name instead of the generator.")
    ] = False,
    debug: Debug = False,
) -> None:
    """List the parameters and arithmetic of a preset's network, part by part."""
    need_torch()
    from rich.console import Console

    from lpsr_train.networks.describe import describe_preset

    Console().print(describe_preset(preset, reader))
