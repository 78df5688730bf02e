"""INT8 graphs that were found before: finding one takes minutes, and the same crops give the same again."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable
from pathlib import Path

from lpsr_core.jsonfile import write_json
from lpsr_core.model_folders import cache_folder
from lpsr_export.graph.graphs import import_onnx, save_graph
from lpsr_export.int8.quantise import Choice

_CODE = (
    *("int8/search.py", "int8/quantise.py", "int8/qdq.py", "int8/rounding.py"),
    *("graph/rearranging.py", "graph/editing.py"),
)
"""What decides how a graph is quantised."""


def key(*parts: object) -> str:
    """Of a quantisation: of all that it depends on, this package's code and ONNX Runtime's version among it.

    Args:
        parts: the graph's digest, that of the crops, the role, the gate and so on.
    """
    import onnxruntime

    here = Path(__file__).parents[1]
    code = [hashlib.sha256((here / name).read_bytes()).hexdigest() for name in _CODE]
    return hashlib.sha256(repr((parts, code, onnxruntime.__version__)).encode()).hexdigest()[:32]


def found_before_or(made: Callable[[], Choice], name: str) -> Choice:
    """The choice of that key, from the cache or newly made.

    Args:
        made: makes it; what it raises is raised.
        name: the key.
    """
    graph, about = (cache_folder("int8") / f"{name}{suffix}" for suffix in (".onnx", ".json"))
    try:
        told = json.loads(about.read_text(encoding="utf-8"))
        data = graph.read_bytes()
        if hashlib.sha256(data).hexdigest() == told["sha256"]:
            return Choice(import_onnx().load_from_string(data), dict(told["kept"]), int(told["layers"]))
    except (OSError, ValueError, KeyError, TypeError):
        pass
    choice = made()
    try:
        save_graph(choice.model, graph)
        digest = hashlib.sha256(graph.read_bytes()).hexdigest()
        write_json(about, {"sha256": digest, "kept": choice.kept, "layers": choice.layers})
    except OSError:  # a cache is no reason to fail
        pass
    return choice
