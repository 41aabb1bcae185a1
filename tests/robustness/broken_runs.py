"""Run folders from strangers, made by mutation: links, pipes, giants, odd values, torn files."""

import json
import os
import random
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

from gan_core import runs

_ODD: tuple[Any, ...] = (None, True, -1, 0, 2**62, 10**400, 1e308, float("nan"), float("inf"), -0.5, "", "x" * 10_000)
_ODD += ("../../etc/passwd", "\x1b[31m", "<script>", "classes:a=/**/x", "~nobody-here/x", [], {}, [[]] * 50, {"x": {}})
_FILES = (
    runs.CONFIG,
    runs.STATUS,
    runs.METRICS,
    runs.EPOCHS,
    runs.WEIGHTS,
    runs.DISCRIMINATOR,
    runs.EVALUATION,
    runs.GIF,
)
_FOLDERS = (runs.SAMPLES, "checkpoints")
_SPARSE = 6 * 1024**3  # bytes of the giants, of which the disk holds none


def break_run(folder: Path, outside: Path, rng: random.Random) -> str:
    """Change one to three things of a whole run folder; return them in words, for the one who looks for a fault.

    outside: a folder with a file of each name, which links lead to.
    """
    done = []
    for _ in range(rng.choice((1, 1, 2, 3))):
        change = rng.choice(_CHANGES)
        place = folder / rng.choice((*_FILES, *_FILES, *_samples(folder), *_FOLDERS))
        if place.exists() and not place.is_symlink():
            change(place, outside, rng)
            done.append(f"{change.__name__.strip('_')} {place.name}")
    return ", ".join(done)


def misname(run: Path) -> Path:
    """Copy a run folder, beside it, under a name that is not UTF-8, which macOS and Windows do not allow."""
    return shutil.copytree(run, run.parent / os.fsdecode(b"caf\xe9"))


def _samples(folder: Path) -> list[str]:
    place = folder / runs.SAMPLES
    names = sorted(path.name for path in place.iterdir()) if place.is_dir() else []
    return [f"{runs.SAMPLES}/{name}" for name in names[:2]]


def _start(path: Path) -> bytes:
    """The first megabyte of a file, which may be a giant by now."""
    with path.open("rb") as file:
        return file.read(2**20)


def _remove(path: Path) -> None:
    shutil.rmtree(path) if path.is_dir() else path.unlink()


def _linked(path: Path, outside: Path, rng: random.Random) -> None:
    _remove(path)
    places = (outside / path.name, outside, Path("/dev/zero"), Path("/nowhere"), path, Path("/etc/passwd"))
    path.symlink_to(rng.choice(places))


def _pipe(path: Path, outside: Path, rng: random.Random) -> None:
    _remove(path)
    os.mkfifo(path)


def _giant(path: Path, outside: Path, rng: random.Random) -> None:
    if path.is_file():
        with path.open("r+b" if rng.random() < 0.5 else "wb") as file:
            file.truncate(_SPARSE)


def _folder(path: Path, outside: Path, rng: random.Random) -> None:
    _remove(path)
    path.mkdir()


def _gone(path: Path, outside: Path, rng: random.Random) -> None:
    _remove(path)


def _torn(path: Path, outside: Path, rng: random.Random) -> None:
    if path.is_file():
        whole = _start(path)
        path.write_bytes(whole[: rng.randrange(len(whole) + 1)])


def _flipped(path: Path, outside: Path, rng: random.Random) -> None:
    if path.is_file() and (whole := bytearray(_start(path))):
        for _ in range(rng.choice((1, 10, 100))):
            whole[rng.randrange(len(whole))] = rng.randrange(256)
        path.write_bytes(whole)


def _odd(path: Path, outside: Path, rng: random.Random) -> None:
    """Odd values in a JSON file, or odd cells in a table."""
    if path.suffix == ".json" and path.is_file():
        try:
            tree = json.loads(_start(path))
        except ValueError:
            return
        for _ in range(rng.choice((1, 1, 3))):
            _replace(tree, rng)
        path.write_text(json.dumps(tree))
    elif path.suffix == ".csv" and path.is_file():
        cells = _start(path).decode(errors="replace").split(",")
        for _ in range(rng.choice((1, 5, 50))):
            cells[rng.randrange(len(cells))] = str(rng.choice(_ODD))[:400]
        path.write_text(",".join(cells))


def _wide(path: Path, outside: Path, rng: random.Random) -> None:
    """A table of a million columns, or a JSON file of millions of values."""
    if path.suffix == ".csv" and path.is_file():
        path.write_text(",".join(map(str, range(10**6))) + "\n" + "1," * 10**6 + "\n")
    elif path.suffix == ".json" and path.is_file():
        path.write_bytes(b"[" + b"1," * 3_000_000 + b"1]")


def _replace(tree: Any, rng: random.Random) -> None:
    while isinstance(tree, dict | list) and tree:
        key = rng.choice(list(tree) if isinstance(tree, dict) else range(len(tree)))
        if not isinstance(tree[key], dict | list) or not tree[key] or rng.random() < 0.3:
            tree[key] = rng.choice(_ODD)
            return
        tree = tree[key]


_CHANGES: tuple[Callable[[Path, Path, random.Random], None], ...] = (
    *(_linked, _pipe, _giant, _folder, _gone, _torn, _flipped),
    *(_odd, _odd, _odd, _wide),
)
