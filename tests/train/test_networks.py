"""Networks: deformable convolution against its definition, sizes, and what is shared."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

torch = pytest.importorskip("torch", reason="networks need PyTorch (the train extra)")

from lpsr_core.errors import UsageError  # noqa: E402
from lpsr_train.networks.attention import ThreeFoldAttention  # noqa: E402
from lpsr_train.networks.characters import CharacterLayer  # noqa: E402
from lpsr_train.networks.context import Context, ShrinkingConv  # noqa: E402
from lpsr_train.networks.deform import DeformConv2d, deform_conv2d  # noqa: E402
from lpsr_train.networks.describe import describe_preset, parts  # noqa: E402
from lpsr_train.networks.generator import Generator  # noqa: E402
from lpsr_train.networks.presets import GENERATORS, READERS, generator_config  # noqa: E402
from lpsr_train.networks.readers import make_reader  # noqa: E402


@pytest.fixture(scope="module")
def networks() -> None:
    """These tests are about the real networks."""


def reference(x, weight, offset, mask, bias, stride, padding, dilation):
    """Modulated deformable convolution by its definition, one sample at a time, in double precision."""
    batch, channels, height, width = x.shape
    count, _, kernel_h, kernel_w = weight.shape
    out_h, out_w = offset.shape[-2:]
    out = np.zeros((batch, count, out_h, out_w))
    for n, oy, ox in np.ndindex(batch, out_h, out_w):
        for tap in range(kernel_h * kernel_w):
            y = oy * stride - padding + tap // kernel_w * dilation + offset[n, 2 * tap, oy, ox]
            z = ox * stride - padding + tap % kernel_w * dilation + offset[n, 2 * tap + 1, oy, ox]
            value = np.zeros(channels)
            for py in (int(np.floor(y)), int(np.floor(y)) + 1):
                for px in (int(np.floor(z)), int(np.floor(z)) + 1):
                    if 0 <= py < height and 0 <= px < width:
                        value += x[n, :, py, px] * (1 - abs(y - py)) * (1 - abs(z - px))
            out[n, :, oy, ox] += weight[:, :, tap // kernel_w, tap % kernel_w] @ value * mask[n, tap, oy, ox]
    return out + bias[:, None, None]


@pytest.mark.parametrize(
    ("kernel", "stride", "padding", "dilation"), [(3, 1, 1, 1), (1, 1, 0, 1), (3, 2, 1, 1), (3, 1, 2, 2)]
)
def test_deformable_convolution_is_its_definition(kernel: int, stride: int, padding: int, dilation: int) -> None:
    rng = np.random.default_rng(kernel + stride)
    height, width = 6, 7
    out_h = (height + 2 * padding - dilation * (kernel - 1) - 1) // stride + 1
    out_w = (width + 2 * padding - dilation * (kernel - 1) - 1) // stride + 1
    taps = kernel * kernel
    values = {
        "x": rng.normal(size=(2, 3, height, width)),
        "weight": rng.normal(size=(4, 3, kernel, kernel)),
        "offset": rng.normal(0, 2.5, (2, 2 * taps, out_h, out_w)),  # many samples fall outside
        "mask": rng.uniform(0, 1, (2, taps, out_h, out_w)),
        "bias": rng.normal(size=4),
    }
    found = deform_conv2d(
        **{name: torch.from_numpy(value.astype(np.float32)) for name, value in values.items()},
        stride=stride,
        padding=padding,
        dilation=dilation,
    )
    expected = reference(**values, stride=stride, padding=padding, dilation=dilation)
    assert np.abs(found.numpy() - expected).max() < 1e-4


def test_without_offsets_it_is_an_ordinary_convolution_at_half_strength() -> None:
    layer = DeformConv2d(3, 5)
    x = torch.rand(2, 3, 8, 10)
    plain = torch.nn.functional.conv2d(x, layer.weight, padding=1) * 0.5  # masks start at sigmoid(0)
    assert torch.allclose(layer(x), plain, atol=1e-6)


def test_gradients_reach_input_offsets_and_masks() -> None:
    torch.manual_seed(0)
    tensors = {
        "x": torch.rand(1, 2, 5, 6, dtype=torch.double),
        "weight": torch.rand(2, 2, 3, 3, dtype=torch.double),
        # Away from whole pixels, where the bilinear blend has a kink.
        "offset": torch.rand(1, 18, 5, 6, dtype=torch.double) * 0.4 + 0.3,
        "mask": torch.rand(1, 9, 5, 6, dtype=torch.double),
    }
    tensors = {name: value.float().requires_grad_() for name, value in tensors.items()}
    deform_conv2d(**tensors, padding=1).square().sum().backward()
    for name, value in tensors.items():
        index = (0,) * value.dim()
        step = 1e-2
        losses = []
        for sign in (1, -1):
            moved = {key: tensor.detach().clone() for key, tensor in tensors.items()}
            moved[name][index] += sign * step
            losses.append(float(deform_conv2d(**moved, padding=1).double().square().sum()))
        slope = (losses[0] - losses[1]) / (2 * step)
        assert float(value.grad[index]) == pytest.approx(slope, rel=0.02, abs=0.02), name


def cost(network: torch.nn.Module, size: tuple[int, int], channels: int = 3) -> tuple[int, int]:
    """Parameters and arithmetic."""
    found = parts(network, torch.zeros(1, channels, *size))
    return sum(part.parameters for part in found), sum(part.flop for part in found)


def test_lite_keeps_its_budget() -> None:
    parameters, flop = cost(Generator(GENERATORS["lite"]), (16, 48))
    assert parameters <= 1_500_000
    assert flop <= 2_000_000_000
    assert cost(make_reader("lite"), (32, 96))[1] <= 1_000_000_000


@pytest.mark.parametrize(
    ("name", "least", "most", "gflop"), [("base", 2e6, 12e6, 40), ("paper", 163e6, 165e6, 496), ("lite", 0, 1.5e6, 2)]
)
def test_presets_are_as_large_as_they_say(name: str, least: float, most: float, gflop: float) -> None:
    """`paper` is the size of the released code: 164 M parameters and 495 GFLOP a plate."""
    with torch.device("meta"):
        parameters, flop = cost(Generator(GENERATORS[name]), (16, 48))
    assert least <= parameters <= most
    assert flop <= gflop * 1e9
    assert name != "paper" or flop > 494e9


@pytest.mark.parametrize("network", ["lite", "reader"])
def test_parts_add_up_to_the_whole(network: str) -> None:
    made, size = (Generator(GENERATORS["lite"]), (16, 48)) if network == "lite" else (make_reader("lite"), (32, 96))
    found = parts(made, torch.zeros(1, 3, *size))
    assert sum(part.parameters for part in found) == sum(p.numel() for p in made.parameters())
    by_name = {part.name: part for part in found}
    if network == "lite":
        assert by_name["attention"].calls == 2, "shared: it also runs inside the residual module"
        # A 1x1 convolution of 2F to F channels: two operations a weight and pixel.
        _, alone = cost(torch.nn.Sequential(made.residual.pointwise), (16, 48), 64)
        assert alone == 2 * 64 * 32 * 16 * 48


def test_without_archmod_nothing_is_shared_or_deformable() -> None:
    plain = generator_config("paper", archmod=False)
    assert (plain.shared_attention, plain.deformable, plain.deformable_residual) == (False, False, False)
    assert generator_config("paper").deformable_residual


def test_the_generator_doubles_the_size_and_stays_in_range() -> None:
    torch.manual_seed(1)
    network = Generator(GENERATORS["lite"]).eval()
    torch.nn.init.normal_(network.exit.weight, std=1.0)  # a wild residual
    lr = torch.rand(3, 3, 16, 48)
    sr = network(lr)
    assert sr.shape == (3, 3, 32, 96)
    assert float(sr.detach().min()) >= 0
    assert float(sr.detach().max()) <= 1
    assert torch.equal(sr, network(lr)), "nothing is drawn at random in the forward pass"


def test_without_a_residual_the_output_is_bicubic() -> None:
    network = Generator(GENERATORS["lite"]).eval()
    torch.nn.init.zeros_(network.exit.weight)
    lr = torch.rand(2, 3, 16, 48)
    bicubic = torch.nn.functional.interpolate(lr, scale_factor=2.0, mode="bicubic").clamp(0, 1)
    assert torch.allclose(network(lr), bicubic, atol=1e-6)


def test_one_attention_module_serves_everywhere() -> None:
    def modules(network):
        return [module for module in network.modules() if isinstance(module, ThreeFoldAttention)]

    shared = Generator(replace(GENERATORS["lite"], residual_layers=2))
    assert len(modules(shared)) == 1
    assert shared.attention is modules(shared.residual)[0]
    own = Generator(replace(GENERATORS["lite"], residual_layers=2, shared_attention=False))
    assert len(modules(own)) == 3, "every place has its own"


def test_deformable_convolutions_are_a_switch() -> None:
    def count(network):
        return sum(isinstance(module, DeformConv2d) for module in network.modules())

    assert count(Generator(GENERATORS["lite"])) == 4
    assert count(Generator(replace(GENERATORS["lite"], deformable=False))) == 0
    assert count(Generator(replace(GENERATORS["lite"], deformable_residual=True))) == 7


@pytest.mark.parametrize("name", READERS)
def test_readers_give_log_probabilities(name: str) -> None:
    reader = make_reader(name).eval()
    scores = reader(torch.rand(2, 3, 32, 96))
    assert scores.shape == (2, 7, 36)
    assert torch.allclose(scores.exp().sum(dim=2), torch.ones(2, 7), atol=1e-5)


def test_context_and_character_layers_start_as_the_identity() -> None:
    torch.manual_seed(2)
    x, characters, plate = torch.rand(2, 8, 8, 12), torch.rand(2, 7, 8), torch.rand(2, 20, 8)
    context, layer = Context(8, (6, 10)), CharacterLayer(8, 2, 16)
    assert torch.equal(context(x), x)
    assert torch.equal(layer(characters, plate), characters)
    for last in (context.up[0], layer.look.merge):
        torch.nn.init.normal_(last.weight)
    assert not torch.equal(context(x), x)
    assert not torch.equal(layer(characters, plate), characters)


def test_context_sees_far_across_the_plate() -> None:
    torch.manual_seed(3)
    context = Context(4, (6, 6))
    for module in context.modules():
        if isinstance(module, torch.nn.Conv2d) and not module.weight.any():
            torch.nn.init.normal_(module.weight, std=0.3)
    x = torch.rand(1, 4, 16, 48)
    moved = x.clone()
    moved[..., 0] += 1
    reached = (context(moved) - context(x)).abs().sum(dim=(0, 1, 2)) > 0
    assert reached[12]
    assert not reached[40:].any()


@pytest.mark.parametrize(("name", "title"), [("lite", "Generator lite"), ("gp_lpr", "Reader gp_lpr"), ("sr3", "SR3")])
def test_every_network_can_be_described(name: str, title: str) -> None:
    table = describe_preset(name)
    assert title in str(table.title)
    assert "Identity" not in list(table.columns[1].cells)
    assert list(table.columns[3].cells)[-1] != "0"


def test_unknown_presets_name_the_known_ones() -> None:
    with pytest.raises(UsageError, match="lite"):
        generator_config("huge")


def test_shrinking_is_rearranging_pixels_and_a_pointwise_convolution() -> None:
    torch.manual_seed(0)
    layer = ShrinkingConv(3, 5)
    pointwise = torch.nn.Conv2d(12, 5, 1)
    pointwise.load_state_dict(layer.state_dict())
    x = torch.randn(2, 3, 8, 12)
    torch.testing.assert_close(layer(x), pointwise(torch.nn.functional.pixel_unshuffle(x, 2)))
