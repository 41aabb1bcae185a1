"""A first look at a source, made in the background: what is in it, and how a few of its images look.

Nothing is decoded in this process, and nobody waits: a page asks again until the look is done. A look is kept under the
text of its source and the times of its folders, so that it costs nothing while the user fills in the form.
"""

import contextlib
import logging
import threading
import time
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from itertools import chain, islice, zip_longest
from pathlib import Path

import numpy as np

from dashboard.library.image_encoding import png
from dashboard.library.looks import Looks
from gan_core.data import survey
from gan_core.data.decode_pool import decode_one
from gan_core.data.prepared import Settings
from gan_core.data.readers import combined
from gan_core.data.source import COMBINED, location
from gan_core.data.survey import unknown
from gan_core.decode.worker import shared
from gan_core.errors import UserError
from gan_core.files import expanded

THUMBNAILS = 8
SIDE = 96  # pixels of a thumbnail
_SECONDS = 5.0  # after which no further image is decoded
_TRIES = 2 * THUMBNAILS  # images that are tried, some of which cannot be read
_FOLDERS = 200  # whose times are part of a look's key
_log = logging.getLogger("ganray.dashboard")


@dataclass(frozen=True)
class Request:
    """What is looked at: the key of a look."""

    source: str
    pattern: str | None  # of the patient
    fit: str
    stamp: tuple[int, ...]  # changes when files are added or removed


@dataclass(frozen=True)
class Thumbnail:
    label: str
    name: str
    content: bytes  # PNG


@dataclass(frozen=True)
class Summary:
    """A survey without its list of images."""

    images: int
    counts: dict[str, dict[str, int]]  # split -> class -> images
    patients: int
    patients_from: str
    has_splits: bool
    warnings: tuple[str, ...]
    unknown: str  # what only the images can tell

    @property
    def classes(self) -> tuple[str, ...]:
        return tuple(self.counts["train"])


@dataclass(eq=False)
class Look:
    """A look that grows: first the summary or the problem, then the thumbnails, then it is done."""

    summary: Summary | None = None
    problem: str = ""
    thumbnails: tuple[Thumbnail, ...] = ()
    unreadable: tuple[tuple[str, str], ...] = ()  # file, reason
    begun: threading.Event = field(default_factory=threading.Event)  # there is a summary or a problem
    done: threading.Event = field(default_factory=threading.Event)


def request(source: str, pattern: str | None, fit: str) -> Request | None:
    """Return what to look at; None for a source that needs a network, or for none."""
    if not source or source.startswith("hf:"):
        return None
    return Request(source, pattern, fit, _stamp(source))


def look(wanted: Request) -> Look:
    """Return the look at a source, which is begun if there is none."""
    return _looks.at(wanted)


def classes(source: str) -> tuple[str, ...]:
    """Return the classes of a source that was looked at; empty if they are not known yet."""
    return tuple(train_counts(source))


def train_counts(source: str) -> dict[str, int]:
    """Return the training images of each class of a source; empty if they are not known yet."""
    found = [one.summary for wanted, one in _looks.items() if wanted.source == source and one.summary]
    return dict(found[-1].counts["train"]) if found else {}


def _run(wanted: Request, found: Look) -> None:
    try:
        _look(wanted, found)
    except UserError as error:
        found.problem = str(error)
    except Exception:  # a page shows that there is none, the log says why
        _log.exception("looking at '%s' failed", wanted.source)
        found.problem = found.problem or "an internal error stopped the look at this source: the log names it"
    finally:
        found.begun.set()
        found.done.set()


def _look(wanted: Request, found: Look) -> None:
    with shared() as decoder:
        decoder.start()  # it takes longer to start than a folder takes to be listed
    seen = survey(wanted.source, fit=wanted.fit, patient_pattern=wanted.pattern)
    found.summary = Summary(
        seen.images, seen.counts, seen.patients, seen.patients_from, seen.has_splits, seen.warnings, unknown(seen)
    )
    found.begun.set()
    end = time.monotonic() + _SECONDS
    # Grey and colour are shown as they are stored.
    settings = Settings(SIDE, 3, wanted.fit, None, 0)
    for index in islice(_in_turn(seen.examples.values()), _TRIES):
        if len(found.thumbnails) == THUMBNAILS or time.monotonic() > end:
            break
        entry, image = seen.source.entries[index], decode_one(seen.source, index, settings)
        if image.pixels is None:
            found.unreadable += ((entry.name, image.reason),)
        else:
            content = png(np.ascontiguousarray(image.pixels), synthetic=wanted.source.startswith("phantom:"))
            found.thumbnails += (Thumbnail(entry.label, entry.name, content),)


def _in_turn(examples: Iterable[Sequence[int]]) -> Iterator[int]:
    """Yield the first example of each class, then the second of each, and so on."""
    return (index for index in chain.from_iterable(zip_longest(*examples)) if index is not None)


def _stamp(source: str) -> tuple[int, ...]:
    """Return the times of a source's file, or of its folders and those directly below."""
    if source.startswith("phantom:"):
        return ()
    times: list[int] = []
    for place in _places(source):
        with contextlib.suppress(OSError, ValueError):
            times.append(place.stat().st_mtime_ns)
            folder = place if place.is_dir() else place.parent
            inside = sorted(path for path in islice(folder.iterdir(), 10 * _FOLDERS) if path.is_dir())
            times += [path.stat().st_mtime_ns for path in (folder, *inside[:_FOLDERS])]
    return tuple(times)


def _places(source: str) -> list[Path]:
    if source.startswith(COMBINED):
        folders = chain.from_iterable(_before_wildcard(pattern) for _, pattern in _pairs(source))
        return list(dict.fromkeys(folders))
    return [expanded(location(source))]


def _pairs(source: str) -> list[tuple[str, str]]:
    try:
        return combined.parse(source.removeprefix(COMBINED))
    except UserError:
        return []


def _before_wildcard(pattern: str) -> list[Path]:
    path = expanded(pattern)
    while any(mark in str(path) for mark in "*?["):
        path = path.parent
    return [path]


_looks = Looks(Look, _run, most=4)
