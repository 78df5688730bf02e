"""What the tests of the server share beside fixtures."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

KEY = "a-test-key-of-32-characters-0001"
OTHER_KEY = "a-test-key-of-32-characters-0002"

Make = Callable[..., Any]
"""Starts a server with options of `ServeConfig`; returns FastAPI's test client with its key."""
