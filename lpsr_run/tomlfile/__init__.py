"""TOML files that a user edits by hand: errors name the file, the line and the key."""

from lpsr_run.tomlfile.table import Table, read_toml

__all__ = ["Table", "read_toml"]
