"""Evidence: what was changed is found, and a read can be computed again from what is kept of it."""

from __future__ import annotations

import json
import os
import shutil
import sys
from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np
import pytest
from conftest import Command, save_video, scene

from lpsr_core.errors import LpsrError, UsageError
from lpsr_run.engines.models import external_data
from lpsr_run.evidence.contents import digest
from lpsr_run.evidence.one_read import check_read
from lpsr_run.evidence.signing import open_signer
from lpsr_run.evidence.verify import Verdict, verify
from lpsr_run.pipeline.replay import replay

TEXTS = ["ABC1D34", "XYZ4321", "QRS5T67"]


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory, models: Path, detector: Path, lpsr_run: Command) -> Path:
    """Evidence of three cars, and its key where keys can be made."""
    folder = tmp_path_factory.mktemp("evidence")
    blank = np.full((240, 320, 3), 90, np.uint8)
    film = [picture for text in TEXTS for picture in [scene(text)] * 8 + [blank] * 30]
    video = save_video(folder / "v.mp4", film)
    names = ["--generator", f"{models}/generator.onnx", "--reader", f"{models}/reader.onnx", "--threads", 1]
    try:
        open_signer(folder / "key")
        names += ["--sign", folder / "key"]
    except LpsrError:
        pass
    given = ["--video", video, "--detector", detector, "--out", folder / "o", "--evidence", folder / "e"]
    done = lpsr_run(
        *given, "--backend", "onnxruntime", *names, timeout=170, env={"PYTHONPATH": os.pathsep.join(sys.path)}
    )
    assert done.returncode == 0, done.stderr
    return folder


@pytest.fixture
def copy(made: Path, tmp_path: Path) -> Path:
    shutil.copytree(made / "e", tmp_path / "e")
    return tmp_path / "e"


def reads(folder: Path) -> list[Path]:
    return sorted(path for path in folder.iterdir() if path.is_dir())


def key(made: Path) -> Path | None:
    return made / "key.pub" if (made / "key.pub").exists() else None


def change(path: Path, old: str, new: str) -> None:
    text = path.read_text()
    assert old in text
    path.write_text(text.replace(old, new))


def text(folder: Path) -> None:
    change(reads(folder)[1] / "evidence.json", TEXTS[1], "XYZ4327")


def frame(folder: Path) -> None:
    shutil.copy(reads(folder)[0] / "frame.png", reads(folder)[1] / "frame.png")


def picture(folder: Path) -> None:
    path = reads(folder)[2] / "lr.png"
    image = cv2.imread(str(path))
    image[0, 0] ^= 1
    cv2.imwrite(str(path), image)


def crop_of_a_further_frame(folder: Path) -> None:
    path = sorted(reads(folder)[0].glob("crop-*.png"))[0]
    image = cv2.imread(str(path))
    image[-1, -1] ^= 1
    cv2.imwrite(str(path), image)


def model(folder: Path) -> None:
    path = reads(folder)[0] / "evidence.json"
    told = json.loads(path.read_text())
    change(path, told["made_by"]["models"]["reader"]["sha256"], "0" * 64)


def order(folder: Path) -> None:
    (chain,) = folder.glob("*.chain.jsonl")
    lines = chain.read_text().splitlines(keepends=True)
    chain.write_text("".join([lines[1], lines[0], *lines[2:]]))


def removal(folder: Path) -> None:
    shutil.rmtree(reads(folder)[1])


def removal_of_the_last(folder: Path) -> None:
    shutil.rmtree(reads(folder)[2])


def addition(folder: Path) -> None:
    shutil.copytree(reads(folder)[2], folder / f"{reads(folder)[2].name}X")


def added_file(folder: Path) -> None:
    (reads(folder)[0] / "note.txt").write_text("seen by me")


def time(folder: Path) -> None:
    path = reads(folder)[0] / "evidence.json"
    told = json.loads(path.read_text())["read"]["milliseconds"]
    change(path, f'"milliseconds": {told}', '"milliseconds": 123456.0')


def source(folder: Path) -> None:
    path = reads(folder)[0] / "evidence.json"
    told = json.dumps(json.loads(path.read_text())["read"]["source"])
    change(path, f'"source": {told},\n    "zone"', '"source": "another.mp4",\n    "zone"')


def corner(folder: Path) -> None:
    path = reads(folder)[0] / "frame.png"
    image = cv2.imread(str(path))
    image[0, 0] ^= 1
    cv2.imwrite(str(path), image)


def words(verdict: Verdict) -> str:
    return "\n".join(map(str, verdict.findings))


def test_what_was_not_changed_is_sound(made: Path) -> None:
    verdict = verify(made / "e", key(made))
    assert verdict.findings == ()
    assert (verdict.folders, verdict.runs, verdict.signed) == (3, 1, key(made) is not None)
    told = json.loads((reads(made / "e")[0] / "evidence.json").read_text())
    assert [name for name in told["files"] if name.startswith("crop-")] == [f"crop-{n:08d}.png" for n in range(8)]
    assert told["made_by"]["sources"][0]["sha256"] == digest((made / "v.mp4").read_bytes())
    assert {"program", "libraries", "host", "clock", "models", "config", "run"} <= told["made_by"].keys()
    pixels = cv2.imread(str(reads(made / "e")[0] / "frame.png"))[..., ::-1]
    assert told["frame"]["sha256_of_pixels"] == digest(np.ascontiguousarray(pixels).tobytes())


@pytest.mark.parametrize(
    "tamper",
    [
        text,
        frame,
        picture,
        crop_of_a_further_frame,
        model,
        order,
        removal,
        removal_of_the_last,
        addition,
        added_file,
        time,
        source,
        corner,
    ],
)
def test_every_change_is_found(made: Path, copy: Path, tamper: Callable[[Path], None]) -> None:
    tamper(copy)
    assert not verify(copy).sound
    assert not verify(copy, key(made)).sound


def test_who_computes_the_digests_anew_needs_the_key(made: Path, copy: Path) -> None:
    if key(made) is None:
        pytest.skip("signing needs cryptography (the evidence extra)")
    last = reads(copy)[2]
    (chain,) = copy.glob("*.chain.jsonl")
    before = digest((last / "evidence.json").read_bytes())
    change(last / "evidence.json", '"zone"', '"Zone"')
    change(chain, before, digest((last / "evidence.json").read_bytes()))
    assert verify(copy).sound, "without a key this cannot be told"
    found = verify(copy, key(made))
    assert not found.sound
    assert "was not signed with this key, or was changed" in words(found)


def test_another_key_is_not_this_one(made: Path, copy: Path, tmp_path: Path) -> None:
    if key(made) is None:
        pytest.skip("signing needs cryptography (the evidence extra)")
    open_signer(tmp_path / "other")
    assert not verify(copy, tmp_path / "other.pub").sound
    assert (tmp_path / "other").stat().st_mode & 0o077 == 0
    with pytest.raises(UsageError, match="not a public Ed25519 key"):
        verify(copy, tmp_path / "other")
    with pytest.raises(UsageError, match="not a private Ed25519 key"):
        open_signer(tmp_path / "other.pub")


def test_an_end_that_was_cut_off_is_remarked(copy: Path) -> None:
    (chain,) = copy.glob("*.chain.jsonl")
    chain.write_text("".join(chain.read_text().splitlines(keepends=True)[:-1]))
    verdict = verify(copy)
    assert verdict.sound
    assert "was never closed" in words(verdict)


def test_a_read_is_computed_again(made: Path) -> None:
    for folder, wanted in zip(reads(made / "e"), TEXTS, strict=True):
        found = replay(folder)
        assert found.same
        assert (found.text, found.recorded_text, found.crop, found.models) == (wanted, wanted, True, ())
        assert found.difference == 0, "bit for bit"


def test_another_frame_is_not_the_same(copy: Path) -> None:
    frame(copy)
    found = replay(reads(copy)[1])
    assert found.crop is False
    assert not found.same
    assert found.checked.altered == ("frame.png was changed: it is not the file that the manifest names",)


@pytest.mark.parametrize("tamper", [time, source, corner, model, crop_of_a_further_frame])
def test_what_was_changed_is_not_the_same(copy: Path, tamper: Callable[[Path], None]) -> None:
    tamper(copy)
    found = [replay(folder) for folder in reads(copy)]
    assert [each.same for each in found] == [False, True, True]
    assert len(found[0].checked.altered) == 1
    assert found[0].checked.chained


def test_one_read_is_checked_with_its_chain(made: Path, copy: Path, tmp_path: Path) -> None:
    first = reads(copy)[0]
    assert check_read(first).altered == ()
    (chain,) = copy.glob("*.chain.jsonl")
    if key(made) is not None:
        assert check_read(first, key(made)).altered == ()
        assert f"and the signature there with {key(made).name}" in check_read(first, key(made)).how
        assert "not checked, since no public key was given" in check_read(first).how
        change(chain, '"signature": "', '"signature": "AAAA')
        (why,) = check_read(first, key(made)).altered
        assert "was not signed with this key, or was changed" in why
    (first / "note.txt").write_text("nothing is computed from it")
    assert check_read(first).altered == ()
    shutil.copytree(first, tmp_path / "moved")
    moved = check_read(tmp_path / "moved")
    assert (moved.altered, moved.chained) == ((), False)
    assert "could not be checked against a chain" in moved.how
    with pytest.raises(UsageError, match="no chain that names it lies beside it"):
        check_read(tmp_path / "moved", key(made) or made / "v.mp4")
    first.rename(copy / f"{first.name}X")
    (why,) = check_read(copy / f"{first.name}X").altered
    assert f"is not named by {chain.name}" in why


def test_the_command_says_what_it_found(
    made: Path, copy: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    from lpsr_forensic.__main__ import main

    def call(*arguments: object) -> int:
        monkeypatch.setattr("sys.argv", ["lpsr-evidence", *map(str, arguments)])
        with pytest.raises(SystemExit) as caught:
            main()
        return int(caught.value.code or 0)

    assert call("verify", made / "e") == 0
    assert call("replay", reads(made / "e")[0]) == 0
    assert "the same" in capsys.readouterr().out
    text(copy)
    assert call("verify", copy) == 1
    assert f"finding: {reads(copy)[1].name}: " in capsys.readouterr().out
    assert call("verify", copy / "nothing") == 2
    assert call("replay", reads(copy)[1]) == 1
    assert "altered: its evidence.json is not what the chain says" in capsys.readouterr().out
    for given, why in (
        (("replay", copy), f"holds 3 reads; give the folder of one, such as {reads(copy)[0]}"),
        (("replay", copy.parent), "holds no evidence; give the folder of one read"),
        (("replay", copy / "nothing"), "no such folder of evidence"),
        (("verify", reads(copy)[0]), f"is the evidence of one read; give the folder that it lies in, {copy}"),
        (("verify", copy, "--public", copy / "nope.pub"), "nope.pub: no such file"),
    ):
        assert call(*given) == 2
        line = capsys.readouterr().err
        assert why in line
        assert len(line.strip().splitlines()) == 1
    (copy.parent / "empty").mkdir()
    assert call("verify", copy.parent / "empty") == 2


def test_weights_beside_a_graph_are_digested(tmp_path: Path) -> None:
    onnx = pytest.importorskip("onnx")
    from onnx import TensorProto, helper, numpy_helper

    weights = numpy_helper.from_array(np.ones((64, 64), np.float32), "w")
    value = helper.make_tensor_value_info("x", TensorProto.FLOAT, [1, 64])
    result = helper.make_tensor_value_info("y", TensorProto.FLOAT, [1, 64])
    graph = helper.make_graph([helper.make_node("MatMul", ["x", "w"], ["y"])], "g", [value], [result], [weights])
    path = tmp_path / "m.onnx"
    onnx.save(helper.make_model(graph), path, save_as_external_data=True, location="m.onnx.data", size_threshold=0)
    assert external_data(path) == {"m.onnx.data": digest((tmp_path / "m.onnx.data").read_bytes())}
    data = bytearray((tmp_path / "m.onnx.data").read_bytes())
    before = external_data(path)
    data[5] ^= 1
    (tmp_path / "m.onnx.data").write_bytes(data)
    assert external_data(path) != before
