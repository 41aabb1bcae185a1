import json
from dataclasses import replace
from pathlib import Path

import pytest
from scipy import stats

from gan_core import cli
from gan_core.config import Kept
from gan_core.evaluation import ranking, results
from gan_core.evaluation.results import Evaluation, Fidelity, Measure, Progress, ProgressPoint, Training
from tests.helpers import made_evaluations
from tests.helpers.run_folders import make_run


def evaluation(
    run: str, preset: str, value: float, reach: float, fingerprint: str = "f", key: str = "frechet"
) -> Evaluation:
    measures = {key: Measure(value, value - reach, value + reach, 1.0, 100), "kid": Measure(0.1, 0.0, 0.2, 0.0, 100)}
    fidelity = {"all": Fidelity("child-b", 324, 1000, 4000, measures)}
    return Evaluation(run, preset, 50, "w", "pneumonia", fingerprint, {}, 0, fidelity)


def test_a_ranking_is_made_only_where_the_intervals_lie_apart() -> None:
    found = [evaluation("a", "gan", 30, 2), evaluation("b", "dcgan", 20, 2), evaluation("c", "cgan", 21.5, 2)]
    assert ranking.ranking(ranking.groups(found), "frechet") == [
        "Fréchet distance: b is not clearly better than c",
        "Fréchet distance: c is better than a",
    ]


def test_a_verdict_is_held_against_the_second_extractor() -> None:
    def seen(run: str, value: float, again: float, eyes: str = "child-a") -> Evaluation:
        other = Fidelity(eyes, 200, 1000, 4000, {"frechet": Measure(again, again - 2, again + 2, 1.0, 100)})
        return replace(evaluation(run, run, value, 2), second_opinion={"all": other})

    def said(*found: Evaluation) -> list[str]:
        lines = ranking.ranking(ranking.groups(found), "frechet")
        return [line.removeprefix("Fréchet distance: ") for line in lines]

    by = "by the features of child-a"
    assert said(seen("a", 10, 12), seen("b", 20, 30)) == [f"a is better than b, {by} as well"]
    assert said(seen("a", 10, 12), seen("b", 20, 13)) == [f"a is better than b, but not clearly {by}"]
    assert said(seen("a", 10, 30), seen("b", 20, 12)) == [f"a is better than b; {by} b is better"]
    assert said(seen("a", 10, 30), seen("b", 11, 12)) == [f"a is not clearly better than b; {by} b is better"]
    assert said(seen("a", 10, 12), seen("b", 11, 13)) == ["a is not clearly better than b"]
    assert said(seen("a", 10, 12), seen("b", 20, 30, "child-c")) == ["a is better than b"]
    assert said(seen("a", 10, 12), evaluation("b", "b", 20, 2)) == ["a is better than b"]
    assert said(seen("a", 10, 12, "child-b"), seen("b", 20, 30, "child-b")) == ["a is better than b"]  # its own eyes


def test_more_is_better_where_it_is() -> None:
    found = [evaluation(name, name, value, 0.05, key="recall") for name, value in (("a", 0.2), ("b", 0.6))]
    assert ranking.ranking(ranking.groups(found), "recall") == ["Recall: b is better than a"]


def test_runs_of_one_preset_give_mean_and_interval_over_seeds() -> None:
    (group,) = ranking.groups([evaluation(f"dcgan-s{i}", "dcgan", value, 1) for i, value in enumerate((10, 12, 14))])
    measure = group.measure("frechet")
    assert measure is not None
    assert group.name == "dcgan x 3"
    assert measure.value == 12
    assert measure.count == 3
    # Student's 95 % interval of the mean of 10, 12, 14: 12 +- 4.303 * 2 / sqrt(3).
    assert measure.low is not None
    assert abs(measure.low - 7.03) < 0.01


def test_another_recipe_is_no_seed_of_a_preset() -> None:
    costs = [Training(seed, 1000, 9.0, recipe) for seed, recipe in ((0, "a"), (1, "a"), (0, "b"))]
    runs = [replace(evaluation(f"run{i}", "dcgan", 10 + i, 1), training=cost) for i, cost in enumerate(costs)]
    assert [group.name for group in ranking.groups(runs)] == ["dcgan x 2", "run2"]
    assert ranking.budgets(runs) == ""


def test_trainings_differ_by_more_than_their_spread() -> None:
    """As scipy's Welch test has it, whose degrees of freedom are not rounded down."""
    for first, second in (((4.0, 5.0, 6.0), (8.0, 9.0, 10.5)), ((4.0, 5.0, 6.0), (5.0, 7.0, 8.0))):
        expected = stats.ttest_ind(first, second, equal_var=False).pvalue < 0.04
        assert ranking.differ(first, second) == ranking.differ(second, first) == expected
    assert ranking.differ((1, 1), (2, 2))
    assert not ranking.differ((1, 1), (1, 1))
    runs = [evaluation(f"{name}{i}", name, at + i, 30) for name, at in (("gan", 30), ("dcgan", 20)) for i in range(3)]
    assert ranking.ranking(ranking.groups(runs), "frechet") == ["Fréchet distance: dcgan x 3 is better than gan x 3"]


def test_unequal_budgets_are_told() -> None:
    costs = [Training(0, images, 9.0, "a") for images in (2000, 1000, 2000)]
    runs = [replace(evaluation(f"run{i}", "gan", 10 + i, 1), training=cost) for i, cost in enumerate(costs)]
    said = "Unequal budgets: run1 saw 1,000 images; run0, run2 saw 2,000 images."
    assert ranking.budgets(runs) == said
    assert ranking.table(runs).endswith(said)


@pytest.mark.parametrize("freedom", [1, 2, 5, 9, 10, 12, 30, 200])
def test_quantiles_of_student(freedom: int) -> None:
    assert abs(ranking.student(freedom) - stats.t.ppf(0.975, freedom)) < 0.003


def test_the_way_to_quality_is_told() -> None:
    found = evaluation("a", "gan", 30, 2)
    stands = tuple(
        ProgressPoint(epoch, 10 * epoch, 320 * epoch, 2.0 * epoch, {"frechet": Measure(90.0 - epoch)})
        for epoch in (0, 5)
    )
    text = ranking.table([replace(found, progress=Progress("child-b", 324, 1000, 4000, stands))])
    assert "a: Fréchet distance by images seen: 90 at 0, 85 at 1600" in text


def test_different_images_are_not_ranked() -> None:
    found = ranking.groups([evaluation("a", "gan", 30, 1), evaluation("b", "dcgan", 20, 1, fingerprint="other")])
    assert "No ranking" in ranking.ranking(found, "frechet")[0]


def test_the_table_shows_each_run_and_the_floor() -> None:
    text = ranking.table([evaluation("a", "gan", 30, 2), evaluation("b", "dcgan", 20, 2)])
    assert "30 (28 to 32)" in text
    assert text.count("real images") == 1
    assert "b is better than a" in text
    other = evaluation("c", "cgan", 25, 2, fingerprint="other")
    how = other.fidelity[ranking.ALL]
    floor = {"kid": replace(how.measures["kid"], floor=0.5)}
    other = replace(other, fidelity={ranking.ALL: replace(how, measures={**how.measures, **floor})})
    rows = ranking.table([evaluation("a", "gan", 30, 2), other]).splitlines()[1:5]
    assert [row.partition("  ")[0] for row in rows] == ["a", "real images", "c", "real images"]
    assert " 0.5 " in rows[3] and " 0.5 " not in rows[1], "each set of real images has its own floors"


def test_the_other_seeds_join_and_no_seed_counts_twice() -> None:
    costs = [Training(seed, 1000, 9.0, recipe) for seed, recipe in ((0, "a"), (1, "a"), (1, "a"), (0, "b"))]
    runs = [replace(evaluation(f"run{i}", "dcgan", 10 + i, 1), training=cost) for i, cost in enumerate(costs)]
    elsewhere = replace(runs[1], run="elsewhere", fingerprint="g")
    never = evaluation("never told its seed", "dcgan", 9, 1)
    assert [one.run for one in ranking.with_seeds(runs[:1], [*runs, elsewhere, never])] == ["run0", "run1"]
    assert [one.run for one in ranking.with_seeds([never], runs)] == ["never told its seed"]
    assert [one.run for one in ranking.with_seeds([runs[0], runs[0], *runs])] == ["run0", "run1", "run3"]


def test_a_seed_that_comes_twice_is_a_run_of_its_own() -> None:
    costs = [Training(seed, 1000, 9.0, "a") for seed in (0, 0, 1)]
    runs = [replace(evaluation(f"run{i}", "dcgan", 10 + i, 1), training=cost) for i, cost in enumerate(costs)]
    assert [(group.name, [one.run for one in group.runs]) for group in ranking.groups(runs)] == [
        ("dcgan x 2", ["run0", "run2"]),
        ("run1", ["run1"]),
    ]


def test_recipes_of_one_preset_are_told_apart_by_name() -> None:
    costs = [Training(seed, 1000, 9.0, recipe) for recipe in ("a", "b") for seed in (0, 1)]
    runs = [replace(evaluation(f"run{i}", "dcgan", 10 + i, 1), training=cost) for i, cost in enumerate(costs)]
    assert [group.name for group in ranking.groups(runs)] == ["run0 x 2", "run2 x 2"]


def test_what_was_measured_with_another_number_of_images_is_not_ranked_with_the_rest() -> None:
    fewer = evaluation("b", "gan", 20, 2)
    fewer = replace(fewer, fidelity={"all": replace(fewer.fidelity["all"], generated=300)})
    found = [evaluation("a", "gan", 30, 2), fewer]
    assert len(ranking.groups(found)) == 2
    assert ranking.ranking(ranking.groups(found), "frechet")[0].startswith("No ranking")
    blocks = ranking.standing(found).split("\n\n")
    assert [block.split(" generated")[0] for block in blocks] == ["1,000", "300"]


def test_the_interval_of_a_mean_stays_where_the_measure_can_be() -> None:
    runs = [evaluation(f"r{i}", "gan", value, 0.1, key="recall") for i, value in enumerate((0.2, 0.8))]
    (group,) = ranking.groups(runs)
    measure = group.measure("recall")
    assert measure and (measure.low, measure.high) == (0.0, 1.0)
    kid = ranking.mean_of([Measure(-0.1), Measure(0.1)], "kid")
    assert kid.low is not None and kid.low < -0.1


def test_standing_keeps_what_was_measured_otherwise_apart(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for preset, quality in (("gan", 0.3), ("dcgan", 0.75)):
        for seed in (0, 1):
            run = make_run(tmp_path, f"{preset}-s{seed}", preset, 2, 4, seed=seed)
            # Older evaluations do not tell the recipe: the settings do.
            told = {"training": made_evaluations.training(run)} if seed else {}
            made_evaluations.write(run, quality + 0.01 * seed, **told)
    made_evaluations.write(make_run(tmp_path, "other", "gan", 2, 4), 0.9, fingerprint="another")
    made_evaluations.write(make_run(tmp_path, "chests", "cyclegan_resnet_light", 2, 4), 0.8)
    assert cli.main(["rank", "--runs", str(tmp_path)]) == 0
    first, second = capsys.readouterr().out.strip().split("\n\n")
    both = (first, second) if "dcgan x 2" in first else (second, first)
    assert [line.split("  ")[0] for line in both[0].splitlines()[2:5]] == ["dcgan x 2", "gan x 2", "real images"]
    assert "Several seeds: their mean" in both[0]
    assert both[0].endswith("dcgan x 2 is better than gan x 2, by the features of child-a as well")
    assert both[1].splitlines()[2].startswith("other ")
    assert cli.main(["rank", "gan-s1", "--runs", str(tmp_path)]) == 0
    assert "gan x 2" in (shown := capsys.readouterr().out)
    assert "dcgan" not in shown
    assert cli.main(["rank", "chests", "--runs", str(tmp_path)]) == 0
    assert capsys.readouterr().out == "none of these runs is an evaluated generator: python -m gan_core evaluate RUN\n"


def test_an_evaluation_that_is_missing_or_damaged_is_named(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    make_run(tmp_path, "later", "gan", 2, 4)
    assert cli.main(["rank", "later", "--runs", str(tmp_path)]) == 2
    assert capsys.readouterr().err == "error: not evaluated yet: later: python -m gan_core evaluate later\n"
    made_evaluations.write(make_run(tmp_path, "whole", "gan", 2, 4), 0.5)
    damaged = make_run(tmp_path, "damaged", "gan", 2, 4)
    damaged.evaluation.write_text("{")
    assert cli.main(["rank", "--runs", str(tmp_path)]) == 2
    out, err = capsys.readouterr()
    assert "whole" in out
    assert err.startswith("error: ") and "damaged" in err and err.count("\n") == 1
    assert cli.main(["rank", "whole", "--runs", str(tmp_path)]) == 0, "who asks for another run is not bothered"
    assert capsys.readouterr().err == ""


def test_chosen_weights_are_never_compared_with_last_ones_in_silence(tmp_path: Path) -> None:
    """They are no seeds of one another either, though their recipe is the same."""
    kept = Kept("best", 30, "frechet", 3.5, "child-a", 1000, "held-out")
    last = replace(kept, which="last", epoch=50, distance=None)
    training = Training(0, 100, 1.0, "recipe")
    chosen = replace(evaluation("a", "dcgan", 10, 2), epoch=30, kept=kept, training=training)
    others = [
        replace(evaluation("b", "dcgan", 20, 2), training=replace(training, seed=1)),
        replace(evaluation("c", "dcgan", 21, 2), training=replace(training, seed=2), kept=last),
    ]
    groups = ranking.groups([chosen, *others])
    assert [len(group.runs) for group in groups] == [1, 2]
    said = "Unequal choice of weights: a (epoch 30) has those of the best preview; b, c, the last ones."
    assert ranking.choices([chosen, *others]) == said
    assert said in ranking.table([chosen, *others]) and said in ranking.standing([chosen, *others])
    assert ranking.choices(others) == ranking.choices([chosen]) == ""
    path = tmp_path / "evaluation.json"
    way = Progress("child-b", 324, 1000, 4000, ())
    ways = (None, way, replace(way, reference="all"), replace(way, real=300))
    measured = [replace(one, progress=progress) for one in (chosen, others[0]) for progress in ways]
    for one, number in zip(measured, (5, 5, 6, 6, 3, 3, 6, 6), strict=True):
        results.write(path, one)
        assert json.loads(path.read_text())["format"] == number
        assert replace(results.read(path), format=one.format) == one


@pytest.mark.parametrize(("real", "reference"), [(4000, "held-out"), (300, results.UNKNOWN)])
def test_snapshots_of_older_files_were_measured_as_their_weights_or_nobody_knows_how(
    tmp_path: Path, real: int, reference: str
) -> None:
    """Such files did not say which real images these were."""
    path = tmp_path / "evaluation.json"
    one = evaluation("a", "gan", 10, 2)
    fidelity = {"all": replace(one.fidelity["all"], reference="held-out")}
    results.write(path, replace(one, fidelity=fidelity, progress=Progress("child-b", 324, 1000, real, ())))
    values = json.loads(path.read_text())
    del values["progress"]["reference"]
    path.write_text(json.dumps(values | {"format": 4}))
    found = results.read(path)
    assert found.progress and found.progress.reference == reference
    assert results.real_images(found.progress) == f"{real:,} real images ({reference})"
    results.write(path, found)
    assert results.read(path).progress == found.progress
