"""Which peers run: those that are named, or all that are installed."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from functools import partial
from importlib.metadata import EntryPoint, entry_points
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from lpsr_bench.context import Context
from lpsr_bench.networks import CropReader, Network, Networks
from lpsr_bench.peers.readers import NEED_FILE, READERS, Peer
from lpsr_core.cards import Role
from lpsr_core.decode import decode
from lpsr_core.errors import LpsrError, UsageError
from lpsr_core.geometry import HR_SIZE, Image, resize, to_tensor
from lpsr_run.engines.base import check_contract
from lpsr_run.engines.models import find_model
from lpsr_run.engines.onnx_engine import OnnxRuntimeEngine

GROUP = "lpsr.peers"
"""Entry points of other packages: each gives a function that takes LR pictures, float32[N, 3, 16, 48] in 0..1, and
returns larger ones."""
BICUBIC = "bicubic"


def check_peers(words: Sequence[str]) -> None:
    """Makes sure, before anything is measured, that there are peers of these names.

    Raises:
        UsageError: one is not there, or its file is not.
    """
    registered = [BICUBIC, *(entry.name for entry in entry_points(group=GROUP))]
    for word in words:
        name, _, file = word.partition("=")
        if file and not Path(file).is_file():
            raise UsageError(f"--peer {word}: no such model file")
        if name in NEED_FILE and not file:
            raise UsageError(f"{name} brings no model: give --peer {name}=MODEL.onnx")
        if not file and name not in READERS and name not in registered:
            known = ", ".join([*READERS, *registered])
            raise UsageError(f"no peer {word!r}; there are {known}, or give LABEL=FILE.onnx")


def find_peers(context: Context) -> Iterator[Peer]:
    """The peers of a configuration, opened one at a time.

    `NAME` is one of those built in or registered by a package; `LABEL=FILE.onnx` is a generator, which the released
    reader reads after, or a reader, which reads after the released generator.

    Raises:
        LpsrError: a peer that was named cannot be opened; those that nobody named are left out with a note.
    """
    makers = _makers(context)
    for word in context.config.peers:
        name, _, file = word.partition("=")
        if name in READERS:
            yield READERS[name](file or None)
        elif file:
            yield _of_file(context, name, file)
        else:
            yield makers[name]()
    if not context.config.peers:
        for name, make in makers.items():
            try:
                yield make()
            except LpsrError as error:
                context.note(f"peers: {name} is left out: {error}")


def _makers(context: Context) -> dict[str, Callable[[], Peer]]:
    """By name, those that are opened without a file."""
    found: dict[str, Callable[[], Peer]] = {name: partial(reader, None) for name, reader in READERS.items()}
    found[BICUBIC] = partial(_bicubic, context)
    return found | {entry.name: partial(_registered, entry) for entry in entry_points(group=GROUP)}


def _bicubic(context: Context) -> Peer:
    """The released reader on enlarged pictures: what the generator must be better than."""
    reader, layouts = context.networks.reader.engine, context.layouts

    def read(crops: Sequence[Image]) -> list[str]:
        found = []
        for crop in crops:
            log_probs = reader.run({"image": to_tensor([resize(crop, HR_SIZE)])})["log_probs"]
            found.append(decode(log_probs[0], layouts).text)
        return found

    return Peer("bicubic, then our reader", "crop to string", read)


def _registered(entry: EntryPoint) -> Peer:
    """Another package's network, which makes pictures that nobody reads."""
    try:
        enlarge: Callable[[NDArray[np.float32]], object] = entry.load()()
    except ImportError as error:
        raise LpsrError(f"{error.name or error} is not installed") from error

    def read(crops: Sequence[Image]) -> None:
        for crop in crops:
            enlarge(to_tensor([crop]))

    return Peer(entry.name, "super-resolution alone", read)


def _of_file(context: Context, label: str, file: str) -> Peer:
    """A user's graph in the place of ours."""
    ours = context.networks
    engine = OnnxRuntimeEngine(Path(file), "cpu", context.config.threads, rows=True)
    role: Role = "reader" if any(spec.name == "log_probs" for spec in engine.outputs) else "generator"
    check_contract(engine, role)
    network = Network(find_model(str(Path(file).resolve()), role), engine)
    pair = Networks(network, ours.reader, None) if role == "generator" else Networks(ours.generator, network, None)
    reader = CropReader(pair, 1, context.layouts)
    return Peer(f"{label} ({role})", "crop to string", reader.read)
