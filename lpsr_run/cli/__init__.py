"""The command line of `lpsr-run`."""

from lpsr_run.cli.run import app, main

__all__ = ["app", "main"]
