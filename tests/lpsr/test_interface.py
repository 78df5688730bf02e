"""The package itself: what importing it loads, its options, its enlarged pictures, and its examples."""

from __future__ import annotations

import dataclasses
import doctest
import inspect
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from toy_models import ROOT, paint, save_video, scene

import lpsr
import lpsr.reader
import lpsr.super_resolver
import lpsr.terms
from lpsr_run.config import RunConfig


def loaded_by(code: str) -> set[str]:
    """Top-level modules that are loaded once the code has run in a Python of its own."""
    code += "\nimport sys; print(*{name.partition('.')[0] for name in sys.modules})"
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, env=environment, check=True)
    return set(done.stdout.split())


def test_importing_loads_nothing_heavy() -> None:
    heavy = {"numpy", "cv2", "scipy", "av", "onnxruntime", "torch", "onnx", "lpsr_run"}
    assert not loaded_by("import lpsr; lpsr.__version__") & heavy


def test_a_reader_needs_no_training_packages() -> None:
    pytest.importorskip("onnxruntime", reason="the released graphs run in ONNX Runtime")
    modules = loaded_by("import lpsr; lpsr.Reader(threads=1); lpsr.SuperResolver(threads=1)")
    assert {"cv2", "onnxruntime"} <= modules
    assert not modules & {"torch", "onnx", "lpsr_train", "lpsr_export", "lpsr_bench", "PIL"}


def test_every_public_name_is_there() -> None:
    assert set(lpsr.__all__) <= set(dir(lpsr))
    for name in lpsr.__all__:
        assert getattr(lpsr, name) is not None
    with pytest.raises(AttributeError, match="'lpsr' has no attribute 'Raeder'"):
        lpsr.Raeder  # noqa: B018
    assert issubclass(lpsr.UsageError, lpsr.LpsrError)


@pytest.mark.parametrize("call", [lpsr.Reader, lpsr.SuperResolver, lpsr.Reader.stream])
def test_defaults_are_those_of_the_command(call: Any) -> None:
    defaults = {entry.name: entry.default for entry in dataclasses.fields(RunConfig)}
    options = [one for one in inspect.signature(call).parameters.values() if one.kind is one.KEYWORD_ONLY]
    assert options
    assert {one.name: one.default for one in options} == {one.name: defaults[one.name] for one in options}


def test_every_option_arrives(toys: dict[str, Any], monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    given = {
        **toys,
        "super_resolve": "always",
        "layouts": ("mercosur", "LLDDDLL"),
        "precision": "fp16",
        "batch": 3,
        "views": "one",
        "locator": "classical",
        "locator_threshold": 0.25,
        "region": "0,0,100,100",
        "certain": 0.11,
        "min_plate": 0.12,
        "min_confidence": 0.13,
        "min_frames": 4,
        "sure": 0.14,
    }
    reader = lpsr.Reader(**given)
    assert {name: getattr(reader._config, name) for name in given} == given
    assert {*given, "device"} == set(inspect.signature(lpsr.Reader).parameters)
    streamed: list[RunConfig] = []
    real = lpsr.reader.open_sources
    monkeypatch.setattr(
        lpsr.reader, "open_sources", lambda config, *rest: streamed.append(config) or real(config, *rest)
    )
    said = {
        "stride": 3,
        "early": False,
        "pixel_aspect": 1.5,
        "decode": "auto",
        "give_up": 7.0,
        "silence": 8.0,
    }
    video = save_video(tmp_path / "a.mp4", [scene("ABC1234")])
    reader.stream(video, **said).close()
    assert {name: getattr(streamed[0], name) for name in said} == said
    assert {*said, "self", "sources"} == set(inspect.signature(lpsr.Reader.stream).parameters)
    assert streamed[0].sure == 0.14


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"min_plate": 2.0}, "min_plate is between 0 and 1, not 2.0"),
        ({"super_resolve": "perhaps"}, "super_resolve is one of auto, always, never, not 'perhaps'"),
        ({"reader": "nothing.onnx"}, "nothing.onnx: no such model file"),
        ({"layouts": "LLLL"}, "layout 'LLLL' has 4 characters"),
        ({"device": "GPU", "backend": "auto"}, "give backend openvino with it"),
        ({"detector": "no.onnx"}, "no.onnx: no such model file"),
        ({"region": "1,2"}, "region"),
        ({"region": (0, 0.5, 1, 0.5)}, "region takes text as X,Y,W,H, not (0, 0.5, 1, 0.5)"),
        ({"certain": None}, "certain takes a number, not None"),
        ({"threads": 1.5}, "threads takes an integer, not 1.5"),
        ({"batch": True}, "batch takes an integer, not True"),
        ({"layouts": None}, "layouts takes text, not None"),
        ({"layouts": ["mercosur", 3]}, "layouts takes text, not 3"),
        ({"detector": 3}, "detector takes text, not 3"),
    ],
)
def test_wrong_options_are_told_in_keywords(options: dict[str, Any], words: str, toys: dict[str, Any]) -> None:
    with pytest.raises(lpsr.UsageError) as caught:
        lpsr.Reader(**{**toys, **options})
    assert words in str(caught.value)
    assert "--" not in str(caught.value)
    assert "\n" not in str(caught.value)


def test_wrong_sources_are_told_at_the_call(reader: lpsr.Reader, tmp_path: Path) -> None:
    with pytest.raises(lpsr.UsageError, match=r"nowhere\.mp4: no such file"):
        reader.stream("nowhere.mp4")
    with pytest.raises(lpsr.UsageError, match=r"^stream takes a video"):
        reader.stream()
    video = save_video(tmp_path / "a.mp4", [scene("ABC1234")])
    with pytest.raises(lpsr.UsageError, match=r"^stride is at least 1, not 0$"):
        reader.stream(video, stride=0)
    with pytest.raises(lpsr.UsageError, match=r"^stride takes an integer, not '2'$"):
        reader.stream(video, stride="2")  # type: ignore[arg-type]
    with pytest.raises(lpsr.UsageError, match=r"^two sources are called"):
        reader.stream(video, video)


def test_enlarged_pictures_are_those_of_the_reads(toys: dict[str, Any]) -> None:
    crops = [paint(text, width) for text, width in (("ABC1234", 40), ("XYZ9Q87", 120), ("QQQ0A00", 60))]
    reads = lpsr.Reader(**toys, super_resolve="always", views="one").read_crops(crops)
    resolver = lpsr.SuperResolver(
        generator=toys["generator"], backend=toys["backend"], threads=toys["threads"], batch=2
    )
    pictures = resolver.enlarge(crops)
    assert [(picture.shape, picture.dtype) for picture in pictures] == [((32, 96, 3), np.uint8)] * 3
    for picture, read in zip(pictures, reads, strict=True):
        np.testing.assert_array_equal(picture, read.sr_image)
    swapped = resolver.enlarge([crops[0][..., ::-1]], bgr=True)
    np.testing.assert_array_equal(swapped[0], pictures[0])
    assert resolver.enlarge([]) == []
    with pytest.raises(lpsr.UsageError, match=r"^enlarge takes a list"):
        resolver.enlarge(crops[0])


def test_a_reader_is_no_generator(toys: dict[str, Any]) -> None:
    with pytest.raises(lpsr.LpsrError, match="not a generator"):
        lpsr.SuperResolver(generator=toys["reader"], backend="onnxruntime")
    with pytest.raises(lpsr.UsageError, match="batch is at least 1, not 0"):
        lpsr.SuperResolver(batch=0)
    with pytest.raises(lpsr.UsageError, match="batch takes an integer, not '3'"):
        lpsr.SuperResolver(batch="3")  # type: ignore[arg-type]


def test_plates_compare_without_their_pictures(reader: lpsr.Reader) -> None:
    one, again = (reader.read_crops([paint("ABC1234")])[0] for _ in range(2))
    other = reader.read_crops([paint("ABC1235")])[0]
    assert one == again
    assert len({one, again, other}) == 2
    assert "ABC1234" in repr(one)
    assert "array" not in repr(one)
    with pytest.raises(dataclasses.FrozenInstanceError):
        one.text = "XYZ9876"  # type: ignore[misc]


@pytest.mark.parametrize("module", [lpsr, lpsr.reader, lpsr.super_resolver, lpsr.terms], ids=lambda one: one.__name__)
def test_examples_in_docstrings(module: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("onnxruntime", reason="the released graphs run in ONNX Runtime")
    monkeypatch.chdir(ROOT)
    result = doctest.testmod(module)
    assert result.attempted
    assert not result.failed


def test_examples_in_the_documentation(monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("onnxruntime", reason="the released graphs run in ONNX Runtime")
    monkeypatch.chdir(ROOT)
    result = doctest.testfile(str(ROOT / "docs" / "python.md"), module_relative=False)
    assert result.attempted > 10
    assert not result.failed
