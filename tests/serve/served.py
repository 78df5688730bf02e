"""What the tests of the server share beside fixtures."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

KEY = "a-test-key-of-32-characters-0001"
OTHER_KEY = "a-test-key-of-32-characters-0002"

Make = Callable[..., Any]
"""Starts a server with options of `ServeConfig`; returns FastAPI's test client with its key."""


def sent(client: Any, video: Path, name: str = "cars.mp4") -> str:
    """Give a server a video; the identifier of its job."""
    answer = client.post("/api/v1/videos", files={"video": (name, video.read_bytes())})
    assert answer.status_code == 202, answer.text
    return str(answer.json()["id"])
