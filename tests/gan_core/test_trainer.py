"""The loop as its users meet it: what a run leaves behind, and that stopping, killing and resuming lose nothing."""

import json
import signal
import subprocess
import sys
import time
from pathlib import Path

import pandas as pd
import pytest
import torch

from gan_core import catalog, checkpoints, cli, images, inference
from gan_core.config import read_run_config
from gan_core.errors import UserError
from gan_core.runs import Run
from tests.gan_core.training import arguments, make_pictures, small, start, train

FAMILIES = sorted({preset.family for preset in catalog.presets().values()})


@pytest.fixture(scope="module")
def pictures(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_pictures(tmp_path_factory.mktemp("source") / "shapes")


def last_checkpoint(folder: Path) -> tuple[dict[str, torch.Tensor], dict[str, object]]:
    tensors, header = checkpoints.load(Run(folder).checkpoints()[0])
    return tensors, header


def assert_same_end(first: Path, second: Path) -> None:
    """The two runs ended with the same networks, averages and optimizers, to the bit."""
    (one, head_one), (two, head_two) = last_checkpoint(first), last_checkpoint(second)
    assert head_one["step"] == head_two["step"]
    assert one.keys() == two.keys()
    different = [name for name in one if not torch.equal(one[name], two[name])]
    assert not different
    frames = [pd.read_csv(folder / "metrics.csv") for folder in (first, second)]
    for frame in frames:
        assert frame["step"].is_monotonic_increasing
        assert frame["step"].is_unique
    measured = ["seconds", "images_per_second"]
    losses = [frame.drop(columns=measured).round(5) for frame in frames]
    if len(losses[0]) == len(losses[1]):  # a checkpoint in the middle of a row's steps ends that row early
        pd.testing.assert_frame_equal(losses[0], losses[1])
    epochs = [(folder / "epochs.csv").read_bytes() for folder in (first, second)]
    assert epochs[0] == epochs[1]
    sheets = [Run(folder).samples() or Run(folder).private_samples() for folder in (first, second)]
    assert sheets[0]
    for epoch, path in sheets[0].items():
        assert path.read_bytes() == sheets[1][epoch].read_bytes()


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
    assert epochs["epoch"].tolist() == [0, 3, 4]
    counts = epochs["scores/generated"].str.split().map(lambda cells: sum(map(int, cells)))
    assert (counts == 256).all()
    assert list(run.samples()) == [0, 3, 4]
    assert images.read_png(run.samples()[4]).shape == (4 * 34 + 2, 4 * 34 + 2, 1)
    assert run.gif is not None
    assert len(run.checkpoints()) == 2
    assert (folder / "weights.safetensors").stat().st_size < (folder / "checkpoints").stat().st_size + 2_000_000
    assert not list(folder.rglob("*.tmp"))


def test_snapshots_are_the_generators_that_the_previews_saw(pictures: Path, tmp_path: Path) -> None:
    preset, options = small("dcgan")
    run = Run(train(preset, pictures, tmp_path, "shapes", 2, "--snapshots", *options))
    assert list(run.snapshots()) == list(run.samples()) == [0, 1, 2]
    made = {epoch: inference.load(run, epoch=epoch).generate(4)[0] for epoch in run.snapshots()}
    assert (made[0] != made[1]).any()
    assert (made[2] == inference.load(run).generate(4)[0]).all()
    with pytest.raises(UserError, match="no snapshot of epoch 7"):
        inference.load(run, epoch=7)
    assert not set(run.snapshots().values()) & set(run.downloads())


@pytest.mark.parametrize("family", FAMILIES)
def test_killed_in_the_middle_and_resumed_is_the_same_to_the_bit(family: str, pictures: Path, tmp_path: Path) -> None:
    preset, options = small(family)
    whole = train(preset, pictures, tmp_path, "whole", 3, *options)
    # Checkpoints after every step, and a kill between two of them in the middle of an epoch.
    process = start(*arguments(preset, pictures, tmp_path, "killed", 3, *options), GANRAY_CHECKPOINT_SECONDS="0")
    killed = Run(tmp_path / "killed")
    deadline = time.monotonic() + 60
    while not any("step_0000000" not in p.name or p.stem[-1] > "4" for p in killed.checkpoints()):
        assert process.poll() is None, process.communicate()[1]
        assert time.monotonic() < deadline
        time.sleep(0.002)
    process.send_signal(signal.SIGKILL)
    process.communicate()
    assert killed.status().state in ("stopped", "finished")
    if killed.status().state == "stopped":
        assert "resume" in (killed.status().reason or "")
        assert cli.main(["resume", "killed", "--runs", str(tmp_path), "--device", "cpu"]) == 0
    assert killed.status().state == "finished"
    assert_same_end(whole, killed.folder)


def test_sigterm_ends_with_a_checkpoint_and_resumes(pictures: Path, tmp_path: Path) -> None:
    # The probability of an augmentation is in the checkpoint too.
    options = ("--set", "augment=adaptive", "--preview-every", "20")
    whole = train("gan", pictures, tmp_path, "whole", 40, *options)
    process = start(*arguments("gan", pictures, tmp_path, "stopped", 40, *options))
    metrics = tmp_path / "stopped" / "metrics.csv"
    while not metrics.exists():
        assert process.poll() is None, process.communicate()[1]
        time.sleep(0.01)
    process.send_signal(signal.SIGTERM)
    _, errors = process.communicate(timeout=20)
    assert process.returncode == 0, errors
    run = Run(tmp_path / "stopped")
    assert (run.status().state, run.status().reason) == ("stopped", "stopped by SIGTERM")
    assert int(run.checkpoints()[0].stem[5:]) == run.status().step
    assert cli.main(["resume", "stopped", "--runs", str(tmp_path), "--device", "cpu"]) == 0
    assert_same_end(whole, run.folder)


def test_a_damaged_checkpoint_is_named_and_the_one_before_is_used(
    pictures: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    whole = train("gan", pictures, tmp_path, "whole")
    folder = train("gan", pictures, tmp_path, "hurt")
    newest, before = Run(folder).checkpoints()
    content = bytearray(newest.read_bytes())
    content[-5] ^= 1
    newest.write_bytes(content)
    status = json.loads((folder / "status.json").read_text())
    (folder / "status.json").write_text(json.dumps(status | {"state": "stopped"}))
    assert cli.main(["resume", "hurt", "--runs", str(tmp_path), "--device", "cpu"]) == 0
    said = capsys.readouterr()
    assert newest.name in said.out + said.err
    assert before.name in said.out + said.err
    assert_same_end(whole, folder)


def test_divergence_stops_the_run_with_the_reason(
    pictures: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    code = cli.main(arguments("gan", pictures, tmp_path, "wild", 30, "--set", "lr=1e30", "--set", "r1=0"))
    assert code == 1
    status = Run(tmp_path / "wild").status()
    assert status.state == "failed"
    assert "not a finite number at step" in (status.reason or "")
    assert "lower learning rate" in capsys.readouterr().err
    tensors, _ = last_checkpoint(tmp_path / "wild")
    assert all(torch.isfinite(tensor).all() for tensor in tensors.values())


def test_a_second_trainer_is_refused(pictures: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    process = start(*arguments("gan", pictures, tmp_path, "busy", 4000))
    try:
        while not (tmp_path / "busy" / "metrics.csv").exists():
            assert process.poll() is None, process.communicate()[1]
            time.sleep(0.01)
        assert cli.main(["resume", "busy", "--runs", str(tmp_path)]) == 2
        assert "another process" in capsys.readouterr().err
        assert Run(tmp_path / "busy").status().state == "running"
    finally:
        process.kill()
        process.communicate()
    assert Run(tmp_path / "busy").status().state == "stopped"


def test_two_processes_end_with_one_set_of_weights(pictures: Path, tmp_path: Path) -> None:
    """Gradients are averaged: two processes with half a batch each follow one process with the whole batch."""
    options = ("--set", "r1=0", "--set", "network=perceptron", "--set", "augment=fixed")
    alone = train("bigan", pictures, tmp_path, "alone", 1, *options)
    command = arguments("bigan", pictures, tmp_path, "pair", 1, *options)
    done = subprocess.run(
        [
            sys.executable,
            "-m",
            "torch.distributed.run",
            "--standalone",
            "--nproc-per-node",
            "2",
            "-m",
            "gan_core",
            *command,
        ],
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    settled = read_run_config(tmp_path / "pair" / "config.json")
    assert settled.batch_size == 8
    one, two = (pd.read_csv(folder / "metrics.csv") for folder in (alone, tmp_path / "pair"))
    assert one["step"].tolist() == two["step"].tolist()
    # Batch norm sees half a batch in each process, so the two agree at first and drift apart slowly.
    assert two["loss/d"].to_numpy() == pytest.approx(one["loss/d"].to_numpy(), abs=0.05)
