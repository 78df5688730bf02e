"""The command line of `lpsr-export`: a file a command."""

from lpsr_export.cli.commands import app, main

__all__ = ["app", "main"]
