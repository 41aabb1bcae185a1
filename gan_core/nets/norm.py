"""Normalisations as training here needs them: of single pictures in their own memory layout, of batches that several
processes share.
"""

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.nn.modules.batchnorm import _BatchNorm

from gan_core.nets import distributed

_EPSILON = 1e-5  # torch's own, added to the variance


class InstanceNorm(nn.Module):
    """Each channel of each image to mean 0 and variance 1: (N, C, H, W) -> the same (Ulyanov 2016, arXiv:1607.08022).

    On a processor each image goes through the batch norm of one image, which is the same function: torch's own
    instance norm first brings a channels-last picture into another layout, and the next convolution has to bring it
    back.
    """

    def forward(self, x: Tensor) -> Tensor:
        if torch.compiler.is_exporting():  # a graph of any number of images cannot take them one by one
            variance, mean = torch.var_mean(x, (2, 3), correction=0, keepdim=True)
            return (x - mean) * torch.rsqrt(variance + _EPSILON)
        if x.device.type != "cpu":
            return F.instance_norm(x)
        images = [F.batch_norm(image, None, None, training=True) for image in x.split(1)]
        return images[0] if len(images) == 1 else torch.cat(images)


class _OfTheWholeBatch(_BatchNorm):
    """Batch norm (Ioffe 2015, arXiv:1502.03167) whose batch is that of all processes together.

    torch's own for several processes is for graphics cards only, and has no second derivative for gradient penalties.
    """

    share = distributed.ALONE

    def forward(self, x: Tensor) -> Tensor:
        processes = self.share[1]
        if processes == 1 or not self.training:
            return super().forward(x)
        each = [1, -1] + [1] * (x.dim() - 2)
        others = [0, *range(2, x.dim())]
        with torch.autocast(x.device.type, enabled=False):
            values = x.float()
            mean = distributed.mean(values.mean(others), processes)
            apart = values - mean.view(each)
            variance = distributed.mean(apart.square().mean(others), processes)
            self._remember(mean.detach(), variance.detach(), x.numel() // x.shape[1] * processes)
            scale = torch.rsqrt(variance + self.eps) * self.weight
            return (apart * scale.view(each) + self.bias.view(each)).to(x.dtype)

    @torch.no_grad()
    def _remember(self, mean: Tensor, variance: Tensor, count: int) -> None:
        assert self.running_mean is not None and self.running_var is not None and self.momentum is not None
        assert self.num_batches_tracked is not None
        self.num_batches_tracked += 1
        self.running_mean.lerp_(mean, self.momentum)
        self.running_var.lerp_(variance * (count / (count - 1)), self.momentum)


class BatchNorm1d(_OfTheWholeBatch, nn.BatchNorm1d):
    """Of vectors (N, C)."""


class BatchNorm2d(_OfTheWholeBatch, nn.BatchNorm2d):
    """Of maps (N, C, H, W)."""
