"""Counts what the compiler made of the kernels: python -m benchmarks.machine_code NAME USAGE SASS

USAGE and SASS are what `cuobjdump --dump-resource-usage` and `--dump-sass` print of liblpsr_deform_conv.so. A line for
each tensor-core kernel with FP16 offsets: registers, instructions in all, and those of its main loop, which is the
shortest one that holds every tensor-core instruction and a barrier; of these by kind.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Iterator
from pathlib import Path

KINDS = {
    "HMMA": r"HMMA",
    "LDG": r"LDG",
    "LDS": r"LDS|LDSM",
    "STS": r"STS",
    "half2": r"HFMA2|HMUL2|HADD2(?!\.F32)",
    "convert": r"HADD2\.F32|F2F|F2FP",
    "FFMA": r"FFMA|FMUL|FADD",
    "integer": r"IMAD|IADD3|IADD|LEA|LOP3|SHF|ISETP|VIADD|IABS|PRMT|SEL",
}
_TILE = re.compile(r"tile_kernelINS_4TileILi(\d+)ELi(\d+)ELi(\d+)(?:ELi(\d+))?EEENS_4Half")


def functions(sass: str) -> Iterator[tuple[str, list[tuple[int, str]]]]:
    """Mangled name, and address and text of every instruction."""
    for part in sass.split("Function : ")[1:]:
        name, _, body = part.partition("\n")
        found = re.findall(r"/\*([0-9a-f]{4,})\*/\s+([^;]+);", body)
        yield name.strip(), [(int(address, 16), text.strip()) for address, text in found]


def loop(code: list[tuple[int, str]]) -> list[str]:
    """Instructions of the main loop; none where there is no such loop."""
    products = [address for address, text in code if "HMMA" in text]
    best: list[str] = []
    for address, text in code:
        jump = re.search(r"\bBRA\b.*?(0x[0-9a-f]+)", text)
        if jump is None or not products:
            continue
        target = int(jump[1], 16)
        if target <= products[0] and products[-1] <= address:
            inside = [line for at, line in code if target <= at <= address]
            if any("BAR" in line for line in inside) and (not best or len(inside) < len(best)):
                best = inside
    return best


def opcode(text: str) -> str:
    """The instruction without its predicate."""
    return re.sub(r"^@!?U?P\w+\s+", "", text).split()[0]


def count(lines: list[str], kind: str) -> int:
    """How many are of a kind."""
    return sum(re.match(rf"(?:{KINDS[kind]})\b", opcode(line)) is not None for line in lines)


def registers(usage: str) -> dict[str, int]:
    """Of each function, by mangled name."""
    return {name: int(count) for name, count in re.findall(r"Function (\S+):\s+REG:(\d+)", usage)}


def report(name: str, usage: str, sass: str) -> Iterator[str]:
    """The table, line by line."""
    tile_of = "warps of pixels, of channels, tiles a warp, gangs"
    yield f"{name}: tile ({tile_of}): registers, instructions, main loop: its kinds"
    held = registers(usage)
    for function, code in functions(sass):
        tile = _TILE.search(function)
        if tile is None:
            continue
        main = loop(code)
        kinds = ", ".join(f"{kind} {count(main, kind)}" for kind in KINDS)
        of = " x ".join(filter(None, tile.groups()))
        yield f"{name}: {of}: {held.get(function, 0)}, {len(code)}, {len(main)}: {kinds}"


if __name__ == "__main__":
    print("\n".join(report(sys.argv[1], *(Path(each).read_text(encoding="utf-8") for each in sys.argv[2:4]))))
