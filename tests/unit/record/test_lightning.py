"""The callback for Lightning with a real trainer, and the import of what its own logger writes."""

from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
import torch
from torch import nn
from torch.utils.data import DataLoader, TensorDataset

from gan_core import importers, record, runs
from gan_core.errors import UserError

if TYPE_CHECKING:
    from pytorch_lightning import LightningModule


def test_without_lightning_it_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("gan_core.record.lightning.Base", object)
    with pytest.raises(UserError, match="pip install lightning"):
        record.LightningCallback("mine")


def small_gan() -> "LightningModule":
    import pytorch_lightning as lightning

    class SmallGAN(lightning.LightningModule):
        def __init__(self, lr: float = 0.001) -> None:
            super().__init__()
            self.save_hyperparameters()
            self.automatic_optimization = False
            self.g, self.d = nn.Linear(4, 64), nn.Linear(64, 1)
            self.z = torch.randn(9, 4)

        def forward(self, z: torch.Tensor) -> torch.Tensor:
            return self.g(z).tanh().reshape(-1, 1, 8, 8)

        def training_step(self, batch: Any, index: int) -> None:
            for optimizer, sign in zip(self.optimizers(), (-1, 1), strict=True):
                loss = sign * (self.d(batch[0]).mean() - self.d(self(self.z).flatten(1)).mean())
                optimizer.zero_grad()
                self.manual_backward(loss)
                optimizer.step()
                self.log("d_loss" if sign > 0 else "g_loss", loss)

        def validation_step(self, batch: Any, index: int) -> None:
            self.log("val_d", self.d(batch[0]).mean())

        def configure_optimizers(self) -> Any:
            return [torch.optim.SGD(part.parameters(), 0.01) for part in (self.g, self.d)]

    return SmallGAN()


def test_a_training_of_lightning_is_recorded(tmp_path: Path) -> None:
    import pytorch_lightning as lightning  # slow to import
    from pytorch_lightning.loggers import CSVLogger

    callback = record.LightningCallback(
        "mine",
        runs=tmp_path,
        columns={"d_loss": "loss/d", "g_loss": "loss/g"},
        samples=lambda module: module(module.z),
    )
    quiet: dict[str, Any] = {"enable_checkpointing": False, "enable_progress_bar": False, "accelerator": "cpu"}
    logger = CSVLogger(tmp_path / "logs", flush_logs_every_n_steps=1)
    trainer = lightning.Trainer(
        max_epochs=2, callbacks=[callback], logger=logger, log_every_n_steps=1, enable_model_summary=False, **quiet
    )
    batches = DataLoader(TensorDataset(torch.randn(12, 64)), batch_size=4)
    trainer.fit(small_gan(), batches, batches)
    run = runs.find_run("mine", tmp_path)
    found = run.metrics()
    found.poll()
    assert found.column("epoch").tolist() == pytest.approx([1 / 3, 2 / 3, 1, 4 / 3, 5 / 3, 2], rel=1e-6)
    assert [(value == value) for value in found.column("val_d")] == [False, False, True, False, False, True]
    assert {"loss/d", "loss/g"} < set(found.names)
    assert list(run.samples()) == [0, 1, 2]
    config, status = run.config(), run.status()
    assert (config.batch_size, config.settings["lr"], config.epochs) == (4, 0.001, 2)
    assert (status.state, status.epoch, status.step) == ("finished", 2, 6)
    imported = importers.read("auto", tmp_path / "logs")
    assert (imported.kind, imported.settings["lr"]) == ("lightning", 0.001)
    assert {"loss/d", "loss/g", "val_d"} <= set(imported.columns)
    for column in ("loss/d", "loss/g"):  # both have seen the same training
        own = imported.columns[column]
        assert own[own == own].tolist() == pytest.approx(found.column(column).tolist(), rel=1e-5)
