"""Which of a cheap camera's faults makes plates unreadable: rates as one after another is taken away.

    python -m benchmarks.faults --out runs/faults.json                # rendered plates
    python -m benchmarks.faults --data FOLDER --out runs/faults.json  # sharp ones of your own (lpsr_core.labelled)

The camera is that of `hard`: lens blur, 33 pixels across the plate, sensor noise, JPEG 50. Every plate is taken by
every camera below, super-resolved and read by the released networks.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
from rich.console import Console
from rich.progress import track
from rich.table import Table

from lpsr_core.decode import decode
from lpsr_core.degradation import HARD, Camera, camera
from lpsr_core.errors import LpsrError
from lpsr_core.geometry import Image
from lpsr_core.jsonfile import write_json
from lpsr_core.labelled import load_labelled
from lpsr_core.metrics import RecognitionRate, recognition_rate
from lpsr_run.config import RunConfig
from lpsr_run.pipeline.plate_reader import PlateReader
from lpsr_run.pipeline.tools import open_tools
from lpsr_train.plates.pairs import PlateSource, render_plate

CAMERAS = {
    "hard": HARD,
    "without noise": replace(HARD, noise=0),
    "without lens blur": replace(HARD, optics=0),
    "JPEG 75": replace(HARD, quality=75),
    "JPEG 90": replace(HARD, quality=90),
    "without JPEG": replace(HARD, quality=0),
    "without JPEG and noise": replace(HARD, quality=0, noise=0),
    "48 pixels across": replace(HARD, width=48),
    "66 pixels across": replace(HARD, width=66),
}
"""By what is better than in `hard`."""
SEED = 7_000_091
"""Never the seed of a pool: the plates are unseen."""

Plate = tuple[Image, str]


def plates_of(data: Path | None, count: int) -> list[Plate]:
    """Sharp crops and their texts: a folder's, or rendered Brazilian ones."""
    if data is not None:
        return [(each.crop, each.text) for each in load_labelled(data)]
    source = PlateSource(countries=("brazilian",))
    pairs = (render_plate(source, SEED, index) for index in track(range(count), "render", transient=True))
    return [(pair.crop, pair.text) for pair in pairs]


def rate_of(plates: Sequence[Plate], settings: Camera, reader: PlateReader) -> RecognitionRate:
    """How many are read right as that camera delivers them."""
    taken = [camera(crop, settings, np.random.default_rng([SEED, index])) for index, (crop, _) in enumerate(plates)]
    read = [decode(log_probs).text for log_probs in reader.read(taken).log_probs]
    return recognition_rate(read, [text for _, text in plates])


def main() -> None:
    """Measures, prints and writes."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path)
    parser.add_argument("--count", type=int, default=1000, help="rendered plates")
    parser.add_argument("--out", type=Path, default=Path("runs/faults.json"))
    options = parser.parse_args()
    if options.count < 1:
        parser.error(f"--count {options.count}: give at least one plate")
    try:
        plates = plates_of(options.data, options.count)
    except LpsrError as error:
        sys.exit(f"error: {error}")
    reader = open_tools(RunConfig(crops="-", super_resolve="always")).reader
    rates = {
        name: rate_of(plates, settings, reader) for name, settings in track(CAMERAS.items(), "read", transient=True)
    }
    table = Table("camera", title=f"{len(plates)} plates")
    for heading in ("all 7, % [95 %]", ">= 6, % [95 %]", ">= 5, % [95 %]"):
        table.add_column(heading, no_wrap=True)
    for name, rate in rates.items():
        table.add_row(name, str(rate.all), str(rate.six), str(rate.five))
    Console().print(table)
    write_json(options.out, {"plates": len(plates), "cameras": {name: rate.as_dict() for name, rate in rates.items()}})


if __name__ == "__main__":
    main()
