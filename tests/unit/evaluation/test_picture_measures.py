"""What is measured in single pictures, on drawn ones whose size is known; and the directions that follow."""

from dataclasses import replace

import numpy as np
import pytest

from gan_core import inference, runs
from gan_core.errors import UserError
from gan_core.evaluation import picture_measures
from gan_core.evaluation.latent_explorer import Explorer
from gan_core.phantoms.chest import xray
from tests.conftest import ROOT
from tests.helpers.configs import CONFIG


def discs(*radii: float) -> np.ndarray:
    rows, columns = np.mgrid[:64, :64]
    distance = np.hypot(rows - 32, columns - 32)
    rings = [np.where((distance < radius) & (distance > radius / 3), 200, 30) for radius in radii]
    return np.stack(rings).astype(np.uint8)[..., None]


def test_the_bright_part_is_measured_with_its_holes() -> None:
    found = picture_measures.bright_area(discs(10, 20))
    assert found == pytest.approx(np.pi * np.array([10, 20]) ** 2 / 64**2, rel=0.05)
    assert np.isnan(picture_measures.bright_area(np.zeros((1, 64, 64, 1), np.uint8))).all()
    assert picture_measures.brightness(discs(10)) == pytest.approx(discs(10).mean())


def test_lungs_are_measured_where_two_are_found() -> None:
    chest = (xray.draw("normal", 5, 64).image * 255).astype(np.uint8)[..., None]
    found = picture_measures.lung_area(np.stack([chest, np.zeros_like(chest)]))
    assert 0.1 < found[0] < 0.6 and np.isnan(found[1])


def test_which_measures_a_run_has() -> None:
    measures, absent = picture_measures.measures_for(runs.find_run("cgan", ROOT / "runs").config())
    assert [one.title for one in measures] == ["Brightness", "Lung area", "Class PNEUMONIA"] and not absent
    measures, absent = picture_measures.measures_for(replace(CONFIG, subject="brain MRI"))
    assert [one.title for one in measures] == ["Brightness", "Size"]
    assert "know chest X-rays only" in absent[0].reason


def test_the_class_direction_of_a_run_without_class_codes(monkeypatch: pytest.MonkeyPatch) -> None:
    """What a classifier takes the pictures of a plain DCGAN for has a direction."""
    monkeypatch.setattr(picture_measures, "SLOW", 64)
    explorer = Explorer(inference.load(runs.find_run("dcgan", ROOT / "runs")))
    explorer.measures[:] = explorer.measures[2:]  # lungs take longest, and are measured above
    assert not explorer.is_fitted
    found = explorer.direction("Class PNEUMONIA")
    assert explorer.is_fitted and found.share > 0.2
    told = explorer.effect(found)
    assert told.changes[0].clear and told.changes[0].mean > 0.5
    assert explorer.known_effects([found, explorer.quick()[0]]) == [told, None]
    with pytest.raises(UserError, match="there is no direction 'Component 9'"):
        explorer.direction("Component 9")
