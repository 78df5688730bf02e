"""The example with the released networks: eight cars, eight reads, however few frames a second are looked at."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from dataclasses import replace

import pytest
from conftest import ROOT

from lpsr_run.pipeline.stream import PlateStream
from lpsr_run.pipeline.tracking import TrackSettings
from lpsr_run.sources.base import Frame
from lpsr_run.sources.video import VideoFileSource

PLATES = ["VKY5G31", "HKN3W15", "BHM8296", "YFC2334", "FUU8217", "MHX1054", "YAW3798", "MJV7I26"]


@pytest.fixture(scope="module")
def stream() -> PlateStream:
    pytest.importorskip("onnxruntime", reason="the released networks run in ONNX Runtime")
    from lpsr_run.config import RunConfig
    from lpsr_run.pipeline.tools import open_tools

    tools = open_tools(RunConfig(video=("x",), threads=1, backend="onnxruntime"))
    assert tools.locator is not None
    return PlateStream(tools.locator, tools.reader, tracking=TrackSettings(power=tools.calibration.power))


@pytest.fixture(scope="module")
def gate() -> list[Frame]:
    return list(VideoFileSource(ROOT / "examples" / "gate.mp4").frames())


@pytest.mark.parametrize("stride", [6, 11, 16, 24])
def test_every_car_is_read_once_at_any_stride(stream: PlateStream, gate: list[Frame], stride: int) -> None:
    assert [event.read.reading.text for event in stream.reads(gate[::stride])] == PLATES


@pytest.mark.parametrize("rate", [1, 2])
def test_every_car_of_a_slow_camera_is_read_once(stream: PlateStream, gate: list[Frame], rate: int) -> None:
    def live() -> Iterator[Frame]:
        for number, frame in enumerate(itertools.islice(gate, 0, None, 12 // rate)):
            # A camera's clock is no quartz: every frame comes up to a tenth of its interval late.
            late = 100 / rate * (number * 7 % 10) / 10
            yield replace(frame, milliseconds=1000 / rate * number + late, taken=1.0 + number / rate)

    ends = [event for event in replace(stream, batch=1).reads(live()) if event.event == "final"]
    assert [event.read.reading.text for event in ends] == PLATES
