"""Registration, deconvolution and the comparison with rendered candidates, on plates whose truth is known."""

from __future__ import annotations

import cv2
import numpy as np
import pytest

from lpsr_core.layouts import BRAZILIAN, MERCOSUR, Layout
from lpsr_forensic.comparison import TELLS_APART, compare
from lpsr_forensic.deconvolution import estimate_blur, wiener
from lpsr_forensic.registration import average, noise_of
from lpsr_forensic.rendering import drawable, render


def plate(
    text: str, width: int = 72, blur: float = 0.9, noise: float = 3.0, seed: int = 0, move: tuple[float, float] = (0, 0)
) -> np.ndarray:
    """A rendered plate as a camera delivers it, uint8[H, width, 3]; blur and movement in its pixels."""
    pattern = "LLLDLDD" if text[4].isalpha() else "LLLDDDD"
    drawn = render(text, pattern)
    (x, y), scale = drawn.corners[0], 400 / width
    height = round(130 / scale)
    warp = np.array([[scale, 0, x + (0.5 + move[0]) * scale], [0, scale, y + (0.5 + move[1]) * scale]], np.float32)
    soft = cv2.GaussianBlur(drawn.luma * 170 + 30, (0, 0), blur * scale)
    flags = cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP
    grey = cv2.warpAffine(soft, warp, (width, height), flags=flags, borderMode=cv2.BORDER_REPLICATE)
    grey = grey + np.random.default_rng(seed).normal(0, noise, grey.shape)
    return np.repeat(np.clip(grey, 0, 255).astype(np.uint8)[..., None], 3, axis=2)


def luma(image: np.ndarray) -> np.ndarray:
    return image[..., 0].astype(np.float32)


def test_frames_are_registered_to_fractions_of_a_pixel() -> None:
    moves = [(0.0, 0.0), (0.4, -0.3), (-1.3, 0.6), (0.75, 0.25)]
    frames = [plate("ABC1D23", seed=at, move=move) for at, move in enumerate(moves)]
    found = average(frames)
    assert (found.reference, found.frames, found.scale) == (0, 4, 2)
    for (across, down), aligned in zip(moves[1:], found.aligned[1:], strict=True):
        # In the middle of the plate, in pixels of the frame.
        at = aligned.warp @ np.array([72.0, 23.0, 1.0])
        start = np.array([72 / 2 - 0.25, 23 / 2 - 0.25])
        np.testing.assert_allclose(at - start, (-across, -down), atol=0.12)
    assert found.picture.shape == (2 * frames[0].shape[0], 144, 3)
    assert 1.5 < found.noise < 4


def test_averaging_lowers_the_noise() -> None:
    sharp = plate("QWE4R56", noise=0).astype(np.float32)
    frames = [plate("QWE4R56", noise=8, seed=seed) for seed in range(8)]
    small = cv2.resize(average(frames).picture, (72, sharp.shape[0]), interpolation=cv2.INTER_AREA)
    inside = np.s_[3:-3, 3:-3]
    alone = np.abs(frames[0].astype(np.float32) - sharp)[inside].mean()
    together = np.abs(small - sharp)[inside].mean()
    assert together < 0.6 * alone


def test_a_frame_of_something_else_is_not_averaged() -> None:
    other = np.random.default_rng(9).integers(0, 255, (23, 70, 3), np.uint8)
    found = average([plate("ABC1D23"), other, np.full((20, 60, 3), 128, np.uint8)])
    assert [each.used for each in found.aligned] == [True, False, False]
    assert found.frames == 1


def test_a_single_frame_is_its_own_average() -> None:
    frame = plate("ABC1D23")
    found = average([frame])
    np.testing.assert_allclose(found.picture, frame, atol=1e-3)
    assert found.scale == 1


@pytest.mark.parametrize("blur", [0.8, 1.2, 1.6])
def test_blur_is_estimated_without_a_candidate(blur: float) -> None:
    assert estimate_blur(luma(plate("HKL7M49", 120, blur, 1.0))) == pytest.approx(blur, rel=0.3)


def test_pictures_without_edges_have_no_blur_to_speak_of() -> None:
    assert estimate_blur(np.full((20, 60), 90, np.float32)) > 0
    assert noise_of(np.full((2, 2), 90, np.float32)) == 0


def test_wiener_comes_nearer_to_the_sharp_plate() -> None:
    sharp, soft = plate("ABC1D23", 120, 0.3, 0).astype(np.float32), plate("ABC1D23", 120, 1.5, 1.0).astype(np.float32)
    restored = wiener(soft, 1.5, 1.0)
    inside = np.s_[6:-6, 6:-6]
    assert np.abs(restored - sharp)[inside].mean() < 0.7 * np.abs(soft - sharp)[inside].mean()
    assert restored.mean() == pytest.approx(soft.mean(), rel=0.02)
    assert restored.min() >= 0
    assert restored.max() <= 255


@pytest.mark.parametrize(
    ("truth", "others", "layout"),
    [
        ("ABC8D36", ["ABC6D36", "ABO8D36", "ARC8D36"], MERCOSUR),
        ("HQB5821", ["HOB5821", "HQ85821", "HQB5824"], BRAZILIAN),
    ],
)
def test_the_true_text_comes_nearest_to_the_pixels(truth: str, others: list[str], layout: Layout) -> None:
    picture = luma(plate(truth, 80, 0.9, 3, move=(0.7, -0.4)))
    found = compare(picture, [(text, layout) for text in [others[0], truth, *others[1:]] if layout.fits(text)])
    best = min(found, key=lambda each: each.error)
    assert best.text == truth
    assert best.explained > 0.9
    assert best.blur == pytest.approx(0.9, abs=0.5)
    rest = [each.error**2 / best.error**2 for each in found if each.text != truth]
    assert min(rest) > TELLS_APART
    assert not best.residual[0].any(), "outside the row of characters nothing is compared"


def test_light_characters_on_a_dark_plate_in_a_gradient_of_light() -> None:
    picture = 255 - luma(plate("ABC8D36", 80))
    lit = picture * np.linspace(0.5, 1, 80, dtype=np.float32)
    found = compare(lit, [("ABC8D36", MERCOSUR), ("ABC6D36", MERCOSUR)])
    assert found[0].explained > 0.85
    assert found[1].error > found[0].error


def test_what_cannot_be_drawn_or_placed_is_not_compared() -> None:
    assert not drawable("LLDDDLL")
    assert compare(luma(plate("ABC8D36")), [("AB123CD", Layout("argentina", "LLDDDLL"))]) == ()
    assert compare(luma(plate("ABC8D36")), []) == ()
    assert compare(np.full((4, 12), 90, np.float32), [("ABC8D36", MERCOSUR)]) == ()
    noise = np.random.default_rng(0).normal(128, 20, (26, 80)).astype(np.float32)
    assert all(each.explained < 0.5 for each in compare(noise, [("ABC8D36", MERCOSUR)]))
