"""Event files of TensorBoard, read record by record within limits.

A file is a row of records: the length (8 bytes), its checksum (4), the content, its checksum (4); a checksum is the
CRC-32C of Castagnoli, rotated and shifted. The content is an `Event` in protocol buffers, whose classes come with the
package tensorboard. That package's own loader is not used: it would import TensorFlow where that is installed. Nothing
is unpickled.

A training that was killed leaves an unfinished record: a file is read up to the first record that is not whole.
"""

import struct
from collections.abc import Iterator
from pathlib import Path

import numpy as np

from gan_core import files
from gan_core.errors import UserError
from gan_core.importers import texts

FILE_BYTES = 2 * 1024**3
RECORD_BYTES = 64 * 1024**2
_HEAD, _FOOT = 12, 4  # bytes before and after the content of a record
_CHECKED = 4096  # bytes: longer records hold pictures, which have checksums of their own
_CHUNK = 50_000  # records that are checked at once
_MOST = 10**7  # records
_LENGTH = struct.Struct("<Q4x").unpack


def records(path: Path) -> Iterator[tuple[int, bytes]]:
    """Yield (place, content) of the records of an event file, up to its end or to the first that is not whole.

    place: where the content starts in the file.

    Raises:
        UserError: the file cannot be read, or is larger than 2 GB.
    """
    with texts.readable(path), files.open_regular(path, FILE_BYTES) as file:
        chunk = _Chunk()
        place, count = _HEAD, 0
        while len(head := file.read(_HEAD)) == _HEAD and count < _MOST:
            (length,) = _LENGTH(head)
            if length > RECORD_BYTES:
                break
            content = file.read(length + _FOOT)
            if len(content) < length + _FOOT:
                break
            chunk.places.append(place)
            chunk.heads.append(head)
            chunk.contents.append(content)
            place += length + _FOOT + _HEAD
            count += 1
            if len(chunk.places) == _CHUNK:
                whole = chunk.whole()
                yield from chunk.first(whole)
                if whole < _CHUNK:
                    return
                chunk = _Chunk()
        yield from chunk.first(chunk.whole())


def content_at(path: Path, place: int, length: int) -> bytes:
    """Return the content of one record. Raises UserError: the file cannot be read, or has become shorter."""
    with texts.readable(path), files.open_regular(path, FILE_BYTES) as file:
        file.seek(place)
        content = file.read(length)
    if len(content) < length:
        raise UserError(f"{path} has become shorter while it was read")
    return content


class _Chunk:
    """Records whose checksums are computed together."""

    def __init__(self) -> None:
        self.places: list[int] = []
        self.heads: list[bytes] = []
        self.contents: list[bytes] = []  # each with its checksum at the end

    def first(self, count: int) -> Iterator[tuple[int, bytes]]:
        for place, content in zip(self.places[:count], self.contents, strict=False):
            yield place, content[:-_FOOT]

    def whole(self) -> int:
        """Return how many of the records, from the first on, have the checksums that they should have."""
        good = _are_checked(self.heads)
        lengths = np.array([len(content) for content in self.contents], np.int64)
        for length in np.unique(lengths[lengths <= _CHECKED]):
            rows = np.flatnonzero(lengths == length)
            good[rows] &= _are_checked([self.contents[row] for row in rows])
        bad = np.flatnonzero(~good)
        return int(bad[0]) if len(bad) else len(self.places)


def _are_checked(contents: list[bytes]) -> np.ndarray:
    """Return which of some bytes of one length end with the checksum of what is before it, bool (n,)."""
    if not contents:
        return np.empty(0, bool)
    rows = np.frombuffer(b"".join(contents), np.uint8).reshape(len(contents), -1)
    return _masked(rows[:, :-_FOOT]) == np.ascontiguousarray(rows[:, -_FOOT:]).view("<u4")[:, 0]


def _table() -> np.ndarray:
    values = np.arange(256, dtype=np.uint32)
    for _ in range(8):
        values = np.where(values & 1, (values >> 1) ^ np.uint32(0x82F63B78), values >> 1).astype(np.uint32)
    return values


_CRC = _table()


def _masked(rows: np.ndarray) -> np.ndarray:
    """Return the masked CRC-32C of rows of bytes, uint8 (n, length), as int64 (n,): byte after byte, all at once."""
    crc = np.full(len(rows), 0xFFFFFFFF, np.uint32)
    for column in rows.T:
        crc = _CRC[(crc ^ column) & 0xFF] ^ (crc >> np.uint32(8))
    crc = ~crc
    rotated = (crc >> np.uint32(15)) | (crc << np.uint32(17))
    return (rotated.astype(np.int64) + 0xA282EAD8) & 0xFFFFFFFF
