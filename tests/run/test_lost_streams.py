"""A connection that broke off leaves nothing behind, also before Python collects its garbage."""

from __future__ import annotations

import gc
import weakref
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from conftest import save_video, scene

from lpsr_run.sources.pyav_decoder import PyAvDecoder

av = pytest.importorskip("av", reason="needs PyAV")


class BreaksOff:
    """A container whose server goes away after the first packets."""

    def __init__(self, container: Any) -> None:
        self._container = container

    def demux(self, stream: Any) -> Any:
        yield from (packet for _, packet in zip(range(3), self._container.demux(stream), strict=False))
        raise av.error.ConnectionResetError(104, "connection reset by peer")

    def __getattr__(self, name: str) -> Any:
        return getattr(self._container, name)


def test_a_decoder_of_a_lost_stream_is_freed_at_once(tmp_path: Path) -> None:
    video = save_video(tmp_path / "a.mp4", [scene("ABC1234")] * 8)
    gc.collect()
    gc.disable()
    try:
        with closing(PyAvDecoder(str(video), "camera")) as decoder:
            decoder._container = BreaksOff(decoder._container)
            assert sum(1 for _ in decoder.frames()) > 0
            assert decoder._failure is not None
        gone = weakref.ref(decoder)
        del decoder
        assert gone() is None, "its threads and buffers go with it"
    finally:
        gc.enable()
