"""Decoding many pictures at once: chunks of a source in worker processes, results in the source's order."""

import multiprocessing
import os
import signal
import sys
import threading
import zipfile
import zlib
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from dataclasses import dataclass
from hashlib import blake2b
from itertools import repeat

import numpy as np

from gan_core.data.duplicates import difference_hash, digest
from gan_core.data.sources import Source
from gan_core.data.store import Settings
from gan_core.decoding import decode, quantise, resize, to_channels
from gan_core.errors import UserError

CHUNK = 32
# Starting workers takes longer than decoding so few pictures.
FEW = 64


@dataclass(frozen=True, eq=False)
class Picture:
    """One decoded picture, or why there is none."""

    pixels: np.ndarray | None  # uint8 (C, S, S)
    reason: str  # empty for a good picture
    content: str  # digest of the file's bytes
    digest: str  # of the grey picture at its full size
    hash: np.ndarray | None  # uint64 (4,)


def decode_all(source: Source, settings: Settings) -> Iterator[Picture]:
    """Decode every entry of a source, in order.

    Worker processes are started afresh (spawned), so that they inherit no threads, locks or GPU of the caller. Should
    they break down (memory, or a script without `if __name__ == "__main__"`), the rest is decoded here.
    """
    total = len(source.entries)
    workers = min(_cores(), -(-total // CHUNK))
    if workers < 2 or total < FEW or multiprocessing.current_process().daemon:
        yield from (decode_one(source, index, settings) for index in range(total))
        return
    done = 0
    try:
        context = multiprocessing.get_context("spawn")
        # Sent in parts: a worker that dies while it starts would leave the caller waiting if its arguments were large.
        parts = [source.part(start, min(start + CHUNK, total)) for start in range(0, total, CHUNK)]
        with ProcessPoolExecutor(workers, context, initializer=_start) as pool:
            try:
                for pictures in pool.map(_decode_part, parts, repeat(settings)):
                    yield from pictures
                    done += len(pictures)
            except (KeyboardInterrupt, GeneratorExit):
                pool.shutdown(cancel_futures=True)
                raise
    except BrokenProcessPool:
        print("the decoding processes broke down: going on in one process", file=sys.stderr)
        yield from (decode_one(source, index, settings) for index in range(done, total))


def decode_one(source: Source, index: int, settings: Settings) -> Picture:
    """Decode one entry; what is wrong with it becomes the reason."""
    content = ""
    try:
        loaded = source.load(index, settings.size)
        content = blake2b(bytes(loaded), digest_size=16).hexdigest()
        if isinstance(loaded, np.ndarray):
            picture = to_channels(loaded[..., None], settings.channels)
        else:
            picture = decode(loaded, channels=settings.channels, name=source.entries[index].name)
        pixels = quantise(resize(picture, settings.size, settings.fit))
        grey = quantise(to_channels(picture, 1))[0]
    except UserError as error:
        return Picture(None, str(error).removeprefix(f"{source.entries[index].name}: "), content, "", None)
    except (OSError, zipfile.BadZipFile, zlib.error, EOFError, NotImplementedError, MemoryError) as error:
        reason = (isinstance(error, OSError) and error.strerror) or str(error) or type(error).__name__
        return Picture(None, f"cannot be read ({reason})", content, "", None)
    return Picture(pixels, "", content, digest(grey), difference_hash(grey))


def _cores() -> int:
    # Containers often may use fewer cores than the machine has.
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def _start() -> None:
    # Ctrl-C reaches every process of a terminal; the caller alone decides what it means.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    threading.Thread(target=_end_with_caller, daemon=True).start()


def _end_with_caller() -> None:
    """A caller that is killed cannot stop its workers, and they would wait for work for ever."""
    caller = multiprocessing.parent_process()
    if caller:
        caller.join()
    os._exit(1)


def _decode_part(source: Source, settings: Settings) -> list[Picture]:
    return [decode_one(source, index, settings) for index in range(len(source.entries))]
