"""Where frames come from: images, video files, streams and cameras."""

from lpsr_run.sources.base import Frame, Report, Source
from lpsr_run.sources.choose import list_images, open_source
from lpsr_run.sources.images import read_image

__all__ = ["Frame", "Report", "Source", "list_images", "open_source", "read_image"]
