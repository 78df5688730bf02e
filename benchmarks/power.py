"""A disk whose power can be cut: an ext4 image on a loop device.

The cut is ext4's shutdown without flushing (EXT4_IOC_SHUTDOWN, as xfstests' `godown` does it): from that instant on
nothing more reaches the image, and what was not synced before is lost. Mounting again replays ext4's journal, as after
a real cut. What the device itself might lose or reorder between two flushes is not simulated.
"""

from __future__ import annotations

import ctypes
import os
import struct
import subprocess
import time
from pathlib import Path

_SHUTDOWN = 0x8004587D
_NEW_MOUNTS = 0x20000
_NO_FLUSH = struct.pack("I", 2)


def own_mounts() -> None:
    """Mount where no other process sees it: one that did would keep a disk alive that was unmounted here.

    To be called before threads and child processes are started; without the right to do it nothing happens.
    """
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.unshare(_NEW_MOUNTS) == 0:
        subprocess.run(["mount", "--make-rprivate", "/"], capture_output=True)


class CutDisk:
    """A mounted image.

    Args:
        image: file that is made.
        folder: where it is mounted.
        megabytes: size.

    Raises:
        OSError, subprocess.CalledProcessError: it cannot be made or mounted here.
    """

    def __init__(self, image: Path, folder: Path, megabytes: int = 64) -> None:
        self._image, self.folder = image, folder
        folder.mkdir(parents=True, exist_ok=True)
        with image.open("wb") as stream:
            stream.truncate(megabytes << 20)
        _run("mkfs.ext4", "-q", "-F", image)
        self.mount()

    def mount(self) -> None:
        """Mount it, with what its journal brings back."""
        _run("mount", "-o", "loop", self._image, self.folder)

    def unmount(self) -> None:
        """Unmount it; a process that was killed a moment ago may hold it still."""
        for _ in range(50):
            if subprocess.run(["umount", str(self.folder)], capture_output=True).returncode == 0:
                return
            time.sleep(0.1)
        _run("umount", self.folder)

    def cut(self) -> None:
        """Cut the power: nothing is written any more."""
        import fcntl

        handle = os.open(self.folder, os.O_RDONLY)
        try:
            fcntl.ioctl(handle, _SHUTDOWN, _NO_FLUSH)
        finally:
            os.close(handle)


def _run(*command: object) -> None:
    subprocess.run(list(map(str, command)), check=True, capture_output=True, text=True)
