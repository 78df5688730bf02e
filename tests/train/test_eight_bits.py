"""The noise of eight bits is as large as their rounding, and goes where an INT8 graph rounds."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

torch = pytest.importorskip("torch", reason="training needs PyTorch (the train extra)")

import torch.nn.functional as F  # noqa: E402

from lpsr_core.errors import UsageError  # noqa: E402
from lpsr_train.batches import Batch  # noqa: E402
from lpsr_train.config import Schedule, TrainConfig  # noqa: E402
from lpsr_train.eight_bits import EightBits  # noqa: E402
from lpsr_train.trainer import Trainer  # noqa: E402

RUN = TrainConfig(steps=4, batch=8, warmup=1, guide_from=1, bf16=False, open_share=0.0)


def rounded(x: torch.Tensor, low: torch.Tensor, high: torch.Tensor, levels: int = 255) -> torch.Tensor:
    step = (high - low) / levels
    return (x / step).round() * step


def quantised(x: torch.Tensor, weight: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    """What an INT8 graph computes with."""
    largest = weight.abs().flatten(1).amax(dim=1).reshape(-1, *[1] * (weight.dim() - 1))
    return rounded(x, x.min().clamp(max=0), x.max().clamp(min=0)), rounded(weight, -largest, largest)


@pytest.mark.parametrize("layout", [torch.contiguous_format, torch.channels_last])
@pytest.mark.parametrize("shift", [0.0, 3.0])  # values of both signs, and such as follow a ReLU
def test_the_noise_of_a_convolution_is_that_of_rounding(layout: torch.memory_format, shift: float) -> None:
    torch.manual_seed(0)
    x = (torch.randn(4, 48, 16, 32) + shift).contiguous(memory_format=layout)
    weight = torch.randn(64, 48, 3, 3)
    plain, meant = F.conv2d(x, weight), F.conv2d(*quantised(x, weight))
    with EightBits():
        noisy = F.conv2d(x, weight)
    assert float((noisy - plain).std() / (meant - plain).std()) == pytest.approx(1, abs=0.25)
    assert abs(float((noisy - plain).mean())) < 0.02 * float(plain.std()), "it pushes nothing to one side"


def test_the_noise_of_a_linear_layer_is_that_of_rounding() -> None:
    torch.manual_seed(0)
    x, weight = torch.randn(64, 7, 96), torch.randn(192, 96)
    plain, meant = F.linear(x, weight), F.linear(*quantised(x, weight))
    with EightBits():
        noisy = F.linear(x, weight)
    assert float((noisy - plain).std() / (meant - plain).std()) == pytest.approx(1, abs=0.25)


def test_narrow_and_depthwise_layers_are_left_alone() -> None:
    x = torch.randn(2, 32, 8, 8)
    with EightBits():
        for weight, groups in ((torch.randn(31, 32, 3, 3), 1), (torch.randn(32, 1, 3, 3), 32)):
            made = F.conv2d(x, weight, groups=groups)
            assert torch.equal(made, torch.conv2d(x, weight, groups=groups))
        assert not torch.equal(F.conv2d(x, torch.ones(32, 32, 1, 1)), x.sum(1, keepdim=True).expand(-1, 32, -1, -1))


def test_every_pass_has_noise_of_its_own_and_gradients_pass_as_without() -> None:
    x = torch.randn(2, 32, 8, 8, requires_grad=True)
    weight = torch.randn(32, 32, 1, 1, requires_grad=True)
    with EightBits():
        first, second = F.conv2d(x, weight), F.conv2d(x, weight)
    assert not torch.equal(first, second)
    first.sum().backward()
    assert x.grad is not None
    expected = weight.detach().sum(0).reshape(1, 32, 1, 1).expand_as(x)
    assert torch.allclose(x.grad, expected, atol=0.3)
    assert weight.grad is not None
    assert torch.allclose(weight.grad[0, :, 0, 0], x.detach().sum((0, 2, 3)), atol=1.0)


@pytest.mark.parametrize("schedule", ["together", "alternate"])
def test_a_run_learns_under_it_and_is_evaluated_without(schedule: Schedule, tmp_path: Path) -> None:
    rng = np.random.default_rng(5)
    lr, hr = (torch.from_numpy(rng.random((8, 3, h, 3 * h), np.float32)) for h in (16, 32))
    batch = Batch(lr, hr, torch.from_numpy(rng.integers(0, 36, (8, 7))))
    made = {}
    for eight_bits in (False, True):
        trainer = Trainer(replace(RUN, schedule=schedule, eight_bits=eight_bits), tmp_path, torch.device("cpu"))
        made[eight_bits] = trainer.train_step(batch)
        generator = trainer.networks["generator"].eval()
        with torch.no_grad():
            assert torch.equal(generator(lr), generator(lr))
    assert made[True] != made[False]
    assert all(made[True][name] == pytest.approx(value, rel=0.1) for name, value in made[False].items())


def test_it_is_for_super_resolution() -> None:
    with pytest.raises(UsageError, match="'eight_bits' is for the task sr, not for reader-any"):
        replace(RUN, task="reader-any", eight_bits=True).check()
