"""Hostile pictures through every door: the live tab's endpoint, the uploader, the command line, the data of a training.

Each ends in one readable line or in the right picture, within ten seconds; whoever took it in is alive afterwards.
"""

import http.client
import io
import os
import re
import shutil
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import psutil
import pytest
from PIL import Image

from gan_core import cli, images
from gan_core.data import decode_pool as pool
from gan_core.data import prepare
from gan_core.decode import worker as decode_worker
from gan_core.decode.image_files import quantise, resize
from gan_core.decode.worker import DecodeWorker
from gan_core.errors import UserError
from tests.conftest import ROOT
from tests.helpers.pages import new_app
from tests.robustness import hostile, hostile_dicom
from tests.robustness.hostile import File
from tests.robustness.visitor import Refused, Served, memory, server_of

SECONDS = 10.0  # that a file may take
MB = 1024  # that the server and its decoder may grow by
RUN = "reference/phantom_cxr_cyclegan"
SOAK = [pytest.mark.soak, pytest.mark.timeout(3600)]
NAMES = (
    *("../../evil.png", "..\\..\\evil.png", "%2e%2e%2f%2e%2e%2fevil.png", "%252e%252e%252fevil.png", "/etc/evil.png"),
    *(
        "C:\\evil.png",
        "C:evil.png",
        "\\\\host\\share\\evil.png",
        "evil\0.png",
        "con.png",
        "NUL",
        "com1.dcm",
        ".evil.png",
    ),
    *(
        "..",
        ".",
        "",
        "evil" * 75 + ".png",
        "evil\n.png",
        "evil\x1b[31m.png",
        "<img src=x onerror=evil()>.png",
        "évil.png",
    ),
    *("evil\u202egnp.png", "$(evil).png", "; evil.png", "-evil.png", "~evil.png", "evil.png.", " evil.png"),
)


@pytest.fixture(scope="module")
def files() -> list[File]:
    found = [*hostile.pictures(), *hostile_dicom.pictures()]
    assert len({file.data for file in found}) >= 200
    return found


def some(files: list[File], count: int) -> list[File]:
    """So many of them, of every kind; the same ones every time. The largest take seconds: all of them or none."""
    files = files if count >= len(files) else [file for file in files if "79 mega" not in file.name]
    return files if count >= len(files) else [files[number * len(files) // count] for number in range(count)]


def one_line(text: str) -> str:
    assert text and "\n" not in text and "Traceback" not in text and len(text) < 600 and text.isprintable(), text
    return text


def greys(picture: np.ndarray) -> float:
    """How far a decoded picture, (H, W, C) in [0, 1], lies from the phantom."""
    assert picture.shape[:2] == (hostile.SIDE, hostile.SIDE)
    return float(np.abs(np.rint(picture.mean(2) * 255) - hostile.base()).max())


@pytest.mark.parametrize("count", [80, pytest.param(1000, marks=SOAK)])
def test_a_decoder_of_its_own_gives_the_right_picture_or_a_line(
    files: list[File], count: int, record_property: Callable[[str, object], None]
) -> None:
    slowest, refused, right = 0.0, 0, 0
    with DecodeWorker() as worker:
        for file in some(files, count):
            begun = time.perf_counter()
            try:
                picture = worker.decode(file.data, file.name)
            except UserError as error:
                assert one_line(str(error)).startswith(f"{file.name}: ")
                assert file.right is None, error
                refused += 1
            else:
                assert not file.refused, file.name
                assert picture.min() >= 0 and picture.max() <= 1
                assert file.right is None or greys(picture) <= file.right, file.name
                right += file.right is not None
            slowest = max(slowest, time.perf_counter() - begun)
            assert slowest < SECONDS, file.name
        peak = _peak(worker.process)
    assert peak < MB
    record_property(
        "measured",
        f"{len(some(files, count))} files ({len({file.data for file in files})} distinct ones in all): {right} right, "
        f"{refused} refused in a line, slowest {slowest:.1f} s, the decoder at most {peak:.0f} MB",
    )


def _peak(process: int | None) -> float:
    """MB of memory that a process has ever held; what it holds now where the system does not say."""
    try:
        found = re.search(r"VmHWM:\s+(\d+) kB", Path(f"/proc/{process}/status").read_text())
    except OSError:
        found = None
    return int(found[1]) / 1024 if found else psutil.Process(process).memory_info().rss / 2**20


@pytest.mark.parametrize("count", [24, pytest.param(1000, marks=SOAK)])
def test_the_endpoint_translates_or_refuses(
    served: Served, files: list[File], count: int, record_property: Callable[[str, object], None]
) -> None:
    visitor, server = served.visitor, server_of(served.visitor.address)
    plain = images.png_bytes(hostile.base())

    def translated(name: str, data: bytes) -> np.ndarray:
        found = visitor.fetch(visitor.send(name, data, "translate", RUN, "covid", True))
        return np.asarray(Image.open(io.BytesIO(found))).astype(float)

    expected, before, slowest = translated("plain.png", plain), memory(server), 0.0
    most = before
    for number, file in enumerate(some(files, count)):
        begun = time.perf_counter()
        try:
            found = translated(f"{number} {file.name}", file.data)
        except Refused as error:
            one_line(str(error))
            assert file.right is None, error
        else:
            assert not file.refused, file.name
            # What a network makes of a few greys more or less may differ by more of them.
            assert file.right is None or np.abs(found - expected).mean() <= file.right + 0.5, file.name
        slowest, most = max(slowest, time.perf_counter() - begun), max(most, memory(server))
        assert slowest < SECONDS, file.name
    assert server.is_running() and most - before < MB
    assert np.array_equal(translated("plain.png", plain), expected)
    record_property(
        "measured",
        f"{len(some(files, count))} uploads: slowest {slowest:.1f} s, server and decoder grew by at most "
        f"{most - before:.0f} MB, alive and as before afterwards",
    )


def test_the_endpoint_keeps_uploads_where_they_belong(
    served: Served, record_property: Callable[[str, object], None]
) -> None:
    """Whatever a file is called: it lies below the folder of uploads, and what comes back does not bear its name."""
    visitor, plain = served.visitor, images.png_bytes(hostile.base())
    before = _files(served)
    for name in NAMES:
        try:
            place = Path(visitor.upload(name.encode(), plain))
        except (Refused, http.client.HTTPException, OSError) as error:
            one_line(str(error).replace("\n", " "))
            continue
        assert place.resolve().is_relative_to(served.uploads.resolve())
        try:
            given = {"path": str(place), "meta": {"_type": "gradio.FileData"}}
            made = visitor.call("translate", given, RUN, "covid", True)[0]
        except Refused as error:
            one_line(str(error))
            continue
        assert made["orig_name"] == "translated_covid.png" and "evil" not in made["path"]
    new = {path for path in _files(served) - before if not path.is_relative_to(served.uploads)}
    assert not new
    record_property("measured", f"{len(NAMES)} names of uploads: none left the folder of uploads, none came back")


def _files(served: Served) -> set[Path]:
    """All there is around the server's own folders, two levels up and in the checkout's root."""
    around = [*served.base.rglob("*"), *served.base.parent.iterdir(), *ROOT.iterdir(), *ROOT.parent.glob("evil*")]
    return {path for path in around if not path.name.startswith((".", "__pycache__"))}


@pytest.mark.parametrize("count", [12, pytest.param(1000, marks=SOAK)])
def test_the_command_line_translates_or_refuses(
    files: list[File],
    count: int,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    record_property: Callable[[str, object], None],
) -> None:
    given = some(files, count)
    paths = [tmp_path / "in" / f"{number:03d} {file.name}" for number, file in enumerate(given)]
    paths[0].parent.mkdir()
    for path, file in zip(paths, given, strict=True):
        path.write_bytes(file.data)
    plain = tmp_path / "plain.png"
    plain.write_bytes(images.png_bytes(hostile.base()))
    begun = time.perf_counter()
    told = ["--runs", str(ROOT / "runs"), "--to", "covid", "--out", str(tmp_path / "out"), "--insist"]
    assert cli.main(["translate", RUN, *map(str, (plain, *paths)), *told]) in (0, 2)
    seconds = (time.perf_counter() - begun) / len(given)
    lines = [line for line in capsys.readouterr().err.splitlines() if line.startswith("error: ")]
    expected = np.asarray(Image.open(tmp_path / "out" / "plain.png")).astype(float)
    for path, file in zip(paths, given, strict=True):
        made = tmp_path / "out" / (f"{path.stem}.png" if path.suffix else f"{path.name}.png")
        refused = [line for line in lines if line.startswith(f"error: {path}: ")]
        assert len(refused) + made.exists() == 1, file.name
        assert not file.refused or refused, file.name
        if file.right is not None:
            found = np.asarray(Image.open(made)).astype(float)
            assert np.abs(found - expected).mean() <= file.right + 0.5, file.name
    record_property("measured", f"{len(given)} files in one call, {seconds:.2f} s each on average, {len(lines)} lines")


@pytest.mark.parametrize("count", [6, pytest.param(1000, marks=SOAK)])
def test_the_uploader_shows_a_picture_or_a_line(
    files: list[File], count: int, monkeypatch: pytest.MonkeyPatch, record_property: Callable[[str, object], None]
) -> None:
    monkeypatch.setenv("GANRAY_RUNS", str(ROOT / "runs"))
    app = new_app("run", 60)
    app.query_params["run"] = "reference/dcgan"  # whose discriminator is shipped
    app.run()
    suffixes = (".png", ".jpg", ".jpeg", ".bmp", ".tif", ".tiff", ".webp", ".dcm")
    given = some([file for file in files if file.name.lower().endswith(suffixes)], count)
    slowest, refused = 0.0, 0
    for file in given:
        begun = time.perf_counter()
        app.file_uploader[0].set_value((file.name, file.data, "application/octet-stream")).run()
        slowest = max(slowest, time.perf_counter() - begun)
        assert not app.exception and slowest < SECONDS, file.name
        errors = [element.value for element in app.error]
        assert len(errors) <= 1 and all(one_line(error) for error in errors)
        assert file.right is None or not errors, errors
        assert not file.refused or errors, file.name
        refused += len(errors)
    record_property("measured", f"{len(given)} files: {refused} refused in a line, slowest page {slowest:.1f} s")


@pytest.mark.parametrize(
    ("count", "packed"),
    [(70, False), (20, True), *(pytest.param(1000, packed, marks=SOAK) for packed in (False, True))],
)
def test_data_is_prepared_without_what_cannot_be_read(
    files: list[File], count: int, packed: bool, tmp_path: Path, record_property: Callable[[str, object], None]
) -> None:
    """More than a few: read side by side, in processes of their own."""
    given = {f"{number:03d} {re.sub('[^-a-zA-Z0-9 .]', '_', f.name)}": f for number, f in enumerate(some(files, count))}
    folder = tmp_path / "set"
    (folder / "a").mkdir(parents=True)
    for name, file in given.items():
        (folder / "a" / name).write_bytes(file.data)
    source = Path(shutil.make_archive(str(tmp_path / "set"), "zip", folder)) if packed else folder
    begun = time.perf_counter()
    # Each by its own values: the files are one picture, counted in the units of a dozen programs.
    found = prepare(str(source), size=64, scale=None, cache=tmp_path / "cache", progress=False)
    seconds = time.perf_counter() - begun
    places = {Path(name).name: number for number, name in enumerate(found.names)}
    reasons = {Path(name).name: one_line(reason) for name, reason in found.skipped}
    (expected,) = quantise(resize(hostile.base()[..., None] / np.float32(255), 64))
    for name, file in given.items():
        if Path(name).suffix:
            assert (name in places) + (name in reasons) == 1
            assert not file.refused or name in reasons, name
        if file.right is not None and Path(name).suffix:
            assert np.abs(found.images[places[name], 0].astype(float) - expected).max() <= file.right + 1, reasons.get(
                name
            )
    record_property(
        "measured", f"{len(given)} files: {len(places)} kept, {len(reasons)} skipped, {seconds:.1f} s in all"
    )


CRASHING = """
import os, signal, time
from PIL import Image
real = Image.open
def opened(file, *args, **options):
    head = file.getvalue()[:6]
    if head == b"CRASH!":
        os.kill(os.getpid(), signal.SIGSEGV)
    if head == b"LOOPS!":
        time.sleep(1000)
    if head == b"MEMORY":
        held = bytearray(2**31)
    return real(file, *args, **options)
Image.open = opened
"""


@pytest.fixture
def broken(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Decoders that a file can crash, keep busy for ever, or fill: as those with an unknown fault are."""
    (tmp_path / "fault").mkdir()
    (tmp_path / "fault" / "sitecustomize.py").write_text(CRASHING)
    monkeypatch.setenv("PYTHONPATH", str(tmp_path / "fault"))
    decode_worker._shared.close()  # one that was started before has no faults
    yield
    decode_worker._shared.close()


@pytest.mark.parametrize("count", [40, pytest.param(300, marks=SOAK)])
def test_a_picture_that_breaks_its_decoder_costs_itself(
    broken: None, count: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Few are read by one process, many side by side: the others come out either way, and this process lives on."""
    monkeypatch.setattr(pool, "SECONDS", 2.0)  # of the few; in workers that are spawned it stays
    (tmp_path / "set" / "a").mkdir(parents=True)
    rng = np.random.default_rng(0)
    for number in range(count):
        picture = Image.fromarray(rng.integers(0, 256, (40, 40), np.uint8))
        picture.save(tmp_path / "set" / "a" / f"{number:03d}.png")
    evil = {"005.png": b"CRASH!", "011.png": b"MEMORY", f"{count - 3:03d}.png": b"LOOPS!"}
    for name, content in evil.items():
        (tmp_path / "set" / "a" / name).write_bytes(content + bytes(100))
    found = prepare(str(tmp_path / "set"), size=32, cache=tmp_path / "cache", progress=False)
    assert len(found.names) == count - 3
    reasons = dict(found.skipped)
    assert "crashed the decoder" in reasons["a/005.png"]
    assert "more memory than one image may use" in reasons["a/011.png"]
    assert "decoding was stopped after" in reasons[f"a/{count - 3:03d}.png"]


def test_the_command_line_goes_on_behind_a_crash(
    broken: None, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for name, data in {"a.png": b"CRASH!" * 9, "b.png": images.png_bytes(hostile.base())}.items():
        (tmp_path / name).write_bytes(data)
    told = ["--runs", str(ROOT / "runs"), "--to", "covid", "--out", str(tmp_path / "out"), "--insist"]
    assert cli.main(["translate", RUN, str(tmp_path / "a.png"), str(tmp_path / "b.png"), *told]) == 2
    assert "a.png: damaged, it crashed the decoder" in capsys.readouterr().err
    assert [path.name for path in (tmp_path / "out").iterdir()] == ["b.png"]


def test_a_pipe_among_the_pictures_keeps_nobody_waiting(tmp_path: Path) -> None:
    (tmp_path / "set").mkdir()
    for number in range(3):
        (tmp_path / "set" / f"{number}.png").write_bytes(images.png_bytes(hostile.base() // (number + 1)))
    os.mkfifo(tmp_path / "set" / "pipe.png")
    (tmp_path / "set" / "zero.png").symlink_to("/dev/zero")
    everything = f"links:{tmp_path / 'set'}"  # the device is out of the folder
    found = prepare(everything, size=32, cache=tmp_path / "cache", progress=False)
    assert dict(found.skipped) == dict.fromkeys(("pipe.png", "zero.png"), "it is a pipe or a device, not a file")
