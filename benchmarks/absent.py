"""How often crops that show no plate are read as plates: words, grilles, walls, wheels, at the default plate score.

    python -m benchmarks.absent --crops 500 --typefaces /usr/share/fonts/truetype/freefont

Crops are drawn as training draws them, but with another seed and, where a folder of them is named, in other typefaces;
they are 40 to 200 pixels wide, with noise and JPEG's traces.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import cv2
import numpy as np

import lpsr
from lpsr_core.codec import jpeg
from lpsr_core.decode import MIN_PLATE
from lpsr_core.geometry import Image
from lpsr_core.jsonfile import write_json
from lpsr_core.metrics import wilson
from lpsr_train.cameras.absent import KINDS, absent_scene

_SEED = 7_000_077


def crop(kind: str, rng: np.random.Generator, typefaces: list[str]) -> Image:
    """One crop without a plate, uint8[H, W, 3]."""
    size = int(rng.integers(160, 420)), int(rng.integers(60, 200))
    scene = np.clip(255 * absent_scene(size, rng, typefaces, kind), 0, 255)
    width = int(rng.integers(40, 200))
    small = cv2.resize(scene, (width, max(round(size[1] * width / size[0]), 8)), interpolation=cv2.INTER_AREA)
    noisy = np.clip(small + rng.normal(0, rng.uniform(0, 8), small.shape), 0, 255).astype(np.uint8)
    return jpeg(noisy, int(rng.integers(40, 95)))


def main() -> None:
    """Entry point."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--crops", type=int, default=500, help="of each kind")
    parser.add_argument("--typefaces", type=Path, help="folder of .ttf and .otf files for words (default: plates' own)")
    parser.add_argument("--out", type=Path, help="JSON file for the figures")
    chosen = parser.parse_args()
    typefaces = sorted(str(path) for path in chosen.typefaces.rglob("*.[to]tf")) if chosen.typefaces else []
    if chosen.typefaces and not typefaces:
        parser.error(f"{chosen.typefaces}: holds no .ttf or .otf file")
    reader = lpsr.Reader(min_plate=0)
    rows = []
    for number, kind in enumerate(KINDS):
        rng = np.random.default_rng([_SEED, number])
        plates = reader.read_crops(crop(kind, rng, typefaces) for _ in range(chosen.crops))
        told = sum(plate.plate_score >= MIN_PLATE for plate in plates)
        low, high = wilson(told, chosen.crops)
        rows.append({"kind": kind, "crops": chosen.crops, "told": told, "interval": [round(low, 1), round(high, 1)]})
        print(f"{kind:14} {told:4} of {chosen.crops} read as plates ({low:.1f} to {high:.1f} %)", flush=True)
    if chosen.out:
        write_json(chosen.out, {"min_plate": MIN_PLATE, "typefaces": len(typefaces), "rows": rows})


if __name__ == "__main__":
    main()
