"""`lpsr-export restore`: released graphs as a training run again, for others to begin with.

Graphs call weights as PyTorch does, but for two kinds. Weights of linear layers have lost their names and are known by
their order. Batch normalisation has gone into the convolution before it; any normalisation that undoes its own scale
and shift gives the same network, and the one whose statistics are those of rendered plates goes on learning as the
original would.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from lpsr_core.cards import PLATE_ROLES, Role, graph_name, load_verified
from lpsr_core.errors import LpsrError, UsageError
from lpsr_export.checks.crops import CALIBRATION_SEED, direct_batch, enlarged, lr_batch, rendered_crops
from lpsr_export.graph.graphs import GraphSession, load_graph
from lpsr_export.weights.torch_to_onnx import run_torch

if TYPE_CHECKING:
    import onnx
    from torch import nn

_PLATES = 512
"""Rendered ones, for statistics and for the check."""
_LARGEST_DIFFERENCE = 1e-3
"""Of an output's full range, between the graph and the network that was made of it."""


def restore(models: Path, name: str, out: Path, say: Callable[[str], None] = lambda _: None) -> dict[Role, float]:
    """Makes a run of FP32 graphs.

    Args:
        models: their folder.
        name: of the models, such as `lite`.
        out: folder of the run, without one as yet.
        say: told what is being done.

    Returns:
        The largest difference between what each network and its graph make of 512 rendered plates.

    Raises:
        UsageError: the folder holds a run, or there is no such graph.
        LpsrError: a graph is damaged, or its network is not one of today's presets; then nothing is written.
    """
    import torch

    from lpsr_train.config import from_dict
    from lpsr_train.networks.presets import reader_config
    from lpsr_train.training.state import CHECKPOINT
    from lpsr_train.training.trainer import Trainer

    if (out / CHECKPOINT).exists():
        raise UsageError(f"{out}: holds a run; choose another --out")
    paths = {role: models / graph_name(name, role) for role in PLATE_ROLES}
    cards = {role: load_verified(path) for role, path in paths.items() if path.is_file()}
    if "reader" not in cards:
        raise UsageError(f"{paths['reader']}: no such graph; name those of --models with --name")
    made_by = cards["reader"].made_by
    training = made_by.get("training")
    if not isinstance(training, dict):
        raise LpsrError(
            f"{paths['reader']}: its card does not say how it was trained; restore the FP32 graphs of a release"
        )
    # What has a say in training beside the guide is no part of the graphs.
    config = replace(from_dict(training), auxiliary_run="", auxiliary_reader="")
    trainer = Trainer(config, out, torch.device("cpu"))
    crops = rendered_crops(_PLATES, CALIBRATION_SEED, config.patterns).images
    size = reader_config(config.reader).size
    pictures = direct_batch(crops, size)
    found: dict[Role, float] = {}
    for role in cards:
        say(f"restoring the {role}")
        network = trainer.networks.get(role)
        if network is None:
            raise LpsrError(f"{paths[role]}: a run of task {config.task!r} has no {role}; these graphs are of two runs")
        graph, batch = load_graph(paths[role]), lr_batch(crops) if role == "generator" else pictures
        folded = load_weights(network, graph, batch[:2], paths[role])
        settle(network, folded, batch)
        found[role] = _difference(paths[role], role, network, batch)
        if role == "generator":
            # The reader has learnt from its pictures, and from sharp ones.
            pictures[::2] = enlarged(GraphSession(paths[role], role)(batch[::2]).clip(0, 1), size)
        if role in trainer.averages:
            trainer.averages[role].network.load_state_dict(network.state_dict())
    trainer.step = int(made_by.get("steps_trained", 0))
    trainer.lineage = list(made_by.get("begun_from", []))
    trainer.typefaces = tuple(made_by.get("open_typefaces", ()))
    out.mkdir(parents=True, exist_ok=True)
    trainer.save()
    return found


def load_weights(
    network: nn.Module, graph: onnx.ModelProto, example: NDArray[np.float32], path: Path, prefix: str = ""
) -> list[str]:
    """Puts a graph's weights into a network.

    Args:
        network: changed in place.
        graph: with weights in FP32.
        example: two pictures or more that the network takes.
        path: of the graph, for messages.
        prefix: of the weights' names in the graph.

    Returns:
        The normalisations that had gone into convolutions.

    Raises:
        LpsrError: the graph lacks a weight of the network.
    """
    import torch

    from lpsr_train.training.state import identity_layers

    layers, normalised = _watch(network, example)
    weights, products = _named(graph), _products(graph)
    weights = {key.removeprefix(prefix): value for key, value in weights.items()}
    # A graph of before may lack layers that start as the identity: without them it is the network's equal.
    prefixes = (f"{name}." for name in identity_layers(network))
    absent = tuple(below for below in prefixes if not any(name.startswith(below) for name in weights))
    linear = [name for name in layers if f"{name}.weight" not in weights and not name.startswith(absent)]
    if len(products) == len(linear):
        weights |= {f"{name}.weight": weight.T for name, weight in zip(linear, products, strict=True)}
    state = network.state_dict()
    folded = [norm for norm in normalised if not norm.startswith(absent) and f"{norm}.running_mean" not in weights]
    for norm in folded:
        convolution = normalised[norm]
        ones = np.ones(len(state[f"{norm}.weight"]), np.float32)
        weights[f"{norm}.bias"] = weights.get(f"{convolution}.bias", 0 * ones)
        weights[f"{norm}.weight"], weights[f"{norm}.running_mean"] = ones, 0 * ones
        weights[f"{norm}.running_var"] = ones - np.float32(_eps(network, norm))
        weights[f"{convolution}.bias"] = 0 * ones
    # A module that several share has several names, and the graph knows one of them.
    names: dict[tuple[int, torch.Size], list[str]] = {}
    for key, before in state.items():
        names.setdefault((before.data_ptr(), before.shape), []).append(key)
    for aliases in names.values():
        before = state[aliases[0]]
        if aliases[0].endswith("num_batches_tracked") or aliases[0].startswith(absent):
            continue
        fitting = [weights[key] for key in aliases if key in weights and weights[key].size == before.numel()]
        if not fitting:
            raise LpsrError(f"{path}: holds no {aliases[0]} of today's preset; it was made by another version of lpsr")
        before.copy_(torch.from_numpy(fitting[0].reshape(tuple(before.shape))))
    return folded


def _named(model: onnx.ModelProto) -> dict[str, NDArray[np.float32]]:
    """A graph's FP32 weights by the names that they had in PyTorch, and biases by those of their convolutions.

    The exporter leaves out biases that are zero.
    """
    from onnx import numpy_helper

    found = {entry.name: numpy_helper.to_array(entry).copy() for entry in _floats(model)}
    for node in model.graph.node:
        if node.op_type == "Conv" and node.input[1] in found:
            bias = found.get(node.input[2]) if len(node.input) > 2 else None
            channels = len(found[node.input[1]])
            name = node.input[1].removesuffix("weight") + "bias"
            found[name] = np.zeros(channels, np.float32) if bias is None else bias
    return found


def _products(model: onnx.ModelProto) -> list[NDArray[np.float32]]:
    """float32[inputs, outputs] of each linear layer, in the order in which they are computed."""
    from onnx import numpy_helper

    constants = {entry.name: entry for entry in _floats(model)}
    nodes = [node for node in model.graph.node if node.op_type == "MatMul" and node.input[1] in constants]
    return [numpy_helper.to_array(constants[node.input[1]]).copy() for node in nodes]


def _floats(model: onnx.ModelProto) -> list[onnx.TensorProto]:
    from onnx import TensorProto

    return [entry for entry in model.graph.initializer if entry.data_type == TensorProto.FLOAT]


def _watch(network: nn.Module, example: NDArray[np.float32]) -> tuple[list[str], dict[str, str]]:
    """How a network computes: its linear layers, first to last, and the layer before each batch normalisation."""
    from torch import nn

    makers: dict[int, str] = {}
    kept: list[Any] = []
    linear: list[str] = []
    normalised: dict[str, str] = {}

    def before(name: str, module: nn.Module, x: Any) -> None:
        if isinstance(module, nn.Linear):
            linear.append(name)
        elif isinstance(module, nn.BatchNorm2d) and id(x) in makers:
            normalised[name] = makers[id(x)]

    def after(name: str, module: nn.Module, x: Any) -> None:
        kept.append(x)  # so that no other tensor gets its identity
        makers[id(x)] = name

    with _hooked(network, [name for name, _ in network.named_modules() if name], before, after):
        run_torch(network, example)
    return linear, normalised


_Hook = Callable[[str, "nn.Module", Any], None]


@contextlib.contextmanager
def _hooked(network: nn.Module, names: Sequence[str], before: _Hook, after: _Hook | None = None) -> Iterator[None]:
    """Calls with each module's name, itself, and its input or its output."""
    hooks = []
    for name in names:
        module = network.get_submodule(name)
        hooks.append(module.register_forward_pre_hook(lambda module, x, name=name: before(name, module, x[0])))
        if after:
            hooks.append(module.register_forward_hook(lambda module, _, x, name=name: after(name, module, x)))
    try:
        yield
    finally:
        for hook in hooks:
            hook.remove()


def _eps(network: nn.Module, norm: str) -> float:
    from torch import nn

    module = network.get_submodule(norm)
    assert isinstance(module, nn.BatchNorm2d)
    return module.eps


def settle(network: nn.Module, norms: Sequence[str], batch: NDArray[np.float32]) -> None:
    """Gives normalisations that change nothing the statistics of a batch, without a change of what comes out."""
    import torch

    moments: dict[str, list[torch.Tensor]] = {name: [] for name in norms}

    def take(name: str, _: nn.Module, x: torch.Tensor) -> None:
        x = x.double()
        moments[name].append(torch.stack([x.mean(dim=(0, 2, 3)), x.square().mean(dim=(0, 2, 3))]))

    with _hooked(network, norms, take):
        run_torch(network, batch)
    state = network.state_dict()
    for name, parts in moments.items():
        mean, square = torch.stack(parts).mean(dim=0)
        variance = (square - mean.square()).clamp(min=1e-8)
        state[f"{name}.bias"].add_(mean)
        state[f"{name}.weight"].copy_((variance + _eps(network, name)).sqrt())
        state[f"{name}.running_mean"].copy_(mean)
        state[f"{name}.running_var"].copy_(variance)


def _difference(path: Path, role: Role, network: nn.Module, batch: NDArray[np.float32]) -> float:
    """Largest between a graph's output, as grey levels or probabilities, and its network's."""
    made, expected = run_torch(network, batch), GraphSession(path, role)(batch)
    if role == "reader":
        made, expected = np.exp(made), np.exp(expected)
    difference = float(np.abs(made - expected).max())
    if not difference <= _LARGEST_DIFFERENCE:
        raise LpsrError(
            f"{path}: the network made of it differs by {difference:.2g} (at most {_LARGEST_DIFFERENCE:g}); "
            "it was made by another version of lpsr"
        )
    return difference
