"""Pictures to click on that belong to us: drawn by the program, or made by a shipped generator."""

import io
from collections.abc import Iterator
from functools import lru_cache
from itertools import chain

import numpy as np
from PIL import Image

from dashboard.live.models import ModelCache
from gan_core import images
from gan_core.config import RunConfig
from gan_core.data.readers import phantom
from gan_core.errors import UserError

COUNT = 3  # of each kind
_FIRST_SEED = 10**15 + 100  # of drawn bodies: no training set reaches so far
_KINDS = {"chest X-ray": "cxr", "brain MRI": "mri"}


def examples(models: ModelCache, config: RunConfig, domain: str) -> Iterator[tuple[bytes, str]]:
    """(PNG, caption) of pictures of a domain that the run can translate; drawn ones first, which are there at once."""
    for content, caption in chain(_drawn(config, domain), _generated(models, config, domain)):
        yield content, f"{caption}, synthetic"


def as_picture(example: tuple[bytes, str]) -> tuple[Image.Image, str]:
    """An example as a gallery takes it."""
    return Image.open(io.BytesIO(example[0])), example[1]


def _drawn(config: RunConfig, domain: str) -> Iterator[tuple[bytes, str]]:
    kind = "colour" if phantom.in_colour(config.source) else _KINDS.get(config.subject or "")
    if kind is None:
        return
    classes = phantom.drawer(kind).CLASSES
    label = next((name for name in classes if name.lower() == domain.lower()), None)
    if label:
        for number in range(COUNT):
            yield _phantom(kind, label, number, config.image_size), f"drawn, {label}"


@lru_cache(maxsize=64)
def _phantom(kind: str, label: str, number: int, size: int) -> bytes:
    channels = 3 if kind == "colour" else 1
    picture = phantom.picture(kind, label, _FIRST_SEED + number, max(size, 128), channels)
    return images.png_bytes(np.rint(picture * 255).astype(np.uint8))


def _generated(models: ModelCache, config: RunConfig, domain: str) -> Iterator[tuple[bytes, str]]:
    if config.source.startswith("phantom:"):
        return
    for name in models.names("generate"):
        try:
            other = models.config(name)
            label = next((c for c in other.classes if c.lower() == domain.lower()), None)
            if label is None or other.image_size < config.image_size or other.subject != config.subject:
                continue
            model = models.get(name)
            if label not in model.classes:
                continue
            pictures, _ = model.generate(COUNT, label=label, seed=11, truncation=0.7)
        except UserError:
            continue  # a run that is broken cannot give examples; its own page says why
        for picture in pictures:
            yield images.png_bytes(picture, Run=model.run.folder.name), f"generated, {label}"
        return
