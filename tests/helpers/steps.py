"""The first steps of every family, by one process or by several together; the losses are printed."""

import json

import numpy as np
import torch
import torch.distributed as dist
from torch import Tensor

from gan_core import config
from gan_core.data.readers.phantom import drawer
from gan_core.families import registry
from gan_core.families.loading import load_family
from tests.helpers.training import small

IMAGES, SIZE, STEPS = 8, 32, 3
# Beside each family's first preset: batch norm and dropout where they are not the default, augmentation.
MORE = (
    ("dcgan", ("normalize=true", "dropout=0.25", "width=8", "max_width=24")),
    ("cgan", ("augment=fixed", "width=8")),
)


def cases() -> list[tuple[str, tuple[str, ...]]]:
    families = sorted({preset.family for preset in registry.presets().values()})
    found = [small(family) for family in families]
    return [(preset, tuple(word for word in options if "=" in word)) for preset, options in found] + list(MORE)


def first_steps(preset: str, settings: tuple[str, ...], rank: int = 0, processes: int = 1) -> list[dict[str, float]]:
    """The losses of each step: means over the processes."""
    name = registry.find_preset(preset).family
    found = load_family(name)
    own = config.parse_settings(found.config, found.presets[preset], list(settings))
    torch.manual_seed(0)
    family = found.family(own, (1, SIZE, SIZE), 2).place("cpu")
    family.steps = 10
    real = torch.rand(STEPS, IMAGES, 1, SIZE, SIZE) * 2 - 1
    if family.graded:  # what is found in noise depends on the noise of the others
        real = _chests()
    labels = torch.arange(IMAGES) % 2
    if family.task == "translate":
        labels = labels.sort().values  # the first half of a batch is of domain A
    if processes > 1:
        family.join(_mean, (rank, processes))
    family.train()
    family.averages.eval()
    rows = []
    for step in range(STEPS):
        torch.manual_seed(step)
        halves = (real[step].chunk(2), labels.chunk(2)) if family.task == "translate" else ((real[step],), (labels,))
        mine, named = (torch.cat([part[rank::processes] for part in parts]) for parts in halves)
        scalars = family.train_step(mine, named)
        family.step += 1
        rows.append({key: float(_mean(value) if processes > 1 else value) for key, value in scalars.items()})
    return rows


def _chests() -> Tensor:
    """Drawn chests as a batch a step, healthy and sick in turns, (STEPS, IMAGES, 1, SIZE, SIZE) in [-1, 1]."""
    kinds = ("normal", "covid")
    drawn = [drawer("cxr").draw(kinds[number % 2], number, SIZE).image for number in range(STEPS * IMAGES)]
    return torch.from_numpy(np.stack(drawn)).reshape(STEPS, IMAGES, 1, SIZE, SIZE) * 2 - 1


def _mean(tensor: Tensor) -> Tensor:
    given = tensor.clone()
    dist.all_reduce(given)
    return given / dist.get_world_size()


def main() -> None:
    """What each of several processes does, whose numbers torchrun or `together` wrote into the environment."""
    dist.init_process_group("gloo")
    rank, processes = dist.get_rank(), dist.get_world_size()
    found = {str(case): first_steps(*case, rank, processes) for case in cases()}
    if rank == 0:
        print(json.dumps(found))
    dist.destroy_process_group()
