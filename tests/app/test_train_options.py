"""The Train page has a field for every option of a run, also for one that is new."""

import dataclasses
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest
from streamlit.testing.v1 import AppTest

from dashboard import jobs
from dashboard.jobs import Job, Jobs
from dashboard.library import training_speed
from dashboard.library.training_speed import Measurement
from dashboard.views.train import form
from gan_core import run_options
from gan_core.families import registry
from gan_core.run_options import RunOptions, declared, option
from tests.helpers.pages import healthy, new_app, open_page, texts
from tests.helpers.run_folders import make_run
from tests.helpers.speeds import measured_speed


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
    assert started == [RunOptions("dcgan", "phantom:cxr", form.PHANTOM_EPOCHS, image_size=64, batch_size=32)]


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


def test_a_batch_that_the_images_do_not_fill_is_refused_at_its_field(started: list[RunOptions]) -> None:
    app = open_train()
    assert "800 training images." in texts(app)
    app.number_input(key="batch_size").set_value(801).run()
    assert "the data has 800 training images, too few for a batch of 801" in texts(app)
    assert app.button(key="start").disabled
    app.number_input(key="batch_size").set_value(800).run()
    assert not app.button(key="start").disabled
    translator = next(name for name, preset in registry.presets().items() if preset.task == "translate")
    app.selectbox(key="preset").set_value(translator).run()
    app.number_input(key="batch_size").set_value(201).run()
    assert "normal has 200 training images, too few for a batch of 201" in texts(app)
    assert app.button(key="start").disabled and started == []


def test_epochs_that_nobody_typed_follow_the_data(started: list[RunOptions], tmp_path: Path) -> None:
    app = open_train()
    assert app.number_input(key="epochs").value == form.PHANTOM_EPOCHS
    app.text_input(key="source").set_value(str(tmp_path)).run()
    assert app.number_input(key="epochs").value == 50
    app.number_input(key="epochs").set_value(7).run()
    app.text_input(key="source").set_value("phantom:cxr").run()
    assert app.number_input(key="epochs").value == 7


def test_how_long_it_takes_stands_beside_the_button(started: list[RunOptions], monkeypatch: pytest.MonkeyPatch) -> None:
    found = Measurement(measured_speed())
    found.done.set()
    monkeypatch.setattr(training_speed, "measured", lambda _: found)
    app = open_train()
    assert "About 9 min**, measured on this machine (cpu): 20 epochs of 25 steps" in texts(app)
    assert "Memory 610 MB, disk 22 MB." in texts(app)  # of the process and 800 images; checkpoints, sheets, weights
    app.button(key="fewer epochs").click().run()
    assert app.number_input(key="epochs").value == 4
    assert "About 2 min" in texts(healthy(app))


def test_what_this_machine_lacks_stands_there_too(started: list[RunOptions], monkeypatch: pytest.MonkeyPatch) -> None:
    found = Measurement(measured_speed(memory=10**15))
    found.done.set()
    monkeypatch.setattr(training_speed, "measured", lambda _: found)
    said = texts(open_train())
    assert "Memory 1000000.0 GB" in said and ":red[Only " in said and "of memory free.]" in said


def test_the_width_is_that_of_the_image_size(started: list[RunOptions]) -> None:
    app = open_train()
    assert "Width 32: the channels at 64 px." in texts(app)
    assert app.text_input(key="settings").placeholder == "width=32"
    app.selectbox(key="image_size").set_value(256).run()
    assert "Width 8: the channels at 256 px." in texts(app)
    assert app.text_input(key="settings").placeholder == "width=8"
    app.text_input(key="settings").set_value("width=24").run()
    assert "Width 8" not in texts(healthy(app))


def test_a_run_to_begin_with_brings_its_image_size(started: list[RunOptions], runs_root: Path) -> None:
    made = make_run(runs_root, "small", "dcgan")
    bare = make_run(runs_root, "without_weights", "dcgan")
    for path in (bare.weights, *bare.checkpoints()):
        path.unlink(missing_ok=True)
    make_run(runs_root, "of_another_preset", "cgan")
    size = made.config().image_size
    app = open_train()
    field = app.selectbox(key="grow_from")
    assert field.options == [form.RANDOM, f"small ({size} px)"]
    app.selectbox(key="image_size").set_value(256).run()
    app.selectbox(key="grow_from").set_value("small").run()
    assert app.selectbox(key="image_size").value == 2 * size
    app.button(key="start").click().run()
    assert [(one.grow_from, one.image_size, one.freeze) for one in started] == [("small", 2 * size, False)]
    app.selectbox(key="image_size").set_value(size).run()
    assert "freeze" not in {widget.key for widget in app.checkbox}, "nothing is added at the run's own size"
    app.selectbox(key="image_size").set_value(2 * size).run()
    app.checkbox(key="freeze").check().run()
    app.button(key="start").click().run()
    assert started[-1].freeze
    app.selectbox(key="preset").set_value("cyclegan_unet").run()
    assert "grow_from" not in {widget.key for widget in app.selectbox}
    app.button(key="start").click().run()
    assert started[-1].grow_from is None, "a translator begins with no other run"
    assert not started[-1].freeze


def test_a_size_to_which_the_run_does_not_grow_is_said_at_once(started: list[RunOptions], runs_root: Path) -> None:
    size = make_run(runs_root, "small", "dcgan").config().image_size
    make_run(runs_root, "flowing", "flow")
    app = open_train()
    app.selectbox(key="grow_from").set_value("small").run()
    assert "Settings and networks come along from small." in texts(app)
    assert app.text_input(key="settings").placeholder == "KEY=VALUE", "a width of the preset would not fit"
    app.selectbox(key="image_size").set_value(256).run()
    assert f"begins with, has {size} px\\: choose image size {size} px or {2 * size} px" in texts(app)
    assert app.button(key="start").disabled
    app.selectbox(key="preset").set_value("flow").run()
    assert app.selectbox(key="grow_from").value == form.RANDOM and not app.button(key="start").disabled
    assert "begins with" not in texts(app), "the run of the other preset is forgotten"
    app.selectbox(key="grow_from").set_value("flowing").run()
    app.selectbox(key="image_size").set_value(2 * size).run()
    assert f"choose image size {size} px, as 'flow' does not grow" in texts(app)


def test_a_run_of_other_channels_is_refused_at_once(started: list[RunOptions], runs_root: Path) -> None:
    make_run(runs_root, "small", "dcgan")
    app = open_train()
    app.selectbox(key="grow_from").set_value("small").run()
    assert not app.button(key="start").disabled
    app.selectbox(key="channels").set_value(3).run()
    assert "are grey\\: choose channels 1 under More options" in texts(app) and app.button(key="start").disabled
    app.selectbox(key="channels").set_value(1).run()
    app.text_input(key="source").set_value("phantom:colour").run()
    assert "are grey\\: choose data in grey" in texts(app) and app.button(key="start").disabled


def test_patience_needs_snapshots(started: list[RunOptions]) -> None:
    app = open_train()
    app.number_input(key="patience").set_value(3).run()
    assert "tick Snapshots" in texts(app) and app.button(key="start").disabled
    app.checkbox(key="snapshots").check().run()
    assert "tick Snapshots" not in texts(app) and not app.button(key="start").disabled


def test_a_finished_training_can_be_evaluated(runs_root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[tuple[str, str | None]] = []
    monkeypatch.setattr(Jobs, "evaluate", lambda _, run, source: asked.append((run.name, source)))
    make_run(runs_root, "mine", "dcgan", 2, 2)
    with subprocess.Popen([sys.executable, "-S", "-c", ""]) as process:
        process.wait()
    ended = Job("mine", [], Path("log"), process)
    gone = Job("gone", [], Path("log"), process)  # its run was deleted since
    monkeypatch.setattr(Jobs, "all", lambda _: {"mine": ended, "gone": gone})
    app = open_page("train")
    assert not app.error and "dismiss gone" not in {button.key for button in app.button}
    assert "Not measured yet: no run of its kind was evaluated here" in texts(app).replace("\\", "")
    app.button(key="evaluate start mine").click().run()
    assert asked == [("mine", None)]


def test_an_error_is_that_of_the_last_attempt(runs_root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    later, log = time.time() + 60, runs_root / "log"
    tried = {
        "refused": Job("refused", ["resume"], log, began=later, problem="'settings' was changed"),
        "diverged": Job("diverged", ["resume"], log, began=1.0, problem="the log says less"),
        "waits": Job("waits", ["resume"], log),
        "stopped": Job("stopped", ["resume"], log, began=later, problem="the data has changed"),
    }
    for name in tried:
        state = "stopped" if name == "stopped" else "failed"
        make_run(runs_root, name, "gan", 2, 2, state, reason=f"loss/d of {name} is not finite")
    monkeypatch.setattr(Jobs, "all", lambda _: tried)
    shown = {error.value.replace("\\", "") for error in open_page("train").error}
    assert shown == {"'settings' was changed", "Loss/d of diverged is not finite.", "the data has changed"}


def test_an_evaluation_needs_its_images_and_says_where_it_is(runs_root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    run = make_run(runs_root, "mine", "cyclegan_resnet_light", 2, 2, private=True)
    app = open_page("run", run="mine")
    assert app.button(key="evaluate start mine").disabled
    assert "Say where its images are" in texts(app)
    asked: list[tuple[str, str | None]] = []
    monkeypatch.setattr(Jobs, "evaluate", lambda _, run, source: asked.append((run.name, source)))
    app.text_input(key="evaluate data mine").set_value("phantom:cxr").run()
    app.button(key="evaluate start mine").click().run()
    assert asked == [("mine", "phantom:cxr")]
    job = Job("mine", [], runs_root / "log", problem="no space is left")
    monkeypatch.setattr(Jobs, "evaluation", lambda *_: job)
    assert "No space is left" in texts(healthy(app.run()))
    monkeypatch.setattr(Jobs, "evaluating", lambda _: "other")
    assert "Run other is being evaluated" in texts(healthy(app.run()))
    assert run.status().state == "finished"


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ("prepare:  16%|x | 161/1000 [00:28<01:40,  8.33image/s]", (0.161, "161 of 1000 images, about 01:40 left")),
        ("prepare:   0%| | 0/5216 [00:00<?, ?image/s]", (0.0, "0 of 5216 images")),
        ("reading the table", None),
    ],
)
def test_a_progress_bar_of_a_log_is_told_in_words(line: str, said: tuple[float, str] | None) -> None:
    assert jobs.counted(line) == said
