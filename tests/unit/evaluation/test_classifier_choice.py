"""Which classifiers judge a data set follows from what they were trained on."""

import json
from pathlib import Path

import pytest

from gan_core.config import read_run_config
from gan_core.evaluation import classifiers
from gan_core.evaluation.classifier_choice import cards, choose, extractors, subjects
from gan_core.evaluation.classifiers import CONTROLS, ROLES
from tests.conftest import ROOT

REFERENCE = Path(ROOT) / "runs" / "reference"
# These were measured by a classifier that was named: the images of the one are of both data sets, those of the other
# were written anew, under other names.
NAMED = {"merged_chests", "normal_halves"}


@pytest.mark.parametrize("run", sorted(path.parent.name for path in REFERENCE.glob("*/evaluation.json")))
def test_shipped_runs_were_measured_by_the_classifiers_of_their_data(run: str) -> None:
    config = read_run_config(REFERENCE / run / "config.json")
    found = choose(config.source, config.fingerprint, config.domains or config.classes)
    said = json.loads((REFERENCE / run / "evaluation.json").read_text(encoding="utf-8"))
    used = {one["extractor"] for one in (*said["fidelity"].values(), *said["audit"])} - {""}
    seconds = {one["extractor"] for one in said["second_opinion"].values()}
    assert seconds <= {found.second}
    if run in NAMED:
        assert used == {"adult-b"}
        assert "--extractor (adult-a, adult-b, " in found.note
    elif used:
        assert used == {found.reports}
        assert not found.note


@pytest.mark.parametrize(
    ("source", "fingerprint", "classes", "reports"),
    [
        ("renamed", "f7504c3e98027fd9", ("sick", "well"), "adult-b"),  # the very images
        ("/data/Pneumonia/train", "", ("a", "b"), "child-b"),  # the data set of this name
        ("hf:hf-vision/chest-xray-pneumonia", "", ("a", "b"), "child-b"),
        ("elsewhere", "", ("NORMAL", "PNEUMONIA"), "child-b"),  # all of its classes
        ("elsewhere", "", ("COVID", "NORMAL"), "adult-b"),
        ("classes:a=covid/*/COVID;b=covid/*/NORMAL;c=pneumonia/train/PNEUMONIA", "", ("a", "b", "c"), "adult-b"),
        ("classes:a=covid/*/COVID;b=pneumonia/NORMAL;c=pneumonia/PNEUMONIA", "", ("a", "b", "c"), "child-b"),
    ],
)
def test_the_training_data_decides(source: str, fingerprint: str, classes: tuple[str, ...], reports: str) -> None:
    found = choose(source, fingerprint, classes)
    assert (found.reports, found.note) == (reports, "")


@pytest.mark.parametrize(
    ("source", "classes"),
    [
        ("elsewhere", ("covid-like", "half")),
        ("elsewhere", ("NORMAL",)),
        ("classes:a=covid/*/COVID;b=pneumonia/NORMAL", ("a", "b")),
        ("phantom:cxr", ("bacterial", "covid", "normal", "viral")),
    ],
)
def test_where_nothing_decides_the_others_are_named(source: str, classes: tuple[str, ...]) -> None:
    found = choose(source, "", classes)
    assert found.reports == "child-b"
    assert "--extractor (adult-a, adult-b, child-a, child-b, inception:FILE.safetensors)" in found.note


def test_every_card_says_what_a_choice_needs() -> None:
    assert extractors() == ["adult-a", "adult-b", "child-a", "child-b"]
    assert subjects() == {"chest X-ray"}
    for card in cards():
        assert card.shows
        assert card.data_sets
        assert (card.role == ROLES[2]) == (card.sees in CONTROLS)
        assert classifiers.shipped(card.name).card == card
