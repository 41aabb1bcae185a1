"""NaN or infinity in the data, a loss, a gradient or a weight: the run stops within a step and says why.

python -m pytest tests/robustness/test_numbers.py -m soak
"""

import math
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from gan_core import data, tensor_files
from gan_core.families import registry
from gan_core.runs import Run
from gan_core.training.interrupts import Diverged, FiniteCheck
from tests.helpers.records import assert_complete, assert_same_run
from tests.helpers.training import arguments, make_pairs, make_pictures, small, source_of
from tests.robustness import children, injections
from tests.robustness.children import Order

pytestmark = pytest.mark.processes

FAMILIES = sorted({preset.family for preset in registry.presets().values()})
STEP = 3
PLACES = ("data", "loss", "gradient", "weight")
SHORT = {
    ("gan", "data", math.inf),
    ("gan", "gradient", math.nan),
    ("gan", "weight", math.inf),
}
CASES = [(family, place, value) for family in FAMILIES for place in PLACES for value in (math.nan, math.inf)]


@pytest.fixture(scope="module")
def pictures(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("source")
    make_pairs(root / "pairs")
    return make_pictures(root / "shapes")


def source(family: str, pictures: Path) -> Path | str:
    preset, _ = small(family)
    return source_of(preset, pictures)


@pytest.fixture(scope="module")
def undisturbed(pictures: Path, tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], Run]:
    """A family's run of one epoch in which nothing went wrong."""
    root = tmp_path_factory.mktemp("undisturbed")

    def trained(family: str) -> Run:
        preset, options = small(family)
        command = tuple(arguments(preset, source(family, pictures), root, family, 1, *options))
        if not (root / family).exists():
            assert children.run(Order(command, root / family, root / "log")) == 0
        return Run(root / family)

    return trained


@pytest.mark.parametrize(
    ("family", "place", "value"),
    [case if case in SHORT else pytest.param(*case, marks=pytest.mark.soak) for case in CASES],
)
def test_what_is_not_a_number_stops_the_run_within_a_step(
    family: str,
    place: str,
    value: float,
    undisturbed: Callable[[str], Run],
    pictures: Path,
    tmp_path: Path,
    record_property: Callable[[str, object], None],
) -> None:
    """The status names the step, the last checkpoint is of the step before, and from there it goes on as it should."""
    preset, options = small(family)
    log, run = tmp_path / "log", Run(tmp_path / "wild")
    command = tuple(arguments(preset, source(family, pictures), tmp_path, run.name, 1, *options))
    given = {"at": STEP, "place": place, "value": value}
    assert children.run(Order(command, run.folder, log, before=(injections.poison,), given=given)) == 1
    said, status = log.read_text(), run.status()
    assert "Traceback" not in said
    assert "lower learning rate" in said
    assert status.state == "failed"
    assert f"at step {STEP}" in (status.reason or ""), status.reason
    assert f"the last complete checkpoint is of step {STEP - 1}" in (status.reason or "")
    assert_complete(run)
    tensors, header = tensor_files.load(run.checkpoints()[0])
    assert header["step"] == STEP - 1
    assert tensor_files.not_finite(tensors) is None
    resumed = ("resume", run.name, "--runs", str(tmp_path), "--device", "cpu")
    assert children.run(Order(resumed, run.folder, log)) == 0, log.read_text()
    assert_same_run(undisturbed(family), run)
    record_property("measured", f"{value} in the {place} of {family}: stopped at step {STEP}, as it came")


def test_a_learning_rate_far_too_high_ends_with_the_last_finite_checkpoint(pictures: Path, tmp_path: Path) -> None:
    """The losses are still finite when the weights are no longer: they are not saved."""
    log, run = tmp_path / "log", Run(tmp_path / "wild")
    command = tuple(arguments("vae", pictures, tmp_path, run.name, 2, "--set", "lr=1e39"))
    assert children.run(Order(command, run.folder, log)) == 1
    assert "is not finite at step 1" in (run.status().reason or "")
    assert [path.stem for path in run.checkpoints()] == ["step_00000000"]
    assert_complete(run)


def test_pictures_that_hold_what_is_not_a_number_are_made_finite_or_left_out(tmp_path: Path) -> None:
    """Decoded pictures have 8 bits, which hold finite numbers only: nothing else reaches a network."""
    rng = np.random.default_rng(0)
    for index in range(12):
        picture = rng.normal(size=(40, 40)).astype(np.float32)
        picture[: 40 if index == 0 else 3] = (math.nan, math.inf, -math.inf)[index % 3]
        folder = tmp_path / "source" / ("a" if index % 2 else "b")
        folder.mkdir(parents=True, exist_ok=True)
        Image.fromarray(picture).save(folder / f"{index}.tiff")
    prepared = data.prepare(str(tmp_path / "source"), size=32, cache=tmp_path / "cache", progress=False)
    assert prepared.images.dtype == np.uint8
    assert len(prepared.images) == 11
    assert [(name, "no finite value" in reason) for name, reason in prepared.skipped] == [("b/0.tiff", True)]


@pytest.mark.parametrize("value", [math.nan, math.inf, -math.inf])
def test_the_first_number_that_is_none_is_named(value: float) -> None:
    watch = FiniteCheck(("loss/d", "loss/g", "grad_norm/d"))
    watch.see(7, torch.tensor([1.0, 0.0, 1e30]))
    with pytest.raises(Diverged, match="loss/g is not finite at step 8"):
        watch.see(8, torch.tensor([1.0, value, value]))
