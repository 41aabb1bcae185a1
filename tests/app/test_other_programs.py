"""Runs that GANray did not train, on the pages: marked, with a dash for what is not known, and nothing to resume."""

from pathlib import Path

import numpy as np
import pytest

from dashboard.charts import run_metrics
from dashboard.charts.curve_payloads import CurveView
from dashboard.library import units
from dashboard.library.store import Library
from dashboard.widgets import run_picker, settings_table
from gan_core import cli, importers
from gan_core.config import Origin
from gan_core.importers import FoundTraining
from gan_core.runs import Run
from gan_core.usual_names import ACCURACY
from tests.helpers.chart_payloads import entries, numbers, told_of
from tests.helpers.pages import healthy, open_page, plotted, staged, texts
from tests.helpers.recorded import LAST, record_run
from tests.helpers.run_folders import make_run

IMPORTED = Origin("csv", "train.py", "log.csv", notes=("one row in ten was kept",))


@pytest.fixture(autouse=True)
def recorded(runs_root: Path) -> None:
    make_run(runs_root, "ours", epochs=6)
    record_run(runs_root, "theirs", state="stopped", reason="the power went")
    record_run(runs_root, "imported", IMPORTED, last=12, planned=24)


def test_the_run_page_offers_what_can_be_done(runs_root: Path) -> None:
    app = open_page("run", run="theirs")
    shown = texts(app)
    assert "recorded" in shown and "The power went" in shown and "wgan" in shown
    assert not [button.label for button in app.button if button.label in ("Resume", "Stop")]
    assert [(one.label, one.value) for one in app.metric][:2] == [("Epoch", "–"), ("Step", "3,000")]
    scrubber = staged(app, "ganray_scrubber")
    assert (scrubber["unit"], scrubber["last"], scrubber["whole"]) == ("step", LAST, True)
    assert {chart["title"] for chart in plotted(app)} >= {"Discriminator loss", "Generator loss", "Structure"}
    assert "No discriminator's scores were logged" in shown and "no discriminator that scores" not in shown
    along = app.segmented_control(key="run_x_of_steps")
    assert (along.options, along.value) == (["Step", "Time", "Images seen"], "Step")
    cells = {key: value for table in app.table for key, value in table.value.iloc[:, 0].items()}
    assert cells["Steps"] == "3000" and "Epochs" not in cells
    imported = open_page("run", run="imported")
    assert "imported from csv" in texts(imported) and "one row in ten was kept" in texts(imported).replace("\\", "")
    assert imported.metric[0].value == "12 / 24"


def test_steps_stand_beside_epochs_by_their_share(runs_root: Path) -> None:
    app = open_page("compare", runs=["ours", "theirs"])
    assert "placed by its share" in texts(app) and "is not known" in texts(app)
    scrubber, stage = staged(app, "ganray_scrubber"), staged(app)
    assert (scrubber["unit"], scrubber["last"], scrubber["whole"]) == ("epoch", 6, False)
    theirs = next(run for run in stage["runs"] if run["name"] == "theirs")
    assert [place for place, _ in theirs["frames"]] == [0, 1, 2, 3, 4, 5, 6]
    assert (theirs["unit"], theirs["scale"], theirs["origin"], theirs["seed"]) == ("step", 500, "recorded", None)
    assert theirs["inputs"] != stage["runs"][0]["inputs"]  # nobody knows whether their latent vectors are ours
    healthy(app.multiselect(key="runs").unselect("ours").run())
    assert staged(app, "ganray_scrubber")["unit"] == "step" and "placed by its share" not in texts(app)


def test_curves_of_both_kinds_share_an_axis(runs_root: Path) -> None:
    library = Library(runs_root)
    chosen = units.aligned(entries(library, "ours", "theirs"))
    data = told_of(library, chosen, CurveView(smoothing=0.0))
    assert "3,000 steps" in data["lanes"][1]["note"] and data["end"] == 6
    curves = {lane["label"]: [] for lane in data["lanes"]}
    for chart in data["charts"]:
        for curve in chart["curves"]:
            curves[data["lanes"][curve["lane"]]["label"]].append(numbers(curve["x"])[-1])
    assert np.allclose(curves["theirs"], 6, atol=0.03) and np.allclose(curves["ours"], 6)
    by_steps = told_of(library, chosen, CurveView("step", smoothing=0.0))
    epochs, steps = map(numbers, by_steps["lanes"][1]["places"])
    assert np.interp(3, epochs, steps) == pytest.approx(1500, rel=0.01)
    of_images = told_of(library, chosen, CurveView("images"))  # nobody knows its batch size
    assert {curve["lane"] for chart in of_images["charts"] for curve in chart["curves"]} == {0}


def test_what_is_not_known_is_a_dash(runs_root: Path, capsys: pytest.CaptureFixture[str]) -> None:
    library = Library(runs_root)
    chosen = entries(library, "ours", "theirs", "imported")
    rows = settings_table.settings(chosen, {})
    for title in ("Batch size", "Seed", "Data", "Training images", "Precision"):
        assert rows[title][0] != "–" and rows[title][1:] == ["–", "–"], title
    assert rows["Epochs or steps"] == ["6 of 6", "step 3000", "12 of 24"] and "Epochs" not in rows
    assert settings_table.settings(chosen[1:2], {})["Steps"] == ["3000"]
    assert rows["Origin"] == ["–", "recorded", "csv"]
    listing = run_picker.listing([[entry] for entry in chosen], {})
    assert listing["Preset"].tolist() == ["dcgan", "wgan.py (recorded)", "train.py (imported from csv)"]
    assert listing["Data"].tolist()[1:] == ["–", "–"]
    assert cli.main(["list"]) == 0
    printed = capsys.readouterr().out
    assert "step 3000/-" in printed and "12/24" in printed


def test_what_another_program_trained_is_resumed_there(capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["resume", "theirs"]) == 2
    assert "resume it with the program that trained it" in capsys.readouterr().err


def test_the_list_of_trainings_and_the_report_name_it(runs_root: Path) -> None:
    shown = texts(open_page("train"))
    assert shown.count("recorded") == 1 and shown.count("imported from csv") == 1


def import_run(root: Path, name: str, rows: int = 1000, sheets: tuple[int, ...] = ()) -> Run:
    """Write a run of one column, an accuracy over real and generated images together, that counts steps."""
    steps = np.arange(float(rows))
    columns = {"step": steps, ACCURACY.column: np.full(rows, 0.75)}
    pictures = {number: (lambda: np.zeros((8, 8, 1), np.uint8)) for number in sheets}
    found = FoundTraining("csv", "log", columns=columns, metrics=(ACCURACY,), pictures=pictures, counts="step")
    return importers.write(found, root, name)


def test_each_run_is_drawn_with_the_columns_of_a_chart_that_it_has(runs_root: Path) -> None:
    import_run(runs_root, "one-accuracy")
    library = Library(runs_root)
    both = units.aligned(entries(library, "ours", "one-accuracy"))
    chart = next(one for one in told_of(library, both)["charts"] if one["title"] == "Discriminator accuracy")
    assert [curve["lane"] for curve in chart["curves"]] == [0, 1]
    assert numbers(chart["curves"][1]["y"])[-1] == pytest.approx(0.75)
    alone = run_metrics.last_values(library, both[0], both[:1])["Discriminator accuracy"]
    values = [run_metrics.last_values(library, entry, both)["Discriminator accuracy"] for entry in both]
    assert values == [alone, "75%"] and alone != "–"


@pytest.mark.parametrize("lagging", [False, True])
def test_a_run_is_as_long_as_its_table(runs_root: Path, capsys: pytest.CaptureFixture[str], lagging: bool) -> None:
    run = import_run(runs_root, "long", sheets=(0, 900))
    assert (run.status().step, run.status().epoch) == (999, 999)
    if lagging:  # killed before its status was written again
        status = run.folder / "status.json"
        status.write_text(status.read_text().replace("999", "0"))
    library = Library(runs_root)
    (entry,) = entries(library, "long")
    assert (entry.progress, entry.end) == ("step 999", 999)
    assert settings_table.settings([entry], {})["Steps"] == ["999"]
    assert cli.main(["list"]) == 0
    assert "step 999/-" in capsys.readouterr().out
    both = told_of(library, units.aligned(entries(library, "ours", "long")), CurveView(smoothing=0.0))
    assert "999 steps" in both["lanes"][1]["note"]
    ends = [numbers(curve["x"])[-1] for chart in both["charts"] for curve in chart["curves"]]
    assert max(ends) == pytest.approx(both["end"]) == 6
    assert told_of(library, [entry])["end"] == 999


def test_a_time_that_nobody_knows_is_a_dash(runs_root: Path) -> None:
    run = import_run(runs_root, "timeless")
    library = Library(runs_root)
    (entry,) = entries(library, "timeless")
    assert run_metrics.last_values(library, entry, [entry])["Time"] == "–"
    table = run.folder / "metrics.csv"
    table.write_text(table.read_text().replace("nan,nan", "0,nan"))
    (entry,) = entries(library, "timeless")
    assert run_metrics.last_values(library, entry, [entry])["Time"] == "–"
