"""`lpsr-export locator`: the locator's network to a checked ONNX graph that takes frames as they are."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from lpsr_core.cards import ModelCard, graph_name, sha256
from lpsr_core.errors import LpsrError
from lpsr_core.onnx_session import open_session
from lpsr_export.graph.graphs import opset, save_graph, staged
from lpsr_export.graph.stored_weights import Storage, store
from lpsr_export.weights.pixel_levels import taking_levels

if TYPE_CHECKING:
    import onnx

    from lpsr_train.locating.fit import Found
    from lpsr_train.networks.locator import LocatorNet

_LARGEST_DIFFERENCE, _LARGEST_DIFFERENCE_STORED = 0.01, 0.5
"""Pixels, or of a logit, between PyTorch and the graph, also where its weights are stored in fewer bits."""
_SIZES = ((64, 96), (160, 128))


def export_locator(
    run: Path, out: Path, name: str, scenes: int, storage: Storage = "float32"
) -> tuple[Path, ModelCard, Found]:
    """Exports a run of `lpsr-train locator`.

    Args:
        run: its folder.
        out: folder of the graph.
        name: of the model; the file is `<name>-locator.onnx`.
        scenes: unseen ones that the card's figures rest on.
        storage: how the file holds the weights.

    Returns:
        The graph's path, its card, and how well it finds the plates of unseen scenes.

    Raises:
        LpsrError: the run holds no weights, or the graph differs from PyTorch; then it is not left behind.
    """
    from lpsr_train.locating.fit import load_locator, measure, validation_scenes
    from lpsr_train.scenes.scene import SceneSource

    network, saved = load_locator(run)
    found = measure(network, validation_scenes(scenes, SceneSource()))
    with staged(out) as folder:
        path = folder / graph_name(name, "locator")
        model = _graph(network)
        store(model, storage)
        save_graph(model, path)
        _check(path, network, _LARGEST_DIFFERENCE if storage == "float32" else _LARGEST_DIFFERENCE_STORED)
        card = ModelCard(
            name=name,
            role="locator",
            precision="fp32",
            file=path.name,
            sha256=sha256(path),
            parameters=sum(weight.numel() for weight in network.parameters()),
            opset=opset(model),
            made_by={"training": saved["config"], "steps_trained": saved["step"]},
            metrics={"unseen scenes": {**asdict(found), "recall": found.recall, "precision": found.precision}},
        )
        card.save(folder)
    return out / path.name, card, found


def _graph(network: LocatorNet) -> onnx.ModelProto:
    """uint8[N, H, W, 3] to the grid."""
    import torch

    from lpsr_export.weights.torch_to_onnx import converted

    class Framed(torch.nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.network = taking_levels(network)

        def forward(self, frame: torch.Tensor) -> torch.Tensor:
            grid: torch.Tensor = self.network(frame.permute(0, 3, 1, 2).float())
            return grid

    dims = dict.fromkeys((0, 1, 2), torch.export.Dim.DYNAMIC)
    model = converted(Framed().eval(), torch.zeros(2, 64, 96, 3, dtype=torch.uint8), "frame", "grid", dims)
    for value, names in (
        (model.graph.input[0], ("frames", "height", "width")),
        (model.graph.output[0], ("frames", "", "rows", "columns")),
    ):
        for dim, text in zip(value.type.tensor_type.shape.dim, names, strict=False):
            if text:
                dim.dim_param = text
    return model


def _check(path: Path, network: LocatorNet, limit: float) -> None:
    import torch

    session = open_session(path)
    rng = np.random.default_rng(0)
    for height, width in _SIZES:
        frame = rng.integers(0, 256, (1, height, width, 3), np.uint8)
        (made,) = session.run(None, {"frame": frame})
        with torch.no_grad():
            expected = network(torch.from_numpy(frame).permute(0, 3, 1, 2).float() / 255).numpy()
        apart = float(np.abs(made - expected).max())
        if made.shape != expected.shape or apart > limit:
            raise LpsrError(f"{path.name}: the graph differs from PyTorch by {apart:.2g}; nothing was written")
