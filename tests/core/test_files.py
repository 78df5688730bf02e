"""Files that are whole or not there, and TOML files of users."""

from __future__ import annotations

from pathlib import Path

import pytest

from lpsr_core.errors import UsageError
from lpsr_core.files import replace_file, replacing
from lpsr_core.tomlfile import read_toml


@pytest.mark.parametrize("synced", [False, True])
def test_a_file_is_replaced_as_a_whole(tmp_path: Path, synced: bool) -> None:
    path = tmp_path / "a.bin"
    replace_file(path, b"old", synced)
    with replacing(path, synced) as part:
        part.write_bytes(b"new")
        assert path.read_bytes() == b"old", "until all of it is written"
    assert path.read_bytes() == b"new"
    assert [entry.name for entry in tmp_path.iterdir()] == ["a.bin"]


@pytest.mark.parametrize("error", [OSError, KeyboardInterrupt])
def test_what_fails_leaves_the_old_file_and_nothing_else(tmp_path: Path, error: type[BaseException]) -> None:
    path = tmp_path / "a.bin"
    replace_file(path, b"old")

    def fail() -> None:
        with replacing(path) as part:
            part.write_bytes(b"half")
            raise error

    with pytest.raises(error):
        fail()
    assert path.read_bytes() == b"old"
    assert [entry.name for entry in tmp_path.iterdir()] == ["a.bin"]


def test_a_missing_folder_is_not_made(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        replace_file(tmp_path / "none" / "a.bin", b"")


def test_toml_is_read_also_as_windows_writes_it(tmp_path: Path) -> None:
    path = tmp_path / "a.toml"
    path.write_bytes(b'\xef\xbb\xbfname = "gate"\r\n')
    assert read_toml(path) == {"name": "gate"}


@pytest.mark.parametrize(("data", "words"), [(None, "cannot be read"), (b"a = [", "not TOML"), (b"\xff", "not TOML")])
def test_a_toml_file_that_cannot_be_read_is_one_line(tmp_path: Path, data: bytes | None, words: str) -> None:
    path = tmp_path / "a.toml"
    if data is not None:
        path.write_bytes(data)
    with pytest.raises(UsageError, match=words) as error:
        read_toml(path)
    assert str(error.value).startswith(f"{path}: ")
    assert "\n" not in str(error.value)
