"""Times the deformable-convolution kernels on this machine's GPU: python -m benchmarks.kernel --build DIR --out FILE

Every tactic is held to PyTorch's FP32 result at the size that is timed, then timed by CUDA graphs over buffers that
together exceed the GPU's last cache where at most 64 of them do. Beside it: torchvision's operator and an ordinary
convolution, both FP16, and the floors that this GPU's products, copies and launches set. FILE is JSON, written again
after every row; a table of the same name ending in .md lies beside it.

Needs PyTorch with CUDA; torchvision is timed where it is installed. DIR holds liblpsr_deform_conv.so and
liblpsr_deform_conv_host.so (cmake -B DIR && cmake --build DIR); --before names another build to time beside it.
"""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import asdict
from pathlib import Path
from typing import Any

from benchmarks.deformable_layers import Layer, layers
from benchmarks.devices import Device, Timing, device
from lpsr_core.jsonfile import write_json
from tests.native.kernels import FLOAT16, PACKED8, CProblem, GpuLibrary, Library, Shape

SCHEMA = 1
_TOLERANCE = 1.5e-3
"""Of the largest value: blended samples are halves, each with a relative error of 2^-11."""
_COPIES = 64
_PLAIN_LIMIT = 2e10
"""Operations above which the plain kernel, written to be right, is not timed."""

Work = Callable[[], object]


class Tensors:
    """One problem on the device, FP16: as the kernels take it (packed by eight channels) and as PyTorch does."""

    def __init__(self, torch: Any, shape: Shape, kind: str, seed: int) -> None:
        generator = torch.Generator(device=kind).manual_seed(seed)
        height, width = shape.out_size

        def draw(*size: int) -> Any:
            return torch.randn(size, device=kind, generator=generator).half()

        def padded(values: Any, channels: int) -> Any:
            return torch.nn.functional.pad(values, (0, -channels % 8)).contiguous()

        self.shape = shape
        self.x = draw(shape.batch, shape.channels, shape.height, shape.width)
        self.weight = draw(shape.out_channels, shape.channels, *shape.kernel)
        self.weight /= (shape.channels * shape.taps) ** 0.5
        self.offset = draw(shape.batch, 2 * shape.taps, height, width)
        self.mask = torch.sigmoid(draw(shape.batch, shape.taps, height, width))
        self.bias = draw(shape.out_channels)
        self.x8 = padded(self.x.permute(0, 2, 3, 1), shape.channels)
        self.weight8 = packed_weights(torch, self.weight)
        self.bias32 = self.bias.float()
        self.y8 = torch.full((shape.batch, height, width, -(-shape.out_channels // 8) * 8), float("nan"), device=kind)
        self.y8 = self.y8.half()
        ours = (self.x8, self.weight8, self.offset, self.mask, self.bias32, self.y8)
        self.bytes = sum(each.numel() * each.element_size() for each in ours)
        self.problem = CProblem(shape.c(), FLOAT16, FLOAT16, PACKED8, *(each.data_ptr() for each in ours))

    @property
    def y(self) -> Any:
        """What a kernel found, [N, Co, H, W]."""
        return self.y8[..., : self.shape.out_channels].permute(0, 3, 1, 2)


def packed_weights(torch: Any, weight: Any) -> Any:
    """ONNX weights [Co, C, kh, kw] of one group as the kernels take them: [taps][Cp / 2][Op][2]."""
    outputs, channels = weight.shape[:2]
    by_tap = weight.reshape(outputs, channels, -1).permute(2, 1, 0)
    by_tap = torch.nn.functional.pad(by_tap, (0, -outputs % 8, 0, -channels % 16))
    taps, padded, columns = by_tap.shape
    return by_tap.reshape(taps, padded // 2, 2, columns).permute(0, 1, 3, 2).contiguous()


def reference(tensors: Tensors) -> Any:
    """PyTorch's result in FP32, [N, Co, H, W]."""
    from lpsr_train.networks.deform import deform_conv2d

    given = (tensors.x, tensors.weight, tensors.offset, tensors.mask, tensors.bias)
    shape = tensors.shape
    return deform_conv2d(*(each.float() for each in given), stride=shape.stride[0], padding=shape.pad[0])


def differences(torch: Any, where: Device, tensors: Tensors, library: Library) -> dict[int, float]:
    """How far each tactic is from the reference, relative to its largest value; infinite where it failed."""
    wanted = reference(tensors)
    largest = max(float(wanted.abs().max()), 1.0)
    found = {}
    for tactic in library.tactics(tensors.problem, library.sm):
        if tactic == 0 and Layer("", tensors.shape, 1).operations(tensors.shape.batch) > _PLAIN_LIMIT:
            continue
        tensors.y8.fill_(float("nan"))
        status = library.launch(tensors.problem, tactic, where.stream)
        where.wait()
        apart = float((tensors.y.float() - wanted).abs().max()) / largest if status == 0 else float("inf")
        found[tactic] = apart if apart == apart else float("inf")
    return found


def others(torch: Any, sets: list[Tensors]) -> Iterator[tuple[str, list[Work]]]:
    """What is timed beside the kernels."""

    def convolution(tensors: Tensors) -> Work:
        x = tensors.x.to(memory_format=torch.channels_last)
        weight = tensors.weight.to(memory_format=torch.channels_last)
        shape = tensors.shape
        return lambda: torch.nn.functional.conv2d(x, weight, tensors.bias, shape.stride, shape.pad)

    yield "convolution_fp16", [convolution(each) for each in sets]
    try:
        from torchvision.ops import deform_conv2d
    except (ImportError, RuntimeError):
        return

    def stock(t: Tensors) -> Work:
        return lambda: deform_conv2d(t.x, t.offset, t.weight, t.bias, t.shape.stride, t.shape.pad, mask=t.mask)

    yield "torchvision_fp16", [stock(each) for each in sets]


def rates(torch: Any, where: Device) -> dict[str, float]:
    """FP16 operations a second of a large product, bytes a second of a large copy, microseconds of a tiny launch."""
    size, length = (8192, 1 << 29) if where.kind == "cuda" else (256, 1 << 16)
    a, b = (torch.randn(size, size, device=where.kind).half() for _ in range(2))
    x = torch.ones(length, device=where.kind, dtype=torch.uint8)
    y, one = torch.empty_like(x), torch.zeros(1, device=where.kind)
    product, copy = where.time([lambda: a @ b]).microseconds, where.time([lambda: y.copy_(x)]).microseconds
    return {
        "operations_per_second": 1e6 * 2 * size**3 / product,
        "bytes_per_second": 1e6 * 2 * length / copy,
        "launch_microseconds": where.time([lambda: one.add_(1)] * 64).microseconds,
    }


def row(torch: Any, where: Device, layer: Layer, batch: int, builds: dict[str, Library], rate: dict[str, float]) -> Any:
    """Everything about one shape and batch, for the file."""
    shape = layer.for_batch(batch)
    first = Tensors(torch, shape, where.kind, 0)
    copies = max(2, min(_COPIES, -(-2 * where.cache // first.bytes)))
    sets = [first, *(Tensors(torch, shape, where.kind, seed) for seed in range(1, copies))]
    made: dict[str, Any] = {
        "network": layer.network,
        "layer": str(layer),
        "calls": layer.calls,
        "batch": batch,
        "copies": copies,
        "working_set_bytes": copies * first.bytes,
        "floor_products": 1e6 * layer.operations(batch) / rate["operations_per_second"],
        "floor_memory": 1e6 * first.bytes / rate["bytes_per_second"],
        "differences": {},
        "microseconds": {},
    }

    def timed(works: list[Work]) -> dict[str, float]:
        found: Timing = where.time(works, seconds=0.002, samples=5)
        return {key: round(value, 3) for key, value in asdict(found).items()}

    def launches(library: Library, tactic: int) -> list[Work]:
        return [lambda each=each: library.launch(each.problem, tactic, where.stream) for each in sets]  # type: ignore[misc]

    for name, library in builds.items():
        apart = differences(torch, where, first, library)
        made["differences"][name] = {str(tactic): value for tactic, value in apart.items()}
        made["microseconds"][name] = {
            str(tactic): timed(launches(library, tactic)) for tactic, value in apart.items() if value <= _TOLERANCE
        }
        made.setdefault("chosen", library.choose(first.problem, library.sm))
    for name, works in others(torch, sets):
        try:
            made["microseconds"][name] = timed(works)
        except RuntimeError as error:
            made["microseconds"][name] = {"error": str(error).splitlines()[0]}
    return made


def fastest(row: dict[str, Any], name: str) -> tuple[str, float] | None:
    """The best tactic of a build, and its microseconds."""
    times = {tactic: each["microseconds"] for tactic, each in row["microseconds"].get(name, {}).items()}
    return min(times.items(), key=lambda each: each[1]) if times else None


def table(found: dict[str, Any]) -> str:
    """The rows in Markdown."""
    names = [name for name in ("before", "after") if any(name in each["microseconds"] for each in found["rows"])]
    heads = [*names, "torchvision", "convolution", "floor: products", "floor: memory"]
    lines = [
        f"{found['device']}: FP16 products {found['rates']['operations_per_second'] / 1e12:.0f} TFLOP/s, copies "
        f"{found['rates']['bytes_per_second'] / 1e9:.0f} GB/s, a tiny launch "
        f"{found['rates']['launch_microseconds']:.2f} µs. Microseconds a call, FP16 (best tactic).",
        "",
        f"| network | layer | calls | batch | {' | '.join(heads)} |",
        "|---|---|---|---|" + "---|" * len(heads),
    ]
    for each in found["rows"]:
        ours = (fastest(each, name) for name in names)
        cells = ["-" if best is None else f"{best[1]:.2f} ({best[0]})" for best in ours]
        for other in ("torchvision_fp16", "convolution_fp16"):
            time_of = each["microseconds"].get(other, {}).get("microseconds")
            cells.append("-" if time_of is None else f"{time_of:.2f}")
        cells += [f"{each['floor_products']:.2f}", f"{each['floor_memory']:.2f}"]
        lines.append(
            f"| {each['network']} | {each['layer']} | {each['calls']} | {each['batch']} | {' | '.join(cells)} |"
        )
    return "\n".join(lines) + "\n"


def libraries(where: Device, build: Path, before: Path | None) -> dict[str, Library]:
    """The builds to time, by name."""
    found = {} if before is None else {"before": before}
    found["after"] = build

    def load(folder: Path) -> Library:
        host = Library(folder / "liblpsr_deform_conv_host.so")
        return GpuLibrary(folder / "liblpsr_deform_conv.so", host) if where.kind == "cuda" else host

    return {name: load(folder) for name, folder in found.items()}


def main() -> None:
    """Checks, times, writes."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--build", type=Path, required=True, help="folder of the built libraries")
    parser.add_argument("--before", type=Path, help="folder of another build to time beside it")
    parser.add_argument("--out", type=Path, required=True, help="JSON file to write")
    parser.add_argument("--presets", nargs="+", default=["lite", "paper"], help="networks whose layers are timed")
    parser.add_argument("--batches", type=int, nargs="+", default=[1, 16, 64])
    parser.add_argument("--seconds", type=float, default=600, help="no row is begun after this time")
    parser.add_argument("--reader-size", type=int, nargs=2, default=[32, 96], metavar=("HEIGHT", "WIDTH"))
    parser.add_argument("--device", choices=("cuda", "cpu"), default="cuda", help="cpu rehearses")
    options = parser.parse_args()
    began = time.monotonic()
    try:
        import torch

        where = device(options.device)
        builds = libraries(where, options.build, options.before)
    except (ImportError, OSError, RuntimeError) as error:
        sys.exit(f"error: timing the kernels needs PyTorch with CUDA and built kernels: {error}")
    work = [
        (layer, batch)
        for preset in options.presets
        for batch in options.batches
        for layer in layers(preset, tuple(options.reader_size))
    ]
    found: dict[str, Any] = {
        "schema": SCHEMA,
        "device": where.name,
        "torch": str(torch.__version__),
        "cache_bytes": where.cache,
        "rates": rates(torch, where),
        "complete": False,
        "rows": [],
    }
    with torch.no_grad():
        for layer, batch in work:
            if time.monotonic() - began > options.seconds:
                break
            found["rows"].append(row(torch, where, layer, batch, builds, found["rates"]))
            found["complete"] = len(found["rows"]) == len(work)
            write_json(options.out, found)
            print(table({**found, "rows": found["rows"][-1:]}).splitlines()[-1], flush=True)
    options.out.with_suffix(".md").write_text(table(found), encoding="utf-8")
    wrong = [
        f"{each['layer']} at {each['batch']}: tactic {tactic} of {name} is {apart:.2g} from the reference"
        for each in found["rows"]
        for name, apart_of in each["differences"].items()
        for tactic, apart in apart_of.items()
        if not apart <= _TOLERANCE
    ]
    print(f"{len(found['rows'])} of {len(work)} rows, {time.monotonic() - began:.0f} s")
    if wrong:
        sys.exit("\n".join(["error: wrong results", *wrong]))


if __name__ == "__main__":
    main()
