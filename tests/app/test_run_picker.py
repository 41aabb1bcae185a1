"""The language of the filter, and the choice of runs on the page."""

import time
from pathlib import Path

import pytest

from dashboard.library import queries
from dashboard.library.notes import Note
from dashboard.library.store import Library
from dashboard.widgets import run_picker
from gan_core.errors import UserError
from tests.helpers.pages import healthy, open_page, texts
from tests.helpers.run_folders import make_run

FACTS: dict[str, dict[str, queries.Value]] = {
    "a": {"name": "a", "preset": "gan", "data": "phantom:cxr", "epochs": 20, "settings.lr": 0.0002, "tag": ("good",)},
    "b": {"name": "b", "preset": "dcgan", "data": "data/adults", "epochs": 50, "settings.lr": 1e-4, "tag": ()},
    "c": {
        "name": "c-dcgan",
        "preset": "dcgan_baseline",
        "data": "data/adults",
        "epochs": 100,
        "settings.generator": (16, 32),
        "settings.bands": True,
        "tag": ("good", "to show"),
        "note": "Collapsed at epoch 30",
        "git_commit": None,
    },
}


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("", "abc"),
        ("   ", "abc"),
        ("dcgan", "bc"),
        ("DCGAN", "bc"),
        ("preset:dcgan", "b"),
        ("preset:dcgan*", "bc"),
        ("preset:gan,dcgan_baseline", "ac"),
        ("preset:dcgan_seed", "c"),
        ("preset=GAN", "a"),
        ("-preset:gan", "bc"),
        ("preset!=gan", "bc"),
        ("data:adults", "bc"),
        ("phantom:cxr", "a"),
        ("data:phantom:cxr", "a"),
        ("epochs>20", "bc"),
        ("epochs >= 20", "abc"),
        ("epochs<50", "a"),
        ("epochs<=50 epochs>20", "b"),
        ("epochs=50", "b"),
        ("epochs:50", "b"),
        ("epochs=5e1", "b"),
        ("epochs!=50", "ac"),
        ("settings.lr=0.0002", "a"),
        ("lr=2e-4", "a"),
        ("LR<0.0002", "b"),
        ("generator=16,32", "c"),
        ("generator:32", "c"),
        ("bands:yes", "c"),
        ("bands=false", ""),
        ("git_commit:none", "c"),
        ("tag:good", "ac"),
        ('tag:"to show"', "c"),
        ("-tag:good", "b"),
        ("tag!=good", "b"),
        ("note:collapsed", "c"),
        ('"at epoch 30"', "c"),
        ("at epoch 31", ""),
        ("dcgan -baseline", "b"),
        ("preset:dcgan epochs>60", ""),
        ("preset:[a-z]*", ""),
    ],
)
def test_a_filter_lets_through(text: str, found: str) -> None:
    assert "".join(queries.select(text, FACTS)) == found


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("epoch>5", "no run has 'epoch'. Did you mean 'epochs'?"),
        ("preset:", "has no value after the sign"),
        (">50", "has no setting before the sign"),
        ("epochs>many", "'many' is not a number"),
        ("preset>5", "'preset' is not a number"),
        ('"open', "the quotation mark is not closed"),
        ('tag:"open', "the quotation mark is not closed"),
        ("colour=red", "no run has 'colour'"),
    ],
)
def test_a_filter_that_cannot_be_read_is_one_clear_line(text: str, words: str) -> None:
    with pytest.raises(UserError, match=r"^[^\n]+$") as caught:
        queries.select(text, FACTS)
    assert words in str(caught.value)


@pytest.mark.parametrize(
    "text", ['"', "a=b=c", "--x", "-", "***", "::", "a:\\", "[", "x!=", "((", '""', "é>1", "=", "a" * 5000]
)
def test_no_text_is_more_than_a_user_error(text: str) -> None:
    try:
        found = queries.select(text, FACTS)
    except UserError as error:
        assert "\n" not in str(error)
    else:
        assert set(found) <= set(FACTS)


def test_a_filter_over_no_runs_finds_none() -> None:
    assert queries.select("dcgan", {}) == []


def test_every_setting_of_a_run_can_be_asked_for(tmp_path: Path) -> None:
    make_run(tmp_path, "reference/gan", "gan", 3, 2)
    make_run(tmp_path, "mine", "cyclegan_unet", 6, 2, "stopped", private=True)
    readable = Library(tmp_path).readable()

    def found(text: str, written: dict[str, Note] | None = None) -> list[str]:
        return [entry.name for entry in run_picker.find(readable, text, written or {})]

    assert found("state:stopped") == found("task:translate") == found("objective:cross_entropy") == ["mine"]
    assert found("classes:covid epoch=3") == ["reference/gan"]
    assert found("images>1000 betas=0.5,0.999") == found("name:reference/") == ["reference/gan"]
    assert found("tag:old", {"mine": Note("", ("old",))}) == ["mine"]
    assert set(found("versions.torch=2.15.0")) == {"mine", "reference/gan"}


def test_200_runs_are_filtered_at_once(tmp_path: Path) -> None:
    run = make_run(tmp_path, "run", "gan", 1, 2)
    entry = Library(tmp_path).find(run.name)
    assert entry
    known = {f"run-{n}": run_picker.facts(entry, None) for n in range(200)}
    started = time.perf_counter()
    assert len(queries.select("preset:gan epochs<50 lr=0.0002 -tag:bad", known)) == 200
    assert time.perf_counter() - started < 0.5


def test_the_finder_shows_what_the_filter_lets_through(runs_root: Path) -> None:
    make_run(runs_root, "reference/gan", "gan", 3, 4)
    for number in range(6):
        make_run(runs_root, f"run-{number}", ("dcgan", "cgan")[number % 2], 2 + number, 2)
    app = open_page(find="preset:dcgan epochs>2")
    app.session_state["finder"] = True
    healthy(app.run())
    table = next(element.value for element in app.dataframe)
    assert table["Run"].tolist() == ["run-4", "run-2"]
    assert table["Epochs"].tolist() == ["6 of 6", "4 of 4"]
    assert "2 of 7 runs" in texts(app).replace("\\", "")
    app.text_input(key="find").set_value("epochs>>5").run()
    assert "is not a number" in texts(healthy(app)).replace("\\", "")
    app.text_input(key="find").set_value("nothing like it").run()
    assert "None of the 7 runs" in texts(healthy(app))


def test_a_tick_chooses_a_run_and_keeps_the_hidden_ones(runs_root: Path) -> None:
    for number in range(4):
        make_run(runs_root, f"run-{number}", ("dcgan", "cgan")[number % 2], 2, 2)
    app = open_page(runs=["run-0", "run-1"], find="preset:cgan")
    app.session_state["finder"] = True
    healthy(app.run())
    assert app.dataframe[0].value["Run"].tolist() == ["run-3", "run-1"]
    assert app.session_state["found 0"]["selection"]["rows"] == [1]
