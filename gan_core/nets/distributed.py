"""What networks do together that several processes train, each with a share of the batch, so that their step is that of
one process with the whole batch. Process `rank` of `processes` has the pictures number rank, rank + processes, ...
"""

import torch
import torch.distributed as dist
from torch import Tensor
from torch.distributed.nn.functional import all_reduce

Share = tuple[int, int]  # rank, processes
ALONE: Share = (0, 1)


def mean(x: Tensor, processes: int) -> Tensor:
    """The mean of a tensor over the processes, in each of them; gradients flow through, to any order."""
    return all_reduce(x, op=dist.ReduceOp.SUM) / processes


def gathered(x: Tensor, processes: int) -> Tensor:
    """The whole batch (N * processes, ...) of which each process has a share (N, ...); without gradients."""
    shares = [torch.empty_like(x, memory_format=torch.contiguous_format) for _ in range(processes)]
    dist.all_gather(shares, x.contiguous())
    return torch.stack(shares, 1).flatten(0, 1)
