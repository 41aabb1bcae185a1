"""What the benchmark command says of its figures beside the stored ones."""

import json
from pathlib import Path

import pytest

from benchmarks.__main__ import BASELINE, Rounds, line, load, moved, save
from benchmarks.figures import FIGURES, Figure
from tests.helpers.repository import ROOT

TIME = Figure("an epoch", "s", 4.0)
RATIO = Figure("against a plain loop", "times", 1.4, timed=False)
ONE = Rounds([1.0, 1.02, 0.98, 1.01, 0.99], [0.1] * 5)


def scaled(values: float, yards: float) -> Rounds:
    return Rounds([value * values for value in ONE.values], [yard * yards for yard in ONE.yards])


def test_a_slower_machine_moves_nothing() -> None:
    assert moved(TIME, scaled(3, 3), ONE) == "as before"
    assert moved(TIME, scaled(1.04, 1), ONE) == "as before"


@pytest.mark.parametrize(
    ("figure", "now", "expected"),
    [
        (TIME, scaled(1.2, 1), "+20%: WORSE"),
        (TIME, scaled(1, 2), "-50%: better"),
        (RATIO, scaled(1.2, 1), "+20%: better"),
        (RATIO, scaled(0.7, 0.7), "-30%: WORSE"),
    ],
)
def test_what_moved_is_better_or_worse(figure: Figure, now: Rounds, expected: str) -> None:
    assert moved(figure, now, ONE) == expected


def test_what_scatters_more_than_it_moves_has_not_moved() -> None:
    scattered = Rounds([0.5, 1.5, 1.1, 0.9, 1.6], [0.1] * 5)
    assert moved(TIME, scattered, ONE) == "as before"
    assert "too few rounds" in moved(TIME, Rounds([2.0], [0.1]), ONE)


def test_a_line_has_the_aim_and_whether_it_is_met() -> None:
    assert line(TIME, ONE, None) == "| an epoch | 1.00 s | 0.98 to 1.02 | 4 | met | not stored |"
    assert "| 1.4 | MISSED |" in line(RATIO, ONE, ONE)


def test_rounds_are_stored_beside_those_of_other_parts(tmp_path: Path) -> None:
    path = tmp_path / "baseline.json"
    assert load(path) == {}
    save(path, {"one": ONE})
    save(path, {"two": scaled(2, 1)})
    assert load(path) == {"one": ONE, "two": scaled(2, 1)}
    assert "torch" in json.loads(path.read_text())["machine"]


def test_the_stored_figures_are_those_that_are_measured() -> None:
    assert set(load(BASELINE)) == {figure.name for figure in FIGURES}


def test_the_page_shows_the_stored_figures() -> None:
    page = (ROOT / "docs" / "benchmarks.md").read_text(encoding="utf-8")
    stored = load(BASELINE)
    for figure in FIGURES:
        cells = line(figure, stored[figure.name], None).split("|")[:-2]
        assert " ".join("|".join(cells).split()) in " ".join(page.split())
