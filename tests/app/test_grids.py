"""What the stage is told of each run: sheets and their order, layouts, classes, latents, privacy, real images."""

import io
import json
import shutil
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image
from streamlit.testing.v1 import AppTest

from dashboard.charts.styles import run_styles
from dashboard.library import real_sheet, store
from dashboard.samples import grids
from dashboard.views.evaluate import neighbours
from gan_core import data, images, runs
from gan_core.config import read_json
from tests.helpers.run_folders import make_run, settings

LIGHT = "cyclegan_resnet_light"


def _script() -> None:
    import streamlit as st

    from dashboard.charts.styles import run_styles
    from dashboard.library import store
    from dashboard.samples import grids

    library = store.library()
    chosen = [entry for name in st.session_state["chosen"] if (entry := library.find(name))]
    grids.show(library, chosen, run_styles(chosen))


def shown(*names: str, **state: str) -> AppTest:
    app = AppTest.from_function(_script, default_timeout=30)
    app.session_state["chosen"] = names
    for key, value in state.items():
        app.session_state[key] = value
    app.run()
    assert not app.exception, app.exception
    return app


def told(app: AppTest, component: str = "ganray_stage") -> dict[str, Any]:
    """The data of the one element of that name."""
    found = [e.proto for e in app.get("bidi_component") if e.proto.component_name.endswith(component)]
    assert len(found) == 1
    data = json.loads(found[0].json or found[0].mixed.json)
    assert isinstance(data, dict)
    return data


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("made")
    make_run(root, "reference/dcgan", "dcgan", 6, 5)
    make_run(root, "reference/cgan", "cgan", 6, 5)
    make_run(root, "short", "dcgan", 4, 5, "stopped", preview_every=2)
    make_run(root, "bare", "gan", 4, 5, previews=False)
    make_run(root, "private", LIGHT, 4, 5, private=True, domains=("healthy", "ill"))
    return root


EPOCHS = {"unit": "epoch", "whole": True, "kept": []}  # what the scrubber counts


@pytest.fixture
def root(made: Path, runs_root: Path) -> Path:
    shutil.copytree(made, runs_root, dirs_exist_ok=True)
    return runs_root


def test_the_scrubber_stops_where_some_run_has_a_sheet(root: Path) -> None:
    assert told(shown("short"), "ganray_scrubber") == {"stops": [0, 2], "last": 2} | EPOCHS
    assert told(shown("short", "reference/dcgan"), "ganray_scrubber") == {"stops": list(range(7)), "last": 6} | EPOCHS


def test_without_sheets_the_curves_alone_are_scrubbed(root: Path) -> None:
    app = shown("bare")
    assert told(app, "ganray_scrubber") == {"stops": [], "last": 4} | EPOCHS
    assert told(app)["runs"][0]["frames"] == []


def test_before_the_first_epoch_there_is_nothing_to_scrub(root: Path) -> None:
    run = make_run(root, "fresh", "gan", 6, 5, "running", preview_every=100)
    assert told(shown("fresh"), "ganray_scrubber") == {"stops": [0], "last": 0} | EPOCHS
    shutil.rmtree(run.folder / runs.SAMPLES)
    run.folder.joinpath(runs.STATUS).unlink()
    assert told(shown("fresh"), "ganray_scrubber") == {"stops": [], "last": 0} | EPOCHS


def test_a_run_is_told_with_its_sheets_in_order(root: Path) -> None:
    [run] = told(shown("short"))["runs"]
    assert [epoch for epoch, _ in run["frames"]] == [0, 2]
    assert run["base"].startswith("/frames/") and run["base"].endswith("/samples/short/")
    assert (run["label"], run["state"], run["private"], run["domains"]) == ("short", "stopped", False, None)
    assert run["size"] == 64
    assert str(root) not in json.dumps(run)


def test_a_private_translator_says_so(root: Path) -> None:
    [run] = told(shown("private"))["runs"]
    assert run["private"] is True
    assert "/private/private/" in run["base"]
    assert run["domains"] == ["healthy", "ill"]


def test_a_conditional_generators_samples_have_classes(root: Path) -> None:
    dcgan, cgan = told(shown("reference/dcgan", "reference/cgan"))["runs"]
    assert dcgan["classes"] == []
    assert cgan["classes"] == [name for name in ("bacterial", "covid", "normal", "viral") for _ in range(4)]


def test_latents_are_the_same_where_seed_and_size_are(root: Path) -> None:
    make_run(root, "other", "gan", 2, 5, seed=3)
    one, two, other = (run["inputs"] for run in told(shown("reference/dcgan", "reference/cgan", "other"))["runs"])
    assert one == two != other


def test_inputs_are_the_same_where_data_and_seed_are(root: Path) -> None:
    make_run(root, "again", LIGHT, 4, 5, private=True, domains=("healthy", "ill"))
    make_run(root, "turned", LIGHT, 4, 5, private=True, domains=("ill", "healthy"))
    one, two, turned = (run["inputs"] for run in told(shown("private", "again", "turned"))["runs"])
    assert one == two != turned


def test_the_ninth_run_has_no_card_and_it_is_said(root: Path) -> None:
    names = [f"run-{number}" for number in range(9)]
    for name in names:
        make_run(root, name, "gan", 1, 2)
    app = shown(*names)
    assert [run["name"] for run in told(app)["runs"]] == names[:8]
    assert "8 of the 9" in app.caption[0].value


def test_drawn_data_is_at_hand_and_each_set_once(root: Path) -> None:
    app = shown("reference/dcgan", "reference/cgan", "short")
    [real] = told(app)["real"]
    assert (real["kind"], real["label"], real["private"]) == ("Drawn", "phantom:cxr", False)
    assert real["runs"] == ["reference/dcgan", "reference/cgan", "short"]
    assert not app.text_input  # nobody has to be asked where it is


def test_who_says_where_the_data_is_sees_it(root: Path, tmp_path: Path) -> None:
    app = shown("private")
    assert told(app)["real"] == []
    field = app.text_input(key="data data/adults")
    field.set_value(str(tmp_path / "gone")).run()
    assert "There is no folder or zip" in app.error[0].value
    assert told(app)["real"] == []
    app.text_input(key="data data/adults").set_value(f" {tmp_path} ").run()
    [real] = told(app)["real"]
    assert (real["kind"], real["private"]) == ("Real", True)
    assert str(tmp_path) not in json.dumps(real)


def test_facts_are_told_by_epoch() -> None:
    facts = grids.EpochNumbers("Changes", {"There": {0: "1%", 2: "3%"}, "Back": {2: "4%"}}, "Of held-out images.")
    assert facts.as_data() == {
        "title": "Changes",
        "epochs": [0, 2],
        "rows": [["There", ["1%", "3%"]], ["Back", ["–", "4%"]]],
        "note": "Of held-out images.",
    }


@pytest.mark.parametrize(
    ("kinds", "expected"),
    [("g", 3), ("ggg", 3), ("gggg", 4), ("gggggg", 3), ("gggggggg", 4), ("t", 4), ("tg", 4)],
)
def test_cards_fill_their_rows(root: Path, kinds: str, expected: int) -> None:
    found = {"g": store.library().find("reference/dcgan"), "t": store.library().find("private")}
    assert grids.columns([entry for kind in kinds if (entry := found[kind])]) == expected


def test_the_sheets_layout_is_the_one_that_the_script_counts_on(root: Path) -> None:
    """stage_card.js cuts samples out of the sheets: 4 x 4 of a generator, 6 x 4 of a translator, 2 pixels between."""
    script = (grids.HERE / "stage_card.js").read_text()
    assert f"const PADDING = {images.GRID_PADDING};" in script
    for name, columns, rows in (("reference/dcgan", 4, 4), ("private", 6, 4)):
        entry = store.library().find(name)
        assert entry and entry.config
        sheet = images.read_png(entry.sheets[0])
        side = (sheet.shape[1] - 2) // columns - 2
        assert sheet.shape[:2] == (rows * (side + 2) + 2, columns * (side + 2) + 2)
        assert f"columns: {columns}, rows: {rows}" in script


def test_every_text_of_a_run_goes_to_the_browser_as_data(root: Path) -> None:
    """No text of a run is in the component's HTML, and the script writes none as HTML."""
    odd = ("<b>bold</b>", "a*b_c [x](y)")
    make_run(root, "odd", LIGHT, 1, 2, domains=odd)
    app = shown("odd")
    assert told(app)["runs"][0]["domains"] == list(odd)
    for element in app.get("bidi_component"):
        assert "<b>bold" not in element.proto.html_content
    for path in grids.HERE.glob("stage*.js"):
        assert "innerHTML" not in path.read_text()


def test_a_deleted_run_does_not_stop_the_stage(root: Path) -> None:
    library = store.library()
    entry = library.find("short")
    assert entry
    shutil.rmtree(root / "short")
    assert grids.describe(entry, run_styles([entry])["short"])["frames"] == []


def test_the_latents_size_counts(root: Path) -> None:
    path = root / "short" / runs.CONFIG
    config = read_json(path)
    config["settings"]["latent_size"] = 7
    path.write_text(json.dumps(config))
    one, two = (run["inputs"] for run in told(shown("short", "reference/dcgan"))["runs"])
    assert one != two


def test_noise_in_the_shape_of_the_images_is_the_same_at_one_size_alone(root: Path) -> None:
    """Flow matching has no latent vector."""
    found = []
    for name, size in (("small", 32), ("large", 64), ("again", 64)):
        path = make_run(root, name, "flow", 1, 2).folder / runs.CONFIG
        config = read_json(path)
        del config["settings"]["latent_size"]
        path.write_text(json.dumps(config | {"image_size": size}))
        entry = store.library().find(name)
        assert entry
        found.append(grids.inputs(entry))
    assert found[0] != found[1] == found[2]


def test_real_images_beside_generated_ones_have_the_greys_of_the_training(tmp_path: Path) -> None:
    """Two exposures of 16 bits: by its own range, a faint picture would look like a strong one."""
    (tmp_path / "set").mkdir()
    for number in range(20):
        ramp = np.linspace(0, 20_000 if number % 2 else 4_000, 48 * 48).reshape(48, 48)
        Image.fromarray(ramp.astype(np.uint16)).save(tmp_path / "set" / f"{number:02}.png")
    prepared = data.prepare(str(tmp_path / "set"), size=32, progress=False)
    config = replace(settings("gan", 1, 0), source=str(tmp_path / "set"), image_size=32, data=prepared.summary())
    config = replace(config, classes=prepared.classes, class_counts=(len(prepared.names),))
    found = neighbours.training(config.source, config, prepared.names)
    assert all(np.array_equal(found[name], prepared.images[i]) for i, name in enumerate(prepared.names))
    assert len({int(picture.max()) for picture in found.values()}) == 2
    sheet = real_sheet.sheet(config, real_sheet.token(config, config.source))
    with Image.open(io.BytesIO(sheet)) as opened:
        cells = [np.asarray(opened)[2:34, 2 + 34 * column : 34 + 34 * column] for column in range(real_sheet.COLUMNS)]
    trained = {picture.tobytes() for picture in prepared.images}
    assert {cell.tobytes() for cell in cells} <= trained
