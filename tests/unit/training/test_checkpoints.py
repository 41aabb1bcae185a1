"""Checkpoints whose header is none that a training writes: damaged, or of a stranger."""

import copy
import shutil
import signal
from pathlib import Path
from typing import Any

import pytest

from gan_core import cli, tensor_files
from gan_core.runs import Run
from gan_core.training.trainer import Trainer
from tests.helpers.records import assert_same_run
from tests.helpers.training import arguments, make_pictures, train


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two runs of the same training: `whole`, and `stopped` after five steps of eight, of which one is not logged."""
    root = tmp_path_factory.mktemp("runs")
    pictures = make_pictures(tmp_path_factory.mktemp("source") / "shapes")
    train("gan", pictures, root, "whole", 2)
    step = Trainer._step

    def stopping(self: Trainer) -> None:
        step(self)
        if self.family.step == 5:
            signal.raise_signal(signal.SIGTERM)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Trainer, "_step", stopping)
        assert cli.main(arguments("gan", pictures, root, "stopped", 2)) == 0
    return root


@pytest.fixture
def stopped(root: Path, tmp_path: Path) -> Run:
    return Run(Path(shutil.copytree(root / "stopped", tmp_path / "stopped")), tmp_path)


def rewrite(run: Run, **changes: Any) -> None:
    """Change the header of the only checkpoint that is left, under a checksum that fits."""
    newest, *older = run.checkpoints()
    for path in older:
        path.unlink()
    tensors, header = tensor_files.load(newest)
    header.pop("checksum")
    tensor_files.save(newest, tensors, header | changes)


def resume(run: Run) -> int:
    return cli.main(["resume", run.name, "--runs", str(run.root), "--device", "cpu"])


def groups(run: Run, **changes: Any) -> dict[str, Any]:
    found: dict[str, Any] = copy.deepcopy(tensor_files.load(run.checkpoints()[0])[1]["optimizers"])
    for group in (group for groups in found.values() for group in groups):
        group.update(changes)
    return found


@pytest.mark.parametrize("optimizers", [{}, {"g": []}, {"g": ["lr"], "d": 7}, "text", None])
def test_what_a_file_says_of_optimizers_is_not_needed(optimizers: object, root: Path, stopped: Run) -> None:
    rewrite(stopped, optimizers=optimizers)
    assert resume(stopped) == 0
    assert_same_run(Run(root / "whole", root), stopped)


@pytest.mark.parametrize(
    "changes", [{"weight_decay": 1e6, "maximize": True}, {"betas": "none", "lr": "high"}, {"params": [9], "lr": -1.0}]
)
def test_optimizers_are_those_of_the_config(changes: dict[str, object], root: Path, stopped: Run) -> None:
    rewrite(stopped, optimizers=groups(stopped, **changes))
    assert resume(stopped) == 0
    assert_same_run(Run(root / "whole", root), stopped)


@pytest.mark.parametrize(
    "row",
    [
        [5, 0.1, "losses"],
        [5, 0.1, [0.5, "high"]],
        [5, 0.1, [0.5, float("nan")]],
        [5, 0.1, [0.5, 10**400]],
        [5, 0.0, [0.5]],
        ["five", 0.1, [0.5]],
        [6, 0.1, [0.5]],
        [5, "long", [0.5]],
        [5, 0.1],
    ],
)
def test_rows_that_no_training_writes_are_one_line(row: list, stopped: Run, capsys: pytest.CaptureFixture[str]) -> None:
    rewrite(stopped, pending=[row])
    assert resume(stopped) == 2
    error = capsys.readouterr().err.splitlines()[-1]
    assert f"{stopped.checkpoints()[0].name} is damaged: its 'pending' holds no rows" in error


@pytest.mark.parametrize(
    ("rows", "words"),
    [
        ([[5, 0.1, [0.5]]], "does not fit config.json: its 'pending' are of other columns"),
        ([[4, 0.1, [0.5]], [5, 0.1, [0.5, 0.5]]], "is damaged: its 'pending' holds rows of different lengths"),
    ],
)
def test_rows_of_other_columns_are_one_line(
    rows: list, words: str, stopped: Run, capsys: pytest.CaptureFixture[str]
) -> None:
    rewrite(stopped, pending=rows)
    assert resume(stopped) == 2
    assert f"{stopped.checkpoints()[0].name} {words}" in capsys.readouterr().err.splitlines()[-1]
