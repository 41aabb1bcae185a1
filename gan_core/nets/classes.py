"""How networks are told the class: a code beside the latent, a direction in the space of features."""

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor, nn

_CODE = 16  # numbers that tell a generator the class


class ClassEmbedding(nn.Embedding):
    """Labels (N,), or shares of the classes (N, classes) whose rows sum to 1 -> codes (N, size).

    A trained embedding has a place for every class and none between them; a mixture of two places is where a generator
    shows what it makes of the way between the classes (category morphing: Miyato and Koyama 2018, arXiv:1802.05637).
    """

    def forward(self, labels: Tensor) -> Tensor:
        if labels.is_floating_point():
            return torch.matmul(labels, self.weight)
        return super().forward(labels)


class ConditionalGenerator(nn.Module):
    """Latent (N, latent_size) and labels as `ClassEmbedding` takes them -> image (N, C, H, W) in [-1, 1].

    The class's code joins the latent; body: makes the generator from (N, as many numbers as it is given).
    """

    def __init__(self, latent_size: int, classes: int, body: Callable[[int], nn.Module]) -> None:
        super().__init__()
        self.embedding = ClassEmbedding(classes, _CODE)
        self.body = body(latent_size + _CODE)

    def forward(self, z: Tensor, labels: Tensor) -> Tensor:
        return self.body(torch.cat([z, self.embedding(labels)], 1))


class ProjectionDiscriminator(nn.Module):
    """Image (N, C, H, W) and label (N,) -> logit (N,): a general answer, plus the features along the class's own
    direction (Miyato and Koyama 2018, arXiv:1802.05637, eq. 4).

    features: images to (N, feature_size), with that attribute.
    """

    def __init__(self, features: Any, classes: int) -> None:
        super().__init__()
        self.features = features
        self.general = nn.Linear(features.feature_size, 1)
        self.direction = nn.Embedding(classes, features.feature_size)
        # As small as the linear layer's weights, or the class drowns the picture at first.
        nn.init.normal_(self.direction.weight, std=features.feature_size**-0.5)

    def forward(self, images: Tensor, labels: Tensor) -> Tensor:
        features = self.features(images)
        return self.general(features).squeeze(1) + (features * self.direction(labels)).sum(1)
