"""Rows with some of the cells, merged by step; and what a training that was started again replaces."""

import numpy as np
import pytest

from gan_core.errors import UserError
from gan_core.importers import rows
from gan_core.importers.rows import Rows


def test_rows_of_one_step_become_one_and_the_later_value_stays() -> None:
    found = Rows()
    found.add(5, {"d": 1.0})
    found.add(2, {"g": 3.0})
    found.add(5, {"g": 4.0, "d": 2.0})
    table, left = found.table()
    assert left == ()
    assert table["step"].tolist() == [2, 5]
    np.testing.assert_array_equal(table["d"], [np.nan, 2])
    np.testing.assert_array_equal(table["g"], [3, 4])


def test_a_training_that_goes_on_replaces_what_was_logged_after_its_checkpoint() -> None:
    found = Rows()
    for step in (0, 1, 2, 3):
        found.add(step, {"d": 10.0 + step})
    found.restart()
    for step in (2, 3, 4):
        found.add(step, {"d": 20.0 + step})
    table, left = found.table()
    assert table["d"].tolist() == [10, 11, 22, 23, 24]
    assert left == (3,)


def test_a_training_from_the_start_replaces_the_earlier_one() -> None:
    found = Rows()
    found.restart()  # the first header of a log
    for step in (0, 1, 2):
        found.add(step, {"d": 1.0, "old": 1.0})
    found.restart()
    found.add(0, {"d": 2.0})
    table, left = found.table()
    assert table["d"].tolist() == [2] and left == (2,)
    assert "old" not in table


@pytest.mark.parametrize("step", [-1, 2.0**60, float("nan")])
def test_a_step_counts(step: float) -> None:
    with pytest.raises(UserError, match="steps are numbers from 0"):
        Rows().add(step, {})


def test_tables_are_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(rows, "MOST_CELLS", 10)
    found = Rows()
    for step in range(6):
        found.add(step, {"d": 1.0})
    with pytest.raises(UserError, match="6 steps of 1 columns are more than"):
        found.table()
    with pytest.raises(UserError, match="were logged"):
        for step in range(50):
            found.add(step, {"d": 1.0})


def test_a_sparse_table_has_one_row_a_step() -> None:
    nan = np.nan
    columns = {"step": np.array([3, 1, 3, nan]), "a": np.array([nan, 1, 2, 9]), "b": np.array([5, nan, nan, 9])}
    table = rows.of_columns(columns, "step")
    np.testing.assert_array_equal(table["step"], [1, 3])
    np.testing.assert_array_equal(table["a"], [1, 2])
    np.testing.assert_array_equal(table["b"], [nan, 5])
