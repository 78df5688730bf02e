"""`lpsr-export restore --locator`: the released locator as a run of `lpsr-train locator`, for another to begin with."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path

import numpy as np

from lpsr_core.cards import graph_name, load_verified
from lpsr_core.errors import LpsrError, UsageError
from lpsr_core.onnx_session import open_session
from lpsr_export.graph.graphs import load_graph
from lpsr_export.weights.pixel_levels import take_shares
from lpsr_export.weights.restore import load_weights, settle
from lpsr_export.weights.torch_to_onnx import run_torch

_SCENES = 48
_LARGEST_DIFFERENCE = 0.5
"""Pixels, or of a logit, between the graph and the network that was made of it; as when it was exported."""


def restore_locator(models: Path, name: str, out: Path) -> float:
    """Makes a run of a locator's graph.

    Args:
        models: folder of the graph.
        name: of the model, such as `lite`.
        out: folder of the run, without one as yet.

    Returns:
        The largest difference between what network and graph make of rendered scenes, in pixels or of a logit.

    Raises:
        UsageError: the folder holds a run, or there is no such graph.
        LpsrError: the graph is damaged, or of another network than today's; then nothing is written.
    """
    import torch

    from lpsr_train.locating.config import LocatorTraining
    from lpsr_train.locating.fit import VALIDATION_SEED, LocatorTrainer
    from lpsr_train.scenes.scene import SceneSource, render_scene
    from lpsr_train.training.state import CHECKPOINT

    if (out / CHECKPOINT).exists():
        raise UsageError(f"{out}: holds a run; choose another --out")
    path = models / graph_name(name, "locator")
    if not path.is_file():
        raise UsageError(f"{path}: no such graph; name those of --models with --name")
    card = load_verified(path)
    trainer = LocatorTrainer(LocatorTraining(), out, torch.device("cpu"))
    images = [render_scene(SceneSource(), VALIDATION_SEED, 100_000 + index).image for index in range(_SCENES)]
    pictures = np.ascontiguousarray(np.stack(images).transpose(0, 3, 1, 2), np.float32) / np.float32(255)
    network = trainer.network
    graph = load_graph(path)
    folded = load_weights(network, graph, pictures[:2], path, "network.")
    if all(node.op_type != "Div" for node in graph.graph.node):  # graphs of before scaled pixels in a step of their own
        take_shares(network)
    settle(network, folded, pictures)
    made = open_session(path).run(None, {"frame": np.stack(images[:4])})[0]
    expected = run_torch(network, pictures[:4])
    # Where a plate may be; elsewhere corners mean nothing, and are large.
    apart = float(np.abs(np.where(expected[:, :1] > -3, made - expected, (made - expected)[:, :1])).max())
    if not apart <= _LARGEST_DIFFERENCE:
        raise LpsrError(f"{path}: the network made of it differs by {apart:.2g}; another version of lpsr made it")
    trainer.average.network.load_state_dict(network.state_dict())
    trainer.step = int(card.made_by.get("steps_trained", 0))
    trainer.history = [{"begun_from": card.sha256, "config": asdict(trainer.config)}]
    out.mkdir(parents=True, exist_ok=True)
    trainer.save()
    return apart
