"""The command line of `lpsr-export`: a file a command."""

from lpsr_export.cli.app import app, main

__all__ = ["app", "main"]
