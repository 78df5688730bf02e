"""A disk for tests that is tiny, fills up, or cannot be written: a file system of its own, which nobody else sees.

The command under test runs in a mount namespace that ends with it, where a tmpfs of the size that is wanted is mounted.
No file permissions are needed for that, and root, who ignores them, cannot write to a read-only one either.
"""

from __future__ import annotations

import functools
import subprocess
import tempfile
from pathlib import Path

_NAMESPACE = ("unshare", "--user", "--map-root-user", "--mount")
_RUN = """
disk=$1 before=$2 after=$3 size=$4 left=$5 mode=$6 during=$7
shift 7
mount -t tmpfs -o "size=$size" disk "$disk" || exit 97
cp -a "$before/." "$disk" || exit 98
if [ "$left" -ge 0 ]; then
    cat /dev/zero > "$disk/filler" 2> /dev/null
    truncate -s "-$left" "$disk/filler" || exit 99
fi
[ "$mode" = rw ] || mount -o remount,bind,ro "$disk" || exit 97
if [ -n "$during" ]; then
    sh -c "$during" disk "$disk" &
fi
timeout 240 "$@"
code=$?
wait
cp -a "$disk/." "$after" || exit 98
rm -f "$after/filler"
exit $code
"""


@functools.cache
def missing() -> str | None:
    """Why no such disk can be had here, or None."""
    with tempfile.TemporaryDirectory() as folder:
        mount = f"mount -t tmpfs -o size=64k disk {folder} && mount -o remount,bind,ro {folder} && truncate --version"
        try:
            done = subprocess.run([*_NAMESPACE, "sh", "-c", mount], capture_output=True, text=True, timeout=30)
        except (OSError, subprocess.TimeoutExpired) as error:
            return f"no file system can be mounted here: {error}"
    return None if done.returncode == 0 else f"no file system can be mounted here: {done.stderr.strip()}"


class Disk:
    """A disk that is there while a command runs.

    Attributes:
        path: where the command finds it.
        before: what lies here is on it when the command begins.
        after: what is on it when the command has ended.
    """

    def __init__(self, folder: Path) -> None:
        self.path, self.before, self.after = folder / "disk", folder / "before", folder / "after"
        for each in (self.path, self.before, self.after):
            each.mkdir()

    def run(
        self, *command: object, left: int | None = None, size: str = "256k", read_only: bool = False, during: str = ""
    ) -> subprocess.CompletedProcess[str]:
        """Runs a command.

        Args:
            command: and its arguments.
            left: bytes that are free when it begins; None for all that is not used.
            size: of the disk.
            read_only: whether nothing can be written to it.
            during: shell commands that run beside it; the disk is `$1`.
        """
        mode = "ro" if read_only else "rw"
        arguments = (self.path, self.before, self.after, size, -1 if left is None else left, mode, during, *command)
        return subprocess.run(
            [*_NAMESPACE, "sh", "-c", _RUN, "disk", *map(str, arguments)], capture_output=True, text=True, timeout=300
        )
