"""How fast a preset trains here: what cannot be measured is one line."""

import pytest

from gan_core.errors import UserError
from gan_core.run_options import RunOptions
from gan_core.training import speed


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({"batch_size": 0}, "--batch-size 0: give a number from 1"),
        ({"batch_size": -5}, "--batch-size -5"),
        ({"batch_size": 10**9}, "to 65536"),
        ({"image_size": 0}, "--size 0: choose one of 32"),
        ({"image_size": 48}, "--size 48"),
    ],
)
def test_what_no_training_has_is_refused(given: dict[str, int], said: str) -> None:
    with pytest.raises(UserError, match=said):
        speed.measure(RunOptions("gan", "", **given))
