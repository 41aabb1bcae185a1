"""Decoding many pictures at once: chunks of a source in worker processes, results in the source's order.

No picture is decoded by the process that asks for it: what a crafted or broken file does (a crash, a loop, memory
without end), it does to a process that is started anew, and the picture is skipped with a reason.

This is part of `data` and not of `decode`: it reads sources, and makes of every picture what the prepared array and the
search for duplicates need.
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

from gan_core.data.duplicates import difference_hash, digest
from gan_core.data.prepared import Settings
from gan_core.data.source import Source
from gan_core.decode.image_files import decode, quantise, resize, to_channels
from gan_core.decode.worker import MEMORY, TOO_MUCH, WHOLE, set_alarm, shared
from gan_core.errors import UserError

CHUNK = 32
# Starting workers takes longer than decoding so few pictures.
FEW = 64
# Times that the workers are started again. After that, every picture goes through the one process that may break.
BREAKDOWNS = 3
# That a picture may take: so long that none is left out because the machine is busy.
SECONDS = 60.0

Read = Callable[
    [bytes, str, int], np.ndarray
]  # a file's bytes, what errors call it, channels -> see `image_files.decode`


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
    they break down (a picture's fault), what they had in hand is read picture by picture, in a process that each may
    break alone.
    """
    total = len(source.entries)
    workers = min(_cores(), -(-total // CHUNK))
    alone = workers < 2 or total < FEW or multiprocessing.current_process().daemon
    done = 0
    for _ in range(0 if alone else BREAKDOWNS):
        try:
            for pictures in _side_by_side(source, settings, workers, done):
                yield from pictures
                done += len(pictures)
        except BrokenProcessPool:
            for index in range(done, min(done + CHUNK, total)):
                yield decode_one(source, index, settings)
                done += 1
        if done == total:
            return
    if not alone:
        print("the decoding processes broke down: going on in one process", file=sys.stderr)
    yield from (decode_one(source, index, settings) for index in range(done, total))


def _side_by_side(source: Source, settings: Settings, workers: int, done: int) -> Iterator[list[Picture]]:
    """The pictures from number `done` on, a part at a time."""
    total = len(source.entries)
    # Sent in parts: a worker that dies while it starts would leave the caller waiting if its arguments were large.
    parts = [source.part(start, min(start + CHUNK, total)) for start in range(done, total, CHUNK)]
    with ProcessPoolExecutor(workers, _Context(), initializer=_start) as pool:
        try:
            yield from pool.map(_decode_part, parts, repeat(settings))
        except (KeyboardInterrupt, GeneratorExit):
            pool.shutdown(cancel_futures=True)
            raise


def _launched(process_obj: BaseProcess) -> Any:
    """Spawn a process without the caller's script.

    That may lack `if __name__ == "__main__"` and do its work again in every worker, or be a whole Streamlit page, which
    takes the place of `__main__` in the process that shows it.
    """
    with _launching:
        script = sys.modules["__main__"]
        sys.modules["__main__"] = ModuleType("__main__")
        try:
            return SpawnProcess._Popen(process_obj)
        finally:
            sys.modules["__main__"] = script


class _Process(SpawnProcess):
    _Popen = staticmethod(_launched)


class _Context(SpawnContext):
    Process = _Process


_launching = threading.Lock()


def decode_one(source: Source, index: int, settings: Settings) -> Picture:
    """Decode one entry in a process of its own; what is wrong with it becomes the reason."""
    return _decoded(source, index, settings, _apart)


def _decoded(source: Source, index: int, settings: Settings, read: Read) -> Picture:
    content = ""
    try:
        loaded = source.load(index, settings.size)
        content = blake2b(bytes(loaded), digest_size=16).hexdigest()
        if isinstance(loaded, np.ndarray):
            picture = to_channels(loaded if loaded.ndim == 3 else loaded[..., None], settings.channels)
        else:
            picture = read(loaded, source.entries[index].name, settings.channels)
        pixels = quantise(resize(picture, settings.size, settings.fit))
        grey = quantise(to_channels(picture, 1))[0]
    except UserError as error:
        return Picture(None, str(error).removeprefix(f"{source.entries[index].name}: "), content, "", None)
    except MemoryError:
        return Picture(None, TOO_MUCH, content, "", None)
    except (OSError, zipfile.BadZipFile, zlib.error, EOFError, NotImplementedError) as error:
        reason = (isinstance(error, OSError) and error.strerror) or str(error) or type(error).__name__
        return Picture(None, f"cannot be read ({reason})", content, "", None)
    return Picture(pixels, "", content, digest(grey), difference_hash(grey))


def _apart(data: bytes, name: str, channels: int) -> np.ndarray:
    with shared() as worker:
        return worker.decode(data, name, WHOLE, channels, SECONDS)


def _watched(data: bytes, name: str, channels: int) -> np.ndarray:
    """In a worker process, which ends where a picture takes too long."""
    set_alarm(math.ceil(SECONDS))
    try:
        return decode(data, channels=channels, name=name)
    finally:
        set_alarm(0)


def _cores() -> int:
    # Containers often may use fewer cores than the machine has.
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def _start() -> None:
    # Ctrl-C reaches every process of a terminal; the caller alone decides what it means.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    threading.Thread(target=_end_with_caller, daemon=True).start()
    with contextlib.suppress(ImportError, AttributeError, ValueError, OSError):
        import resource  # not on Windows, which goes without the limits

        # Not of addresses, as a data set may be mapped whole; what the libraries took at their start comes on top.
        most = psutil.Process().memory_info().data + MEMORY
        resource.setrlimit(resource.RLIMIT_DATA, (most, most))
        resource.setrlimit(resource.RLIMIT_CORE, (0, 0))


def _end_with_caller() -> None:
    """A caller that is killed cannot stop its workers, and they would wait for work for ever."""
    caller = multiprocessing.parent_process()
    if caller:
        caller.join()
    os._exit(1)


def _decode_part(source: Source, settings: Settings) -> list[Picture]:
    return [_decoded(source, index, settings, _watched) for index in range(len(source.entries))]
