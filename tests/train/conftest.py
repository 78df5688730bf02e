"""What all tests of training share."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from tiny_networks import tiny_networks


@pytest.fixture(scope="module", autouse=True)
def networks() -> Iterator[None]:
    """Train tiny networks, but in modules that have a fixture of this name."""
    with tiny_networks():
        yield
