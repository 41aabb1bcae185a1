"""A name that comes from outside opens nothing outside: run names, queries of pages, calls of programs, links."""

import os
import sys
from pathlib import Path

import pytest
from starlette.requests import Request

from dashboard.jobs import Jobs
from dashboard.live.models import ModelCache
from dashboard.server import frames
from gan_core import cli, runs
from gan_core.errors import UserError
from gan_core.run_options import RunOptions
from gan_core.runs import Run
from tests.helpers.pages import new_app, open_page, texts
from tests.helpers.run_folders import make_run
from tests.robustness.broken_runs import misname

HOSTILE = [
    *("../x", "..\\x", "../../etc/passwd", "a/../../x", "a\\..\\x", "..", ".", "./x", "x/..", "....//x", "/", "//x"),
    *("%2e%2e/x", "%2e%2e%2fx", "..%2fx", "%252e%252e%252fx", "..%5cx", "%c0%ae%c0%ae/x", "..;/x", "．．/x", "..∕x"),
    *(
        "/etc/passwd",
        "/x",
        "\\x",
        "\\\\server\\share",
        "C:\\x",
        "C:x",
        "c:/x",
        "file:///etc/passwd",
        "~",
        "~/x",
        "~root",
    ),
    *("x\0", "x\0.png", "\0", "x\nb", "x\rb", "x\tb", " x", "x ", "x.", "", " ", "\u202ex", "x\x7f", "é", "x\ud800"),
    *(
        "con",
        "CON",
        "nul",
        "NUL.txt",
        "com1",
        "lpt9.log",
        "aux",
        "prn",
        ".hidden",
        ".lock",
        "-x",
        "--runs=/x",
        "reference",
    ),
    *(
        "x" * 101,
        "x" * 300,
        "x" * 100_000,
        "$(id)",
        "`id`",
        "x;id",
        "x|id",
        "x&id",
        "*",
        "?",
        "x>y",
        "<b>",
        '"',
        "'",
        "x:y",
    ),
]


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder of runs, in a folder that holds another run, where hostile names would lead."""
    above = tmp_path_factory.mktemp("names")
    make_run(above, "x", "gan", 1, 2)
    make_run(above / "runs", "inside", "gan", 1, 2)
    return above / "runs"


def tree(folder: Path) -> list[str]:
    return sorted(str(path) for path in folder.rglob("*"))


@pytest.mark.parametrize("name", HOSTILE, ids=lambda name: ascii(name)[:40])
def test_no_run_is_made_or_opened_under_a_hostile_name(name: str, root: Path, tmp_path: Path) -> None:
    before = tree(root.parent)
    with pytest.raises(UserError):
        runs.check_name(name)
    jobs = Jobs(root, tmp_path)
    with pytest.raises(UserError):
        jobs.train(name, RunOptions("gan", "phantom:cxr", epochs=1, image_size=32, batch_size=8))
    with pytest.raises(UserError, match="there is no run"):
        ModelCache(root).get(name)
    assert tree(root.parent) == before


@pytest.mark.parametrize(
    "name", [name for name in HOSTILE if name and "\ud800" not in name], ids=lambda n: ascii(n)[:40]
)
def test_the_command_line_refuses_it_in_a_line(name: str, root: Path, capsys: pytest.CaptureFixture[str]) -> None:
    before = tree(root.parent)
    command = ["train", "gan", "--data", "phantom:cxr", "--epochs", "1", "--runs", str(root), f"--name={name}"]
    assert cli.main(command) == 2
    said = capsys.readouterr()
    assert said.err.count("\n") == 1
    assert len(said.err) < 600
    assert tree(root.parent) == before


@pytest.fixture
def own_root(root: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("GANRAY_RUNS", str(root))
    return root


def test_pages_and_pictures_know_no_hostile_name(own_root: Path) -> None:
    page = new_app().run()
    for name in ("../x", "%2e%2e/x", "/etc/passwd", "x\0", "C:\\x", "x" * 300):
        for view in ("views/run/page.py", "views/compare/page.py", "views/evaluate/page.py"):
            page.query_params["run"] = page.query_params["runs"] = name
            page.switch_page(view).run()
            assert not page.exception, (name, view)
            shown = " ".join(str(element.value) for element in (*page.markdown, *page.title, *page.caption))
            assert "root:" not in shown
        request = Request({"type": "http", "path_params": _picture(name), "headers": [], "query_string": b""})
        assert frames.frame(request).status_code in (403, 404)


def _picture(name: str) -> dict[str, str]:
    """The address of a picture, rightly signed: the server would only hand out those of runs that it lists."""
    signature = frames._signature("samples", name)
    return {"signature": signature, "kind": "samples", "run": name, "file": "1-0.png"}


@pytest.mark.skipif(os.name == "nt", reason="links need a privilege on Windows")
def test_links_that_lead_outside_are_not_followed(tmp_path: Path) -> None:
    root = tmp_path / "runs"
    outside = make_run(tmp_path / "elsewhere", "outside", "gan", 2, 2)
    secret = tmp_path / "secret.png"
    secret.write_bytes(outside.samples()[1].read_bytes())
    own = make_run(root, "own", "gan", 2, 2)
    (root / "linked").symlink_to(outside.folder)
    own.samples()[2].unlink()
    (own.folder / "samples" / "epoch_0002.png").symlink_to(secret)
    (own.folder / "progress.gif").unlink()
    (own.folder / "progress.gif").symlink_to(secret)
    (own.folder / "metrics.csv").unlink()
    (own.folder / "metrics.csv").symlink_to(secret)
    assert [run.name for run in runs.list_runs(root)] == ["own"]
    found = Run(own.folder, root)
    assert 2 not in found.samples()
    assert found.gif is None
    (own.folder / "samples").rename(tmp_path / "samples")
    (own.folder / "samples").symlink_to(tmp_path / "samples")
    assert found.samples() == {}
    assert runs.linked(root) == ["linked"]
    assert found.downloads()
    assert [path for path in found.downloads() if not path.resolve().is_relative_to(own.folder)] == []
    with pytest.raises(UserError):
        ModelCache(root).get("linked")


def test_a_folder_of_runs_may_itself_be_a_link(tmp_path: Path) -> None:
    make_run(tmp_path / "disk", "own", "gan", 1, 2)
    (tmp_path / "runs").symlink_to(tmp_path / "disk")
    (run,) = runs.list_runs(tmp_path / "runs")
    assert len(run.samples()) == 2
    assert run.downloads()


@pytest.mark.skipif(sys.platform != "linux", reason="other systems allow no such name")
def test_a_run_whose_name_is_not_utf8_is_named_and_left_out(
    runs_root: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    whole = make_run(runs_root, "whole", "gan", 2, 2)
    bad = misname(whole.folder)
    misname(make_run(runs_root, "reference/gan", "gan", 1, 2).folder)
    (runs_root / os.fsdecode(b"l\xffnk")).symlink_to(bad)
    (runs_root / os.fsdecode(b".\xff")).mkdir()
    other = runs_root / os.fsdecode(b"\xffther")
    other.mkdir()
    (other / "a.csv").write_text("loss\n1\n")
    assert [run.name for run in runs.list_runs(runs_root)] == ["reference/gan", "whole"]
    assert runs.misnamed(runs_root) == ["?ther", "caf?", "l?nk", "reference/caf?"]
    assert runs.linked(runs_root) == []
    app = open_page("home")
    assert "4 folders cannot be read" in [one.label for one in app.expander]
    assert "**caf?**: its name is not UTF-8" in texts(app)
    assert cli.main(["list", "--runs", str(runs_root)]) == 0
    assert "'reference/caf?' is left out: its name is not UTF-8: rename the folder" in capsys.readouterr().out
