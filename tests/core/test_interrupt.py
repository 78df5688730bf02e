"""Requests to stop: the first is noted, the second takes effect."""

from __future__ import annotations

import os
import signal
import threading

import pytest

from lpsr_core.interrupt import StopRequest


@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_the_first_signal_is_a_request(number: signal.Signals, code: int) -> None:
    before = signal.getsignal(number)
    with StopRequest() as stop:
        assert (bool(stop), stop.exit_code) == (False, 0)
        os.kill(os.getpid(), number)
        assert (bool(stop), stop.signal, stop.exit_code) == (True, number, code)
    assert signal.getsignal(number) is before


def test_the_second_one_takes_effect() -> None:
    with StopRequest() as stop:
        os.kill(os.getpid(), signal.SIGINT)
        with pytest.raises(KeyboardInterrupt):
            os.kill(os.getpid(), signal.SIGINT)
    assert stop


def test_another_thread_notes_nothing_and_does_not_fail() -> None:
    found: list[bool] = []

    def work() -> None:
        with StopRequest() as stop:
            found.append(bool(stop))

    thread = threading.Thread(target=work)
    thread.start()
    thread.join()
    assert found == [False]
