"""Instance norm that keeps the channels-last memory layout, and batch norm over the batch of several processes."""

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.nn.modules.batchnorm import _BatchNorm

from gan_core.nets import distributed

_EPSILON = 1e-5  # torch's default, added to the variance


class InstanceNorm(nn.Module):
    """Normalise each channel of each image to mean 0 and variance 1: (N, C, H, W) -> (N, C, H, W) (Ulyanov 2016,
    arXiv:1607.08022).

    On a CPU each image goes through batch norm alone, which is the same function: torch's instance norm would change
    the channels-last layout, and the next convolution would have to change it back.
    """

    def forward(self, x: Tensor) -> Tensor:
        if torch.compiler.is_exporting():  # a graph with a dynamic batch size cannot loop over images
            variance, mean = torch.var_mean(x, (2, 3), correction=0, keepdim=True)
            return (x - mean) * torch.rsqrt(variance + _EPSILON)
        if x.device.type != "cpu":
            return F.instance_norm(x)
        images = [F.batch_norm(image, None, None, training=True) for image in x.split(1)]
        return images[0] if len(images) == 1 else torch.cat(images)


class _SyncedBatchNorm(_BatchNorm):
    """Batch norm (Ioffe 2015, arXiv:1502.03167) over the whole batch of all processes.

    torch's SyncBatchNorm runs on GPUs only, and lacks the second derivative that gradient penalties need.
    """

    share = distributed.ALONE

    def forward(self, x: Tensor) -> Tensor:
        processes = self.share[1]
        if processes == 1 or not self.training:
            return super().forward(x)
        per_channel = [1, -1] + [1] * (x.dim() - 2)
        axes = [0, *range(2, x.dim())]
        with torch.autocast(x.device.type, enabled=False):
            values = x.float()
            mean = distributed.mean(values.mean(axes), processes)
            centred = values - mean.view(per_channel)
            variance = distributed.mean(centred.square().mean(axes), processes)
            self._update_running(mean.detach(), variance.detach(), x.numel() // x.shape[1] * processes)
            scale = torch.rsqrt(variance + self.eps) * self.weight
            return (centred * scale.view(per_channel) + self.bias.view(per_channel)).to(x.dtype)

    @torch.no_grad()
    def _update_running(self, mean: Tensor, variance: Tensor, count: int) -> None:
        assert self.running_mean is not None and self.running_var is not None and self.momentum is not None
        assert self.num_batches_tracked is not None
        self.num_batches_tracked += 1
        self.running_mean.lerp_(mean, self.momentum)
        self.running_var.lerp_(variance * (count / (count - 1)), self.momentum)


class BatchNorm1d(_SyncedBatchNorm, nn.BatchNorm1d):
    """Batch norm of vectors (N, C)."""


class BatchNorm2d(_SyncedBatchNorm, nn.BatchNorm2d):
    """Batch norm of maps (N, C, H, W)."""
