"""Readers that take crops at twice the paper's size."""

from __future__ import annotations

from dataclasses import replace

import pytest

torch = pytest.importorskip("torch", reason="training needs PyTorch (the train extra)")

import torch.nn.functional as F  # noqa: E402

from lpsr_core.geometry import READ_SIZE  # noqa: E402
from lpsr_train.networks.presets import READERS, ReaderConfig  # noqa: E402
from lpsr_train.networks.reader import Reader  # noqa: E402
from lpsr_train.networks.readers import make_reader  # noqa: E402
from lpsr_train.networks.stem import shrunk  # noqa: E402
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
