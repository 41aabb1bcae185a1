"""Whole files or none."""

import errno
import os
from pathlib import Path

import pytest

from gan_core import files
from gan_core.errors import UserError


def test_replace_is_synced_and_leaves_nothing_beside_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    synced: list[int] = []
    real = os.fsync
    monkeypatch.setattr(os, "fsync", lambda handle: (synced.append(handle), real(handle))[1])
    files.write_text(tmp_path / "a.json", "one")
    files.write_text(tmp_path / "a.json", "two")
    assert (tmp_path / "a.json").read_text() == "two"
    assert [path.name for path in tmp_path.iterdir()] == ["a.json"]
    assert len(synced) == 4  # the file and the folder, twice


@pytest.mark.parametrize(("number", "words"), [(errno.ENOSPC, "disk is full"), (errno.EACCES, "no permission")])
def test_a_failed_write_keeps_what_was_there(
    number: int, words: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    files.write_text(tmp_path / "a.json", "kept")

    def fail(handle: int) -> None:
        raise OSError(number, os.strerror(number))

    monkeypatch.setattr(os, "fsync", fail)
    with pytest.raises(UserError, match=words):
        files.write_text(tmp_path / "a.json", "lost")
    assert (tmp_path / "a.json").read_text() == "kept"
    assert [path.name for path in tmp_path.iterdir()] == ["a.json"]


def test_a_disk_that_fills_while_appending_leaves_whole_lines(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "metrics.csv"
    files.append_bytes(path, b"step\n1\n")
    real = os.write
    monkeypatch.setattr(os, "write", lambda handle, content: real(handle, content[:3]))
    with pytest.raises(UserError, match="disk is full"):
        files.append_bytes(path, b"123456\n")
    assert path.read_bytes() == b"step\n1\n"


def test_a_folder_that_is_gone_is_named(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="folder is gone"):
        files.write_text(tmp_path / "no" / "a.json", "x")


@pytest.mark.skipif(os.name != "posix", reason="Windows has no umask")
@pytest.mark.parametrize(("umask", "file", "folder"), [(0o077, 0o600, 0o700), (0o022, 0o644, 0o755), (0, 0o644, 0o755)])
def test_what_is_written_is_no_wider_than_the_users_umask(tmp_path: Path, umask: int, file: int, folder: int) -> None:
    before = os.umask(umask)
    try:
        files.write_text(tmp_path / "a.json", "{}")
        files.append_bytes(tmp_path / "a.csv", b"x\n")
        made = files.temporary_folder(tmp_path / "out")
    finally:
        os.umask(before)
    modes = [(tmp_path / name).stat().st_mode & 0o777 for name in ("a.json", "a.csv")]
    assert (modes, made.stat().st_mode & 0o777) == ([file, file], folder)
