"""ONNX graphs on disk and in ONNX Runtime, without torch."""

from __future__ import annotations

import contextlib
import io
import logging
import os
import shutil
import signal
import tempfile
import threading
import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from lpsr_core.cards import Role
from lpsr_core.contracts import CONTRACTS, direct_size
from lpsr_core.errors import LpsrError, MissingExtraError
from lpsr_core.files import replace_file
from lpsr_core.onnx_session import import_onnxruntime, open_session
from lpsr_export.graph import stored_weights
from lpsr_export.graph.deform import lower

if TYPE_CHECKING:
    import onnx


def import_onnx() -> Any:
    """The onnx module.

    Raises:
        MissingExtraError: it is not installed.
    """
    try:
        import onnx
    except ImportError:
        raise MissingExtraError("onnx", "export") from None
    return onnx


def load_graph(path: Path) -> onnx.ModelProto:
    """Reads a graph, with its weights in FP32 however they are stored.

    Raises:
        LpsrError: it is missing or not an ONNX file.
    """
    onnx = import_onnx()
    try:
        model = onnx.load(str(path))
    except FileNotFoundError:
        raise LpsrError(f"{path}: no such model file") from None
    except Exception as error:  # protobuf's own errors have no common base
        raise LpsrError(f"{path}: not a readable ONNX graph ({type(error).__name__})") from None
    stored_weights.restore(model)
    return model


def save_graph(model: onnx.ModelProto, path: Path) -> None:
    """Writes a graph, replacing an older one only when the new one is complete."""
    path.parent.mkdir(parents=True, exist_ok=True)
    replace_file(path, model.SerializeToString())


_STAGED = ".staged-"
"""Of folders' names; the process's number follows."""


def make_writable(out: Path) -> None:
    """Make a folder where it is missing, and try it, before hours of work depend on it.

    Raises:
        LpsrError: it cannot be made or written.
    """
    try:
        out.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=out):
            pass
    except OSError as error:
        reason = "is not a folder" if isinstance(error, FileExistsError) else error.strerror
        raise LpsrError(f"{out}: cannot be written: {reason}; give another folder with --out") from None


@contextlib.contextmanager
def staged(out: Path) -> Iterator[Path]:
    """A folder beside `out` whose files move there together when all were written, and vanish otherwise.

    Args:
        out: where the files go; made when missing.
    """
    make_writable(out)
    _sweep(out)
    with _ended_by_terminate(), tempfile.TemporaryDirectory(prefix=f"{_STAGED}{os.getpid()}-", dir=out) as folder:
        yield Path(folder)
        # Cards last: a graph without its card is told apart, a card without its graph is not.
        for path in sorted(Path(folder).iterdir(), key=lambda path: (path.suffix == ".json", path.name)):
            path.replace(out / path.name)


@contextlib.contextmanager
def _ended_by_terminate() -> Iterator[None]:
    """Makes SIGTERM end the block as Ctrl-C does, with its clean-up; in the main thread, which alone gets signals."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return

    def end(number: int, frame: object) -> None:
        raise SystemExit(128 + number)

    before = signal.signal(signal.SIGTERM, end)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)


def _sweep(out: Path) -> None:
    """Removes what builds left that were killed before they could."""
    for folder in out.glob(f"{_STAGED}*"):
        number = folder.name.removeprefix(_STAGED).split("-")[0]
        try:
            os.kill(int(number), 0)
        except (ValueError, ProcessLookupError):
            shutil.rmtree(folder, ignore_errors=True)
        except OSError:  # it runs, as another user
            continue


@contextlib.contextmanager
def quiet(logger: str | None) -> Iterator[None]:
    """Silences libraries: standard output, warnings, and what is below errors in a logger (the root's when None)."""
    log = logging.getLogger(logger)
    level = log.level
    log.setLevel(logging.ERROR)
    try:
        with warnings.catch_warnings(), contextlib.redirect_stdout(io.StringIO()):
            warnings.simplefilter("ignore")
            yield
    finally:
        log.setLevel(level)


def opset(model: onnx.ModelProto) -> int:
    """Version of the standard operators that a graph uses."""
    return next(int(entry.version) for entry in model.opset_import if entry.domain in ("", "ai.onnx"))


class GraphSession:
    """A graph in ONNX Runtime on the CPU, to check it with; lowered where that has no deformable convolutions.

    Args:
        graph: its file, or itself.
        role: what it does.

    Raises:
        MissingExtraError: ONNX Runtime is not installed.
        LpsrError: ONNX Runtime cannot load it.
    """

    def __init__(self, graph: Path | onnx.ModelProto, role: Role) -> None:
        import_onnxruntime()
        name = graph if isinstance(graph, Path) else f"the {role}'s graph"
        try:
            try:
                self._session = open_session(graph if isinstance(graph, Path) else graph.SerializeToString())
            except Exception as error:
                if "DeformConv" not in str(error):
                    raise
                # Older than 1.25, as on JetPack 6, whose Python 3.10 gets no newer one.
                model = load_graph(graph) if isinstance(graph, Path) else graph
                self._session = open_session(lower(model).SerializeToString())
        except Exception as error:
            raise LpsrError(f"{name}: ONNX Runtime cannot load it: {str(error).splitlines()[0]}") from None
        self._contract = CONTRACTS[role]
        self.direct = direct_size(self._session.get_inputs()[0].shape)
        """Width and height of the crops that a reader takes directly."""

    def __call__(self, batch: NDArray[np.float32], size: int = 32) -> NDArray[np.float32]:
        """The graph's output for N inputs, run `size` at a time."""
        parts = [
            self._session.run([self._contract.output], {self._contract.input: batch[start : start + size]})[0]
            for start in range(0, len(batch), size)
        ]
        return np.concatenate(parts)
