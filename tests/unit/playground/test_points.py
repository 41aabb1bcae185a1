"""The distributions of the playground: their modes are where their points are."""

import numpy as np
import pytest

from gan_core.playground import points


@pytest.mark.parametrize(("name", "count"), [("ring", 8), ("grid", 25), ("moons", 12), ("line", 12)])
def test_its_own_points_cover_every_mode(name: str, count: int) -> None:
    made = points.BY_NAME[name]()
    drawn = made.draw(2000, np.random.default_rng(0))
    assert drawn.dtype == np.float32 and drawn.shape == (2000, 2)
    assert np.abs(drawn).max() < points.REACH
    assert made.modes.shape == (count, 2)
    assert made.covered(drawn).all()
    assert made.precision(drawn) > 0.98


def test_a_mode_is_covered_by_a_quarter_of_an_even_share() -> None:
    ring = points.ring()
    away = np.zeros((800, 2), np.float32)  # the middle belongs to no mode
    assert not ring.covered(away).any()
    for count, covered in ((24, False), (25, True)):  # an even share is 100
        some = away.copy()
        some[:count] = ring.modes[3]
        assert ring.covered(some).tolist() == [covered and number == 3 for number in range(8)]
    assert ring.precision(some) == 25 / 800


def test_a_drawing_is_divided_into_parts() -> None:
    given = [(-1.0, 0.0), (-0.95, 0.05), (1.0, 0.0), (1.0, 0.1), (0.0, 1.0)]
    made = points.drawn(given)
    assert np.array(sorted(made.modes.tolist())) == pytest.approx(np.array([[-1, 0], [0, 1], [1, 0.1]]))
    assert made.covered(made.draw(300, np.random.default_rng(1))).all()
