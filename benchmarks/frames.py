"""Whole frames with labelled plates: how many are found, read, and read in videos that are made of them.

    python -m benchmarks.frames --data FOLDER --out runs/frames.json

The folder holds pictures and a `labels.csv` (`file,text,x,y,width,height`, see `lpsr_core.labelled`). Four things are
measured: plates found at an intersection over union of 0.5, texts read from the frames as they are, texts of videos in
which a frame drifts and shrinks until its plate is 40 pixels wide, and plates found in 3840x2160 frames in which they
are small.
"""

from __future__ import annotations

import argparse
import json
import math
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from rich.progress import track

from lpsr_core.geometry import Box, Image
from lpsr_core.jsonfile import write_json
from lpsr_core.labelled import Label, list_labelled, read_picture
from lpsr_core.metrics import Rate
from lpsr_run.config import RunConfig
from lpsr_run.locate.base import Locator
from lpsr_run.pipeline.tools import open_tools

_OVERLAP = 0.5
_LAST_WIDTH = 40
"""Pixels that a plate is wide at a video's end."""
_VIDEO_FRAMES = 36
_RATE = 12
_LARGE = (3840, 2160)
_SMALL_WIDTHS = (20, 24, 32, 48)
_GREY = (114, 114, 114)
_AT_ONCE = 8
"""Sources of a run: each decodes some frames ahead."""


def framed(label: Label) -> Box:
    """The label's box.

    Raises:
        SystemExit: it has none.
    """
    if label.box is None:
        sys.exit(f"error: {label.path}: has no box; give x, y, width and height in labels.csv")
    return label.box


def rate(hits: int, total: int) -> dict[str, Any]:
    """A share with its interval, for JSON."""
    found = Rate(hits, total)
    return {"hits": hits, "total": total, "percent": round(found.percent, 1), "interval": [*map(round, found.interval)]}


def by_picture(labels: Sequence[Label]) -> dict[Path, list[Label]]:
    """The labels of each picture.

    Raises:
        SystemExit: two pictures have one name, by which reads are told apart.
    """
    found: dict[Path, list[Label]] = {}
    for label in labels:
        found.setdefault(label.path, []).append(label)
    names = [path.name for path in found]
    for name in names:
        if names.count(name) > 1:
            sys.exit(f"error: two pictures are called {name}; give them names of their own")
    return found


def located(labels: Sequence[Label], locator: Locator) -> dict[str, Any]:
    """Recall and precision by the labels: a plate without one counts as false, and so does a plate's second box."""
    found, boxes = 0, 0
    for path, plates in track(by_picture(labels).items(), "locate", transient=True):
        seen = [each.quad.box for each in locator.locate(read_picture(path))]
        found += sum(any(box.iou(framed(label)) >= _OVERLAP for box in seen) for label in plates)
        boxes += len(seen)
    return {"recall": rate(found, len(labels)), "precision": rate(found, boxes)}


def small(labels: Sequence[Label], locator: Locator, width: int) -> dict[str, Any]:
    """Recall in large frames whose plates are so wide: each frame shrunk, somewhere on a grey one.

    Plates that are narrower, or whose frames are too large for it, are left out.
    """
    found = total = 0
    for index, label in enumerate(track(labels, f"{width} pixels", transient=True)):
        picture, box = read_picture(label.path), framed(label)
        share = width / box.width
        if share > 1 or picture.shape[1] * share > _LARGE[0] or picture.shape[0] * share > _LARGE[1]:
            continue
        picture = np.asarray(cv2.resize(picture, None, fx=share, fy=share, interpolation=cv2.INTER_AREA), np.uint8)
        canvas = np.full((_LARGE[1], _LARGE[0], 3), _GREY, np.uint8)
        rng = np.random.default_rng(index)
        height, across = picture.shape[:2]
        x, y = (int(rng.integers(0, most - side + 1)) for most, side in zip(_LARGE, (across, height), strict=True))
        canvas[y : y + height, x : x + across] = picture
        wanted = Box(x + share * box.x, y + share * box.y, share * box.width, share * box.height)
        found += any(each.quad.box.iou(wanted) >= _OVERLAP for each in locator.locate(canvas))
        total += 1
    return rate(found, total)


def reads_of(sources: Sequence[Path], out: Path) -> dict[str, list[dict[str, Any]]]:
    """What lpsr-run makes of files of different names, by their names.

    Raises:
        SystemExit: it failed.
    """
    found: dict[str, list[dict[str, Any]]] = {source.name: [] for source in sources}
    parts = [sources[start : start + _AT_ONCE] for start in range(0, len(sources), _AT_ONCE)]
    for part in track(parts, "read", transient=True):
        command = [sys.executable, "-m", "lpsr_run", "--out", str(out), "--quiet", "--no-pictures"]
        for source in part:
            command += ["--video", str(source)]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        if done.returncode:
            sys.exit(done.stderr.strip() or f"error: lpsr-run ended with exit code {done.returncode}")
        for line in (out / "reads.jsonl").read_text(encoding="utf-8").splitlines():
            read = json.loads(line)
            found[Path(read["source"]).name].append(read)
    return found


def frames_read(labels: Sequence[Label], folder: Path) -> dict[str, Any]:
    """Frames whose plate was read right, all seven characters, where the label says that it is."""
    found = reads_of(list(by_picture(labels)), folder / "reads")
    hits = sum(
        any(read["text"] == label.text and _there(read, label) for read in found[label.path.name]) for label in labels
    )
    return rate(hits, len(labels))


def _there(read: dict[str, Any], label: Label) -> bool:
    return Box(**read["box"]).iou(framed(label)) >= _OVERLAP


def drifting(picture: Image, box: Box) -> Iterator[Image]:
    """The frame as if its camera moved back and aside, until the plate is `_LAST_WIDTH` pixels wide."""
    height, width = picture.shape[:2]
    last = min(_LAST_WIDTH / box.width, 1.0)
    for step in range(_VIDEO_FRAMES):
        part = step / (_VIDEO_FRAMES - 1)
        share = math.exp(part * math.log(last))
        x, y = (1 - share) * width * (0.5 + 0.3 * part), (1 - share) * height * (0.5 - 0.2 * part)
        # Averaged first, as a sensor does: warping alone would skip pixels.
        small = cv2.resize(picture, None, fx=share, fy=share, interpolation=cv2.INTER_AREA)
        matrix = np.array([[1, 0, x], [0, 1, y]], np.float64)
        moved = cv2.warpAffine(small, matrix, (width, height), borderMode=cv2.BORDER_CONSTANT, borderValue=_GREY)
        yield np.asarray(moved, np.uint8)


def videos_read(labels: Sequence[Label], folder: Path) -> dict[str, Any]:
    """Videos in which a track that lasts at least half of it, or the longest one, bears the label's text."""
    paths = []
    for index, label in enumerate(track(labels, "videos", transient=True)):
        picture, path = read_picture(label.path), folder / f"{index}.mp4"
        height, width = (side - side % 2 for side in picture.shape[:2])
        writer = cv2.VideoWriter(str(path), cv2.VideoWriter.fourcc(*"mp4v"), _RATE, (width, height))
        for frame in drifting(picture, framed(label)):
            writer.write(cv2.cvtColor(frame[:height, :width], cv2.COLOR_RGB2BGR))
        writer.release()
        paths.append(path)
    found = reads_of(paths, folder / "reads")
    hits = 0
    for label, path in zip(labels, paths, strict=True):
        tracks = sorted(found[path.name], key=lambda read: -int(read["frames"]))
        # A frame may show other cars, whose plates are seen as long: those do not count against it.
        rivals = [read["text"] for read in tracks if read["frames"] >= _VIDEO_FRAMES // 2] or [
            read["text"] for read in tracks[:1]
        ]
        hits += label.text in rivals
    return rate(hits, len(labels))


def main() -> None:
    """Measures, prints and writes."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--out", type=Path, default=Path("runs/frames.json"))
    options = parser.parse_args()
    labels = list_labelled(options.data)
    locator = open_tools(RunConfig(video=("-",))).locator
    assert locator is not None
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        result = {
            "frames": len(labels),
            "located": located(labels, locator),
            "read": frames_read(labels, folder),
            "videos_read": videos_read(labels, folder),
            "found_in_3840x2160": {str(width): small(labels, locator, width) for width in _SMALL_WIDTHS},
        }
    write_json(options.out, result)
    print(json.dumps(result, indent=1))


if __name__ == "__main__":
    main()
