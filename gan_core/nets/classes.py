"""Class conditioning: an embedding beside the latent in a generator, a projection of features in a discriminator."""

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor, nn

from gan_core.nets import growing

_EMBEDDING_SIZE = 16  # of the class in a generator


class ClassEmbedding(nn.Embedding):
    """Labels (N,), or class weights (N, classes) whose rows sum to 1 -> embeddings (N, size).

    Training uses the embeddings of single classes only. A weighted mean of two embeddings interpolates between the
    classes (category morphing: Miyato and Koyama 2018, arXiv:1802.05637).
    """

    def forward(self, labels: Tensor) -> Tensor:
        if labels.is_floating_point():
            return torch.matmul(labels, self.weight)
        return super().forward(labels)


class ConditionalGenerator(nn.Module):
    """Latent (N, latent_size) and labels as `ClassEmbedding` takes them -> image (N, C, H, W) in [-1, 1].

    The class embedding is concatenated with the latent. body: builds the generator from the size of its input vector.
    """

    def __init__(self, latent_size: int, classes: int, body: Callable[[int], nn.Module]) -> None:
        super().__init__()
        self.embedding = ClassEmbedding(classes, _EMBEDDING_SIZE)
        self.body = body(latent_size + _EMBEDDING_SIZE)

    def forward(self, z: Tensor, labels: Tensor) -> Tensor:
        return self.body(torch.cat([z, self.embedding(labels)], 1))

    def grow_from(self, smaller: nn.Module) -> None:
        """Take over a generator of half the image size, with its embedding of the classes."""
        growing.grow(self, smaller)

    def added(self) -> list[nn.Module]:
        """The modules that `grow_from` does not take over."""
        return growing.added(self.body)


class ProjectionDiscriminator(nn.Module):
    """Projection discriminator: image (N, C, H, W) and label (N,) -> logit (N,) (Miyato and Koyama 2018,
    arXiv:1802.05637, eq. 4).

    The logit, float32 in any precision, is a linear function of the features plus their inner product with an embedding
    of the class.
    features: a network from images to (N, feature_size), with the attribute `feature_size`.
    """

    def __init__(self, features: Any, classes: int) -> None:
        super().__init__()
        self.features = features
        self.general = nn.Linear(features.feature_size, 1)
        self.direction = nn.Embedding(classes, features.feature_size)
        # Scaled like the linear layer's weights; otherwise the class term would dominate at first.
        nn.init.normal_(self.direction.weight, std=features.feature_size**-0.5)

    def forward(self, images: Tensor, labels: Tensor) -> Tensor:
        features = self.features(images).float()
        # A logit of 6 has steps of 1/32 in bfloat16, and a penalised discriminator tells images apart by little more.
        # The offset of relativistic logits is free, and drifts that far.
        with torch.autocast(features.device.type, enabled=False):
            return self.general(features).squeeze(1) + (features * self.direction(labels)).sum(1)

    def grow_from(self, smaller: nn.Module) -> None:
        """Take over a discriminator of half the image size, with its embedding of the classes."""
        growing.grow(self, smaller)
