"""StyleGAN2-ADA, StyleGAN3 and R3GAN."""

import json
from pathlib import Path

import numpy as np
import pytest

from gan_core import importers
from gan_core.errors import UserError
from tests.helpers.trainings_elsewhere import SIDE, trained
from tests.helpers.trainings_elsewhere import stylegan as write
from tests.unit.importers.conftest import Made

TICKS = [trained()[5 * tick] for tick in range(4)]


def test_accuracy_and_losses_are_those_of_ours(made: Made) -> None:
    found = importers.read("auto", made("stylegan"))
    assert (found.kind, found.program, found.objective) == ("stylegan", "StyleGAN2-ADA", "cross_entropy")
    assert found.columns["step"].tolist() == [1, 6, 11, 16]  # 320 + 1600 n images in batches of 320
    np.testing.assert_allclose(found.columns["loss/d"], [one.d for one in TICKS], rtol=1e-6)
    np.testing.assert_allclose(found.columns["loss/g"], [one.g for one in TICKS], rtol=1e-6)
    np.testing.assert_allclose(found.columns["accuracy/d_real"], [(1 + one.sign_real) / 2 for one in TICKS])
    np.testing.assert_allclose(found.columns["accuracy/d_fake"], [(1 - one.sign_fake) / 2 for one in TICKS])
    assert found.columns["metric/fid50k_full"].tolist() == [90, 89, 88, 87]
    assert found.columns["augment/p"] == pytest.approx([0, 0.1, 0.2, 0.3])
    assert found.columns["seconds"].tolist() == [12, 24, 36, 48]
    assert found.columns["images_per_second"].tolist() == [250] * 4
    assert not any(name.startswith(("Resources", "Timing", "Progress/tick")) for name in found.columns)
    assert (found.seed, found.source, found.state) == (3, "xrays.zip", "stopped")
    assert found.reason == "its log ends at 5.12 of 100 thousand images"


def test_sheets_without_borders_are_cut_by_the_resolution(made: Made) -> None:
    found = importers.read("stylegan", made("stylegan"))
    assert list(found.pictures) == [1, 6, 11, 16] and found.counts == "step" and found.image_size == SIDE
    shades = ((TICKS[-1].samples[5, 0] + 1) * 127.5).round().byte().numpy()
    top = left = 2 + SIDE + 2
    np.testing.assert_array_equal(found.pictures[16]()[top : top + SIDE, left : left + SIDE, 0], shades)


def test_r3gan_judges_pairs(tmp_path: Path) -> None:
    found = importers.read("auto", write(tmp_path / "run", relativistic=True))
    assert (found.program, found.objective) == ("R3GAN", "relativistic")
    np.testing.assert_allclose(found.columns["accuracy/d_pairs"], [(1 + one.sign_real) / 2 for one in TICKS])
    np.testing.assert_allclose(found.columns["loss/d"], [one.d_real for one in TICKS], rtol=1e-6)
    assert "accuracy/d_real" not in found.columns and list(found.pictures) == [1, 6, 11, 16]


def test_a_log_alone_and_an_unfinished_line(tmp_path: Path) -> None:
    folder = write(tmp_path / "run", ticks=3)
    log = folder / "stats.jsonl"
    log.write_text(log.read_text()[:-40])
    found = importers.read("stylegan", folder)
    assert np.isfinite(found.columns["loss/d"]).sum() == 2  # the distance of the third tick was measured already
    assert np.isfinite(found.columns["metric/fid50k_full"]).sum() == 3
    alone = tmp_path / "alone.jsonl"
    alone.write_text(log.read_text())
    found = importers.read("auto", alone)
    assert (
        found.columns["step"].tolist() == [0, 1] and "the batch size is not known: steps are 1000 images" in found.notes
    )


def test_what_is_no_log_is_one_line(tmp_path: Path) -> None:
    log = tmp_path / "stats.jsonl"
    log.write_text("{}\nnonsense\n{}\n")
    with pytest.raises(UserError, match="is damaged: line 2 is no JSON object"):
        importers.read("stylegan", log)
    log.write_text(json.dumps({"Loss/D/loss": {"mean": 1}, "Progress/kimg": {"mean": "many"}, "a": [1]}) + "\n")
    with pytest.raises(UserError, match="is no log of StyleGAN: no line has 'Progress/kimg'"):
        importers.read("stylegan", tmp_path)
    log.unlink()
    with pytest.raises(UserError, match=r"holds neither stats.jsonl nor fakes000000.png"):
        importers.read("stylegan", tmp_path)


def test_options_that_are_none_change_nothing(tmp_path: Path) -> None:
    folder = write(tmp_path / "run", ticks=1)
    (folder / "training_options.json").write_text('{"batch_size": "many", "loss_kwargs": 3, "training_set_kwargs": []}')
    found = importers.read("stylegan", folder)
    assert (found.program, found.batch_size, found.image_size) == ("", 0, 0)


def test_numbers_that_are_too_large_are_left_out(tmp_path: Path) -> None:
    huge = int("9" * 400)
    log = tmp_path / "stats.jsonl"
    lines = [{"Progress/kimg": {"mean": n}, "Loss/G/loss": {"mean": huge if n else 1}} for n in (0, 1, huge)]
    log.write_text("".join(json.dumps(line) + "\n" for line in lines))
    measured = {"snapshot_pkl": "network-snapshot-000001.pkl", "results": {"fid": huge}}
    (tmp_path / "metric-fid.jsonl").write_text(json.dumps(measured) + "\n")
    found = importers.read("stylegan", tmp_path)
    assert found.columns["loss/g"][0] == 1 and np.isnan(found.columns["loss/g"][1:]).all()
    assert "numbers that are too large were left out, in Loss/G/loss, Progress/kimg, fid" in found.notes
