"""What TensorRT's engine inspector says of a plan: the types that its layers really compute in.

TensorRT builds FP32 engines without a word where it ignores what it is told, so every plan is looked at. Its words
changed with version 11: a tensor's `Format/Datatype` became `Format` and `Datatype`. Where shapes are dynamic, either
is told only for an execution context that has shapes.
"""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Mapping
from typing import Any

from lpsr_core.cards import Precision, Role
from lpsr_core.contracts import CONTRACTS
from lpsr_core.errors import LpsrError
from lpsr_core.tensorrt import import_tensorrt

_KINDS = {
    "fp32": "fp32",
    "float": "fp32",
    "float32": "fp32",
    "fp16": "fp16",
    "half": "fp16",
    "float16": "fp16",
    "int8": "int8",
}
_TYPE_KEYS = ("datatype", "format/datatype", "format")
"""Of a tensor, in lower case; the first that names a type counts."""


def plan_runtime(host_code: bool) -> Any:
    """TensorRT's runtime; with `host_code` it loads plans that carry code for the processor."""
    trt = import_tensorrt()
    runtime = trt.Runtime(trt.Logger(trt.Logger.ERROR))
    if host_code:
        runtime.engine_host_code_allowed = True
    return runtime


def inspect_types(plan: bytes, role: Role, batch: int, host_code: bool) -> dict[str, int]:
    """Types of a plan's layers, as `types_told`; needs a GPU, and the plan's plugin loaded.

    Args:
        plan: its bytes.
        role: of the network, which names its input.
        batch: crops that its profile is optimised for.
        host_code: the plan carries code for the processor.

    Raises:
        LpsrError: this machine cannot load the plan.
    """
    runtime = plan_runtime(host_code)
    engine = runtime.deserialize_cuda_engine(plan)
    if engine is None:
        raise LpsrError("TensorRT cannot load the plan that it built")
    contract = CONTRACTS[role]
    context = engine.create_execution_context()
    inspector = engine.create_engine_inspector()
    if context is not None and context.set_input_shape(contract.input, (batch, *contract.input_shape)):
        inspector.execution_context = context
    return types_told(inspector.get_engine_information(import_tensorrt().LayerInformationFormat.JSON))


def types_told(information: str) -> dict[str, int]:
    """Counts the types of layers' outputs in the inspector's JSON, of TensorRT 10 or 11.

    Returns:
        Any of `fp32`, `fp16`, `int8`, `other` and `unknown` (told without a type, or as not available), with how many
        outputs have each.
    """
    # Layers are names alone in engines that were built to tell no more.
    layers = [layer for layer in json.loads(information).get("Layers", []) if isinstance(layer, dict)]
    return dict(Counter(_kind(output) for layer in layers for output in layer.get("Outputs", [])))


def _kind(tensor: Mapping[str, Any]) -> str:
    told = {str(key).lower(): str(value).lower() for key, value in tensor.items()}
    for key in _TYPE_KEYS:
        words = re.findall(r"[a-z]+\d*", told.get(key, ""))
        known = [_KINDS[word] for word in words if word in _KINDS]
        if known:
            return known[0]
        if words and key != "format" and not re.match(r"n/a|not available|unknown", told[key]):
            return "other"
    return "unknown"


def check_types(types: Mapping[str, int], precision: Precision, name: str) -> str:
    """Makes sure that a plan has the types that were asked for.

    Args:
        types: as `types_told` gives them.
        precision: asked for.
        name: of the plan.

    Returns:
        Nothing, or a line that says that TensorRT does not tell.

    Raises:
        LpsrError: it has others.
    """
    wanted: dict[Precision, tuple[str, tuple[str, ...]]] = {
        "fp32": ("fp32", ("fp16", "int8")),
        "fp16": ("fp16", ("int8",)),
        "int8": ("int8", ()),
    }
    needed, forbidden = wanted[precision]
    told = ", ".join(f"{count} {kind}" for kind, count in sorted(types.items())) or "nothing"
    if any(types.get(kind) for kind in forbidden) or not (types.get(needed) or types.get("unknown")):
        raise LpsrError(f"{name}: asked for {precision}, and the engine's layers put out {told}; nothing was written")
    if types.get(needed):
        return ""
    return f"{name}: asked for {precision}; TensorRT does not tell what the engine's layers put out ({told})"
