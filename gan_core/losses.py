"""Adversarial objectives: pure functions on logits and images.

A logit is the discriminator's answer before any squashing; a high one says "real". All are computed in float32,
whatever precision the networks ran in.
"""

from collections.abc import Callable, Sequence

import torch
import torch.nn.functional as F
from torch import Tensor

from gan_core import objectives


def discriminator(real: Tensor, fake: Tensor, objective: str = "cross_entropy") -> Tensor:
    """What the discriminator minimises, a scalar; real and fake are logits (N,) or maps of them.

    cross_entropy: the mean of -log s(real) and -log(1 - s(fake)) (Goodfellow 2014, eq. 1, on logits); hinge: Lim and
    Ye 2017; least_squares: Mao 2017 with labels 1 and 0. Each is the mean of its two halves.
    """
    real, fake = real.float(), fake.float()
    match objective:
        case "cross_entropy":
            return (F.softplus(-real).mean() + F.softplus(fake).mean()) / 2
        case "hinge":
            return (F.relu(1 - real).mean() + F.relu(1 + fake).mean()) / 2
        case "least_squares":
            return ((real - 1).square().mean() + fake.square().mean()) / 2
    raise AssertionError(f"no objective '{objective}'")


def generator(fake: Tensor, objective: str = "cross_entropy") -> Tensor:
    """What the generator minimises, a scalar: the non-saturating loss -log s(fake) (Goodfellow 2014, section 3), the
    hinge's -fake, or (fake - 1)^2.
    """
    fake = fake.float()
    match objective:
        case "cross_entropy":
            return F.softplus(-fake).mean()
        case "hinge":
            return -fake.mean()
        case "least_squares":
            return (fake - 1).square().mean()
    raise AssertionError(f"no objective '{objective}'")


def relativistic(winner: Tensor, loser: Tensor) -> Tensor:
    """What is minimised by who wants the one of each pair to score above the other, a scalar: -log s(winner - loser)
    (Jolicoeur-Martineau 2018, arXiv:1807.00734, section 3.2; Huang 2024, eq. 2).

    winner, loser: logits (N,) of the pairs: real and generated for the discriminator, the other way round for the
    generator. A number added to all logits changes nothing, so the sign of one alone has no meaning.
    """
    return F.softplus(loser.float() - winner.float()).mean()


def of_parts(loss: Callable[..., Tensor], *logits: Sequence[Tensor]) -> Tensor:
    """The mean of `discriminator` or `generator` over the parts of what a discriminator answers, a scalar: the picture
    as a whole, and each of its pixels (Schönfeld 2020, arXiv:2002.12655, eq. 3 and 6, whose sum is twice as much).

    logits: for each argument of the loss its parts, (N,) or maps of logits.
    """
    return torch.stack([loss(*part) for part in zip(*logits, strict=True)]).mean()


def of_pictures(parts: Sequence[Tensor]) -> Tensor:
    """Parts of an answer, (N,) or maps of logits, as one number a picture (N,): the mean of each part, then of them."""
    return torch.stack([part.flatten(1).mean(1) if part.ndim > 1 else part for part in parts]).mean(0)


def absolute(picture: Tensor, other: Tensor) -> Tensor:
    """Mean absolute difference of two pictures (N, C, H, W), a scalar: CycleGAN's cycle and identity losses (Zhu 2017,
    eq. 2 and section 5.2).
    """
    return (picture.float() - other.float()).abs().mean()


def patch_contrast(query: Tensor, key: Tensor, temperature: float) -> Tensor:
    """PatchNCE, a scalar: how surely each patch of a translation is found again among the patches of its input (Park
    2020, arXiv:2007.15651, eq. 3 and 4).

    query, key: unit vectors (N, S, D) of S patches of N translations, and of the same places of their inputs. The other
    S - 1 places of the same picture are the wrong answers. Gradients flow through the queries alone.
    """
    logits = query.float() @ key.detach().float().transpose(1, 2) / temperature
    places = torch.arange(logits.shape[1], device=logits.device).expand(len(logits), -1)
    return F.cross_entropy(logits.flatten(0, 1), places.flatten())


def boundary(objective: str) -> float:
    """The logit above which a picture counts as called real."""
    return objectives.find(objective).boundary or 0.0


def accuracy(real: Tensor, fake: Tensor, objective: str = "cross_entropy") -> dict[str, Tensor]:
    """The share of real pictures called real and of generated ones called generated, in the columns of metrics.csv."""
    limit = boundary(objective)
    return {
        "accuracy/d_real": (real.detach() > limit).float().mean(),
        "accuracy/d_fake": (fake.detach() <= limit).float().mean(),
    }


def pair_accuracy(real: Tensor, fake: Tensor) -> dict[str, Tensor]:
    """The share of pairs in which the real picture scores above the generated one, in its column of metrics.csv."""
    return {"accuracy/d_pairs": (real.detach() > fake.detach()).float().mean()}


def gradient_penalty(logits: Tensor, inputs: Tensor) -> Tensor:
    """R1: half the squared length of the logits' gradient at real inputs (Mescheder 2018, eq. 9), a scalar.

    inputs: (N, ...), a leaf that requires a gradient and that logits (N,) were computed from.
    """
    (gradient,) = torch.autograd.grad(logits.float().sum(), inputs, create_graph=True)
    return gradient.float().square().flatten(1).sum(1).mean() / 2
