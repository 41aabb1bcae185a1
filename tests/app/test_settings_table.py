"""What differs between runs, and what is said about the rest."""

import json
from pathlib import Path

import pytest

from dashboard.library import queries
from dashboard.library.notes import Note, Notes
from dashboard.library.store import Entry, Library
from dashboard.widgets import settings_table
from gan_core import run_options, runs
from tests.helpers.pages import healthy, open_page, settings_of, texts
from tests.helpers.run_folders import make_run


def change(folder: Path, **settings: object) -> None:
    """Other settings in a run's config.json."""
    path = folder / runs.CONFIG
    config = json.loads(path.read_text())
    config["settings"] |= settings
    path.write_text(json.dumps(config))


def group(root: Path, *names: str) -> list[Entry]:
    found = {entry.name: entry for entry in Library(root).readable()}
    return [found[name] for name in names]


def unlike(rows: dict[str, list[str]]) -> dict[str, list[str]]:
    return {title: cells for title, cells in rows.items() if settings_table.differ(cells)}


def test_only_what_differs_is_left(tmp_path: Path) -> None:
    make_run(tmp_path, "a", "dcgan", 4, 2)
    make_run(tmp_path, "b", "dcgan", 4, 2, seed=7)
    change(tmp_path / "b", lr=1e-5, normalize=True, generator=[16, 32])
    rows = settings_table.settings(group(tmp_path, "a", "b"), {"b": Note("", ("good", "new"))})
    assert unlike(rows) == {
        "Seed": ["0", "7"],
        "Learning rate": ["0.0002", "1e-05"],
        "Normalize": ["–", "yes"],
        "Generator": ["–", "16, 32"],
        "Tags": ["–", "good, new"],
    }
    assert rows["Training images"] == ["4077", "4077"] and rows["Image size"] == ["64 px", "64 px"]
    assert rows["Classes"] == ["bacterial, covid, normal, viral"] * 2
    assert rows["Betas"] == ["0.5, 0.999"] * 2
    assert list(rows)[-3:] == ["Version of ganray", "Version of torch", "Tags"]


def test_translators_are_told_apart_by_their_domains(tmp_path: Path) -> None:
    make_run(tmp_path, "a", "cyclegan_unet", 3, 2)
    make_run(tmp_path, "b", "cyclegan_resnet", 3, 2, domains=("T1", "T2"))
    rows = unlike(settings_table.settings(group(tmp_path, "a", "b"), {}))
    assert rows["Classes"] == ["NORMAL ↔ COVID", "T1 ↔ T2"]
    assert rows["Objective"] == ["cross_entropy", "least_squares"]
    assert "Training images" not in rows and "Domains" not in rows


@pytest.mark.parametrize(
    ("same", "every", "words"),
    [
        ([], False, "They differ in every setting."),
        (["Seed"], False, "1 setting is the same in all of them: seed."),
        (["Seed", "Data"], True, "2 settings are the same in all of them."),
        (list("ABCDEFGH"), False, "8 settings are the same in all of them: a, b, c, d, e, f and 2 more."),
    ],
)
def test_one_line_about_the_rest(same: list[str], every: bool, words: str) -> None:
    assert settings_table.summary(same, every) == words


@pytest.mark.parametrize(
    ("key", "found", "words"),
    [
        ("source", "/data/chest/train", "chest/train"),
        ("class_counts", (399, 743), "399 and 743"),
        ("settings.r1", 0.0, "0"),
        ("settings.average", 0.999, "0.999"),
        ("settings.generator", (), "none"),
        ("git_commit", None, "–"),
        ("git_commit", "0123456789abcdef", "0123456789ab"),
    ],
)
def test_settings_read_as_people_write_them(key: str, found: queries.Value, words: str) -> None:
    assert settings_table.value(found, key) == words


def test_the_page_shows_what_differs_and_all_on_demand(runs_root: Path) -> None:
    make_run(runs_root, "a", "dcgan", 4, 4)
    make_run(runs_root, "b", "gan", 6, 4)
    Notes(runs_root).change_tags("a", (), ("odd _tag_",))
    app = open_page(runs=["a", "b"])
    (table,) = settings_of(app)
    assert table.index.tolist() == ["Preset", "Epochs", "Tags"]
    assert table.loc["Tags"].tolist() == ["odd _tag_", "–"]
    assert "settings are the same in all of them: data, " in texts(app).replace("\\", "")
    app.toggle(key="every-setting-generate").set_value(True).run()
    assert {"Preset", "Seed", "Learning rate"} < set(settings_of(healthy(app))[0].index)
    assert set(app.table[0].value.columns) == {"a", "b"}


def test_one_run_shows_all_its_settings(runs_root: Path) -> None:
    make_run(runs_root, "a", "dcgan", 4, 4)
    app = open_page(runs=["a"])
    assert {"Preset", "Seed", "Learning rate"} < set(settings_of(app)[0].index)
    assert not any(toggle.key == "every-setting-generate" for toggle in app.toggle)


def test_a_setting_says_what_it_is_as_its_family_and_the_options_declare(runs_root: Path) -> None:
    for name, preset in (("a", "dcgan"), ("b", "r3gan"), ("c", "cyclegan_resnet_light")):
        make_run(runs_root, name, preset, 1, 2)
    found = settings_table.explanations(group(runs_root, "a", "b", "c"))
    assert found["Latent size"] == "dimensions of the latent vector z"
    assert found["Adam beta 1"].startswith("Adam's beta 1: ")
    assert "; or " in found["R1 penalty"]  # of two families
    assert (
        found["Mirror"].startswith("training images are enlarged")
        and "and mirrored half of the time" in found["Mirror"]
    )
    assert found["Seed"] == run_options.declared()["seed"].help
    body = settings_table.as_html(["<a>"], {"Seed": ["<1>"], "Own": ["2"]}, {"Seed": "it's <b>"})
    assert "<details title='it&#x27;s &lt;b&gt;'><summary>Seed</summary>" in body
    assert "&lt;1&gt;" in body and "<th scope='row'>Own</th>" in body and "&lt;a&gt;" in body


def test_what_was_found_in_the_images_and_where_a_run_lay_is_no_setting(tmp_path: Path) -> None:
    make_run(tmp_path, "a", "dcgan", 4, 2)
    path = tmp_path / "a" / runs.CONFIG
    config = json.loads(path.read_text())
    config["data"] = {"patients": 3, "patients_from": "names", "skipped": 1, "warnings": ["skipped Doe_Jane_1961.png"]}
    began = {"run": "/home/jane/runs/base", "epoch": 9, "image_size": 32, "steps": 9, "images": 90, "seconds": 9.0}
    path.write_text(json.dumps(config | {"grown_from": began}))
    rows = settings_table.settings(group(tmp_path, "a"), {})
    assert rows["Began as"] == ["base, 32 px, epoch 9"]
    assert not [title for title in rows if title.startswith(("Data.", "Grown"))]
    assert "jane" not in str(rows).lower()
