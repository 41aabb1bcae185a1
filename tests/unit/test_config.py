"""config.json: strict both ways, and clear about what is wrong."""

import dataclasses
import json
from pathlib import Path
from typing import Any

import pytest

from gan_core import config
from gan_core.config import RunConfig
from gan_core.errors import UserError
from tests.helpers.configs import CONFIG


def write(path: Path, **changes: Any) -> Path:
    path.write_text(json.dumps(config.to_dict(CONFIG) | changes))
    return path


def test_round_trip(tmp_path: Path) -> None:
    assert config.read_run_config(write(tmp_path / "config.json")) == CONFIG
    assert CONFIG.train_images == 40


def test_a_byte_order_mark_of_an_editor_is_no_damage(tmp_path: Path) -> None:
    path = write(tmp_path / "config.json")
    path.write_text(path.read_text(), encoding="utf-8-sig")
    assert path.read_bytes().startswith(b"\xef\xbb\xbf") and config.read_run_config(path) == CONFIG


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"format": config.NEWEST + 1}, "newer GANray"),
        ({"epoch": 3}, "unknown setting 'epoch'. Did you mean 'epochs'"),
        ({"epochs": "three"}, "'epochs' should be int, found 'three'"),
        ({"epochs": True}, "'epochs' should be int"),
        ({"precision": "16"}, "it must be one of 32-true, bf16-mixed"),
        ({"classes": "normal"}, "'classes' should be"),
        ({"git_commit": 5}, "'git_commit' should be str"),
    ],
)
def test_what_is_wrong_is_named(changes: dict[str, Any], message: str, tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"config\.json") as caught:
        config.read_run_config(write(tmp_path / "config.json", **changes))
    assert message in str(caught.value)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("content", [b"", b"{", b"[1]", b"null", b"\xff\xfe", b"[" * 100_000, b'{"preset": "gan"}'])
def test_damaged_files_are_one_line(content: bytes, tmp_path: Path) -> None:
    (tmp_path / "config.json").write_bytes(content)
    with pytest.raises(UserError, match=r"config\.json"):
        config.read_run_config(tmp_path / "config.json")


def test_missing_values_are_named() -> None:
    values = config.to_dict(CONFIG)
    del values["seed"]
    with pytest.raises(UserError, match="'seed' is missing"):
        config.from_dict(RunConfig, values, "here")


def test_whole_numbers_may_stand_for_floats() -> None:
    @dataclasses.dataclass(frozen=True)
    class Small:
        rate: float = 0.5

    assert config.from_dict(Small, {"rate": 2}, "here") == Small(2.0)


def test_settings_and_presets_of_format_1_are_read_under_their_names_of_today(tmp_path: Path) -> None:
    old = {"format": 1, "preset": "dcgan_seed", "settings": {"most": 96, "average": 0.0, "lr": 1e-3}}
    found = config.read_run_config(write(tmp_path / "config.json", **old))
    assert (found.preset, found.traits) == ("dcgan_baseline", None)
    assert found.settings == {"max_width": 96, "ema_decay": 0.0, "lr": 1e-3}
    today = write(tmp_path / "today.json", preset="dcgan_baseline", settings=found.settings)
    assert found.recipe == config.read_run_config(today).recipe  # seeds of both are seeds of one training


def test_a_step_of_a_translator_sees_a_batch_of_each_domain() -> None:
    assert CONFIG.images_per_step == 8
    assert dataclasses.replace(CONFIG, domains=("normal", "viral")).images_per_step == 16


@dataclasses.dataclass(frozen=True)
class Renamed:
    max_width: int = 96
    average: int = 3  # a family that uses the old name keeps it


def test_what_makes_trainings_differ_makes_another_recipe() -> None:
    begun = config.Ancestry("first", 3, 32, 10, 80, 1.0)
    patient = dataclasses.replace(CONFIG, patience=2, grown_from=begun)
    same = dataclasses.replace(patient, seed=5, precision="bf16-mixed", log_every=1, source="moved", snapshots=True)
    assert same.recipe == patient.recipe
    assert dataclasses.replace(patient, grown_from=dataclasses.replace(begun, run="/elsewhere/first")).recipe == (
        patient.recipe
    )
    others = [{"patience": 3}, {"preview_every": 2}, {"preview_start": "dense"}, {"patience": 0}, {"grown_from": None}]
    others += [{"grown_from": dataclasses.replace(begun, run="second")}]
    assert len({dataclasses.replace(patient, **values).recipe for values in ({}, *others)}) == 1 + len(others)
    # Without patience, previews only look on.
    assert CONFIG.recipe == dataclasses.replace(CONFIG, preview_every=2, preview_start="dense").recipe


def test_an_old_name_of_a_setting_is_understood_and_the_new_one_named(capsys: pytest.CaptureFixture[str]) -> None:
    assert config.parse_settings(Renamed, Renamed(), ["most=8", "average=4"]) == Renamed(8, 4)
    assert capsys.readouterr().err == "note: --set most: this setting is now called max_width\n"
    assert config.fitting_settings(Renamed, {"most": 8, "ema_decay": 4}) == {"max_width": 8, "average": 4}


@pytest.mark.parametrize(
    ("traits", "message"),
    [
        ({"color": "red; background: url(x)"}, "not of the form #rrggbb"),
        ({"diagram": 'a [URL="javascript:alert(1)"]'}, "more than names, arrows and braces"),
        ({"task": "dream"}, "it must be generate or translate"),
        ({"metrics": [{"column": "a", "title": "b" * 600}]}, "longer than 500 characters"),
        ({"metrics": [{"column": str(n), "title": "t"} for n in range(201)]}, "'metrics' holds 201 entries"),
        ({"metrics": [{"column": "a"}]}, "'title' is missing"),
    ],
)
def test_traits_that_a_page_must_not_show_are_damage(traits: dict[str, Any], message: str, tmp_path: Path) -> None:
    with pytest.raises(UserError) as caught:
        config.read_run_config(write(tmp_path / "config.json", traits=traits))
    assert message in str(caught.value)


ORIGIN = config.Origin("csv", "train.py", "log.csv", "step", notes=("the epochs are not known",))
UNKNOWN = {"epochs": 0, "batch_size": 0, "image_size": 0, "preview_every": 0, "log_every": 0}


def test_a_run_that_was_not_trained_here_says_where_it_comes_from(tmp_path: Path) -> None:
    told = dataclasses.replace(CONFIG, origin=ORIGIN, **UNKNOWN)
    (tmp_path / "config.json").write_text(json.dumps(config.to_dict(told)))
    found = config.read_run_config(tmp_path / "config.json")
    assert found == told
    assert (found.format, found.origin, found.known_seed) == (config.WITH_ORIGIN, ORIGIN, None)
    seeds = [dataclasses.replace(found, settings={"seed": seed}, seed=seed) for seed in (4, 5)]
    assert [one.known_seed for one in seeds] == [4, 5]
    assert seeds[0].recipe == seeds[1].recipe != found.recipe  # whose learning rate is known
    here = [dataclasses.replace(CONFIG, settings=one.settings) for one in seeds]
    assert here[0].recipe != here[1].recipe  # a family's own setting of that name is no seed of the training


def test_a_trained_run_stays_readable_for_older_versions() -> None:
    values = config.to_dict(CONFIG)
    assert (values["format"], "origin" in values, CONFIG.known_seed) == (2, False, CONFIG.seed)


@pytest.mark.parametrize("name", UNKNOWN)
def test_only_a_run_with_an_origin_may_not_know(name: str, tmp_path: Path) -> None:
    message = "images of 0 pixels" if name == "image_size" else f"'{name}' is 0"
    with pytest.raises(UserError, match=message):
        config.read_run_config(write(tmp_path / "config.json", **{name: 0}))


@pytest.mark.parametrize(
    ("origin", "message"),
    [
        ({"kind": ""}, "names no kind"),
        ({"kind": "csv", "program": "p" * 600}, "longer than 500 characters"),
        ({"kind": "csv", "notes": ["n"] * 101}, "holds 101 notes"),
        ({"kind": "csv", "counts": "hours"}, "it must be one of epoch, step"),
        ({"kind": "csv", "path": "/home"}, "unknown setting 'path'"),
    ],
)
def test_an_origin_that_a_page_could_not_show_is_damage(origin: dict[str, Any], message: str, tmp_path: Path) -> None:
    with pytest.raises(UserError) as caught:
        config.read_run_config(write(tmp_path / "config.json", origin=origin))
    assert message in str(caught.value)
