"""`lpsr-export onnx`: trained weights to checked ONNX graphs with cards."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from lpsr_core.cards import PRECISIONS, ModelCard, Role, card_path, graph_name, sha256
from lpsr_core.errors import LpsrError
from lpsr_export.checks.compare import Agreement, CheckedGraph, compare_pictures, compare_readings, texts
from lpsr_export.checks.crops import CHECK_SEED, direct_batch, lr_batch, rendered_crops
from lpsr_export.graph.graphs import GraphSession, opset, save_graph, staged
from lpsr_export.graph.stored_weights import Storage, store

if TYPE_CHECKING:
    from torch import nn

    from lpsr_train.validation.rates import Sample

CHECK_CROPS = 64
CHECK_CROPS_LARGE = 4
LARGE = 50_000_000
"""Parameters of a network that takes seconds a crop, and is checked on few."""
LARGEST_DIFFERENCE = 1e-4
"""Of an output's full range (grey levels or probability), between PyTorch and the exported graph."""
STORED: dict[Storage, tuple[float, float]] = {"float16": (4e-3, 0.98), "int8": (0.25, 0.95)}
"""The same where weights are stored in fewer bits, and the least share of texts that must then be the same, all of them
otherwise. Half precision may move a picture by a grey level; eight bits may move a character that was in doubt."""


def export_run(
    run: Path,
    out: Path,
    name: str,
    plates: int,
    say: Callable[[str], None] = lambda _: None,
    judge: Path | None = None,
    storage: Storage = "float32",
) -> list[CheckedGraph]:
    """Exports every network of a training run and checks it against PyTorch.

    Args:
        run: folder of the run.
        out: folder of the graphs.
        name: of the models; the files are `<name>-<role>.onnx`.
        plates: how many unseen rendered plates, for each degradation, the card's recognition rates rest on;
            0 leaves them out.
        say: told what is being done.
        storage: how the files hold the weights; they are FP32 again when loaded.
        judge: run whose reader the card's rates of pictures rest on; the run's own, which guided them, when None.

    Raises:
        LpsrError: the run holds no weights, the judge has no reader, or a graph differs from PyTorch by more than it
            may; then that graph is not left behind.
    """
    from lpsr_train.training.state import identify
    from lpsr_train.training.trainer import load_trained

    trained = load_trained(run)
    if trained.config.task == "sr3":
        raise LpsrError(f"{run}: SR3 makes a picture in many passes from noise; only networks of one pass are exported")
    networks: dict[Role, nn.Module] = {}
    if trained.generator is not None:
        networks["generator"] = trained.generator
    networks["reader"] = trained.reader
    made_by: dict[str, Any] = {"training": trained.config.as_dict(), "steps_trained": trained.step}
    made_by["open_typefaces"] = list(trained.typefaces)
    if storage != "float32":
        made_by["weights_stored_as"] = storage
    if trained.lineage:
        made_by["begun_from"] = list(trained.lineage)

    say("measuring recognition rates" if plates else "exporting")
    metrics: dict[str, Any] = {}
    if plates:
        reader = load_trained(judge).reader if judge else trained.reader
        metrics = {"read by": identify(judge) if judge else "the run's own reader"}
        metrics |= _metrics(trained, reader, plates)
    large = any(_size(network) > LARGE for network in networks.values())
    crops = rendered_crops(CHECK_CROPS_LARGE if large else CHECK_CROPS, CHECK_SEED, trained.config.patterns)
    pictures = lr_batch(crops.images)
    exported = []
    with staged(out) as folder:
        for role, network in networks.items():
            say(f"exporting the {role}")
            path = folder / graph_name(name, role)
            size: tuple[int, int] = trained.reader.config.size  # type: ignore[assignment]
            batch = pictures if role == "generator" else direct_batch(crops.images, size)
            card, agreement = _export_one(network, role, name, path, batch, trained.reader, made_by, metrics, storage)
            exported.append(CheckedGraph(out / path.name, card, agreement))
    for entry in exported:
        _drop_derived(entry)
    return exported


def _drop_derived(entry: CheckedGraph) -> None:
    """Removes FP16 and INT8 graphs that were made from an earlier graph of this name."""
    for precision in PRECISIONS[1:]:
        path = entry.path.with_name(graph_name(entry.card.name, entry.card.role, precision))
        if path.is_file() and ModelCard.load(card_path(path)).made_by["from"]["sha256"] != entry.card.sha256:
            path.unlink()
            card_path(path).unlink()


def _export_one(
    network: nn.Module,
    role: Role,
    name: str,
    path: Path,
    batch: NDArray[np.float32],
    reader: nn.Module,
    made_by: dict[str, Any],
    metrics: dict[str, Any],
    storage: Storage,
) -> tuple[ModelCard, Agreement]:
    from lpsr_export.weights.torch_to_onnx import export, run_torch

    model = export(network, role, path)
    expected = run_torch(network, batch)

    def check(limit: float, alike: float) -> Agreement:
        found = GraphSession(path, role)(batch)
        if role == "generator":
            read = [texts(run_torch(reader, np.ascontiguousarray(picture))) for picture in (found, expected)]
            agreement = compare_pictures(found, expected, *read)
        else:
            agreement = compare_readings(found, expected)
        if agreement.difference > limit or agreement.strings < alike:
            raise LpsrError(
                f"{path.name}: the exported {role} differs from PyTorch by {agreement.difference:.2g} "
                f"(at most {limit:g}) and reads {100 * agreement.strings:.1f} % alike; nothing was written"
            )
        return agreement

    agreement = check(LARGEST_DIFFERENCE, 1.0)
    if storage != "float32":
        store(model, storage)
        save_graph(model, path)
        agreement = check(*STORED[storage])
    card = ModelCard(
        name=name,
        role=role,
        precision="fp32",
        file=path.name,
        sha256=sha256(path),
        parameters=_size(network),
        opset=opset(model),
        made_by=made_by,
        metrics={**metrics, "against_pytorch": agreement.as_dict()},
    )
    card.save(path.parent)
    return card, agreement


def _size(network: nn.Module) -> int:
    return sum(parameter.numel() for parameter in network.parameters())


def _metrics(trained: Any, reader: nn.Module, plates: int) -> dict[str, Any]:
    """Recognition rates on unseen rendered plates, by degradation."""
    from lpsr_train.data.samples import shot_samples
    from lpsr_train.training.trainer import VALIDATION_METHODS, validation_samples
    from lpsr_train.validation.rates import evaluate

    patterns = trained.config.patterns
    sets: dict[str, Sequence[Sample]] = {
        method: validation_samples(method, plates, CHECK_SEED, patterns) for method in VALIDATION_METHODS
    }
    if trained.config.shots:
        shots = shot_samples(plates, CHECK_SEED, patterns)
        sets |= {f"surveillance cameras, {width} crops": samples for width, samples in shots.items()}
    found = {}
    for method, samples in sets.items():
        result = evaluate(samples, reader, trained.generator, layouts=trained.config.plate_layouts)
        rates: dict[str, Any] = {form: rate.as_dict() for form, rate in result.rates.items()}
        if trained.config.task == "reader-lr":
            rates = {"lr direct": rates["bicubic"]}
        elif trained.generator is None:
            rates.pop("sr")
        else:
            rates["psnr_db"], rates["ssim"] = round(result.psnr, 3), round(result.ssim, 4)
        found[f"rendered plates, {method}"] = rates
    return found
