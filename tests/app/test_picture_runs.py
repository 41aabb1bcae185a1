"""Pictures of a folder on the pages: beside evaluated runs on Evaluate, and without a training on Run."""

import os
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from dashboard.library.store import Library
from dashboard.report import comparison
from gan_core.config import Origin
from gan_core.evaluation import results
from gan_core.evaluation.results import GeneratedFolder
from gan_core.family_traits import FamilyTraits
from gan_core.runs import default_root, find_run
from gan_core.runs.recorded import RecordedWriter
from tests.helpers.made_evaluations import write
from tests.helpers.pages import evaluate_page, open_page, texts
from tests.helpers.run_folders import make_run, settings


@pytest.fixture(autouse=True)
def runs(runs_root: Path) -> None:
    """A shipped run, and pictures of a folder that were measured without a classifier."""
    write(make_run(runs_root, "reference/dcgan", "dcgan", 1, 2), 0.7)
    origin = Origin("folder", place="stylegan fakes", notes=("12 of the 400 pictures repeat another one exactly.",))
    unknown = {"epochs": 0, "batch_size": 0, "preview_every": 0, "log_every": 0}
    traits = FamilyTraits(title="Pictures of a folder", has_discriminator=False)
    config = replace(settings("fakes", 1, 0), origin=origin, traits=traits, **unknown)
    writer = RecordedWriter.create(runs_root, "fakes", config)
    writer.save_samples(0, np.zeros((64, 64, 1), np.uint8))
    writer.write_status("finished", 0, 0)
    writer.release()
    facts = GeneratedFolder("stylegan fakes", 400, 12, 0, 0)
    write(find_run("fakes", runs_root), 0.8, utility=(), pictures=facts)


def test_they_stand_beside_other_runs_and_say_what_they_are() -> None:
    app = evaluate_page(evaluated=["reference/dcgan", "fakes"], part="measures")
    shown = texts(app)
    assert "**fakes**: 400 pictures of the folder **stylegan fakes**, measured without a network." in shown
    tables = [element.proto.body for element in app.get("html") if '<table class="ev-table"' in element.proto.body]
    assert "<small>pictures of a folder</small>" in tables[0] and "7" in tables[0]
    classifiers = evaluate_page(evaluated=["reference/dcgan", "fakes"], part="classifiers")
    bodies = " ".join(element.proto.body for element in classifiers.get("html"))
    assert bodies.count("<table class='ev-confusion'>") == 1  # a classifier that was not trained has no card
    assert not [toggle for toggle in app.toggle if toggle.key == "pairs" and toggle.value]
    assert "evaluate it again" not in shown


def test_alone_they_show_what_was_measured_and_nothing_empty() -> None:
    app = evaluate_page(evaluated="fakes", part="copies")
    assert "How useful?" not in texts(app) and not any(
        "TSTR" in one for one in app.segmented_control(key="part").options
    )
    assert len(app.table) == 1 and not app.toggle, "no network draws the pairs again"


def test_their_run_page_has_pictures_and_no_training() -> None:
    app = open_page("run", run="fakes")
    shown = texts(app).replace("\\", "")
    assert "Pictures of a folder: stylegan fakes. 12 of the 400 pictures repeat another one exactly." in shown
    assert not app.metric and "Samples" not in shown and "discriminator" not in shown.lower()
    assert "Settings" in shown and "Notes" in shown


def test_ones_own_evaluation_of_a_shipped_run_is_named(runs_root: Path) -> None:
    run = find_run("dcgan", runs_root)
    assert "your own evaluation" not in texts(evaluate_page(evaluated="reference/dcgan"))
    os.utime(run.evaluation, (1_000_000_000, 1_000_000_000))
    results.write(run.evaluation_to_write(), results.read(run.evaluation))
    shown = texts(evaluate_page(evaluated="reference/dcgan"))
    assert "your own evaluation, in place of the shipped one" in shown
    assert "ganray delete reference/dcgan --evaluation" in shown


def test_beside_trainings_nothing_is_said_of_a_training_that_was_none() -> None:
    app = open_page("compare", runs=["reference/dcgan", "fakes"])
    drawn = [element.proto.body for element in app.get("html")]
    (happened,) = [body for body in drawn if '<section class="happened-run"' in body]
    assert happened.count("<section") == 1 and "fakes" not in happened
    library = Library(default_root())
    dcgan, fakes = library.find("reference/dcgan"), library.find("fakes")
    assert dcgan and fakes and fakes.progress == "–"
    events, paragraph = comparison.happened(library, [dcgan, fakes])  # of the report, and of a notebook
    assert events.keys() == {"reference/dcgan"} and paragraph and "fakes" not in paragraph
    assert "What happened here?" not in texts(open_page("compare", runs=["fakes"]))
