"""The distance that was measured on the way, as a curve beside the logged ones."""

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from dashboard.charts import curve_payloads, distance_chart
from dashboard.charts.curve_payloads import CurveView
from dashboard.charts.run_metrics import Chart
from dashboard.library.store import Entry, Library
from dashboard.widgets import run_curves
from gan_core.diagnostics import read
from tests.helpers import made_evaluations
from tests.helpers.chart_payloads import entries, numbers, told
from tests.helpers.pages import healthy, open_page, plotted
from tests.helpers.run_folders import make_run

TITLE = "Fréchet distance, measured"


@pytest.fixture(scope="module")
def library(tmp_path_factory: pytest.TempPathFactory) -> Library:
    root = tmp_path_factory.mktemp("measured")
    for name, preset, quality in (("gan", "gan", 0.4), ("dcgan", "dcgan", 0.9)):
        made_evaluations.write(
            make_run(root, name, preset, 50, 20, preview_every=10), quality, progress=made_evaluations.progress(quality)
        )
    make_run(root, "plain", "dcgan", 50, 20, preview_every=10)
    other = made_evaluations.progress(0.5)
    made_evaluations.write(
        make_run(root, "fewer", "gan", 50, 20, preview_every=10), progress=replace(other, generated=500)
    )
    made_evaluations.write(make_run(root, "unet", "cyclegan_unet_light", 4, 20))
    return Library(root)


def test_runs_that_were_measured_alike_have_a_chart_more(library: Library) -> None:
    made = told(library, ["plain", "gan", "dcgan", "fewer"])["charts"][-1]
    assert made["title"] == TITLE
    assert made["meaning"].startswith("1,000 generated against 4,199 real images, features of child-b")
    assert [curve["lane"] for curve in made["curves"]] == [1, 2], "neither the unmeasured nor the otherwise measured"
    curve = made["curves"][0]
    assert numbers(curve["x"]).tolist() == list(range(5, 51, 5)), "an untrained network's distance is left out"
    [entry] = entries(library, "dcgan")  # drawn behind "plain", whose settings it has
    way = distance_chart.progress(library, entry)
    assert way
    assert numbers(curve["y"]) == pytest.approx([stand.measures["frechet"].value for stand in way.stands[1:]])
    assert TITLE not in [chart["title"] for chart in told(library, ["plain"])["charts"]]
    assert TITLE not in [chart["title"] for chart in told(library, ["unet"])["charts"]]


def test_what_a_run_began_with_is_on_its_curve(tmp_path: Path) -> None:
    """Its first images are those of a trained generator, not noise."""
    run = make_run(tmp_path, "grown", "dcgan", 50, 20, preview_every=10)
    config = json.loads((run.folder / "config.json").read_text())
    began = {"run": "small", "epoch": 9, "image_size": 32, "steps": 9, "images": 90, "seconds": 9.0}
    (run.folder / "config.json").write_text(json.dumps(config | {"grown_from": began}))
    made_evaluations.write(run, progress=made_evaluations.progress(0.5))
    (curve,) = told(Library(tmp_path), ["grown"])["charts"][-1]["curves"]
    assert numbers(curve["x"]).tolist() == list(range(0, 51, 5))
    found = read(run).distance
    assert found is not None and found.epoch.tolist() == list(range(0, 51, 5))


def test_of_several_seeds_those_that_were_measured_make_the_line(tmp_path: Path) -> None:
    for seed in range(4):
        run = make_run(tmp_path, f"s{seed}", "dcgan", 50, 20, seed=seed, preview_every=10)
        if seed:
            way = made_evaluations.progress(0.9 - 0.1 * seed)
            made_evaluations.write(run, progress=replace(way, generated=500) if seed == 3 else way)
    own = Library(tmp_path)
    data = told(own, ["s0", "s1", "s2", "s3"])
    assert data["lanes"][0]["label"] == "dcgan, 4 seeds"
    [curve] = data["charts"][-1]["curves"]
    assert curve["runs"] == ["s1", "s2"] and len(curve["raw"]) == 2
    ends = [
        distance_chart.curve(own, entry, chart).last for entry in entries(own, "s1", "s2") if (chart := of(own, entry))
    ]
    assert numbers(curve["y"])[-1] == pytest.approx(np.mean(ends))
    assert (numbers(curve["low"])[-1], numbers(curve["high"])[-1]) == pytest.approx(ends)
    [alone] = told(own, ["s0", "s1"])["charts"][-1]["curves"]
    assert "low" not in alone


def of(library: Library, entry: Entry) -> Chart | None:
    return distance_chart.chart(library, [entry])


def test_it_is_drawn_along_every_axis_and_can_be_left_out(library: Library) -> None:
    steps = told(library, ["gan"], CurveView("step"))["charts"][-1]["curves"][0]
    assert numbers(steps["x"]) == pytest.approx(np.arange(5, 51, 5) * 20.0)
    usual, _ = run_curves.options(library, entries(library, "gan", "unet"))
    assert TITLE in usual
    alone = told(library, ["gan"], CurveView(wanted=(TITLE,)))["charts"]
    assert [chart["title"] for chart in alone] == [TITLE]
    without = told(library, ["gan"], CurveView(wanted=("Generator loss",)))["charts"]
    assert [chart["title"] for chart in without] == ["Generator loss"]


def test_a_run_shows_what_real_images_score_beside_it(library: Library) -> None:
    [entry] = entries(library, "gan")
    made = curve_payloads.run_payload(library, entry, CurveView())["charts"][0]
    assert made["title"] == f"{TITLE}, real images dotted"
    floor = made["curves"][1]
    assert floor["lane"] == 1
    assert numbers(floor["y"]) == pytest.approx([made_evaluations.REAL["frechet"]] * 2)
    assert numbers(floor["x"]).tolist() == [5, 50]


def test_kid_stands_in_where_the_frechet_distance_is_missing(library: Library, tmp_path: Path) -> None:
    run = make_run(tmp_path, "small", "gan", 50, 20, preview_every=10)
    way = made_evaluations.progress(0.5)
    stands = tuple(replace(stand, measures={"kid": stand.measures["kid"]}) for stand in way.stands)
    made_evaluations.write(run, progress=replace(way, stands=stands))
    own = Library(tmp_path)
    assert told(own, ["small"])["charts"][-1]["title"] == "KID, measured"
    run.evaluation.write_text("{")
    assert told(Library(tmp_path), ["small"])["charts"][-1]["title"] == "Discriminator accuracy"


def test_the_pages_show_it(runs_root: Path) -> None:
    run = make_run(runs_root, "mine", "dcgan", 50, 20, preview_every=10)
    made_evaluations.write(run, 0.9, progress=made_evaluations.progress(0.9))
    assert plotted(healthy(open_page(runs="mine")))[-1]["title"] == TITLE
    assert plotted(healthy(open_page("run", run="mine")))[0]["title"] == f"{TITLE}, real images dotted"


def test_who_chose_no_charts_sees_the_usual_ones_of_the_runs_that_are_there_now(runs_root: Path) -> None:
    make_run(runs_root, "plain", "dcgan", 50, 20, preview_every=10)
    run = make_run(runs_root, "mine", "gan", 50, 20, preview_every=10)
    made_evaluations.write(run, 0.9, progress=made_evaluations.progress(0.9))
    app = open_page(runs="plain")
    assert TITLE not in [chart["title"] for chart in plotted(app)]
    app.multiselect(key="runs").set_value(["plain", "mine"]).run()
    assert TITLE in [chart["title"] for chart in plotted(healthy(app))]
    app.multiselect(key="columns").set_value(["Generator loss"]).run()
    app.multiselect(key="runs").set_value(["plain"]).run()
    assert [chart["title"] for chart in plotted(healthy(app))] == ["Generator loss"]
