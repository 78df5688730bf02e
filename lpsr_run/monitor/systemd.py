"""Tells systemd that a service is ready and still works (sd_notify); without systemd, nothing is told.

A unit of `Type=notify` counts as started once its models are loaded, and one with `WatchdogSec=` is restarted when its
loop hangs.
"""

from __future__ import annotations

import os
import socket
from collections.abc import Mapping
from contextlib import suppress
from time import monotonic


class Supervisor:
    """The service manager that started this process, if there is one; the environment names its socket and period."""

    def __init__(self, environment: Mapping[str, str] = os.environ) -> None:
        path = environment.get("NOTIFY_SOCKET", "")
        # A name that begins with @ is abstract: it has no file.
        self._address = "\0" + path[1:] if path.startswith("@") else path
        try:
            period = int(environment.get("WATCHDOG_USEC", "0")) / 1e6
            mine = int(environment.get("WATCHDOG_PID", str(os.getpid()))) == os.getpid()
        except ValueError:
            period, mine = 0.0, False
        # Three times in each period, so that one late message is no death.
        self._every = period / 3 if mine and self._address else 0.0
        self._told = float("-inf")

    def ready(self) -> None:
        """Say that start-up is over."""
        self._tell("READY=1")

    def alive(self) -> None:
        """Say that the loop still turns; called as often as one likes."""
        if self._every and monotonic() - self._told >= self._every:
            self._told = monotonic()
            self._tell("WATCHDOG=1")

    def stopping(self) -> None:
        """Say that the service is about to end."""
        self._tell("STOPPING=1")

    def _tell(self, message: str) -> None:
        if not self._address:
            return
        with suppress(OSError), socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_CLOEXEC) as sender:
            sender.sendto(message.encode(), self._address)
