"""A run that measured its previews: its curve on Compare and Run, and which weights a page says it has."""

import json
from dataclasses import replace
from pathlib import Path

import pytest

from dashboard.charts import run_metrics, styles
from dashboard.charts.curve_payloads import CurveView, run_payload
from dashboard.library.store import Library
from dashboard.samples.grids import describe
from dashboard.widgets import diagnosis
from gan_core import runs
from gan_core.config import Ancestry, Kept, to_dict
from gan_core.families import registry
from gan_core.metrics import PREVIEW_DISTANCE, measured_at_previews
from gan_core.runs import Run
from tests.helpers.chart_payloads import entries, numbers, told
from tests.helpers.pages import healthy, open_page
from tests.helpers.run_folders import make_run

EPOCHS = 6
REASON = "stopped early: no better for 4 previews, best at epoch 2"


def measured(root: Path, name: str, extractor: str) -> None:
    """A drawn run whose previews were measured by an extractor, the second one being the best."""
    run = make_run(root, name, "dcgan", EPOCHS)
    metric = measured_at_previews("Fréchet distance", "held-out", extractor, f"1000 generated, by {extractor}")
    config = run.config()
    traits = registry.traits_of(config)
    kept = Kept("best", 2, "frechet", 3.0, extractor, 1000, "held-out")
    config = replace(config, traits=replace(traits, metrics=(*traits.metrics, metric)), kept=kept, snapshots=True)
    (run.folder / runs.CONFIG).write_text(json.dumps(to_dict(config)))
    table = run.folder / runs.EPOCHS
    head, *rows = table.read_text().splitlines()
    values = ["nan", *(str(3 + abs(epoch - 2)) for epoch in range(1, EPOCHS + 1))]
    lines = [f"{head},{PREVIEW_DISTANCE.column}", *(f"{row},{value}" for row, value in zip(rows, values, strict=True))]
    table.write_text("\n".join(lines) + "\n")
    status = json.loads((run.folder / runs.STATUS).read_text())
    (run.folder / runs.STATUS).write_text(json.dumps(status | {"reason": REASON}))


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("runs")
    for name, extractor in (("one", "child-a"), ("two", "child-a"), ("other", "adult-a")):
        measured(root, name, extractor)
    (root / "one" / runs.DISCRIMINATOR).touch()
    make_run(root, "plain", "dcgan", EPOCHS)
    return root


def test_distances_share_a_chart_where_they_are_comparable(root: Path) -> None:
    library = Library(root)
    charts = {chart["title"]: chart for chart in told(library, ["one", "two", "other", "plain"])["charts"]}
    title = "Fréchet distance at previews, to held-out images by"
    curve = charts[f"{title} adult-a"]["curves"]
    assert len(curve) == 1 and charts[f"{title} adult-a"]["meaning"] == "1000 generated, by adult-a"
    assert numbers(curve[0]["x"]).tolist() == [1, 2, 3, 4, 5, 6], "noise before the first step is no distance"
    assert numbers(curve[0]["y"]).tolist() == [4, 3, 4, 5, 6, 7]
    assert len(charts[f"{title} child-a"]["curves"]) >= 1
    (plain,) = entries(library, "plain")
    assert not [name for name in told(library, ["plain"])["charts"] if "at previews" in name["title"]]
    (one,) = entries(library, "one")
    assert run_metrics.last_values(library, one, [one, plain])[f"{title} child-a"] == "7.00"
    assert run_metrics.last_values(library, plain, [one, plain])[f"{title} child-a"] == "–"
    own = [chart for chart in run_payload(library, one, CurveView())["charts"] if "at previews" in chart["title"]]
    assert len(own) == 1 and len(own[0]["curves"]) == 1


def test_a_run_page_says_which_weights_it_has(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GANRAY_RUNS", str(root))
    path = root / "one" / runs.CONFIG
    before = path.read_text()
    began = Ancestry("small", 9, 32, 9, 90, 9.0)
    path.write_text(json.dumps(to_dict(replace(Run(root / "one", root).config(), grown_from=began, freeze=True))))
    app = open_page("run", run="one")
    path.write_text(before)
    healthy(app)
    said = " ".join(element.value for element in (*app.caption, *app.info)).replace("\\", "")
    assert "Its weights are those of epoch 2, the best preview by the features of the shipped classifier child" in said
    assert "Its discriminator is that of the last epoch." in said
    assert "Grown from small, 32 px, after 90 images. Only the stage of 64 px learned anew." in said
    one, two = entries(Library(root), "one", "two")
    assert two.chosen and "discriminator" not in two.chosen, "it keeps none"
    assert one.config and one.config.kept
    last = replace(one, config=replace(one.config, kept=replace(one.config.kept, epoch=EPOCHS)))
    assert last.chosen and "discriminator" not in last.chosen, "its weights are those of the last epoch, too"
    assert "stopped early: no better for 4 previews, best at epoch 2" in said.lower()
    (one, plain) = entries(Library(root), "one", "plain")
    assert describe(one, styles.run_styles([one])["one"])["title"].endswith(" Its weights are those of epoch 2.")
    assert "weights" not in describe(plain, styles.run_styles([plain])["plain"])["title"]
    assert Library(root).find("one").weights_epoch == 2  # type: ignore[union-attr]
    assert Library(root).find("plain").weights_epoch == EPOCHS  # type: ignore[union-attr]


def test_the_distance_chart_marks_the_kept_epoch(root: Path) -> None:
    library = Library(root)
    one, plain = entries(library, "one", "plain")
    marks = diagnosis.marks(library, [one, plain])
    (mark,) = [mark for mark in marks["one"] if PREVIEW_DISTANCE.column in mark.columns]
    assert (mark.epoch, mark.title) == (2, "The run kept the weights of epoch 2, its best preview.")
    assert not any("weights" in mark.title for mark in marks["plain"])


def test_the_axis_ends_where_an_ended_run_ends(root: Path) -> None:
    """One that stopped early never comes to its planned epochs; one that still trains will."""
    folder = make_run(root, "early", "dcgan", EPOCHS).folder
    config = json.loads((folder / runs.CONFIG).read_text())
    (folder / runs.CONFIG).write_text(json.dumps(config | {"epochs": 40}))
    assert told(Library(root), ["early"])["end"] == EPOCHS
    status = json.loads((folder / runs.STATUS).read_text())
    (folder / runs.STATUS).write_text(json.dumps(status | {"state": "stopped"}))
    assert told(Library(root), ["early"])["end"] == 40, "it may be resumed"
