"""Pictures and crops that clients send."""

from __future__ import annotations

import errno
import struct
import threading
import zlib
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
from fastapi.testclient import TestClient
from served import Make
from toy_models import paint, save_image

from lpsr_serve.api.uploads import shown_name
from lpsr_serve.inference.pool import BusyError


def bomb(width: int, height: int) -> bytes:
    """A PNG of a few bytes that says it has so many pixels."""

    def chunk(kind: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    return (
        b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(b"\0" * 64)) + chunk(b"IEND", b"")
    )


def stored(client: Any) -> list[Path]:
    """Files of uploads that the server still has."""
    return list(client.app_state["server"].places.uploads.iterdir())


def test_a_picture_is_read_as_a_body_and_as_a_form(client: TestClient, picture: Path) -> None:
    raw = client.post("/api/v1/read", content=picture.read_bytes(), headers={"content-type": "image/png"})
    form = client.post("/api/v1/read", files={"image": ("../../scene.png", picture.read_bytes())})
    assert raw.status_code == form.status_code == 200
    (one,), (other,) = raw.json()["reads"], form.json()["reads"]
    assert one["text"] == other["text"] == "ABC1D23"
    assert one["box"]["x"] == pytest.approx(100, abs=2)
    assert (one["source"], other["source"]) == ("image", "scene.png")
    assert one["lr_image"] is None
    assert one["run"] == ""
    assert not stored(client)
    assert client.get("/api/v1/reads").json()["reads"] == []


def test_crops_keep_their_positions(client: TestClient, tmp_path: Path) -> None:
    texts = ["ABC1D23", "XYZ9876"]
    files = [
        ("images", (f"{text}.png", save_image(tmp_path / f"{text}.png", paint(text)).read_bytes())) for text in texts
    ]
    tiny = save_image(tmp_path / "tiny.png", paint("ABC1D23", 7, 3)).read_bytes()
    answer = client.post("/api/v1/crops", files=[files[0], ("images", ("tiny.png", tiny)), files[1]])
    assert answer.status_code == 200
    told = answer.json()
    assert [(read["frame"], read["text"], read["source"]) for read in told["reads"]] == [
        (0, "ABC1D23", "ABC1D23.png"),
        (2, "XYZ9876", "XYZ9876.png"),
    ]
    (line,) = told["skipped"]
    assert "tiny.png" in line
    assert "7x3" in line


@pytest.mark.parametrize(
    ("content", "status", "line"),
    [
        (b"", 400, "no image"),
        (b"not a picture at all", 415, "not an image"),
        (bomb(8000, 8000), 413, "8000x8000 pixels are too many"),
        (bomb(30000, 30000), 413, "too many pixels"),
        (bomb(2**31 - 1, 2**31 - 1), 413, "too many pixels"),
        (b"<svg xmlns='http://www.w3.org/2000/svg'/>", 415, "not an image"),
    ],
)
def test_what_is_no_picture_is_refused_in_one_line(client: TestClient, content: bytes, status: int, line: str) -> None:
    for path in ("/api/v1/read", "/api/v1/crops"):
        answer = client.post(path, content=content)
        assert answer.status_code == status, answer.text
        told = answer.json()["error"]
        assert line in told
        assert "\n" not in told
        assert "/store/" not in told
    assert not stored(client)


def test_forms_that_cannot_be_taken_apart_are_refused(make_client: Make) -> None:
    client = make_client(max_crops=2)
    broken = {"content-type": "multipart/form-data; boundary=x"}
    assert client.post("/api/v1/read", content=b"--y\r\nnonsense", headers=broken).status_code == 400
    without = {"content-type": "multipart/form-data"}
    assert client.post("/api/v1/read", content=b"--y", headers=without).status_code == 400
    assert client.post("/api/v1/read", files={"image": (None, "no file")}).status_code == 400
    files = [("images", (f"{number}.png", b"x")) for number in range(3)]
    assert client.post("/api/v1/crops", files=files).status_code == 413
    assert not stored(client)


def test_who_waited_in_vain_is_told_apart_from_a_picture_that_took_too_long(
    make_client: Any, picture: Path, monkeypatch: Any
) -> None:
    client = make_client(timeout=1.0, workers=1)
    gate = threading.Event()
    monkeypatch.setattr(client.app_state["server"].networks, "read", lambda image: [gate.wait(30)][1:])

    def status(_: int) -> int:
        answer = client.post("/api/v1/read", content=picture.read_bytes())
        assert int(answer.headers["retry-after"]) > 0
        return int(answer.status_code)

    try:
        with ThreadPoolExecutor(2) as clients:
            assert sorted(clients.map(status, range(2))) == [429, 503]
    finally:
        gate.set()


def test_a_full_queue_is_told_with_when_to_come_again(client: Any, picture: Path, monkeypatch: Any) -> None:
    def full(call: object) -> None:
        raise BusyError("32 requests are waiting already; come again later")

    monkeypatch.setattr(client.app_state["server"].pool, "submit", full)
    answer = client.post("/api/v1/read", content=picture.read_bytes())
    assert answer.status_code == 429
    assert int(answer.headers["retry-after"]) > 0
    assert not stored(client)


@pytest.mark.parametrize("form", [False, True])
def test_a_full_disk_is_told_in_one_line(
    client: TestClient, picture: Path, form: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    wide = Path.open

    def full(path: Path, mode: str = "r", *more: Any, **options: Any) -> Any:
        if mode == "wb" and path.parent.name == "uploads":
            raise OSError(errno.ENOSPC, "No space left on device")
        return wide(path, mode, *more, **options)

    monkeypatch.setattr(Path, "open", full)
    data = picture.read_bytes()
    given: dict[str, Any] = {"files": {"image": ("a.png", data)}} if form else {"content": data}
    answer = client.post("/api/v1/read", **given)
    assert answer.status_code == 503
    assert "No space left on device" in answer.json()["error"]
    assert int(answer.headers["retry-after"]) > 0


@pytest.mark.parametrize(
    ("name", "shown"),
    [
        ("gate.mp4", "gate.mp4"),
        ("../../etc/passwd", "passwd"),
        ("C:\\cars\\a.png", "a.png"),
        ("a\x1b[2J.png", "a\\x1b[2J.png"),
        ("dir/", "file"),
        (b"\xff.png", "\ufffd.png"),
    ],
)
def test_names_of_clients_are_fit_to_be_shown(name: str | bytes, shown: str) -> None:
    assert shown_name(name) == shown
