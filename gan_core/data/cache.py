"""The cache folder of prepared data: safe against interrupted and concurrent preparation."""

import contextlib
import dataclasses
import errno
import os
import shutil
import sys
import tempfile
import time
import zlib
from collections.abc import Collection, Iterator
from pathlib import Path
from types import TracebackType
from typing import Self

import numpy as np

from gan_core.config import RunConfig
from gan_core.data.prepared import IMAGES, INDEX, Prepared, open_prepared
from gan_core.data.relocated import split_moved
from gan_core.errors import UserError
from gan_core.files import cache_folder, sync_folder

TEMPORARY = ".preparing-"
_HEAD = 1 << 16  # bytes of an index, in which its source and its fingerprint stand
ABANDONED_AFTER = 24 * 3600.0  # seconds
# EFBIG: a limit on file sizes (ulimit -f) has the same effect as a full disk.
FULL = (errno.ENOSPC, errno.EFBIG, getattr(errno, "EDQUOT", errno.ENOSPC))


def open_cached(target: Path, source: str) -> Prepared | None:
    """Open the data set if it was prepared before, else return None; a damaged one is named and removed."""
    if not target.exists():
        return None
    try:
        return dataclasses.replace(open_prepared(target), source=source)
    except UserError as error:
        print(f"note: {str(error).removesuffix(': prepare the data again')}; it is prepared again", file=sys.stderr)
        shutil.rmtree(target, ignore_errors=True)
        return None


def find(run_config: RunConfig, root: Path | None = None) -> Prepared | None:
    """Return the images that a run was trained on, split as they were then, if they are still in the cache.

    root: the cache folder; by default GANRAY_CACHE, or the user's.
    """
    wanted = f'"fingerprint": "{run_config.fingerprint}"'.encode()
    for path in sorted(cache_folder(root).glob(f"*/{INDEX}")):
        with contextlib.suppress(OSError, UserError):
            with path.open("rb") as file:
                if wanted not in file.read(_HEAD):
                    continue
            found = open_prepared(path.parent)
            trained = found.counts()["train"]
            same = (tuple(trained), tuple(trained.values())) == (run_config.classes, run_config.class_counts)
            if same and not split_moved(found, run_config):
                return found
    return None


@contextlib.contextmanager
def building(root: Path, target: Path) -> Iterator[Path]:
    """Yield a temporary folder that is renamed to `target` on a clean exit, unless another process was faster.

    Raises:
        UserError: the disk is full, or the cache folder cannot be written to.
    """
    try:
        root.mkdir(parents=True, exist_ok=True)
        _sweep(root)
        temporary = Path(tempfile.mkdtemp(prefix=TEMPORARY, dir=root))
        try:
            yield temporary
            sync_folder(temporary)
            try:
                temporary.rename(target)
            except OSError:
                # The target exists and is not empty: another process has prepared the same data meanwhile.
                if not (target / INDEX).is_file():
                    raise
            sync_folder(root)
        finally:
            shutil.rmtree(temporary, ignore_errors=True)
    except OSError as error:
        raise UserError(_why(error, root)) from error


def _why(error: OSError, root: Path) -> str:
    if error.errno in FULL:
        return f"the disk of the cache folder '{root}' is full: free some space, or set GANRAY_CACHE to another folder"
    return f"the cache folder '{root}' cannot be used ({error.strerror or error}): set GANRAY_CACHE to another folder"


def _sweep(root: Path) -> None:
    """Remove temporary folders of killed processes that are older than a day."""
    for left in root.glob(f"{TEMPORARY}*"):
        with contextlib.suppress(OSError):
            if time.time() - left.stat().st_mtime > ABANDONED_AFTER:
                shutil.rmtree(left, ignore_errors=True)


def write_index(folder: Path, text: str) -> None:
    """Write `index.json` and flush it to the disk (fsync)."""
    with (folder / INDEX).open("w", encoding="utf-8", newline="\n") as file:
        file.write(text)
        file.flush()
        os.fsync(file.fileno())


class ImageWriter:
    """A writer of `images.npy`, image by image, whose number of images is not known in advance.

    It uses plain writes instead of a memory map: on a full disk a map kills the process, a write raises an error.
    """

    def __init__(self, folder: Path, shape: tuple[int, int, int]) -> None:
        self._path = folder / IMAGES
        self._file = self._path.open("wb")
        self._shape = shape
        self._count = 0
        self.checksum = 0  # CRC-32 of the images so far

    def __enter__(self) -> Self:
        self._write_header()
        return self

    def add(self, pixels: np.ndarray) -> None:
        """Append one image, uint8 of the shape given to the constructor."""
        assert pixels.dtype == np.uint8 and pixels.shape == self._shape
        content = pixels.tobytes()
        self._file.write(content)
        self.checksum = zlib.crc32(content, self.checksum)
        self._count += 1

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        try:
            if kind is None:
                self._file.seek(0)
                # numpy reserves room in the header for a larger first dimension, so the header's length stays the same.
                self._write_header()
                self._file.flush()
                os.fsync(self._file.fileno())
        finally:
            self._file.close()

    def leave_out(self, places: Collection[int]) -> int:
        """Write the file again without some of its images; return the CRC-32 of the others. The writer is closed."""
        every = self._path.with_name(f"every_{self._path.name}")
        self._path.rename(every)
        images = np.lib.format.open_memmap(every, mode="r")
        with ImageWriter(self._path.parent, self._shape) as writer:
            for place, pixels in enumerate(images):
                if place not in places:
                    writer.add(pixels)
        del images  # Windows removes no file that is mapped
        every.unlink()
        return writer.checksum

    def _write_header(self) -> None:
        header = {"descr": "|u1", "fortran_order": False, "shape": (self._count, *self._shape)}
        np.lib.format.write_array_header_1_0(self._file, header)
