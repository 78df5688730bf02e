"""Networks of the released shape and a fraction of its width: what tests ask of training and export needs no size."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import pytest


@contextmanager
def tiny_networks() -> Iterator[None]:
    """Make `lite` tiny in this process; commands that run in processes of their own have the real one.

    Layers are just wide enough for the exporter to keep their weights by name, and for eight bits to be worth it.
    """
    pytest.importorskip("torch", reason="networks need PyTorch (the train extra)")
    from lpsr_train.networks.presets import GENERATORS, READERS, ReaderConfig

    generator, reader = GENERATORS["lite"], READERS["lite"]
    assert isinstance(reader, ReaderConfig)
    dense = replace(generator.dense, growth=16)
    narrow = {"stages": (16, 32), "inner": 48, "spatial": (16, 16), "context": (40,), "character_inner": 64}
    with pytest.MonkeyPatch.context() as patch:
        tiny = replace(generator, features=16, fine_features=4, dense=dense, context=(32, 48))
        patch.setitem(GENERATORS, "lite", tiny)
        patch.setitem(READERS, "lite", replace(reader, **narrow, depth=(1, 1), fine=8, presence=8))
        yield


def save_run(folder: Path) -> None:
    """Write the checkpoint of a run whose networks do something: random weights, offsets and residuals not zero."""
    import torch

    from lpsr_train.config import TrainConfig
    from lpsr_train.networks.deform import DeformConv2d
    from lpsr_train.training.trainer import Trainer

    trainer = Trainer(replace(TrainConfig(), steps=1), folder, torch.device("cpu"))
    torch.manual_seed(4)
    for average in trainer.averages.values():
        for module in average.network.modules():
            if isinstance(module, DeformConv2d):
                torch.nn.init.normal_(module.offset_mask.weight, std=0.1)
    generator = trainer.averages["generator"].network
    torch.nn.init.normal_(generator.exit.weight, std=0.05)  # type: ignore[arg-type]
    # A random reader says nearly the same of every picture; sharpened, its texts differ from crop to crop.
    reader = trainer.averages["reader"].network
    torch.nn.init.normal_(reader.classify.weight, std=3.0)  # type: ignore[arg-type]
    trainer.save()
