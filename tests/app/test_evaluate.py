"""The Evaluate page over every kind of run: measured in part or not at all, damaged, vanishing."""

import json
import re
import shutil
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from streamlit.testing.v1 import AppTest

from dashboard.library import data_here
from dashboard.library.image_encoding import png
from dashboard.views.evaluate import neighbours
from gan_core import images, runs
from gan_core.data.readers import open_source
from gan_core.errors import UserError
from gan_core.evaluation import results
from gan_core.evaluation.results import Neighbour
from tests.conftest import ROOT
from tests.helpers import made_evaluations
from tests.helpers.made_evaluations import QUALITY
from tests.helpers.pages import MAIN, evaluate_page, healthy, texts
from tests.helpers.run_folders import make_run

pytestmark = pytest.mark.slow

LIGHT = "cyclegan_resnet_light"


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Four generators and two translators, evaluated; one run of each kind that was not."""
    return made_evaluations.make_all(tmp_path_factory.mktemp("made"))


@pytest.fixture
def full(made: Path, runs_root: Path) -> Path:
    """A copy of them, for this test alone."""
    shutil.copytree(made, runs_root, dirs_exist_ok=True)
    return runs_root


def bodies(app: AppTest) -> str:
    return "\n".join(element.proto.body for element in app.get("html"))


def cards(app: AppTest) -> list[str]:
    return [element.value for element in app.subheader]


def test_names_cannot_break_tables(full: Path) -> None:
    run = make_run(full, "a_b", LIGHT, 1, 2, domains=("<b>x</b>", "50% & {more}"))
    made_evaluations.write(run)
    page = evaluate_page(evaluated="a_b", part="measures")
    assert "<b>x</b>" not in bodies(page)
    assert "&lt;b&gt;x&lt;/b&gt;" in bodies(page)
    tex = evaluate_page(evaluated="a_b", part="download").code[-2].value
    assert r"a\_b, \textless{}b\textgreater{}x\textless{}/b\textgreater{} $\rightarrow$ 50\% \& \{more\}" in tex


def test_runs_that_cannot_be_held_against_each_other_are_not_ranked(full: Path) -> None:
    made_evaluations.write(runs.find_run("dcgan", full), 0.9, fingerprint="fedcba9876543210")
    shown = texts(evaluate_page(evaluated=["reference/gan", "reference/dcgan"]))
    assert "different real images" in shown


def test_a_class_is_shown_of_the_runs_that_have_it(full: Path) -> None:
    adults = make_run(full, "adults", "dcgan", 2, 4)
    told = json.loads((adults.folder / runs.CONFIG).read_text())
    told |= {"classes": ["healthy", "viral"], "class_counts": [300, 200], "fingerprint": "fedcba9876543210"}
    (adults.folder / runs.CONFIG).write_text(json.dumps(told))
    made_evaluations.write(adults)
    page = evaluate_page(evaluated=["reference/dcgan", "adults"], part="classes")
    assert "Not measured" not in bodies(page)
    words = [line for line in texts(page).splitlines() if line.startswith(":small[") or "Nothing is marked" in line]
    unlike = ":material/warning: Nothing is marked best: they were measured against different real images."
    assert words == [":small[bacterial]", ":small[viral]", ":small[healthy]", unlike]  # for the class of both


def test_the_page_over_four_runs(full: Path) -> None:
    app = evaluate_page()
    assert app.multiselect(key="evaluated").value == [f"reference/{name}" for name in QUALITY]
    assert cards(app)[:4] == ["How real?", "How varied?", "How useful?", "Does it copy?"]
    assert "<details>" not in bodies(app) and not app.get("download_button") and not app.table  # opened when asked for
    assert app.segmented_control(key="part").value is None
    shown = bodies(opened(app, "measures"))
    assert app.query_params["part"] == "measures"
    assert shown.count("<details>") == 12  # each measure explains itself
    assert all(words in shown for _, _, words in (results.MEASURES[key] for key in ("kid", "recall")))
    assert "child\\-b \\(256 features\\)\\, 1\\,000 generated".replace("\\,", ",") in texts(app)
    assert "best" not in re.findall(r"ev-badge'>(\w+)", shown)  # two of them cannot be told apart
    assert bodies(opened(app, "classifiers")).count("<table class='ev-confusion'>") == 4
    assert len(opened(app, "classes").get("plotly_chart")) == 1
    assert [button.label for button in opened(app, "download").get("download_button")] == [
        "Every number (CSV)",
        "LaTeX table",
        "Markdown table",
    ]
    assert len(opened(app, "copies").table) == 1
    assert "Made with" in opened(app, "method").table[0].value.index
    app.segmented_control(key="part").set_value(None).run()
    assert "part" not in healthy(app).query_params


def opened(app: AppTest, part: str) -> AppTest:
    app.segmented_control(key="part").set_value(part).run()
    return healthy(app)


def test_a_part_that_these_runs_have_not_opens_nothing(full: Path) -> None:
    app = evaluate_page(evaluated="chests", part="classifiers")
    assert app.segmented_control(key="part").value is None
    assert "TSTR" not in " ".join(app.segmented_control(key="part").options)


def test_the_table_changes_with_its_images(full: Path) -> None:
    app = evaluate_page(part="measures")
    assert "Classifier trained on real and synthetic images" in bodies(app)
    app.segmented_control(key="scope").set_value("viral").run()
    assert "Classifier trained on real and synthetic images" not in bodies(healthy(app))
    assert cards(app)[:4] == ["How real?", "How varied?", "How useful?", "Does it copy?"]  # these are of all images


def test_the_page_over_one_run_shows_every_lesson(full: Path) -> None:
    app = evaluate_page(evaluated="reference/dcgan", part="classifiers")
    assert [text for text in texts(app).splitlines() if text.startswith("**Trained on")] == [
        "**Trained on real images**",
        "**Trained on generated images**",
        "**Trained on both**",
    ]


def test_generators_and_translators_on_one_page(full: Path) -> None:
    app = evaluate_page(evaluated=["reference/dcgan", "chests", "heads"], part="audit")
    assert "Runs that generate" in cards(app) and "Runs that translate" in cards(app)
    shown = bodies(app)
    assert shown.count("<div class='ev-audit'") == 4
    assert shown.count("ev-lung ev-left") == 2
    assert shown.count("No classifier") == 2
    assert "NORMAL → COVID" in shown


def test_eight_runs_side_by_side(full: Path) -> None:
    names = [f"reference/{preset}" for preset in QUALITY]
    for number, preset in enumerate(QUALITY):
        run = make_run(full, f"again-{preset}", preset, 2, 4, seed=1 + number)
        made_evaluations.write(run, QUALITY[preset] - 0.1)
        names.append(run.name)
    app = evaluate_page(evaluated=names, part="measures")
    shown = bodies(app)
    assert shown.count("<th scope='col'>") == 1 + len(QUALITY)  # one column for each recipe
    assert "gan <small>2 seeds</small>" in shown
    assert re.search(r"Each seed: gan 0\.4\d+, again-gan 0\.3\d+; dcgan ", shown)


@pytest.mark.parametrize("task", ["later", "unaudited"])
def test_a_run_that_was_not_evaluated_says_how(full: Path, task: str) -> None:
    app = evaluate_page(evaluated=task)
    assert f"**{task}** is not evaluated yet" in texts(app)
    (link,) = app.get("page_link")
    assert (link.proto.page, link.proto.query_string) == ("run", f"run={task}")
    assert app.code[0].value == f"python -m gan_core evaluate {task}"
    assert not app.get("download_button")


@pytest.mark.parametrize("content", ["{", "[]", '{"format": 99}', '{"format": 1, "run": 3}', ""])
def test_a_broken_evaluation_leaves_the_others_alone(full: Path, content: str) -> None:
    (full / "reference" / "gan" / runs.EVALUATION).write_text(content)
    app = evaluate_page(evaluated=["reference/gan", "reference/dcgan"])
    assert app.error[0].value.startswith("**gan**: evaluation")
    assert str(full) not in app.error[0].value.replace("\\", "")
    assert "Of 100 " in texts(app)


@pytest.mark.parametrize("missing", ["fidelity", "second_opinion", "utility", "memorisation", "notes", "seconds"])
def test_parts_that_were_not_measured_are_left_out(full: Path, missing: str) -> None:
    empty = {"memorisation": None, "utility": (), "notes": ()}.get(missing, {})
    for preset in QUALITY:
        made_evaluations.write(runs.find_run(preset, full), **{missing: empty})
    evaluate_page()
    evaluate_page(evaluated="reference/gan")


def test_what_is_not_a_number_is_damage(full: Path) -> None:
    path = full / "reference" / "dcgan" / runs.EVALUATION
    path.write_text(path.read_text().replace('"value": 0.', '"value": NaN, "count": 0, "floor": 0.', 1))
    assert "must be a finite number" in texts(evaluate_page())


def test_a_run_that_was_trained_on_says_so(full: Path) -> None:
    made_evaluations.write(runs.find_run("dcgan", full), 0.7, epoch=1)
    assert re.search("epoch 1.* epoch 2", texts(evaluate_page(evaluated="reference/dcgan")))


def test_the_page_without_runs_or_choice(runs_root: Path) -> None:
    assert "No runs yet" in texts(evaluate_page())
    make_run(runs_root, "alone", "gan", 1, 2)
    app = evaluate_page()
    assert app.multiselect(key="evaluated").value == ["alone"]
    app.multiselect(key="evaluated").set_value([]).run()
    assert "Choose one run" in texts(healthy(app))


def test_runs_may_vanish_while_they_are_looked_at(full: Path) -> None:
    app = evaluate_page()
    shutil.rmtree(full / "reference" / "cgan")
    (full / "reference" / "gan" / runs.EVALUATION).unlink()
    assert "**gan** is not evaluated yet" in texts(healthy(app.run()))


def test_neighbours_are_read_where_the_data_is(full: Path) -> None:
    config = runs.find_run("gan", full).config()
    source = "phantom:cxr?images=40"
    first = open_source(source).entries[0].name
    found = neighbours.training(source, config, [first, "no such picture"])
    assert list(found) == [first]
    assert found[first].shape == (1, 64, 64) and found[first].dtype == np.uint8
    with pytest.raises(UserError, match="there is no folder or zip"):
        neighbours.training("/no/such/folder", config, [first])
    assert not data_here.is_here("hf:owner/name") and not data_here.is_here("")


def test_a_name_from_a_file_opens_nothing_else(full: Path, tmp_path: Path) -> None:
    for place in ("data/NORMAL", "elsewhere"):
        (tmp_path / place).mkdir(parents=True)
        images.save_png(tmp_path / place / "one.png", np.zeros((40, 40, 1), np.uint8))
        images.save_png(tmp_path / place / "two.png", np.full((40, 40, 1), 90, np.uint8))
    config = runs.find_run("gan", full).config()
    names = ["../elsewhere/one.png", str(tmp_path / "elsewhere" / "one.png"), "NORMAL/two.png"]
    assert list(neighbours.training(str(tmp_path / "data"), config, names)) == ["NORMAL/two.png"]


def test_pairs_keep_their_order_and_are_few() -> None:
    found = made_evaluations.memorisation()
    many = tuple(Neighbour(number, "x.png", 1 / (number + 1)) for number in range(30))
    found = replace(found, space={"pixels": replace(found.space["pixels"], examples=many)})
    assert [pair.generated for pair in neighbours.nearest(found, "pixels")] == list(range(8))
    assert neighbours.nearest(found, "features") == []


def test_pairs_are_drawn_on_a_click(runs_root: Path) -> None:
    shutil.copytree(ROOT / "runs" / "reference" / "gan", runs_root / "gan")
    source = "phantom:cxr?images=40"
    names = tuple(entry.name for entry in open_source(source).entries[:3])
    made_evaluations.write(runs.find_run("gan", runs_root), memorisation=made_evaluations.memorisation(names=names))
    app = evaluate_page(evaluated="gan", part="copies")
    assert len(app.get("image")) == 0
    app.toggle(key="pairs").set_value(True).run()
    assert len(healthy(app).get("image")) == 8  # the data is not here: the generated ones alone
    app.text_input(key="data gan").set_value(source).run()
    assert len(healthy(app).get("image")) == 16
    assert "real images" in texts(app)
    app.text_input(key="data gan").set_value("/no/such/folder").run()
    assert "there is no folder or zip" in texts(app).replace("\\", "")
    assert len(app.get("image")) == 8


def test_weights_that_cannot_be_read_are_named(full: Path) -> None:
    app = evaluate_page(evaluated="reference/dcgan", part="copies")
    app.toggle(key="pairs").set_value(True).run()
    assert not app.exception and len(app.error) == 1


def test_only_generated_pictures_say_that_they_are_synthetic() -> None:
    picture = np.zeros((1, 8, 8), np.uint8)
    assert images.NOTICE.encode() in png(picture, synthetic=True)
    assert images.NOTICE.encode() not in png(picture, synthetic=False)


@pytest.mark.processes
@pytest.mark.slow
def test_the_page_imports_no_torch(full: Path) -> None:
    code = f"""
import sys
from streamlit.testing.v1 import AppTest
app = AppTest.from_file({MAIN!r}, default_timeout=60).run().switch_page("views/evaluate/page.py").run()
assert not app.exception and app.subheader
print(sorted({{"torch", "gradio", "lightning", "datasets", "scipy", "sklearn"}} & set(sys.modules)))
"""
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)
    assert done.stdout.strip().splitlines()[-1] == "[]"
