"""Runs renamed and deleted on the Run page: it asks, and goes on with a run that is there."""

from pathlib import Path

import pytest
from streamlit.testing.v1 import AppTest

from dashboard import jobs
from dashboard.jobs import Job, Jobs
from gan_core.runs import RunWriter, find_run, list_runs, notes
from gan_core.runs.notes import Notes
from tests.helpers.pages import healthy, open_page, texts
from tests.helpers.run_folders import make_run


@pytest.fixture(autouse=True)
def runs(runs_root: Path) -> None:
    for name in ("reference/gan", "a", "b"):
        make_run(runs_root, name, "gan" if "/" in name else "dcgan", epochs=2)


def names(root: Path) -> set[str]:
    return {run.name for run in list_runs(root)}


def click(app: AppTest, label: str) -> AppTest:
    [button] = [one for one in app.button if one.label == label]
    return healthy(button.click().run())


def test_a_run_is_deleted_after_a_question_and_another_one_shown(
    runs_root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    forgotten: list[str] = []
    monkeypatch.setattr(Jobs, "forget", lambda _, name: forgotten.append(name))
    Notes(runs_root).change_note("a", "", "poor", notes.digest(runs_root / "a"))
    app = click(open_page("run", run="a"), "Delete")
    assert "**a** is deleted for good" in texts(app) and names(runs_root) == {"reference/gan", "a", "b"}
    app = click(app, "Keep it as it is")
    assert names(runs_root) == {"reference/gan", "a", "b"} and app.selectbox(key="run").value == "a"
    app = click(app, "Delete")
    [sure] = [one for one in app.button if one.key == "sure Delete"]
    app = healthy(sure.click().run())
    assert names(runs_root) == {"reference/gan", "b"} and Notes(runs_root).read() == {}
    assert app.selectbox(key="run").value in ("b", "reference/gan") and app.metric
    assert "not here" not in texts(app)
    assert forgotten == ["a"]  # not the run that is shown in its place


def test_a_run_gets_another_name(runs_root: Path) -> None:
    app = open_page("run", run="a")
    app.text_input(key="new name a").input("better")
    app = click(app, "Rename")
    assert "**a** becomes **better**" in texts(app)
    [sure] = [one for one in app.button if one.key == "sure Rename"]
    app = healthy(sure.click().run())
    assert names(runs_root) == {"reference/gan", "better", "b"}
    assert app.selectbox(key="run").value == "better" and app.metric
    gone = open_page("run", run="a")
    assert "not here: **a**" in texts(gone) and "choose it above by its new name" in texts(gone)


def test_a_name_that_no_run_may_have_is_said_before_the_question(runs_root: Path) -> None:
    app = open_page("run", run="a")
    app.text_input(key="new name a").input("a b")
    app = click(app, "Rename")
    assert "use up to 100 letters" in texts(app) and not [one for one in app.button if one.key == "sure Rename"]


@pytest.mark.parametrize("new", ["b", "prepares"])
def test_a_name_that_was_taken_meanwhile_costs_a_sentence(
    runs_root: Path, monkeypatch: pytest.MonkeyPatch, new: str
) -> None:
    """By a run, or by a training that has no folder yet."""
    monkeypatch.setitem(jobs.jobs()._jobs, "prepares", Job("prepares", ["train"], runs_root / "log"))
    app = open_page("run", run="a")
    app.text_input(key="new name a").input(new)
    app = click(app, "Rename")
    [sure] = [one for one in app.button if one.key == "sure Rename"]
    app = healthy(sure.click().run())
    assert f"run '{new}' exists already" in texts(app) and names(runs_root) == {"reference/gan", "a", "b"}


def test_shipped_runs_have_no_such_menu_and_running_ones_wait(runs_root: Path) -> None:
    assert not [one for one in open_page("run", run="reference/gan").button if one.label == "Delete"]
    writer = RunWriter.reopen(find_run("a", runs_root))
    writer.write_status(state="running", epoch=1, epochs=2, step=1, steps=2)
    app = open_page("run", run="a")
    app = click(app, "Delete")
    [sure] = [one for one in app.button if one.key == "sure Delete"]
    assert "being trained" in texts(healthy(sure.click().run())) and "a" in names(runs_root)
    writer.close()


@pytest.mark.parametrize("label", ["Delete", "Rename"])
def test_a_run_that_took_the_name_meanwhile_stays(runs_root: Path, label: str) -> None:
    app = open_page("run", run="a")
    app.text_input(key="new name a").input("better")
    app = click(app, label)
    (runs_root / "a").rename(runs_root / "older")
    make_run(runs_root, "a", "dcgan", epochs=3, seed=7)
    [sure] = [one for one in app.button if one.key == f"sure {label}"]
    app = sure.click().run()
    assert "another run is called" in texts(app).replace("\\", "") + " ".join(each.value for each in app.error)
    assert names(runs_root) == {"reference/gan", "older", "a", "b"}


def test_a_run_that_is_being_evaluated_keeps_its_name(runs_root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Jobs, "evaluating", lambda _: "a")
    app = click(open_page("run", run="a"), "Delete")
    [sure] = [one for one in app.button if one.key == "sure Delete"]
    app = sure.click().run()
    assert "is being evaluated" in texts(app) + " ".join(each.value for each in app.error)
    assert names(runs_root) == {"reference/gan", "a", "b"}
