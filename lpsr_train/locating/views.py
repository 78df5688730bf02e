"""Views of scenes, made on the device that trains: windows at any scale, squeezed, turned, aslant, in any light.

A rendered scene is dear and a view of it is cheap, so each scene is seen in many: nothing that a camera's mounting,
lens or recorder does to a whole picture need be rendered.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn import functional

from lpsr_train.locating.mining import FalsePlaces
from lpsr_train.locating.pool import Taken

_PAD = 114 / 255
"""Beyond the scene, as at run time beyond the frame."""
_MOSAICS = 0.25
"""Share of views of four scenes side by side at half their size."""
_AGAIN = 0.12
"""Share of views that show places again where the network saw plates that are none."""
_LOOKS = 0.1
"""Share of other views that show one plate in the middle, as the second look does."""
_FALSE_LOOKS = 0.3
"""Share of second looks at places where the network saw plates that are none."""
SMALLEST, LARGEST, TOO_LARGE = 9.0, 330.0, 420.0
"""Longer sides in pixels: of plates that are asked for, and from which on a plate is none: a coarser scale shows it."""


@dataclass(frozen=True)
class Batch:
    """N views with up to M plates each.

    Attributes:
        pictures: float32[N, 3, size, size] in 0..1.
        quads: float32[N, M, 4, 2], corners in pixels.
        present: bool[N, M]: which are there.
        asked: bool[N, M]: which must be found; what is present and not asked for may be found or not.
        scenes: int64[N] on the CPU: of which scene a view is; -1 where it is of several.
        matrix: float32[N, 3, 3] on the CPU: from pixels of a view to pixels of its scene.
    """

    pictures: Tensor
    quads: Tensor
    present: Tensor
    asked: Tensor
    scenes: Tensor
    matrix: Tensor


def draw_views(
    take: Callable[[Tensor], Taken],
    scenes: int,
    count: int,
    size: tuple[int, int],
    rng: torch.Generator,
    hard: FalsePlaces | None = None,
    looks: bool = False,
) -> Batch:
    """Draws views.

    Args:
        take: gives scenes by their indices.
        scenes: how many there are.
        count: N.
        size: width and height of a view in pixels.
        rng: of everything, on the CPU.
        hard: places to show again, where there are any.
        looks: whether all show what the second look sees: one plate, or a false place, in the middle.
    """
    mosaics = 0 if looks else round(_MOSAICS * count)
    chosen = torch.randint(scenes, (count - mosaics,), generator=rng)
    again, places = (hard or FalsePlaces()).draw(round((_FALSE_LOOKS if looks else _AGAIN) * count), rng)
    chosen[: len(again)] = again
    plain = take(chosen)
    pictures, quads, present, whole = _floats(plain)
    if mosaics:
        four, corners, there, complete = _floats(take(torch.randint(scenes, (4 * mosaics,), generator=rng)))
        four, corners, there, complete = _mosaic(four, corners, there, complete)
        pictures = torch.cat([pictures, four])
        quads = functional.pad(quads, (0, 0, 0, 0, 0, corners.shape[1] - quads.shape[1]))
        more = corners.shape[1] - present.shape[1]
        present, whole = (functional.pad(mask, (0, more)) for mask in (present, whole))
        quads, present, whole = torch.cat([quads, corners]), torch.cat([present, there]), torch.cat([whole, complete])
    scene = torch.tensor([float(pictures.shape[-1]), float(pictures.shape[-2])])
    sides = torch.tensor([float(side) for side in size])
    matrix = _matrices(quads, present, scene, sides, rng, places, looks)
    device = pictures.device
    seen = _sample(pictures, matrix.to(device), size)
    flat = functional.pad(quads, (0, 1), value=1.0).flatten(1, 2)  # [N, M * 4, 3]
    moved = flat @ torch.linalg.inv(matrix).transpose(1, 2)
    quads = (moved[..., :2] / moved[..., 2:].clamp(min=1e-4)).view(quads.shape)
    mirrored = (_uniform(rng, count, 0, 1) < 0.3)[:, None, None, None]
    seen = torch.where(mirrored.to(device), seen.flip(-1), seen)
    turned = torch.stack([sides[0] - quads[..., 0], quads[..., 1]], dim=-1)[:, :, [1, 0, 3, 2]]
    quads = torch.where(mirrored, turned, quads)
    mirror = torch.tensor([[-1.0, 0, float(size[0])], [0, 1, 0], [0, 0, 1]])
    matrix = torch.where(mirrored[:, 0], matrix @ mirror, matrix)
    low, high = quads.amin(dim=2), quads.amax(dim=2)
    longer = torch.maximum(
        (quads[:, :, 1] - quads[:, :, 0]).norm(dim=-1), (quads[:, :, 2] - quads[:, :, 1]).norm(dim=-1)
    )
    present = present & ((high > 0) & (low < sides)).all(dim=2) & (longer < TOO_LARGE)
    asked = present & whole & (longer >= SMALLEST) & (longer <= LARGEST)
    shown = torch.cat([chosen, torch.full((mosaics,), -1)])
    return Batch(_develop(seen, rng), quads.to(device), present.to(device), asked.to(device), shown, matrix)


def _floats(taken: Taken) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """Pictures, corners, which plates are there, and which of them the scene's border does not cut."""
    pictures = taken.images.permute(0, 3, 1, 2).float() / 255
    present = torch.arange(taken.quads.shape[1]) < taken.counts[:, None]
    sides = torch.tensor([pictures.shape[-1], pictures.shape[-2]])
    whole = ((taken.quads > -2) & (taken.quads < sides + 2)).all(dim=3).all(dim=2)
    return pictures, taken.quads, present, whole


def _mosaic(pictures: Tensor, quads: Tensor, present: Tensor, whole: Tensor) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    height, width = pictures.shape[-2:]
    small = functional.interpolate(pictures, (height // 2, width // 2), mode="area")
    first, second, third, fourth = small.chunk(4)
    joined = torch.cat([torch.cat([first, second], dim=3), torch.cat([third, fourth], dim=3)], dim=2)
    joined = functional.pad(joined, (0, width - joined.shape[3], 0, height - joined.shape[2]), value=_PAD)
    scale = quads.new_tensor([width // 2 / width, height // 2 / height])
    shifts = quads.new_tensor([[0, 0], [width // 2, 0], [0, height // 2], [width // 2, height // 2]])
    moved = [part * scale + shift for part, shift in zip(quads.chunk(4), shifts, strict=True)]
    there, complete = (torch.cat(mask.chunk(4), dim=1) for mask in (present, whole))
    return joined, torch.cat(moved, dim=1), there, complete


def _matrices(
    quads: Tensor,
    present: Tensor,
    scene: Tensor,
    size: Tensor,
    rng: torch.Generator,
    places: Tensor,
    all_looks: bool,
) -> Tensor:
    """float32[N, 3, 3]: from pixels of a view to pixels of its scene; the first views show given places of theirs.

    `scene` and `size` are the width and the height of the scenes and of the views.
    """
    count = len(quads)
    chosen = torch.multinomial(present.float() + 1e-6, 1, generator=rng)[:, 0]
    quad = quads[torch.arange(count), chosen]
    there = present.any(dim=1)
    wide = torch.maximum((quad[:, 1] - quad[:, 0]).norm(dim=-1), torch.tensor(4.0))
    zoom = torch.exp(_uniform(rng, count, math.log(0.6), math.log(1.3)))
    near = torch.exp(_uniform(rng, count, math.log(0.25), math.log(0.6)))
    zoom = torch.where(_uniform(rng, count, 0, 1) < 0.3, near, zoom)  # scene pixels a pixel of the view
    looks = ((_uniform(rng, count, 0, 1) < _LOOKS) | all_looks) & there
    zoom = torch.where(looks, wide / torch.exp(_uniform(rng, count, math.log(60), math.log(150))), zoom).clamp(0.1, 2.5)
    squeeze = torch.randn(count, generator=rng) * 0.12
    squeeze = torch.where(_uniform(rng, count, 0, 1) < 0.35, _uniform(rng, count, -0.45, 0.45), squeeze)
    angle = torch.randn(count, generator=rng) * 0.04
    angle = torch.where(_uniform(rng, count, 0, 1) < 0.15, _uniform(rng, count, -0.45, 0.45), angle)
    across, down = zoom * torch.exp(squeeze), zoom * torch.exp(-squeeze)
    cos, sin = torch.cos(angle), torch.sin(angle)
    # The point of the scene that is shown, and where in the view.
    anywhere = torch.rand(count, 2, generator=rng) * scene
    aimed = there & (looks | (_uniform(rng, count, 0, 1) < 0.6))
    shown = torch.where(aimed[:, None], quad.mean(dim=1), anywhere)
    looks[: len(places)] = False
    shown[: len(places)] = places
    spread = torch.where(looks | all_looks, 0.08, 0.42)[:, None]
    place = size * (0.5 + spread * (2 * torch.rand(count, 2, generator=rng) - 1))
    linear = torch.stack([torch.stack([across * cos, -down * sin], -1), torch.stack([across * sin, down * cos], -1)], 1)
    # Most views stay within the scene as far as they can.
    centre = shown + (linear @ (size / 2 - place)[:, :, None])[:, :, 0]
    reach = torch.minimum(linear.abs() @ size / 2, scene / 2)
    within = torch.minimum(torch.maximum(centre, reach), scene - reach)
    kept = ~looks & (_uniform(rng, count, 0, 1) < 0.85) & (not all_looks)
    shown = torch.where(kept[:, None], within, shown)
    place = torch.where(kept[:, None], (size / 2).expand_as(place), place)
    matrix = torch.zeros(count, 3, 3)
    matrix[:, :2, :2] = linear
    matrix[:, :2, 2] = shown
    slant = (torch.rand(count, 2, generator=rng) - 0.5) * (0.5 / float(size.max()))
    matrix[:, 2, :2] = torch.where((_uniform(rng, count, 0, 1) < 0.3)[:, None], slant, torch.zeros_like(slant))
    matrix[:, 2, 2] = 1
    # With the slant, a point far from the middle must still weigh more than nothing.
    matrix[:, :2, :2] += shown[:, :, None] * matrix[:, 2:, :2]
    shift = torch.eye(3).repeat(count, 1, 1)
    shift[:, :2, 2] = -place
    return matrix @ shift


def _sample(pictures: Tensor, matrix: Tensor, size: tuple[int, int]) -> Tensor:
    width, height = (torch.arange(side, device=pictures.device, dtype=torch.float32) + 0.5 for side in size)
    y, x = torch.meshgrid(height, width, indexing="ij")
    points = torch.stack([x, y, torch.ones_like(x)], dim=-1).view(1, -1, 3)
    places = points @ matrix.transpose(1, 2)
    places = places[..., :2] / places[..., 2:].clamp(min=1e-4)
    sides = places.new_tensor([pictures.shape[-1], pictures.shape[-2]])
    grid = (2 * places / sides - 1).view(len(pictures), size[1], size[0], 2)
    return functional.grid_sample(pictures - _PAD, grid, mode="bilinear", align_corners=False) + _PAD


def _develop(pictures: Tensor, rng: torch.Generator) -> Tensor:
    """Resolution, fields, light, colour and noise."""
    count, _, height, width = pictures.shape
    device = pictures.device

    def each(low: float, high: float, channels: int = 1) -> Tensor:
        return _uniform(rng, count * channels, low, high).view(count, channels, 1, 1).to(device)

    def some(share: float) -> Tensor:
        return (_uniform(rng, count, 0, 1) < share).view(count, 1, 1, 1).to(device)

    blurred = count // 4
    if blurred:  # fewer pixels, enlarged
        factors = _uniform(rng, 2, 0.35, 0.9).tolist()
        sides = max(int(height * factors[0]), 8), max(int(width * factors[1]), 8)
        small = functional.interpolate(pictures[:blurred], sides, mode="area")
        enlarged = functional.interpolate(small, (height, width), mode="bilinear", align_corners=False)
        pictures = torch.cat([enlarged, pictures[blurred:]])
    combed = count // 16
    if combed:  # two fields of a moving picture
        shift = int(torch.randint(1, 5, (1,), generator=rng))
        pictures = pictures.clone()
        pictures[-combed:, :, 1::2] = pictures[-combed:, :, 1::2].roll(shift, dims=3)
    grey = pictures.mean(dim=1, keepdim=True)
    pictures = torch.where(some(0.15), grey.expand_as(pictures), pictures)
    pictures = torch.where(some(0.5), pictures * each(0.8, 1.2, 3), pictures)
    level = pictures.mean(dim=(1, 2, 3), keepdim=True)
    pictures = torch.where(some(0.5), level + each(0.35, 1.4) * (pictures - level), pictures)
    pictures = torch.where(some(0.5), pictures * each(0.6, 1.5), pictures).clamp(0, 1)
    pictures = torch.where(some(0.5), pictures.clamp(min=1e-4) ** each(0.55, 1.8), pictures)
    grain = torch.Generator(device).manual_seed(int(torch.randint(2**31, (1,), generator=rng)))
    noise = torch.randn(pictures.shape, generator=grain, device=device) * each(0.0, 0.06)
    pictures = torch.where(some(0.35), pictures + noise, pictures)
    return pictures.clamp(0, 1)


def _uniform(rng: torch.Generator, count: int, low: float, high: float) -> Tensor:
    return low + (high - low) * torch.rand(count, generator=rng)
