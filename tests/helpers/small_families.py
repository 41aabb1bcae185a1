"""Families built for a step in a test, and a batch to give them."""

import dataclasses

import torch

from gan_core.families import loading, registry


def build(preset: str, *, size: int = 32, channels: int = 1, classes: int = 2, training: bool = True) -> loading.Family:
    torch.manual_seed(0)
    entry = registry.find_preset(preset)
    definition = loading.load_family(entry.family)
    settings = definition.presets[preset]
    if entry.task == "translate":  # as wide as they are, a step would take seconds
        known = {field.name for field in dataclasses.fields(settings)}
        narrow = {"width": 8, "max_width": 16, "heads": 16, "discriminator_width": 8}
        settings = dataclasses.replace(settings, **{key: value for key, value in narrow.items() if key in known})
    return definition.family(settings, (channels, size, size), classes, training)


def batch(size: int = 32, channels: int = 1) -> tuple[torch.Tensor, torch.Tensor]:
    generator = torch.Generator().manual_seed(1)
    real = torch.rand(8, channels, size, size, generator=generator) * 2 - 1
    return real, torch.arange(8) // 4
