"""Readers that take crops at twice the paper's size."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

torch = pytest.importorskip("torch", reason="training needs PyTorch (the train extra)")

import torch.nn.functional as F  # noqa: E402

from lpsr_core.geometry import READ_SIZE  # noqa: E402
from lpsr_train.data.growing import GrowingPool  # noqa: E402
from lpsr_train.data.pool import SHOT_RECORD, shard_size  # noqa: E402
from lpsr_train.data.shards import shard_path  # noqa: E402
from lpsr_train.networks.presets import READERS, ReaderConfig  # noqa: E402
from lpsr_train.networks.reader import Reader  # noqa: E402
from lpsr_train.networks.readers import make_reader  # noqa: E402
from lpsr_train.networks.stem import shrunk  # noqa: E402
from lpsr_train.training.resident import Resident  # noqa: E402
from lpsr_train.training.state import identities  # noqa: E402


def lite() -> ReaderConfig:
    config = READERS["lite"]
    assert isinstance(config, ReaderConfig)
    assert config.fine
    assert config.size == READ_SIZE
    return config


def test_it_begins_with_what_a_reader_of_the_papers_size_has_learnt() -> None:
    torch.manual_seed(1)
    coarse = Reader(replace(lite(), fine=0)).eval()
    for module in coarse.modules():  # statistics that are not the neutral ones
        if isinstance(module, torch.nn.BatchNorm2d):
            module.running_mean.normal_(0, 0.1)
            module.running_var.uniform_(0.5, 2)
    fine = Reader(lite()).eval()
    fine.load_state_dict({**identities(fine), **coarse.state_dict()})
    images = torch.rand(3, 3, 32, 96)
    with torch.no_grad():
        expected = coarse(images)
        assert torch.allclose(fine(images), expected, atol=1e-5)
        large = F.interpolate(images, size=(64, 192))
        assert torch.allclose(fine(large), expected, atol=1e-5)
        assert not torch.allclose(fine(torch.rand(3, 3, 64, 192)), expected, atol=1e-2)


def test_it_learns_what_the_smaller_picture_cannot_show() -> None:
    """The gradient reaches the branch that sees every pixel, though that adds nothing at first."""
    torch.manual_seed(2)
    reader = Reader(lite()).train()
    reader(torch.rand(2, 3, 64, 192)).square().mean().backward()
    norm = reader.encoder[0].fine[-1]
    assert float(norm.weight.detach().abs().max()) == 0
    assert float(norm.weight.grad.abs().max()) > 0


@pytest.mark.parametrize("name", ["gp_lpr", "multi-task"])
def test_other_readers_take_means(name: str) -> None:
    torch.manual_seed(3)
    reader, large = make_reader(name).eval(), torch.rand(2, 3, 64, 192)
    with torch.no_grad():
        assert torch.allclose(reader(large), reader(shrunk(large)), atol=1e-5)


def fill(folder: Path, number: int) -> None:
    shard = np.zeros(shard_size(SHOT_RECORD), SHOT_RECORD)
    shard["width"] = number
    np.save(shard_path(folder, number), shard)


def test_a_growing_pool_is_taken_up_in_the_order_in_which_it_came(tmp_path: Path) -> None:
    fill(tmp_path, 3)
    size = shard_size(SHOT_RECORD)
    pool = GrowingPool(tmp_path, SHOT_RECORD, 3 * size - 10)
    near = Resident(pool, torch.device("cpu"))
    orders = pool.orders(size, seed=1)
    assert len(next(orders)) == len(near) == size
    fill(tmp_path, 1)
    fill(tmp_path, 5)
    assert max(next(orders)) >= size, "a new pass draws from what has come"
    near.refresh()
    assert len(pool) == 3 * size
    assert len(near) == 3 * size - 10
    widths = near.take(np.arange(0, 3 * size - 10, size))["width"]
    assert widths.tolist() == [3, 1, 5], "records keep their places"


def test_waiting_for_a_pool_ends_when_asked_to(tmp_path: Path) -> None:
    told: list[int] = []
    pool = GrowingPool(tmp_path, SHOT_RECORD, 10)
    pool.wait(10, lambda: bool(told), told.append)
    assert told == [0]
