"""`lpsr-export verify`: how far two graphs or engines of one role are from each other, and the crops they differ on."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np

from lpsr_core.cards import Role, graph_name, load_verified
from lpsr_core.errors import LpsrError, UsageError
from lpsr_core.geometry import Image, to_images
from lpsr_core.plans import load_runnable
from lpsr_core.tensorrt import load_plugin
from lpsr_export.checks.compare import Agreement, compare_pictures, compare_readings, texts
from lpsr_export.checks.crops import CHECK_SEED, direct_batch, lr_batch, rendered_crops
from lpsr_export.graph.graphs import GraphSession
from lpsr_export.tensorrt.engines import PlanSession, this_machine
from lpsr_train.validation.pictures import write_png

_WORST = 8
_WIDTH = 384
"""Rows of the picture, and the width to which their pictures are enlarged."""


@dataclass(frozen=True)
class Verified:
    """A comparison.

    Attributes:
        agreement: of the second with the first.
        rows: for each of the crops that differ most, worst first, the pictures beside each other, uint8[H, W, 3], and
            what was read.
    """

    agreement: Agreement
    rows: tuple[tuple[Image, str], ...]

    def write(self, path: Path) -> None:
        """Writes the worst crops as a PNG.

        Raises:
            LpsrError: the file cannot be written.
        """
        lines = []
        for image, text in self.rows:
            caption = np.full((22, image.shape[1], 3), 255, np.uint8)
            cv2.putText(caption, text, (4, 16), cv2.FONT_HERSHEY_SIMPLEX, 0.5, (0, 0, 0), 1, cv2.LINE_AA)
            lines += [caption, image]
        try:
            write_png(path, np.concatenate(lines))
        except OSError as error:
            raise LpsrError(f"{path}: cannot be written: {error.strerror or error}") from None


def verify(first: Path, second: Path, count: int, reader: Path | None = None) -> Verified:
    """Compares two .onnx or .plan files over rendered crops.

    Args:
        first: what is right; usually the FP32 graph.
        second: what is compared with it.
        count: of crops.
        reader: graph that reads what generators make; the FP32 reader beside the first file when None.

    Raises:
        UsageError: they are of different roles, or there is no reader.
        LpsrError: one cannot be run here.
    """
    (name, role, one), (_, other_role, other) = _open(first), _open(second)
    if role != other_role:
        raise UsageError(f"{first} is a {role} and {second} a {other_role}; compare two of one role")
    crops = rendered_crops(count, CHECK_SEED, ())
    if role == "reader":
        images = direct_batch(crops.images, min(one.direct, other.direct))
        expected, found = one(images), other(images)
        differences = np.abs(np.exp(found) - np.exp(expected)).max(axis=(1, 2))
        agreement = compare_readings(found, expected, crops.texts)
        shown = [to_images(images)]
        read, right = texts(found), texts(expected)
    else:
        path = reader or first.with_name(graph_name(name, "reader"))
        if not path.is_file():
            raise UsageError(f"{path}: no such reader; name the one that reads the pictures with --reader")
        reads = GraphSession(path, "reader")
        images = lr_batch(crops.images)
        expected, found = one(images), other(images)
        read, right = texts(reads(found)), texts(reads(expected))
        differences = np.mean((found - expected) ** 2, axis=(1, 2, 3))
        agreement = compare_pictures(found, expected, read, right, crops.texts)
        apart = np.clip(np.abs(found - expected) * 8, 0, 1)
        shown = [to_images(picture) for picture in (images.repeat(2, axis=2).repeat(2, axis=3), expected, found, apart)]
    # What reads differently first, then what looks differently.
    unequal = np.array([a != b for a, b in zip(read, right, strict=True)])
    worst = np.lexsort((-differences, ~unequal))[:_WORST]
    rows = []
    for index in worst:
        sizes = [_WIDTH // part.shape[2] for part in shown]
        pictures = [
            np.kron(part[index], np.ones((size, size, 1), np.uint8)) for part, size in zip(shown, sizes, strict=True)
        ]
        rows.append((np.concatenate(pictures, axis=1), f"{right[index]} -> {read[index]}  {differences[index]:.2g}"))
    return Verified(agreement, tuple(rows))


def _open(path: Path) -> tuple[str, Role, GraphSession | PlanSession]:
    """Name of the model that a file is of, its role, and a session of it."""
    if path.suffix == ".plan":
        machine = this_machine()
        card = load_runnable(path, machine.tensorrt, machine.gpu)
        config = card.config
        if card.plugin_file:
            load_plugin(path.with_name(card.plugin_file), config.plugin)
        largest = config.profile["batch"][2]
        return config.name, config.role, PlanSession(path.read_bytes(), config.role, largest, config.carries_code)
    if not path.is_file():
        raise UsageError(f"{path}: no such graph")
    model = load_verified(path)
    return model.name, model.role, GraphSession(path, model.role)
