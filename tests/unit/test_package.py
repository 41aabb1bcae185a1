"""The wheel that `pip install .` makes, used where the repository is not: the command `ganray`, and the app."""

import os
import subprocess
import sys
import urllib.request
import zipfile
from pathlib import Path

import pytest

from tests.conftest import ROOT
from tests.helpers import serving
from tests.helpers.repository import tracked_files

pytestmark = pytest.mark.processes

SHIPPED = ("gan_core", "dashboard", "pyproject.toml", "README.md", "LICENSE")
# As the script does that pip writes for `ganray`.
GANRAY = (sys.executable, "-c", "from gan_core.cli import ganray; raise SystemExit(ganray())")


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the packages of a wheel that is built from the tracked files alone."""
    source, out = tmp_path_factory.mktemp("source"), tmp_path_factory.mktemp("out")
    for path in (path for path in tracked_files() if path.parts[0] in SHIPPED):
        (source / path).parent.mkdir(parents=True, exist_ok=True)
        (source / path).write_bytes((ROOT / path).read_bytes())
    build = f"from setuptools import build_meta; build_meta.build_wheel({str(out)!r})"
    done = subprocess.run([sys.executable, "-c", build], cwd=source, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    (wheel,) = out.glob("ganray-*.whl")
    with zipfile.ZipFile(wheel) as archive:
        archive.extractall(out / "site")
    return out / "site"


def ganray(site: Path, folder: Path, *arguments: str) -> str:
    """What the command says, in a folder without anything of ours."""
    environment = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
    done = subprocess.run(
        [*GANRAY, *arguments],
        cwd=folder,
        env=environment | {"PYTHONPATH": str(site)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_the_wheel_is_whole(site: Path) -> None:
    inside = {path.relative_to(site).as_posix() for path in site.rglob("*") if path.is_file()}
    expected = {path.as_posix() for path in tracked_files() if path.parts[0] in ("gan_core", "dashboard")}
    assert expected - inside == set()
    assert {"gan_core/py.typed", "dashboard/launcher/.streamlit/config.toml"} <= inside
    assert not [name for name in inside if name.startswith(("tests", "runs", "tools", "benchmarks"))]
    (scripts,) = site.glob("ganray-*.dist-info/entry_points.txt")
    assert "ganray = gan_core.cli:ganray" in scripts.read_text()


def test_importing_it_is_light(site: Path, tmp_path: Path) -> None:
    code = f"""
import sys, pathlib
sys.path[:] = [{str(site)!r}] + [p for p in sys.path if p != {str(ROOT)!r}]
import gan_core
assert pathlib.Path(gan_core.__file__).is_relative_to({str(site)!r}), gan_core.__file__
assert not {{"torch", "numpy", "PIL"}} & set(sys.modules)
print(gan_core.generate.__module__, "torch" in sys.modules, gan_core.UserError.__name__)
"""
    command = [sys.executable, "-I", "-c", code]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert done.stdout.split() == ["gan_core.api", "False", "UserError"]


def test_the_command_trains_and_lists(site: Path, tmp_path: Path) -> None:
    assert ganray(site, tmp_path, "--help").startswith("usage: ganray ")
    assert ganray(site, tmp_path, "list").startswith("no runs in runs yet")
    short = ["--epochs", "1", "--size", "32", "--device", "cpu", "--precision", "32-true"]
    ganray(site, tmp_path, "train", "gan", "--data", "phantom:cxr?images=40", *short)
    assert [path.relative_to(tmp_path).as_posix() for path in tmp_path.glob("*/*")] == ["runs/gan"]
    assert (tmp_path / "runs" / "gan" / "weights.safetensors").is_file()


def test_the_app_starts_in_any_folder(site: Path, tmp_path: Path) -> None:
    port = serving.free_port()
    url = f"http://127.0.0.1:{port}"
    (tmp_path / "dashboard.py").write_text("raise RuntimeError('this is not the app')")
    command = [*GANRAY, "app", "--runs", "mine", "--port", str(port)]
    settings = {"PYTHONPATH": str(site), "STREAMLIT_SERVER_HEADLESS": "true"}
    with serving.running(command, url, tmp_path / "log", folder=tmp_path, **settings):
        with urllib.request.urlopen(url, timeout=10) as page:
            assert page.headers["Content-Security-Policy"]
        with urllib.request.urlopen(f"{url}/_stcore/host-config", timeout=10) as answer:
            assert answer.status == 200
        with urllib.request.urlopen(f"{url}/gradio/config", timeout=30) as answer:
            assert answer.status == 200


@pytest.mark.parametrize("file", [".streamlit/config.toml", "streamlit_app.py"])
def test_the_installed_app_is_that_of_the_repository(file: str) -> None:
    """`streamlit run` reads both at the top of the repository, `ganray app` in the package."""
    code = [
        (folder / file).read_text(encoding="utf-8").rpartition('"""')[2]
        for folder in (ROOT, ROOT / "dashboard" / "launcher")
    ]
    assert code[0] == code[1]
