"""The Train page has a field for every option of a run, also for one that is new."""

import dataclasses
from pathlib import Path
from typing import Any

import pytest
from streamlit.testing.v1 import AppTest

from dashboard import jobs
from dashboard.jobs import Jobs
from gan_core import run_options
from gan_core.families import registry
from gan_core.run_options import RunOptions, declared, option
from tests.helpers.pages import healthy, new_app, open_page, texts
from tests.helpers.run_folders import make_run


@pytest.fixture
def started(runs_root: Path, monkeypatch: pytest.MonkeyPatch) -> list[RunOptions]:
    """What the page asked for, in place of trainings."""
    asked: list[RunOptions] = []
    monkeypatch.setattr(Jobs, "train", lambda _, name, options: asked.append(options))
    return asked


def open_train() -> AppTest:
    app = new_app("train").run()
    assert not app.exception
    return app


def test_the_form_begins_with_the_options_defaults(started: list[RunOptions]) -> None:
    open_train().button(key="start").click().run()
    assert started == [RunOptions("dcgan", "phantom:cxr", image_size=64, batch_size=32)]


def test_every_option_has_a_field_and_is_passed_on(started: list[RunOptions], monkeypatch: pytest.MonkeyPatch) -> None:
    fields: list[Any] = [("contrast", float, option(1.0, "how far greys are spread"))]
    more = dataclasses.make_dataclass("More", fields, bases=(RunOptions,), frozen=True)
    monkeypatch.setattr(run_options, "RunOptions", more)
    monkeypatch.setattr("dashboard.views.train.form.RunOptions", more)
    app = open_train()
    app.selectbox(key="preset").set_value("gan").run()
    widgets = (*app.selectbox, *app.number_input, *app.text_input, *app.checkbox)
    assert {name for name, one in declared().items() if not one.needs} <= {widget.key for widget in widgets}
    app.number_input(key="contrast").set_value(0.5)
    app.checkbox(key="snapshots").check()
    app.selectbox(key="precision").set_value("32-true")
    app.text_input(key="patient_pattern").set_value(r" -(\d+)_ ")
    app.text_input(key="settings").set_value("lr=1e-4 width=8")
    app.number_input(key="log_every").set_value(5)
    app.button(key="start").click().run()
    (asked,) = started
    assert asked.recorded() | {"contrast": 0.5} == asked.recorded()
    assert (asked.snapshots, asked.precision, asked.patient_pattern) == (True, "32-true", r"-(\d+)_")
    assert (asked.settings, asked.log_every, asked.device) == (("lr=1e-4", "width=8"), 5, "auto")


def test_colour_is_asked_for_where_the_phantom_is_in_colour(started: list[RunOptions]) -> None:
    app = open_train()
    app.text_input(key="source").set_value("phantom:colour").run()
    app.button(key="start").click().run()
    assert started[0].channels == 3


def test_a_number_that_nobody_typed_follows_the_preset(runs_root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Presets of one task may differ in their defaults; what a user typed stays."""
    presets = dict(registry.presets())
    presets["cgan"] = dataclasses.replace(presets["cgan"], batch_size=160, image_size=128)
    monkeypatch.setattr(registry, "presets", lambda: presets)
    app = open_train()
    app.number_input(key="epochs").set_value(7).run()
    assert not app.selectbox(key="preset").set_value("cgan").run().exception
    assert (app.number_input(key="batch_size").value, app.selectbox(key="image_size").value) == (160, 128)
    assert app.number_input(key="epochs").value == 7
    assert not app.selectbox(key="preset").set_value("dcgan").run().exception
    assert (app.number_input(key="batch_size").value, app.selectbox(key="image_size").value) == (32, 64)


def test_a_training_that_waits_says_so_and_can_be_cancelled(runs_root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Jobs, "_running", lambda _: 1)
    monkeypatch.setenv("GANRAY_TRAININGS", "1")
    resumed = make_run(runs_root, "earlier", "gan", 2, 2, "stopped")
    jobs.jobs().resume(resumed)
    jobs.jobs().train("second", RunOptions("gan", "phantom:cxr"))
    app = open_page("train")
    assert texts(app).count("At most one training runs at a time") == 1  # the other says it at its bar
    assert {"cancel earlier", "cancel second"} <= {button.key for button in app.button}
    app.button(key="cancel second").click().run()
    assert "second" not in jobs.jobs().all()
    app.button(key="cancel earlier").click().run()
    assert jobs.jobs().all() == {}
    assert "Resume earlier" in {button.key for button in healthy(app).button}
