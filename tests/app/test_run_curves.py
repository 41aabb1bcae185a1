"""What the browser is told of curves: axes, charts, seeds drawn as one, marks, histograms, growing runs."""

import json
import re
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from streamlit.testing.v1 import AppTest

from dashboard.charts import curve_payloads
from dashboard.charts.curve_payloads import CurveView, EventMarker
from dashboard.charts.styles import run_styles
from dashboard.library.store import METRICS, Entry, Library
from dashboard.widgets.run_curves import HERE
from gan_core import config as configs
from gan_core import runs
from gan_core.diagnostics.events import KINDS
from tests.helpers.chart_payloads import entries, numbers, told
from tests.helpers.pages import healthy, open_page, plotted
from tests.helpers.recorded import record_run
from tests.helpers.run_folders import make_run, metric_rows

STEPS = 20  # of an epoch


@pytest.fixture(scope="module")
def library(tmp_path_factory: pytest.TempPathFactory) -> Library:
    root = tmp_path_factory.mktemp("plots")
    make_run(root, "gan", "gan", 10, STEPS)
    make_run(root, "short", "dcgan", 4, STEPS)
    for seed, state in enumerate(("finished", "finished", "stopped")):
        make_run(root, f"twin-{seed}", "dcgan", 6, STEPS, state, seed=seed)
    make_run(root, "empty", "bigan", 4, 0, previews=False)
    make_run(root, "unet", "cyclegan_unet_light", 4, STEPS)
    return Library(root)


@pytest.mark.parametrize(
    ("axis", "last", "at_epoch_2"), [("epoch", 10, 2), ("step", 200, 40), ("seconds", 8, 1.6), ("images", 6400, 1280)]
)
def test_the_same_curve_along_each_axis(library: Library, axis: str, last: float, at_epoch_2: float) -> None:
    data = told(library, ["gan"], CurveView(axis))
    curve = data["charts"][0]["curves"][0]
    assert numbers(curve["x"])[-1] == pytest.approx(last)
    assert numbers(curve["raw"][0][0])[-1] == pytest.approx(last)
    assert data["end"] == (10 if axis == "epoch" else None)
    places = data["lanes"][0]["places"]
    if axis == "epoch":
        assert places == []
    else:
        assert np.interp(2, *map(numbers, places)) == pytest.approx(at_epoch_2)
    grid = told(library, ["gan"], CurveView(axis, wanted=("diversity/samples",)))["charts"][0]["curves"][0]
    assert numbers(grid["x"])[2] == pytest.approx(at_epoch_2)  # of a table that has neither time nor images


def test_a_step_of_a_translator_sees_images_of_both_domains(library: Library) -> None:
    steps, seen = (told(library, ["unet"], CurveView(axis))["charts"][0]["curves"][0] for axis in ("step", "images"))
    assert (numbers(steps["x"])[-1], numbers(seen["x"])[-1]) == (80, 160)


def test_a_chart_of_each_wanted_column_and_the_usual_ones_at_first(library: Library) -> None:
    usual = told(library, ["gan", "short"])["charts"]
    assert [chart["title"] for chart in usual] == ["Generator loss", "Discriminator loss", "Discriminator accuracy"]
    assert [chart["percent"] for chart in usual] == [False, False, True]
    wanted = ("Discriminator loss", "grad_norm/g", "accuracy/d_held_out", "no such column")
    data = told(library, ["gan", "short"], CurveView(wanted=wanted))
    assert [chart["title"] for chart in data["charts"]] == [
        "Discriminator loss",
        "Generator gradient norm",
        "Accuracy on held-out images",
    ]
    assert data["charts"][2]["percent"]
    assert data["charts"][2]["curves"][0]["raw"] == []  # previews are few, and not smoothed


def test_without_smoothing_there_is_no_paler_curve(library: Library) -> None:
    assert told(library, ["gan"], CurveView(smoothing=0.0))["charts"][0]["curves"][0]["raw"] == []
    assert len(told(library, ["gan"])["charts"][0]["curves"][0]["raw"]) == 1


def test_runs_of_several_seeds_are_a_mean_and_a_band(library: Library) -> None:
    names = ["twin-0", "gan", "twin-1", "twin-2"]
    data = told(library, names)
    assert [lane["label"] for lane in data["lanes"]] == ["dcgan, 3 seeds", "gan"]
    curve = data["charts"][0]["curves"][0]
    assert curve["runs"] == ["twin-0", "twin-1", "twin-2"]
    x, mean, low, high = (numbers(curve[name]) for name in ("x", "y", "low", "high"))
    assert np.all(low <= mean) and np.all(mean <= high) and np.any(low < high)
    assert curve["ends"] == [4, 6, 6]
    assert len(curve["raw"]) == 3
    parts = [
        library.table(one, METRICS).curve(("loss/g",), "epoch", 0.9) for one in entries(library, "twin-0", "twin-1")
    ]
    late = x > 4.1  # where the third has ended
    expected = np.mean([np.interp(x[late], part.smooth_x, part.smooth_y) for part in parts], axis=0)
    np.testing.assert_allclose(mean[late], expected, rtol=1e-4)
    apart = told(library, names, CurveView(together=False))
    assert [lane["label"] for lane in apart["lanes"]] == names


def test_other_settings_or_data_are_not_seeds(library: Library, tmp_path: Path) -> None:
    chosen = []
    for name, changes in {
        "a": {},
        "b": {"seed": 1, "batch_size": 64},
        "c": {"seed": 2, "fingerprint": "f" * 16},
        "d": {"seed": 3, "settings": {"lr": 0.1}},
        "e": {},  # the same seed once more says nothing about seeds
        "f": {"seed": 4, "epochs": 4},
    }.items():
        run = make_run(tmp_path, name, "dcgan", 2, 5)
        path = run.folder / runs.CONFIG
        path.write_text(json.dumps(configs.to_dict(replace(run.config(), **changes))))
        chosen.append(run.name)
    found = entries(Library(tmp_path), *chosen)
    assert [lane.label for lane in curve_payloads.curve_series(found, run_styles(found), together=True)] == [
        "a",
        "e",
        "b",
        "c",
        "d",
        "f",
    ]


@pytest.mark.parametrize(("name", "until", "end"), [("gan", 5.0, 5.0), ("gan", None, 10.0), ("short", None, 4.0)])
def test_marks_stand_on_the_charts_of_their_columns(
    library: Library, name: str, until: float | None, end: float
) -> None:
    """An event without an end lasts until the run's own last epoch, not until that of a longer run beside it."""
    mark = EventMarker(3.0, until, "saturated", "Discriminator far ahead", ("loss/d", "accuracy/d_real"))
    data = told(library, ["short", "gan"], **{name: [mark]})
    pins = {chart["title"]: chart["marks"] for chart in data["charts"]}
    assert pins["Generator loss"] == []
    expected = {
        "lane": ["short", "gan"].index(name),
        "run": name,
        "epoch": 3.0,
        "until": end,
        "kind": "saturated",
        "title": "Discriminator far ahead",
        "at": "epoch 3",
    }
    assert pins["Discriminator loss"] == pins["Discriminator accuracy"] == [expected]


def test_a_run_that_has_logged_nothing_leaves_the_others_alone(library: Library) -> None:
    data = told(library, ["empty", "gan"], CurveView("seconds"))
    assert [curve["lane"] for curve in data["charts"][0]["curves"]] == [1]
    alone = told(library, ["empty"], CurveView("images"))
    assert all(not chart["curves"] and chart["empty"] for chart in alone["charts"])


def test_every_column_of_a_run_with_the_datas_own_beside(library: Library) -> None:
    data = curve_payloads.run_payload(library, entries(library, "gan")[0], CurveView())
    curves = {chart["title"]: [curve["lane"] for curve in chart["curves"]] for chart in data["charts"]}
    assert curves["Diversity of the samples, the data's dotted"] == [0, 1]
    assert all(lanes == [0] for title, lanes in curves.items() if "Diversity" not in title)
    assert data["lanes"][1]["dash"] == "dot"


def test_every_histogram_is_there_in_shares(library: Library) -> None:
    entry = entries(library, "gan")[0]
    found = curve_payloads.score_histograms(library, entry, run_styles([entry])[entry.name])
    assert found is not None and found["epochs"] == list(range(11))
    shares = numbers(found["kinds"]["real"]).reshape(11, 40)
    np.testing.assert_allclose(shares.sum(axis=1), 1, rtol=1e-5)
    counts = library.histograms(entry, 7)["real"]
    np.testing.assert_allclose(shares[7], counts / counts.sum(), rtol=1e-5)
    empty = entries(library, "empty")[0]
    assert curve_payloads.score_histograms(library, empty, run_styles([empty])[empty.name]) is None


def test_a_chart_of_twenty_runs_is_small(tmp_path: Path) -> None:
    rows = metric_rows(1, 20_000, np.random.default_rng(0))
    for number in range(2):
        make_run(tmp_path, f"run-{number}", "gan", 1, 1, seed=number)
        writer = runs.RunWriter.reopen(runs.Run(tmp_path / f"run-{number}", tmp_path))
        writer.log(rows)
        writer.close()
    library = Library(tmp_path)
    data = told(library, ["run-0", "run-1"], CurveView(together=False))
    assert 10 * len(json.dumps(data["charts"][0])) < 500_000
    values = library.table(entries(library, "run-0")[0], METRICS).table.column("loss/g")
    drawn = numbers(data["charts"][0]["curves"][0]["raw"][0][1])
    assert (drawn.max(), drawn.min()) == (np.float32(values.max()), np.float32(values.min()))


def test_a_running_run_grows(tmp_path: Path) -> None:
    run = make_run(tmp_path, "growing", "gan", 9, 5, "running")
    library = Library(tmp_path)
    before = told(library, ["growing"])["charts"][0]["curves"][0]
    assert numbers(before["x"])[-1] == 6
    writer = runs.RunWriter.reopen(run)
    writer.log([metric_rows(9, 5, np.random.default_rng(1))[34]])
    writer.close()
    after = told(library, ["growing"])["charts"][0]["curves"][0]
    assert numbers(after["x"])[-1] == 7
    np.testing.assert_array_equal(numbers(after["y"])[:-1], numbers(before["y"]))


def test_the_url_holds_how_to_look_at_the_curves(library: Library, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GANRAY_RUNS", str(library.root))
    app = open_page(runs=["twin-0", "twin-1"], x="Time", smoothing="0.5", logy="true", seeds="false", multiples="true")
    view = view_of(app)
    expected = {"axis": "seconds", "along": "time", "log_x": False, "log_y": True, "clip": True, "multiples": True}
    assert view == expected | {"unit": "epoch"}
    assert [len(chart["curves"]) for chart in plotted(app)] == [2, 2, 2]
    app.multiselect(key="columns").set_value(["Generator loss", "grad_norm/d"]).run()
    assert [chart["title"] for chart in plotted(healthy(app))] == ["Generator loss", "Discriminator gradient norm"]
    strange = open_page(runs=["twin-0"], x="Nonsense", columns=["nothing"], clip="maybe")
    assert view_of(strange)["axis"] == "epoch"


def view_of(app: AppTest) -> dict[str, Any]:
    found = [e.proto for e in app.get("bidi_component") if e.proto.component_name.endswith("ganray_plots")]
    view = json.loads(found[0].json)["view"]
    assert isinstance(view, dict)
    return view


def test_every_kind_of_event_has_a_sign_of_its_own() -> None:
    source = (HERE / "plots_read.js").read_text(encoding="utf-8")
    signs = dict(re.findall(r'^  (\w+): "(.)",$', source, flags=re.M))
    assert signs.keys() == KINDS.keys()
    assert len(set(signs.values())) == len(signs)


@pytest.mark.parametrize("name", ["plots.js", "plots_chart.js", "plots_read.js", "plots_paint.js", "scores.js"])
def test_no_text_becomes_html(name: str) -> None:
    source = (HERE / name).read_text(encoding="utf-8")
    assert not re.search(r"innerHTML|insertAdjacentHTML|outerHTML|document\.write|eval\(", source)


def test_a_repeated_seed_is_drawn_beside_the_mean_of_the_seeds(tmp_path: Path) -> None:
    for name, seed in (("a", 0), ("again", 0), ("b", 1)):
        make_run(tmp_path, name, "dcgan", 2, 5, seed=seed)
    found = entries(Library(tmp_path), "a", "again", "b")
    drawn = curve_payloads.curve_series(found, run_styles(found), together=True)
    assert [(one.label, [entry.name for entry in one.members]) for one in drawn] == [
        ("dcgan, 2 seeds", ["a", "b"]),
        ("again", ["again"]),
    ]


def test_a_seed_that_nobody_knows_is_drawn_beside_the_mean_of_the_others(tmp_path: Path) -> None:
    found = []
    for number in range(3):
        run = record_run(tmp_path, f"run-{number}", last=2)
        config = run.config()
        known = {"seed": number} if number else {}
        found.append(Entry(run, run.status(), replace(config, preset="wgan", seed=number, settings=known)))
    drawn = curve_payloads.curve_series(found, run_styles(found), together=True)
    assert [(one.label, len(one.members)) for one in drawn] == [("wgan, 2 seeds", 2), ("run-0", 1)]


def test_two_recipes_of_one_preset_have_names_of_their_own(tmp_path: Path) -> None:
    for name, epochs, seed in (("a", 2, 0), ("a-s1", 2, 1), ("b", 3, 0), ("b-s1", 3, 1)):
        make_run(tmp_path, name, "dcgan", epochs, 5, seed=seed)
    data = told(Library(tmp_path), ["a", "a-s1", "b", "b-s1"])
    assert [lane["label"] for lane in data["lanes"]] == ["a, 2 seeds", "b, 2 seeds"]
