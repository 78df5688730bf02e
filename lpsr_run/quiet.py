"""OpenCV without its own messages: what fails is reported by the project, in one line."""

from __future__ import annotations

import os


def silence_opencv() -> None:
    """Turns OpenCV's and FFmpeg's messages off; to be called before the first video is opened."""
    os.environ.setdefault("OPENCV_LOG_LEVEL", "SILENT")
    # FFmpeg's AV_LOG_QUIET.
    os.environ.setdefault("OPENCV_FFMPEG_LOGLEVEL", "-8")
    import cv2

    cv2.utils.logging.setLogLevel(cv2.utils.logging.LOG_LEVEL_SILENT)
