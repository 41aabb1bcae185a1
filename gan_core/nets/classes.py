"""The code by which a generator is told the class."""

import torch
from torch import Tensor, nn


class ClassEmbedding(nn.Embedding):
    """Labels (N,), or shares of the classes (N, classes) whose rows sum to 1 -> codes (N, size).

    A trained embedding has a place for every class and none between them; a mixture of two places is where a generator
    shows what it makes of the way between the classes (category morphing: Miyato and Koyama 2018, arXiv:1802.05637).
    """

    def forward(self, labels: Tensor) -> Tensor:
        if labels.is_floating_point():
            return torch.matmul(labels, self.weight)
        return super().forward(labels)
