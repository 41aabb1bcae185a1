"""The comparison of lungs as a table: words only where intervals support them, one table for the same pictures."""

import math
from dataclasses import replace
from pathlib import Path

import pytest

from dashboard.charts.styles import Style
from dashboard.library import evaluation_files
from dashboard.library.evaluations import EvaluatedRun
from dashboard.library.lung_tables import BAD, GOOD, LungRow, LungTable, dose_table, lung_tables
from dashboard.library.store import Library
from dashboard.views.evaluate import lung_comparison
from gan_core.evaluation import dose_response
from gan_core.evaluation.classifiers import SEES
from gan_core.evaluation.results import CONTROL, SOURCE, TRANSLATED, Measure
from tests.helpers import made_evaluations
from tests.helpers.made_evaluations import LIGHT
from tests.helpers.run_folders import make_run


@pytest.fixture
def runs(runs_root: Path) -> list[EvaluatedRun]:
    """Two translators of the same pictures: one was compared with the other, and the other by itself."""
    found = []
    for name in ("good", "other"):
        run = make_run(runs_root, name, LIGHT, 2, 4)
        ways = made_evaluations.audit(run.config().domains, 0.8)
        beside = "other" if name == "good" else ""
        made_evaluations.write(run, audit=(made_evaluations.compared(ways[0], name, beside), ways[1]))
    library = Library(runs_root)
    for name in ("good", "other"):
        entry = library.find(name)
        assert entry
        evaluation = library.evaluation(entry)
        found.append(EvaluatedRun(entry, evaluation, name))
    return found


def row(table: LungTable, beginning: str) -> LungRow:
    return next(row for _, rows in table.sections for row in rows if row.question.startswith(beginning))


def words(table: LungTable, beginning: str) -> dict[str, tuple[str, str] | None]:
    cells = row(table, beginning).cells
    return {
        column.title: (cell.verdict.word, cell.verdict.tone) if cell and cell.verdict else None
        for column, cell in zip(table.columns, cells, strict=True)
    }


def test_one_table_of_a_run_and_one_of_several_on_the_same_pictures(runs: list[EvaluatedRun]) -> None:
    (alone,) = lung_tables(runs[:1])
    a, b = alone.source, alone.target
    assert [column.title for column in alone.columns] == [f"{a}, as it is", "good", "other", "Even haze", f"Real {b}"]
    (both,) = lung_tables(runs)
    titles = [column.title for column in both.columns]
    assert titles == [f"{a}, as it is", "good", "other", "Even haze", "Even haze", f"Real {b}"]
    assert [column.subtitle for column in both.columns[3:5]] == ["control of good", "control of other"]
    assert [bool(column.run) for column in both.columns] == [False, True, True, False, False, False]
    elsewhere = replace(runs[1], found=replace(runs[1].found, fingerprint="another"))
    assert len(lung_tables([runs[0], elsewhere])) == 2


def test_an_evaluation_without_comparison_has_no_table(runs: list[EvaluatedRun]) -> None:
    found = replace(runs[0].found, audit=tuple(replace(way, columns=()) for way in runs[0].found.audit))
    assert lung_tables([replace(runs[0], found=found)]) == []


def test_words_stand_where_intervals_support_them(runs: list[EvaluatedRun]) -> None:
    (table,) = lung_tables(runs[:1])
    real, before = f"Real {table.target}", f"{table.source}, as it is"
    assert words(table, "Does anything change outside")["good"] == ("no, to the bit", GOOD)
    assert words(table, "Does anything change outside")["other"] is None
    assert words(table, "Do the lungs get denser")["good"] == ("brighter", GOOD)
    assert words(table, "Do the lungs get denser")["other"] == ("darker", BAD)
    place = words(table, "Of what it adds, how much lies near")
    assert (place["good"], place["Even haze"]) == (("as in disease", GOOD), None)
    found = words(table, "In how many pictures")
    assert (found["good"], found["Even haze"]) == (("more than before", GOOD), None)
    assert found[before] is found[real] is None
    assert words(table, "Is it found where")["good"] == ("yes", GOOD)
    assert words(table, "Is adult-hull fooled") == {
        before: None,
        "good": ("hardly", GOOD),
        "other": ("yes", BAD),
        "Even haze": ("hardly", GOOD),
        real: None,
    }
    assert words(table, "Is adult-lungs convinced")["good"] == ("more than haze", GOOD)
    assert words(table, "By Haar detail")["good"] == ("nearer than before", GOOD)
    assert words(table, "By Haar detail")["other"] is None


def test_a_run_is_held_against_its_own_haze(runs: list[EvaluatedRun]) -> None:
    way = runs[1].found.audit[0]
    flips = next(column.flips for column in way.columns if column.role == TRANSLATED)
    columns = tuple(replace(one, flips=flips) if one.role == CONTROL else one for one in way.columns)
    strong = replace(runs[1], found=replace(runs[1].found, audit=(replace(way, columns=columns),)))
    for both in ([runs[0], strong], [strong, runs[0]]):
        (table,) = lung_tables(both)
        found = words(table, "Is adult-lungs convinced")
        assert (found["good"], found["other"]) == (("more than haze", GOOD), None)
    (alone,) = lung_tables(runs[:1])
    assert words(alone, "Is adult-lungs convinced")["other"] == ("more than haze", GOOD)  # that of this audit


def test_no_interval_supports_no_word(runs: list[EvaluatedRun]) -> None:
    way = runs[0].found.audit[0]
    bare = tuple(
        replace(column, measures={name: Measure(one.value, floor=one.floor) for name, one in column.measures.items()})
        for column in way.columns
    )
    found = replace(runs[0].found, audit=(replace(way, columns=bare),))
    (table,) = lung_tables([replace(runs[0], found=found)])
    assert words(table, "Do the lungs get denser")["good"] is None
    assert words(table, "Of what it adds, how much lies near")["good"] is None


def test_counts_are_k_of_n_and_signs_are_shown(runs: list[EvaluatedRun]) -> None:
    (table,) = lung_tables(runs[:1])
    texts = [cell.text if cell else "" for cell in row(table, "In how many pictures").cells]
    assert texts == ["36 of 180", "108 of 180", "108 of 180", "43 of 180", "92 of 170"]
    signed = [cell.text if cell else "" for cell in row(table, "Do the lungs get denser").cells]
    assert signed == ["", "+3.5%", "\u22124.7%", "+3.5%", ""]


def test_doses_say_whether_every_step_goes_up(runs: list[EvaluatedRun]) -> None:
    way = runs[0].found.audit[0]
    found = dose_table(way)
    assert found.heads == ("0", "0.5", "1")
    assert "At severity 0, 180 of 180 pictures are the input, to the bit." in found.sentences
    assert found.sentences[-1] == "Every number goes up, or stays, at every step."
    falling = dose_table(replace(way, doses=way.doses[::-1]))
    assert falling.sentences[-1].startswith("Not every step goes up in: How much opacity is painted?; How sure")


def test_names_agree_with_the_audit() -> None:
    assert made_evaluations.LUNGS_ALONE in SEES
    assert dose_response.CHANCE == "chance "


def test_html_escapes_and_files_hold_every_number(runs: list[EvaluatedRun]) -> None:
    named = replace(runs[0], label="<b>run</b>")
    (table,) = lung_tables([named])
    shown = lung_comparison.as_html(table, {named.entry.name: Style("#123456", "solid")})
    assert "<b>run</b>" not in shown
    assert "&lt;b&gt;run&lt;/b&gt;" in shown
    assert "108 of 180" in shown
    lines = evaluation_files.to_csv(runs[:1]).splitlines()
    way = runs[0].found.audit[0]
    numbers = [len(c.measures) + len(c.flips) + sum(map(len, c.distance.values())) for c in way.columns]
    expected = sum(numbers) + sum(len(dose.measures) for dose in way.doses) + len(way.grading)
    assert sum(line.split(",")[3] == "lungs" for line in lines) == expected
    assert any("severity 0.5" in line for line in lines)


@pytest.mark.parametrize("value", [math.nan, math.inf, -math.inf, -3.0, 1e308])
def test_impossible_numbers_of_a_file_from_elsewhere_are_shown_without_a_crash(
    runs: list[EvaluatedRun], value: float
) -> None:
    broken = Measure(value, value, value, value, 10**400)
    way = runs[0].found.audit[0]
    columns = tuple(
        replace(
            column,
            measures=dict.fromkeys(column.measures, broken),
            flips=tuple(replace(flip, flipped=broken) for flip in column.flips),
            distance={space: dict.fromkeys(group, broken) for space, group in column.distance.items()},
        )
        for column in way.columns
    )
    doses = tuple(replace(dose, severity=value, measures=dict.fromkeys(dose.measures, broken)) for dose in way.doses)
    wrong = replace(way, columns=columns, doses=doses, grading=dict.fromkeys(way.grading, broken))
    run = replace(runs[0], found=replace(runs[0].found, audit=(wrong,)))
    look = {run.entry.name: Style("#123456", "solid")}
    (table,) = lung_tables([run])
    shown = lung_comparison.as_html(table, look)
    found = dose_table(wrong)
    shown += lung_comparison._doses(found.heads, found.rows, "#123456")
    assert len(shown) < 10**6
    assert "<td><b>" in shown
    if not math.isfinite(value):
        assert "<td><b>–</b>" in shown
        assert "<b>nan" not in shown


def test_a_distance_without_its_kid_has_no_row_of_its_own(runs: list[EvaluatedRun]) -> None:
    way = runs[0].found.audit[0]
    columns = tuple(
        replace(column, distance={space: {"frechet": Measure(1.0)} for space in column.distance})
        if column.role == SOURCE
        else column
        for column in way.columns
    )
    run = replace(runs[0], found=replace(runs[0].found, audit=(replace(way, columns=columns),)))
    (table,) = lung_tables([run])
    cells = row(table, "By ").cells
    assert cells[0] is None
    assert any(cell and cell.verdict is None for cell in cells)
