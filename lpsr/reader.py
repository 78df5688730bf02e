"""Reads plates in photographs, crops and streams, as `lpsr-run` does."""

from __future__ import annotations

import logging
import os
import threading
from collections.abc import Generator, Iterable, Sequence
from contextlib import closing

from lpsr.arguments import check_types, listed
from lpsr.images import ImageLike, one_frame, still_frames
from lpsr.plate import Plate, plate_of
from lpsr.terms import in_python, python_terms
from lpsr_core.cards import Precision
from lpsr_core.errors import LpsrError, UsageError
from lpsr_core.layouts import parse_layouts
from lpsr_core.views import SuperResolve, Views
from lpsr_run.config import RunConfig
from lpsr_run.engines.backends import Backend
from lpsr_run.pipeline.configured import open_sources, open_stream, unfailing
from lpsr_run.pipeline.crops import read_crops
from lpsr_run.pipeline.fusion import DIFFERENT, fuse
from lpsr_run.pipeline.stream import PlateEvent, PlateStream
from lpsr_run.pipeline.tools import open_tools
from lpsr_run.sources.merge import Merged
from lpsr_run.state import RunState

_DEFAULT = RunConfig()
_log = logging.getLogger("lpsr")


class Reader:
    """Reads licence plates; the networks are loaded once, here.

    The defaults are those of `lpsr-run`, and so are the reads. What is skipped, such as a crop that shows no plate, is
    told as a warning of the logger `lpsr`, and why a track did not become a read at its level `INFO`. Use one reader
    in one thread at a time.

    >>> import lpsr
    >>> reader = lpsr.Reader(threads=1)
    >>> (plate,) = reader.read_crops(["examples/plates/APF5C22.jpg"])
    >>> plate.text, plate.layout, plate.confidence > 0.5
    ('APF5C22', 'mercosur', True)

    Args:
        generator, reader: names of released networks, or paths of .onnx files.
        super_resolve: which plates the generator enlarges. `auto`: those of fewer pixels than 64 x 21, and others whose
            read is not sure; `always`; `never`, which does not load a generator.
        layouts: names or patterns that plates may follow, such as `brazilian` or `LLDDDLL`, as a list or separated by
            commas.
        backend: `onnxruntime`, `cuda`, `tensorrt`, `tensorrt-rtx`, `openvino`, `triton://HOST:PORT`, or
            `auto`: the fastest that works.
        precision: variant of the released networks: `fp32`, `fp16` or `int8`.
        device: OpenVINO device: `CPU`, `GPU`, `NPU` or `AUTO`; empty for its CPU.
        threads: CPU threads of the networks; 0 for as many as there are cores.
        batch: largest number of plates in one forward pass.
        views: `auto` reads a plate again in further views where the first is not sure; `one` never does.
        locator: what finds plates: `auto`, a released name, or the path of an .onnx file.
        locator_threshold: least score of what is read as a plate, 0..1; 0 for the locator's own.
        detector: path of your own .onnx detector (YOLO, RT-DETR), in place of the locator.
        region: part of each picture to search, `x,y,width,height` in pixels or as fractions; None for all of it.
        certain: probability below which a character is `?` in `Plate.certain`, 0..1.
        min_plate: plate score below which nothing counts as a plate, 0..1; 0 keeps everything.
        min_confidence: reads of photographs and streams below it are dropped, 0..1; crops are always read.
        min_frames: frames of a video that must show a plate, unless its confidence is at least `sure`.
        sure: confidence from which one frame of a video suffices, 0..1.

    Raises:
        UsageError: there is no such network, or an argument does not fit.
        LpsrError: a network cannot be loaded, or the runtime is not installed.
    """

    def __init__(
        self,
        *,
        generator: str = _DEFAULT.generator,
        reader: str = _DEFAULT.reader,
        super_resolve: SuperResolve = _DEFAULT.super_resolve,
        layouts: str | Sequence[str] = _DEFAULT.layouts,
        backend: Backend = _DEFAULT.backend,
        precision: Precision = _DEFAULT.precision,
        device: str = _DEFAULT.device,
        threads: int = _DEFAULT.threads,
        batch: int = _DEFAULT.batch,
        views: Views = _DEFAULT.views,
        locator: str = _DEFAULT.locator,
        locator_threshold: float = _DEFAULT.locator_threshold,
        detector: str | os.PathLike[str] | None = _DEFAULT.detector,
        region: str | None = _DEFAULT.region,
        certain: float = _DEFAULT.certain,
        min_plate: float = _DEFAULT.min_plate,
        min_confidence: float = _DEFAULT.min_confidence,
        min_frames: int = _DEFAULT.min_frames,
        sure: float = _DEFAULT.sure,
    ) -> None:
        self._config = RunConfig(
            generator=generator,
            reader=reader,
            super_resolve=super_resolve,
            layouts=listed(layouts),
            backend=backend,
            precision=precision,
            device=device,
            threads=threads,
            batch=batch,
            views=views,
            locator=locator,
            locator_threshold=locator_threshold,
            detector=os.fspath(detector) if isinstance(detector, os.PathLike) else detector,
            region=region,
            certain=certain,
            min_plate=min_plate,
            min_confidence=min_confidence,
            min_frames=min_frames,
            sure=sure,
        )
        check_types(self._config)
        with python_terms():
            self._config.check_values()
            self._tools = open_tools(self._config)
        self._layouts = parse_layouts(self._config.layouts)
        self._tools.reader.warm_up()

    def read(self, image: ImageLike, *, bgr: bool = False) -> list[Plate]:
        """Find and read the plates of a photograph.

        >>> import cv2, lpsr
        >>> _, frame = cv2.VideoCapture("examples/gate.mp4").read()
        >>> for plate in lpsr.Reader(threads=1).read(frame, bgr=True):
        ...     print(plate.text, "at", [round(x, -1) for x in plate.corners[0]])
        VKY5G31 at [440.0, 160.0]

        Args:
            image: a path, uint8[H, W, 3], gray uint8[H, W] or a PIL image.
            bgr: whether a colour array is BGR, as OpenCV gives it.

        Returns:
            The plates, the one that was found most surely first; an empty list where there is none.

        Raises:
            UsageError: a missing file, or an array of another shape or dtype.
            LpsrError: the file cannot be decoded, or the runtime failed.
        """
        events = self._plate_stream(self._config, live=False).reads([one_frame(image, bgr)])
        return [plate_of(event, self._config.certain, located=True, followed=False) for event in events]

    def read_crops(self, images: Iterable[ImageLike], *, bgr: bool = False) -> list[Plate]:
        """Read pictures that are already cropped to one plate each.

        A crop that shows no plate (see `min_plate`) or is smaller than 8x4 pixels is left out with a warning, so there
        may be fewer plates than images; `Plate.frame` is the position of each plate's image.

        >>> import lpsr
        >>> reader = lpsr.Reader(threads=1)
        >>> crops = ["examples/plates/AGA8859.jpg", "examples/plates/APF5C22.jpg"]
        >>> [(plate.frame, plate.text) for plate in reader.read_crops(crops)]
        [(0, 'AGA8859'), (1, 'APF5C22')]

        Args:
            images: paths, uint8[H, W, 3], gray uint8[H, W] or PIL images, of any sizes; also uint8[N, H, W, 3].
            bgr: whether colour arrays are BGR, as OpenCV gives them.

        Returns:
            The plates in the order of their images.

        Raises:
            UsageError: a missing file, or an array of another shape or dtype.
            LpsrError: a file cannot be decoded, or the runtime failed.
        """
        frames = still_frames(images, bgr, "read_crops")
        events = read_crops(frames, self._tools.reader, _warn, self._layouts, min_plate=self._config.min_plate)
        return [plate_of(event, self._config.certain, located=False, followed=False) for event in events]

    def fuse(self, crops: Iterable[ImageLike], *, bgr: bool = False) -> Plate:
        """Read several crops of one plate together, as the frames of a track.

        The log-probabilities of the crops are added, and the sum is divided by a power of their number, since pictures
        of one plate share their mistakes. That is how the frames of a track are fused.

        >>> import cv2, lpsr
        >>> crop = cv2.imread("examples/plates/APF5C22.jpg")
        >>> blurred = [cv2.GaussianBlur(crop, (0, 0), width) for width in (0.5, 1.0)]
        >>> plate = lpsr.Reader(threads=1).fuse([crop, *blurred], bgr=True)
        >>> plate.text, plate.frames
        ('APF5C22', 3)

        Args:
            crops: as `read_crops` takes them, at least one. What is smaller than 8x4 pixels, shows no plate (see
                `min_plate`) or another plate than most of the crops is left out with a warning.
            bgr: whether colour arrays are BGR, as OpenCV gives them.

        Returns:
            The plate, whatever its confidence; its pictures are those of the crop that agrees best.

        Raises:
            UsageError: an empty list, a missing file, or an array of another shape or dtype.
            LpsrError: no crop shows a plate, no plate is shown by most of those that do, a file cannot be decoded, or
                the runtime failed.
        """
        frames = list(still_frames(crops, bgr, "fuse"))
        if not frames:
            raise UsageError("fuse takes at least one image, not an empty list")
        calibration = self._tools.calibration
        found = fuse(frames, self._tools.reader, _warn, self._layouts, calibration.power, self._config.min_plate)
        if found.different:
            raise LpsrError(f"fuse: {DIFFERENT}")
        if found.event is None:
            why = "none shows a plate that can be read" if found.contributions else "give at least one of 8x4 pixels"
            raise LpsrError(f"fuse has no crop to read; {why}")
        return plate_of(found.event, self._config.certain, located=False, followed=False)

    def stream(
        self,
        *sources: str | os.PathLike[str] | int,
        stride: int = _DEFAULT.stride,
        early: bool = _DEFAULT.early,
        pixel_aspect: float | None = _DEFAULT.pixel_aspect,
        decode: str = _DEFAULT.decode,
        give_up: float = _DEFAULT.give_up,
        silence: float = _DEFAULT.silence,
    ) -> Generator[Plate, None, None]:
        """Read the plates of a video, a camera, or a folder of photographs, each when it leaves the picture.

        Frames are decoded in a thread of their own. Closing the iterator, or leaving it to the garbage collector,
        closes the source; `contextlib.closing` does so at the end of a block. Plates that are still seen when the
        source ends are given before the iterator ends.

        >>> import lpsr
        >>> from contextlib import closing
        >>> with closing(lpsr.Reader(threads=1).stream("examples/gate.mp4", stride=6)) as plates:
        ...     plate = next(plates)
        >>> plate.text, plate.track, plate.frames > 1
        ('VKY5G31', 0, True)

        Args:
            sources: a video file, a folder or glob of images, an address (rtsp://, http://, ...) or the number of a
                camera. Several are read by turns, and `Plate.source` tells which; one that fails is then a warning.
            stride: reads every Nth frame of a video.
            early: whether plates of live sources are given as soon as they are sure, and again at their end (see
                `Plate.event`).
            pixel_aspect: width of a pixel divided by its height, where the video says it wrongly.
            decode: what decodes videos: `software`, `auto`, or a device such as `cuda`.
            give_up: seconds without a frame after which a live source fails; 0 never does.
            silence: seconds without a frame after which a live source is connected anew.

        Yields:
            Plates as they end; of live sources also before.

        Raises:
            UsageError: no such file, or an argument does not fit; at the call, before the first plate is asked for.
            LpsrError: a folder without images; while iterating, that the only source cannot be opened or decoded.
        """
        config = self._config.changed(
            {
                "video": tuple(str(source) if isinstance(source, int) else os.fspath(source) for source in sources),
                "stride": stride,
                "early": early,
                "pixel_aspect": pixel_aspect,
                "decode": decode,
                "give_up": give_up,
                "silence": silence,
            }
        )
        check_types(config)
        stop, state = threading.Event(), RunState()
        with python_terms():
            if not sources:
                raise UsageError("stream takes a video, a folder, an address or the number of a camera")
            config.check()
            opened = open_sources(config, state, _warn, _warn, stop)
        stream = self._plate_stream(config, live=any(source.live for source in opened))
        return self._followed(stream, Merged(opened, state, stop), len(opened))

    def _followed(self, stream: PlateStream, merged: Merged, sources: int) -> Generator[Plate, None, None]:
        """The plates of a stream until it ends, or the caller closes this iterator."""
        with python_terms(), closing(merged):
            for event in stream.reads(unfailing(merged, sources, _warn)):
                yield plate_of(event, self._config.certain, located=True, followed=True)

    def _plate_stream(self, config: RunConfig, live: bool) -> PlateStream:
        assert self._tools.locator is not None, "only a configuration of crops has no locator"
        return open_stream(config, self._tools, self._tools.locator, live, _left_out)


def _left_out(event: PlateEvent, why: str) -> None:
    _log.info("left out: %s: %s: %s", event.where, event.read.reading.text, in_python(why))


def _warn(line: str) -> None:
    _log.warning("%s", in_python(line))
