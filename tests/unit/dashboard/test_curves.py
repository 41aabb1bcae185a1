"""Smoothing, reduction and following of curves."""

import math
import time
from pathlib import Path

import numpy as np
import pytest

from dashboard.library.curves import EMPTY, POINTS, FollowedTable, Reducer, Smoother, reduce

HEADER = b"step,epoch,loss/g,loss/d\n"


def reference(values: np.ndarray, smoothing: float) -> np.ndarray:
    """Debiased exponential smoothing, written as its definition."""
    value = weight = 0.0
    found = []
    for x in values:
        if np.isfinite(x):
            value, weight = smoothing * value + (1 - smoothing) * x, smoothing * weight + 1 - smoothing
            found.append(value / weight)
        else:
            value, weight = smoothing * value, smoothing * weight
            found.append(np.nan)
    return np.array(found)


@pytest.mark.parametrize("smoothing", [0.0, 0.5, 0.99])
@pytest.mark.parametrize("cuts", [[], [1], [1, 2, 50]])
def test_smoothing_in_parts_is_smoothing_at_once(smoothing: float, cuts: list[int]) -> None:
    values = np.random.default_rng(0).normal(3, 1, 200)
    values[[5, 60]] = [np.nan, np.inf]
    smoother = Smoother(smoothing)
    found = np.concatenate([smoother.extend(part) for part in np.split(values, cuts)])
    expected = reference(values, smoothing)
    np.testing.assert_allclose(found, expected, rtol=1e-9)
    assert smoother.last == pytest.approx(expected[-1], rel=1e-9)


def test_smoothing_begins_at_the_first_value() -> None:
    assert Smoother(0.99).extend(np.array([7.0])) == pytest.approx([7.0])


@pytest.mark.parametrize("smoothing", [0.0, 0.3, 0.99])
def test_smoothing_a_long_curve_of_finite_values(smoothing: float) -> None:
    values = np.random.default_rng(3).normal(3, 1, 6000)
    smoother = Smoother(smoothing)
    found = np.concatenate([smoother.extend(part) for part in np.split(values, [1, 7, 5000])])
    np.testing.assert_allclose(found, reference(values, smoothing), rtol=1e-9)


@pytest.mark.parametrize("cuts", [[], [1, 2, 3, 500, 501, 40_000], list(range(997, 60_000, 997))])
@pytest.mark.parametrize("count", [0, 1, 2, 996, 997, 60_000])
def test_reduction_in_parts_keeps_every_spike_and_the_ends(count: int, cuts: list[int]) -> None:
    values = np.random.default_rng(count).normal(size=count)
    for place, spike in ((0.31, 40.0), (0.32, -41.0), (0.77, 90.0), (0.78, -91.0)):
        if count > 100:
            values[int(count * place)] = spike
    reducer = Reducer()
    for part in np.split(values, [cut for cut in cuts if cut < count]):
        reducer.extend(part)
    rows, kept = reducer.points()
    assert len(rows) <= POINTS
    assert np.all(np.diff(rows) > 0)
    np.testing.assert_array_equal(kept, values[rows])
    if count:
        assert (rows[0], rows[-1]) == (0, count - 1)
    if count > 100:
        assert {40.0, -41.0, 90.0, -91.0} <= set(kept)
    if count <= 996:
        assert len(rows) == count


def test_reduction_passes_over_gaps_and_survives_nothing_but_gaps() -> None:
    reducer = Reducer(20)
    reducer.extend(np.full(5000, np.nan))
    assert len(reducer.points()[0]) == 0
    values = np.full(5000, np.nan)
    values[[7, 4000, 4990]] = 3.0, -np.inf, 1.0
    reducer.extend(values)
    assert reducer.points()[0].tolist() == [5007, 9990]
    assert reducer.points()[1].tolist() == [3.0, 1.0]


@pytest.mark.parametrize("count", [0, 1, POINTS, POINTS + 1, 100_000])
def test_reduction_keeps_the_extremes_and_the_ends(count: int) -> None:
    y = np.random.default_rng(1).normal(size=count)
    if count > 10:
        y[count // 3], y[count // 7] = 50, -50
    x, kept = reduce(np.arange(count, dtype=float), y)
    assert len(x) == len(kept) <= POINTS
    assert x.dtype == kept.dtype == np.float32
    assert np.all(np.diff(x) > 0)
    if count:
        assert (kept.max(), kept.min()) == (np.float32(y.max()), np.float32(y.min()))
        assert (x[0], x[-1]) == (0, count - 1)


def test_reduction_passes_over_what_is_not_finite() -> None:
    x, y = reduce(np.arange(5.0), np.array([1, np.nan, np.inf, 4, 5]))
    assert (x.tolist(), y.tolist()) == ([0, 3, 4], [1, 4, 5])


def test_a_curve_grows_with_its_file(tmp_path: Path) -> None:
    path = tmp_path / "metrics.csv"
    followed = FollowedTable(path)
    followed.poll()
    assert followed.curve(("loss/g",), "step", 0.5) is EMPTY
    path.write_bytes(HEADER + b"1,0.5,2,1\n2,1,4,1\n3,1.5,")  # the last line is half written
    followed.poll()
    curve = followed.curve(("loss/g",), "step", 0.5)
    assert curve.y.tolist() == [2, 4]
    assert followed.curve(("loss/g",), "step", 0.5) is curve  # nothing new: nothing computed
    with path.open("ab") as file:
        file.write(b"8,3\n")
    followed.poll()
    curve = followed.curve(("loss/g",), "step", 0.5)
    assert curve.x.tolist() == [1, 2, 3]
    np.testing.assert_allclose(curve.smooth_y, reference(np.array([2, 4, 8]), 0.5), rtol=1e-6)
    assert followed.curve(("loss/g", "loss/d"), "epoch", 0).y.tolist() == [1.5, 2.5, 5.5]
    assert followed.curve(("loss/none",), "epoch", 0) is EMPTY


@pytest.mark.filterwarnings("error")
def test_numbers_that_no_chart_can_draw_warn_nobody(tmp_path: Path) -> None:
    path = tmp_path / "metrics.csv"
    path.write_bytes(HEADER + b"1,1e300,2,1\n2,1e308,1e200,1\n")
    followed = FollowedTable(path)
    followed.poll()
    assert followed.curve(("loss/g",), "step", 0).y.tolist() == [2, np.inf]
    assert followed.curve(("loss/g",), "epoch", 0).x.tolist() == []


def test_a_resumed_run_starts_its_curve_over(tmp_path: Path) -> None:
    path = tmp_path / "metrics.csv"
    path.write_bytes(HEADER + b"1,1,2,1\n2,2,4,1\n3,3,8,1\n")
    followed = FollowedTable(path)
    followed.poll()
    assert len(followed.curve(("loss/g",), "step", 0.0).y) == 3
    other = tmp_path / "other"
    other.write_bytes(HEADER + b"1,1,2,1\n2,2,5,1\n")
    other.replace(path)
    followed.poll()
    assert followed.curve(("loss/g",), "step", 0.0).y.tolist() == [2, 5]
    path.unlink()
    followed.poll()
    assert followed.curve(("loss/g",), "step", 0.0) is EMPTY


def test_following_a_long_run_is_quick(tmp_path: Path) -> None:
    path = tmp_path / "metrics.csv"
    rows = np.random.default_rng(2).normal(size=(100_000, 2))
    lines = [f"{i},{i / 100},{g:.6g},{d:.6g}" for i, (g, d) in enumerate(rows)]
    path.write_bytes(HEADER + "\n".join(lines).encode() + b"\n")
    followed = FollowedTable(path)
    followed.poll()
    followed.curve(("loss/g",), "epoch", 0.9)
    times = []
    for i in range(5):
        with path.open("ab") as file:
            file.write(f"{100_000 + i},1000,1,1\n".encode())
        start = time.perf_counter()
        followed.poll()
        curve = followed.curve(("loss/g",), "epoch", 0.9)
        times.append(time.perf_counter() - start)
    assert curve.x[-1] == 1000
    assert min(times) < 0.05


def test_epochs_have_their_place_on_another_axis(tmp_path: Path) -> None:
    path = tmp_path / "metrics.csv"
    path.write_bytes(HEADER + b"10,0.5,2,1\n20,1,4,1\n40,2,8,1\n")
    followed = FollowedTable(path)
    followed.poll()
    epochs, steps = followed.places("step")
    assert (epochs.tolist(), steps.tolist()) == ([0, 0.5, 1, 2], [0, 10, 20, 40])
    assert len(followed.places("seconds")[0]) == 0


def test_words_are_found_by_epoch(tmp_path: Path) -> None:
    path = tmp_path / "epochs.csv"
    path.write_bytes(b"epoch,scores/real\n0,1 2\n5,3 4\n")
    followed = FollowedTable(path)
    followed.poll()
    assert followed.texts("scores/real") == {0: "1 2", 5: "3 4"}
    assert followed.texts("scores/fake") == {}


def test_rows_without_a_finite_epoch_have_no_place(tmp_path: Path) -> None:
    path = tmp_path / "epochs.csv"
    path.write_bytes(b"epoch,scores/real,loss\n1,1 2,1\n,3 4,2\nnan,5 6,3\n-inf,5 6,3\n1e300,7 8,4\n2,7 8,5\n")
    followed = FollowedTable(path)
    followed.poll()
    assert followed.texts("scores/real") == {1: "1 2", 1e300: "7 8", 2: "7 8"}
    assert followed.curve(("loss",), "epoch", 0.0).x.tolist() == [1, 2]


def test_the_last_value_of_a_column_is_the_last_that_was_logged(tmp_path: Path) -> None:
    path = tmp_path / "epochs.csv"
    path.write_text("epoch,step,accuracy/d_held_out\n1,10,0.6\n2,20,0.7\n3,30,\n")
    table = FollowedTable(path)
    table.poll()
    assert table.last("accuracy/d_held_out") == 0.7
    assert math.isnan(table.last("nothing"))
