"""A comparison in a cell of a notebook: which runs it takes, what it shows, and that it is quiet about it."""

import html
import json
import subprocess
import sys
from html.parser import HTMLParser
from pathlib import Path

import pytest

from dashboard import notebook
from dashboard.library.notes import Notes
from gan_core.errors import UserError
from gan_core.runs import Run
from tests.conftest import ROOT
from tests.helpers.run_folders import make_run


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("notebook")
    make_run(folder / "runs", "mine", "dcgan", 3, 8)
    make_run(folder / "runs", "other", "gan", 3, 8, seed=1)
    make_run(folder / "elsewhere", "mine", "cgan", 3, 8)
    Notes(folder / "runs").change_note("mine", "", "the sharper one")
    return folder


class Frames(HTMLParser):
    def __init__(self, text: str) -> None:
        super().__init__()
        self.found: list[dict[str, str | None]] = []
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        assert tag == "iframe"
        self.found.append(dict(attrs))


def shown(made: notebook.Page) -> str:
    """The page in the frame of a cell."""
    [frame] = Frames(made._repr_html_()).found
    assert frame["sandbox"] == "allow-scripts"
    return str(frame["srcdoc"])


def labels(made: notebook.Page) -> list[str]:
    told = shown(made).partition('id="told">')[2].partition("</script>")[0]
    return [run["label"] for run in json.loads(told)["runs"]]


def paragraph(made: notebook.Page) -> str:
    return made._compared.options.compared


def test_runs_are_named_by_name_folder_and_as_runs(root: Path) -> None:
    runs = root / "runs"
    for given in ("other", runs / "other", str(runs / "other"), Run(runs / "other")):
        assert labels(notebook.compare("mine", given, runs=runs)) == ["mine", "other"]
    assert labels(notebook.compare("mine", runs / "mine", runs=runs)) == ["mine"]


def test_runs_of_one_name_in_two_folders_can_be_told_apart(root: Path) -> None:
    for given in ("mine", root / "elsewhere" / "mine"):
        assert paragraph(notebook.compare(given, runs=root / "runs")).startswith("One run, mine, ")
    made = notebook.compare("mine", root / "elsewhere" / "mine", runs=root / "runs")
    assert labels(made) == ["runs/mine", "elsewhere/mine"]
    assert "runs/mine" in (words := paragraph(made)) and "elsewhere/mine" in words, "as they are called on this page"
    assert paragraph(notebook.compare("mine", runs=root / "runs")).startswith("One run, mine, ")


def test_notes_are_those_of_the_folder_of_runs(root: Path) -> None:
    assert "the sharper one" in shown(notebook.compare("mine", runs=root / "runs"))
    assert "the sharper one" not in shown(notebook.compare(root / "elsewhere" / "mine", runs=root / "runs"))


def test_the_page_is_the_one_that_is_saved(root: Path, tmp_path: Path) -> None:
    made = notebook.compare("mine", runs=root / "runs", title='Two "GANs" & <b>more</b>', epoch=1)
    path = made.save(tmp_path / "page.html")
    assert path.read_text(encoding="utf-8") == shown(made)
    assert html.escape('Two "GANs" & <b>more</b>') in shown(made)
    assert "<b>more" not in made._repr_html_() and "mine" in repr(made)


@pytest.mark.parametrize(
    ("given", "height", "words"),
    [
        ((), 720, "name at least one run"),
        (("mein",), 720, "no run 'mein' in .* Did you mean 'mine'?"),
        (("mine",), 3, "at least 200 pixels"),
    ],
)
def test_a_mistake_is_one_line(root: Path, given: tuple[str, ...], height: int, words: str) -> None:
    with pytest.raises(UserError, match=words) as told:
        notebook.compare(*given, runs=root / "runs", height=height)
    assert "\n" not in str(told.value)


def test_a_run_that_cannot_be_read_is_named(root: Path, tmp_path: Path) -> None:
    broken = make_run(tmp_path, "broken", "dcgan", 1, 4).folder
    (broken / "config.json").write_text("{")
    with pytest.raises(UserError, match=r"run 'broken' cannot be read: config\.json"):
        notebook.compare(broken, runs=root / "runs")


@pytest.mark.processes
def test_nothing_is_printed_and_no_server_starts(root: Path) -> None:
    code = (
        "import sys, threading; from dashboard import notebook; from streamlit import runtime\n"
        f"page = notebook.compare('mine', 'other', runs={str(root / 'runs')!r})._repr_html_()\n"
        "assert len(page) > 100_000 and 'torch' not in sys.modules\n"
        "assert not runtime.exists() and threading.active_count() == 1"
    )
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
