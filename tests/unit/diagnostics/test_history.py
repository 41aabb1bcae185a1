"""What of the tables of a run cannot be used is said; nothing is left out of a diagnosis in silence."""

import math
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from gan_core import cli, record, runs
from gan_core.diagnostics import compare, diagnose, examine, read
from tests.helpers.run_folders import make_run


def test_whole_tables_have_no_problem(tmp_path: Path) -> None:
    assert read(make_run(tmp_path, "a", epochs=3)).problems == ()


def test_a_spreadsheet_that_saved_with_decimal_commas_changes_no_number(tmp_path: Path) -> None:
    run = make_run(tmp_path, "a", epochs=3)
    before = read(run)
    path = run.folder / "metrics.csv"
    path.write_bytes(
        b"\xef\xbb\xbf" + path.read_bytes().replace(b",", b";").replace(b".", b",").replace(b"\n", b"\r\n")
    )
    after = read(run)
    assert after.problems == () and list(after.metrics) == list(before.metrics)
    for name, values in before.metrics.items():
        assert after.metrics[name].tolist() == values.tolist()


@pytest.mark.parametrize("column", ["loss/d", "epoch"])
def test_cells_that_are_no_numbers_any_more_are_named(
    tmp_path: Path, column: str, capsys: pytest.CaptureFixture[str]
) -> None:
    run = make_run(tmp_path, "a", epochs=3)
    path = run.folder / "metrics.csv"
    header, first, *rest = path.read_text().splitlines()
    cells = first.split(",")
    cells[header.split(",").index(column)] = "01. Mai"
    path.write_text("\n".join([header, ",".join(cells), *rest]) + "\n")
    cli.main(["diagnose", "a", "--runs", str(tmp_path)])
    shown = capsys.readouterr().out
    assert f"1 in {column}, such as '01. Mai'" in shown
    assert ("rows of metrics.csv name no epoch" in shown) == (column == "epoch")
    assert ("no usable column loss/d" in shown) == (column == "loss/d")


@pytest.mark.parametrize(
    ("discriminator", "generator", "diverges"),
    [
        ((1, 0), (5, 0), None),  # (every how many steps a loss is logged, its first)
        ((1, 0), (5, 4), None),
        ((2, 0), (2, 1), None),
        ((1, 0), (1, 0), 51),
        ((1, 0), (5, 0), 51),
    ],
)
def test_a_step_at_which_another_program_logged_no_loss_is_no_loss_that_is_no_number(
    tmp_path: Path, discriminator: tuple[int, int], generator: tuple[int, int], diverges: int | None
) -> None:
    run, rng = record.start("mine", runs=tmp_path, objective="cross_entropy"), np.random.default_rng(1)
    for step in range(400):
        for name, (every, first) in (("loss/d", discriminator), ("loss/g", generator)):
            if step % every == first:
                broken = diverges is not None and step >= diverges
                run.log({name: np.nan if broken else rng.normal(0.7, 0.2)}, step=step)
    run.finish()
    events = [event for event in diagnose(runs.find_run("mine", tmp_path)) if event.ailment]
    assert [event.kind for event in events] == ["diverged"] * (diverges is not None)
    assert not events or events[0].epoch == pytest.approx(diverges, abs=generator[0])


Losses = Callable[[int], dict[str, float]]


def told(tmp_path: Path, losses: Losses, steps: int = 400) -> tuple[list[tuple[str, float]], str]:
    """The ailments of a recorded run, with the epoch of each, and what `compare` says of it."""
    run = record.start("mine", runs=tmp_path, objective="cross_entropy")
    for step in range(steps):
        run.log(losses(step), step=step)
    run.finish()
    found = examine(runs.find_run("mine", tmp_path))
    return [(event.kind, event.epoch) for event in found.events if event.ailment], compare([found])


def test_a_discriminator_that_began_late_was_not_there_before(tmp_path: Path) -> None:
    knows = {"loss/d": 0.1, "accuracy/d_real": 0.97, "accuracy/d_fake": 0.97}
    assert told(tmp_path, lambda step: {"loss/g": 3.0} | (knows if step >= 320 else {}))[0] == []


def test_one_that_began_late_may_diverge_as_well(tmp_path: Path) -> None:
    def losses(step: int) -> dict[str, float]:
        return {"loss/g": 0.7} | ({"loss/d": 0.7 if step < 300 else math.nan} if step >= 200 else {})

    assert told(tmp_path, losses)[0] == [("diverged", 300)]


def test_a_last_row_without_losses_ends_no_loss(tmp_path: Path) -> None:
    assert told(tmp_path, lambda step: {"loss/d": 0.7, "loss/g": 0.7} if step < 399 else {"fid": 12.3})[0] == []


@pytest.mark.parametrize("steps", [80, 401])  # one number of each loss, and three
def test_a_few_numbers_among_many_rows_judge_nothing(tmp_path: Path, steps: int) -> None:
    found, said = told(
        tmp_path, lambda step: {"lr": 1e-4} | ({} if step % 200 else {"loss/d": 0.7, "loss/g": 0.7}), steps
    )
    assert found == [] and "Could not be judged yet: mine" in said


@pytest.mark.parametrize("names", [("real", "held_out"), ("change/ab", "change/ba")])
def test_a_column_may_have_the_name_of_something_else(tmp_path: Path, names: tuple[str, str]) -> None:
    found, said = told(tmp_path, lambda step: {"loss/d": 0.7, "loss/g": 0.7} | dict.fromkeys(names, 0.5), 60)
    assert found == [] and "overfitting" not in said and "returns its input" not in said
