"""Files that run code where anybody unpickles them: a canary that sings writes a file."""

import io
import zipfile
from pathlib import Path
from pickle import dumps  # to lay the trap: nothing in the product imports it

import numpy as np


class Canary:
    """Sings where it is unpickled."""

    def __init__(self, song: Path) -> None:
        self.song = song

    def __reduce__(self) -> tuple[object, ...]:
        return Path.touch, (self.song,)


def torch_zip(song: Path) -> bytes:
    """As torch saves: a zip with the pickle in it."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_STORED) as archive:
        archive.writestr("archive/data.pkl", dumps(Canary(song), 2))
        archive.writestr("archive/version", "3\n")
        archive.writestr("archive/byteorder", "little")
    return buffer.getvalue()


def object_array(song: Path) -> bytes:
    """A .npy of Python objects."""
    buffer = io.BytesIO()
    np.save(buffer, np.array([Canary(song)], dtype=object))
    return buffer.getvalue()


def object_arrays(song: Path) -> bytes:
    """A .npz of the same."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        archive.writestr("images.npy", object_array(song))
    return buffer.getvalue()


def kinds(song: Path) -> dict[str, bytes]:
    """Every kind of file that can hold such a canary."""
    pickles = {f"pickle of protocol {number}": dumps(Canary(song), number) for number in (0, 2, 5)}
    return {**pickles, "torch zip": torch_zip(song), "npy": object_array(song), "npz": object_arrays(song)}
