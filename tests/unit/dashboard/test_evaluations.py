"""Evaluations as tables, sentences and exports: who is best only where the intervals say so."""

import csv
import io
import json
import re
import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from dashboard.charts import interval_strips
from dashboard.library import evaluation_files, evaluations
from dashboard.library.evaluations import ALL, SECOND, EvaluatedRun, MeasureRow
from dashboard.library.leaders import leaders
from dashboard.library.store import Library
from dashboard.report import measures_latex, tables
from dashboard.views.evaluate import contents, details, generator_verdicts, translator_verdicts
from gan_core import runs
from gan_core.errors import UserError
from gan_core.evaluation import results
from gan_core.evaluation.results import Flip, Measure
from tests.helpers import made_evaluations
from tests.helpers.made_evaluations import QUALITY
from tests.helpers.run_folders import make_run


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Four generators and two translators, evaluated; one run of each kind that was not."""
    return made_evaluations.make_all(tmp_path_factory.mktemp("made"))


@pytest.fixture
def full(made: Path, runs_root: Path) -> Path:
    """A copy of them, for this test alone."""
    shutil.copytree(made, runs_root, dirs_exist_ok=True)
    return runs_root


def chosen(root: Path, *names: str) -> list[EvaluatedRun]:
    library = Library(root)
    found = []
    for name in names:
        entry = library.find(name)
        assert entry
        one = library.evaluation(entry)
        assert isinstance(one, results.Evaluation)
        found.append(EvaluatedRun(entry, one, entry.label))
    return found


def four(root: Path) -> list[EvaluatedRun]:
    return chosen(root, *(f"reference/{name}" for name in QUALITY))


def row(*cells: Measure | None, more: bool | None = True) -> MeasureRow:
    return MeasureRow("key", "Title", "Meaning.", cells, more)


def around(value: float, reach: float = 0.1) -> Measure:
    return Measure(value, value - reach, value + reach)


@pytest.mark.parametrize(
    ("cells", "more", "first"),
    [
        ((around(1), around(2), around(3)), True, (2,)),
        ((around(1), around(2), around(3)), False, (0,)),
        ((around(1), around(2), around(2.15)), True, (2, 1)),
        ((around(1), around(1.2), around(1.4)), False, (0, 1)),  # touching ends are not apart
        ((around(1), None, around(3)), True, (2,)),
        ((around(1), Measure(9.0), around(3)), True, ()),  # one without an interval: nobody can be ranked
        ((around(1), around(3)), None, ()),
        ((around(1), None), True, ()),
        ((None, None), True, ()),
    ],
)
def test_only_intervals_decide_who_is_ahead(cells: tuple[Measure | None, ...], more: bool | None, first: tuple) -> None:
    assert leaders(row(*cells, more=more).cells, more) == first
    assert evaluations.marked(row(*cells, more=more)).best == (first[0] if len(first) == 1 else None)


def test_the_best_is_marked_where_it_is_apart(made: Path) -> None:
    table = evaluations.generators(chosen(made, "reference/gan", "reference/dcgan"))
    ranked = {found.key: found.best for found in table.rows}
    assert ranked["frechet"] == ranked["recall"] == ranked["synthetic held-out patients resnet"] == 1
    assert ranked["density"] is ranked["ms_ssim"] is ranked["nearer pixels"] is None
    assert ranked["both held-out patients resnet"] is None  # the intervals overlap
    near = evaluations.generators(chosen(made, "reference/dcgan", "reference/cgan"))
    assert {found.best for found in near.rows} == {None}


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"fingerprint": "fedcba9876543210"}, "different real images"),
        ({"fidelity": {"all": made_evaluations.fidelity(0.9, "child-a")}}, "different extractors"),
        (
            {"fidelity": {"all": replace(made_evaluations.fidelity(0.9, "child-b"), generated=500)}},
            "different numbers of images",
        ),
    ],
)
def test_nothing_is_ranked_that_was_measured_differently(full: Path, change: dict[str, object], reason: str) -> None:
    made_evaluations.write(runs.find_run("dcgan", full), 0.9, **change)
    found = chosen(full, "reference/gan", "reference/dcgan")
    assert reason in evaluations.differences(found)
    table = evaluations.generators(found)
    assert {one.best for one in table.rows} == {None}
    assert reason in generator_verdicts.of_generators(table)[0].words


def test_real_images_stand_beside_every_measure(made: Path) -> None:
    table = evaluations.generators(four(made))
    assert table.one_floor
    assert [section.question for section in table.sections] == [
        evaluations.HOW_REAL,
        evaluations.HOW_VARIED,
        evaluations.HOW_USEFUL,
        evaluations.COPIES,
    ]
    assert all(one.floor is not None and one.meaning.count(".") >= 1 for one in table.rows)
    real = evaluations.scores(four(made)[0].found, "real", "held-out patients")
    trained = table.row("synthetic held-out patients resnet")
    assert real and trained and trained.floor == real.accuracy.value


def test_real_images_have_one_column_though_machines_differ_in_the_last_digits(made: Path) -> None:
    first, second = chosen(made, "reference/gan", "reference/dcgan")

    def moved(factor: float) -> EvaluatedRun:
        own = second.found.fidelity[ALL]
        measures = {
            key: replace(one, floor=one.floor * factor if one.floor else one.floor) for key, one in own.measures.items()
        }
        return replace(second, found=replace(second.found, fidelity={ALL: replace(own, measures=measures)}))

    for factor, alike in ((1 + 1e-9, True), (1.01, False)):
        table = evaluations.generators([first, moved(factor)])
        frechet = table.row("frechet")
        assert frechet and (frechet.floor is not None, table.one_floor) == (alike, alike)
        shown = tables._measures(table)
        assert ("<th scope='col'>Real images</th>" in shown, "reference 1.9</small>" in shown) == (alike, not alike)


def test_scopes_are_classes_and_the_second_opinion(made: Path) -> None:
    found = four(made)
    assert evaluations.scopes(found) == [ALL, "bacterial", "viral", SECOND]
    for scope in ("bacterial", SECOND):
        table = evaluations.generators(found, scope)
        assert [section.question for section in table.sections] == [evaluations.HOW_REAL, evaluations.HOW_VARIED]


def answers(root: Path, *names: str) -> dict[str, str]:
    found = chosen(root, *names)
    return {one.question: one.words for one in generator_verdicts.of_generators(evaluations.generators(found))}


def test_one_run_is_told_in_plain_numbers(made: Path) -> None:
    said = answers(made, "reference/dcgan")
    assert re.search(r"\*\*75\*\* .*\b93\b", said["How real?"])
    assert "**8.8 times**" in said["How real?"]
    assert "**74**" in said["How varied?"]
    assert "more alike" in said["How varied?"]
    assert re.search(r"\*\*75\*\* of 100 .*\b84\b", said["How useful?"])
    assert "no sign of copying" in said["Does it copy?"]


def test_several_runs_are_ranked_in_words(full: Path) -> None:
    said = answers(full, "reference/gan", "reference/dcgan")
    assert said["How real?"].startswith("**dcgan** ") and "gan" not in said["How real?"].removeprefix("**dcgan** ")
    assert "84 of 100" in said["How useful?"]
    tied = answers(full, "reference/gan", "reference/dcgan", "reference/cgan")["How real?"]
    assert tied.startswith("**dcgan** is ahead of **gan**. It cannot be told from **cgan**: their intervals overlap.")
    assert "No run is ahead" in answers(full, "reference/dcgan", "reference/cgan")["How real?"]
    made_evaluations.write(runs.find_run("gan", full), memorisation=made_evaluations.memorisation("copies"))
    copied = answers(full, "reference/gan", "reference/dcgan")["Does it copy?"]
    assert copied == "**gan**: copies. **dcgan** shows no sign of copying."


def test_what_a_classifier_named_is_not_held_against_what_a_run_was_asked_for(full: Path) -> None:
    named_by = "given by the classifier child-a"
    for name, quality in (("gan", 0.2), ("dcgan", 0.95)):
        named = tuple(
            replace(one, labels=named_by) if one.trained != "real" else one for one in made_evaluations.utility(quality)
        )
        made_evaluations.write(runs.find_run(name, full), QUALITY[name], utility=named)
    row = "synthetic held-out patients resnet"
    both = evaluations.generators(chosen(full, "reference/dcgan", "reference/bigan")).row(row)
    assert both and both.best is None
    made_evaluations.write(runs.find_run("cgan", full), QUALITY["cgan"], utility=made_evaluations.utility(0.1))
    three = evaluations.generators(chosen(full, "reference/dcgan", "reference/bigan", "reference/cgan")).row(row)
    assert three and three.best == 1  # the better of those that were asked
    alone = answers(full, "reference/dcgan", "reference/bigan")["How useful?"]
    assert alone.startswith("**bigan**")
    by = r"labels of {} .*child\\-a"
    assert re.search(by.format(r"\*\*dcgan\*\*"), alone)
    said = answers(full, "reference/gan", "reference/dcgan", "reference/bigan", "reference/cgan")["How useful?"]
    assert re.search(by.format(r"\*\*gan\*\* and \*\*dcgan\*\*"), said)
    assert said.startswith("**bigan** trains the best classifier: its interval overlaps no other of those asked for a")
    assert replace(three, seeds=(1, 3, 3)).over_seeds and not replace(three, seeds=(3, 3, 1)).over_seeds
    named_alike = answers(full, "reference/gan", "reference/dcgan")["How useful?"]
    assert named_alike.startswith("**dcgan** ")
    made_evaluations.write(runs.find_run("gan", full), QUALITY["gan"], utility=())
    assert answers(full, "reference/gan", "reference/dcgan")["How useful?"].startswith("**dcgan**")


def told(root: Path, *names: str) -> dict[str, str]:
    return {
        one.question: one.words
        for one in translator_verdicts.of_translators(evaluations.translators(chosen(root, *names)))
    }


def test_an_audit_is_told_direction_by_direction(made: Path) -> None:
    said = told(made, "chests")
    turns = said[evaluations.TURNS].replace("\\", "")
    assert turns.startswith("NORMAL → COVID: **80** of 100")
    assert "COVID → NORMAL: **70** of 100" in turns
    assert re.search(r"\*\*20\*\* of 100 .*outside the lungs", said[evaluations.WHERE])
    assert "**4.2 times**" in said[evaluations.WHERE]
    assert "2.4 times" in said[evaluations.HONEST]
    assert "**52%** of the way" in said[evaluations.NEAR]
    assert evaluations.TRUE not in said
    both = told(made, "chests", "heads")
    assert both[evaluations.TURNS].startswith("**70 to 80** of 100 images")
    assert "**36% to 52%**" in both[evaluations.NEAR]
    assert "changes invisible noise by a factor of **" in both[evaluations.HONEST]  # which may damp it


def around_floor(value: float, floor: float) -> Measure:
    return Measure(value, value * 0.99, value * 1.01, floor)


@pytest.mark.parametrize(
    ("moved", "words"),
    [
        (0.0099, "does not amplify the noise: there is no sign of hidden information."),
        (0.0104, "hardly amplifies the noise: there is no sign of hidden information."),
        (0.012, "amplifies the noise 1.2 times: it relies a little on invisible detail."),
        (0.024, "amplifies the noise 2.4 times: it relies on invisible detail."),
    ],
)
def test_hidden_information_is_named_where_noise_grows_visibly(moved: float, words: str) -> None:
    way = made_evaluations.audit(("A", "B"), 0.8)[0]
    way = replace(way, cycle=way.cycle | {"moved by noise": around_floor(moved, 0.01)})
    assert translator_verdicts._hiding_answer(way).endswith(f"The way back {words}")


@pytest.mark.parametrize(
    ("inside", "words"),
    [
        (around(0.5, 0.01), "The lungs change **2.5 times** as much as the rest."),
        (around(0.25), "The lungs do not clearly change more than the rest."),
        (around(0.05, 0.01), "The lungs change less than the rest."),
    ],
)
def test_lungs_change_more_or_less_only_where_intervals_lie_apart(inside: Measure, words: str) -> None:
    way = made_evaluations.audit(("A", "B"), 0.8)[0]
    way = replace(way, change={"inside lungs": inside, "outside lungs": around(0.2)})
    assert translator_verdicts._where_answer(way).endswith(words)


def test_a_control_that_is_turned_as_often_is_spoken_of(full: Path) -> None:
    made_evaluations.write(runs.find_run("chests", full), 0.35)
    assert "need not be the disease" in told(full, "chests")[evaluations.WHERE]


def test_a_judge_of_the_lungs_alone_is_no_control(full: Path) -> None:
    run = runs.find_run("chests", full)
    alone = Flip("adult-lungs-b", "the lungs alone, in a neutral view", 0.8, Measure(1.0, 0.9, 1.0), 0.1, 0.9)
    still = Measure(0.0, 0.0, 0.1)
    ways = []
    for way in made_evaluations.audit(run.config().domains, 0.8):
        flips = [replace(flip, flipped=still) if flip.sees in evaluations.CONTROLS else flip for flip in way.flips]
        ways.append(replace(way, flips=(*flips, alone)))
    made_evaluations.write(run, audit=tuple(ways))
    assert told(full, "chests")[evaluations.WHERE].count("No control") == 2
    sections = {one.question: one for one in evaluations.translators(chosen(full, "chests")).sections}
    title = "Flipped: adult-lungs-b, sees the lungs alone, in a neutral view"
    assert title in [row.title for row in sections[evaluations.TURNS].rows]
    assert title not in [row.title for row in sections[evaluations.WHERE].rows]


def test_a_translation_that_comes_no_nearer_is_called_so(full: Path) -> None:
    made_evaluations.write(runs.find_run("chests", full), -0.7)
    assert "come no closer to real COVID" in told(full, "chests")[evaluations.NEAR]


@pytest.mark.parametrize(
    ("value", "digits", "shows", "text"),
    [
        (0.8249, 3, "share", "0.825"),
        (-0.002, 3, "number", "−0.002"),
        (-0.0004, 3, "number", "0.000"),
        (0.11, 3, "percent", "11.0%"),
        (np.nan, 2, "number", "–"),
    ],
)
def test_numbers_are_written_as_people_read_them(value: float, digits: int, shows: str, text: str) -> None:
    assert evaluation_files.written(value, digits, shows) == text


def test_digits_follow_the_surest_interval() -> None:
    assert evaluations.decimals([around(12.3, 1.2), around(40, 3)]) == 1
    assert evaluations.decimals([around(0.8, 0.02)]) == 3
    assert evaluations.decimals([around(300, 40)]) == 0
    assert evaluations.decimals([Measure(0.0)]) == evaluations.decimals([]) == 3
    assert evaluation_files.interval(around(0.5), 1) == "0.4–0.6"
    assert evaluation_files.interval(around(0.0), 1) == "−0.1 to 0.1"
    assert evaluation_files.interval(Measure(0.5), 1) == ""


@pytest.mark.parametrize("confusion", [[], [[1, 2]], [[1, 2], [3]], [[1, 2, 3], [4, 5, 6]]])
def test_a_confusion_matrix_without_its_classes_is_damage(
    made: Path, tmp_path: Path, confusion: list[list[int]]
) -> None:
    values = json.loads((made / "reference/dcgan" / runs.EVALUATION).read_text())
    values["utility"][0]["confusion"] = confusion
    path = tmp_path / runs.EVALUATION
    path.write_text(json.dumps(values))
    with pytest.raises(UserError, match=r"evaluation\.json: 'confusion' must have a row and a column for each"):
        results.read(path)


def test_csv_holds_every_number(made: Path) -> None:
    lines = list(csv.DictReader(io.StringIO(evaluation_files.to_csv(chosen(made, "reference/dcgan", "chests")))))
    assert list(lines[0]) == list(evaluation_files.HEADER)
    assert {line["run"] for line in lines} == {"reference/dcgan", "chests"}
    found = chosen(made, "reference/dcgan")[0].found
    frechet = next(
        line for line in lines if (line["part"], line["of"], line["measure"]) == ("fidelity", "all", "frechet")
    )
    assert float(frechet["value"]) == found.fidelity["all"].measures["frechet"].value
    assert float(frechet["floor"]) == 1.9
    parts = {line["part"] for line in lines}
    assert parts == {"fidelity", "second opinion", "utility", "memorisation", "audit"}
    assert sum(line["measure"] == "turned" for line in lines) == 8


def test_the_real_images_are_named_if_they_are_not_those_of_training(made: Path) -> None:
    (run,) = chosen(made, "reference/dcgan")
    other = replace(run.found.fidelity["all"], reference="held-out")
    run = replace(run, found=replace(run.found, fidelity={"all": other}))
    told = [contents._basis([run], ALL), details._made(run)["Features"], evaluation_files.to_csv([run]).splitlines()[1]]
    told += measures_latex.footnote(evaluations.generators([run]), [run])[1:2]
    assert ["1,000 real images (held-out)" in words.replace("\\", "") for words in told] == [True] * 4


def test_markdown_and_latex_hold_the_table_of_the_page(made: Path) -> None:
    table = evaluations.generators(chosen(made, "reference/gan", "reference/dcgan"))
    markdown = evaluation_files.to_markdown(table).splitlines()
    assert markdown[0] == "| Measure | Real images | gan | dcgan |"
    assert len(markdown) == len(table.rows) + 2
    assert re.fullmatch(
        r"\| Fréchet distance \| 1\.9 \| 43\.3 \(42\.1–44\.5\) \| \*\*16\.7 \(15\.5–17\.9\)\*\* \|", markdown[2]
    )
    latex = evaluation_files.to_latex(table)
    assert latex.startswith("\\begin{tabular}{lrrr}\n\\toprule")
    assert r"\textbf{16.7 (15.5--17.9)}" in latex
    assert r"0.8\%" in latex
    assert latex.count(r"\\") == len(table.rows) + 1
    audited = evaluation_files.to_latex(evaluations.translators(chosen(made, "chests")))
    assert r"chests, NORMAL $\rightarrow$ COVID" in audited


def test_strips_keep_to_their_scale() -> None:
    cells = (around(0.0), Measure(5.0, 4.0, 7.0, 2.0), None, Measure(float("nan")))
    scale = interval_strips.scale_of(row(*cells))
    assert scale.low == -0.1 and 7 < scale.high < 7.5
    assert scale.at(-1) == 0 and scale.at(99) == 100
    places = re.findall(
        r"(?:left|width):([\d.]+)%", "".join(interval_strips.strip(cell, scale, "#000") for cell in cells if cell)
    )
    assert places and all(0 <= float(place) <= 100 for place in places)
    assert interval_strips.scale_of(row(None)) == interval_strips.Scale(0, 1)


def test_two_halves_of_one_domain_are_turned_into_nothing(full: Path) -> None:
    run = make_run(full, "halves", "cyclegan_resnet_light", 1, 2, domains=("NORMAL half 1", "NORMAL half 2"))
    still = Measure(0.0, 0.0, 0.1)
    ways = tuple(
        replace(way, flips=tuple(replace(flip, flipped=still) for flip in way.flips), untranslated=way.distance)
        for way in made_evaluations.audit(run.config().domains, 0.5)
    )
    made_evaluations.write(run, audit=ways)
    said = told(full, "halves")
    assert "**0** of 100" in said[evaluations.TURNS]
    assert said[evaluations.WHERE].count("No control") == 2
    assert "come no closer" in said[evaluations.NEAR]


def test_the_truth_is_told_where_it_is_known(full: Path) -> None:
    run = make_run(full, "drawn", "cyclegan_resnet_light", 1, 2, domains=("normal", "covid"))
    there, back = made_evaluations.audit(("normal", "covid"), 0.8)
    there = replace(there, truth={"change in lungs": Measure(0.84, 0.83, 0.85, 0.9)})
    made_evaluations.write(run, audit=(there, back))
    answers = {
        one.question: one for one in translator_verdicts.of_translators(evaluations.translators(chosen(full, "drawn")))
    }
    true = answers[evaluations.TRUE]
    assert "**84.0%**; drawn disease 90.0%" in true.words and "**2.1%**; untranslated image 3.4%" in true.words
    assert true.row is None  # a share and an error have no scale in common


def test_of_copies_it_says_only_what_was_measured(tmp_path: Path) -> None:
    for name, found in {
        "unsure": made_evaluations.memorisation("cannot tell"),
        "good": made_evaluations.memorisation(),
        "bare": None,
    }.items():
        made_evaluations.write(make_run(tmp_path, name, epochs=1, steps=2, previews=False), memorisation=found)

    def words(*names: str) -> str:
        answers = generator_verdicts.of_generators(evaluations.generators(chosen(tmp_path, *names)))
        return next(answer.words for answer in answers if answer.question == evaluations.COPIES)

    assert words("unsure", "good") == "**unsure**: cannot tell. **good** shows no sign of copying."
    bare = "**bare** was not measured for copies."
    assert words("unsure", "bare") == f"**unsure**: cannot tell. {bare}"
    assert words("unsure", "good", "bare") == f"**unsure**: cannot tell. **good** shows no sign of copying. {bare}"
