"""Surveillance cameras: the chain, the codec, the framing, what is hidden, and the records that come of it."""

from dataclasses import replace

import cv2
import numpy as np
import pytest

pytest.importorskip("torch")
pytest.importorskip("av")

from lpsr_core.alphabet import decode_indices
from lpsr_core.codec import encode_together, lay_out, transcode
from lpsr_core.geometry import HR_SIZE, READ_SIZE, resize
from lpsr_core.metrics import psnr
from lpsr_train.cameras.absent import absent_scene
from lpsr_train.cameras.camera import _NEUTRAL, STEPS, Encoding, Surveillance, random_camera
from lpsr_train.cameras.chain import Scene, crop_size, film, ideal
from lpsr_train.cameras.cover import character_boxes, cover, known
from lpsr_train.cameras.framing import Framing, random_framing, visible
from lpsr_train.cameras.shots import (
    GROUP,
    HOPELESS,
    SHOT_RECORD,
    ShotSource,
    draw_shots,
    legibility,
    render_shots,
    shot_record,
)
from lpsr_train.plates.face import draw_face
from lpsr_train.plates.style import random_style
from lpsr_train.plates.typefaces import open_typefaces

PERFECT = Surveillance(width=192, optics=0.0, shot_noise=0.0, read_noise=0.0, level=0.25)


def plate(seed: int) -> Scene:
    face = draw_face(random_style(np.random.default_rng(seed), country="brazilian"), 1.0, np.random.default_rng(4))
    return Scene.of(np.power(np.clip(face.picture, 0, None), np.float32(2.2)), face.corners)


@pytest.fixture(scope="module")
def scene() -> Scene:
    return plate(3)


@pytest.fixture(scope="module")
def shots():
    return render_shots(ShotSource(), seed=11, group=0)


def tight(rng_seed: int = 0):
    return random_framing(np.random.default_rng(rng_seed), 400 / 130, without=("tilt", "margins", "cut"))


def similarity(one, other) -> float:
    return psnr(resize(one, HR_SIZE), other)


def test_a_camera_without_faults_delivers_the_ideal_picture():
    framing, found = tight(), []
    for scene in map(plate, range(6)):
        track = film(scene, framing, PERFECT, np.random.default_rng(0))
        found.append(similarity(track.crop(track.frames[-1], len(track.frames) - 1), ideal(scene, framing, PERFECT)))
    assert np.mean(found) > 27, "single plates lie between 25 and 37, by how much on them is fine"


@pytest.mark.parametrize(
    "fault",
    [
        {"optics": 4.0},
        {"motion": (9.0, 0.0)},
        {"shot_noise": 0.2},
        {"sharpening": (3.0, 1.5)},
        {"comb": 6.0},
        {"rows": 0.25},
        {"width": 30.0},
    ],
)
def test_every_fault_takes_the_picture_away_from_the_ideal(scene, fault):
    framing = tight()
    good, bad = PERFECT, replace(PERFECT, **fault)
    pictures = []
    for camera in (good, bad):
        track = film(scene, framing, camera, np.random.default_rng(0))
        pictures.append(similarity(track.crop(track.frames[-1], len(track.frames) - 1), ideal(scene, framing, PERFECT)))
    assert pictures[1] < pictures[0] - 1.5


def test_haze_lowers_contrast_and_is_part_of_the_ideal_picture(scene):
    clear, hazy = (ideal(scene, tight(), replace(PERFECT, haze=(veil, veil))) for veil in (0.0, 0.9))
    assert hazy.std() < 0.35 * clear.std()


def test_noise_is_less_after_temporal_noise_reduction(scene):
    noisy = replace(PERFECT, shot_noise=0.08)

    def grain(camera):
        frames = film(scene, tight(), camera, np.random.default_rng(1)).frames
        return float(
            np.std(frames[-1].astype(float) - film(scene, tight(), PERFECT, np.random.default_rng(1)).frames[0])
        )

    assert grain(replace(noisy, temporal=0.3)) < 0.75 * grain(noisy)


def test_a_crop_has_the_pixels_that_its_camera_has(scene):
    framing = tight()
    width, height = crop_size(replace(PERFECT, width=100, pixel_ratio=1.5), framing)
    assert width == 100
    assert height == pytest.approx(100 / framing.ratio * 1.5, abs=1)


@pytest.mark.parametrize("step", STEPS)
def test_every_step_can_be_left_out_and_nothing_else_changes(step):
    for seed in range(40):
        whole = random_camera(np.random.default_rng(seed))
        without = random_camera(np.random.default_rng(seed), (step,))
        assert without == replace(whole, **_NEUTRAL[step])


@pytest.mark.parametrize("codec", ["h264", "hevc"])
def test_a_codec_keeps_less_at_a_higher_quantiser(shots, codec):
    frames = [cv2.resize(shot.hr, (96, 32)) for shot in shots[:4]]
    kept = [
        np.mean([psnr(a, b) for a, b in zip(frames, transcode(frames, codec, level), strict=True)])
        for level in (22, 40)
    ]
    assert len(transcode(frames, codec, 30)) == 4
    assert kept[0] > kept[1] + 4


def test_tracks_come_back_from_their_own_places():
    rng = np.random.default_rng(5)
    tracks = [
        [np.full((int(h), int(w), 3), shade, np.uint8)] * 2
        for h, w, shade in zip(
            rng.integers(10, 90, 12), rng.integers(20, 230, 12), np.linspace(20, 230, 12).astype(int), strict=True
        )
    ]
    for track, decoded in zip(tracks, encode_together(tracks, "h264", 24), strict=True):
        assert decoded[0].shape == track[0].shape
        assert abs(float(decoded[1][4:-4, 4:-4].mean()) - float(track[1].mean())) < 6


def test_cells_do_not_overlap():
    rng = np.random.default_rng(6)
    sizes = [(int(w), int(h)) for w, h in zip(rng.integers(10, 300, 50), rng.integers(5, 120, 50), strict=True)]
    cells, (width, height) = lay_out(sizes)
    taken = np.zeros((height, width), int)
    for cell, size in zip(cells, sizes, strict=True):
        assert (cell.width, cell.height) == size
        taken[cell.y : cell.y + cell.height, cell.x : cell.x + cell.width] += 1
    assert taken.max() == 1
    assert height % 2 == width % 2 == 0


def test_a_cut_crop_loses_its_outer_characters():
    style = random_style(np.random.default_rng(1), country="mercosur")
    whole, cut = 0, 0
    for seed in range(300):
        framing = random_framing(np.random.default_rng(seed), 400 / 130)
        inside = visible(framing, character_boxes(style))
        assert (inside[1:6] > 0.4).all()
        whole += bool((inside > 0.9).all())
        cut += bool(min(inside[0], inside[6]) < 0.3)
    assert whole > 200
    assert 3 <= cut < 60


@pytest.mark.parametrize(("shift", "seen"), [(0.0, [1, 1]), (-0.2, [0, 1]), (0.2, [1, 0])])
def test_what_lies_beyond_either_edge_is_not_visible(shift, seen):
    boxes = np.array([[0.02, 0.2, 0.12, 0.8], [0.88, 0.2, 0.98, 0.8]])
    framing = Framing(np.array([[1, 0, shift], [0, 1, 0], [0, 0, 1]], np.float64), 3.0)
    assert visible(framing, boxes).tolist() == seen


def test_what_is_covered_is_not_known():
    hidden = 0
    for seed in range(60):
        rng = np.random.default_rng(seed)
        style = random_style(rng)
        face = draw_face(style, 0.8, rng)
        before = face.picture.copy()
        covered = cover(face, style, rng)
        assert (np.abs(face.picture - before).max() > 0.01) or covered.max() < 0.05
        assert covered.max() <= 1
        hidden += int((known(covered) == 0).sum())
    assert hidden > 15
    assert known(np.array([0.0, 0.3, 0.5, 0.7])).tolist() == pytest.approx([1, 1, 0.5, 0])


def test_shots_are_the_same_whenever_they_are_made(shots):
    again = render_shots(ShotSource(), seed=11, group=0)
    assert len(shots) == GROUP
    assert all(np.array_equal(a.crop, b.crop) and np.array_equal(a.hr, b.hr) for a, b in zip(shots, again, strict=True))
    assert not np.array_equal(shots[0].crop, render_shots(ShotSource(), seed=12, group=0)[0].crop)


def test_shots_without_a_plate_say_so():
    nothing = render_shots(ShotSource(absent=1.0), seed=3, group=0, count=8)
    assert not any(shot.plate or shot.known.any() for shot in nothing)
    plates = render_shots(ShotSource(absent=0.0, covered=0.0, framed_without=("cut",)), seed=3, group=0, count=8)
    assert all(shot.plate for shot in plates)
    assert np.mean([shot.known.mean() for shot in plates]) > 0.97


def test_a_track_shows_one_plate_that_stays_in_its_box():
    tracks = render_shots(ShotSource(absent=0.0, widths=(90, 160)), seed=21, group=0, count=12, frames=5)
    assert all(len(shot.frames) == 5 for shot in tracks)
    for shot in tracks:
        assert np.array_equal(shot.crop, shot.frames[shot.camera.delivered])
        assert len({frame.shape for frame in shot.frames}) == 1
        assert shot.camera.width >= 90
    alike = [legibility(replace(shot, crop=frame)) for shot in tracks for frame in shot.frames]
    assert np.median(alike) > 0.6


def test_pools_leave_out_most_of_what_shows_nothing():
    source = ShotSource(absent=0.0, widths=(24, 40))
    shots = [shot for group in range(3) for shot in render_shots(source, 5, group)]
    hopeless = {shot.hr.tobytes() for shot in shots if legibility(shot) < HOPELESS}
    drawn = draw_shots(source, 5, 64, 0)
    kept = np.mean([record["hr"].tobytes() in hopeless for record in drawn])
    assert kept < 0.6 * len(hopeless) / len(shots)


def test_a_group_shares_the_settings_of_its_video_codecs(shots):
    for codec in ("h264", "hevc"):
        levels = {shot.camera.encoding.level for shot in shots if shot.camera.encoding.codec == codec}
        assert len(levels) <= 1


def test_records_hold_what_was_filmed(shots):
    record = shot_record(shots[0])
    assert record["seen"].tolist() == resize(shots[0].crop, READ_SIZE).tolist()
    assert decode_indices(record["text"]) == shots[0].text
    assert int(record["width"]) == shots[0].crop.shape[1]
    shard = draw_shots(ShotSource(absent=0.0), 11, GROUP, 0)
    assert shard.dtype == SHOT_RECORD
    assert len(shard) == GROUP


def test_no_codec_and_jpeg_take_frames_alone(shots):
    frame = shots[0].hr
    assert transcode([frame], "none", 0)[0] is frame
    assert Encoding().codec == "none"
    assert 15 < psnr(transcode([frame], "jpeg", 60)[0], frame) < 60


def test_scenes_without_a_plate_are_of_many_kinds() -> None:
    scenes = [absent_scene((240, 100), np.random.default_rng(k), open_typefaces()) for k in range(60)]
    assert all(s.shape == (100, 240, 3) and s.dtype == np.float32 and s.min() >= 0 and s.max() <= 1 for s in scenes)
    contrast = np.array([s.std(axis=(0, 1)).mean() for s in scenes])
    assert contrast.min() < 0.05  # bare paint
    assert contrast.max() > 0.15  # lettering or stripes
    again = absent_scene((240, 100), np.random.default_rng(7), open_typefaces())
    assert np.array_equal(again, scenes[7])
