"""Ordinary differential equations dx/dt = v(x, t), solved from t = 0 to t = 1 in equal steps of second order.

Both methods evaluate v twice a step, so their error falls with the square of the number of steps (Hairer, Norsett and
Wanner 1993, Solving Ordinary Differential Equations I, section II.1).
"""

from collections.abc import Callable, Iterator
from typing import Literal

import torch
from torch import Tensor

Solver = Literal["midpoint", "heun"]
Velocity = Callable[[Tensor, float], Tensor]  # the state x and the time t -> dx/dt, shaped as x

EVALUATIONS_PER_STEP = 2


def trajectory(velocity: Velocity, x: Tensor, steps: int, solver: Solver) -> Iterator[tuple[float, Tensor, Tensor]]:
    """Yield (t, state, velocity) at the start of each step, then the end: t = 1 with a velocity of zero.

    x: the state at t = 0, of any shape. The velocity at the end is not evaluated, as no step needs it.
    """
    h = 1 / steps
    for step in range(steps):
        t = step / steps
        first = velocity(x, t)
        yield t, x, first
        if solver == "midpoint":
            x = x + h * velocity(x + h / 2 * first, t + h / 2)
        else:
            x = x + h / 2 * (first + velocity(x + h * first, (step + 1) / steps))
    yield 1.0, x, torch.zeros_like(x)


def solve(velocity: Velocity, x: Tensor, steps: int, solver: Solver) -> Tensor:
    """Return the state at t = 1, shaped as x, the state at t = 0."""
    for _, state, _ in trajectory(velocity, x, steps, solver):
        x = state
    return x
