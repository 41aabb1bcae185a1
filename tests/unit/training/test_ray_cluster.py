"""Many runs at once on a local Ray: a killed worker's run goes on from its checkpoint, a bad one spoils no other."""

import argparse
import os
import shutil
import signal
import subprocess
import time
from pathlib import Path

import pandas as pd
import pytest
import torch

from gan_core import child_processes, cli
from gan_core.cli import training
from gan_core.runs import Run
from gan_core.training import run_plan
from gan_core.training.ray_cluster import Job
from tests.helpers.training import SMALL, make_pictures

EPOCHS = 12  # so many that the run is not over before it is killed
PATIENCE = 200.0  # seconds; a quiet machine needs twenty for all of it
# Ray gives way to every other process by default, and its workers get next to nothing of a machine that runs tests.
AS_OTHERS = child_processes.environment(RAY_worker_niceness="0")


@pytest.fixture
def one_class(tmp_path: Path) -> Path:
    pictures = make_pictures(tmp_path / "shapes")
    shutil.rmtree(pictures / "bar")
    return pictures


@pytest.mark.processes
@pytest.mark.slow
@pytest.mark.timeout(3 * PATIENCE)
def test_a_killed_workers_run_goes_on_and_a_bad_one_spoils_no_other(one_class: Path, tmp_path: Path) -> None:
    root = tmp_path / "runs"
    command = ["compare", "cgan", "dcgan", "--data", str(one_class), "--runs", str(root), *SMALL]
    command += ["--epochs", str(EPOCHS), "--on", "ray", "--set", "ema_decay=0.5", "--set", "width=8"]
    started_in = tmp_path / "downloads"
    started_in.mkdir()
    (started_in / "numpy.py").write_text("raise SystemExit('imported from the current folder')\n")
    with (tmp_path / "log").open("w") as log:
        process = subprocess.Popen(
            child_processes.command("gan_core", *command), cwd=started_in, env=AS_OTHERS, stdout=log, stderr=log
        )
        try:
            run = Run(root / "dcgan")
            end = time.monotonic() + PATIENCE
            while len(run.checkpoints()) < 2:
                assert process.poll() is None and time.monotonic() < end, (tmp_path / "log").read_text()[-3000:]
                time.sleep(0.01)
            killed = run.status()
            assert killed.process and killed.state == "running"
            os.kill(killed.process, signal.SIGKILL)
            code = process.wait(PATIENCE)
        finally:
            process.kill()
    said = (tmp_path / "log").read_text()
    assert code == 1
    assert "error: run 'cgan':" in said and "needs at least two classes" in said
    status = run.status()
    assert (status.state, status.epoch) == ("finished", EPOCHS), said
    steps = pd.read_csv(run.folder / "metrics.csv")["step"].tolist()
    assert steps == list(range(2, status.step + 1, 2))
    assert status.process != killed.process
    assert killed.step < status.step


@pytest.mark.parametrize(
    ("on", "said"),
    [("slurm", "--on slurm: use ray"), ("ray:127.0.0.1:9", "--on ray:127.0.0.1:9: Ray does not answer")],
)
def test_an_engine_that_is_none_is_one_line(
    on: str, said: str, one_class: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    command = ["compare", "gan", "--data", str(one_class), "--runs", str(tmp_path / "runs"), *SMALL, "--on", on]
    assert cli.main(command) == 2
    error = capsys.readouterr().err
    assert said in error and "Traceback" not in error


def test_what_costs_more_is_handed_out_first() -> None:
    options = argparse.Namespace(image_size=32, channels=1, settings=["lr=0.001"])
    jobs = [Job(f"{preset}-s{seed}", preset, seed) for seed in (0, 1) for preset in ("gan", "dcgan", "r3gan")]
    before = torch.random.get_rng_state()
    handed = training._longest_first(options, jobs)
    assert [job.name for job in handed] == ["r3gan-s0", "r3gan-s1", "dcgan-s0", "dcgan-s1", "gan-s0", "gan-s1"]
    assert torch.equal(before, torch.random.get_rng_state())
    assert run_plan.cost("dcgan_unet", 32) > run_plan.cost("dcgan", 32) > 50 * run_plan.cost("gan", 32)
