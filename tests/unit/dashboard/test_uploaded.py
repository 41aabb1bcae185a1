"""Uploads to the live tab: where they lie, how much may lie there, and that a broken one leaves nothing."""

import asyncio
import errno
import os
import socket
import stat
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import gradio
import pytest
import streamlit as st
from fastapi import FastAPI
from gradio import route_utils, routes
from starlette.testclient import TestClient

from dashboard.live import endpoints, mount, process_folder, uploaded
from gan_core.errors import UserError

UPLOAD = "/gradio_api/upload"


@pytest.fixture
def root(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("GRADIO_TEMP_DIR", str(tmp_path / "uploads"))
    # What `install` changes in Gradio is changed back.
    monkeypatch.setattr(routes, "upload_fn", routes.upload_fn)
    monkeypatch.setattr(route_utils, "GradioMultiPartParser", route_utils.GradioMultiPartParser)
    return uploaded.folder()


@pytest.fixture
def client(root: Path) -> Iterator[TestClient]:
    uploaded.install(uploaded.Uploads(root))
    with gradio.Blocks(analytics_enabled=False) as blocks:
        gradio.File()
    with TestClient(gradio.mount_gradio_app(FastAPI(), blocks, "/", max_file_size="1mb")) as found:
        yield found


def files(count: int, size: int = 10) -> list[Any]:
    return [("files", (f"{number}.png", bytes([number % 256]) * size)) for number in range(count)]


def lying(root: Path) -> list[Path]:
    return [path for path in root.rglob("*") if path.is_file()]


def test_uploads_lie_in_a_folder_of_their_own(client: TestClient, root: Path) -> None:
    answer = client.post(UPLOAD, files=files(3))
    assert answer.status_code == 200
    assert sorted(map(str, lying(root))) == sorted(answer.json())
    assert {stat.S_IMODE(path.stat().st_mode) for path in root.iterdir()} == {0o700}
    second = client.post(UPLOAD, files=files(1))
    assert len(lying(root)) == 4
    for path in answer.json():
        Path(path).unlink()  # as Gradio does after a while
    assert uploaded.Uploads(root).bytes() == 10
    assert len(list(root.iterdir())) == 1 and Path(second.json()[0]).exists()


def test_one_request_has_a_bound_on_its_files(client: TestClient, root: Path) -> None:
    assert client.post(UPLOAD, files=files(uploaded.MOST_FILES)).status_code == 200
    before = lying(root)
    answer = client.post(UPLOAD, files=files(uploaded.MOST_FILES + 1))
    assert answer.status_code == 400 and "Too many files" in answer.text
    assert client.post(UPLOAD, files=files(2, 2 * 1024**2)).status_code == 413
    assert lying(root) == before


def test_what_lies_there_is_bounded(client: TestClient, root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(uploaded, "MOST_BYTES", 5000)
    assert client.post(UPLOAD, files=files(1, 3000)).status_code == 200
    answer = client.post(UPLOAD, files=files(1, 3000))
    assert answer.status_code == 507 and "no space" in answer.json()["detail"]
    assert len(lying(root)) == 1
    assert client.post(UPLOAD, files=files(1, 100)).status_code == 200


@pytest.mark.parametrize("where", ["while it is written", "when it is put in its place"])
def test_a_full_disk_is_a_sentence_and_leaves_nothing(
    where: str, client: TestClient, root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: object, **__: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    if where == "while it is written":
        monkeypatch.setattr(route_utils.GradioUploadFile, "write", full)
    else:
        monkeypatch.setattr(route_utils.client_utils, "strip_invalid_filename_characters", full)
    answer = client.post(UPLOAD, files=files(3))
    assert answer.status_code == 507 and "no space" in answer.json()["detail"]
    assert list(root.iterdir()) == []


def test_an_upload_that_breaks_off_leaves_nothing(root: Path) -> None:
    uploads = uploaded.Uploads(root)
    with pytest.raises(uploaded.HTTPException) as refused, uploads.request(100) as own:
        (own / "half").write_bytes(b"x" * 50)
        raise uploaded.ClientDisconnect
    assert refused.value.status_code == 400
    assert list(root.iterdir()) == []
    with pytest.raises(KeyboardInterrupt), uploads.request(100) as own:
        (own / "half").write_bytes(b"x" * 50)
        raise KeyboardInterrupt
    assert list(root.iterdir()) == []


def test_the_folder_is_fresh_and_ours(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    monkeypatch.setenv("GRADIO_TEMP_DIR", "")
    dead, alive, before = (
        tmp_path / f"ganray-uploads-{number}-x" for number in (99_999_999, os.getppid(), os.getpid())
    )
    for path in (dead, alive, before):
        path.mkdir()
        (path / "patient.png").touch()
    results = tmp_path / "ganray-results-99999999-x"
    (results / "1").mkdir(parents=True)
    own = endpoints.TemporaryFiles().folder
    assert own.parent == tmp_path and stat.S_IMODE(own.stat().st_mode) == 0o700 and not results.exists()
    made = uploaded.folder()
    assert made.parent == tmp_path and stat.S_IMODE(made.stat().st_mode) == 0o700
    assert os.environ["GRADIO_TEMP_DIR"] == str(made)
    assert not dead.exists() and alive.exists()
    assert not before.exists(), "of an earlier app, which had this process's number in its container"
    assert uploaded.folder() == made and own.exists()
    wide = tmp_path / "wide"
    wide.mkdir(0o777)
    (wide / dead.name).mkdir()
    monkeypatch.setenv("GRADIO_TEMP_DIR", str(wide))
    below = uploaded.folder()
    assert list(wide.iterdir()) == [below] and os.environ["GRADIO_TEMP_DIR"] == str(below)
    assert stat.S_IMODE(wide.stat().st_mode) == stat.S_IMODE(below.stat().st_mode) == 0o700
    (tmp_path / "link").symlink_to(wide)
    for bad in ("link", "socket"):
        if bad == "socket":
            socket.socket(socket.AF_UNIX).bind(str(tmp_path / bad))
        monkeypatch.setenv("GRADIO_TEMP_DIR", str(tmp_path / bad))
        with pytest.raises(UserError, match="no folder of yours"):
            uploaded.folder()
    if os.getuid():
        monkeypatch.setenv("GRADIO_TEMP_DIR", "/")
        with pytest.raises(UserError, match="no folder of yours"):
            uploaded.folder()


def test_the_server_removes_what_is_left_when_it_starts_and_its_own_when_it_ends(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    monkeypatch.setenv("GRADIO_TEMP_DIR", str(tmp_path / "named"))
    monkeypatch.setattr(process_folder, "_made", set())
    for place in (tmp_path, tmp_path / "named"):
        (place / "ganray-results-99999999-x" / "0").mkdir(parents=True)

    async def served() -> None:
        async with mount.lifespan(st.App("unused.py")):
            assert [path.name for path in tmp_path.iterdir()] == ["named"] and not list((tmp_path / "named").iterdir())
            (uploaded.folder() / "patient.png").touch()
            endpoints.TemporaryFiles().write("translated.png", b"x")
            assert len(lying(tmp_path)) == 2

    for _ in range(2):  # the server may start again in the same process
        asyncio.run(served())
        assert [path.name for path in tmp_path.rglob("*")] == ["named"]


def test_results_go_with_their_folders(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    few = endpoints.TemporaryFiles(most=2)
    kept = [few.write("a.png", b"x") for _ in range(5)]
    assert sorted(few.folder.iterdir()) == [Path(path).parent for path in kept[3:]]
    short = endpoints.TemporaryFiles(seconds=0.05)
    for _ in range(2):
        assert Path(short.write("a.png", b"x")).exists()
        end = time.monotonic() + 10
        while list(short.folder.iterdir()):
            assert time.monotonic() < end
            time.sleep(0.02)
