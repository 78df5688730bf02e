"""lpsr-train: render, train, look, evaluate."""

from __future__ import annotations

from lpsr_core.command_line import command_group
from lpsr_core.errors import run_command
from lpsr_train.cli.ablate import ablate
from lpsr_train.cli.average import average
from lpsr_train.cli.describe import describe
from lpsr_train.cli.evaluate import evaluate
from lpsr_train.cli.fit import fit
from lpsr_train.cli.fuse import fuse
from lpsr_train.cli.locator import locator, scenes
from lpsr_train.cli.pairs import pairs
from lpsr_train.cli.plates import crops, preview, render, video
from lpsr_train.cli.release import release

app = command_group("lpsr-train", "Train and evaluate the super-resolution generator, the reader and the locator.")

for command in (
    describe,
    render,
    preview,
    crops,
    video,
    pairs,
    fit,
    average,
    evaluate,
    fuse,
    ablate,
    release,
    locator,
    scenes,
):
    app.command()(command)


def main() -> None:
    """Entry point of the command."""
    run_command(app)
