"""What was doubted of a run's data is said on its page and beside its training."""

import json
from pathlib import Path

import pytest

from dashboard.widgets import text
from gan_core import runs
from gan_core.config import DataSummary, nameless, read_run_config, shareable, to_dict
from gan_core.data.patients import MAY_SHARE
from tests.helpers.pages import open_page, texts
from tests.helpers.run_folders import make_run

OWN = f"every picture counts as a patient of its own: {MAY_SHARE}"
LINES = (
    "skipped 1 of 9 images: a/1.png (the file is empty)",
    OWN,
    "class 'b' has only 4 images",
    "1 images lie in more than one class: a/*2*.png = b/[3](x).png",
    "2 images lie beside the class folders and are left out: x.png, y.png, ...",
)


def with_data(run: runs.Run, summary: DataSummary) -> None:
    path = run.folder / runs.CONFIG
    path.write_text(json.dumps(json.loads(path.read_text()) | {"data": to_dict(summary)}))


@pytest.fixture
def doubted(runs_root: Path) -> runs.Run:
    run = make_run(runs_root, "mine", "dcgan", 4, 10, "running")
    with_data(run, DataSummary(8, "", 1, LINES))
    return run


def test_the_page_of_a_run_says_everything(doubted: runs.Run) -> None:
    said = texts(open_page("run"))
    assert "What to know about the data" in said
    assert said.count(MAY_SHARE) >= 1 and all(text.plain_sentence(line) in said for line in LINES)


def test_the_train_page_says_it_shortly_and_without_names(doubted: runs.Run) -> None:
    app = open_page("train")
    assert all(text.plain_sentence(nameless(line)) in texts(app) for line in LINES)
    assert "2 more to know about the data" in [expander.label for expander in app.expander]
    assert "png" not in texts(app)


@pytest.mark.parametrize(
    ("found", "words"), [("DICOM PatientID", "8, from DICOM PatientID"), ("", "not known, one for")]
)
def test_a_run_without_doubts_only_says_how_its_patients_were_found(runs_root: Path, found: str, words: str) -> None:
    with_data(make_run(runs_root, "mine", "dcgan", 4, 10), DataSummary(8, found, 0, ()))
    app = open_page("run")
    assert "What to know about the data" not in texts(app)
    assert any(words in str(table.value) for table in app.table)


def test_names_do_not_leave_with_a_configuration(doubted: runs.Run) -> None:
    config = read_run_config(doubted.folder / runs.CONFIG)
    shared = shareable(config)
    assert shared.data is not None
    assert shared.data.warnings == (
        "skipped 1 of 9 images",
        OWN,
        "class 'b' has only 4 images",
        "1 images lie in more than one class",
        "2 images lie beside the class folders and are left out",
    )
    assert nameless("the patient pattern does not match 1 file names, for example a/odd.png") == (
        "the patient pattern does not match 1 file names"
    )
    assert nameless("1 file names lie in more than one split: smith; if a file name identifies a patient, ...") == (
        "1 file names lie in more than one split"
    )
    assert nameless("two folders (a; b): age, hospital or scanner may tell them apart").endswith("tell them apart")
