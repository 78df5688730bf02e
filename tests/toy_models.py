"""Small models whose answers are known, and the pictures that they read.

A test plate is seven cells of plain colour: red and green, in steps of 51, are the two digits of the character's
class in base 6. The test reader measures the cells' colours, so a text painted into a picture is the text that
must come out at the other end, through resizing, compression and the test generator (a bicubic enlargement).
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import cv2
import numpy as np

from lpsr_core.alphabet import encode

ROOT = Path(__file__).resolve().parents[1]
LEVEL = 51


def paint(text: str, width: int = 96, height: int | None = None) -> np.ndarray:
    """A test plate, uint8[height, width, 3]."""
    cells = np.zeros((1, 7, 3), np.uint8)
    classes = encode(text)
    cells[0, :, 0], cells[0, :, 1], cells[0, :, 2] = classes // 6 * LEVEL, classes % 6 * LEVEL, 120
    return cv2.resize(cells, (width, height or width // 3), interpolation=cv2.INTER_NEAREST_EXACT)


def scene(text: str, width: int = 120) -> np.ndarray:
    """A picture of 320x240 with a test plate where the test detector finds it."""
    image = np.full((240, 320, 3), 90, np.uint8)
    image[60:100, 100:220] = paint(text, width, 40) if width == 120 else cv2.resize(paint(text, width), (120, 40))
    return image


def save_image(path: Path, image: np.ndarray) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    ok, data = cv2.imencode(path.suffix, image[..., ::-1])
    assert ok
    path.write_bytes(data.tobytes())
    return path


def save_video(path: Path, frames: list[np.ndarray], rate: float = 10.0) -> Path:
    height, width = frames[0].shape[:2]
    writer = cv2.VideoWriter(str(path), cv2.VideoWriter.fourcc(*"mp4v"), rate, (width, height))
    for frame in frames:
        writer.write(np.ascontiguousarray(frame[..., ::-1]))
    writer.release()
    return path


def save_graph(path: Path, nodes: list[Any], inputs: list[Any], outputs: list[Any], constants: dict[str, Any]) -> Path:
    import onnx
    from onnx import helper, numpy_helper

    initializers = [numpy_helper.from_array(np.asarray(value), name) for name, value in constants.items()]
    graph = helper.make_graph(nodes, path.stem, inputs, outputs, initializers)
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 19)], ir_version=9)
    onnx.save(model, str(path))
    return path


def tensor(name: str, *shape: Any) -> Any:
    from onnx import TensorProto, helper

    return helper.make_tensor_value_info(name, TensorProto.FLOAT, shape)


def make_generator(path: Path, source: str = "lr", result: str = "sr", batch: Any = "N") -> Path:
    """Twice as large, bicubic."""
    from onnx import helper

    nodes = [
        helper.make_node("Resize", [source, "", "scales"], ["large"], mode="cubic"),
        helper.make_node("Clip", ["large", "zero", "one"], [result]),
    ]
    constants = {
        "scales": np.array([1, 1, 2, 2], np.float32),
        "zero": np.array(0, np.float32),
        "one": np.array(1, np.float32),
    }
    return save_graph(path, nodes, [tensor(source, batch, 3, 16, 48)], [tensor(result, batch, 3, 32, 96)], constants)


def make_reader(path: Path, sharpness: float = 400.0) -> Path:
    """Measures the colour of each cell's middle."""
    from onnx import helper

    measure = np.zeros((3, 32, 96, 7, 2), np.float32)
    for cell in range(7):
        left, right = round((cell + 0.35) * 96 / 7), round((cell + 0.65) * 96 / 7)
        for channel in (0, 1):
            measure[channel, 12:20, left:right, cell, channel] = 1 / (8 * (right - left))
    levels = np.array([[index // 6, index % 6] for index in range(36)], np.float32) * (LEVEL / 255)
    nodes = [
        helper.make_node("Reshape", ["image", "flat"], ["pixels"]),
        helper.make_node("MatMul", ["pixels", "measure"], ["colours"]),
        helper.make_node("Reshape", ["colours", "cells"], ["positions"]),
        helper.make_node("MatMul", ["positions", "slopes"], ["scores"]),
        helper.make_node("Add", ["scores", "offsets"], ["logits"]),
        helper.make_node("LogSoftmax", ["logits"], ["log_probs"], axis=-1),
    ]
    constants = {
        "flat": np.array([-1, 3 * 32 * 96], np.int64),
        "cells": np.array([-1, 7, 2], np.int64),
        "measure": measure.reshape(3 * 32 * 96, 14),
        "slopes": np.ascontiguousarray(2 * sharpness * levels.T),
        "offsets": -sharpness * (levels**2).sum(axis=1),
    }
    return save_graph(path, nodes, [tensor("image", "N", 3, 32, 96)], [tensor("log_probs", "N", 7, 36)], constants)


def make_detector(path: Path, output: np.ndarray, size: Any = 640) -> Path:
    """Gives the same output for every picture."""
    from onnx import helper

    nodes = [
        helper.make_node("ReduceMax", ["images"], ["brightest"], keepdims=0),
        helper.make_node("Mul", ["brightest", "nothing"], ["zero"]),
        helper.make_node("Add", ["constant", "zero"], ["output0"]),
    ]
    constants = {"nothing": np.array(0, np.float32), "constant": output.astype(np.float32)}
    return save_graph(path, nodes, [tensor("images", 1, 3, size, size)], [tensor("output0", *output.shape)], constants)
