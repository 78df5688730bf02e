"""What is picked out of the rows of a suite, for captions, plots and the verdict alike."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal

from lpsr_bench.results import Document

Row = dict[str, Any]
Rows = Sequence[Row]
WHOLE = "crop to string"
"""The way that a user waits for, from decoded crop to text."""
_LATE = 0.05
"""Share of the arrivals that may be missing without a word."""


def whole_way(rows: Rows) -> Row:
    """The row of the whole way where there is one, else the last."""
    return next((row for row in rows if row["way"] == WHOLE), rows[-1])


def by_batch(rows: Rows, way: str) -> list[Row]:
    """One caller's rows of `throughput`, by batch size."""
    return sorted((row for row in rows if row["way"] == way and row["streams"] == 1), key=lambda row: row["batch"])


def several_callers(rows: Rows) -> list[Row]:
    """Rows of `throughput` with several callers, by their number."""
    return sorted((row for row in rows if row["streams"] > 1), key=lambda row: row["streams"])


def best_batch(rows: Rows) -> Row | None:
    """One caller's row with the most crops a second; of the whole way where it was measured."""
    chosen = by_batch(rows, WHOLE) or [row for row in rows if row["streams"] == 1]
    return max(chosen, key=lambda row: row["crops_per_second"], default=None)


def kept_up(row: Row) -> bool:
    """Whether as many crops were read as arrived, but for what is still under way when the last one comes."""
    return bool(row["crops_per_second_served"] >= (1 - _LATE) * row["crops_per_second_arriving"])


def fastest_kept(rows: Rows) -> Row | None:
    """The row of `latency` with the highest rate that was kept up with."""
    return max(filter(kept_up, rows), key=lambda row: row["crops_per_second_arriving"], default=None)


def levels(rows: Rows) -> list[Row]:
    """Rows of `accuracy` of all plates blurred to several levels, from the sharpest on; empty for a single level."""
    found = [
        row for row in rows if row["layout"] == "all" and row["degradation"] == "blur" and row["ssim_below"] is not None
    ]
    return sorted(found, key=lambda row: -row["ssim_below"]) if len(found) > 1 else []


def degraded(row: Row) -> str:
    """How the plates of a row of `accuracy` were degraded."""
    level = "" if row["ssim_below"] is None else f" until SSIM < {row['ssim_below']:g}"
    method = row["degradation"]
    return {"blur": "blurred", "none": "scaled down"}.get(method, f"degraded ({method})") + level


def misread(row: Row) -> list[tuple[int, str, str]]:
    """Characters that were read as others: how often, the true one and the one read, from the most frequent on."""
    classes = row["classes"]
    found = [
        (count, classes[truth], classes[read])
        for truth, counts in enumerate(row["confusion"])
        for read, count in enumerate(counts)
        if count and truth != read
    ]
    return sorted(found, key=lambda each: (-each[0], each[1:]))


def kernel_kind(row: Row) -> Literal["convolution", "deformable", "network"]:
    """What a row of `kernel` is of."""
    kind = row["name"].partition(" ")[0]
    return kind if kind in ("convolution", "deformable") else "network"


@dataclass(frozen=True)
class Point:
    """What one way of reading is worth.

    Attributes:
        name: of it.
        speed: crops a second.
        rate: entry `all` of its recognition rate: percent, interval, hits and total.
    """

    name: str
    speed: float
    rate: dict[str, Any]

    def beats(self, other: Point) -> bool:
        """Whether it is at least as fast and as often right, and better in one of the two."""
        mine, others = (self.speed, self.rate["percent"]), (other.speed, other.rate["percent"])
        return mine != others and all(a >= b for a, b in zip(mine, others, strict=True))


def precision_points(rows: Rows) -> list[Point]:
    """Of every precision that was tried on plates, at every batch size."""
    return [
        Point(f"{row['precision'].upper()}, batch {batch}", speed, row["rates"]["all"])
        for row in rows
        if row["rates"] is not None
        for batch, speed in row["crops_per_second"].items()
    ]


def peer_points(rows: Rows, document: Document) -> list[Point]:
    """Of ours, which is the first, at every precision, and of every peer that read plates; one by one."""
    used = document["config"]["precision"]
    points = [
        Point(
            f"{row['name']}, {used.upper()}" if not index else row["name"], row["crops_per_second"], row["rates"]["all"]
        )
        for index, row in enumerate(rows)
        if row["rates"] is not None
    ]
    others = [row for row in document["suites"].get("precision", []) if row["precision"] != used and row["rates"]]
    ours = rows[0]["name"]
    return points + [
        Point(f"{ours}, {row['precision'].upper()}", row["crops_per_second"]["1"], row["rates"]["all"])
        for row in others
    ]
