"""Columns of other programs under our names."""

import numpy as np
import pytest

from gan_core import usual_names
from gan_core.errors import UserError
from gan_core.importers import columns
from gan_core.importers.columns import Named


@pytest.mark.parametrize(
    ("theirs", "ours"),
    [
        ("d_loss", "loss/d"),
        ("Loss_D", "loss/d"),
        ("lossD", "loss/d"),
        ("errD", "loss/d"),
        ("train/disc_loss_step", "loss/d"),
        ("critic loss", "loss/d"),
        ("generator_loss", "loss/g"),
        ("Loss/G/loss", "loss/g"),
        ("loss_gen", "loss/g"),
        ("D_acc", "accuracy/d"),
        ("acc_real", "accuracy/d_real"),
        ("d_acc_fake", "accuracy/d_fake"),
        ("accuracy/d_generated", "accuracy/d_fake"),
        # Of one half, of another set, of an epoch, of nobody known, of several: none of these is ours.
        ("d_loss_real", ""),
        ("val_d_loss", ""),
        ("d_loss_epoch", ""),
        ("loss", ""),
        ("acc", ""),
        ("d_g_loss", ""),
        ("D1 loss", ""),
        ("lr", ""),
        ("", ""),
    ],
)
def test_a_column_is_known_by_a_usual_name(theirs: str, ours: str) -> None:
    assert usual_names.known_as(theirs) == ours


def test_the_first_of_two_columns_that_mean_the_same_gets_our_name() -> None:
    found = columns.named(["d_loss", "loss_D", "a,b"], {})
    assert [one.column for one in found.values()] == ["loss/d", "loss_D", "a b"]


def test_a_map_goes_before_what_is_known() -> None:
    found = columns.named(["d_loss", "critic"], {"critic": "loss/d"})
    assert {name: one.column for name, one in found.items()} == {"critic": "loss/d", "d_loss": "d_loss"}


@pytest.mark.parametrize(
    ("wanted", "line"),
    [
        ({"d_los": "loss/d"}, "--map d_los: there is no such column. Did you mean 'd_loss'?"),
        ({"d_loss": "x", "g_loss": "x"}, "'x' is the name of another column"),
        ({"d_loss": "step"}, "'step' is the name of another column"),
    ],
)
def test_a_map_that_cannot_be(wanted: dict[str, str], line: str) -> None:
    with pytest.raises(UserError) as caught:
        columns.named(["d_loss", "g_loss"], wanted)
    assert line in str(caught.value)


def test_percent_become_shares_weights_go_and_empty_columns_as_well() -> None:
    table = {
        "step": np.arange(2.0),
        "acc": np.array([50.0, 100.0]),
        "cycle": np.array([2.0, 4.0]),
        "nothing": np.full(2, np.nan),
    }
    named = {
        "acc": Named("accuracy/d", name="acc"),
        "cycle": Named("loss/cycle_a", weight=10.0, name="cycle"),
        "nothing": Named("nothing", name="nothing"),
    }
    made, metrics, notes = columns.finished(table, named, "least_squares")
    assert {name: values.tolist() for name, values in made.items()} == {
        "step": [0, 1],
        "accuracy/d": [0.5, 1.0],
        "loss/cycle_a": [0.2, 0.4],
    }
    assert [metric.column for metric in metrics] == ["accuracy/d", "loss/cycle_a"]
    assert notes == ()


def test_our_columns_have_our_charts_and_all_others_one_of_their_own() -> None:
    named = {name: Named(name, name=name) for name in ("loss/d", "accuracy/d", "lr")}
    table = {"step": np.zeros(1), **{name: np.ones(1) for name in named}}
    _, (loss, accuracy, rate), _ = columns.finished(table, named, "hinge")
    assert (loss.chart_title, loss.objective) == ("Discriminator loss", "hinge")
    assert accuracy.chart_title == "Discriminator accuracy" and accuracy.percent
    assert (rate.chart_title, rate.objective) == ("lr", "")


def test_of_too_many_columns_those_under_our_names_stay(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(columns, "MOST", 3)
    names = [f"c{index}" for index in range(5)] + ["d_loss"]
    table = {"step": np.zeros(1), **{name: np.ones(1) for name in names}}
    made, metrics, notes = columns.finished(table, columns.named(names, {}), "")
    assert [metric.column for metric in metrics] == ["c0", "c1", "loss/d"]
    assert notes == ("3 of 6 columns were left out: a run has at most 3",)
    assert set(made) == {"step", "c0", "c1", "loss/d"}


def test_what_counts_the_rows() -> None:
    assert columns.counted_by(["epoch", "global_step", "d"], "") == ("global_step", "epoch")
    assert columns.counted_by(["d", "Epoch"], "") == ("", "Epoch")
    assert columns.counted_by(["images", "epoch"], "images") == ("images", "epoch")
    assert columns.counted_by(["step", "epoch"], "epoch") == ("", "epoch")
    with pytest.raises(UserError, match="--x nothing: there is no such column"):
        columns.counted_by(["step"], "nothing")
