"""The history of generated images that a discriminator trains on."""

import torch
from torch import Tensor, nn

from gan_core.nets import distributed


class ImagePool(nn.Module):
    """Keeps `size` generated images and returns older ones half of the time (Shrivastava 2017, arXiv:1612.07828,
    section 2.3), so that the discriminator does not forget earlier outputs of the generator.

    Checkpoints hold its images. With several processes, each keeps the same images, gathered from all of them.
    """

    pictures: Tensor
    share = distributed.ALONE

    def __init__(self, size: int, image_shape: tuple[int, int, int]) -> None:
        super().__init__()
        self.register_buffer("pictures", torch.zeros(size, *image_shape))

    @torch.no_grad()
    def forward(self, fresh: Tensor, seen: int) -> Tensor:
        """Images (N, C, H, W) to train on: the fresh ones (N, C, H, W), about half of them swapped for older ones.

        seen: number of images passed in before these, from which the pool derives how full it is.
        """
        size, (rank, processes) = len(self.pictures), self.share
        if not size:
            return fresh.detach()
        images = fresh.detach().to(self.pictures.dtype).clone()
        if processes > 1:
            images, seen = distributed.gathered(images, processes), seen * processes
        # Drawn on the CPU: reading numbers from a GPU would wait for it.
        swaps = torch.rand(len(images), device="cpu").lt(0.5).tolist()
        places = torch.randint(size, (len(images),), device="cpu").tolist()
        for index, (swap, place) in enumerate(zip(swaps, places, strict=True)):
            if seen + index < size:
                self.pictures[seen + index] = images[index]
            elif swap:
                older = self.pictures[place].clone()
                self.pictures[place] = images[index]
                images[index] = older
        return images[rank::processes]
