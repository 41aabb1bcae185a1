"""The losses by numbers that were computed by hand."""

import math

import pytest
import torch
from torch import Tensor

from gan_core import losses, objectives

LOG2 = math.log(2)
# At logit log 3 the discriminator says real with probability 3/4, at -log 3 with 1/4.
REAL, FAKE = torch.tensor([math.log(3), 0.0]), torch.tensor([-math.log(3), 0.0])


@pytest.mark.parametrize(
    ("objective", "d_loss", "g_loss"),
    [
        ("cross_entropy", (math.log(4 / 3) + LOG2) / 2, (math.log(4) + LOG2) / 2),
        ("saturating", (math.log(4 / 3) + LOG2) / 2, (math.log(3 / 4) - LOG2) / 2),
        ("hinge", 0.5, math.log(3) / 2),
        ("wasserstein", -math.log(3), math.log(3) / 2),
        (
            "least_squares",
            ((math.log(3) - 1) ** 2 + 1 + math.log(3) ** 2) / 4,
            ((math.log(3) + 1) ** 2 + 1) / 2,
        ),
    ],
)
def test_each_objective(objective: str, d_loss: float, g_loss: float) -> None:
    assert losses.discriminator(REAL, FAKE, objective).item() == pytest.approx(d_loss)
    assert losses.generator(FAKE, objective).item() == pytest.approx(g_loss)
    assert objective in objectives.OBJECTIVES


def test_the_saturating_loss_gives_no_gradient_where_the_discriminator_is_certain() -> None:
    def slope(objective: str) -> float:
        logit = torch.tensor([-20.0], requires_grad=True)
        (gradient,) = torch.autograd.grad(losses.generator(logit, objective), logit)
        return gradient.item()

    assert slope("saturating") == pytest.approx(-math.exp(-20), rel=1e-3)  # minus the probability of "real"
    assert slope("cross_entropy") == pytest.approx(-1)
    assert slope("wasserstein") == -1


def plane(points: Tensor) -> Tensor:
    """A critic whose gradient is (3, 4) everywhere, of norm 5."""
    return points @ torch.tensor([3.0, 4.0])


def test_penalties_of_a_plane() -> None:
    points = torch.randn(6, 2, requires_grad=True)
    assert losses.gradient_penalty(plane(points), points).item() == pytest.approx(12.5)  # 25 / 2
    assert losses.slope_penalty(plane(points), points).item() == pytest.approx(16)  # (5 - 1)^2
    level = (points * 0).sum(1)
    assert losses.slope_penalty(level, points).item() == pytest.approx(1, rel=1e-5)


def test_the_slope_penalty_teaches_the_critic_even_where_it_is_level() -> None:
    weight = torch.zeros(2, requires_grad=True)
    points = torch.ones(4, 2, requires_grad=True)
    (gradient,) = torch.autograd.grad(losses.slope_penalty(points @ weight, points), weight)
    assert torch.isfinite(gradient).all()


def test_points_between() -> None:
    real, fake = torch.tensor([[0.0, 0.0], [2.0, 2.0]]), torch.tensor([[4.0, 8.0], [0.0, 0.0]])
    found = losses.between(real, fake, torch.tensor([0.75, 0.5]))
    assert found.tolist() == [[1.0, 2.0], [1.0, 1.0]]
    assert found.is_leaf and found.requires_grad


def test_facts_agree_with_the_losses() -> None:
    """At the boundary, and with a discriminator that guesses, each player's loss is at the chance level."""
    for name in ("cross_entropy", "least_squares"):
        guess = torch.full((3,), losses.boundary(name))
        chance = objectives.find(name).chance
        assert losses.discriminator(guess, guess, name).item() == pytest.approx(chance)
        assert losses.generator(guess, name).item() == pytest.approx(chance)
    guess = torch.zeros(3)
    assert losses.discriminator(guess, guess, "saturating").item() == pytest.approx(LOG2)
    assert losses.generator(guess, "saturating").item() == pytest.approx(-LOG2)
    assert objectives.find("saturating").chance is None
    assert losses.accuracy(REAL, FAKE - 1, "saturating") == {"accuracy/d_real": 0.5, "accuracy/d_fake": 1.0}
