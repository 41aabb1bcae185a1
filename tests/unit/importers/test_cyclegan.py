"""pytorch-CycleGAN-and-pix2pix."""

from pathlib import Path

import numpy as np
import pytest

from gan_core import images, importers
from gan_core.errors import UserError
from gan_core.importers import cyclegan
from tests.helpers.trainings_elsewhere import BATCH, BATCHES, DATA, EPOCHS, SIDE, STEPS, trained
from tests.helpers.trainings_elsewhere import cyclegan as write
from tests.unit.importers.conftest import Made


def logged() -> list[int]:
    """The steps with a line in the log, from 1: every 16 pictures."""
    return [step for step in range(1, STEPS + 1) if step * BATCH % 16 == 0]


def test_losses_have_the_letters_and_the_scale_of_ours(made: Made) -> None:
    found = importers.read("auto", made("cyclegan"))
    steps = [trained()[step - 1] for step in logged()]
    assert found.columns["step"].tolist() == logged()
    np.testing.assert_allclose(found.columns["epoch"], [step / BATCHES for step in logged()])
    wanted = {
        "loss/d_b": [one.d for one in steps],  # their D_A judges B
        "loss/d_a": [one.d_real for one in steps],
        "loss/g_ab": [one.g for one in steps],
        "loss/g_ba": [one.g / 2 for one in steps],
        "loss/cycle_a": [0.1 * one.g for one in steps],  # freed from lambda_A
        "loss/cycle_b": [0.1 * one.d for one in steps],
        "loss/identity_b": [0.2 * one.d for one in steps],  # their idt_A is G_A's, which draws B
        "loss/identity_a": [0.1 * one.g for one in steps],
    }
    for name, values in wanted.items():
        np.testing.assert_allclose(found.columns[name], values, atol=6e-4, err_msg=name)
    assert (found.objective, found.task, found.domains) == ("least_squares", "translate", ("disc", "square"))
    assert (found.batch_size, found.epochs, found.state, found.source) == (BATCH, EPOCHS, "finished", "disc2square")
    assert f"an epoch has {DATA} pictures, by the counts of the log" in found.notes
    roles = {metric.column: (metric.role, metric.chart_title) for metric in found.metrics}
    assert roles["loss/cycle_a"] == ("cycle_loss", "Cycle loss")


def test_sheets_are_input_translated_back_in_both_directions_and_private(made: Made) -> None:
    found = importers.read("cyclegan", made("cyclegan"))
    assert found.private and list(found.pictures) == [1, 2, 3, 4] and found.image_size == SIDE
    shades = (trained()[-1].samples[:6] / 2 + 0.5).clamp(0, 1) * 255 + 0.5
    np.testing.assert_array_equal(found.pictures[EPOCHS]()[:, :, :1], images.grid(shades.byte().numpy(), 6))


def test_values_with_commas_are_the_same_training(made: Made, tmp_path: Path) -> None:
    plain = importers.read("cyclegan", made("cyclegan"))
    commas = importers.read("auto", write(tmp_path / "cyclegan", commas=True))
    for name, values in plain.columns.items():
        np.testing.assert_array_equal(commas.columns[name], values)


def test_a_continued_training_goes_on(tmp_path: Path) -> None:
    folder = write(tmp_path / "run", epochs=2)
    log = folder / "loss_log.txt"
    early = log.read_text()
    whole = write(tmp_path / "whole") / "loss_log.txt"
    rest = [line for line in whole.read_text().splitlines() if line.startswith(("=", "(epoch: 2", "(epoch: 3"))]
    log.write_text(early + "\n".join(rest) + "\n")
    found = importers.read("cyclegan", folder)
    assert found.columns["step"].tolist() == [step for step in logged() if step <= 3 * BATCHES]
    assert (found.state, found.reason) == ("stopped", "its log ends in epoch 3 of 4")
    assert any("earlier trainings, which ended at epoch 2.0" in note for note in found.notes)


def test_a_training_from_the_start_leaves_nothing_of_the_earlier_one(tmp_path: Path) -> None:
    folder = write(tmp_path / "run")
    write(folder, epochs=2)
    found = importers.read("cyclegan", folder)
    assert found.last == (2 * BATCHES, 2) and list(found.pictures) == [1, 2]
    assert any("2 pictures after epoch 2 are of an earlier training" in note for note in found.notes)


@pytest.mark.parametrize(
    ("dataroot", "direction", "domains"),
    [
        ("./datasets/horse2zebra", "AtoB", ("horse", "zebra")),
        ("./datasets/horse2zebra", "BtoA", ("zebra", "horse")),
        ("C:\\data\\normal_to_covid", "AtoB", ("normal", "covid")),
        ("/data/xrays", "AtoB", ("A", "B")),
        ("/data/a2a", "AtoB", ("A", "B")),
        ("/data/same2same", "AtoB", ("A", "B")),
        ("", "BtoA", ("B", "A")),
    ],
)
def test_domains_have_the_names_of_the_data_set(dataroot: str, direction: str, domains: tuple[str, str]) -> None:
    assert cyclegan._domains({"dataroot": dataroot, "direction": direction}) == domains


def test_weights_that_are_not_known_stay_in_the_losses(tmp_path: Path) -> None:
    folder = write(tmp_path / "run")
    (folder / "train_opt.txt").unlink()
    found = importers.read("cyclegan", folder)
    assert found.columns["loss/cycle_a"][-1] == pytest.approx(trained()[-1].g, abs=6e-4)
    assert "train_opt.txt does not tell the weights of cycle_A, idt_A, cycle_B, idt_B: they are shown with them" in (
        found.notes
    )
    assert found.columns["step"][-1] == STEPS * BATCH and found.objective == "that of run"


def test_pix2pix(tmp_path: Path) -> None:
    log = tmp_path / "loss_log.txt"
    log.write_text("(epoch: 1, iters: 100, time: 0.112) G_GAN: 0.7 G_L1: 20.0 D_real: 0.3 D_fake: 0.4 \n")
    (tmp_path / "train_opt.txt").write_text("   lambda_L1: 100.0\n   model: pix2pix\n   gan_mode: vanilla\n")
    (tmp_path / "web" / "images").mkdir(parents=True)
    for shade, label in enumerate(("real_A", "fake_B", "real_B")):
        images.save_png(tmp_path / "web" / "images" / f"epoch001_{label}.png", np.full((16, 16, 1), shade, np.uint8))
    found = importers.read("auto", tmp_path)
    assert {name: values.tolist() for name, values in found.columns.items() if name not in ("step", "epoch")} == {
        "loss/g": [0.7],
        "G_L1": [0.2],
        "D_real": [0.3],
        "D_fake": [0.4],
    }
    assert (found.preset, found.objective, found.domains, found.private) == ("pix2pix", "cross_entropy", (), True)
    assert found.pictures[1]()[2, [2, 20, 38], 0].tolist() == [0, 1, 2]


def test_a_hostile_folder_names_nothing_outside(tmp_path: Path) -> None:
    outside = tmp_path / "outside"
    outside.mkdir()
    images.save_png(outside / "epoch001_real_A.png", np.zeros((16, 16, 1), np.uint8))
    folder = tmp_path / "run"
    (folder / "web").mkdir(parents=True)
    (folder / "web" / "images").symlink_to(outside)
    (folder / "loss_log.txt").write_text("(epoch: 1, iters: 100, time: 0.1, data: 0.1) D_A: 0.5 \n")
    (folder / "train_opt.txt").write_text(
        f"dataroot: {outside}\nname: ../../outside\nlambda_A: __import__('os').system('x')\nbatch_size: {'9' * 500}\n"
    )
    found = importers.read("cyclegan", folder)
    assert not found.pictures and found.batch_size == 0
    assert found.settings["dataroot"] == "outside" and found.settings["name"] == "outside"
    assert str(tmp_path) not in str(found.settings)


def test_a_folder_without_a_log_is_one_line(tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"holds no loss_log.txt with lines"):
        importers.read("cyclegan", tmp_path)
