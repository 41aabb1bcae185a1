"""The reader of opacity: `read(views)`, from lungs to the share of air that they have lost.

The small U-Net sees lungs in the neutral view and nothing of their hospital. It was taught by opacity drawn into
healthy lungs of two hospitals and never saw a sick one; `python -m tools.train_opacity_reader` makes its weights, which
come with the package. It learned from openly licensed pictures only (Kermany 2018, CC BY 4.0; NIH ChestX-ray8), since
what it says teaches networks that draw.
"""

from functools import cache
from pathlib import Path

import torch
from torch import Tensor, nn

from gan_core import tensor_files
from gan_core.anatomy import neutral_view
from gan_core.anatomy.lung_view import LungViews
from gan_core.nets.small_unet import SmallUNet

WEIGHTS = Path(__file__).with_name("opacity.safetensors")
WIDTHS = (16, 32, 64, 96)


class OpacityNet(nn.Module):
    """Density and mask of lungs in the neutral view, (K, 2, SIZE, SIZE) -> logits of opacity (K, 1, SIZE, SIZE)."""

    def __init__(self) -> None:
        super().__init__()
        self.unet = SmallUNet(2, 1, WIDTHS)

    def forward(self, planes: Tensor) -> Tensor:
        return self.unet(planes)


def read(views: LungViews, grey: Tensor | None = None, network: OpacityNet | None = None) -> Tensor:
    """Return the opacity map of lungs, (K, 1, SIZE, SIZE) in [0, 1], 0 outside the mask; gradients reach `grey`.

    grey: other pictures of the same frames, such as painted ones; the views' own by default. network: a copy of the
    network, such as one on another device; the shipped one by default.
    """
    network = load() if network is None else network
    logits = network(torch.cat((neutral_view.density(views, grey), views.mask), 1))
    return torch.sigmoid(logits.float()) * views.mask


@cache
def load(path: Path = WEIGHTS) -> OpacityNet:
    """Load the network from a file that `tools.train_opacity_reader` wrote.

    Raises:
        UserError: the file is missing or damaged.
    """
    # Whoever asks first: gradients must be able to pass through it later, and a training step keeps its random numbers.
    with torch.inference_mode(False), torch.random.fork_rng(devices=[]):
        network = OpacityNet()
        tensors, _ = tensor_files.load(path.resolve())
        tensor_files.load_into(network, tensors, path)
        return network.float().eval().requires_grad_(False)
