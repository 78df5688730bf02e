"""The degradations of `lpsr_core.degradation` for a batch of crops: `blur`, `noise`, `camera`, or none."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from lpsr_core.degradation import BLURS, METHODS, SSIM_TARGET, Camera, Method
from lpsr_train.degradation import linear
from lpsr_train.degradation.crops import CropBatch
from lpsr_train.degradation.jpeg import jpeg
from lpsr_train.degradation.similarity import Similarity

_MOST_STEPS = 60
"""Of `noise`: by then a side of 456 pixels has shrunk to four."""
_ASKED_STEPS = 4
"""After so many it asks whether all are done, which waits for the device."""
_BLOCK = 16
"""Pixels of a JPEG's chroma block."""


@dataclass(frozen=True)
class Faults:
    """What is wrong with each picture of a batch.

    Attributes:
        methods: how each is degraded.
        targets: float32[N], the SSIM (with `data_range=1`) that `blur` and `noise` fall below.
        cameras: of those degraded by `camera`, in their order.
    """

    methods: tuple[Method, ...]
    targets: np.ndarray
    cameras: tuple[Camera, ...]


def draw_faults(
    count: int,
    rng: np.random.Generator,
    weights: dict[Method, float],
    easy: float = 0.0,
    target: float = SSIM_TARGET,
) -> Faults:
    """Draw faults as `lpsr_train.plates.pairs.render_pair` does, by the weights of the methods.

    Pictures have the given target, but for the share `easy`, whose targets lie between it and 0.75.
    """
    names, shares = tuple(weights), np.array(list(weights.values()), np.float64)
    methods = tuple(names[index] for index in rng.choice(len(names), count, p=shares / shares.sum()))
    lenient = rng.random(count) < easy
    targets = np.where(lenient, rng.uniform(target, 0.75, count), target).astype(np.float32)
    cameras = tuple(Camera.random(rng) for method in methods if method == "camera")
    return Faults(methods, targets, cameras)


def degrade(crops: CropBatch, blurs: Tensor, faults: Faults, generator: torch.Generator) -> Tensor:
    """What the generator is given of each crop.

    Args:
        crops: sharp.
        blurs: float32[N, 16], their `lpsr_core.degradation.blur_curve`.
        faults: one a crop; any method but `hard`.
        generator: source of the noise, on the crops' device.

    Returns:
        uint8[N, 3, 16, 48].
    """
    device = crops.pixels.device
    kinds = torch.tensor([METHODS.index(method) for method in faults.methods], device=device)
    targets = torch.from_numpy(faults.targets).to(device)
    lr = torch.empty(len(crops), 3, 16, 48, dtype=torch.uint8, device=device)
    with _exact_products(device):
        for method in dict.fromkeys(faults.methods):
            chosen = torch.nonzero(kinds == METHODS.index(method)).squeeze(1)
            part = crops[chosen]
            if method == "blur":
                part = blur(part, blurs[chosen], targets[chosen])
            elif method == "noise":
                part = noise(part, targets[chosen], generator)
            elif method == "camera":
                part = camera(part, faults.cameras, generator)
            else:
                assert method == "none", "any method but hard"
            lr[chosen] = part.to_lr()
    return lr


@contextlib.contextmanager
def _exact_products(device: torch.device) -> Iterator[None]:
    """Keeps products in single precision where somebody allowed TF32, which has ten bits."""
    if device.type != "cuda":
        yield
        return
    before = torch.backends.cuda.matmul.allow_tf32
    torch.backends.cuda.matmul.allow_tf32 = False
    try:
        yield
    finally:
        torch.backends.cuda.matmul.allow_tf32 = before


def blur(crops: CropBatch, blurs: Tensor, targets: Tensor) -> CropBatch:
    """As `lpsr_core.degradation.blur_fast`: Gaussians as wide as each picture's SSIM has to fall.

    Args:
        crops: sharp.
        blurs: float32[N, 16], their `lpsr_core.degradation.blur_curve`.
        targets: float32[N].
    """
    widths = torch.tensor(BLURS, device=blurs.device).log()
    wanted = targets.view(-1, 1)
    # The first of the widths that is enough, and how far back to go from it to the one before.
    index = (blurs >= wanted).sum(dim=1, keepdim=True).clamp(1, len(BLURS) - 1)
    before, after = blurs.gather(1, index - 1), blurs.gather(1, index)
    part = ((before - wanted) / (before - after).clamp(min=1e-6)).clamp(0, 1).squeeze(1)
    first, second = widths[index.squeeze(1) - 1], widths[index.squeeze(1)]
    return crops.blurred((first + part * (second - first)).exp() * crops.widths).whole_numbers()


def noise(crops: CropBatch, targets: Tensor, generator: torch.Generator) -> CropBatch:
    """Do as `lpsr_core.degradation.noise`: Gaussian noise and resizing by turns, until each picture's SSIM is low.

    Crops are sharp; targets are float32[N].
    """
    reference = Similarity(crops.luma)
    canvas = crops.pixels.shape[2:]
    current, share = crops, 1.0
    going = torch.ones(len(crops), dtype=torch.bool, device=crops.pixels.device)
    for step in range(_MOST_STEPS):
        share *= 0.9
        heights = (crops.heights * share).round().long().clamp(min=2)
        widths = (crops.widths * share).round().long().clamp(min=4)
        small = current.resized(linear.area, heights, widths, canvas)
        kept = ((heights * widths) / (crops.heights * crops.widths)).clamp(max=1).sqrt()
        deviation = (2 + 10 * _uniform(len(crops), generator)) * kept
        drawn = deviation.view(-1, 1, 1, 1) * _normal(small.pixels.shape, generator)
        noisy = replace(small, pixels=(small.pixels + drawn) * small.inside)
        stepped = noisy.resized(linear.cubic, crops.heights, crops.widths, canvas)
        pixels = torch.where(going.view(-1, 1, 1, 1), stepped.pixels, current.pixels)
        current = replace(crops, pixels=pixels)
        going = going & (reference.to(current.luma) >= targets)
        if step % _ASKED_STEPS == _ASKED_STEPS - 1 and not bool(going.any()):
            break
    return current.whole_numbers()


def camera(crops: CropBatch, cameras: Sequence[Camera], generator: torch.Generator) -> CropBatch:
    """Do as `lpsr_core.degradation.camera`: what cheap cameras deliver, one a crop.

    Crops are sharp, and wider than the cameras' pictures.
    """
    device = crops.pixels.device

    def of(name: str) -> Tensor:
        return torch.tensor([float(getattr(each, name)) for each in cameras], device=device)

    widths = of("width").round().clamp(min=8).long()
    heights = (widths * crops.heights / crops.widths).round().long().clamp(min=4)
    canvas = tuple(-(-int(sizes.max()) // _BLOCK) * _BLOCK for sizes in (heights, widths))
    seen = _moved(crops.blurred(of("optics") * crops.widths), cameras)
    small = seen.resized(linear.area, heights, widths, canvas)
    inside, pixels = small.inside, small.pixels
    coloured, common = _normal(pixels.shape, generator), _normal((len(crops), 1, *canvas), generator)
    share = of("chroma_noise").view(-1, 1, 1, 1)
    drawn = share.sqrt() * coloured + (1 - share).sqrt() * common
    pixels = (pixels + of("noise").view(-1, 1, 1, 1) * drawn) * inside
    soft = replace(small, pixels=pixels).blurred(torch.ones(len(crops), device=device)).pixels
    pixels = pixels + of("sharpening").view(-1, 1, 1, 1) * (pixels - soft)
    middle = pixels.sum(dim=(1, 2, 3), keepdim=True) / (3 * heights * widths).view(-1, 1, 1, 1)
    pixels = (pixels - middle) * of("contrast").view(-1, 1, 1, 1) + middle
    delivered = replace(small, pixels=pixels).whole_numbers()
    qualities = of("quality").long()
    compressed = jpeg(delivered.repeated(*canvas), qualities.clamp(min=1))
    kept = torch.where((qualities > 0).view(-1, 1, 1, 1), compressed, delivered.pixels)
    return replace(delivered, pixels=kept * inside)


def _moved(crops: CropBatch, cameras: Sequence[Camera]) -> CropBatch:
    """Crops after the motion of those cameras that moved."""
    moving = [index for index, each in enumerate(cameras) if each.motion > 0]
    if not moving:
        return crops
    device = crops.pixels.device
    chosen = torch.tensor(moving, device=device)
    part = crops[chosen]
    lengths = torch.tensor([cameras[index].motion for index in moving], device=device) * part.widths
    angles = torch.tensor([cameras[index].angle for index in moving], device=device)
    kernels = _lines(lengths, angles)
    height, width = part.pixels.shape[2:]
    reach = kernels.shape[-1] // 2
    # Each picture has a kernel of its own, so pictures and channels become groups.
    around = F.pad(part.repeated(height, width), (reach,) * 4, mode="replicate")
    found = F.conv2d(
        around.reshape(1, -1, *around.shape[2:]), kernels.repeat_interleave(3, dim=0).unsqueeze(1), groups=3 * len(part)
    )
    pixels = crops.pixels.clone()
    pixels[chosen] = found.reshape(len(part), 3, height, width) * part.inside
    return replace(crops, pixels=pixels)


def _lines(lengths: Tensor, angles: Tensor) -> Tensor:
    """float32[N, k, k]: straight lines of these lengths in pixels, each summing to one."""
    size = 2 * max(int(torch.ceil(lengths.max() / 2)), 1) + 1
    middle = size // 2
    along = torch.linspace(-0.5, 0.5, 4 * size, device=lengths.device)
    steps = lengths.view(-1, 1) * along
    columns = (middle + steps * angles.cos().view(-1, 1)).round().long().clamp(0, size - 1)
    rows = (middle + steps * angles.sin().view(-1, 1)).round().long().clamp(0, size - 1)
    kernels = torch.zeros(len(lengths), size * size, device=lengths.device)
    kernels.scatter_add_(1, rows * size + columns, torch.full_like(steps, 1 / steps.shape[1]))
    return kernels.reshape(-1, size, size)


def _normal(shape: Sequence[int], generator: torch.Generator) -> Tensor:
    return torch.randn(tuple(shape), generator=generator, device=generator.device)


def _uniform(count: int, generator: torch.Generator) -> Tensor:
    return torch.rand(count, generator=generator, device=generator.device)
