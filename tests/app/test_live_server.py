"""The live tab's server: alone, below the dashboard on its port, and what programs call by name."""

import contextlib
import json
import os
import re
import shutil
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest
from PIL import Image
from starlette.applications import Starlette
from starlette.testclient import TestClient

from dashboard.live import mount
from gan_core import images
from gan_core.phantoms.chest import xray
from gan_core.phantoms.head import mri
from tests.conftest import ROOT
from tests.helpers.graded_run import NAME, graded_run
from tests.helpers.pages import new_app

pytestmark = [pytest.mark.processes, pytest.mark.slow]

RUN = "reference/phantom_cxr_cyclegan"
NEEDED = ("phantom_cxr_cyclegan", "cgan", "dcgan", "bigan")
START_SECONDS = 120


@pytest.fixture(scope="module")
def normal(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("pictures") / "normal.png"
    path.write_bytes(images.png_bytes((xray.draw("normal", 51, 256).image * 255).astype("uint8")))
    return path


@pytest.fixture(scope="module")
def brain(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("pictures") / "brain.png"
    path.write_bytes(images.png_bytes((mri.draw("T1", 51, 128).image * 255).astype("uint8")))
    return path


def test_the_page_frames_the_tab_in_its_own_theme() -> None:
    page = new_app("live").run()
    assert not page.exception
    frames = [element for element in page.main if element.type == "iframe"]
    assert len(frames) == 1
    assert frames[0].proto.src == "/gradio/?__theme=light"


def test_the_tab_is_made_by_its_first_visitor(monkeypatch: pytest.MonkeyPatch) -> None:
    """Who opens the page sees at once that it starts; what is asked for after it waits until that is done."""
    monkeypatch.setenv("GANRAY_RUNS", str(ROOT / "runs"))
    lazy = mount.LazyApp()
    monkeypatch.setattr(mount, "_live", lazy)

    @contextlib.asynccontextmanager
    async def lifespan(_: Starlette) -> AsyncIterator[None]:
        yield
        await lazy.close()

    browser = {"accept": "text/html,*/*"}
    with TestClient(Starlette(routes=mount.routes(), lifespan=lifespan)) as client:
        assert client.get("/gradio?a=1", follow_redirects=False).headers["location"] == "/gradio/?a=1"
        waiting = client.get("/gradio/?__theme=dark", headers=browser)
        assert "The live tab is starting" in waiting.text
        assert waiting.headers["cache-control"] == "no-store"
        settings = client.get("/gradio/config").json()
        assert settings["title"] == "GANray live"
        assert settings["analytics_enabled"] is False
        page = client.get("/gradio/", headers=browser).text
        assert "is starting" not in page
        assert "ganrayWindow" in page


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The live tab alone, as `python -m dashboard.live` starts it, over shipped runs and one that paints opacity."""
    root = tmp_path_factory.mktemp("runs")
    for name in NEEDED:
        shutil.copytree(ROOT / "runs" / "reference" / name, root / "reference" / name)
    graded_run(root)
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    log = tmp_path_factory.mktemp("live") / "log.txt"
    with log.open("wb") as output:
        process = subprocess.Popen(
            [sys.executable, "-m", "dashboard.live", "--port", str(port), "--runs", str(root)],
            cwd=ROOT,
            stdout=output,
            stderr=subprocess.STDOUT,
            env=os.environ | {"GRADIO_TEMP_DIR": str(log.parent / "uploads")},
        )
    url = f"http://127.0.0.1:{port}/"
    end = time.monotonic() + START_SECONDS
    while process.poll() is None and time.monotonic() < end:
        try:
            urllib.request.urlopen(url, timeout=5).close()
            break
        except OSError:
            time.sleep(0.2)
    else:
        process.kill()
        pytest.fail(f"the live tab did not start: {log.read_text()[-2000:]}")
    yield url
    process.kill()
    process.wait()


def test_programs_translate_and_generate_by_name(served: str, normal: Path, brain: Path) -> None:
    """And what a program gets that asks for something else."""
    from gradio_client import Client, handle_file
    from gradio_client.exceptions import AppError

    client = Client(served, verbose=False)
    runs = client.predict(api_name="/runs")
    assert runs["translate"][RUN] == ["normal", "covid"]
    path = client.predict(handle_file(normal), RUN, "covid", False, api_name="/translate")
    with Image.open(path) as made:
        assert made.size == (128, 128)
        assert made.text["Direction"] == "normal to covid"
    found = client.predict("reference/cgan", "PNEUMONIA", 1, 3, 1.0, api_name="/generate")
    assert [Path(path).name for path in found] == [f"PNEUMONIA_00{i}.png" for i in range(3)]
    found = client.predict("reference/cgan", "NORMAL", "PNEUMONIA", 0.25, 1, 2, 1.0, api_name="/between")
    assert [Path(path).name for path in found] == [f"NORMAL_to_PNEUMONIA_025_00{i}.png" for i in range(2)]
    found = client.predict("reference/cgan", "PNEUMONIA", 1, 2, 1.0, api_name="/opinions")
    assert list(found) == ["child-b", "child-a"]
    assert [set(one) for one in found["child-b"]] == [{"NORMAL", "PNEUMONIA"}] * 2
    assert sum(found["child-a"][0].values()) == pytest.approx(1, abs=1e-3)
    with pytest.raises(AppError, match="no two classes"):
        client.predict("reference/dcgan", "NORMAL", "PNEUMONIA", 0.5, 1, 2, 1.0, api_name="/between")
    assert Path(client.predict(handle_file(normal), "reference/bigan", api_name="/encode")).name == "encoded.png"
    with pytest.raises(AppError, match="brain MRI"):
        client.predict(handle_file(brain), RUN, "covid", False, api_name="/translate")
    assert client.predict(handle_file(brain), RUN, "covid", True, api_name="/translate")
    with pytest.raises(AppError, match="there is no run"):
        client.predict(handle_file(normal), "../../etc", "covid", False, api_name="/translate")


def test_programs_name_a_severity_and_a_seed(served: str, normal: Path) -> None:
    """And calls that were written before there were any still work, with the values of a visitor who chooses none."""
    from gradio_client import Client, handle_file
    from gradio_client.exceptions import AppError

    client, given = Client(served, verbose=False), handle_file(normal)
    usual, named, other = (
        Path(client.predict(given, NAME, "covid", False, api_name="/translate", **more)).read_bytes()
        for more in ({}, {"severity": 0.7, "seed": 0}, {"seed": 2})
    )
    assert usual == named != other
    path = client.predict(given, NAME, "covid", False, 0.3, 2, api_name="/translate")
    with Image.open(path) as made:
        assert (made.text["Severity"], made.text["Seed"]) == ("0.3", "2")
    with urllib.request.urlopen(_upload(served, normal)) as answer:
        (path,) = json.loads(answer.read())
    file = {"path": path, "meta": {"_type": "gradio.FileData"}}
    asked = _post(f"{served}gradio_api/call/translate", {"data": [file, NAME, "covid", False]})
    with urllib.request.urlopen(asked) as answer:
        number = json.loads(answer.read())["event_id"]
    with urllib.request.urlopen(f"{served}gradio_api/call/translate/{number}", timeout=60) as answer:
        assert b"event: complete" in answer.read()
    with pytest.raises(AppError, match="has no severity"):
        client.predict(given, RUN, "covid", False, 0.5, api_name="/translate")
    with pytest.raises(AppError, match=r"a severity of 1\.5"):
        client.predict(given, NAME, "covid", False, 1.5, api_name="/translate")


def _post(url: str, content: object) -> urllib.request.Request:
    return urllib.request.Request(url, json.dumps(content).encode(), {"content-type": "application/json"})


def _upload(served: str, file: Path) -> urllib.request.Request:
    head = f'--x\r\nContent-Disposition: form-data; name="files"; filename="{file.name}"\r\n\r\n'
    body = head.encode() + file.read_bytes() + b"\r\n--x--\r\n"
    kind = {"content-type": "multipart/form-data; boundary=x"}
    return urllib.request.Request(f"{served}gradio_api/upload", body, kind)


def test_the_example_of_the_documentation_runs(served: str, normal: Path) -> None:
    blocks = re.findall(r"```python\n(.*?)```", (ROOT / "docs" / "live-api.md").read_text(encoding="utf-8"), re.DOTALL)
    (example,) = [block for block in blocks if "gradio_client" in block]
    found: dict[str, object] = {}
    exec(example.replace("http://127.0.0.1:8501/gradio/", served).replace("normal.png", str(normal)), found)
    assert Path(str(found["covid"])).name == "translated_covid.png"
    assert len(found["several"]) == 4


def test_only_what_is_meant_for_programs_has_a_name(served: str) -> None:
    from gradio_client import Client

    found = Client(served, verbose=False).view_api(return_format="dict", print_info=False)
    assert set(found["named_endpoints"]) == {
        "/runs",
        "/translate",
        "/generate",
        "/between",
        "/opinions",
        "/directions",
        "/along",
        "/encode",
    }
    assert not found["unnamed_endpoints"]
