"""Each page over whole, missing, damaged and vanishing runs; nothing that a user can see is a traceback."""

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from gan_core import runs
from tests.conftest import ROOT
from tests.helpers.pages import MAIN, PAGES, healthy, new_app, open_page, plotted, settings_of, staged, texts
from tests.helpers.run_folders import make_run

FOUR = ("gan", "dcgan", "cgan", "bigan")


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Four reference runs and one of the user's own, made once."""
    root = tmp_path_factory.mktemp("made")
    for seed, preset in enumerate(FOUR):
        make_run(root, f"reference/{preset}", preset, 6, 10, seed=seed)
    make_run(root, "mine", "dcgan", 4, 10, "stopped", preview_every=2, reason="stopped by SIGTERM")
    return root


@pytest.fixture
def full(made: Path, runs_root: Path) -> Path:
    """A copy of them, for this test alone."""
    shutil.copytree(made, runs_root, dirs_exist_ok=True)
    return runs_root


@pytest.mark.parametrize("page", PAGES)
def test_pages_over_no_runs(runs_root: Path, page: str) -> None:
    app = open_page(page)
    if page == "train":
        assert app.button(key="start")
    else:
        assert "No runs yet" in texts(app)
        assert [link.value for link in app.page_link] == ["Train a GAN"]


@pytest.mark.parametrize("page", PAGES)
def test_pages_over_a_folder_that_is_not_there(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, page: str) -> None:
    monkeypatch.setenv("GANRAY_RUNS", str(tmp_path / "nowhere"))
    open_page(page)


def test_compare_begins_with_the_reference_runs_at_their_last_epoch(full: Path) -> None:
    app = open_page()
    assert app.multiselect(key="runs").value == [f"reference/{name}" for name in FOUR]
    assert staged(app, "ganray_scrubber") == {"stops": list(range(7)), "last": 6} | {
        "unit": "epoch",
        "whole": True,
        "kept": [],
    }
    assert [run["label"] for run in staged(app)["runs"]] == list(FOUR)
    titles = [chart["title"] for chart in plotted(app)]
    assert titles == ["Generator loss", "Discriminator loss", "Discriminator accuracy"]
    assert "Generated pictures: synthetic, not for diagnosis." in texts(app)
    (table,) = settings_of(app)
    assert list(table.columns) == list(FOUR)
    assert table.index.tolist() == ["Preset", "Seed"]  # all else is the same
    assert table.loc["Preset"].tolist() == list(FOUR)
    assert all(0 < float(value) < 5 for value in app.table[0].value.loc["Generator loss"])


def test_compare_begins_with_the_newest_runs_where_there_are_no_reference_runs(runs_root: Path) -> None:
    for number in range(5):
        make_run(runs_root, f"run-{number}", "gan", 1, 2)
    assert len(open_page().multiselect(key="runs").value) == 4


def test_the_url_holds_the_view(full: Path) -> None:
    app = open_page(runs=["mine", "reference/gan"], epoch="3", smoothing="0.5")
    assert app.multiselect(key="runs").value == ["mine", "reference/gan"]
    assert app.slider(key="smoothing").value == 0.5
    app.slider(key="smoothing").set_value(0.7).run()
    assert app.query_params["epoch"] == "3"  # the browser's own, which a run of the page leaves alone


def test_a_url_with_nonsense_opens_the_page(full: Path) -> None:
    app = open_page(runs=["../../etc", "nobody"], epoch="-7", smoothing="soft")
    assert set(app.multiselect(key="runs").value) <= {f"reference/{name}" for name in FOUR}


def test_compare_without_a_choice_says_what_to_do(full: Path) -> None:
    app = open_page()
    app.multiselect(key="runs").set_value([]).run()
    assert "Choose one" in texts(healthy(app))


def test_eight_runs_side_by_side(full: Path) -> None:
    for preset in FOUR:
        make_run(full, f"reference/{preset}_seed", f"{preset}_baseline", 3, 5)
    names = [f"reference/{preset}{end}" for preset in FOUR for end in ("", "_seed")]
    app = open_page(runs=names)
    assert app.multiselect(key="runs").value == names
    assert [run["name"] for run in staged(app)["runs"]] == names
    assert [len(chart["curves"]) for chart in plotted(app)] == [8, 8, 8]


def test_compare_when_a_run_is_deleted_while_it_is_open(full: Path) -> None:
    app = open_page()
    shutil.rmtree(full / "reference" / "cgan")
    healthy(app.run())
    assert app.multiselect(key="runs").value == ["reference/gan", "reference/dcgan", "reference/bigan"]
    shutil.rmtree(full)
    assert "No runs yet" in texts(healthy(app.run()))


@pytest.mark.parametrize("page", PAGES)
def test_broken_runs_leave_the_others_alone(full: Path, page: str) -> None:
    for name, content in (("newer", '{"format": 99}'), ("torn", "{"), ("odd *name* <b>", "[]")):
        (full / name).mkdir()
        (full / name / runs.CONFIG).write_text(content)
    app = open_page(page)
    if page == "compare":
        assert all(len(chart["curves"]) == 4 for chart in plotted(app))
        assert "newer GANray" in texts(app)
        assert r"odd \*name\* \<b\>" in texts(app)
    if page == "run":
        app.selectbox(key="run").set_value("newer").run()
        assert "newer GANray" in texts(healthy(app))


@pytest.mark.parametrize("harm", ["missing", "empty", "torn", "noise"])
@pytest.mark.parametrize("file", ["metrics.csv", "epochs.csv", "status.json", "progress.gif", "samples"])
def test_damaged_files_do_not_stop_a_page(full: Path, file: str, harm: str) -> None:
    path = full / "reference" / "gan" / file
    for each in sorted(path.iterdir()) if path.is_dir() else [path]:
        content = each.read_bytes()
        if harm == "missing":
            each.unlink()
        else:
            torn = content[: len(content) * 2 // 3 - 1]
            each.write_bytes({"empty": b"", "torn": torn, "noise": b"\x00\xff,\n,,,\n"}[harm])
    app = open_page("compare", run="reference/gan")
    healthy(app.switch_page("views/run/page.py").run())


def test_an_epoch_that_is_no_number_reaches_no_element(full: Path) -> None:
    table = full / "mine" / runs.EPOCHS
    header, *rows = table.read_text().splitlines()
    odd = [f"{epoch},{rows[0].partition(',')[2]}" for epoch in ("", "nan", "inf", "1e300")]
    table.write_text("\n".join([header, *odd, *rows]) + "\n")
    app = open_page("run", run="mine", discriminator_scores="open")
    elements = [element.proto for element in app.get("bidi_component")]
    assert elements and not any(word in element.json for element in elements for word in ("NaN", "Infinity"))


def test_run_shows_everything_of_a_run(full: Path) -> None:
    app = open_page("run", run="mine")
    shown = texts(app)
    assert "Stopped by SIGTERM" in shown
    titles = [chart["title"] for chart in plotted(app)]
    assert len(titles) == 9 and {"Generator loss", "Discriminator loss", "Accuracy on held-out images"} < set(titles)
    assert [metric.value for metric in app.metric][:2] == ["2 / 4", "20"]
    labels = [button.label for button in app.get("download_button")]
    assert any(label.startswith("weights.safetensors") for label in labels)
    assert any("sample grids" in label for label in labels)
    assert app.button(key="resume")


def test_reference_runs_have_no_buttons_that_change_them(full: Path) -> None:
    app = open_page("run", run="reference/gan")
    assert [button.label for button in app.button] == ["Evaluate"]  # its result lies in the user's own folder


def test_run_says_why_a_training_failed(full: Path) -> None:
    make_run(full, "failed", "gan", 2, 4, "failed", reason="loss/g is not a number at step 5: lower lr")
    assert r"Loss/g is not a number at step 5\: lower lr\." in texts(open_page("run", run="failed"))


def test_every_grid_of_a_run_can_be_opened(full: Path) -> None:
    app = open_page("run", run="reference/gan")
    before = len(app.get("image"))
    app.session_state["all grids"] = True
    healthy(app.run())
    assert len(app.get("image")) == before + 7


def test_a_running_run_is_followed(full: Path) -> None:
    make_run(full, "now", "gan", 6, 10, "running")
    for page in PAGES:
        open_page(page, run="now", runs=["now"])
    app = open_page("train")
    assert app.progress[0].text.startswith("epoch 4 of 6, step 40 of 60")
    assert [button.label for button in app.button if button.label == "Stop"] == ["Stop"]


def test_a_training_that_stops_is_not_stopped_twice(runs_root: Path) -> None:
    make_run(runs_root, "now", "gan", 6, 10, "running", reason="stopped by you")
    for page in ("run", "train"):
        app = open_page(page, run="now")
        [button] = [button for button in app.button if button.label.startswith("Stop")]
        assert button.label == "Stopping…" and button.disabled
    assert app.progress[0].text.startswith("epoch 4 of 6, step 40 of 60, stopping: the training writes a checkpoint")


@pytest.mark.parametrize(
    ("key", "value", "words"),
    [
        ("name", "../x", "use up to 100 letters"),
        ("name", "mine", "exists already"),
        ("name", "reference", "reserved"),
        ("source", "", "name a folder"),
        ("source", "/no/such/folder", "there is no folder or zip"),
        ("source", "phantom:moon", "the phantoms are"),
        ("source", "hf:nobody", "hf:owner/name"),
    ],
)
def test_train_names_a_mistake_where_it_is_made(full: Path, key: str, value: str, words: str) -> None:
    app = open_page("train")
    assert not app.button(key="start").disabled
    app.text_input(key=key).set_value(value).run()
    assert words in texts(healthy(app)).replace("\\", "")
    assert app.button(key="start").disabled


def test_train_offers_every_preset_and_a_free_name(full: Path) -> None:
    make_run(full, "dcgan-1", "dcgan", 1, 2)
    app = open_page("train")
    assert set(FOUR) <= set(app.selectbox(key="preset").options)
    assert app.text_input(key="name").proto.placeholder == "dcgan-2"
    app.selectbox(key="preset").set_value("bigan").run()
    assert app.text_input(key="name").proto.placeholder == "bigan-1"


def test_train_asks_for_pairs_where_a_preset_learns_from_them(full: Path, tmp_path: Path) -> None:
    for name in ("T1", "T2"):
        (tmp_path / "slices" / name).mkdir(parents=True)
    app = open_page("train")
    app.text_input(key="source").set_value(str(tmp_path / "slices")).run()
    assert not [field for field in app.text_input if field.key == "pair_pattern"]
    app.selectbox(key="preset").set_value("pix2pix").run()
    assert not app.button(key="start").disabled
    app.text_input(key="pair_pattern").set_value("slice_").run()
    assert "has 0 groups" in texts(healthy(app)).replace("\\", "")
    assert app.button(key="start").disabled
    app.text_input(key="pair_pattern").set_value(r"slice_(\d+)").run()
    assert not app.button(key="start").disabled
    app.text_input(key="source").set_value("phantom:colour").run()
    assert not [field for field in app.text_input if field.key == "pair_pattern"]
    assert "in the colours of tissue" in texts(healthy(app))


def test_a_translator_of_pairs_is_offered_no_generated_inputs(full: Path) -> None:
    app = open_page("train")
    for preset, offered in (("cyclegan_unet", True), ("pix2pix", False)):
        app.selectbox(key="preset").set_value(preset).run()
        app.selectbox(key="image_size").set_value(64).run()
        inputs = app.selectbox(key="preview_inputs").options
        assert "drawn: phantom:cxr" in inputs and any(one.startswith("generated: ") for one in inputs) == offered


def test_an_unforeseen_error_is_a_sentence_and_details(full: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: object) -> None:
        raise RuntimeError("the roof is on fire")

    monkeypatch.setattr("dashboard.library.store.Library.entries", fail)
    app = new_app().run()
    assert not app.exception
    assert "could not be drawn" in app.error[0].value
    assert "RuntimeError: the roof is on fire" in app.code[0].value
    assert "Traceback" not in app.code[0].value


@pytest.mark.processes
@pytest.mark.slow
def test_the_pages_import_neither_torch_nor_gradio(full: Path) -> None:
    code = f"""
import sys
from streamlit.testing.v1 import AppTest
app = AppTest.from_file({MAIN!r}, default_timeout=60).run()
heavy = {{"torch", "gradio", "lightning", "datasets"}}
for page in ("compare", "run", "glossary", "train"):
    if page == "train":
        assert "scipy" not in sys.modules  # its look at the phantoms draws some, which needs it
    app.switch_page(f"views/{{page}}/page.py").run()
    assert not app.exception
print(sorted(heavy & set(sys.modules)))
"""
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)
    assert done.stdout.strip().splitlines()[-1] == "[]"
