"""Real video codecs over many small pictures at once: they are laid out on one canvas and encoded together."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from lpsr_core.degradation import jpeg
from lpsr_core.errors import LpsrError
from lpsr_core.geometry import Image

Codec = Literal["none", "jpeg", "h264", "hevc"]
_CANVAS_WIDTH = 640
_ENCODERS = {"h264": ("libx264", "h264"), "hevc": ("libx265", "hevc")}
_QUIET = {"h264": "x264-params", "hevc": "x265-params"}
_GRAY = 110


@dataclass(frozen=True)
class Cell:
    """Where a picture lies on the canvas: its top left corner, width and height in pixels."""

    x: int
    y: int
    width: int
    height: int


def lay_out(sizes: Sequence[tuple[int, int]]) -> tuple[list[Cell], tuple[int, int]]:
    """Place pictures in rows, the highest first.

    Args:
        sizes: width and height of each; none wider than the canvas.

    Returns:
        A cell for each, and the canvas's width and height, both even.
    """
    cells: list[Cell] = [Cell(0, 0, 0, 0)] * len(sizes)
    x = y = row = 0
    for index in sorted(range(len(sizes)), key=lambda each: -sizes[each][1]):
        across, down = sizes[index]
        if x + across > _CANVAS_WIDTH:
            x, y, row = 0, y + row, 0
        cells[index] = Cell(x, y, across, down)
        x, row = x + across, max(row, down)
    return cells, (_CANVAS_WIDTH, y + row + (y + row) % 2)


def encode_together(tracks: Sequence[Sequence[Image]], codec: Codec, level: int) -> list[list[Image]]:
    """Return several tracks as a recorder delivers them that encodes them in one video.

    Args:
        tracks: of as many frames each, uint8[H, W, 3], RGB; sizes differ from track to track.
        codec: `h264` or `hevc`.
        level: quantiser, 0..51.

    Returns:
        The tracks as they are decoded.

    Raises:
        LpsrError: PyAV is not installed.
    """
    sizes = [(track[0].shape[1], track[0].shape[0]) for track in tracks]
    cells, (width, height) = lay_out(sizes)
    canvases = []
    for moment in range(len(tracks[0])):
        canvas = np.full((height, width, 3), _GRAY, np.uint8)
        for cell, track in zip(cells, tracks, strict=True):
            canvas[cell.y : cell.y + cell.height, cell.x : cell.x + cell.width] = track[moment]
        canvases.append(canvas)
    decoded = transcode(canvases, codec, level)
    return [
        [canvas[cell.y : cell.y + cell.height, cell.x : cell.x + cell.width].copy() for canvas in decoded]
        for cell in cells
    ]


def transcode(frames: Sequence[NDArray[np.uint8]], codec: Codec, level: int) -> list[NDArray[np.uint8]]:
    """Encode frames and decode them again.

    Args:
        frames: uint8[H, W, 3], RGB, with even sides.
        codec: any; `jpeg` takes each frame alone.
        level: JPEG quality or quantiser.

    Raises:
        LpsrError: a video codec is asked for and PyAV is not installed.
    """
    if codec == "none":
        return list(frames)
    if codec == "jpeg":
        return [jpeg(frame, level) for frame in frames]
    try:
        import av
        from av.video.codeccontext import VideoCodecContext
    except ImportError:
        raise LpsrError("PyAV, which video codecs need, is not installed; install it with: pip install av") from None
    encoder_name, decoder_name = _ENCODERS[codec]
    encoder, decoder = VideoCodecContext.create(encoder_name, "w"), VideoCodecContext.create(decoder_name, "r")
    assert isinstance(encoder, VideoCodecContext)
    assert isinstance(decoder, VideoCodecContext)
    height, width = frames[0].shape[:2]
    encoder.width, encoder.height, encoder.pix_fmt = width, height, "yuv420p"
    encoder.framerate, encoder.thread_count = Fraction(25), 1
    own = f"qp={level}:bframes=0:keyint=250:scenecut=0" + (":log-level=none:pools=none" if codec == "hevc" else "")
    encoder.options = {"preset": "veryfast" if codec == "h264" else "ultrafast", _QUIET[codec]: own}
    decoder.thread_count = 1
    packets = []
    for index, frame in enumerate(frames):
        picture = av.VideoFrame.from_ndarray(frame, format="rgb24")
        picture.pts = index
        packets.extend(encoder.encode(picture))
    packets.extend(encoder.encode(None))
    decoded = [picture for packet in packets for picture in decoder.decode(packet)]
    decoded.extend(decoder.decode(None))
    return [np.asarray(picture.to_ndarray(format="rgb24"), np.uint8) for picture in decoded]
