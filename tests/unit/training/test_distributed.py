"""Several processes train as one: the same losses; and what becomes of a run of which one process is killed."""

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pandas as pd
import psutil
import pytest
import torch
import torch.distributed as dist

from gan_core import cli
from gan_core.nets import distributed
from gan_core.runs import Run
from tests.conftest import ROOT
from tests.helpers import steps, together
from tests.helpers.training import arguments, make_pictures, train

# Two processes that start torch beside others take a minute on a busy machine.
pytestmark = [pytest.mark.processes, pytest.mark.slow, pytest.mark.timeout(500)]

TORCHRUN = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc-per-node"]


@pytest.fixture(scope="module")
def pictures(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_pictures(tmp_path_factory.mktemp("source") / "shapes")


def of_launcher(launcher: "subprocess.Popen[bytes]") -> list[psutil.Process]:
    """The processes that train, the writing one first."""
    children = [child for child in psutil.Process(launcher.pid).children() if "gan_core" in child.cmdline()]
    return sorted(children, key=lambda child: child.environ()["RANK"])


@pytest.mark.parametrize("processes", [2, pytest.param(4, marks=pytest.mark.soak)])
def test_the_losses_are_those_of_one_process_with_the_whole_batch(processes: int, tmp_path: Path) -> None:
    """Of every family, to rounding. Later steps drift apart as they do between one thread and two."""
    log = tmp_path / "log"
    started = together.start(processes, log, steps.main)
    for process in started:
        process.join(400)
    assert [process.exitcode for process in started] == [0] * processes, log.read_text()[-3000:]
    shared = json.loads(next(line for line in log.read_text().splitlines() if line.startswith("{")))
    assert len(shared) == len(steps.cases())
    for case in steps.cases():
        alone, as_one = steps.first_steps(*case), shared[str(case)]
        for step, tolerance in enumerate((3e-4, 3e-3, 3e-2)):
            losses = {key: value for key, value in alone[step].items() if key.startswith("loss")}
            assert losses
            found = {key: as_one[step][key] for key in losses}
            assert found == pytest.approx(losses, rel=tolerance, abs=tolerance), (case, step)


def differentiate_twice() -> None:
    """Check the mean of x cubed and its derivatives, as in a penalty on gradients; anything torch says is a warning."""
    dist.init_process_group("gloo")
    rank, processes = dist.get_rank(), dist.get_world_size()
    x = torch.tensor([1.0 + rank, 2.0], dtype=torch.float64, requires_grad=True)
    mean = distributed.mean(x**3, processes)
    assert torch.equal(mean, torch.tensor([4.5, 8.0], dtype=torch.float64))  # (1 + 8) / 2
    # Each process adds its own square of the mean: together 2 m^2, of which the derivative is 4 m (3 x^2 / 2).
    (slope,) = torch.autograd.grad((mean**2).sum(), x, create_graph=True)
    assert torch.allclose(slope, 6 * mean * x**2)
    # Of the sum of all slopes 6 m x_k^2: sum_k (6 (3 x^2 / 2) x_k^2) + 12 m x, where the sum is over the processes.
    (curve,) = torch.autograd.grad(slope.sum(), x)
    squares = torch.tensor([5.0, 8.0], dtype=torch.float64)  # of x over the processes: 1 + 4, 4 + 4
    assert torch.allclose(curve, 9 * x**2 * squares + 12 * mean * x)
    dist.destroy_process_group()


def test_a_mean_over_processes_has_derivatives_of_any_order_and_warns_of_nothing(tmp_path: Path) -> None:
    log = tmp_path / "log"
    started = together.start(2, log, differentiate_twice)
    for process in started:
        process.join(100)
    assert [process.exitcode for process in started] == [0, 0], log.read_text()[-3000:]
    assert "Warning" not in log.read_text()


def test_a_killed_process_ends_the_others_and_the_run_goes_on_alone(pictures: Path, tmp_path: Path) -> None:
    """And ends where a run ends that one process trained all along."""
    options = ("--set", "width=8", "--set", "max_width=24", "--preview-every", "2")
    alone = train("dcgan", pictures, tmp_path, "alone", 12, *options)
    run = Run(tmp_path / "pair")
    command = arguments("dcgan", pictures, tmp_path, "pair", 12, *options)
    with (tmp_path / "log").open("w") as log:
        process = subprocess.Popen([*TORCHRUN, "2", "-m", "gan_core", *command], cwd=ROOT, stdout=log, stderr=log)
        try:
            while not any(path.name > "step_00000008" for path in run.checkpoints()):
                assert process.poll() is None, (tmp_path / "log").read_text()[-3000:]
                time.sleep(0.05)
            _, second = of_launcher(process)
            second.send_signal(signal.SIGKILL)
            assert process.wait(60) != 0
        finally:
            process.kill()
    status = run.status()
    assert status.state == "stopped", (tmp_path / "log").read_text()[-3000:]
    assert "another process of this training has ended" in (status.reason or ""), status.reason
    assert 8 <= status.step < 48

    assert cli.main(["resume", "pair", "--runs", str(tmp_path), "--device", "cpu"]) == 0
    one, two = (pd.read_csv(folder / "metrics.csv") for folder in (alone, run.folder))
    assert one["step"].tolist() == two["step"].tolist()
    assert two["loss/d"].to_numpy()[:5] == pytest.approx(one["loss/d"].to_numpy()[:5], abs=1e-3)
    assert two["loss/d"].to_numpy() == pytest.approx(one["loss/d"].to_numpy(), abs=0.3)


def test_a_process_that_hangs_does_not_keep_the_others(pictures: Path, tmp_path: Path) -> None:
    """The one that writes the run hears that it should stop while it waits for ever, and says why it ends."""
    run = Run(tmp_path / "pair")
    command = arguments("dcgan", pictures, tmp_path, "pair", 12, "--set", "width=8", "--set", "max_width=24")
    started = together.start(2, tmp_path / "log", together.train, command)
    try:
        while not any(path.name > "step_00000004" for path in run.checkpoints()):
            assert all(process.is_alive() for process in started), (tmp_path / "log").read_text()[-3000:]
            time.sleep(0.05)
        first, second = started
        os.kill(second.pid or 0, signal.SIGSTOP)
        time.sleep(1)  # the other one comes to where it waits
        first.terminate()
        first.join(30)
        status = run.status()
        assert first.exitcode == 1
    finally:
        for process in started:
            process.kill()
    assert status.state == "stopped", (tmp_path / "log").read_text()[-3000:]
    assert "another process of this training has ended" in (status.reason or ""), status.reason
    assert "the last complete checkpoint is of step" in (status.reason or "")
