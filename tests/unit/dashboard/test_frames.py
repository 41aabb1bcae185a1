"""Sheets over HTTP: who may see which, what may be kept, and that an address opens nothing but a run's sheets."""

import io
import os
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import quote

import numpy as np
import pytest
import streamlit as st
from PIL import Image
from starlette.applications import Starlette
from starlette.responses import PlainTextResponse
from starlette.testclient import TestClient
from starlette.types import Receive, Scope, Send

from dashboard.library import real_sheet, store
from dashboard.library.store import Entry
from dashboard.server import frames
from dashboard.server.routes import routes
from dashboard.server.security import RequestGuard
from gan_core import images, runs
from tests.helpers.run_folders import draw_grid, make_run

LIGHT = "cyclegan_resnet_light"


@pytest.fixture
def root(runs_root: Path) -> Path:
    make_run(runs_root, "reference/dcgan", "dcgan", 3, 5)
    make_run(runs_root, "hidden", LIGHT, 2, 5, private=True)
    return runs_root


@pytest.fixture
def client(root: Path) -> Iterator[TestClient]:
    with TestClient(Starlette(routes=routes())) as found:
        yield found


def entry(name: str) -> Entry:
    found = store.library().find(name)
    assert found
    return found


def address(name: str, epoch: int) -> str:
    base, names = frames.sheets(entry(name))
    return base + names[epoch]


def test_a_sheet_is_served_to_the_byte_and_kept_for_good(client: TestClient, root: Path) -> None:
    answer = client.get(address("reference/dcgan", 2))
    assert answer.content == (root / "reference/dcgan/samples/epoch_0002.png").read_bytes()
    assert answer.headers["content-type"] == "image/png"
    assert answer.headers["cache-control"] == "private, max-age=31536000, immutable"
    assert answer.headers["x-content-type-options"] == "nosniff"
    assert answer.headers["cross-origin-resource-policy"] == "same-origin"


def test_an_animation_is_served_once_it_is_whole(client: TestClient, root: Path) -> None:
    path = root / "reference/dcgan/progress.gif"
    right = frames.animation(entry("reference/dcgan"))
    answer = client.get(right)
    assert answer.content == path.read_bytes()
    assert answer.headers["content-type"] == "image/gif"
    assert "immutable" in answer.headers["cache-control"]
    assert client.get(right.replace("progress", "other")).headers["cache-control"] == "no-store"
    hidden = client.get(frames.animation(entry("hidden")))
    assert hidden.content == (root / "hidden/private/progress.gif").read_bytes()
    assert hidden.headers["cache-control"] == "no-store"
    assert client.get(right.replace("/samples/", "/private/")).status_code == 403
    path.write_bytes(path.read_bytes()[:-1])
    assert frames.animation(entry("reference/dcgan")) == ""
    assert client.get(right).status_code == 404


def test_the_epochs_of_a_run_are_in_order(root: Path) -> None:
    assert list(frames.sheets(entry("reference/dcgan"))[1]) == [0, 1, 2, 3]


def test_private_sheets_are_opened_by_their_own_signature_and_kept_nowhere(client: TestClient, root: Path) -> None:
    right = address("hidden", 1)
    answer = client.get(right)
    assert answer.content == (root / "hidden/private/epoch_0001.png").read_bytes()
    assert answer.headers["cache-control"] == "no-store"
    public = frames.base(entry("hidden"), frames.SAMPLES)
    assert client.get(public.replace("/samples/", "/private/") + right.rsplit("/", 1)[1]).status_code == 403


@pytest.mark.parametrize("part", ["signature", "kind", "run"])
def test_a_changed_address_opens_nothing(client: TestClient, part: str) -> None:
    right = address("reference/dcgan", 2)
    signature = right.split("/")[2]
    wrong = {
        "signature": right.replace(signature, "0" * 32),
        "kind": right.replace("/samples/", "/private/"),
        "run": right.replace("/reference/dcgan/", "/hidden/"),
    }[part]
    answer = client.get(wrong)
    assert answer.status_code == 403
    assert answer.headers["cache-control"] == "no-store"


@pytest.mark.parametrize(
    "name", ["../config", "../../hidden/private/epoch_0001", "1-../../x", "x", "-1", "9" * 30, "99-00000000", "²"]
)
def test_no_path_is_made_of_an_address(client: TestClient, name: str) -> None:
    base, _ = frames.sheets(entry("reference/dcgan"))
    assert client.get(f"{base}{quote(name, safe='')}.png").status_code in (403, 404)


@pytest.mark.parametrize("run", ["../outside", "/etc", "nobody"])
def test_only_runs_of_the_library_are_opened(client: TestClient, root: Path, run: str) -> None:
    make_run(root.parent / "elsewhere", "outside", "gan", 1, 2)
    forged = f"/frames/{frames._signature('samples', run)}/samples/{quote(run, safe='')}/1-0.png"
    assert client.get(forged).status_code in (403, 404)


def test_a_sheet_that_is_drawn_again_has_another_address(client: TestClient, root: Path) -> None:
    before = address("reference/dcgan", 2)
    path = root / "reference/dcgan/samples/epoch_0002.png"
    path.write_bytes(images.png_bytes(draw_grid(0.1, "gan", 7)))
    os.utime(path, (1, 1))
    after = address("reference/dcgan", 2)
    assert after != before
    assert client.get(after).headers["cache-control"].endswith("immutable")
    old = client.get(before)  # of a page that is still open: true, but not to be kept under this name
    assert old.content == path.read_bytes()
    assert old.headers["cache-control"] == "no-store"


@pytest.mark.parametrize("harm", ["missing", "empty", "torn"])
def test_a_damaged_sheet_is_not_there(client: TestClient, root: Path, harm: str) -> None:
    path = root / "reference/dcgan/samples/epoch_0002.png"
    content = path.read_bytes()
    asked = address("reference/dcgan", 2)
    path.unlink() if harm == "missing" else path.write_bytes(content[: len(content) // 2] if harm == "torn" else b"")
    answer = client.get(asked)
    assert answer.status_code == 404
    assert answer.headers["cache-control"] == "no-store"


def test_odd_names_of_runs_find_their_sheets(client: TestClient, root: Path) -> None:
    odd = "odd *name* <b>&?#%"
    (root / "reference/dcgan").rename(root / odd)
    assert client.get(address(odd, 1)).status_code == 200


def test_processes_with_one_key_agree(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    drawn = frames._signature("samples", "a")
    found = set()
    for key in ("one", "one", "two", ""):
        monkeypatch.setenv("GANRAY_KEY", key)
        frames._key.cache_clear()
        found.add(frames._signature("samples", "a"))
    assert len(found) == 3 and drawn not in found
    frames._key.cache_clear()


def test_the_address_lies_below_the_dashboards_own(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    before = st.get_option("server.baseUrlPath")
    monkeypatch.setattr(st, "get_option", lambda name: "/xray/" if name == "server.baseUrlPath" else before)
    asked = address("reference/dcgan", 1)
    assert asked.startswith("/xray/frames/")
    with TestClient(Starlette(routes=routes())) as client:
        assert client.get(asked).status_code == 200


def real(name: str, place: str) -> str:
    found = entry(name)
    assert found.config
    return f"{frames.base(found, frames.REAL)}{real_sheet.token(found.config, place)}.png"


def test_phantoms_stand_beside_runs_that_learned_from_them(client: TestClient) -> None:
    answer = client.get(real("reference/dcgan", "phantom:cxr"))
    assert answer.status_code == 200
    assert answer.headers["cache-control"] == "no-store"
    sheet = np.asarray(Image.open(io.BytesIO(answer.content)))
    assert sheet.shape == (4 * 66 + 2, 4 * 66 + 2)
    pictures = [sheet[2 + 66 * row : 66 + 66 * row, 2 + 66 * at : 66 + 66 * at] for row in range(4) for at in range(4)]
    assert len({picture.tobytes() for picture in pictures}) == 16
    assert all(picture.std() > 20 for picture in pictures)


def test_real_images_come_from_where_the_reader_says(client: TestClient, root: Path, tmp_path: Path) -> None:
    folder = tmp_path / "data"
    for label, grey in (("healthy", 40), ("ill", 200)):
        (folder / label).mkdir(parents=True)
        for number in range(3):
            Image.new("L", (90, 70), grey + number).save(folder / label / f"{number}.png")
    (folder / "ill" / "torn.png").write_bytes(b"\x89PNG\r\n\x1a\n")
    make_run(root, "mine", LIGHT, 1, 2, domains=("healthy", "ill"))
    answer = client.get(real("mine", str(folder)))
    assert answer.status_code == 200
    sheet = np.asarray(Image.open(io.BytesIO(answer.content)))
    assert set(np.unique(sheet)) == {0, 40, 41, 42, 200, 201, 202}  # on black; the torn one is left out
    assert "data" not in answer.request.url.path
    assert not list(root.rglob("*.png.tmp"))


def test_data_that_is_not_here_is_not_shown(client: TestClient, root: Path, tmp_path: Path) -> None:
    assert client.get(real("hidden", str(tmp_path / "gone"))).status_code == 404
    base = frames.base(entry("reference/dcgan"), frames.REAL)
    for name in ("0" * 24, "..", "config", real_sheet.token(entry("hidden").config, "phantom:cxr")):
        assert client.get(f"{base}{quote(name, safe='')}.png").status_code in (403, 404)
    assert runs.list_runs(root)


@pytest.mark.parametrize("signature", ["%C3%A9", "%E2%82%AC" * 32, "%F0%9F%92%A3", "%00"])
def test_a_signature_that_is_no_ascii_is_refused_like_any_other(client: TestClient, signature: str) -> None:
    assert client.get(f"/frames/{signature}/samples/reference/dcgan/0-0.png").status_code == 403
    assert client.get(f"/frames/0/{signature}/{signature}/0-0.png").status_code == 403


@pytest.mark.parametrize(
    ("asked", "status"),
    [
        *(("bytes=0-9", 200), ("bytes=5-", 200), ("bytes=-7", 200), (None, 200)),
        *(("bytes=0-1,4-5", 416), ("bytes=1-2-3", 416), ("bytes=5-2", 416), ("bytes=-", 416), ("lines=1-2", 416)),
        *(("bytes=" + "9" * 5000 + "-", 416), ("bytes=\u00b2-", 416)),
    ],
)
def test_one_range_at_a_time(asked: str | None, status: int) -> None:
    async def page(scope: Scope, receive: Receive, send: Send) -> None:
        await PlainTextResponse("whole")(scope, receive, send)

    headers = {"host": "localhost"} | ({"range": asked.encode("utf-8")} if asked else {})
    answer = TestClient(RequestGuard(page)).get("/", headers=headers)
    assert answer.status_code == status
