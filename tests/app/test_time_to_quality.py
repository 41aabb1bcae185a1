"""Time to quality: lines over seeds, what they reach, and the runs that only their numbers were kept of."""

import csv
import io
import json
import re
import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from dashboard.charts.styles import run_styles
from dashboard.library import seed_means
from dashboard.library.evaluations import SECOND, EvaluatedRun
from dashboard.library.store import Library
from dashboard.views.evaluate import generator_verdicts, time_to_quality
from dashboard.widgets import run_picker
from gan_core import runs
from gan_core.config import Kept, Origin
from gan_core.evaluation.results import Evaluation
from gan_core.runs import Run
from tests.helpers import made_evaluations
from tests.helpers.pages import evaluate_page, healthy, open_page, settings_of, staged, texts
from tests.helpers.run_folders import make_run

QUALITY = {"gan": 0.4, "dcgan": 0.9, "cgan": 0.97}


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Three presets of two seeds each: one whole, one as numbers only."""
    root = tmp_path_factory.mktemp("study")
    for preset, quality in QUALITY.items():
        for seed in (0, 1):
            run = make_run(root, f"reference/{preset}{f'-s{seed}' if seed else ''}", preset, 5, 4, seed=seed)
            way = made_evaluations.progress(quality - 0.02 * seed, seconds=1200 * (1 + seed))
            made_evaluations.write(run, quality - 0.02 * seed, training=made_evaluations.training(run), progress=way)
            if seed:
                lighten(run)
    return root


def lighten(run: Run) -> None:
    for name in (runs.WEIGHTS, runs.GIF):
        (run.folder / name).unlink()
    shutil.rmtree(run.folder / runs.SAMPLES)


@pytest.fixture
def study(made: Path, runs_root: Path) -> Path:
    """A copy of them, for this test alone."""
    shutil.copytree(made, runs_root, dirs_exist_ok=True)
    return runs_root


def evaluated(root: Path, *names: str) -> list[EvaluatedRun]:
    library, found = Library(root), []
    for name in names:
        entry = library.find(f"reference/{name}")
        assert entry
        one = library.evaluation(entry)
        assert isinstance(one, Evaluation)
        found.append(EvaluatedRun(entry, one, entry.label))
    return found


def lines(members: list[EvaluatedRun]) -> list[time_to_quality.QualityCurve]:
    look = run_styles([run.entry for run in members])
    return time_to_quality.quality_curves(
        members, {run.entry.recipe: look[run.entry.name] for run in reversed(members)}, "frechet"
    )


def test_seeds_are_one_line_with_its_band(made: Path) -> None:
    first, second = evaluated(made, "dcgan", "dcgan-s1")
    [way] = lines([first, second])
    assert way.label == "dcgan"
    assert [way.label for way in lines([first, second, *evaluated(made, "gan")])] == ["dcgan, 2 seeds", "gan"]
    assert way.images.tolist() == [4192.0 * epoch for epoch in range(0, 51, 5)]
    assert way.minutes[-1] == pytest.approx(20)  # the other took 40
    ends = [run.found.progress.stands[-1].measures["frechet"].value for run in (first, second) if run.found.progress]
    assert way.mean[-1] == pytest.approx(np.mean(ends))
    assert way.values[:, -1].tolist() == ends


def test_seeds_that_were_looked_at_at_other_times_share_the_epochs_of_one(made: Path) -> None:
    first, second = evaluated(made, "dcgan", "dcgan-s1")
    way = second.found.progress
    assert way
    fewer = replace(second.found, progress=replace(way, stands=way.stands[:9:2]))
    [line] = lines([first, replace(second, found=fewer)])
    assert line.images.tolist() == [4192.0 * epoch for epoch in (0, 10, 20, 30, 40)]
    assert first.found.progress
    assert line.values[0, 1] == first.found.progress.stands[2].measures["frechet"].value


def test_where_a_line_comes_near_is_read_off_between_its_stands(made: Path) -> None:
    [way] = lines(evaluated(made, "cgan"))
    at, mean = way.images, way.mean
    half = float(mean[3] + mean[4]) / 2
    assert way.reached(half, "images") == pytest.approx((at[3] + at[4]) / 2)
    assert way.reached(1e6, "minutes") == 0
    assert way.reached(float(mean.min()) / 2, "images") is None
    close = replace(way, floor=4.0)
    near = time_to_quality.summary([close], "images")
    assert re.fullmatch(
        r"\*\*cgan\*\* \(after [\d,]+ images\) reaches 8\.00, twice the distance of real images \(4\.00\)\.", near
    )
    [far] = lines(evaluated(made, "gan"))
    assert time_to_quality.summary([close, far], "images").startswith("Only **cgan** (after ")
    assert time_to_quality.summary([far, far], "images").startswith("None reaches ")


def test_what_was_measured_otherwise_is_left_out(made: Path) -> None:
    first, second = evaluated(made, "dcgan", "cgan")
    assert second.found.progress
    held_out = replace(second.found.progress, reference="held-out")
    for changed in ({"fingerprint": "another"}, {"progress": held_out}):
        other = replace(second, found=replace(second.found, **changed))
        assert time_to_quality.comparable([first, other]) == ([first], [other])
    assert r"real images \(held\-out\) at" in time_to_quality.basis([other], lines([other]), "images")
    without = replace(second, found=replace(second.found, progress=None))
    assert time_to_quality.comparable([without, first]) == ([first], [])
    assert time_to_quality.comparable([without]) == ([], [])


def test_every_snapshot_can_be_taken_away(made: Path) -> None:
    members = evaluated(made, "dcgan", "dcgan-s1")
    rows = list(csv.DictReader(io.StringIO(time_to_quality.to_csv(members))))
    assert len(rows) == 2 * 11 * 2
    last = [row for row in rows if row["measure"] == "frechet"][-1]
    assert (last["run"], last["seed"], last["epoch"], last["images"]) == ("reference/dcgan-s1", "1", "50", "209600")
    assert float(last["low"]) < float(last["value"]) < float(last["high"])


def test_the_page_takes_in_the_other_seeds(study: Path) -> None:
    app = evaluate_page(evaluated=[f"reference/{name}" for name in QUALITY])
    shown = texts(app)
    assert "Time to quality" in shown
    assert "over 2 seeds" in shown
    assert app.get("plotly_chart")[0].proto.alt.startswith("Fréchet distance against minutes")
    assert "**cgan** comes closest to real images: the difference to all others is significant." in shown
    bodies = " ".join(element.proto.body for element in app.get("html"))
    assert "cgan <small>2 seeds</small>" in bodies


def test_the_axis_stands_in_the_address(study: Path) -> None:
    app = evaluate_page(evaluated="reference/dcgan", against="Images seen")
    assert "209,600 images" in app.get("plotly_chart")[0].proto.alt
    app.segmented_control(key="against").set_value("Minutes").run()
    assert "after 20 min" in healthy(app).get("plotly_chart")[0].proto.alt


def test_a_seed_may_lack_what_others_have(study: Path) -> None:
    made_evaluations.write(runs.find_run("dcgan", study), 0.9, progress=None, training=None)
    chart = evaluate_page(evaluated=["reference/dcgan", "reference/gan"]).get("plotly_chart")[0]
    assert "dcgan-s1 from" in chart.proto.alt  # its line is the other seed's alone
    for name in (*QUALITY, *(f"{name}-s1" for name in QUALITY)):
        made_evaluations.write(runs.find_run(name, study), 0.5)
    assert "Time to quality" not in texts(evaluate_page())


def test_other_seeds_are_found_by_recipe_and_images(made: Path) -> None:
    library = Library(made)
    members = evaluated(made, "dcgan", "gan")
    assert [run.label for run in seed_means.beside(library, library.readable(), members)] == ["dcgan-s1", "gan-s1"]
    assert seed_means.beside(library, library.readable(), evaluated(made, "dcgan", "dcgan-s1")) == []
    other = replace(members[0], found=replace(members[0].found, fingerprint="another"))
    assert seed_means.beside(library, library.readable(), [other]) == []


def test_a_measure_has_one_value_which_is_the_mean_over_seeds(made: Path) -> None:
    table = seed_means.table(evaluated(made, "gan", "cgan"), evaluated(made, "gan-s1", "cgan-s1"))
    assert [column.label for column in table.columns] == ["gan", "cgan"]
    row = table.row("frechet")
    assert row and row.over_seeds and (row.best, row.ahead, row.seeds) == (1, (1,), (2, 2))
    assert [cell.count for cell in row.cells if cell] == [2, 2]
    own = [run.found.fidelity["all"].measures["frechet"].value for run in evaluated(made, "gan", "gan-s1")]
    assert row.cells[0] and row.cells[0].value == pytest.approx(np.mean(own))
    assert row.each[0].startswith("gan ") and ", gan-s1 " in row.each[0]
    copies = table.row("nearer pixels")
    assert copies and all(cell and cell.low is not None and cell.low >= 0 for cell in copies.cells)
    single = seed_means.table(evaluated(made, "gan", "cgan"), evaluated(made, "cgan-s1")).row("frechet")
    assert single and not single.over_seeds and single.seeds == (1, 2)
    assert single.cells[0] == evaluated(made, "gan")[0].found.fidelity["all"].measures["frechet"]
    assert seed_means.table(evaluated(made, "gan", "gan-s1"), ()).columns[0].label == "gan"


def test_a_repeated_seed_is_no_further_seed(made: Path) -> None:
    (one,) = evaluated(made, "gan")
    assert [len(group) for group in seed_means.together([one, one, *evaluated(made, "gan-s1")])] == [2, 1]


@pytest.mark.parametrize("how", ["kept", "generated", "real", "extractor", "features", "reference"])
def test_only_what_was_measured_alike_are_seeds_of_each_other(made: Path, how: str) -> None:
    """Chosen weights and last ones are none either."""
    first, second = evaluated(made, "gan", "gan-s1")
    changed: dict[str, object] = {how: Kept("best", 4)}
    if how != "kept":
        own = replace(second.found.fidelity["all"], **{how: "other" if how in ("extractor", "reference") else 200})
        changed = {"fidelity": {"all": own}}
    other = replace(second, found=replace(second.found, **changed))
    assert [len(group) for group in seed_means.together([first, other])] == [1, 1]
    row = seed_means.table([first, other], ()).row("frechet")
    assert row and row.seeds == (1, 1) and not row.over_seeds
    library = Library(made)
    assert seed_means.beside(library, library.readable(), [other]) == []
    snapshots = [len(curve.runs) for curve in lines([first, other])]  # which were measured alike
    assert snapshots == ([1, 1] if how == "kept" else [2])


def test_seeds_that_another_second_extractor_measured_are_left_out_of_its_mean(made: Path) -> None:
    first, second = evaluated(made, "gan", "gan-s1")
    opinion = second.found.second_opinion["all"]
    for changed, seeds in ((opinion, 2), (replace(opinion, extractor="other"), 1)):
        other = replace(second, found=replace(second.found, second_opinion={"all": changed}))
        row = seed_means.table([first], [other], SECOND).row("frechet")
        assert row and row.seeds == (seeds,)
    assert row.cells == (first.found.second_opinion["all"].measures["frechet"],)


def test_a_run_whose_seed_nobody_knows_is_no_seed_of_another(made: Path) -> None:
    def elsewhere(run: EvaluatedRun, **settings: int) -> EvaluatedRun:
        config = run.entry.config
        assert config
        config = replace(config, origin=Origin("recorded"), settings=config.settings | settings)
        return replace(run, entry=replace(run.entry, config=config))

    first, second = evaluated(made, "gan", "gan-s1")
    known, other, unknown = elsewhere(first, seed=0), elsewhere(second, seed=1), elsewhere(second)
    library = Library(made)
    for chosen, beside, found in ((known, other, 1), (known, unknown, 0), (unknown, known, 0)):
        assert len(seed_means.beside(library, [chosen.entry, beside.entry], [chosen])) == found
        assert len(seed_means.together([chosen, beside])) == 2 - found


def test_a_ranking_over_seeds_says_what_the_second_extractor_sees(made: Path) -> None:
    members = evaluated(made, "gan", "gan-s1", "cgan", "cgan-s1")

    def said(*runs: EvaluatedRun) -> str:
        return generator_verdicts.of_generators(seed_means.table(runs, ()))[0].words

    assert said(*members).endswith(r" The features of child\-a give the same ranking.")
    first, *others = members
    for changed in ({}, first.found.fidelity):  # no second extractor, or the first one again
        assert "features" not in said(replace(first, found=replace(first.found, second_opinion=changed)), *others)
    doubted = replace(first, found=replace(first.found, second_opinion=members[2].found.second_opinion))
    assert said(doubted, *others).endswith(r"(child\-a), no difference to the best is significant.")


def test_a_setting_that_is_off_makes_no_other_recipe(tmp_path: Path) -> None:
    for name, more in (("old", {}), ("new", {"augment": "none", "r2": 0.0}), ("other", {"augment": "fixed"})):
        run = make_run(tmp_path, name, "dcgan", 1, 2)
        path = run.folder / runs.CONFIG
        values = json.loads(path.read_text())
        path.write_text(json.dumps(values | {"settings": values["settings"] | more}))
    found = {entry.name: entry.recipe for entry in Library(tmp_path).readable()}
    assert found["old"] == found["new"] != found["other"]


def test_runs_with_numbers_only_come_last_and_share_a_row(study: Path) -> None:
    library = Library(study)
    readable = library.readable()
    assert [entry.light for entry in run_picker.in_order(readable)] == [False] * 3 + [True] * 3
    rows = run_picker.folded(readable)
    assert [[entry.label for entry in row] for row in rows] == [[name, f"{name}-s1"] for name in sorted(QUALITY)]
    assert run_picker.listing(rows, {})["Seeds"].tolist() == ["0, 1"] * 3
    alone = [entry for entry in readable if entry.label == "gan-s1"]
    assert run_picker.folded(alone) == [alone]
    assert "Seeds" not in run_picker.listing(run_picker.folded(alone), {})


def test_a_tick_chooses_all_seeds_of_a_row(study: Path) -> None:
    app = open_page(runs="reference/gan", find="preset:cgan,gan")
    app.session_state["finder"] = True
    assert healthy(app.run()).dataframe[0].value["Run"].tolist() == ["reference/cgan", "reference/gan"]
    rows = [["reference/cgan", "reference/cgan-s1"], ["reference/gan", "reference/gan-s1"]]
    gan, cgan = rows[1], rows[0]
    assert run_picker.chosen_by([cgan], [], ["reference/gan"]) == [
        "reference/gan",
        "reference/cgan",
        "reference/cgan-s1",
    ]
    assert run_picker.chosen_by([], [gan], ["reference/gan", "reference/gan-s1", "x"]) == ["x"]
    assert run_picker.chosen_by([gan], [cgan], ["reference/gan-s1"]) == ["reference/gan-s1"]


def test_compare_shows_a_sentence_where_there_are_no_sheets(study: Path) -> None:
    app = open_page(runs=["reference/gan", "reference/gan-s1"])
    assert [run["label"] for run in staged(app)["runs"]] == ["gan"]
    assert "**gan-s1**: this run has metrics only" in texts(app).replace("\\", "")
    assert settings_of(app)[0].loc["Seed"].tolist() == ["0", "1"]
    app = open_page(runs=["reference/gan-s1", "reference/cgan-s1"])
    assert "metrics only" in texts(app)
    assert not [e for e in app.get("bidi_component") if e.proto.component_name.endswith("ganray_stage")]


def test_the_run_page_says_what_was_not_kept(study: Path) -> None:
    shown = texts(open_page("run", run="reference/gan-s1"))
    assert "keeps no samples" in shown and "no weights" in shown.lower()
    evaluate_page(evaluated="reference/gan-s1")


def test_a_repeated_seed_has_a_line_of_its_own(made: Path) -> None:
    (one,) = evaluated(made, "gan")
    entry = replace(one.entry, run=Run(made / "reference" / "gan again", made))
    found = lines([one, replace(one, entry=entry, label="gan again"), *evaluated(made, "gan-s1")])
    assert [len(curve.runs) for curve in found] == [2, 1]
    assert "2 seeds" in found[0].label and found[1].label == "gan again"
