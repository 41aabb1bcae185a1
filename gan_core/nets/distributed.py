"""Collective operations that make a step of several processes equal to a step of one process with the whole batch.

Each process has a share of the batch: process `rank` of `processes` has the images rank, rank + processes, ...
"""

import torch
import torch.distributed as dist
from torch import Tensor
from torch.distributed.nn.functional import all_reduce

Share = tuple[int, int]  # rank, processes
ALONE: Share = (0, 1)


def mean(x: Tensor, processes: int) -> Tensor:
    """The mean of `x` over the processes, returned in each of them; differentiable to any order."""
    return all_reduce(x, op=dist.ReduceOp.SUM) / processes


def gathered(x: Tensor, processes: int) -> Tensor:
    """The whole batch (N * processes, ...) from each process's share `x` (N, ...); no gradients."""
    shares = [torch.empty_like(x, memory_format=torch.contiguous_format) for _ in range(processes)]
    dist.all_gather(shares, x.contiguous())
    return torch.stack(shares, 1).flatten(0, 1)
