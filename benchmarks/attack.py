"""Attacks a run in some forty ways, on this machine alone, and tells what was lost and who was held up for how long.

    python -m benchmarks.attack --out runs/attack

Every attack has a folder of its own; servers listen on 127.0.0.1. Models are small ones whose answers are known, so
that a read that is missing or wrong is told from one that is hard to read. Full disks need root, for a small tmpfs.
"""

from __future__ import annotations

import argparse
import os
import platform
import re
import sys
import tempfile
import time
from dataclasses import asdict
from pathlib import Path

from benchmarks.attacks.arena import Arena, Outcome
from benchmarks.attacks.cameras import CAMERAS
from benchmarks.attacks.inputs import INPUTS
from benchmarks.attacks.outputs import OUTPUTS
from lpsr_core.errors import LpsrError
from lpsr_core.jsonfile import write_json
from lpsr_run.redact import shown

GROUPS = {
    "inputs": (INPUTS, "seconds of the run"),
    "outputs": (OUTPUTS, "longest write of a read, seconds"),
    "cameras": (CAMERAS, "longest gap of the good camera, or seconds of the run"),
}
_NEEDS_ROOT = {"disk of the table full, then with room again"}


def models(folder: Path) -> Path:
    """Folder of the test's networks and its detector."""
    import numpy as np
    from toy_models import make_detector, make_generator, make_reader

    folder.mkdir()
    make_generator(folder / "generator.onnx")
    make_reader(folder / "reader.onnx")
    box = np.zeros((1, 300, 6), np.float32)
    box[0, 0] = 200, 200, 440, 280, 0.9, 0
    make_detector(folder / "detector.onnx", box)
    return folder


def attacked(name: str, group: str, folder: Path, made: Path) -> Outcome:
    """One attack; whatever it raises ended the run, which counts as everything lost."""
    folder.mkdir()
    try:
        return GROUPS[group][0][name](Arena(folder, made))
    except (LpsrError, OSError, AssertionError, ValueError, RuntimeError) as error:
        return Outcome(1, 1, 0.0, f"ended with {type(error).__name__}: {error}")


def markdown(rows: dict[str, dict[str, Outcome]]) -> str:
    """The tables."""
    lines: list[str] = []
    for group, outcomes in rows.items():
        lines += [f"| {group} | reads that had to be there | lost | {GROUPS[group][1]} |", "|---|---|---|---|"]
        lines += [f"| {name} | {each.expected} | {each.lost} | {each.held:.2f} |" for name, each in outcomes.items()]
        lines.append("")
    return "\n".join(lines)


def main() -> None:
    """Attack, report; exit with 1 when something was lost."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--out", type=Path, default=Path("runs/attack"))
    parser.add_argument("--only", default="", help="attacks whose name matches a regular expression")
    options = parser.parse_args()
    options.out.mkdir(parents=True, exist_ok=True)
    rows: dict[str, dict[str, Outcome]] = {}
    with tempfile.TemporaryDirectory() as made:
        networks = models(Path(made) / "models")
        for group, (attacks, _) in GROUPS.items():
            for number, name in enumerate(attacks):
                if not re.search(options.only, name) or (name in _NEEDS_ROOT and os.geteuid() != 0):
                    continue
                outcome = attacked(name, group, Path(made) / f"{group}-{number}", networks)
                rows.setdefault(group, {})[name] = outcome
                words = f"{name}: lost {outcome.lost} of {outcome.expected}, held up {outcome.held:.2f} s"
                print(f"{words}; {shown(outcome.told)[:150]}", file=sys.stderr, flush=True)
    told = {
        "date": time.strftime("%Y-%m-%d"),
        "machine": f"{platform.platform()}, {os.cpu_count()} cores, load {os.getloadavg()[0]:.1f}",
        "attacks": {group: {name: asdict(each) for name, each in found.items()} for group, found in rows.items()},
    }
    write_json(options.out / "attack.json", told)
    (options.out / "attack.md").write_text(markdown(rows), encoding="utf-8")
    print(markdown(rows))
    sys.exit(1 if any(each.lost for found in rows.values() for each in found.values()) else 0)


if __name__ == "__main__":
    main()
