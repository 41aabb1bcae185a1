"""The cache behind `prepare`: shared, killed, damaged, full."""

import json
import os
import shutil
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import psutil
import pytest
from PIL import Image

from gan_core.data import open_prepared, prepared
from gan_core.data.cache import TEMPORARY
from gan_core.errors import UserError
from gan_core.files import cache_folder
from tests.helpers.pictures import fill, kermany, picture, ready


def test_workers_and_one_process_give_the_same(tmp_path: Path) -> None:
    names = kermany(tmp_path / "set", 40)
    (tmp_path / "set" / "NORMAL" / "IM-bad.png").write_bytes(b"x")
    many = ready(tmp_path / "set", tmp_path / "cache")
    assert len(many.names) == len(names) == 120 and len(many.skipped) == 1
    fill(tmp_path / "alone", [many.names[50], many.names[51]])
    for name in many.names[50:52]:
        shutil.copy(tmp_path / "set" / name, tmp_path / "alone" / name)
    assert np.array_equal(ready(tmp_path / "alone", tmp_path / "cache").images, many.images[50:52])


def test_preparers_at_the_same_time_share_one_result(tmp_path: Path) -> None:
    kermany(tmp_path / "set")
    with ThreadPoolExecutor(4) as pool:
        results = list(pool.map(lambda _: ready(tmp_path / "set", tmp_path / "cache"), range(8)))
    assert len({result.folder for result in results}) == 1
    assert [path.name for path in (tmp_path / "cache").iterdir()] == [results[0].folder.name]
    assert all(np.array_equal(result.images, results[0].images) for result in results)


SCRIPT = """
import resource, sys
from pathlib import Path
from gan_core.data import prepare
from gan_core.errors import UserError
if __name__ == "__main__":
    if sys.argv[3] == "full":
        resource.setrlimit(resource.RLIMIT_FSIZE, (4096, 4096))
    try:
        prepare(sys.argv[1], size=64, cache=Path(sys.argv[2]), progress=False)
    except UserError as error:
        print(error)
"""


def start(tmp_path: Path, mode: str) -> subprocess.Popen[str]:
    (tmp_path / "script.py").write_text(SCRIPT)
    return launch(tmp_path, mode)


def launch(tmp_path: Path, mode: str) -> subprocess.Popen[str]:
    command = [sys.executable, tmp_path / "script.py", tmp_path / "set", tmp_path / "cache", mode]
    # Without the second, the limit on file sizes would leave cut compiled modules behind for everyone.
    env = {"PYTHONPATH": str(Path(__file__).parents[3]), "PYTHONDONTWRITEBYTECODE": "1"}
    return subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=env)


@pytest.mark.processes
@pytest.mark.skipif(sys.platform == "win32", reason="no limits on file sizes there")
def test_a_full_disk_is_one_line_and_leaves_nothing(tmp_path: Path) -> None:
    """A limit on the size of files stands for the disk: writing fails in the same place in the same way."""
    kermany(tmp_path / "set")
    output, _ = start(tmp_path, "full").communicate()
    assert "is full: free some space, or set GANRAY_CACHE" in output and output.count("\n") == 1
    assert not list((tmp_path / "cache").iterdir())


@pytest.mark.processes
def test_a_script_without_a_main_guard_is_not_run_again(tmp_path: Path) -> None:
    fill(tmp_path / "set", [f"a/{number}.png" for number in range(100)])
    unguarded = SCRIPT.replace('__name__ == "__main__"', 'print("a run") is None')
    (tmp_path / "script.py").write_text(unguarded)
    output, errors = launch(tmp_path, "plain").communicate(timeout=100)
    assert (output, errors) == ("a run\n", "")
    assert len(open_prepared(next((tmp_path / "cache").iterdir())).names) == 100


@pytest.mark.processes
@pytest.mark.slow
def test_where_workers_cannot_start_one_process_does_it(tmp_path: Path) -> None:
    fill(tmp_path / "set", [f"a/{'long' * 20}{number}.png" for number in range(1500)])
    # What the workers are to begin with ends them, and nobody else.
    (tmp_path / "ends.py").write_text(
        "import multiprocessing as mp, os\nif mp.current_process().name != 'MainProcess':\n    os._exit(3)\n"
        "def begin(): ...\n"
    )
    script = "import ends\nfrom gan_core.data import decode_pool\ndecode_pool._start = ends.begin\n"
    (tmp_path / "script.py").write_text(script + SCRIPT)
    process = launch(tmp_path, "plain")
    output, errors = process.communicate(timeout=100)
    assert process.returncode == 0 and output == ""
    assert "continuing in one process" in errors
    assert len(open_prepared(next((tmp_path / "cache").iterdir())).names) == 1500


@pytest.mark.processes
@pytest.mark.slow
def test_a_kill_leaves_no_half_data_set_and_no_workers(tmp_path: Path) -> None:
    fill(tmp_path / "set", [f"a/{number}.png" for number in range(64)])
    for number in range(64):
        Image.fromarray(picture(number, 1500, 1500)).save(tmp_path / "set" / f"a/{number}.png", compress_level=0)
    process = start(tmp_path, "kill")
    deadline = time.monotonic() + 30
    workers: list[psutil.Process] = []
    while len(workers) < 2 and time.monotonic() < deadline:
        workers = [child for child in psutil.Process(process.pid).children() if "spawn_main" in str(child.cmdline())]
    process.kill()
    assert process.communicate(timeout=30)[0] == ""
    assert len(workers) >= 2 and not psutil.wait_procs(workers, timeout=20)[1]
    assert [path.name[:11] for path in (tmp_path / "cache").iterdir()] == [TEMPORARY]
    assert len(ready(tmp_path / "set", tmp_path / "cache", size=64).names) == 64


def test_a_cache_that_cannot_be_written_is_one_line(tmp_path: Path) -> None:
    kermany(tmp_path / "set", 3)
    (tmp_path / "file").touch()
    with pytest.raises(UserError, match=r"cache folder .* cannot be used .* set GANRAY_CACHE"):
        ready(tmp_path / "set", tmp_path / "file")


def test_where_the_cache_lies(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GANRAY_CACHE", str(tmp_path / "mine"))
    assert cache_folder() == tmp_path / "mine"
    assert cache_folder(tmp_path / "given") == tmp_path / "given"
    monkeypatch.delenv("GANRAY_CACHE")
    assert cache_folder().name == "ganray"


def damage_images(folder: Path) -> None:
    (folder / "images.npy").write_bytes((folder / "images.npy").read_bytes()[:-1])


def damage_index(folder: Path) -> None:
    (folder / "index.json").write_text((folder / "index.json").read_text()[:-20])


def newer_version(folder: Path) -> None:
    change_index(folder, format=99)


def change_index(folder: Path, **values: object) -> None:
    index = json.loads((folder / "index.json").read_text())
    (folder / "index.json").write_text(json.dumps({**index, **values}))


def flip_a_pixel(folder: Path) -> None:
    path = folder / "images.npy"
    stamp, content = path.stat(), bytearray(path.read_bytes())
    content[-100] ^= 1
    path.write_bytes(content)
    os.utime(path, ns=(stamp.st_atime_ns, stamp.st_mtime_ns))


def edit_a_split(folder: Path) -> None:
    splits = json.loads((folder / "index.json").read_text())["splits"]
    change_index(folder, splits=["val" if splits[0] == "train" else "train", *splits[1:]])


def edit_a_label(folder: Path) -> None:
    labels = json.loads((folder / "index.json").read_text())["labels"]
    change_index(folder, labels=[*labels[1:], labels[0]])


@pytest.mark.parametrize(
    "damage", [damage_images, damage_index, newer_version, flip_a_pixel, edit_a_split, edit_a_label]
)
def test_a_damaged_cache_is_refused_by_open_and_made_again_by_prepare(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], damage: object
) -> None:
    kermany(tmp_path / "set", 3)
    first = ready(tmp_path / "set", tmp_path / "cache")
    expected = np.array(first.images)
    assert callable(damage)
    damage(first.folder)
    with pytest.raises(UserError, match="prepare the data again"):
        open_prepared(first.folder)
    again = ready(tmp_path / "set", tmp_path / "cache")
    assert np.array_equal(again.images, expected)
    assert np.array_equal(again.splits, first.splits)
    assert "it is prepared again" in capsys.readouterr().err


def test_images_are_summed_up_once_until_their_file_changes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    kermany(tmp_path / "set", 3)
    folder = ready(tmp_path / "set", tmp_path / "cache").folder
    sums = []
    monkeypatch.setattr(prepared, "_pixels", lambda images: sums.append(len(images)) or 0)
    open_prepared(folder)
    assert sums == []
    (folder / "images.npy").touch()
    with pytest.raises(UserError, match="were changed"):
        open_prepared(folder)
    assert len(sums) == 1


@pytest.mark.parametrize(
    "values",
    [
        {"labels": [0]},
        {"labels": [7] * 9},
        {"splits": ["dev"] * 9},
        {"extra": 1},
        {"size": "16"},
        {"channels": 3},
        {"skipped": [["a"]]},
        {"names": "abc"},
        {"fit": "x"},
        {"labels": [True] * 9},
    ],
)
def test_the_index_is_read_strictly(tmp_path: Path, values: dict[str, object]) -> None:
    kermany(tmp_path / "set", 3)
    folder = ready(tmp_path / "set", tmp_path / "cache").folder
    change_index(folder, **values)
    with pytest.raises(UserError, match="prepare the data again"):
        open_prepared(folder)
