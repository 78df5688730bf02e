"""Working processes leave Ctrl-C to their parent, and never outlive it."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

JOBS = """
import os, sys, time
from pathlib import Path
from lpsr_train.data.parallel import in_processes

def work(path):
    Path(path).write_text(str(os.getpid()))
    time.sleep(60)

if __name__ == "__main__":
    list(in_processes(work, [f"pid-{n}" for n in range(4)], 2, "here"))
"""


def alive(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except FileNotFoundError:
        return False


@pytest.mark.skipif(not Path("/proc/self/stat").exists(), reason="needs /proc")
def test_workers_end_with_their_parent(tmp_path: Path) -> None:
    (tmp_path / "jobs.py").write_text(JOBS)
    with subprocess.Popen([sys.executable, "jobs.py"], cwd=tmp_path, stderr=subprocess.DEVNULL) as parent:
        deadline = time.monotonic() + 60
        while len(found := [path for path in tmp_path.glob("pid-*") if path.read_text()]) < 2:
            assert time.monotonic() < deadline
            time.sleep(0.05)
        pids = [int(path.read_text()) for path in found]
        assert all(alive(pid) for pid in pids)
        for pid in pids:
            os.kill(pid, signal.SIGINT)
        time.sleep(0.3)
        assert all(alive(pid) for pid in pids), "Ctrl-C is the parent's"
        parent.kill()
    deadline = time.monotonic() + 20
    while any(alive(pid) for pid in pids):
        assert time.monotonic() < deadline
        time.sleep(0.05)
