"""The budget of a run says what the training then takes."""

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from gan_core import child_processes, cli
from gan_core.run_options import RunOptions
from gan_core.runs import Run
from gan_core.training import budget
from tests.helpers.speeds import measured_speed
from tests.helpers.training import make_pictures

OPTIONS = ["--data", "phantom:cxr?images=60", "--size", "32", "--batch-size", "16", "--epochs", "2"]
OPTIONS += [
    "--set",
    "width=8",
    "--set",
    "max_width=16",
    "--preview-every",
    "3",
    "--snapshots",
    "--precision",
    "32-true",
    "--log-every",
    "2",
    "--device",
    "cpu",
]
# Trains, and says the most memory that its process had.
TRAIN = """
import sys
from gan_core import cli
from gan_core.training.speed import peak_memory
assert cli.main(sys.argv[1:]) == 0
print(peak_memory())
"""


def run(*command: str) -> str:
    done = subprocess.run(command, env=child_processes.environment(), capture_output=True, text=True, timeout=300)
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.mark.slow
@pytest.mark.timeout(400)  # three processes that import torch
def test_a_training_takes_what_was_planned(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GANRAY_CACHE", str(tmp_path / "cache"))
    root = tmp_path / "runs"
    asked = ["dcgan", *OPTIONS, "--runs", str(root)]
    planned = json.loads(run(*child_processes.command("gan_core", "plan", *asked, "--json")))
    assert not root.exists()  # nothing was trained
    memory = int(run(sys.executable, "-c", TRAIN, "train", *asked, "--name", "real").split()[-1])
    real = Run(root / "real", root)
    status, run_config = real.status(), real.config()
    assert (planned["steps"], planned["previews"]) == (status.step, len(real.samples())) == (6, 3)
    assert planned["classes"] == dict(zip(run_config.classes, run_config.class_counts, strict=True))
    assert planned["width"] == run_config.settings["width"] == 8
    on_disk = sum(path.stat().st_size for path in real.folder.rglob("*"))
    assert planned["disk"]["total"] == pytest.approx(on_disk, rel=0.2)
    snapshots = sum(path.stat().st_size for path in real.snapshots().values())
    assert planned["disk"]["snapshots"] == pytest.approx(snapshots, rel=0.05)
    assert planned["memory"] == pytest.approx(memory, rel=0.3)
    assert set(planned["seconds"]) == {"start", "steps", "previews", "total"}
    assert all(0 < seconds < 500 for seconds in planned["seconds"].values())


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["dcgann", "--data", "phantom:cxr"], "Did you mean 'dcgan'"),
        (["dcgan", "--data", "phantom:cxr", "--name", "../x"], "run name '../x'"),
        (["dcgan", "--data", "phantom:cxr", "--size", "48"], "--size 48"),
        (["dcgan", "--data", "/no/such/folder"], "/no/such/folder"),
        (["dcgan", "--data", "phantom:cxr?images=40", "--size", "32", "--batch-size", "500"], "too few"),
        (["dcgan", "--data", "phantom:cxr", "--set", "rate=1"], "no setting 'rate'"),
    ],
)
def test_mistakes(arguments: list[str], message: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """`--here` is what the process of its own is told; it says the same in the end."""
    assert cli.main(["plan", *arguments, "--runs", str(tmp_path), "--here"]) == 2
    (line,) = [line for line in capsys.readouterr().err.splitlines() if line.startswith("error:")]
    assert message in line


def test_what_the_process_says_is_passed_on(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["plan", "gan", "--data", "phantom:leg", "--runs", str(tmp_path)]) == 2
    said = capfd.readouterr()
    assert said.out == "" and said.err.count("error: ") == 1 and "phantom:" in said.err


def test_a_killed_process_is_a_line_about_memory(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(budget.subprocess, "run", lambda *_, **__: subprocess.CompletedProcess([], -9, "", ""))
    assert cli.main(["plan", "gan", "--data", "phantom:cxr", "--runs", str(tmp_path)]) == 2
    assert "the memory was not enough" in capsys.readouterr().err


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with pictures, and with what is prepared of them."""
    folder = tmp_path_factory.mktemp("budget")
    make_pictures(folder / "shapes", per_class=50)
    return folder


def computed(monkeypatch: pytest.MonkeyPatch, root: Path, options: RunOptions, **speed: Any) -> budget.Budget:
    """The budget of a training on pictures, as if its steps had been timed."""
    from gan_core.training import speed as speeds

    busy = speed.pop("busy", 0.0)
    monkeypatch.setenv("GANRAY_CACHE", str(root / "cache"))
    monkeypatch.setattr(speeds, "measure", lambda *_: measured_speed(**speed))
    monkeypatch.setattr(budget.run_costs, "busy", lambda: busy)
    return budget.measure(options, root / "runs")


def test_one_screen_says_it_all(place: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    options = RunOptions("r3gan", str(place / "shapes"), image_size=128, batch_size=10, epochs=60)
    found = computed(monkeypatch, place, options)
    said = budget.text(found)
    assert "r3gan (R3GAN), 128 px, grey, batch 10, width 10" in said
    assert "80 images to train on (bar 40, disc 40); held out: val 10, test 10" in said
    assert "60 x 8 = 480 steps, 4,800 images seen, 61 previews" in said
    assert "about 10 min on cpu in 32-true: start 5 s, steps 8 min (1 s each), previews 2 min (2 s each)" in said
    assert "memory  600 MB (" in said
    assert "disk    23 MB (" in said and "checkpoints 20 MB" in said and "snapshots" not in said
    assert [line.partition(": ")[0] for line in said.splitlines()[6:]] == ["warning"] * 2
    assert "enlarged" in said and "free" not in said.splitlines()[6]  # of the data; this machine lacks nothing


def test_what_this_machine_lacks_is_warned_of(place: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    options = RunOptions("gan", str(place / "shapes"), image_size=32, batch_size=10, epochs=60)
    monkeypatch.setattr(budget.run_costs, "free_disk", lambda _: 10**6)
    found = computed(monkeypatch, place, options, memory=10**15, alone=0.5, busy=0.9)
    lines = [line for line in budget.text(found).splitlines() if line.startswith("warning: ")]
    assert len(lines) == 4  # the first of the data
    assert "1000000.0 GB are needed" in lines[1] and "--batch-size" in lines[1]
    assert "1 MB are free of the disk" in lines[2]
    assert "alone the training would take about 5 min" in lines[3]


@pytest.mark.parametrize(
    ("step", "alone", "epochs", "said"),
    [
        (1.0, 0.5, 60, "about 5 min"),
        (1.0, 0.93, 60, ""),  # less than a tenth
        (1.0, 0.85, 1, "about 14 s"),
        (0.01, 0.004, 1, "about 4 s"),
    ],
)
def test_a_busy_machine_is_only_spoken_of_where_it_matters(
    step: float, alone: float, epochs: int, said: str, place: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    options = RunOptions("gan", str(place / "shapes"), image_size=32, batch_size=10, epochs=epochs)
    found = computed(monkeypatch, place, options, step=step, alone=alone, busy=0.9)
    lines = [line for line in found.warnings if "busy" in line]
    assert len(lines) == bool(said) and all(said in line for line in lines)
