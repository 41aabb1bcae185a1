"""Multi-layer perceptrons, the networks of the first GANs."""

import math
from collections.abc import Sequence

from torch import Tensor, nn

from gan_core.nets import pyramid
from gan_core.nets.convolutional import Shape
from gan_core.nets.dropout import Dropout
from gan_core.nets.norm import BatchNorm1d


class Perceptron(nn.Sequential):
    """Linear layers with leaky ReLU between them: (N, ...), flattened to (N, sizes[0]) -> (N, sizes[-1]).

    normalize: batch norm after each hidden activation; momentum: of its running averages (1 - momentum in Keras).
    dropout: its probability, after the hidden layers from index `dropout_from` on.
    """

    def __init__(
        self,
        sizes: Sequence[int],
        *,
        normalize: bool = False,
        momentum: float = 0.1,
        dropout: float = 0.0,
        dropout_from: int = 0,
    ) -> None:
        layers: list[nn.Module] = []
        size, *hidden, last = sizes
        for index, width in enumerate(hidden):
            layers += [nn.Linear(size, width), nn.LeakyReLU(0.2, inplace=True)]
            if normalize:
                layers.append(BatchNorm1d(width, momentum=momentum))
            if dropout and index >= dropout_from:
                layers.append(Dropout(dropout))
            size = width
        super().__init__(*layers, nn.Linear(size, last))

    def forward(self, x: Tensor) -> Tensor:
        return super().forward(x.flatten(1))


class ImagePerceptron(nn.Module):
    """A generator whose output is one vector: latent (N, sizes[0]) -> image (N, C, H, W) in [-1, 1].

    bands: the vector holds the image's bands of detail instead of its pixels: see `pyramid`.
    """

    def __init__(self, sizes: Sequence[int], image_shape: Shape, momentum: float = 0.1, bands: bool = False) -> None:
        super().__init__()
        self.image_shape, self.bands = image_shape, bands
        outputs = pyramid.band_count(image_shape) if bands else math.prod(image_shape)
        self.body = Perceptron((*sizes, outputs), normalize=True, momentum=momentum)

    def forward(self, z: Tensor) -> Tensor:
        vector = self.body(z)
        picture = pyramid.from_bands(vector, self.image_shape) if self.bands else vector.unflatten(1, self.image_shape)
        return picture.tanh()
