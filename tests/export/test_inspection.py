"""What the engine inspector tells, in the words of TensorRT 10 and of TensorRT 11, and what is made of it.

The files in `inspector` are in the forms that NVIDIA documents for both; no GPU's engine was inspected for them.
"""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from lpsr_core.errors import LpsrError
from lpsr_export.tensorrt import inspection
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


class TensorRt:
    """As much of TensorRT as is asked about a plan: formats are told only for a context that has shapes."""

    class LayerInformationFormat:
        JSON = "json"

    class Logger:
        ERROR = 1

        def __init__(self, level: int) -> None:
            pass

    def __init__(self, loads: bool = True, takes: bool = True) -> None:
        self.loads, self.takes = loads, takes
        self.allowed = False
        self.shapes: dict[str, tuple[int, ...]] = {}
        self.execution_context: object = None

    def Runtime(self, logger: object) -> TensorRt:
        return self

    @property
    def engine_host_code_allowed(self) -> bool:
        return self.allowed

    @engine_host_code_allowed.setter
    def engine_host_code_allowed(self, value: bool) -> None:
        self.allowed = value

    def deserialize_cuda_engine(self, plan: bytes) -> TensorRt | None:
        return self if self.loads else None

    def create_execution_context(self) -> TensorRt:
        return self

    def create_engine_inspector(self) -> TensorRt:
        return self

    def set_input_shape(self, name: str, shape: tuple[int, ...]) -> bool:
        self.shapes[name] = shape
        return self.takes

    def get_engine_information(self, form: str) -> str:
        shaped = self.execution_context is self and self.takes
        name = "tensorrt-11" if shaped else "tensorrt-11-dynamic"
        return (TOLD / f"{name}.json").read_text(encoding="utf-8")


@pytest.mark.parametrize("host_code", [False, True])
def test_a_plan_is_inspected_at_its_optimum(monkeypatch: pytest.MonkeyPatch, host_code: bool) -> None:
    made = TensorRt()
    monkeypatch.setattr(inspection, "import_tensorrt", lambda: made)
    assert inspection.inspect_types(b"plan", "generator", 16, host_code)["fp16"] == 2
    assert made.shapes == {"lr": (16, 3, 16, 48)}
    assert made.allowed == host_code, "version-compatible plans carry code for the processor"


def test_a_plan_without_shapes_tells_no_types_and_a_broken_one_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(inspection, "import_tensorrt", lambda: TensorRt(takes=False))
    assert inspection.inspect_types(b"plan", "generator", 16, False) == {"unknown": 2}
    monkeypatch.setattr(inspection, "import_tensorrt", lambda: TensorRt(loads=False))
    with pytest.raises(LpsrError, match="TensorRT cannot load the plan"):
        inspection.inspect_types(b"plan", "generator", 16, False)
