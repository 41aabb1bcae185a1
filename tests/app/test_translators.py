"""Each page over runs that translate: mixed with generators, running, private, without previews, damaged."""

import json
import shutil
from pathlib import Path

import pytest
from streamlit.testing.v1 import AppTest

from dashboard.jobs import Jobs
from gan_core import runs
from gan_core.run_options import RunOptions
from tests.helpers.pages import PAGES, animated, healthy, open_page, plotted, settings_of, staged, texts
from tests.helpers.run_folders import make_run

pytestmark = pytest.mark.slow

LIGHT, UNET = "cyclegan_resnet_light", "cyclegan_unet_light"


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """One generator and four translators, made once."""
    root = tmp_path_factory.mktemp("made")
    make_run(root, "reference/dcgan", "dcgan", 6, 10)
    make_run(root, "resnet", LIGHT, 6, 10)
    make_run(root, "unet", UNET, 4, 10, seed=1)
    make_run(root, "private", LIGHT, 4, 10, seed=2, private=True, domains=("healthy", "ill"))
    make_run(root, "bare", LIGHT, 4, 10, seed=3, previews=False)
    return root


@pytest.fixture
def full(made: Path, runs_root: Path) -> Path:
    """A copy of them, for this test alone."""
    shutil.copytree(made, runs_root, dirs_exist_ok=True)
    return runs_root


def headings(app: AppTest) -> list[str]:
    return [element.proto.body for element in app.get("html") if 'class="sheet-headings"' in element.proto.body]


def charts(app: AppTest) -> dict[str, list[str]]:
    """The names of the curves of each chart of Compare, by the chart's title."""
    found = [e.proto for e in app.get("bidi_component") if e.proto.component_name.endswith("ganray_plots")]
    told = [json.loads(proto.json) for proto in found]
    return {
        chart["title"]: [data["lanes"][curve["lane"]]["label"] for curve in chart["curves"]]
        for data in told
        for chart in data["charts"]
    }


def test_generators_and_translators_stand_side_by_side(full: Path) -> None:
    app = open_page(runs=["reference/dcgan", "resnet"])
    shown = texts(app)
    assert "Runs that learn to generate" in shown and "Runs that learn to translate" in shown
    assert [run["domains"] for run in staged(app)["runs"]] == [None, ["NORMAL", "COVID"]]
    assert len(plotted(app)) == 3 + 5
    generated, translated = settings_of(app)
    assert "Latent size" in generated.index and "Domains" not in generated.index
    assert translated.loc["Classes"].tolist() == ["NORMAL ↔ COVID"]
    assert translated.loc["Training images"].tolist() == ["399 and 743"]
    assert [translated.loc[name].tolist() for name in ("Adversarial", "Cycle", "Identity")] == [["1"], ["10"], ["5"]]
    last = app.table[1].value
    assert last.loc["Change, NORMAL → COVID"].tolist() == ["9.0%"]
    assert "Diversity of the samples" not in last.index
    assert "same inputs" in shown and "same latent vectors" in shown


def test_losses_of_two_objectives_are_never_in_one_chart(full: Path) -> None:
    app = open_page(runs=["resnet", "unet", "private"])
    drawn = charts(app)
    assert drawn["Cycle loss"] == drawn["Discriminator accuracy"] == ["resnet", "unet", "private"]
    for title in ("Adversarial loss", "Discriminator loss"):
        assert drawn[f"{title}, least squares"] == ["resnet", "private"]
        assert drawn[f"{title}, cross entropy"] == ["unet"]
        assert title not in drawn
    last = app.table[0].value
    assert [value.partition(" ")[2].replace("\\", "") for value in last.loc["Adversarial loss"]] == [
        "(least squares)",
        "(cross entropy)",
        "(least squares)",
    ]
    assert "Change, A → B" in last.index  # their domains have different names
    told = [e.proto for e in app.get("bidi_component") if e.proto.component_name.endswith("ganray_plots")]
    notes = {lane["label"]: lane["note"] for lane in json.loads(told[0].json)["lanes"]}
    assert notes["unet"] == "NORMAL ↔ COVID, cross entropy"


def test_one_objective_needs_no_label(full: Path) -> None:
    drawn = charts(open_page(runs=["resnet", "private"]))
    assert list(drawn) == [
        "Cycle loss",
        "Identity loss",
        "Adversarial loss",
        "Discriminator loss",
        "Discriminator accuracy",
    ]


def test_what_is_not_learned_is_not_drawn(full: Path) -> None:
    path = full / "unet" / runs.CONFIG
    config = json.loads(path.read_text())
    config["settings"]["identity"] = 0.0
    path.write_text(json.dumps(config))
    assert charts(open_page(runs=["resnet", "unet"]))["Identity loss"] == ["resnet"]
    app = open_page(runs=["unet"])
    assert "Identity loss" not in {chart["title"] for chart in plotted(app)}
    assert "Identity loss" not in app.table[0].value.index


@pytest.mark.parametrize("page", ("compare", "run", "train"))
def test_private_previews_are_shown_with_a_badge(full: Path, page: str) -> None:
    if page == "train":
        make_run(full, "going", LIGHT, 4, 10, "running", private=True)
    app = open_page(page, runs=["private"], run="private")
    assert len(app.get("image")) == (page == "train")  # the last sheet
    assert animated(app) == (page == "run")
    if page != "train":
        assert staged(app)["runs"][0]["private"] is True
    if page == "compare":
        return  # the browser draws the badge on the card: tests/browser/test_stage.py
    said = texts(app) + "".join(element.proto.body for element in app.get("html"))
    assert "real inputs" in said.lower() and "stays on this machine" in said.lower()


def test_public_previews_have_no_badge(full: Path) -> None:
    for page in ("compare", "run"):
        assert "stays on this machine" not in texts(open_page(page, runs=["resnet", "unet"], run="resnet"))


def test_private_previews_cannot_be_downloaded(full: Path) -> None:
    app = open_page("run", run="private")
    labels = [button.label for button in app.get("download_button")]
    assert any(label.startswith("weights.safetensors") for label in labels)
    assert not any("grids" in label or "gif" in label or "png" in label for label in labels)


def test_run_shows_a_translator_in_its_own_terms(full: Path) -> None:
    app = open_page("run", run="private")
    titles = ("Cycle loss, healthy", "Identity loss, ill", "Adversarial loss, healthy → ill", "Change, ill → healthy")
    drawn = [chart["title"] for chart in plotted(app)]
    assert len(drawn) == 20 and set(titles) < set(drawn)
    [run] = staged(app)["runs"]
    assert run["facts"]["epochs"] == [0, 1, 2, 3, 4]
    assert dict(run["facts"]["rows"])["Change, healthy → ill"][4] == "9.0%"
    assert "held-out" in run["facts"]["note"]
    tables = {key: value for table in app.table for key, value in table.value.iloc[:, 0].items()}
    assert tables["Domains"] == "healthy ↔ ill"
    assert tables["Preview inputs"].replace("\\", "") == "held-out (private)"
    app.session_state["all grids"] = True
    assert len(healthy(app.run()).get("image")) == 5


def test_a_cross_entropys_scores_are_parted_at_nought(full: Path) -> None:
    for name, boundary in (("unet", 0.0), ("resnet", 0.5)):
        app = open_page("run", run=name)
        told = [e.proto for e in app.get("bidi_component") if e.proto.component_name.endswith("ganray_scores")]
        assert json.loads(told[0].json)["runs"][0]["boundary"] == boundary


@pytest.mark.parametrize("page", PAGES)
def test_a_translator_without_previews_yet(full: Path, page: str) -> None:
    make_run(full, "fresh", LIGHT, 6, 10, "running", previews=False)
    app = open_page(page, runs=["bare", "fresh"], run="bare")
    assert not app.get("image")
    if page == "run":
        assert "No sample grid yet" in texts(app)


@pytest.mark.parametrize("page", PAGES)
def test_a_running_translator_is_followed(full: Path, page: str) -> None:
    make_run(full, "going", LIGHT, 6, 10, "running")
    app = open_page(page, runs=["going", "reference/dcgan"], run="going")
    if page == "train":
        assert len(headings(app)) == 1
        assert app.progress[0].text.startswith("epoch 4 of 6")
        assert "Discriminator accuracy" in texts(app)


@pytest.mark.parametrize("harm", ["missing", "empty", "torn"])
@pytest.mark.parametrize("file", [runs.METRICS, runs.EPOCHS, runs.STATUS, runs.PRIVATE, runs.CONFIG])
def test_damaged_translators_do_not_stop_a_page(full: Path, file: str, harm: str) -> None:
    path = full / "private" / file
    for each in sorted(path.iterdir()) if path.is_dir() else [path]:
        content = each.read_bytes()
        if harm == "missing":
            each.unlink()
        else:
            each.write_bytes(content[: len(content) * 2 // 3 - 1] if harm == "torn" else b"")
    app = open_page("compare", runs=["private", "resnet"], run="private")
    healthy(app.switch_page("views/run/page.py").run())


def test_names_of_domains_are_shown_as_they_are(full: Path) -> None:
    odd = ("<b>bold</b>", "a*b_c [x](y)")
    make_run(full, "odd", LIGHT, 2, 5, domains=odd)
    for page in ("compare", "run"):
        app = open_page(page, runs=["odd"], run="odd")
        assert staged(app)["runs"][0]["ways"][0] == list(odd)  # the browser shows them as plain text
    assert "<b>" not in headings(app)[0]
    assert "&lt;b&gt;bold&lt;/b&gt; → a*b_c [x](y)" in headings(app)[0]


def choose(app: AppTest, **fields: str | int | None) -> AppTest:
    for key, value in fields.items():
        kind = app.text_input if key == "source" else app.selectbox
        kind(key=key).set_value(value).run()
    return healthy(app)


def test_train_asks_a_translator_for_its_domains(full: Path) -> None:
    app = open_page("train")
    assert "domain_a" not in [field.key for field in app.selectbox]
    choose(app, preset=LIGHT)
    assert (app.selectbox(key="domain_a").value, app.selectbox(key="domain_b").value) == ("normal", "covid")
    assert (app.selectbox(key="image_size").value, app.number_input(key="batch_size").value) == (128, 1)
    assert app.number_input(key="epochs").value == 10
    assert not app.button(key="start").disabled
    app.number_input(key="epochs").set_value(7).run()
    choose(app, preset=UNET)  # of the same task: what was typed stays
    assert app.number_input(key="epochs").value == 7
    choose(app, preset="gan")
    assert (app.selectbox(key="image_size").value, app.number_input(key="batch_size").value) == (64, 32)


def test_domains_follow_the_data(full: Path, tmp_path: Path) -> None:
    for name in ("train/T2", "train/T1", "val/T1", ".hidden"):
        (tmp_path / "slices" / name).mkdir(parents=True)
    app = choose(open_page("train"), preset=UNET, source=str(tmp_path / "slices"))
    assert (app.selectbox(key="domain_a").value, app.selectbox(key="domain_b").value) == ("T1", "T2")
    assert app.selectbox(key="domain_a").options == ["T1", "T2"]
    assert "in a private folder" in texts(app)
    assert app.selectbox(key="preview_inputs").options == ["held-out images of the data", "drawn: phantom:mri"]
    choose(app, preview_inputs="phantom:mri")
    assert "in a private folder" not in texts(app)
    choose(app, source="hf:owner/name")  # whose classes are not known: the fields may stay empty
    assert app.selectbox(key="domain_a").value is None
    assert not app.button(key="start").disabled


def test_generators_of_the_same_classes_can_give_the_inputs(full: Path) -> None:
    run = make_run(full, "adults", "cgan", 2, 5)
    config = json.loads((run.folder / runs.CONFIG).read_text()) | {"image_size": 128}
    (run.folder / runs.CONFIG).write_text(json.dumps(config))
    app = choose(open_page("train"), preset=LIGHT)
    assert "generated: adults" in app.selectbox(key="preview_inputs").options
    choose(app, image_size=64)
    assert "generated: adults" not in app.selectbox(key="preview_inputs").options


@pytest.mark.parametrize(
    ("a", "b", "words"),
    [
        ("normal", None, "choose two classes"),
        (None, None, "choose two classes"),
        ("covid", "covid", "choose two different classes"),
    ],
)
def test_a_mistake_in_the_domains_is_named(full: Path, a: str | None, b: str | None, words: str) -> None:
    app = choose(open_page("train"), preset=LIGHT, domain_a=a, domain_b=b)
    assert words in texts(app).replace("\\", "")
    assert app.button(key="start").disabled


def test_train_passes_on_what_was_chosen(full: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    orders: dict[str, RunOptions] = {}
    monkeypatch.setattr(Jobs, "train", lambda _, name, options: orders.update({name: options}))
    app = choose(open_page("train"), preset=LIGHT, domain_a="viral", preview_inputs="phantom:cxr")
    healthy(app.button(key="start").click().run())
    choose(app, preset="dcgan")
    healthy(app.button(key="start").click().run())
    assert orders == {
        f"{LIGHT}-1": RunOptions(
            LIGHT,
            "phantom:cxr",
            epochs=10,
            image_size=128,
            batch_size=1,
            domains=("viral", "covid"),
            preview_inputs="phantom:cxr",
        ),
        "dcgan-1": RunOptions("dcgan", "phantom:cxr", epochs=20, image_size=64, batch_size=32),
    }
