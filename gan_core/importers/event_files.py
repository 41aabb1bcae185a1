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
from typing import NamedTuple

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


class Record(NamedTuple):
    """One record. place: where its content starts in the file."""

    place: int
    content: bytes


def records(path: Path) -> Iterator[Record]:
    """Yield the records of an event file up to its end, or to the first one that is not whole.

    Raises:
        UserError: the file cannot be read, or is larger than 2 GB.
    """
    with texts.readable(path), files.open_regular(path, FILE_BYTES) as file:
        chunk: list[Record] = []
        heads: list[bytes] = []
        feet: list[bytes] = []
        place, count = 0, 0
        while len(head := file.read(_HEAD)) == _HEAD:
            (length,) = struct.unpack_from("<Q", head)
            if length > RECORD_BYTES or count > _MOST:
                break
            content = file.read(length + _FOOT)
            if len(content) < length + _FOOT:
                break
            chunk.append(Record(place + _HEAD, content[:length]))
            heads.append(head)
            feet.append(content[length:])
            place += _HEAD + length + _FOOT
            count += 1
            if len(chunk) == _CHUNK:
                whole = _whole(chunk, heads, feet)
                yield from chunk[:whole]
                if whole < len(chunk):
                    return
                chunk, heads, feet = [], [], []
        yield from chunk[: _whole(chunk, heads, feet)]


def content_at(path: Path, place: int, length: int) -> bytes:
    """Return the content of one record. Raises UserError: the file cannot be read, or has become shorter."""
    with texts.readable(path), files.open_regular(path, FILE_BYTES) as file:
        file.seek(place)
        content = file.read(length)
    if len(content) < length:
        raise UserError(f"{path} has become shorter while it was read")
    return content


def _whole(chunk: list[Record], heads: list[bytes], feet: list[bytes]) -> int:
    """Return how many of the records, from the first on, have the checksums that they should have."""
    lengths = np.array([len(record.content) for record in chunk], np.int64)
    good = _masked([head[:8] for head in heads]) == np.array([struct.unpack("<I", head[8:])[0] for head in heads])
    for length in np.unique(lengths[lengths <= _CHECKED]):
        rows = np.flatnonzero(lengths == length)
        wanted = np.array([struct.unpack("<I", feet[row])[0] for row in rows])
        good[rows] &= _masked([chunk[row].content for row in rows]) == wanted
    bad = np.flatnonzero(~good)
    return int(bad[0]) if len(bad) else len(chunk)


def _table() -> np.ndarray:
    values = np.arange(256, dtype=np.uint32)
    for _ in range(8):
        values = np.where(values & 1, (values >> 1) ^ np.uint32(0x82F63B78), values >> 1).astype(np.uint32)
    return values


_CRC = _table()


def _masked(contents: list[bytes]) -> np.ndarray:
    """Return the masked CRC-32C of contents of one length, as int64 (n,): all at once, byte after byte."""
    if not contents:
        return np.empty(0, np.int64)
    rows = np.frombuffer(b"".join(contents), np.uint8).reshape(len(contents), -1)
    crc = np.full(len(contents), 0xFFFFFFFF, np.uint32)
    for column in rows.T:
        crc = _CRC[(crc ^ column) & 0xFF] ^ (crc >> np.uint32(8))
    crc = ~crc
    rotated = (crc >> np.uint32(15)) | (crc << np.uint32(17))
    return (rotated.astype(np.int64) + 0xA282EAD8) & 0xFFFFFFFF
