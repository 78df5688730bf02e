"""A PostgreSQL server of the tests' own: made, started on a socket in a folder, and stopped."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest


def tool(name: str) -> str:
    """A program of PostgreSQL's server; the test is skipped where it is missing."""
    places = sorted(Path("/usr/lib/postgresql").glob(f"*/bin/{name}"), reverse=True)
    found = str(places[0]) if places else shutil.which(name)
    if found is None:
        pytest.skip(f"PostgreSQL's {name} is not installed")
    return found


@contextmanager
def cluster(folder: Path) -> Iterator[str]:
    """The address of an empty database.

    Args:
        folder: short, as paths of sockets are.
    """
    pytest.importorskip("psycopg", reason="psycopg is not installed")
    initdb, server = tool("initdb"), tool("pg_ctl")
    as_user: list[str] = []
    if os.getuid() == 0:  # the server refuses to run as root
        if shutil.which("setpriv") is None:
            pytest.skip("setpriv is not installed, and PostgreSQL does not run as root")
        as_user = ["setpriv", "--reuid=65534", "--regid=65534", "--clear-groups"]
        os.chown(folder, 65534, 65534)
    data = folder / "data"

    def call(*command: str) -> None:
        done = subprocess.run([*as_user, *command], capture_output=True, text=True, timeout=60, cwd=folder)
        if done.returncode:
            pytest.skip(f"{command[0]} does not run here: {done.stderr.strip()[-200:]}")

    call(initdb, "-D", str(data), "-U", "lpsr", "--auth=trust", "--no-sync", "--encoding=UTF8", "--locale=C")
    options = f"-k {folder} -c listen_addresses='' -c fsync=off"
    call(server, "-D", str(data), "-l", str(folder / "log"), "-o", options, "-w", "start")
    try:
        yield f"postgresql://lpsr@/postgres?host={folder}"
    finally:
        subprocess.run([*as_user, server, "-D", str(data), "-m", "immediate", "stop"], capture_output=True, timeout=60)
