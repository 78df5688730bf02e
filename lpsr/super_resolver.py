"""The generator alone: enlarged pictures of plates."""

from __future__ import annotations

from collections.abc import Iterable
from itertools import islice

from lpsr.arguments import check_types
from lpsr.images import ImageLike, still_frames
from lpsr.terms import python_terms
from lpsr_core.cards import Precision
from lpsr_core.geometry import Image, to_images, to_lr, to_tensor
from lpsr_run.config import RunConfig
from lpsr_run.engines.backends import Backend
from lpsr_run.engines.base import check_contract
from lpsr_run.engines.opening import open_network
from lpsr_run.pipeline.plate_reader import enlarge

_DEFAULT = RunConfig()


class SuperResolver:
    """Enlarges pictures of plates, without reading them.

    >>> import lpsr
    >>> resolver = lpsr.SuperResolver(threads=1)
    >>> (picture,) = resolver.enlarge(["examples/plates/APF5C22.jpg"])
    >>> picture.shape, picture.dtype
    ((32, 96, 3), dtype('uint8'))

    What a super-resolution network adds is likely, not certain: `Reader` says how likely.

    Args:
        generator: name of a released generator, or path of an .onnx file.
        precision: variant of a released generator: `fp32`, `fp16` or `int8`.
        backend: `onnxruntime`, `cuda`, `tensorrt`, `tensorrt-rtx`, `openvino`, `triton://HOST:PORT`, or
            `auto`: the fastest that works.
        device: OpenVINO device: `CPU`, `GPU`, `NPU` or `AUTO`; empty for its CPU.
        threads: CPU threads; 0 for as many as there are cores.
        batch: largest number of pictures in one forward pass.

    Raises:
        UsageError: there is no such generator, or an argument does not fit.
        LpsrError: the generator cannot be loaded, or the runtime is not installed.
    """

    def __init__(
        self,
        *,
        generator: str = _DEFAULT.generator,
        precision: Precision = _DEFAULT.precision,
        backend: Backend = _DEFAULT.backend,
        device: str = _DEFAULT.device,
        threads: int = _DEFAULT.threads,
        batch: int = _DEFAULT.batch,
    ) -> None:
        config = RunConfig(
            generator=generator, precision=precision, backend=backend, device=device, threads=threads, batch=batch
        )
        check_types(config)
        with python_terms():
            config.check_values()
            self._engine = open_network(generator, "generator", precision, backend, threads, device=device).engine
            check_contract(self._engine, "generator")
        self._batch = batch

    def enlarge(self, images: Iterable[ImageLike], *, bgr: bool = False) -> list[Image]:
        """Super-resolve pictures that are already cropped to one plate each.

        Each is resized to the generator's input, 48x16 pixels, whatever its size: one that is wider loses detail.

        Args:
            images: paths, uint8[H, W, 3], gray uint8[H, W] or PIL images, of any sizes.
            bgr: whether colour arrays are BGR, as OpenCV gives them.

        Returns:
            For each image uint8[32, 96, 3], RGB.

        Raises:
            UsageError: a missing file, or an array of another shape or dtype.
            LpsrError: a file cannot be decoded, or the runtime failed.
        """
        frames = still_frames(images, bgr, "enlarge")
        enlarged: list[Image] = []
        while inputs := [to_lr(frame.image) for frame in islice(frames, self._batch)]:
            enlarged.extend(to_images(enlarge(self._engine, to_tensor(inputs))))
        return enlarged
