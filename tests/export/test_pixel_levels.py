"""The locator's first convolution takes pixels as they are, and gives its weights back for training."""

from __future__ import annotations

import pytest

torch = pytest.importorskip("torch", reason="the networks are PyTorch's (the train extra)")

from lpsr_export.weights.pixel_levels import take_shares, taking_levels  # noqa: E402
from lpsr_train.networks.locator import LocatorNet  # noqa: E402


def _network(trained: bool) -> LocatorNet:
    torch.manual_seed(3)
    network = LocatorNet().eval()
    if trained:
        norm = network.stem[1]
        for values in (norm.running_mean, norm.running_var, norm.weight.data, norm.bias.data):
            values.uniform_(0.5, 1.5)
    return network


def test_a_copy_takes_pixels_of_0_to_255() -> None:
    network = _network(trained=True)
    before = {key: value.clone() for key, value in network.state_dict().items()}
    pixels = torch.randint(0, 256, (1, 3, 64, 96)).float()
    with torch.no_grad():
        expected = network.raw(pixels / 255)
        assert torch.allclose(taking_levels(network).raw(pixels), expected, atol=1e-4)
    assert expected.std() > 0
    assert all(torch.equal(value, before[key]) for key, value in network.state_dict().items()), (
        "the network is as it was"
    )


def test_the_copys_weights_are_taken_back() -> None:
    network = _network(trained=False)
    copied = taking_levels(network)
    convolution, norm = copied.stem[0], copied.stem[1]
    # As a graph holds them: the normalisation gone into the convolution.
    scale = (norm.running_var + norm.eps).rsqrt()
    restored = LocatorNet().eval()
    restored.load_state_dict(network.state_dict())
    with torch.no_grad():
        restored.stem[0].weight.copy_(convolution.weight * scale[:, None, None, None])
        restored.stem[1].running_mean.zero_()
        restored.stem[1].running_var.fill_(1 - norm.eps)
        restored.stem[1].bias.copy_(-norm.running_mean * scale)
        take_shares(restored)
        shares = torch.rand(1, 3, 64, 96)
        assert torch.allclose(restored.raw(shares), network.raw(shares), atol=1e-4)
