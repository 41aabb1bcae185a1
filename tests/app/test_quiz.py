"""The quiz: fair pictures, the same for everyone, and answers that count what they should."""

import csv
import io
import json
import re
import shutil
from dataclasses import replace
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image
from streamlit.testing.v1 import AppTest

from dashboard.charts.styles import run_styles
from dashboard.library import data_here, public_data
from dashboard.library.image_encoding import png
from dashboard.library.store import Entry, Library
from dashboard.views.quiz import display, questions, serving, wording
from dashboard.views.quiz.questions import COUNT, GENERATED, REAL, PictureSet, Quiz
from dashboard.views.quiz.wording import Wording
from gan_core import data
from gan_core.errors import UserError
from gan_core.evaluation import classification_report
from gan_core.runs import list_runs
from tests.conftest import ROOT
from tests.helpers import made_evaluations
from tests.helpers.pages import healthy, new_app
from tests.helpers.run_folders import make_run
from tests.helpers.training import SMALL_TRANSLATOR, make_pictures, small, train

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def source(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_pictures(tmp_path_factory.mktemp("quiz") / "pictures", 60)


@pytest.fixture(scope="module")
def trained(source: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("runs")
    train("gan", source, root, "gan", 1)
    train("cgan", source, root, "cgan", 1, *small("cgan")[1])
    more = (*SMALL_TRANSLATOR, "--domains", "bar,disc", "--preview-inputs", "held-out")
    train("cyclegan_resnet_light", source, root, "cyclegan", 1, *more)
    return root


@pytest.fixture
def full(trained: Path, runs_root: Path) -> Path:
    """A copy of the trained runs, for this test alone."""
    shutil.copytree(trained, runs_root, dirs_exist_ok=True)
    return runs_root


def entries(root: Path, *names: str) -> list[Entry]:
    found = {entry.name: entry for entry in Library(root).entries()}
    return [found[name] for name in names]


def settled(root: Path, *names: str, seed: int = 1) -> Quiz:
    return questions.compose(entries(root, *names), seed)


def move_data(root: Path, name: str, source: str = "elsewhere") -> None:
    """Make a run say that its data is somewhere else."""
    path = root / name / "config.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | {"source": source}))


def test_half_are_real_and_each_run_gives_as_many_of_both(full: Path) -> None:
    made = questions.make(settled(full, "gan", "cgan", "cyclegan"))
    assert len(made.pictures) == COUNT
    assert made.notes == ()
    for run in ("gan", "cgan", "cyclegan"):
        truths = [picture.truth for picture in made.pictures if picture.run == run]
        assert truths.count(REAL) == truths.count(GENERATED) and 3 <= truths.count(REAL) <= 4
    order = "".join(picture.truth for picture in made.pictures)
    assert 3 < sum(a != b for a, b in pairwise(order)) < 19


def test_real_pictures_are_held_out_and_shown_once(full: Path, source: Path) -> None:
    made = questions.make(settled(full, "gan", "cgan", "cyclegan"))
    prepared = data.prepare(str(source), size=32, progress=False)
    held_out = {image.tobytes() for image in prepared.images[prepared.splits != "train"]}
    real = [picture.pixels.tobytes() for picture in made.pictures if picture.truth == REAL]
    assert set(real) <= held_out
    assert len(set(real)) == len(real) == COUNT // 2
    assert not held_out & {picture.pixels.tobytes() for picture in made.pictures if picture.truth == GENERATED}


def test_nothing_but_what_it_shows_tells_a_picture(full: Path) -> None:
    made = questions.make(settled(full, "gan", "cgan"))
    kinds = set()
    for picture in made.pictures:
        assert picture.pixels.shape == (1, 32, 32) and picture.pixels.dtype == np.uint8
        content = png(picture.pixels, False)
        with Image.open(io.BytesIO(content)) as opened:
            chunks = tuple(sorted(key for key in opened.info))
            kinds.add((opened.format, opened.mode, opened.size, chunks))
        assert display.source(picture).startswith("data:image/png;base64,")
    assert len(kinds) == 1


def test_runs_and_seed_settle_the_quiz(full: Path) -> None:
    def pictures(found: Quiz) -> list[bytes]:
        questions.make.clear()
        return [picture.pixels.tobytes() for picture in questions.make(found).pictures]

    first, again, other = (settled(full, "gan", "cgan", seed=seed) for seed in (1, 1, 2))
    assert first == again and first.key == again.key != other.key
    assert pictures(first) == pictures(again)
    assert pictures(first) != pictures(other)
    assert settled(full, "gan").key != first.key


@pytest.mark.parametrize("count", [1, 2, 3, 4, 5])
def test_the_pictures_are_shared_out_evenly(full: Path, count: int) -> None:
    part = settled(full, "gan").parts[0]
    shares = [questions.shares(Quiz((part,) * count, seed)) for seed in range(8)]
    assert all(sum(share) == COUNT // 2 and max(share) - min(share) <= 1 for share in shares)
    if COUNT // 2 % count:
        assert len({tuple(share) for share in shares}) > 1  # who gives one more is up to the seed


def test_phantoms_stand_in_where_the_data_is_not_here(full: Path) -> None:
    for name in ("gan", "cyclegan"):
        move_data(full, name)
    found = settled(full, "gan", "cyclegan")
    assert [part.source for part in found.parts] == ["", ""]
    made = questions.make(found)
    real = [picture for picture in made.pictures if picture.truth == REAL]
    assert len(real) == COUNT // 2 and len({picture.pixels.tobytes() for picture in real}) == COUNT // 2
    assert {picture.pixels.shape for picture in made.pictures} == {(1, 32, 32)}
    assert all(picture.drawn for picture in real)
    assert display.describe(real[0], "") == "drawn phantom in place of a real image"


def test_data_is_looked_for_where_it_may_be(full: Path, source: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    move_data(full, "gan", "pictures")
    config = entries(full, "gan")[0].config
    assert config and data_here.locate(config) == ""
    assert data_here.locate(config, str(source.parent)) == str(source)
    assert data_here.locate(config, str(source)) == str(source)
    assert data_here.locate(config, str(full)) == ""  # a folder without the run's classes
    monkeypatch.setenv(data_here.DATA_VARIABLE, str(source.parent))
    assert data_here.locate(config) == str(source)


def test_other_images_than_in_the_training_are_told(full: Path, tmp_path: Path) -> None:
    other = make_pictures(tmp_path / "other", 40)
    move_data(full, "gan", str(other))
    (note,) = questions.make(settled(full, "gan")).notes
    assert "gan learned from other images" in note


def test_data_with_too_few_images_other_classes_or_none(full: Path, tmp_path: Path) -> None:
    move_data(full, "gan", str(make_pictures(tmp_path / "few", 3)))
    with pytest.raises(UserError, match="too few images for a quiz of 20"):
        questions.make(settled(full, "gan"))
    other = make_pictures(tmp_path / "other", 3)
    (other / "bar").rename(other / "ring")
    move_data(full, "gan", str(other))
    with pytest.raises(UserError, match="has the classes disc, ring, the run learned bar, disc"):
        questions.make(settled(full, "gan"))
    (tmp_path / "none").mkdir()
    move_data(full, "gan", str(tmp_path / "none"))
    with pytest.raises(UserError, match=r"none cannot be prepared: .*image"):
        questions.make(settled(full, "gan"))


@pytest.mark.parametrize(("name", "kinds"), [("NORMAL half 2", {"normal"}), ("COVID", {"covid"}), ("PNEUMONIA", None)])
def test_the_likest_phantom(name: str, kinds: set[str] | None) -> None:
    classes = ("bacterial", "covid", "normal", "viral")
    found = {questions._phantom_class(name, classes, np.random.default_rng(seed)) for seed in range(30)}
    assert found == (kinds or {"bacterial", "covid", "viral"})


def test_answers_are_counted_by_run_and_truth(full: Path) -> None:
    found = settled(full, "gan", "cgan")
    made = questions.make(found)
    truth = "".join(picture.truth for picture in made.pictures)
    assert questions.accuracy(made, truth) == (20, 20)
    assert questions.accuracy(made, truth, "gan") == (10, 10)
    assert questions.accuracy(made, REAL * 20) == questions.accuracy(made, GENERATED * 20) == (10, 20)
    assert questions.confusion(made, REAL * 20, GENERATED, "cgan") == (5, 0)
    assert questions.confusion(made, truth, REAL) == (10, 0)
    rows = list(csv.DictReader(io.StringIO(questions.to_csv(found, made, REAL * 20))))
    assert tuple(rows[0]) == questions.HEADER
    assert sum(int(row["right"]) for row in rows) == 10
    assert {row["run"] for row in rows} == {"gan", "cgan"}
    assert {row["answer"] for row in rows} == {"real"}
    assert [row["truth"][0].upper() for row in rows] == list(truth)


def test_a_class_that_a_spreadsheet_would_run_is_quoted() -> None:
    picture = questions.QuizPicture(np.zeros((1, 8, 8), np.uint8), REAL, "gan", "=1+1")
    text = questions.to_csv(Quiz((), 3), PictureSet((picture,), ()), REAL)
    assert text.splitlines()[1] == "3,1,gan,'=1+1,real,real,1"


@pytest.mark.parametrize(
    ("right", "words"), [(19, "better than guessing"), (12, "does not show"), (2, "worse than guessing")]
)
def test_the_verdict_follows_the_interval(right: int, words: str) -> None:
    assert words in display.verdict(classification_report.share(right, 20), Wording("real", "", "", ("R",)))


def opened(**query: str | list[str]) -> AppTest:
    app = new_app("quiz", 60)
    for key, value in query.items():
        app.query_params[key] = value
    return healthy(app.run())


def texts(app: AppTest) -> str:
    kinds = (app.markdown, app.caption, app.error, app.warning, app.info, app.title, app.subheader)
    return "\n".join(element.value for kind in kinds for element in kind)


def played(app: AppTest) -> dict[str, Any]:
    """What the browser gets of the quiz."""
    [found] = [e.proto for e in app.get("bidi_component") if e.proto.component_name.endswith("ganray_quiz")]
    told: dict[str, Any] = json.loads(found.json)
    return told


def test_a_whole_quiz(full: Path) -> None:
    app = opened(quiz=["gan", "cgan"], quiz_seed="7")
    assert "quiz=gan&quiz=cgan&quiz_seed=7" in app.code[0].value
    healthy(app.button(key="quiz-go").click().run())
    told = played(app)
    assert len(set(told["pictures"])) == COUNT and told["question"] == "Real or generated?"
    assert (told["begun"], told["fresh"]) == ("", True)
    key = settled(full, "gan", "cgan", seed=7).key
    app = opened(quiz=["gan", "cgan"], quiz_seed="7", answers=f"{key}-{REAL * COUNT}")
    assert "10 of 20 right: 50%" in texts(app)
    assert "does not show that you can tell them apart" in texts(app)
    assert len(app.get("download_button")) == 1
    healthy(app.button(key="quiz-next").click().run())
    assert app.number_input(key="quiz_seed").value == 8
    assert app.button(key="quiz-go")


def test_a_reload_goes_on(full: Path) -> None:
    key = settled(full, "gan", seed=7).key
    told = played(opened(quiz="gan", quiz_seed="7", answers=f"{key}-RG"))
    assert (told["key"], told["begun"], told["fresh"]) == (key, "RG", False)


def test_where_phantoms_stand_in_nothing_is_called_real(full: Path) -> None:
    for name in ("gan", "cgan"):
        move_data(full, name)
    both, one = settled(full, "gan", "cgan", seed=7), settled(full, "gan", "cyclegan", seed=7)
    assert wording.of(settled(full, "cyclegan")).title == "20 images, half of them real"
    assert re.fullmatch(r"20 images: 5 real, 5 drawn phantoms, 10 generated", wording.of(one).title)
    app = opened(quiz=["gan", "cgan"], quiz_seed="7")
    assert "Drawn phantom or generated?" in texts(app) and "20 images: 10 drawn phantoms, 10 generated" in texts(app)
    assert "No image here is real" in texts(app) and "half of them real" not in texts(app)
    app = opened(quiz=["gan", "cgan"], quiz_seed="7", answers=f"{both.key}-{REAL * COUNT}")
    bodies = " ".join(element.proto.body for element in app.get("html"))
    assert "taken for drawn" in bodies and "drawn phantom" in bodies and "taken for real" not in bodies
    rows = list(csv.DictReader(io.StringIO(questions.to_csv(both, questions.make(both), REAL * COUNT, "drawn"))))
    assert {row["truth"] for row in rows} == {"drawn", "generated"} and {row["answer"] for row in rows} == {"drawn"}


def test_the_shipped_runs_name_the_public_data_that_they_learned_from() -> None:
    shipped = [entry for entry in questions.usable(Library(ROOT / "runs").entries()) if entry.config]
    named = {entry.name: public_data.of([entry.config]) for entry in shipped if entry.config}
    drawn = {entry.name for entry in shipped if entry.config and entry.config.source.startswith("phantom:")}
    assert named.keys() - drawn and {name for name, found in named.items() if not found} == drawn
    assert "CC BY 4.0" in named["reference/dcgan"][0].markdown
    assert public_data.of([replace(shipped[0].config, fingerprint="another")]) == []  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("address", "here"),
    [
        ("http://localhost:8501/quiz", True),
        ("http://127.0.0.1:8501/quiz", True),
        ("http://[::1]:8501/quiz", True),
        ("http://192.168.1.7:8501/quiz", False),
        ("https://xray.example.org/ganray/quiz", False),
        ("", False),
    ],
)
def test_an_address_of_this_machine_is_known(address: str, here: bool) -> None:
    assert serving.only_here(address) is here


def test_the_page_on_serving_others_has_no_link_to_a_file() -> None:
    assert "## Docker" in serving.guide() and "](../" not in serving.guide()


@pytest.mark.parametrize("answers", ["nonsense", "000000-RG", "-RG", "{key}-RX", "{key}-" + "R" * 21, "{key}"])
def test_answers_that_are_not_this_quiz_s_begin_it_anew(full: Path, answers: str) -> None:
    key = settled(full, "gan", seed=7).key
    app = opened(quiz="gan", quiz_seed="7", answers=answers.format(key=key))
    assert app.button(key="quiz-go")


def test_it_begins_with_the_generator_that_is_nearest_to_real_images(full: Path) -> None:
    assert opened().multiselect(key="quiz").value == ["cgan"], "a generator before a translator, by name if unmeasured"
    (run,) = [one for one in list_runs(full) if one.name == "gan"]
    made_evaluations.write(run, 1.0)
    assert opened().multiselect(key="quiz").value == ["gan"]


def test_the_page_says_where_real_pictures_come_from(full: Path) -> None:
    move_data(full, "cgan")
    app = opened(quiz=["gan", "cgan"])
    assert "held-out images" in texts(app)
    assert "rawn phantoms" in texts(app)
    assert "Runs: cgan" in texts(app)


def test_weights_that_are_damaged(full: Path) -> None:
    (full / "gan" / "weights.safetensors").write_bytes(bytes(100))
    app = opened(quiz="gan")
    healthy(app.button(key="quiz-go").click().run())
    assert "is damaged" in app.error[0].value
    healthy(app.button(key="quiz-back").click().run())
    assert app.button(key="quiz-go")


def test_runs_without_weights_and_broken_ones_cannot_be_chosen(full: Path) -> None:
    (full / "gan" / "weights.safetensors").unlink()
    (full / "cgan" / "config.json").write_text("{")
    app = opened()
    assert app.multiselect(key="quiz").options == ["cyclegan"]
    assert "1 run cannot be read" in [expander.label for expander in app.expander]
    healthy(app.multiselect(key="quiz").set_value([]).run())
    assert "Choose one run or more" in texts(app)


def test_no_runs_and_no_weights(runs_root: Path) -> None:
    assert "No runs yet" in texts(opened())
    make_run(runs_root, "young").weights.unlink()
    assert "No run here has weights yet" in texts(opened())


def test_runs_of_one_short_name_are_told_apart(trained: Path, runs_root: Path) -> None:
    """A shipped run, and one's own of its name."""
    shutil.copytree(trained / "gan", runs_root / "reference" / "gan")
    shutil.copytree(trained / "cgan", runs_root / "gan")
    found = settled(runs_root, "reference/gan", "gan")
    assert [part.label for part in found.parts] == ["reference/gan", "gan"]
    made = questions.make(found)
    assert {picture.run for picture in made.pictures} == {"reference/gan", "gan"}
    answers = "".join(picture.truth for picture in made.pictures)
    look = run_styles(entries(runs_root, "reference/gan", "gan"))
    shown = display.accuracies(made, answers, {part.label: look[part.run] for part in found.parts})
    assert shown.count("10 of 10") == 2 and "20 of 20" in shown
