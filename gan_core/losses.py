"""Loss functions of the GANs: pure functions of logits and images.

A logit is the discriminator's output before the sigmoid; a high logit means "real". All losses are computed in float32,
whatever the precision of the networks.
"""

from collections.abc import Callable, Sequence

import torch
import torch.nn.functional as F
from torch import Tensor

from gan_core import objectives


def discriminator(real: Tensor, fake: Tensor, objective: str = "cross_entropy") -> Tensor:
    """Discriminator loss, a scalar; real, fake: logits (N,) or maps of logits.

    cross_entropy, saturating: the mean of -log s(real) and -log(1 - s(fake)) (Goodfellow 2014, eq. 1, on logits);
    hinge: Lim and Ye 2017; least_squares: Mao 2017 with labels 1 and 0. Each is the mean of its two halves.
    wasserstein: the mean score of generated images minus that of real ones (Arjovsky 2017, arXiv:1701.07875, eq. 3,
    negated). It needs a critic with bounded slope, see `slope_penalty`; then minus this loss estimates the distance of
    the two distributions.
    """
    real, fake = real.float(), fake.float()
    match objective:
        case "cross_entropy" | "saturating":
            return (F.softplus(-real).mean() + F.softplus(fake).mean()) / 2
        case "hinge":
            return (F.relu(1 - real).mean() + F.relu(1 + fake).mean()) / 2
        case "least_squares":
            return ((real - 1).square().mean() + fake.square().mean()) / 2
        case "wasserstein":
            return fake.mean() - real.mean()
    raise AssertionError(f"no objective '{objective}'")


def generator(fake: Tensor, objective: str = "cross_entropy") -> Tensor:
    """Generator loss, a scalar; fake: logits (N,) or maps of logits.

    cross_entropy: the non-saturating loss -log s(fake) (Goodfellow 2014, section 3); saturating: log(1 - s(fake)), the
    generator's part of eq. 1 there, whose gradient vanishes where the discriminator is certain; hinge, wasserstein:
    -fake; least_squares: (fake - 1)^2.
    """
    fake = fake.float()
    match objective:
        case "cross_entropy":
            return F.softplus(-fake).mean()
        case "saturating":
            return -F.softplus(fake).mean()
        case "hinge" | "wasserstein":
            return -fake.mean()
        case "least_squares":
            return (fake - 1).square().mean()
    raise AssertionError(f"no objective '{objective}'")


def relativistic(winner: Tensor, loser: Tensor) -> Tensor:
    """Relativistic loss -log s(winner - loser), a scalar (Jolicoeur-Martineau 2018, arXiv:1807.00734, section 3.2;
    Huang 2024, eq. 2).

    winner, loser: logits (N,) of pairs; the loss is low if the winner scores higher. The winner is the real image for
    the discriminator and the generated one for the generator. A constant added to all logits changes nothing, so the
    sign of a single logit has no meaning.
    """
    return F.softplus(loser.float() - winner.float()).mean()


def of_parts(loss: Callable[..., Tensor], *logits: Sequence[Tensor]) -> Tensor:
    """Mean of `loss` over the outputs of a discriminator, a scalar: of the whole image, and of its pixels for a U-Net
    (Schönfeld 2020, arXiv:2002.12655, eq. 3 and 6; the paper's sum of the two is twice this mean).

    loss: `discriminator` or `generator`; logits: for each of its arguments the outputs, (N,) or maps of logits.
    """
    return torch.stack([loss(*part) for part in zip(*logits, strict=True)]).mean()


def of_pictures(parts: Sequence[Tensor]) -> Tensor:
    """One logit per image (N,) from outputs that are (N,) or maps of logits: each output's mean, then their mean."""
    return torch.stack([part.flatten(1).mean(1) if part.ndim > 1 else part for part in parts]).mean(0)


def absolute(picture: Tensor, other: Tensor) -> Tensor:
    """Mean absolute difference (L1) of images (N, C, H, W), a scalar: CycleGAN's cycle and identity losses (Zhu 2017,
    eq. 2 and section 5.2).
    """
    return (picture.float() - other.float()).abs().mean()


def patch_contrast(query: Tensor, key: Tensor, temperature: float) -> Tensor:
    """PatchNCE loss, a scalar: the cross entropy of matching each patch of a translation to the same patch of its input
    (Park 2020, arXiv:2007.15651, eq. 3 and 4).

    query, key: unit vectors (N, S, D) of S patches of N translations, and of the same patches of their inputs. The
    other S - 1 patches of the same image are the negatives. Gradients flow through the queries alone.
    """
    logits = query.float() @ key.detach().float().transpose(1, 2) / temperature
    positives = torch.arange(logits.shape[1], device=logits.device).expand(len(logits), -1)
    return F.cross_entropy(logits.flatten(0, 1), positives.flatten())


def boundary(objective: str) -> float:
    """The logit above which an image counts as classified real; 0 for an objective without a boundary."""
    return objectives.find(objective).boundary or 0.0


def accuracy(real: Tensor, fake: Tensor, objective: str = "cross_entropy") -> dict[str, Tensor]:
    """Discriminator accuracy in [0, 1] on real and on generated images, by column of metrics.csv."""
    threshold = boundary(objective)
    return {
        "accuracy/d_real": (real.detach() > threshold).float().mean(),
        "accuracy/d_fake": (fake.detach() <= threshold).float().mean(),
    }


def pair_accuracy(real: Tensor, fake: Tensor) -> dict[str, Tensor]:
    """Share in [0, 1] of pairs whose real image scores above the generated one, by column of metrics.csv."""
    return {"accuracy/d_pairs": (real.detach() > fake.detach()).float().mean()}


def gradient_penalty(logits: Tensor, inputs: Tensor) -> Tensor:
    """R1 penalty, a scalar: half the mean squared norm of the logits' gradient at the inputs (Mescheder 2018, eq. 9).

    logits: (N,), computed from `inputs`; inputs: (N, ...), a leaf tensor that requires a gradient. At generated images
    instead of real ones it is the R2 penalty.
    """
    return _squared_slopes(logits, inputs).mean() / 2


def slope_penalty(logits: Tensor, inputs: Tensor) -> Tensor:
    """Penalty on a Wasserstein critic, a scalar: the mean of (norm of the logits' gradient - 1)^2 (Gulrajani 2017,
    arXiv:1704.00028, eq. 3).

    logits: (N,), computed from `inputs`; inputs: (N, ...) from `between`, a leaf tensor that requires a gradient.
    """
    # The square root has no gradient at 0.
    return ((_squared_slopes(logits, inputs) + 1e-12).sqrt() - 1).square().mean()


def between(real: Tensor, fake: Tensor, shares: Tensor) -> Tensor:
    """Points on the lines between real and generated images, where `slope_penalty` is taken: (N, ...), without graph.

    real, fake: (N, ...); shares: uniform numbers (N,) in [0, 1), the share of the real image in each.
    """
    shares = shares.view(-1, *[1] * (real.ndim - 1))
    return torch.lerp(fake.detach(), real.detach(), shares).requires_grad_()


def _squared_slopes(logits: Tensor, inputs: Tensor) -> Tensor:
    """Squared norm (N,) of each logit's gradient at its input, differentiable."""
    (gradient,) = torch.autograd.grad(logits.float().sum(), inputs, create_graph=True)
    return gradient.float().square().flatten(1).sum(1)
