"""The solvers of ordinary differential equations, against fields whose solutions are known."""

import itertools
import math

import pytest
import torch
from torch import Tensor

from gan_core.nets import ode
from gan_core.nets.ode import Solver, Velocity

SOLVERS: tuple[Solver, ...] = ("midpoint", "heun")
MEAN, DEVIATION = 0.4, 0.3


def gaussian(x: Tensor, t: float) -> Tensor:
    """The velocity from standard normal noise to N(MEAN, DEVIATION^2), both independent.

    x_t = (1 - t) noise + t data has the mean t m and the variance D = (1 - t)^2 + t^2 s^2. The mean of data - noise,
    given x_t, is m + (t s^2 - (1 - t)) / D (x_t - t m).
    """
    variance = (1 - t) ** 2 + t**2 * DEVIATION**2
    return MEAN + (t * DEVIATION**2 - (1 - t)) / variance * (x - t * MEAN)


@pytest.mark.parametrize("solver", SOLVERS)
def test_noise_becomes_the_known_gaussian(solver: Solver) -> None:
    noise = torch.randn(20_000, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    found = ode.solve(gaussian, noise, 50, solver)
    assert float(found.mean()) == pytest.approx(MEAN + DEVIATION * float(noise.mean()), abs=2e-3)
    assert float(found.std()) == pytest.approx(DEVIATION * float(noise.std()), rel=5e-3)


@pytest.mark.parametrize("solver", SOLVERS)
def test_the_error_falls_fourfold_when_steps_double(solver: Solver) -> None:
    """The exact solution keeps each point's place in the distribution: noise z arrives at m + s z.

    On the way to a Gaussian errors of midpoint's steps cancel, so that it is better than its order; dx/dt = x shows it.
    """
    noise = torch.linspace(-2, 2, 9, dtype=torch.float64)
    to_gaussian = ratios(gaussian, noise, MEAN + DEVIATION * noise, solver)
    assert min(to_gaussian) > 3.5, to_gaussian
    growing = ratios(lambda x, t: x, noise, math.e * noise, solver)
    assert all(3.7 < ratio < 4.3 for ratio in growing), growing


def ratios(velocity: Velocity, x: Tensor, exact: Tensor, solver: Solver) -> list[float]:
    """By which factor the largest error falls, each time that there are twice as many steps."""
    errors = [float((ode.solve(velocity, x, steps, solver) - exact).abs().max()) for steps in (20, 40, 80)]
    return [coarse / fine for coarse, fine in itertools.pairwise(errors)]


@pytest.mark.parametrize("solver", SOLVERS)
def test_a_step_takes_two_evaluations_and_the_trajectory_has_both_ends(solver: Solver) -> None:
    asked: list[float] = []

    def counted(x: Tensor, t: float) -> Tensor:
        asked.append(t)
        return torch.full_like(x, 2.0)

    found = list(ode.trajectory(counted, torch.ones(3), 5, solver))
    assert len(asked) == 5 * ode.EVALUATIONS_PER_STEP
    assert all(0 <= t <= 1 for t in asked)
    assert [t for t, _, _ in found] == pytest.approx([0, 0.2, 0.4, 0.6, 0.8, 1.0])
    torch.testing.assert_close(found[0][1], torch.ones(3))
    torch.testing.assert_close(found[-1][1], torch.full((3,), 3.0))
    for t, state, velocity in found:  # along a straight path the end is known everywhere
        torch.testing.assert_close(state + (1 - t) * velocity, torch.full((3,), 3.0))
