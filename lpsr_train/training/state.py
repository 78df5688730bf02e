"""What a training run carries from step to step, and how it is kept on disk."""

from __future__ import annotations

import copy
import hashlib
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from lpsr_core.errors import LpsrError
from lpsr_core.files import replacing

CHECKPOINT = "checkpoint.pt"
WEIGHTS = "weights"
"""Folder of a run's averaged weights alone."""
SCHEMA = 2


class MovingAverage:
    """Exponential moving average of a network's weights; buffers such as batch statistics are copied.

    Args:
        network: the network to follow.
        decay: share of the old average that a step keeps; less in the first steps.
    """

    def __init__(self, network: nn.Module, decay: float) -> None:
        self.network = copy.deepcopy(network).eval().requires_grad_(False)
        self.decay = decay

    @torch.no_grad()
    def update(self, network: nn.Module, step: int) -> None:
        """Takes in the network's weights after a step."""
        decay = min(self.decay, (1 + step) / (10 + step))
        # All at once: one by one, a GPU would spend longer on starting than on computing.
        torch._foreach_lerp_(list(self.network.parameters()), list(network.parameters()), 1 - decay)
        for kept, buffer in zip(self.network.buffers(), network.buffers(), strict=True):
            kept.copy_(buffer)


def save(folder: Path, state: dict[str, Any]) -> Path:
    """Writes the checkpoint of a run, replacing the last one only when the new one is complete on disk."""
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / CHECKPOINT
    with replacing(path, synced=True) as part, part.open("wb") as stream:
        torch.save({"schema": SCHEMA, **state}, stream)
    return path


def save_weights(folder: Path, state: dict[str, Any]) -> Path:
    """Write the averaged weights of a run alone, in half precision: to begin another run with, or to export.

    The state is that of the run as it is saved.
    """
    averages = {name: halved(weights) for name, weights in state["averages"].items()}
    kept = ("config", "step", "elapsed", "history", "lineage", "typefaces")
    return save(folder, {**{name: state[name] for name in kept}, "averages": averages})


def halved(weights: dict[str, Tensor]) -> dict[str, Tensor]:
    """Return weights in half precision."""
    return {name: value.half() if value.is_floating_point() else value for name, value in weights.items()}


def load(folder: Path) -> dict[str, Any]:
    """Read a run's checkpoint, by the run's folder or the file itself.

    Raises:
        LpsrError: there is none, or it is not one of this schema.
    """
    path = folder / CHECKPOINT if folder.is_dir() else folder
    if not path.is_file():
        raise LpsrError(f"{path}: no checkpoint; train one with: lpsr-train fit --preset lite --out {folder}")
    try:
        state = torch.load(path, map_location="cpu", weights_only=True)
    except Exception as error:  # a damaged pickle raises almost anything
        raise LpsrError(f"{path}: not a readable checkpoint ({type(error).__name__})") from None
    if not isinstance(state, dict) or state.get("schema") != SCHEMA:
        raise LpsrError(f"{path}: not a checkpoint of this version (schema {SCHEMA}); train again")
    for part in ("networks", "averages", "optimisers"):
        if "second" in state.get(part, {}):  # the auxiliary reader's earlier name
            state[part]["auxiliary"] = state[part].pop("second")
    return state


def load_plates(folder: Path) -> dict[str, Any]:
    """Read the checkpoint of a run of `lpsr-train fit`, as `load` does.

    Raises:
        LpsrError: as `load`; or it is a locator's.
    """
    state = load(folder)
    if state.get("task") == "locator":
        raise LpsrError(f"{folder}: a run of lpsr-train locator; name one of lpsr-train fit")
    return state


def identify(folder: Path) -> str:
    """Return a run's name and the beginning of its checkpoint's sha256, by which another run remembers it.

    Raises:
        LpsrError: it holds no checkpoint.
    """
    load(folder)
    run, path = (folder, folder / CHECKPOINT) if folder.is_dir() else (folder.parent, folder)
    return f"{run.name} sha256:{hashlib.sha256(path.read_bytes()).hexdigest()[:16]}"


def kept_in(folder: Path) -> str:
    """What a run that cannot go on has left, and what to do next: the end of its message."""
    if (folder / CHECKPOINT).is_file():
        return (
            f"the last good checkpoint is kept in {folder}; begin another run from it with --init {folder} "
            "and smaller learning rates"
        )
    return f"{folder} holds no checkpoint yet; begin again with smaller learning rates"


def cpu_state(network: nn.Module) -> dict[str, Tensor]:
    """A network's weights as they are stored: once, however many names a shared module has."""
    stored: dict[tuple[int, torch.Size], Tensor] = {}
    found = {}
    for name, tensor in network.state_dict().items():
        key = (tensor.data_ptr(), tensor.shape)
        if key not in stored:
            stored[key] = tensor.detach().cpu().contiguous()
        found[name] = stored[key]
    return found


def identity_layers(network: nn.Module) -> dict[str, nn.Module]:
    """Layers that start as the identity (`starts_as_identity`), by name: a network without them is its equal."""
    return {name: module for name, module in network.named_modules() if getattr(module, "starts_as_identity", False)}


def identities(network: nn.Module) -> dict[str, Tensor]:
    """Weights of the layers that start as the identity."""
    return {
        f"{prefix}.{name}": tensor
        for prefix, module in identity_layers(network).items()
        for name, tensor in module.state_dict().items()
    }


def mean(folders: Sequence[Path]) -> dict[str, Any]:
    """Return a run whose averaged weights are the means of several runs'; all else is the last one's.

    The runs are of one preset, and one began with another's weights. Fixed networks are the last one's, too.

    Raises:
        LpsrError: one holds no checkpoint, or they are of different sizes.
    """
    states = [load(folder) for folder in folders]
    last = states[-1]
    means: dict[str, dict[str, Tensor]] = dict(last["averages"])
    # Files of weights alone (`weights/`) hold the networks that learned, and no optimisers.
    for name in last.get("optimisers", last["averages"]):
        weights = last["averages"][name]
        others = [saved["averages"].get(name, {}) for saved in states]
        for folder, other in zip(folders, others, strict=True):
            if {key: value.shape for key, value in other.items()} != {key: v.shape for key, v in weights.items()}:
                raise LpsrError(
                    f"{folder}: its {name} is of another size than {folders[-1]}'s; average runs of one preset"
                )
        means[name] = mean_weights(others)
    lineage = [*last["lineage"], *({"config": saved["config"], "steps": saved["step"]} for saved in states)]
    return {**last, "averages": means, "lineage": lineage}


def mean_weights(several: Sequence[dict[str, Tensor]]) -> dict[str, Tensor]:
    """Return the means of several networks' weights; whole numbers are the last one's."""
    return {
        name: torch.stack([weights[name] for weights in several]).mean(dim=0) if value.is_floating_point() else value
        for name, value in several[-1].items()
    }
