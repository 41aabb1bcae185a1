"""Collective operations that make a step of several processes equal to a step of one process with the whole batch.

Each process has a share of the batch: process `rank` of `processes` has the images rank, rank + processes, ...
"""

import torch
import torch.distributed as dist
from torch import Tensor
from torch.autograd.function import FunctionCtx

Share = tuple[int, int]  # rank, processes
ALONE: Share = (0, 1)


def mean(x: Tensor, processes: int) -> Tensor:
    """The mean of `x` over the processes, returned in each of them; differentiable to any order."""
    return _Sum.apply(x) / processes


class _Sum(torch.autograd.Function):
    """The sum over the processes. All of them use it, so its gradient is the sum of theirs."""

    @staticmethod
    def forward(ctx: FunctionCtx, x: Tensor) -> Tensor:
        total = x.clone(memory_format=torch.contiguous_format)
        dist.all_reduce(total)
        return total

    @staticmethod
    def backward(ctx: FunctionCtx, gradient: Tensor) -> Tensor:
        return _Sum.apply(gradient)


def gathered(x: Tensor, processes: int) -> Tensor:
    """The whole batch (N * processes, ...) from each process's share `x` (N, ...); no gradients."""
    shares = [torch.empty_like(x, memory_format=torch.contiguous_format) for _ in range(processes)]
    dist.all_gather(shares, x.contiguous())
    return torch.stack(shares, 1).flatten(0, 1)
