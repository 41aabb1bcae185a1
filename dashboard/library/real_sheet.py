"""Real images beside generated ones, where a run's data is on this machine: read to be shown, kept nowhere else."""

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
from gan_core.errors import UserError

COUNT = 16  # images of a sheet, as many as a generator's has
COLUMNS = 4
_TRIES = 4  # pictures that are tried for each place: some files of a folder cannot be read

_sheets: LruCache[str, bytes] = LruCache(8)
_places: LruCache[str, str] = LruCache(64)  # token -> where a data set is; a place never stands in an address


def token(config: RunConfig, place: str) -> str:
    """A name for the real images of a run's data at a place on this machine."""
    asked = f"{place}\n{config.image_size} {config.channels} {config.fit} {_classes(config)}"
    name = hashlib.sha256(asked.encode()).hexdigest()[:24]
    return name if _places.get(name, lambda: place) else ""


def sheet(config: RunConfig, name: str) -> bytes:
    """Real images of a run's data as a PNG, laid out like a generator's sheet, its classes in order.

    name: what `token` gave for a place.

    Raises:
        UserError: no such name, the place cannot be read, or it holds no image.
    """
    place = _places.get(name, lambda: config.source)
    if name != token(config, place) or not data_here.is_here(place):
        raise UserError("The data of this run is not on this machine.")
    return _sheets.get(name, lambda: _drawn(config, place))


def _drawn(config: RunConfig, place: str) -> bytes:
    source = open_source(place)
    settings = Settings(config.image_size, config.channels, config.fit, config.patient_pattern, config.split_seed)
    groups = [_read(source, settings, label, config.seed) for label in _classes(config) or ("",)]
    shares = np.arange(COUNT) * len(groups) // COUNT  # the same as those of a conditional generator's sheet
    found = [picture for label in shares if (picture := next(groups[label], None)) is not None]
    if not found:
        raise UserError("None of the images of this run's data can be read.")
    return png(images.grid(np.stack(found), COLUMNS).transpose(2, 0, 1), synthetic=False)


def _read(source: Source, settings: Settings, label: str, seed: int) -> Iterator[np.ndarray]:
    """Images uint8 (C, S, S) of a class, in an order that the seed gives."""
    places = [index for index, entry in enumerate(source.entries) if label in ("", entry.label)]
    for index in np.random.default_rng(seed).permutation(places)[: COUNT * _TRIES]:
        pixels = decode_one(source, int(index), settings).pixels
        if pixels is not None:
            yield pixels


def _classes(config: RunConfig) -> tuple[str, ...]:
    return config.domains or config.classes
