"""The INT8 graph that passes the gate on calibration crops, with as few layers left out as that takes."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from lpsr_core.cards import Role, sha256
from lpsr_export.checks.gate import Gate, Reference
from lpsr_export.graph.graphs import GraphSession
from lpsr_export.int8.cache import found_before_or, key
from lpsr_export.int8.quantise import Choice, Quantiser, choose_layers
from lpsr_export.progress import Report

if TYPE_CHECKING:
    import onnx

_CALIBRATED, _MEASURED = 256, 128
"""Crops that ranges are found on, and on which each layer's harm is measured."""
_MARGIN = 0.01
"""Of strings, so that what passes on the calibration crops passes on those of the check as well."""


def quantise(source: Path, role: Role, gate: Gate, calibration: Reference, symmetric: bool, say: Report) -> Choice:
    """Quantises a graph, and leaves out the layers that do the most harm until it passes; or finds it done before.

    Args:
        source: the FP32 graph.
        role: what it does.
        gate: of the precision.
        calibration: what the FP32 graphs make of the calibration crops.
        symmetric: as TensorRT takes it, see `Quantiser`.
        say: told what is being done.

    Raises:
        LpsrError: nothing can be quantised.
    """
    what = (sha256(source), calibration.digest, role, gate, symmetric)
    return found_before_or(lambda: _quantise(source, role, gate, calibration, symmetric, say), key(*what))


def _quantise(source: Path, role: Role, gate: Gate, calibration: Reference, symmetric: bool, say: Report) -> Choice:
    inputs = calibration.lr if role == "generator" else calibration.images
    some = np.random.default_rng(0).permutation(len(inputs))[:_CALIBRATED]
    say(f"int8 {role}, finding ranges", 0.0)
    quantiser = Quantiser(source, role, inputs[some], symmetric)
    wanted = replace(gate, strings=min(gate.strings + _MARGIN, 1.0), psnr=gate.psnr + 1)

    def error(model: onnx.ModelProto) -> float:
        measured = slice(None, None, max(len(inputs) // _MEASURED, 1))
        found = calibration.readings(GraphSession(model, role)(np.ascontiguousarray(inputs[measured])), role)
        return float(np.mean((np.exp(found) - np.exp(calibration.log_probs[: len(inputs)][measured])) ** 2))

    def good(model: onnx.ModelProto) -> bool:
        return wanted.passes(calibration.compare(GraphSession(model, role), role))

    def told(what: str, done: float | None = None, /) -> None:
        say(f"int8 {role}, {what}", done)

    return choose_layers(quantiser, error, good, told)
