"""Sheets of real images from a run's data on this machine. They are kept in memory only."""

import hashlib
from collections.abc import Iterator

import numpy as np

from dashboard.library import data_here
from dashboard.library.image_encoding import png
from dashboard.library.store import LruCache
from gan_core import images
from gan_core.config import RunConfig
from gan_core.data.decode_pool import decode_one
from gan_core.data.prepared import Settings
from gan_core.data.readers import open_source
from gan_core.data.source import Source
from gan_core.decode.image_files import Scale
from gan_core.errors import UserError

COUNT = 16  # images per sheet, as in a generator's sheet
COLUMNS = 4
_TRIES = 4  # candidates per image: some files of a folder cannot be read

_sheets: LruCache[str, bytes] = LruCache(8)
_places: LruCache[str, str] = LruCache(64)  # token -> path of the data; the path never appears in an address


def token(config: RunConfig, place: str) -> str:
    """Return a name for the sheet of a run's data at `place`, a path on this machine."""
    identity = f"{place}\n{config.image_size} {config.channels} {config.fit} {config.scale} {_classes(config)}"
    name = hashlib.sha256(identity.encode()).hexdigest()[:24]
    return name if _places.get(name, lambda: place) else ""


def sheet(config: RunConfig, name: str) -> bytes:
    """Return real images of a run's data as PNG bytes, laid out like a generator's sheet, with the classes in order.

    name: the return value of `token`.

    Raises:
        UserError: the name is unknown, or the data cannot be read or holds no image.
    """
    place = _places.get(name, lambda: config.source)
    if name != token(config, place) or not data_here.is_named_here(place):
        raise UserError("The data of this run is not on this machine.")
    return _sheets.get(name, lambda: _drawn_sheet(config, place))


def _drawn_sheet(config: RunConfig, place: str) -> bytes:
    source = open_source(place)
    settings = Settings(config.image_size, config.channels, config.fit, config.patient_pattern, config.split_seed)
    groups = [_read(source, settings, config.scale, label, config.seed) for label in _classes(config) or ("",)]
    labels = np.arange(COUNT) * len(groups) // COUNT  # the same classes as in a conditional generator's sheet
    found = [picture for label in labels if (picture := next(groups[label], None)) is not None]
    if not found:
        raise UserError("None of the images of this run's data can be read.")
    return png(images.grid(np.stack(found), COLUMNS).transpose(2, 0, 1), synthetic=False)


def _read(source: Source, settings: Settings, scale: Scale | None, label: str, seed: int) -> Iterator[np.ndarray]:
    """Yield images uint8 (C, S, S) of a class in the greys of the training, in an order that depends on the seed."""
    places = [index for index, entry in enumerate(source.entries) if label in ("", entry.label)]
    for index in np.random.default_rng(seed).permutation(places)[: COUNT * _TRIES]:
        pixels = decode_one(source, int(index), settings, scale).pixels
        if pixels is not None:
            yield pixels


def _classes(config: RunConfig) -> tuple[str, ...]:
    return config.domains or config.classes
