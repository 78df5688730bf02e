"""The command line of `lpsr-train`: a file a command."""

from lpsr_train.cli.commands import app, main

__all__ = ["app", "main"]
