"""Dropout with cheap random numbers on a CPU."""

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from gan_core.nets import distributed


class Dropout(nn.Module):
    """Zeroes each element with probability `p` and scales the rest by 1 / (1 - p) (Srivastava 2014).

    On a CPU, torch draws one 64-bit number per element, in sequence, which takes longer than the convolution before it.
    Here one number serves eight elements, so `p` is rounded to a multiple of 1/256.
    """

    share = distributed.ALONE

    def __init__(self, p: float) -> None:
        super().__init__()
        self.threshold = round(p * 256)

    def forward(self, x: Tensor) -> Tensor:
        if not self.training:
            return x
        p, (rank, processes) = self.threshold / 256, self.share
        if x.device.type != "cpu" and processes == 1:
            return F.dropout(x, p)
        # Each process draws for all and keeps its share: a step does not depend on the number of processes.
        count = x.numel() * processes
        numbers = torch.empty(-(-count // 8), dtype=torch.int64, device=x.device).random_(-(2**63), None)
        own = numbers.view(torch.uint8)[:count].view(len(x) * processes, -1)[rank::processes].flatten()
        keep = (own >= self.threshold).to(x.dtype).div_(1 - p)
        # In the memory layout of x; otherwise the product would be slower than the draw.
        return x * keep.as_strided(x.shape, x.stride())
