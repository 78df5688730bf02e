"""Pictures as callers have them, and what is said of those that cannot be read."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray
from toy_models import ROOT, paint, save_image, scene

import lpsr
from lpsr.images import to_rgb


@pytest.fixture(scope="module")
def picture() -> NDArray[np.uint8]:
    """uint8[40, 120, 3], with no two channels alike."""
    return np.random.default_rng(0).integers(0, 256, (40, 120, 3)).astype(np.uint8)


def test_arrays_in_either_order(picture: NDArray[np.uint8]) -> None:
    assert to_rgb(picture) is picture
    np.testing.assert_array_equal(to_rgb(picture[..., ::-1], bgr=True), picture)
    assert to_rgb(picture[:, ::2]).flags.c_contiguous


def test_gray_arrays(picture: NDArray[np.uint8]) -> None:
    gray = picture[..., 0]
    for bgr in (False, True):
        np.testing.assert_array_equal(to_rgb(gray, bgr), np.stack([gray] * 3, axis=-1))


def test_files_whatever_the_order_of_arrays(picture: NDArray[np.uint8], tmp_path: Path) -> None:
    path = save_image(tmp_path / "a.png", picture)
    for given in (path, str(path)):
        for bgr in (False, True):
            np.testing.assert_array_equal(to_rgb(given, bgr), picture)


def test_pil_images(picture: NDArray[np.uint8]) -> None:
    pil = pytest.importorskip("PIL.Image", reason="Pillow is not installed")
    for bgr in (False, True):
        np.testing.assert_array_equal(to_rgb(pil.fromarray(picture), bgr), picture)
    gray = pil.fromarray(picture[..., 0])
    np.testing.assert_array_equal(to_rgb(gray), np.stack([picture[..., 0]] * 3, axis=-1))
    opaque = pil.fromarray(np.dstack([picture, np.full(picture.shape[:2], 255, np.uint8)]))
    np.testing.assert_array_equal(to_rgb(opaque), picture)


@pytest.mark.parametrize("suffix", [".png", ".tif", ".pgm"])
def test_pil_images_of_16_bits_are_read_as_their_files_are(suffix: str, released: lpsr.Reader, tmp_path: Path) -> None:
    pil = pytest.importorskip("PIL.Image", reason="Pillow is not installed")
    gray = cv2.imread(str(ROOT / "examples" / "plates" / "APF5C22.jpg"), cv2.IMREAD_GRAYSCALE).astype(np.uint16)
    path = tmp_path / f"a{suffix}"
    cv2.imwrite(str(path), 256 * gray + np.arange(gray.shape[1], dtype=np.uint16))
    with pil.open(path) as image:
        assert image.mode in ("I", "I;16", "I;16B")
        np.testing.assert_array_equal(to_rgb(image), to_rgb(path))
        assert [found.text for found in released.read_crops([image])] == ["APF5C22"]


def test_pil_images_of_wide_modes(picture: NDArray[np.uint8]) -> None:
    pil = pytest.importorskip("PIL.Image", reason="Pillow is not installed")
    gray = picture[..., 0]
    wanted = np.stack([gray] * 3, axis=-1)
    for levels in (
        *(gray.astype(np.int32), gray.astype(np.int32) * 256, gray.astype(np.uint16) * 257),
        *(gray.astype(np.float32), (gray / 255).astype(np.float32)),
    ):
        np.testing.assert_array_equal(to_rgb(pil.fromarray(levels)), wanted)
    big = pil.frombytes("I;16B", gray.shape[::-1], (gray * np.uint16(256)).astype(">u2").tobytes())
    np.testing.assert_array_equal(to_rgb(big), wanted)
    for levels in (
        *(np.full((8, 24), 65536, np.int32), np.full((8, 24), -1, np.int32)),
        *(np.full((8, 24), 256, np.float32), np.full((8, 24), np.nan, np.float32)),
    ):
        with pytest.raises(
            lpsr.UsageError, match=r"^image 3 has grey levels from .*; give 0 to .*, or uint8, 0 to 255$"
        ):
            to_rgb(pil.fromarray(levels), name="image 3")


def test_a_pil_image_that_ends_early_is_told_in_one_line(tmp_path: Path, picture: NDArray[np.uint8]) -> None:
    pil = pytest.importorskip("PIL.Image", reason="Pillow is not installed")
    path = save_image(tmp_path / "a.png", picture)
    path.write_bytes(path.read_bytes()[:400])
    with pil.open(path) as image, pytest.raises(lpsr.LpsrError, match=r"^the image: not an image that can be decoded"):
        to_rgb(image)


def test_pil_images_are_turned_upright(picture: NDArray[np.uint8]) -> None:
    pil = pytest.importorskip("PIL.Image", reason="Pillow is not installed")
    image = pil.fromarray(picture)
    image.getexif()[0x0112] = 6  # Orientation: to be turned clockwise
    np.testing.assert_array_equal(to_rgb(image), np.rot90(picture, -1))


def test_every_call_takes_every_kind(reader: lpsr.Reader, tmp_path: Path) -> None:
    pil = pytest.importorskip("PIL.Image", reason="Pillow is not installed")
    plate, photo = paint("ABC1234", 120, 40), scene("ABC1234")
    for image in (plate, pil.fromarray(plate), save_image(tmp_path / "plate.png", plate)):
        assert [found.text for found in reader.read_crops([image])] == ["ABC1234"]
        assert reader.fuse([image]).text == "ABC1234"
    for image in (photo, pil.fromarray(photo), save_image(tmp_path / "photo.png", photo)):
        assert [found.text for found in reader.read(image)] == ["ABC1234"]
    turned = cv2.cvtColor(plate, cv2.COLOR_RGB2BGR)
    assert [found.text for found in reader.read_crops(np.stack([turned] * 2), bgr=True)] == ["ABC1234"] * 2
    assert reader.fuse([turned], bgr=True).text == "ABC1234"
    assert [found.text for found in reader.read(photo[..., ::-1], bgr=True)] == ["ABC1234"]


WRONG: dict[str, tuple[Any, str]] = {
    "dtype": (np.zeros((8, 24, 3), np.float32), "image 1 has dtype float32; give uint8, 0 to 255; multiply"),
    "integers": (np.zeros((8, 24, 3), np.int64), "image 1 has dtype int64; give uint8, 0 to 255"),
    "shape": (np.zeros((8, 24, 3, 1), np.uint8), "image 1 has shape 8x24x3x1; give height x width x 3"),
    "alpha": (np.zeros((8, 24, 4), np.uint8), "drop the fourth channel"),
    "empty": (np.zeros((0, 24, 3), np.uint8), "image 1 has shape 0x24x3"),
    "missing": ("nowhere/a.png", "nowhere/a.png: no such file"),
    "folder": (Path(), "is a folder"),
    "type": (None, "image 1 is of type NoneType; give a path, a NumPy array or a PIL image"),
}


@pytest.mark.parametrize("kind", WRONG)
def test_wrong_pictures_are_named_in_one_line(kind: str, reader: lpsr.Reader) -> None:
    image, words = WRONG[kind]
    for call in (reader.read_crops, reader.fuse):
        with pytest.raises(lpsr.UsageError) as caught:
            call([paint("ABC1234"), image])
        assert words in str(caught.value)
        assert "\n" not in str(caught.value)
    with pytest.raises(lpsr.UsageError, match=words.replace("image 1", "the image")):
        reader.read(image)


def test_a_file_that_is_no_picture(reader: lpsr.Reader, tmp_path: Path) -> None:
    (tmp_path / "a.png").write_bytes(b"no picture")
    for call in (lambda path: reader.read_crops([path]), reader.read):
        with pytest.raises(lpsr.LpsrError, match=r"a\.png: not an image that can be decoded"):
            call(tmp_path / "a.png")


def test_one_picture_is_no_list(reader: lpsr.Reader, tmp_path: Path) -> None:
    path = save_image(tmp_path / "a.png", paint("ABC1234"))
    for single in (path, str(path), paint("ABC1234")):
        for name in ("read_crops", "fuse"):
            with pytest.raises(lpsr.UsageError, match=f"^{name} takes a list of images"):
                getattr(reader, name)(single)
    for nothing in (None, 5):
        with pytest.raises(lpsr.UsageError, match=r"^fuse takes a list of images, not something of type"):
            reader.fuse(nothing)  # type: ignore[arg-type]
