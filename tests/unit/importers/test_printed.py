"""What scripts of Keras-GAN and PyTorch-GAN print."""

from pathlib import Path

import numpy as np
import pytest

from gan_core import importers
from gan_core.errors import UserError
from gan_core.importers import ImportOptions, printed
from tests.helpers.trainings_elsewhere import BATCHES, EPOCHS, SIDE, STEPS, keras_gan, pytorch_gan, trained
from tests.unit.importers.conftest import Made


@pytest.mark.parametrize(
    ("line", "number", "values"),
    [
        ("7 [D loss: 0.69, acc.: 50.00%] [G loss: 0.71]", 7, {"D loss": 0.69, "D acc.": 0.5, "G loss": 0.71}),
        ("7 [D loss: -0.5] [G loss: 1.5]", 7, {"D loss": -0.5, "G loss": 1.5}),
        ("7 [D loss: nan, acc: 50.00%, op_acc: 9.00%] [G loss: 2e-05]", 7,
         {"D loss": np.nan, "D acc": 0.5, "D op_acc": 0.09, "G loss": 2e-5}),
        ("Epoch: 7 [D loss: 1.0, acc.: 50.00%][G loss : 2.0]", 7, {"D loss": 1.0, "D acc.": 0.5, "G loss": 2.0}),
        ("7 [D1 loss: 1.0, acc.: 50.00%] [D2 loss: 2.0, acc.: 25.00%] [G1 loss: 3.0]", 7,
         {"D1 loss": 1.0, "D1 acc.": 0.5, "D2 loss": 2.0, "D2 acc.": 0.25, "G1 loss": 3.0}),
        ("[Epoch 2/200] [Batch 5/10] [D loss: 0.5] [G loss: 0.25]", 25, {"D loss": 0.5, "G loss": 0.25}),
        ("[Epoch 2/200] [Batch 5/10] [D loss: 0.5, acc: 75%] [G loss: 0.25]", 25,
         {"D loss": 0.5, "D acc": 0.75, "G loss": 0.25}),
        ("[Epoch 0/9] [Batch 3/10] [D loss: 1.0] [G loss: 2.0, adv: 3.0, cycle: 4.0, identity: 5.0] ETA: 0:01:02.3", 3,
         {"D loss": 1.0, "G loss": 2.0, "G adv": 3.0, "G cycle": 4.0, "G identity": 5.0}),
        ("[Epoch 0/9] [Batch 3/10] [D loss: 1.0] [G loss: 2.0] -- M: 0.5, k: 0.25", 3,
         {"D loss": 1.0, "G loss": 2.0, "M": 0.5, "k": 0.25}),
        ("[Epoch 0/9] [Batch 3/10] [D loss: 1.0] [G adv: 0.5, pixel: 0.25]", 3,
         {"D loss": 1.0, "G adv": 0.5, "G pixel": 0.25}),
        ("[2/25][5/10]\tLoss_D: 1.5\tLoss_G: 2.5\tD(x): 0.4\tD(G(z)): 0.2 / 0.1", 25,
         {"Loss_D": 1.5, "Loss_G": 2.5, "D(x)": 0.4, "D(G(z))": 0.2, "D(G(z)) after": 0.1}),
        ("[2/25] [5/10] d_loss=0.5, g_loss=1e-3 time: 3s", 25, {"d_loss": 0.5, "g_loss": 1e-3}),
    ],
)  # fmt: skip
def test_a_line(line: str, number: int, values: dict[str, float]) -> None:
    found = printed.parsed(line)
    assert found is not None and found.number == number
    assert found.values == pytest.approx(values, nan_ok=True)


@pytest.mark.parametrize(
    "line",
    [
        "",
        "1/1 [==============================] - 0s 20ms/step",
        "Epoch 1/10",
        "[Epoch 1/10] [Batch 2/0] [D loss: 1]",
        "[Epoch 1/10] [Batch 2/5]",
        "12 [nothing here]",
        "[1/2][3/4]",
        "[1/2][3/0] Loss_D: 1",
        "[1/2][3/4] " + "a(" * 5000,
        "[" * 5000,
        "1 [" + "a" * 5000 + ": 1]",
        "1 [D" + " loss" * 60 + "]",
    ],
)
def test_other_lines_say_nothing(line: str) -> None:
    assert printed.parsed(line) is None


def test_keras_gan_counts_batches_and_its_pictures_are_plots(made: Made) -> None:
    found = importers.read("auto", made("keras_gan"))
    assert (found.kind, found.program, found.counts, found.rows) == ("keras-gan", "Keras-GAN", "step", STEPS)
    np.testing.assert_allclose(found.columns["loss/d"], [one.d for one in trained()], atol=1e-6)
    np.testing.assert_allclose(found.columns["loss/g"], [one.g for one in trained()], atol=1e-6)
    np.testing.assert_allclose(found.columns["accuracy/d"], [one.accuracy for one in trained()], atol=1e-4)
    assert list(found.pictures) == [0, 5, 10, 15] and "epoch" not in found.columns
    assert not found.own_pixels and found.image_size == 0
    assert found.pictures[15]().shape == (120, 160, 3) or found.pictures[15]().shape == (120, 160, 1)
    assert any("plots of matplotlib" in note for note in found.notes)
    by_epoch = importers.read("keras-gan", made("keras_gan"), ImportOptions(steps_per_epoch=BATCHES))
    assert (by_epoch.counts, list(by_epoch.pictures)) == ("epoch", [0, 1, 2, 3])


def test_pytorch_gan_counts_epochs_and_names_pictures_by_batches(made: Made) -> None:
    found = importers.read("auto", made("pytorch_gan"))
    assert (found.kind, found.counts, found.epochs, found.state) == ("pytorch-gan", "epoch", EPOCHS, "finished")
    np.testing.assert_allclose(found.columns["epoch"], np.arange(1, STEPS + 1) / BATCHES)
    assert list(found.pictures) == [0, 1, 2, 3] and found.image_size == SIDE and not found.own_pixels
    assert found.pictures[3]().shape == (4 * (SIDE + 2) + 2, 4 * (SIDE + 2) + 2, 1)


def dcgan(folder: Path, every: int, epochs: int = EPOCHS, first: int = 0) -> Path:
    """What the DCGAN of PyTorch's examples prints, and its pictures."""
    from torchvision.utils import save_image  # slow to import

    folder.mkdir()
    with (folder / "log.txt").open("w") as log:
        for one in trained()[: epochs * BATCHES]:
            epoch, batch = divmod(one.number, BATCHES)
            if one.number % every == 0:
                values = f"Loss_D: {2 * one.d:.4f}\tLoss_G: {one.g:.4f}\tD(x): 0.6\tD(G(z)): 0.4 / 0.3"
                log.write(f"[{epoch + first}/{EPOCHS}][{batch + first}/{BATCHES}]\t{values}\n")
            if batch == 0:
                save_image(one.samples, folder / f"fake_samples_epoch_{epoch:03d}.png", nrow=4, normalize=True)
    return folder


def test_the_dcgan_of_the_examples_of_pytorch(tmp_path: Path) -> None:
    found = importers.read("auto", dcgan(tmp_path / "whole", every=2))
    assert (found.kind, found.program) == ("pytorch-gan", "DCGAN of PyTorch's examples")
    assert (found.counts, found.epochs, found.state, found.rows) == ("epoch", EPOCHS, "finished", STEPS // 2)
    np.testing.assert_allclose(found.columns["loss/d"], [one.d for one in trained()[::2]], atol=1e-4)
    assert found.columns["D(G(z)) after"].tolist() == [0.3] * (STEPS // 2)
    assert list(found.pictures) == [0, 1, 2, 3] and not found.own_pixels
    assert any("half of Loss_D" in note for note in found.notes)
    part = importers.read("auto", dcgan(tmp_path / "part", every=1, epochs=3))
    assert (part.state, part.reason) == ("stopped", "its log ends in epoch 3 of 4")
    from_one = importers.read("auto", dcgan(tmp_path / "one", every=1, first=1))
    np.testing.assert_allclose(from_one.columns["epoch"], np.arange(1, STEPS + 1) / BATCHES)
    assert from_one.state == "finished"


def test_a_log_that_is_not_understood_is_named(tmp_path: Path) -> None:
    folder = dcgan(tmp_path / "run", every=1)
    (folder / "log.txt").write_text("epoch 1: the loss is 0.5 and 1.5\n")
    (folder / "requirements.txt").write_text("torch==2.0\n")
    notes = importers.read("auto", folder).notes
    assert notes[-1] == "log.txt was not understood: sheets without curves"
    assert "log.txt was not understood" in importers.read("pytorch-gan", folder).notes
    (folder / "log.txt").unlink()
    assert importers.read("auto", folder).notes[-1] == "there is no log: sheets without curves"


def test_no_picture_is_lost_where_an_epoch_has_several(tmp_path: Path) -> None:
    found = importers.read("pytorch-gan", pytorch_gan(tmp_path / "run", every=2))
    assert found.counts == "step" and list(found.pictures) == list(range(0, STEPS, 2))


def test_lines_that_end_with_cr_alone(tmp_path: Path) -> None:
    found = importers.read("auto", pytorch_gan(tmp_path / "run", every=BATCHES, end="\r") / "log.txt")
    assert found.rows == STEPS and not found.pictures


def test_a_stopped_training_and_one_that_was_started_again(tmp_path: Path) -> None:
    log = pytorch_gan(tmp_path / "run") / "log.txt"
    lines = log.read_text().splitlines()
    log.write_text("\n".join(lines[:13]))
    found = importers.read("pytorch-gan", log)
    assert (found.state, found.reason) == ("stopped", "its log ends in epoch 3 of 4")
    log.write_text("\n".join([*lines, *lines[:8]]))
    again = importers.read("pytorch-gan", log)
    assert again.rows == 7 and any("earlier trainings" in note for note in again.notes)


def test_a_log_elsewhere_and_no_log_at_all(tmp_path: Path) -> None:
    folder = keras_gan(tmp_path / "run")
    log = (folder / "printed.txt").rename(tmp_path / "elsewhere.log")
    found = importers.read("keras-gan", folder, ImportOptions(log=log))
    assert found.rows == STEPS and len(found.pictures) == 4
    without = importers.read("keras-gan", folder)
    assert not without.rows and list(without.pictures) == [0, 5, 10, 15] and without.counts == "step"
    (folder / "a.txt").write_text(log.read_text())
    (folder / "b.txt").write_text(log.read_text())
    with pytest.raises(UserError, match=r"holds 2 logs, a\.txt, b\.txt: name one with --log FILE"):
        importers.read("keras-gan", folder)
    with pytest.raises(UserError, match="has no line as Keras-GAN prints them"):
        importers.read("keras-gan", folder, ImportOptions(log=Path(__file__).with_name("conftest.py")))


def test_what_powershell_writes(tmp_path: Path) -> None:
    log = tmp_path / "log.txt"
    log.write_text("0 [D loss: 0.5, acc.: 50.00%] [G loss: 1.5]\n", encoding="utf-16")
    assert importers.read("auto", log).columns["loss/g"].tolist() == [1.5]
