"""What the log repeats is bounded, and says what it left out."""

import io
import logging

import pytest

from dashboard.server import log_limit


def repeat(logger: logging.Logger, times: int) -> None:
    for number in range(times):
        logger.error("failed %d", number)


def test_only_the_first_of_a_kind_are_written(monkeypatch: pytest.MonkeyPatch) -> None:
    logger, written = logging.Logger("repeated"), io.StringIO()
    handler = logging.StreamHandler(written)
    handler.addFilter(log_limit.RepetitionFilter(most_alike=3, window=60.0))
    logger.addHandler(handler)
    clock = [1000.0]
    monkeypatch.setattr(log_limit.time, "monotonic", lambda: clock[0])
    repeat(logger, 100)
    logger.error("another fault")
    assert written.getvalue().splitlines() == ["failed 0", "failed 1", "failed 2", "another fault"]
    clock[0] += 61
    repeat(logger, 2)
    assert written.getvalue().splitlines()[4:] == ["failed 0 (97 more of this kind were not written)", "failed 1"]


def test_many_kinds_are_bounded_together() -> None:
    found = log_limit.RepetitionFilter(most_alike=100, most=50)
    records = [logging.LogRecord("x", logging.ERROR, f"{number}.py", 1, "y", (), None) for number in range(5000)]
    assert sum(map(found.filter, records)) == 50
    assert len(found._kinds) <= log_limit._MOST_KINDS


def test_every_writer_of_the_log_is_limited_and_left_as_it_was() -> None:
    logger, written = logging.getLogger("tests.limited"), io.StringIO()
    handler = logging.StreamHandler(written)
    logger.addHandler(handler)
    try:
        with log_limit.limited():
            repeat(logger, 5 * log_limit.MOST_ALIKE)
            assert logging.lastResort is not None and logging.lastResort.filters
        assert len(written.getvalue().splitlines()) == log_limit.MOST_ALIKE
        assert not handler.filters and not logging.lastResort.filters
    finally:
        logger.removeHandler(handler)
