from gan_core.evaluation import ranking
from gan_core.evaluation.results import Evaluation, Fidelity, Measure


def evaluation(
    run: str, preset: str, value: float, reach: float, fingerprint: str = "f", key: str = "frechet"
) -> Evaluation:
    measures = {key: Measure(value, value - reach, value + reach, 1.0, 100), "kid": Measure(0.1, 0.0, 0.2, 0.0, 100)}
    fidelity = {"all": Fidelity("child-b", 324, 1000, 4000, measures)}
    return Evaluation(run, preset, 50, "w", "pneumonia", fingerprint, {}, 0, fidelity)


def test_a_ranking_is_made_only_where_the_intervals_lie_apart() -> None:
    found = [evaluation("a", "gan", 30, 2), evaluation("b", "dcgan", 20, 2), evaluation("c", "cgan", 21.5, 2)]
    assert ranking.ranking(ranking.groups(found), "frechet") == [
        "Frechet distance: b cannot be told from c",
        "Frechet distance: c is better than a",
    ]


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


def test_different_images_are_not_ranked() -> None:
    found = ranking.groups([evaluation("a", "gan", 30, 1), evaluation("b", "dcgan", 20, 1, fingerprint="other")])
    assert "No ranking" in ranking.ranking(found, "frechet")[0]


def test_the_table_shows_each_run_and_the_floor() -> None:
    text = ranking.table([evaluation("a", "gan", 30, 2), evaluation("b", "dcgan", 20, 2)])
    assert "30 (28 to 32)" in text
    assert "real images" in text
    assert "b is better than a" in text
