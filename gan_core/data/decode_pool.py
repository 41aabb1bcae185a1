"""Parallel decoding of a source: worker processes decode chunks of images, and results keep the source's order.

The calling process decodes no image itself. A crafted or broken file (a crash, an endless loop, unlimited memory) harms
only a worker, which is restarted; the image is skipped with a reason.

The module belongs to `data`, not to `decode`: it reads sources, and returns for each image what the prepared array and
the search for duplicates need.
"""

import contextlib
import math
import multiprocessing
import os
import signal
import sys
import threading
import zipfile
import zlib
from collections.abc import Callable, Iterator
from concurrent.futures import ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from dataclasses import dataclass
from hashlib import blake2b
from itertools import repeat
from multiprocessing.context import SpawnContext, SpawnProcess
from multiprocessing.process import BaseProcess
from types import ModuleType
from typing import Any

import numpy as np
import psutil

from gan_core import child_processes
from gan_core.data.duplicates import difference_hash, digest
from gan_core.data.prepared import Settings
from gan_core.data.seams import Halves, look
from gan_core.data.source import Entry, Source
from gan_core.decode.image_files import (
    MIN_SIDE,
    NO_HEADER,
    SCALED,
    Header,
    Sample,
    Scale,
    decode,
    header,
    may_be_unscaled,
    may_say_more,
    quantise,
    resize,
    sample,
    to_channels,
)
from gan_core.decode.worker import MEMORY, TOO_MUCH, WHOLE, set_alarm, shared
from gan_core.errors import UserError

CHUNK = 32
# Most images of one volume in a chunk, so that it is read once: 256 of 256 x 256 pixels are 16 MB.
VOLUME = 256
# Below this number of images, starting workers takes longer than decoding.
FEW = 64
# Number of times that broken workers are restarted. After that, one separate process decodes each image.
BREAKDOWNS = 3
# Time limit of one image, long enough that a busy machine skips none.
SECONDS = 60.0

# What loading an entry may raise.
_UNREADABLE = (UserError, OSError, zipfile.BadZipFile, zlib.error, EOFError, NotImplementedError)

Read = Callable[
    [bytes, str, int, Scale | None], np.ndarray
]  # (file's bytes, name in errors, channels, scale) -> pixels: see `image_files.decode`
ReadHeader = Callable[[bytes, str], Header]  # (file's bytes, name) -> see `image_files.header`


@dataclass(frozen=True, eq=False)
class Picture:
    """One decoded image, or the reason why there is none."""

    pixels: np.ndarray | None  # uint8 (C, S, S)
    reason: str  # empty if the image was decoded
    content: str  # digest of the file's bytes
    digest: str  # of the grey picture at its full size
    hash: np.ndarray | None  # uint64 (4,)
    shape: tuple[int, int] = (0, 0)  # height and width before preparation, pixels
    header: Header = NO_HEADER
    halves: Halves | None = None  # of a wide image


def decode_all(source: Source, settings: Settings, scale: Scale | None = None) -> Iterator[Picture]:
    """Yield the decoded image of every entry of a source, in order.

    scale: the data set's, see `image_files.decode`.

    Worker processes are spawned, so that they inherit no threads, locks or GPU context of the caller. If an image
    crashes them, the images of the next chunk are decoded one by one, in a process that an image can only crash alone.
    """
    total = len(source.entries)
    workers = min(_cores(), -(-total // CHUNK))
    alone = workers < 2 or total < FEW or multiprocessing.current_process().daemon
    done = 0
    for _ in range(0 if alone else BREAKDOWNS):
        try:
            for pictures in _side_by_side(source, settings, scale, workers, done):
                yield from pictures
                done += len(pictures)
        except BrokenProcessPool:
            for index in range(done, _end(source.entries, done)):
                yield decode_one(source, index, settings, scale)
                done += 1
        if done == total:
            return
    if not alone:
        print("the decoding processes crashed: continuing in one process", file=sys.stderr)
    yield from (decode_one(source, index, settings, scale) for index in range(done, total))


def _side_by_side(
    source: Source, settings: Settings, scale: Scale | None, workers: int, done: int
) -> Iterator[list[Picture]]:
    """Yield the images from number `done` on, one chunk at a time."""
    parts = []
    # Sent in small parts: with large arguments, a worker that dies at its start would block the caller.
    while done < len(source.entries):
        start, done = done, _end(source.entries, done)
        parts.append(source.part(start, done))
    with _pool(workers) as pool:
        try:
            yield from pool.map(_decode_part, parts, repeat(settings), repeat(scale))
        except (KeyboardInterrupt, GeneratorExit):
            pool.shutdown(cancel_futures=True)
            raise


def _end(entries: tuple[Entry, ...], start: int) -> int:
    """Return where the chunk that begins at `start` ends: it holds images of one volume, or `CHUNK` others."""
    volume = entries[start].volume
    last = min(start + (VOLUME if volume else CHUNK), len(entries))
    return next((index for index in range(start, last) if entries[index].volume != volume), last)


def sample_some(source: Source, index: list[int]) -> Iterator[tuple[int, Sample | None]]:
    """Yield (entry, its sample) of some entries, see `image_files.sample`; None if the image cannot be read.

    Files that have 8 bits by their first bytes are not decoded. Sources that draw their images have no samples.
    """
    deep: list[int] = []
    for place in index:
        try:
            loaded = source.load(place, MIN_SIDE)
        except _UNREADABLE:
            yield place, None
            continue
        if isinstance(loaded, np.ndarray):
            return
        if may_be_unscaled(loaded, source.entries[place].name):
            deep.append(place)
        else:
            yield place, SCALED
    parts = [source.part(place, place + 1) for place in deep]
    workers = min(_cores(), -(-len(parts) // CHUNK))
    done = 0
    if workers > 1 and len(parts) >= FEW and not multiprocessing.current_process().daemon:
        pool = _pool(workers)
        # What broken workers leave is sampled one by one.
        with contextlib.suppress(BrokenProcessPool), pool:
            for found in pool.map(_sample_part, parts, chunksize=4):
                yield deep[done], found
                done += 1
    yield from ((place, _sampled(source, place, _sample_apart)) for place in deep[done:])


def _sampled(source: Source, index: int, read: Callable[[bytes, str], Sample]) -> Sample | None:
    try:
        loaded = source.load(index, MIN_SIDE)
        return read(bytes(loaded), source.entries[index].name)
    except (MemoryError, *_UNREADABLE):
        return None


def _sample_apart(data: bytes, name: str) -> Sample:
    with shared() as worker:
        return worker.sample(data, name, SECONDS)


def _sample_part(source: Source) -> Sample | None:
    set_alarm(math.ceil(SECONDS))
    try:
        return _sampled(source, 0, sample)
    finally:
        set_alarm(0)


def _pool(workers: int) -> ProcessPoolExecutor:
    with child_processes.safe_environment():  # it starts Python's resource tracker, a process as well
        return ProcessPoolExecutor(workers, _Context(), initializer=_start)


def _spawn(process_obj: BaseProcess) -> Any:
    """Spawn a process that does not import the caller's script.

    The script may lack `if __name__ == "__main__"` and would then run again in every worker. It may also be a Streamlit
    page, which replaces `__main__` in its process.
    """
    with _launching, child_processes.safe_environment():
        script = sys.modules["__main__"]
        sys.modules["__main__"] = ModuleType("__main__")
        try:
            return SpawnProcess._Popen(process_obj)
        finally:
            sys.modules["__main__"] = script


class _Process(SpawnProcess):
    _Popen = staticmethod(_spawn)


class _Context(SpawnContext):
    Process = _Process


_launching = threading.Lock()


def decode_one(source: Source, index: int, settings: Settings, scale: Scale | None = None) -> Picture:
    """Decode one entry in a separate process; an error becomes the image's reason."""
    return _decoded(source, index, settings, scale, _in_separate_process, _header_in_separate_process)


def _decoded(
    source: Source, index: int, settings: Settings, scale: Scale | None, read: Read, read_header: ReadHeader
) -> Picture:
    content, found = "", NO_HEADER
    try:
        loaded = source.load(index, settings.size)
        content = blake2b(bytes(loaded), digest_size=16).hexdigest()
        if isinstance(loaded, np.ndarray):
            picture = to_channels(loaded if loaded.ndim == 3 else loaded[..., None], settings.channels)
        else:
            picture = read(loaded, source.entries[index].name, settings.channels, scale)
            found = read_header(loaded, source.entries[index].name)
        if crop := getattr(source, "crop", None):
            picture = crop(index, picture)
        pixels = quantise(resize(picture, settings.size, settings.fit))
        grey = quantise(to_channels(picture, 1))[0]
    except UserError as error:
        return Picture(None, str(error).removeprefix(f"{source.entries[index].name}: "), content, "", None)
    except MemoryError:
        return Picture(None, TOO_MUCH, content, "", None)
    except _UNREADABLE as error:
        reason = (isinstance(error, OSError) and error.strerror) or str(error)
        return Picture(None, f"cannot be read ({reason})" if reason else "cannot be read", content, "", None)
    shape = (grey.shape[0], grey.shape[1])
    return Picture(pixels, "", content, digest(grey), difference_hash(grey), shape, found, look(grey))


def _in_separate_process(data: bytes, name: str, channels: int, scale: Scale | None) -> np.ndarray:
    with shared() as worker:
        return worker.decode(data, name, WHOLE, channels, SECONDS, scale)


def _header_in_separate_process(data: bytes, name: str) -> Header:
    if not may_say_more(data, name):  # spares sending the file once more
        return NO_HEADER
    with shared() as worker:
        return worker.header(data, name, SECONDS)


def _with_time_limit(data: bytes, name: str, channels: int, scale: Scale | None) -> np.ndarray:
    """Decode in this worker process, which a timer ends where an image takes too long."""
    set_alarm(math.ceil(SECONDS))
    try:
        return decode(data, channels=channels, name=name, scale=scale)
    finally:
        set_alarm(0)


def _header_with_time_limit(data: bytes, name: str) -> Header:
    set_alarm(math.ceil(SECONDS))
    try:
        return header(data, name)
    finally:
        set_alarm(0)


def _cores() -> int:
    # A container may use fewer cores than the machine has.
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def _start() -> None:
    # Ctrl-C reaches every process of a terminal; only the caller handles it.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    threading.Thread(target=_end_with_caller, daemon=True).start()
    with contextlib.suppress(ImportError, AttributeError, ValueError, OSError):
        import resource  # not available on Windows, which has no limits here

        # A limit of the address space would be too strict, because a data set may be memory-mapped as a whole. The
        # memory that the libraries take at the start is added.
        most = psutil.Process().memory_info().data + MEMORY
        resource.setrlimit(resource.RLIMIT_DATA, (most, most))
        resource.setrlimit(resource.RLIMIT_CORE, (0, 0))


def _end_with_caller() -> None:
    """End this worker when the caller dies: a killed caller cannot stop its workers, which would wait forever."""
    caller = multiprocessing.parent_process()
    if caller:
        caller.join()
    os._exit(1)


def _decode_part(source: Source, settings: Settings, scale: Scale | None) -> list[Picture]:
    return [
        _decoded(source, index, settings, scale, _with_time_limit, _header_with_time_limit)
        for index in range(len(source.entries))
    ]
