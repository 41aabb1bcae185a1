"""The live tab: what is computed for a visitor, and the server that does it by name."""

import io
import os
import re
import shutil
import socket
import subprocess
import sys
import time
import urllib.request
import zipfile
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from streamlit.testing.v1 import AppTest

from dashboard.live import encode, examples, generate, pictures, translate
from dashboard.live.models import Shelf
from dashboard.live.translate import Shown, Upload
from gan_core import images
from gan_core.data import phantom_cxr, phantom_mri
from gan_core.errors import UserError
from tests.conftest import ROOT

RUN = "reference/phantom_cxr_cyclegan"


def png(picture: np.ndarray) -> bytes:
    return images.png_bytes((picture * 255).astype(np.uint8))


NORMAL = Upload("normal.png", png(phantom_cxr.draw("normal", 51, 256).image))
BRAIN = Upload("brain.png", png(phantom_mri.draw("T1", 51, 128).image))


@pytest.fixture(scope="module")
def shelf() -> Iterator[Shelf]:
    made = Shelf(ROOT / "runs")
    yield made
    made.decoder.close()


def steps(shelf: Shelf, *given: Upload, to: str = "covid", run: str = RUN, insist: bool = False) -> list[Shown]:
    return list(translate.translate(shelf, given, run, to, insist))


def sources(page: str) -> list[Image.Image]:
    """The PNGs inside a page."""
    found = re.findall(r'(?:src|href)="(data:image/png;base64,[^"]+)"', page)
    return [Image.open(io.BytesIO(urllib.request.urlopen(uri).read())) for uri in found]


def test_the_shelf_knows_what_each_run_can_do(shelf: Shelf) -> None:
    assert RUN in shelf.names("translate")
    assert not set(shelf.names("translate")) & set(shelf.names("generate"))
    assert "reference/bigan" in shelf.names("encode")
    assert not shelf.names("generate")[0].endswith("_seed")
    assert shelf.classes("reference/cgan") == ("NORMAL", "PNEUMONIA")
    assert shelf.classes("reference/dcgan") == ()
    assert shelf.get(RUN) is shelf.get("phantom_cxr_cyclegan")
    for name in ("none", "../reference/cgan", "/etc", "reference/../reference/cgan"):
        with pytest.raises(UserError, match="there is no run"):
            shelf.get(name)


def test_a_translation_comes_first_and_what_can_be_said_after_it(shelf: Shelf) -> None:
    shelf.get(RUN)
    first, last = steps(shelf, NORMAL)
    assert (first.message, last.message, last.doubted) == ("", "", False)
    assert "What changed" not in first.result
    before, after = (np.asarray(picture, np.float32) for picture in sources(first.result))
    assert before.shape == after.shape == (128, 128)
    assert 0.002 < np.abs(after - before).mean() / 255 < 0.1
    assert sources(first.result)[1].text["Direction"] == "normal to covid"
    assert sources(last.result)[1].text["Description"] == images.NOTICE
    assert {"What changed", "And back to normal", "Mean change", "darker"} <= set(
        re.findall(r"What changed|And back to normal|Mean change|darker", last.result)
    )
    assert re.findall(r'download="([^"]+)"', last.result) == [
        "normal_covid.png",
        "normal_covid_original_size.png",
        "normal_covid_change.png",
    ]
    sizes = [picture.size for picture in sources(last.result)]
    assert (256, 256) in sizes
    assert "patient" not in str([picture.info for picture in sources(last.result)]).lower()


def test_the_change_lies_where_disease_is_drawn(shelf: Shelf) -> None:
    """On phantoms the truth is known: the translation brightens the lungs and leaves the rest nearly alone."""
    inside, outside = [], []
    for seed in range(60, 68):
        body = phantom_cxr.draw("normal", seed, 128)
        model = shelf.get(RUN)
        given = (body.image * 255).round().astype(np.uint8)[None, :, :, None]
        change = (model.translate(given, "covid").astype(float) - given)[0, :, :, 0] / 255
        inside.append(change[body.lungs].mean())
        outside.append(np.abs(change[~body.lungs]).mean())
    assert np.mean(inside) > 0.01
    assert np.mean(inside) > 2 * np.mean(outside)


def test_what_does_not_belong_is_translated_only_when_the_visitor_insists(shelf: Shelf) -> None:
    shelf.get(RUN)
    (asked,) = steps(shelf, BRAIN)
    assert asked.doubted
    assert not asked.result
    assert "it looks like a brain MRI, not a chest X-ray" in asked.message
    assert steps(shelf, BRAIN, insist=True)[-1].result


def test_several_files_become_a_zip_and_bad_ones_are_named(shelf: Shelf) -> None:
    shelf.get(RUN)
    *_, last = steps(
        shelf, NORMAL, Upload("broken.png", NORMAL.data[:500]), BRAIN, Upload("same/normal.jpg", NORMAL.data)
    )
    assert "broken.png: damaged or truncated" in last.message.replace("Broken", "broken")
    assert "brain MRI" in last.message
    assert last.doubted
    uri = re.search(r'href="(data:application/zip;base64,[^"]+)"', last.result)
    assert uri
    with zipfile.ZipFile(io.BytesIO(urllib.request.urlopen(uri[1]).read())) as archive:
        assert archive.namelist() == ["001_normal_covid.png", "004_normal_covid.png"]
        assert Image.open(archive.open("001_normal_covid.png")).text["Run"] == "phantom_cxr_cyclegan"


@pytest.mark.parametrize(
    ("given", "run", "to", "words"),
    [
        (Upload("a.png", b""), RUN, "covid", "the file is empty"),
        (Upload("a.png", b"%PDF-1.7"), RUN, "covid", "not a picture that can be read"),
        (NORMAL, RUN, "pneumonia", "does not translate to &#x27;pneumonia&#x27;"),
        (NORMAL, "reference/cgan", "covid", "does not translate: choose another run"),
        (NORMAL, "none", "covid", "there is no run"),
        (NORMAL, "", "covid", "no run here translates yet"),
    ],
)
def test_whatever_is_wrong_is_one_sentence(shelf: Shelf, given: Upload, run: str, to: str, words: str) -> None:
    last = steps(shelf, given, run=run, to=to)[-1]
    assert words.lower() in last.message.lower()
    assert 'class="message error"' in last.message
    assert not last.result
    assert "Traceback" not in last.message


def test_names_of_files_and_runs_cannot_draw_on_the_page(shelf: Shelf) -> None:
    shelf.get(RUN)
    nasty = '"><img src=x onerror=alert(1)>.png'
    pages = [steps(shelf, Upload(nasty, data))[-1] for data in (NORMAL.data, b"")]
    for page in pages:
        assert "<img src=x" not in page.result + page.message


def test_broken_runs_are_named(tmp_path: Path) -> None:
    shutil.copytree(ROOT / "runs" / RUN, tmp_path / "half")
    weights = tmp_path / "half" / "weights.safetensors"
    content = weights.read_bytes()
    weights.write_bytes(content[: len(content) // 2])
    shelf = Shelf(tmp_path)
    last = steps(shelf, NORMAL, run="half")[-1]
    assert "weights.safetensors" in last.message
    weights.write_bytes(content)
    assert steps(shelf, NORMAL, run="half")[-1].result
    weights.unlink()
    assert "half" not in shelf.names("translate")
    shelf.decoder.close()


def test_generating(shelf: Shelf) -> None:
    *_, page = generate.generate(shelf, "reference/cgan", "PNEUMONIA", 3, 5, 0.8)
    shown = sources(page)
    assert len(shown) == 5
    assert all(picture.text["Description"] == images.NOTICE for picture in shown)
    *_, rows = generate.compare(shelf, "reference/cgan", 3, 4, 1.0)
    assert rows.count("<b>") == 2
    assert len(sources(rows)) == 8
    *_, walked = generate.walk(shelf, "reference/cgan", generate.ANY, 0, 1)
    gif = re.search(r'src="(data:image/gif;base64,[^"]+)"', walked)
    assert gif
    assert Image.open(io.BytesIO(urllib.request.urlopen(gif[1]).read())).n_frames == 2 * generate.STEPS - 2
    for arguments, words in (
        (("reference/dcgan", "NORMAL", 0, 4, 1.0), "not conditional"),
        (("reference/cgan", "NORMAL", 0, 1000, 1.0), "ask for 1 to 64"),
        (("reference/cgan", "NORMAL", -1, 4, 1.0), "take 0 or more"),
        (("reference/cgan", "NORMAL", 0, 4, 0.0), "truncation 0"),
        ((RUN, "normal", 0, 4, 1.0), "does not generate any"),
        (("", "", 0, 4, 1.0), "no run here generates"),
    ):
        *_, page = generate.generate(shelf, *arguments)
        assert words.lower() in page.lower()
        assert 'class="message error"' in page


def test_truncation_makes_pictures_more_alike(shelf: Shelf) -> None:
    model = shelf.get("reference/dcgan")
    spreads = [model.generate(24, truncation=cut)[0].astype(float).std(0).mean() for cut in (1.0, 0.6, 0.2)]
    assert spreads[0] > 1.15 * spreads[1] > 1.15**2 * spreads[2]


def test_encoding(shelf: Shelf) -> None:
    *_, (page, doubted) = encode.encode(shelf, NORMAL, "reference/bigan")
    assert not doubted
    given, drawn, missing = sources(page)
    assert given.size == drawn.size == missing.size == (64, 64)
    assert "What the model could not explain" in page
    *_, (page, doubted) = encode.encode(shelf, BRAIN, "reference/bigan")
    assert doubted
    *_, (page, _) = encode.encode(shelf, BRAIN, "reference/bigan", True)
    assert len(sources(page)) == 3
    *_, (page, _) = encode.encode(shelf, NORMAL, "reference/cgan")
    assert "no encoder" in page


def test_examples_belong_to_us_and_pass_the_gate(shelf: Shelf) -> None:
    for run in shelf.names("translate"):
        settled = shelf.config(run)
        for domain in settled.domains:
            found = examples.examples(shelf, settled, domain)
            assert len(found) >= examples.COUNT, (run, domain)
            to = next(name for name in settled.domains if name != domain)
            for content, caption in found:
                assert caption.endswith("synthetic")
                assert not steps(shelf, Upload("example.png", content), run=run, to=to)[-1].doubted, (run, caption)


def test_the_heat_map_is_signed_symmetric_and_has_its_scale() -> None:
    change = np.array([[[-0.3], [0.0], [0.3]]], np.float32)
    darker, same, brighter = pictures.heat(change)[0].astype(int)
    assert same.min() > 240
    assert darker[2] > darker[0] and brighter[0] > brighter[2]
    assert abs(darker.sum() - brighter.sum()) < 120
    assert np.array_equal(pictures.heat(change * 9), pictures.heat(change))
    assert "30%" in pictures.scale_bar()


def test_memory_stays_flat(shelf: Shelf) -> None:
    import psutil

    process = psutil.Process()
    for _ in range(15):
        steps(shelf, NORMAL)
    before = process.memory_info().rss
    for _ in range(100):
        steps(shelf, NORMAL)
    assert process.memory_info().rss - before < 30e6


def test_the_page_frames_the_tab_in_its_own_theme() -> None:
    page = AppTest.from_file(str(ROOT / "dashboard" / "main.py"), default_timeout=30).run()
    page.switch_page("views/live.py").run()
    assert not page.exception
    frames = [element for element in page.main if element.type == "iframe"]
    assert len(frames) == 1
    assert frames[0].proto.src == "/gradio/?__theme=light"


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The live tab alone, as `python -m dashboard.live` starts it."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    log = tmp_path_factory.mktemp("live") / "log.txt"
    with log.open("wb") as output:
        process = subprocess.Popen(
            [sys.executable, "-m", "dashboard.live", "--port", str(port), "--runs", str(ROOT / "runs")],
            cwd=ROOT,
            stdout=output,
            stderr=subprocess.STDOUT,
            env=os.environ | {"GRADIO_TEMP_DIR": str(log.parent / "uploads")},
        )
    url = f"http://127.0.0.1:{port}/"
    end = time.monotonic() + 60
    while time.monotonic() < end:
        try:
            urllib.request.urlopen(url, timeout=5)
            break
        except OSError:
            assert process.poll() is None, log.read_text()
            time.sleep(0.2)
    yield url
    process.kill()
    process.wait()


def test_programs_translate_and_generate_by_name(served: str, tmp_path: Path) -> None:
    """And what a program gets that asks for something else."""
    from gradio_client import Client, handle_file
    from gradio_client.exceptions import AppError

    given = tmp_path / "normal.png"
    given.write_bytes(NORMAL.data)
    client = Client(served, verbose=False)
    runs = client.predict(api_name="/runs")
    assert runs["translate"][RUN] == ["normal", "covid"]
    path = client.predict(handle_file(given), RUN, "covid", False, api_name="/translate")
    with Image.open(path) as made:
        assert made.size == (128, 128)
        assert made.text["Direction"] == "normal to covid"
    found = client.predict("reference/cgan", "PNEUMONIA", 1, 3, 1.0, api_name="/generate")
    assert [Path(path).name for path in found] == [f"PNEUMONIA_00{i}.png" for i in range(3)]
    assert Path(client.predict(handle_file(given), "reference/bigan", api_name="/encode")).name == "normal_encoded.png"
    (tmp_path / "brain.png").write_bytes(BRAIN.data)
    with pytest.raises(AppError, match="brain MRI"):
        client.predict(handle_file(tmp_path / "brain.png"), RUN, "covid", False, api_name="/translate")
    assert client.predict(handle_file(tmp_path / "brain.png"), RUN, "covid", True, api_name="/translate")
    with pytest.raises(AppError, match="there is no run"):
        client.predict(handle_file(given), "../../etc", "covid", False, api_name="/translate")


def test_the_example_of_the_readme_runs(served: str, tmp_path: Path) -> None:
    given = tmp_path / "normal.png"
    given.write_bytes(NORMAL.data)
    blocks = re.findall(r"```python\n(.*?)```", (ROOT / "README.md").read_text(encoding="utf-8"), re.DOTALL)
    (example,) = [block for block in blocks if "gradio_client" in block]
    found: dict[str, object] = {}
    exec(example.replace("http://127.0.0.1:8501/gradio/", served).replace("normal.png", str(given)), found)
    assert Path(str(found["covid"])).name == "normal_covid.png"
    assert len(found["several"]) == 4


def test_two_programs_at_once_and_one_that_leaves(served: str, tmp_path: Path) -> None:
    from gradio_client import Client, handle_file

    given = tmp_path / "normal.png"
    given.write_bytes(NORMAL.data)
    first, second = (Client(served, verbose=False) for _ in range(2))
    jobs = [c.submit(handle_file(given), RUN, "covid", False, api_name="/translate") for c in (first, second) * 4]
    leaving = second.submit("reference/dcgan", "", 0, 64, 1.0, api_name="/generate")
    leaving.cancel()
    contents = {Path(job.result(timeout=60)).read_bytes() for job in jobs}
    assert len(contents) == 1
