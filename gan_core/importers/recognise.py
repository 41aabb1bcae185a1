"""Which program left a folder or a file, by what is in it; and what to say where that cannot be told."""

import re
from collections import Counter
from dataclasses import dataclass
from pathlib import Path

from gan_core import files
from gan_core.errors import UserError
from gan_core.importers import cyclegan, lightning, pictures, printed, stylegan, tensorboard, texts

_LOOKED_AT = 60  # lines of a log
_MOST_BYTES = 4 * texts.HEAD_BYTES  # of the logs of a folder, which a page looks at
_LARGEST = 2**63
_RUN = ("config.json", "status.json")


@dataclass(frozen=True)
class Guess:
    """An importer that may read a path. reason: what speaks for it, for people."""

    kind: str
    reason: str


def guesses(path: Path) -> list[Guess]:
    """Return the importers that may read a path, the best first. Only names, and the first lines of texts, are read.

    Raises:
        UserError: there is no such path, or it is neither a folder nor a file.
    """
    if path.is_dir():
        return _of_folder(path)
    if not path.exists() and not path.is_symlink():
        raise UserError(f"there is no '{path}'")
    return _of_file(path)


def kind_of(path: Path) -> str:
    """Return the importer of a path.

    Raises:
        UserError: it cannot be told; the line says what was found there, and the nearest importer.
    """
    if found := guesses(path):
        return found[0].kind
    if path.is_dir() and set(_RUN) <= set(texts.names(path)):
        raise UserError(f"{path} is a run of GANray already: move its folder into the folder of runs")
    raise UserError(f"{path}: cannot tell which program left it. {contents(path)}. {_nearest(path)}")


def contents(path: Path) -> str:
    """Return in words what a folder holds, or what a file begins with."""
    if not path.is_dir():
        first = next((line.strip() for line in texts.head(path, 20) if line.strip()), "")
        return f"It begins with '{texts.shown(first, 60)}'" if first else "It is empty"
    kinds = Counter(Path(name).suffix.lower() or "without suffix" for name in texts.names(path))
    counted = [f"{count} {texts.shown(kind, 20)}" for kind, count in kinds.most_common(5)]
    below = texts.folders(path)
    counted += [f"the folders {', '.join(texts.shown(name, 30) for name in below[:5])}"] if below else []
    return f"It holds {', '.join(counted)}" if counted else "It is empty"


def _of_folder(path: Path) -> list[Guess]:
    names, found = set(texts.names(path)), []
    if set(_RUN) <= names:
        return []
    if cyclegan.LOG in names or (path / cyclegan.IMAGES).is_dir():
        found.append(Guess("cyclegan", cyclegan.LOG if cyclegan.LOG in names else cyclegan.IMAGES))
    if stylegan.STATS in names or any(stylegan.FAKES.fullmatch(name) for name in names):
        found.append(Guess("stylegan", stylegan.STATS if stylegan.STATS in names else "fakes000000.png"))
    below = texts.folders(path)
    versions = [name for name in below if re.fullmatch(r"version_\d+", name)]
    if lightning.TABLE in names and (lightning.OPTIONS in names or path.name.startswith("version_")):
        found.append(Guess("lightning", lightning.TABLE))
    elif any(lightning.TABLE in texts.names(path / name) for name in versions[:50]):
        found.append(Guess("lightning", f"version_*/{lightning.TABLE}"))
    elif "lightning_logs" in below and lightning.TABLE in _names_below(path / "lightning_logs"):
        found.append(Guess("lightning", f"lightning_logs/version_*/{lightning.TABLE}"))
    left = _MOST_BYTES
    for name in sorted(name for name in names if name.lower().endswith(texts.LOGS))[:20]:
        first = texts.head(path / name, 400, min(left, texts.HEAD_BYTES))
        left -= sum(map(len, first))
        if kind := printed.looks_like(first):
            found.append(Guess(kind, f"what {texts.shown(name, 40)} holds"))
            break
    if tensorboard.event_folders(path):
        found.append(Guess("tensorboard", "event files"))
    tables = sorted(name for name in names if name.lower().endswith((".csv", ".tsv")))
    if len(tables) == 1 and not found:
        found.append(Guess("csv", f"the table {texts.shown(tables[0], 40)}"))
    numbered = pictures.find(path) if not found else None
    if numbered and len(numbered.files) > 1:
        found.append(Guess("pictures", f"{len(numbered.files)} numbered pictures"))
    return found


def _names_below(folder: Path) -> set[str]:
    return {name for below in texts.folders(folder)[:50] for name in texts.names(folder / below)}


def _of_file(path: Path) -> list[Guess]:
    name = path.name.lower()
    with texts.readable(path):
        files.open_regular(path, _LARGEST).close()  # says what is no regular file
    if tensorboard.FILES.search(name):
        return [Guess("tensorboard", "an event file")]
    if not name.endswith((".csv", ".tsv")):
        with texts.readable(path):
            files.open_regular(path, texts.LOG_BYTES).close()
    first = texts.head(path, 400)
    if any(line.startswith("================ Training Loss") or "(epoch: " in line for line in first[:_LOOKED_AT]):
        return [Guess("cyclegan", "lines '(epoch: 1, iters: 100, ...)'")]
    if kind := printed.looks_like(first):
        return [Guess(kind, "lines '[D loss: ...] [G loss: ...]'")]
    if name.endswith(".jsonl") or any('"Progress/kimg"' in line for line in first[:3]):
        return [Guess("stylegan", "lines of JSON")]
    if name == lightning.TABLE and lightning.OPTIONS in texts.names(path.parent):
        return [Guess("lightning", lightning.TABLE)]
    return [Guess("csv", "a table")] if name.endswith((".csv", ".tsv")) else []


def _nearest(path: Path) -> str:
    """Return what would be needed for the importer that is nearest."""
    if not path.is_dir():
        return "Nearest: csv, which needs a first line with the names of columns; say `ganray import csv FILE`"
    names = texts.names(path)
    suffixes = Counter(Path(name).suffix.lower() for name in names)
    if suffixes[".csv"] > 1:
        return "Nearest: csv; name the table itself"
    if any(suffixes[suffix] for suffix in pictures.SUFFIXES):
        return r"Nearest: pictures, which needs numbers in their names; say --images 'epoch_(\d+).png'"
    if any(suffixes[suffix] for suffix in texts.LOGS):
        return "Nearest: pytorch-gan, which needs lines '[Epoch 1/200] [Batch 5/938] [D loss: 0.69] [G loss: 0.69]'"
    if suffixes[".pkl"] or suffixes[".pt"] or suffixes[".pth"] or suffixes[".ckpt"]:
        return "Nearest: stylegan, which needs stats.jsonl or fakes000000.png; weights alone hold no curves"
    if inside := [name for name in texts.folders(path) if _guessed(path / name)]:
        return f"Nearest: the folder {texts.shown(inside[0], 60)} in it"
    return "Importers: csv, tensorboard, lightning, cyclegan, stylegan, keras-gan, pytorch-gan, pictures"


def _guessed(path: Path) -> bool:
    try:
        return bool(_of_folder(path))
    except UserError:
        return False
