"""TOML files that a user edits by hand: errors name the file, the line and the key."""

from lpsr_run.tomlfile.secrets import expand, expand_address, read_secret
from lpsr_run.tomlfile.table import Document, Table, read_toml

__all__ = ["Document", "Table", "expand", "expand_address", "read_secret", "read_toml"]
