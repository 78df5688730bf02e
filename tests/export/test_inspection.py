"""What the engine inspector tells, in the words of TensorRT 10 and of TensorRT 11, and what is made of it.

The files in `inspector` are in the forms that NVIDIA documents for both; no GPU's engine was inspected for them.
"""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from lpsr_core.errors import LpsrError
from lpsr_export.tensorrt.inspection import check_types, types_told

TOLD = Path(__file__).parent / "inspector"


@pytest.mark.parametrize(
    ("name", "types"),
    [
        ("tensorrt-10-static", {"fp16": 3, "fp32": 1, "int8": 1, "other": 2}),
        ("tensorrt-10-dynamic", {"unknown": 3}),
        ("tensorrt-11", {"fp16": 2, "fp32": 1, "int8": 1, "other": 2}),
        ("tensorrt-11-dynamic", {"unknown": 2}),
        ("names-alone", {}),
    ],
)
def test_both_forms_are_counted(name: str, types: dict[str, int]) -> None:
    assert types_told((TOLD / f"{name}.json").read_text(encoding="utf-8")) == types


@pytest.mark.parametrize(
    ("words", "kind"),
    [
        ("Half", "fp16"),
        ("Float", "fp32"),
        ("BFloat16", "other"),
        ("Channel major FP16 format where channel % 8 == 0", "fp16"),
        ("Thirty-two wide channel vectorized row major Int8 format.", "int8"),
        ("Row major linear FP8", "other"),
        ("N/A due to dynamic shapes", "unknown"),
        ("Not available", "unknown"),
    ],
)
@pytest.mark.parametrize("key", ["Format/Datatype", "Datatype", "DataType"])
def test_words_for_a_type(words: str, kind: str, key: str) -> None:
    information = {"Layers": [{"Name": "conv", "Outputs": [{"Name": "y", key: words}]}]}
    assert types_told(json.dumps(information)) == {kind: 1}


def test_a_type_comes_before_a_format() -> None:
    """Eleven tells them apart, and a format may name another type than the tensor has."""
    tensor = {"Name": "y", "Format": "Row major linear FP32 format (kLINEAR)", "Datatype": "Half"}
    assert types_told(json.dumps({"Layers": [{"Outputs": [tensor]}]})) == {"fp16": 1}


def test_types_are_held_to_what_was_asked_for() -> None:
    assert check_types({"fp16": 2, "fp32": 1}, "fp16", "x") == ""
    assert check_types({"int8": 2, "fp16": 1, "unknown": 3}, "int8", "x") == ""
    for types, precision in (
        ({"fp32": 3}, "fp16"),
        ({"fp16": 1, "fp32": 3}, "fp32"),
        ({"fp16": 3}, "int8"),
        ({}, "fp32"),
        ({"int8": 1, "unknown": 4}, "fp16"),
    ):
        with pytest.raises(LpsrError, match="nothing was written"):
            check_types(types, precision, "x")  # type: ignore[arg-type]
    note = check_types({"unknown": 4, "other": 1}, "int8", "x.plan")
    assert (
        note == "x.plan: asked for int8; TensorRT does not tell what the engine's layers put out (1 other, 4 unknown)"
    )
