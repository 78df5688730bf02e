"""Errors that reach the user as one line, and the boundary that prints them.

Imports nothing heavy: this is what a command runs first, and Ctrl-C during all other imports is caught here.
"""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import Callable, Sequence
from contextlib import suppress
from importlib import import_module
from types import FrameType

_INTERRUPTED = "interrupted; what was written so far is kept"
_OPENCV_PACKAGES = {"libGL.so": "libgl1", "libgthread-2.0.so": "libglib2.0-0", "libglib-2.0.so": "libglib2.0-0"}
"""Package of Debian and Ubuntu, by the first part of the name of a library that OpenCV's wheel loads."""


class LpsrError(Exception):
    """A failure with a message for the user: what, where, what to do. Exit code 1."""

    exit_code = 1


class UsageError(LpsrError):
    """The command was called wrongly: a missing path, an unknown name, an option that does not fit. Exit code 2."""

    exit_code = 2


class MissingExtraError(LpsrError):
    """An optional package is not installed.

    Args:
        package: the import that failed, as a user would name it.
        extra: the extra of the `lpsr` distribution that brings it.
    """

    def __init__(self, package: str, extra: str) -> None:
        from lpsr_core.extras import NEWER_PYTHON, install_command

        remedy = f"install it with: {install_command(extra)}"
        if sys.version_info < (least := NEWER_PYTHON.get(extra, (3,))):
            version, here = (".".join(map(str, numbers)) for numbers in (least, sys.version_info[:2]))
            remedy = f"it needs Python {version} or newer, and this is {here}"
        super().__init__(f"{package} is not installed; {remedy}")


def need(module: str, package: str, extra: str) -> None:
    """Make sure that an optional package is installed, before long work that ends with it begins.

    Args:
        module: top-level name of its import.
        package: as a user would name it.
        extra: the extra of the `lpsr` distribution that brings it.

    Raises:
        MissingExtraError: it is not installed.
    """
    from lpsr_core.extras import is_installed

    if not is_installed(module):
        raise MissingExtraError(package, extra)


def describe(error: BaseException) -> str:
    """Return the one-line message for any exception."""
    if isinstance(error, LpsrError):
        return str(error)
    if isinstance(error, OSError) and error.strerror:
        where = f": {error.filename}" if error.filename else ""
        return f"{error.strerror}{where}"
    if isinstance(error, ImportError):
        for library, package in _OPENCV_PACKAGES.items():
            if library in str(error):
                remedy = f"apt-get install -y {package}, or install opencv-python-headless instead"
                return f"{error}; OpenCV needs it: {remedy}"
    return f"unexpected {type(error).__name__}: {' '.join(str(error).split()) or 'no message'} (run again with --debug)"


class EntryPoint:
    """The entry point of a command: imports it where Ctrl-C ends it in one line already.

    Args:
        module: whose `app` is the command.
    """

    def __init__(self, module: str) -> None:
        self.module = module

    def __call__(self) -> None:
        run_command(lambda: import_module(self.module).app())


def run_command(command: Callable[[], object], argv: Sequence[str] | None = None) -> None:
    """Run a command-line program and turn every exception into one line on stderr and an exit code.

    Exit codes: 0 done, 1 failure, 2 usage, 130 interrupted. `--debug` anywhere on the command line, or
    `LPSR_DEBUG=1`, shows the traceback as well.

    Args:
        command: the program; parses `sys.argv` itself.
        argv: the arguments in which `--debug` is looked for; default `sys.argv[1:]`.
    """
    arguments = list(sys.argv[1:] if argv is None else argv)
    debug = "--debug" in arguments or os.environ.get("LPSR_DEBUG", "") not in ("", "0")
    interrupted = False

    def interrupt(number: int, frame: FrameType | None) -> None:
        nonlocal interrupted
        interrupted = interrupted or _imports(frame)
        raise KeyboardInterrupt

    ours = signal.getsignal(signal.SIGINT) is signal.default_int_handler
    with suppress(ValueError):  # only the main thread has handlers
        if ours:
            signal.signal(signal.SIGINT, interrupt)
    try:
        command()
    except KeyboardInterrupt:
        print(_INTERRUPTED, file=sys.stderr)
        raise SystemExit(130) from None
    except SystemExit as stop:
        # Typer turns Ctrl-C into an exit code without a word; so do our own commands with either signal.
        if stop.code in (129, 130, 143):  # SIGHUP, SIGINT, SIGTERM
            print(_INTERRUPTED, file=sys.stderr)
        raise
    except BrokenPipeError:
        # The reader of our standard output went away (`| head`): nothing to report, and nowhere to report it.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        raise SystemExit(1) from None
    except Exception as error:
        if debug:
            import traceback

            traceback.print_exc()
        if interrupted and _comes_of_import(error):  # extension modules that are interrupted while they load raise it
            print(_INTERRUPTED, file=sys.stderr)
            raise SystemExit(130) from None
        print(f"error: {describe(error)}", file=sys.stderr)
        raise SystemExit(error.exit_code if isinstance(error, LpsrError) else 1) from None
    finally:
        with suppress(ValueError):
            if ours:
                signal.signal(signal.SIGINT, signal.default_int_handler)


def _imports(frame: FrameType | None) -> bool:
    """Whether a frame runs within an import."""
    while frame is not None:
        if frame.f_code.co_filename.startswith("<frozen importlib"):
            return True
        frame = frame.f_back
    return False


def _comes_of_import(error: Exception) -> bool:
    return isinstance(error.__context__ if isinstance(error, MissingExtraError) else error, ImportError)
