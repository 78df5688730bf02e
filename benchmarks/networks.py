"""Times generator and reader in PyTorch FP16, with three deformable convolutions: python -m benchmarks.networks

The networks are CUDA graphs, so that what is timed is the GPU's work. Their deformable convolutions are PyTorch's own
operators (`plain`, what training uses), torchvision's, or the project's kernels; the time that the kernels take within
the network is the difference to the same graph without their launches. Weights are random: they do not change the time,
but for the offsets, which are drawn a pixel wide.
"""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import benchmarks.kernel as kernels
from benchmarks.devices import Device, device
from lpsr_core.jsonfile import write_json
from tests.native.kernels import FLOAT16, PACKED8, CProblem, Library, Shape

Convolution = Callable[..., Any]
SCHEMA = 1


class Ours:
    """The kernels in the place of `lpsr_train.networks.deform.deform_conv2d`.

    Args:
        torch: the module.
        where: what runs them.
        library: the kernels.
        tactics: the best of each layer and batch, where it was timed; the library's choice otherwise.
        launched: False leaves the launches out, and the outputs as they were.
    """

    def __init__(self, torch: Any, where: Device, library: Library, tactics: dict[Any, int], launched: bool) -> None:
        self._torch, self._where, self._library, self._tactics = torch, where, library, tactics
        self._launched = launched
        self._packed: dict[int, tuple[Any, Any, Any]] = {}

    def __call__(
        self, x: Any, weight: Any, offset: Any, mask: Any, bias: Any, stride: int, padding: int, dilation: int = 1
    ) -> Any:
        """As the function that it stands for, in half precision."""
        torch = self._torch
        batch, channels, height, width = x.shape
        outputs, _, *kernel = weight.shape
        pair = (padding, padding)
        shape = Shape(batch, channels, height, width, outputs, (kernel[0], kernel[1]), (stride, stride), pair)
        if id(weight) not in self._packed:
            packed = kernels.packed_weights(torch, weight.detach())
            self._packed[id(weight)] = weight, packed, bias.detach().float()
        _, packed, single = self._packed[id(weight)]
        picture = x.permute(0, 2, 3, 1)
        if channels % 8:
            picture = torch.nn.functional.pad(picture, (0, -channels % 8))
        y = torch.empty((batch, *shape.out_size, -(-outputs // 8) * 8), dtype=x.dtype, device=x.device)
        tensors = (picture.contiguous(), packed, offset.contiguous(), mask.contiguous(), single, y)
        if self._launched:
            problem = CProblem(shape.c(), FLOAT16, FLOAT16, PACKED8, *(each.data_ptr() for each in tensors))
            key = (channels, outputs, height, width, batch)
            tactic = self._tactics.get(key, -1)
            if tactic < 0:
                tactic = self._library.choose(problem, self._library.sm)
            status = self._library.launch(problem, tactic, self._where.stream)
            if status:
                raise RuntimeError(f"the kernel gave status {status} for {shape}")
        return y[..., :outputs].permute(0, 3, 1, 2)


def torchvisions(x: Any, weight: Any, offset: Any, mask: Any, bias: Any, stride: int, padding: int) -> Any:
    """torchvision's operator in that place."""
    from torchvision.ops import deform_conv2d

    return deform_conv2d(x, offset, weight, bias, stride, padding, mask=mask)


@contextmanager
def replaced(convolution: Convolution | None) -> Iterator[None]:
    """Deformable layers call this one meanwhile."""
    from lpsr_train.networks import deform

    before = deform.deform_conv2d
    if convolution is not None:
        deform.deform_conv2d = convolution
    try:
        yield
    finally:
        deform.deform_conv2d = before


def network(torch: Any, name: str, kind: str) -> Any:
    """`lite generator`, `paper generator` or `lite reader` in half precision, channels last."""
    from lpsr_train.networks.deform import DeformConv2d
    from lpsr_train.networks.generator import BicubicTwice, Generator
    from lpsr_train.networks.presets import generator_config
    from lpsr_train.networks.readers import make_reader

    preset, role = name.split()
    torch.manual_seed(0)
    with torch.device(kind):
        made = Generator(generator_config(preset)) if role == "generator" else make_reader(preset)
    for module in made.modules():
        if isinstance(module, DeformConv2d):
            torch.nn.init.normal_(module.offset_mask.weight, std=0.3 / module.offset_mask.in_channels**0.5)
    if role == "generator":
        torch.nn.init.normal_(made.exit.weight, std=0.05)  # or the pictures would be the bicubic ones, near enough
    made = made.eval().half().to(memory_format=torch.channels_last)
    for module in made.modules():
        if isinstance(module, (BicubicTwice, torch.nn.BatchNorm2d)):
            module.float()  # they compute in single precision
    return made


def row(torch: Any, where: Device, name: str, batch: int, size: tuple[int, int], ways: dict[str, Any]) -> Any:
    """One network and batch, for the file."""
    made = network(torch, name, where.kind)
    x = torch.rand((batch, 3, *size), device=where.kind).half().contiguous(memory_format=torch.channels_last)
    found: dict[str, Any] = {"network": name, "batch": batch, "milliseconds": {}, "difference": {}}
    wanted = None
    for way, convolution in ways.items():
        try:
            with replaced(convolution):
                result = made(x).float()
                wanted = result if wanted is None else wanted
                if way != "without":
                    found["difference"][way] = float((result - wanted).abs().max())
                timing = where.time([lambda: made(x)], seconds=0.01, samples=5)
            found["milliseconds"][way] = round(timing.microseconds / 1000, 5)
        except (ImportError, RuntimeError) as error:
            found["milliseconds"][way] = None
            found.setdefault("errors", {})[way] = str(error).splitlines()[0]
    ours, without = (found["milliseconds"].get(each) for each in ("kernels", "without"))
    if ours and without:
        found["kernels_milliseconds"] = round(ours - without, 5)
        found["kernels_fraction"] = round((ours - without) / ours, 4)
    return found


def tactics(path: Path | None) -> dict[Any, int]:
    """The best tactic of each (channels, outputs, height, width, batch) in a file of `benchmarks.kernel`."""
    import json

    if path is None or not path.is_file():
        return {}
    best: dict[Any, int] = {}
    for each in json.loads(path.read_text(encoding="utf-8"))["rows"]:
        sizes, pixels = each["layer"].split(", ")
        key = (*map(int, sizes.split("->")), *map(int, pixels.split("x")), each["batch"])
        found = kernels.fastest(each, "after")
        if found is not None:
            best[key] = int(found[0])
    return best


def main() -> None:
    """Times, writes."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--build", type=Path, required=True, help="folder of the built libraries")
    parser.add_argument("--tactics", type=Path, help="JSON file of benchmarks.kernel whose best tactics are taken")
    parser.add_argument("--out", type=Path, required=True, help="JSON file to write")
    parser.add_argument("--networks", nargs="+", default=["lite generator", "lite reader", "paper generator"])
    parser.add_argument("--batches", type=int, nargs="+", default=[1, 16, 64])
    parser.add_argument("--reader-size", type=int, nargs=2, default=[32, 96], metavar=("HEIGHT", "WIDTH"))
    parser.add_argument("--seconds", type=float, default=600, help="no row is begun after this time")
    parser.add_argument("--device", choices=("cuda", "cpu"), default="cuda", help="cpu rehearses")
    options = parser.parse_args()
    began = time.monotonic()
    try:
        import torch

        where = device(options.device)
        (library,) = kernels.libraries(where, options.build, None).values()
    except (ImportError, OSError, RuntimeError) as error:
        sys.exit(f"error: timing the networks needs PyTorch with CUDA and built kernels: {error}")
    from lpsr_core.geometry import LR_SIZE

    best = tactics(options.tactics)
    ways = {
        "plain": None,
        "torchvision": torchvisions,
        "kernels": Ours(torch, where, library, best, True),
        "without": Ours(torch, where, library, best, False),
    }
    found: dict[str, Any] = {"schema": SCHEMA, "device": where.name, "torch": str(torch.__version__), "rows": []}
    with torch.no_grad():
        for name in options.networks:
            size = tuple(options.reader_size) if name.endswith("reader") else (LR_SIZE[1], LR_SIZE[0])
            for batch in options.batches:
                if time.monotonic() - began > options.seconds:
                    sys.exit(f"error: {options.seconds:.0f} s are over; {name} at {batch} and what follows are missing")
                found["rows"].append(row(torch, where, name, batch, size, ways))
                write_json(options.out, found)
                print(found["rows"][-1], flush=True)


if __name__ == "__main__":
    main()
