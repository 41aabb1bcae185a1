"""How long an epoch is, and when a run is looked at."""

import pytest

from gan_core import schedule


@pytest.mark.parametrize(
    ("every", "start", "epochs", "expected"),
    [
        (1, "dense", 4, [0, 1, 2, 3, 4]),
        (10, "even", 25, [0, 10, 20, 25]),
        (10, "dense", 25, [0, 1, 2, 3, 5, 8, 10, 20, 25]),
        (40, "dense", 100, [0, 1, 2, 3, 5, 8, 12, 18, 27, 40, 80, 100]),
        (100, "dense", 6, [0, 1, 2, 3, 5, 6]),
        (100, "dense", 5, [0, 1, 2, 3, 5]),
    ],
)
def test_early_epochs_are_looked_at_more_often(every: int, start: str, epochs: int, expected: list[int]) -> None:
    found = [epoch for epoch in range(epochs + 1) if schedule.has_preview(epoch, every, start, epochs)]
    assert found == expected
    assert schedule.previews(every, start, epochs) == len(expected)


def test_a_training_without_end_is_counted_at_once() -> None:
    assert schedule.previews(1, "even", 10**12) == 10**12 + 1


def test_an_epoch_of_a_translator_covers_the_larger_domain() -> None:
    assert schedule.steps_per_epoch([800], 32) == 25
    assert schedule.steps_per_epoch([30, 200], 8) == 25
    assert schedule.steps_per_epoch([31], 32) == 0
