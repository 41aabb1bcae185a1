"""The form *Add a run*, the import that it starts, and folders among the runs that are none."""

import shutil
import threading
from pathlib import Path

import pytest
from streamlit.testing.v1 import AppTest

from dashboard import jobs
from dashboard.jobs import Jobs
from dashboard.library import import_look, other_folders
from dashboard.library.import_look import Look
from dashboard.library.looks import Looks
from gan_core import runs
from gan_core.errors import UserError
from tests.app.test_train_options import open_train
from tests.helpers.pages import open_page, texts
from tests.helpers.run_folders import make_run
from tests.helpers.trainings_elsewhere import stylegan, table

WAIT = 60  # seconds, for a process on a busy machine


def typed(app: AppTest, **values: str) -> AppTest:
    for name, value in values.items():
        app.text_input(key=f"import {name}").set_value(value)
    app.run()
    words = import_look.words("auto", values["path"], {}, values.get("names", ""))
    if "grid" not in values:
        assert import_look.look(words).done.wait(WAIT)
    return app.run()


@pytest.mark.processes
def test_a_training_is_looked_at_and_added(runs_root: Path, tmp_path: Path) -> None:
    folder = stylegan(tmp_path / "style <b>gan")
    app = open_train()
    assert app.button(key="import start").disabled
    app.number_input(key="import steps_per_epoch").set_value(1)
    typed(app, path=str(folder))
    assert "stylegan: 4 rows up to step 16; 4 sheets, step 1 to 16" in texts(app).replace("\\", "")
    assert "Name: style-b-gan" in texts(app).replace("\\", "")
    assert not app.button(key="import start").disabled and not app.exception
    app.button(key="import start").click().run()
    (job,) = [one for one in jobs.jobs().all().values() if one.imports]
    assert job.process is not None and job.process.wait(WAIT) == 0, job.words(5)
    run = runs.find_run("style-b-gan", runs_root)
    assert list(run.samples()) == [1, 6, 11, 16]
    assert app.text_input(key="import path").value == ""
    assert app.number_input(key="import steps_per_epoch").value == 0  # it was that training's
    assert not app.run().exception


def test_a_log_that_is_still_being_written_can_be_added(
    runs_root: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    begun: list[tuple[str, ...]] = []
    added: list[str] = []
    at_rest = threading.Event()

    def fill(wanted: tuple[tuple[str, ...], tuple[int, ...]], found: Look) -> None:
        begun.append(wanted[0])
        if len(begun) > 1:
            assert at_rest.wait(WAIT)
        found.lines = ("csv: 3 rows", "name: mine")
        found.done.set()

    monkeypatch.setattr(import_look, "_looks", Looks(Look, fill, most=8))
    monkeypatch.setattr(Jobs, "import_training", lambda _, name, words: added.append(name))
    log = tmp_path / "log.csv"
    log.write_text("step,loss\n")
    app = open_train()
    app.text_input(key="import path").set_value(str(log)).run()
    for row in ("1,0.5\n", "2,0.5\n"):
        with log.open("a") as file:
            file.write(row)
        app.run()
        assert "3 rows" in texts(app) and not app.button(key="import start").disabled
    assert len(begun) == 2  # the second is under way
    app.text_input(key="import path").set_value(str(tmp_path))  # typed just before the click
    app.button(key="import start").click().run()
    assert "still being looked at" in texts(app) and not added
    app.text_input(key="import path").set_value(str(log)).run()
    app.button(key="import start").click().run()
    assert added == ["mine"] and app.text_input(key="import path").value == ""
    at_rest.set()


def test_what_cannot_be_read_says_why_and_cannot_be_added(runs_root: Path, tmp_path: Path) -> None:
    app = typed(open_train(), path=str(tmp_path / "nowhere"))
    assert f"there is no '{tmp_path / 'nowhere'}'" in texts(app).replace("\\", "")
    assert app.button(key="import start").disabled
    app.text_input(key="import names").set_value("'d loss=loss/d")
    assert "a quote is left open" in texts(app.run())
    assert not app.exception


def test_fields_become_options(tmp_path: Path) -> None:
    options = {"x": "", "grid": "4x4", "steps_per_epoch": 0, "images": r"-(\d+)", "log": None, "objective": "hinge"}
    words = import_look.words("csv", f" {tmp_path} ", options, "d_loss=loss/d 'G loss=loss/g'")
    assert words == (
        "import", "csv", str(tmp_path), "--grid=4x4", r"--images=-(\d+)", "--objective=hinge",
        "--map=d_loss=loss/d", "--map=G loss=loss/g",
    )  # fmt: skip
    with pytest.raises(UserError, match="name the folder"):
        import_look.words("csv", " ", {})


def test_a_name_is_taken_by_a_run_and_by_a_job(tmp_path: Path) -> None:
    make_run(tmp_path, "mine")
    started = Jobs(tmp_path, tmp_path / "logs")
    for name in ("mine", "../x", "reference"):
        with pytest.raises(UserError):
            started.import_training(name, ("import", "csv", "x"))
    assert not started.all()


def test_folders_that_are_no_runs_name_the_import_that_reads_them(runs_root: Path, tmp_path: Path) -> None:
    make_run(runs_root, "trained")
    stylegan(runs_root / "exp 1")
    table(runs_root / "table")
    (runs_root / "empty").mkdir()
    (runs_root / ".hidden").mkdir()
    (runs_root / "weights").mkdir()
    (runs_root / "weights" / "a.pkl").write_bytes(b"x")
    (runs_root / "elsewhere").symlink_to(tmp_path)
    found = {one.name: one for one in other_folders.among(runs_root)}
    assert {name: one.kind for name, one in found.items()} == {"exp 1": "stylegan", "table": "csv", "weights": ""}
    assert found["exp 1"].reason == "it has no config.json, so it is no run; it holds stats.jsonl"
    assert found["exp 1"].command(runs_root) == f"ganray import stylegan '{runs_root}/exp 1' --name exp-1-run"
    assert found["weights"].reason.endswith("It holds 1 .pkl") and found["weights"].command(runs_root) == ""
    app = open_page("compare")
    assert "exp 1" in texts(app) and any("ganray import stylegan" in one.value for one in app.code)
    shutil.rmtree(runs_root / "exp 1")
    assert "exp 1" not in {one.name for one in other_folders.among(runs_root)}
