"""The history of generated pictures that a discriminator learns from."""

import torch
from torch import Tensor, nn

from gan_core.nets import distributed


class ImagePool(nn.Module):
    """Keeps `size` generated pictures and hands out older ones half of the time (Shrivastava 2017, arXiv:1612.07828,
    section 2.3), so that the discriminator does not forget what the generator used to draw.

    Its pictures are part of the state that a checkpoint holds. Of several processes each keeps the same ones, drawn by
    all of them.
    """

    pictures: Tensor
    share = distributed.ALONE

    def __init__(self, size: int, image_shape: tuple[int, int, int]) -> None:
        super().__init__()
        self.register_buffer("pictures", torch.zeros(size, *image_shape))

    @torch.no_grad()
    def forward(self, fresh: Tensor, seen: int) -> Tensor:
        """Pictures (N, C, H, W) to learn from in place of the fresh ones (N, C, H, W).

        seen: how many have come before these, from which the pool knows how full it is.
        """
        size, (rank, processes) = len(self.pictures), self.share
        if not size:
            return fresh.detach()
        given = fresh.detach().to(self.pictures.dtype).clone()
        if processes > 1:
            given, seen = distributed.gathered(given, processes), seen * processes
        # Drawn on the processor: looking at numbers of a GPU would wait for it.
        swaps = torch.rand(len(given), device="cpu").lt(0.5).tolist()
        places = torch.randint(size, (len(given),), device="cpu").tolist()
        for index, (swap, place) in enumerate(zip(swaps, places, strict=True)):
            if seen + index < size:
                self.pictures[seen + index] = given[index]
            elif swap:
                older = self.pictures[place].clone()
                self.pictures[place] = given[index]
                given[index] = older
        return given[rank::processes]
