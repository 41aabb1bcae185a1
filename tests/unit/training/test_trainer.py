"""The loop as its users meet it: what a run leaves behind. What stops, kills and damages it is in tests/robustness."""

import signal
import time
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pandas as pd
import pytest
import torch

from gan_core import files, images, inference
from gan_core.errors import UserError
from gan_core.runs import Run
from gan_core.training import trainer
from gan_core.training.interrupts import REASONS
from gan_core.training.trainer import Trainer
from tests.helpers.training import make_pictures, small, train


@pytest.fixture(scope="module")
def pictures(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_pictures(tmp_path_factory.mktemp("source") / "shapes")


@pytest.mark.slow
def test_the_speed_counts_the_work_that_goes_on_after_a_step() -> None:
    """As on a graphics card: steps return at once, and reading their values waits for them."""

    class Late:
        def tolist(self) -> list[float]:
            time.sleep(0.05)
            return [1.0]

    rows: list[dict[str, Any]] = []
    trainer: Any = Trainer.__new__(Trainer)
    trainer.__dict__ |= {
        "config": SimpleNamespace(batch_size=8),
        "family": SimpleNamespace(columns=("loss/d",), reduce=None),
        "finite_check": SimpleNamespace(check=lambda *_: time.sleep(0.05)),
        "writer": SimpleNamespace(log=rows.extend),
        "rows": [(20, 0.001, Late())],
        "seconds": 1.0,
        "steps_per_epoch": 10,
        "waited": 0.0,
    }
    assert trainer._newest() == {"loss/d": 1.0}
    trainer.rows = [(20, 0.001, torch.ones(1))]
    trainer._flush()
    assert rows[0]["images_per_second"] < 8 / 0.1
    assert trainer.waited == 0 and not trainer.rows


def test_a_run_leaves_what_the_readme_promises(pictures: Path, tmp_path: Path) -> None:
    folder = train("cgan", pictures, tmp_path, "shapes", 4, "--preview-every", "3")
    run = Run(folder)
    settled = run.config()
    assert settled.classes == ("bar", "disc")
    assert settled.train_images == sum(settled.class_counts) > 25
    status = run.status()
    assert (status.state, status.epoch, status.reason) == ("finished", 4, None)
    steps = settled.train_images // 8 * 4
    assert status.step == status.steps == steps
    metrics = pd.read_csv(folder / "metrics.csv")
    assert list(metrics.columns[:4]) == ["step", "epoch", "seconds", "images_per_second"]
    assert {"loss/g", "loss/d", "accuracy/d_real", "accuracy/d_fake", "grad_norm/g", "grad_norm/d"} <= set(metrics)
    assert metrics["step"].tolist() == list(range(2, steps + 1, 2))
    assert metrics["accuracy/d_real"].between(0, 1).all()
    epochs = pd.read_csv(folder / "epochs.csv")
    assert epochs["epoch"].tolist() == [0, 1, 2, 3, 4]
    counts = epochs["scores/generated"].str.split().map(lambda cells: sum(map(int, cells)))
    assert (counts == 256).all()
    assert list(run.samples()) == [0, 1, 2, 3, 4]
    assert images.read_png(run.samples()[4]).shape == (4 * 34 + 2, 4 * 34 + 2, 1)
    assert run.gif is not None
    assert len(run.checkpoints()) == 2
    assert (folder / "weights.safetensors").stat().st_size < (folder / "checkpoints").stat().st_size + 2_000_000
    assert not list(folder.rglob("*.tmp"))


def test_snapshots_are_the_generators_that_the_previews_saw(pictures: Path, tmp_path: Path) -> None:
    preset, options = small("dcgan")
    run = Run(train(preset, pictures, tmp_path, "shapes", 2, "--snapshots", "--keep", "last", *options))
    assert list(run.snapshots()) == list(run.samples()) == [0, 1, 2]
    made = {epoch: inference.load(run, epoch=epoch).generate(4)[0] for epoch in run.snapshots()}
    assert (made[0] != made[1]).any()
    assert (made[2] == inference.load(run).generate(4)[0]).all()
    with pytest.raises(UserError, match="no snapshot of epoch 7"):
        inference.load(run, epoch=7)
    assert not set(run.snapshots().values()) & set(run.downloads())


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_only_what_is_stopped_from_outside_may_be_left_without_weights(
    number: signal.Signals,
    pictures: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """Batch-norm statistics are gathered before; for that a machine that shuts down has no time."""
    monkeypatch.setattr(trainer, "_LAST_SECONDS", -1.0)
    step, sync_file = Trainer._step, files.sync_file

    def stopped(self: Trainer) -> None:
        step(self)
        assert self.writer

        def interrupted(path: Path) -> None:
            """A signal that comes while the loop writes status.json."""
            monkeypatch.setattr(files, "sync_file", sync_file)
            self._request_stop(REASONS[number])
            sync_file(path)

        monkeypatch.setattr(files, "sync_file", interrupted)
        self._status("running")  # as the loop says once a second
        assert self.writer.run.status().stopping
        assert self.writer.run.status().reason == self.stop_requested == REASONS[number]

    monkeypatch.setattr(Trainer, "_step", stopped)
    preset, options = small("dcgan")
    run = Run(train(preset, pictures, tmp_path, "stopped", 2, *options))
    assert (run.status().state, run.status().step, run.checkpoints()[0].stem) == ("stopped", 1, "step_00000001")
    assert not run.status().stopping
    by_user = number == signal.SIGINT
    assert run.weights.exists() == by_user
    assert ("no weights were written" in capsys.readouterr().out) != by_user
