"""Pictures of a folder in place of a model that generates: no weights are needed to measure them.

    folder = open_folder("fakes", prepared, run_config)      a `picture_source.PictureSource`
    pictures, labels = folder.generate(1000, seed=0)         chosen at random, without repetition

They are decoded, made square and resized as the real images were. Classes are known where each has a sub-folder, or
where all files are named as `ganray generate` names them (`NORMAL_00012.png`).
"""

import re
import sys
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from hashlib import blake2b
from pathlib import PurePosixPath

import numpy as np
from tqdm import tqdm

from gan_core.config import RunConfig
from gan_core.data import Prepared
from gan_core.data.decode_pool import Picture, decode_all, decode_one
from gan_core.data.layout import LabelledPath
from gan_core.data.prepared import Settings, skipped_line
from gan_core.data.readers import folder as folders
from gan_core.data.source import Files
from gan_core.errors import UserError, nearest
from gan_core.evaluation.fidelity import LEAST
from gan_core.evaluation.results import GeneratedFolder
from gan_core.files import expanded

MOST = 20_000  # pictures that are read, evenly spaced in the order of their names
LARGEST = 256  # pixels a side at which real images are prepared where nothing else says so
_PEEKED = 24  # pictures that tell the size of all
_GLIMPSE = 16  # pixels a side at which these are decoded
_COLOURED = 6  # grey levels between the channels of a picture that has colours; JPEG leaves less in grey ones
_SHARES = 0.05  # difference in the share of a class that is worth a note


@dataclass(frozen=True, eq=False)
class PictureFolder:
    """The pictures of a folder, prepared as the real images are."""

    config: RunConfig
    classes: tuple[str, ...]  # empty if the classes of the pictures are not known
    pictures: np.ndarray  # uint8 (N, H, W, C)
    labels: np.ndarray  # (N,) of str, "" where there are no classes
    facts: GeneratedFolder
    notes: tuple[str, ...]  # what a reader of the measures should know, a clause each

    def generate(self, count: int, *, label: str | None = None, seed: int = 0) -> tuple[np.ndarray, list[str]]:
        """Return `count` of the pictures, chosen at random and without repetition; all if there are fewer.

        Raises:
            UserError: there are none of this class.
        """
        own = np.arange(len(self.pictures)) if label is None else np.flatnonzero(self.labels == label)
        if not len(own):
            known = f"it has those of {', '.join(self.classes)}" if self.classes else "their classes are not known"
            raise UserError(f"{self.facts.folder} has no pictures of class {label}: {known}")
        chosen = own
        if count < len(own):
            chosen = np.sort(np.random.default_rng((seed, 7)).permutation(own)[:count])
        return self.pictures[chosen], [str(name) for name in self.labels[chosen]]

    @property
    def digest(self) -> str:
        """Digest of pixels and classes, 16 hex digits: tells whether an earlier evaluation was of these pictures."""
        found = blake2b(repr((self.pictures.shape, self.labels.tolist())).encode(), digest_size=8)
        found.update(self.pictures.tobytes())
        return found.hexdigest()


def common_side(folder: str) -> int:
    """Return the side of the square that most pictures of a folder hold, in pixels, at most `LARGEST`.

    Raises:
        UserError: there is no such folder, or none of the pictures looked at can be read.
    """
    source = _listed(folder)
    places = sorted({round(place) for place in np.linspace(0, len(source.entries) - 1, _PEEKED)})
    looked = [decode_one(source, place, Settings(_GLIMPSE, 1, "crop", None, 0)) for place in places]
    sides = Counter(min(picture.shape) for picture in looked if picture.pixels is not None)
    if not sides:
        raise UserError(f"{folder}: {looked[0].reason} ({source.entries[0].name})")
    return min(sides.most_common(1)[0][0], LARGEST)


def open_folder(folder: str, prepared: Prepared, run_config: RunConfig) -> PictureFolder:
    """Read the pictures of a folder as the real images were prepared.

    Raises:
        UserError: there is no such folder; it holds fewer than 20 pictures that can be read, those of one class of
            several only, or mostly the real images themselves.
    """
    source = _listed(folder)
    name = name_of(folder)
    notes: list[str] = []
    if len(source.entries) > MOST:
        notes.append(f"{MOST} of its {len(source.entries)} pictures were read, evenly spaced")
        step = np.linspace(0, len(source.entries) - 1, MOST).round().astype(int)
        source = replace(source, entries=tuple(source.entries[place] for place in step))
    labels, classes = _classes(folder, [(one.name, one.label) for one in source.entries], prepared.classes, notes)
    read = _decoded(source, prepared)
    kept = [place for place, (picture, _) in enumerate(read) if picture.pixels is not None]
    skipped = tuple((one.name, read[i][0].reason) for i, one in enumerate(source.entries) if i not in set(kept))
    if len(kept) < LEAST:
        more = f" ({skipped[0][0]}: {skipped[0][1]})" if skipped else ""
        raise UserError(
            f"--generated {folder}: {len(kept)} pictures can be read{more}, and an evaluation needs {LEAST} or more"
        )
    pictures = np.stack([_pixels(read[place][0]) for place in kept]).transpose(0, 2, 3, 1)
    facts = _facts(name, [read[place] for place in kept], prepared)
    _refuse_real(folder, pictures, prepared, notes)
    notes += [skipped_line(skipped, len(kept))] if skipped else []
    notes += _described(facts, prepared)
    found = PictureFolder(run_config, classes, np.ascontiguousarray(pictures), labels[kept], facts, tuple(notes))
    return replace(found, notes=(*notes, *_shares(found, prepared)))


def name_of(folder: str) -> str:
    """Return the name of a folder without its place."""
    return expanded(folder).resolve().name or "pictures"


def _listed(folder: str) -> folders.FolderSource:
    path = expanded(folder)
    if not path.is_dir():
        hint = ": unpack it first" if path.is_file() else ""
        raise UserError(f"--generated {folder}: there is no such folder{hint}")
    return folders.open_folder(path, _arranged)


def _arranged(paths: list[str], _: str, __: Files | None) -> tuple[list[LabelledPath], list[str]]:
    """Label each picture by its outermost folder; "" for those that lie in none."""
    return [LabelledPath(path, path.partition("/")[0] if "/" in path else "", None) for path in sorted(paths)], []


def _classes(
    folder: str, found: list[tuple[str, str]], known: tuple[str, ...], notes: list[str]
) -> tuple[np.ndarray, tuple[str, ...]]:
    """Return the class of each picture, (N,) of str, and the classes in the order of the real ones.

    found: path and outermost folder of each picture; known: the classes of the real images.

    Raises:
        UserError: some folders are classes and others are not, or there are pictures of one class of several only.
    """
    labels = np.array([label for _, label in found])
    if not labels.any():
        labels = np.array([_class_in(path, known) for path, _ in found])
        if not labels.all():
            return np.full(len(found), ""), ()
    here = sorted(set(labels.tolist()))
    if not set(here) & set(known):
        notes.append(f"its folders ({', '.join(here[:5])}) are no classes of the real images, so it counts as one set")
        return np.full(len(found), ""), ()
    if odd := [label for label in here if label not in known]:
        what = f"the folder '{odd[0]}'" if odd[0] else "pictures beside its folders"
        raise UserError(
            f"--generated {folder}: {what} belongs to no class of the real images.{nearest(odd[0], known)} "
            f"Classes: {', '.join(known)}"
        )
    if len(here) == 1 and len(known) > 1:
        raise UserError(
            f"--generated {folder}: its pictures are of class {here[0]} only, and the real images of "
            f"{', '.join(known)}: name real images of that class with --data, or add the other classes"
        )
    return labels, tuple(name for name in known if name in here)


def _class_in(path: str, known: Sequence[str]) -> str:
    """Return the class that a file is named for, as `Model.write` names it; "" if it is none."""
    match = re.fullmatch(r"(.+)_\d+", PurePosixPath(path).stem)
    return next((name for name in known if match and re.sub(r"[^\w-]", "_", name) == match[1]), "")


def _decoded(source: folders.FolderSource, prepared: Prepared) -> list[tuple[Picture, bool]]:
    """Return each picture as the real images are, and whether it has colours."""
    settings = Settings(prepared.size, 3, prepared.fit, None, 0)
    bar = tqdm(
        decode_all(source, settings, prepared.scales),
        "read",
        len(source.entries),
        unit="image",
        disable=None,
        file=sys.stderr,
    )
    found = [_grey(picture, prepared.channels) for picture in bar]
    # A mean of three resized channels is not the resized luma: colours are decoded again as the real images are.
    again = [place for place, (_, colour) in enumerate(found) if colour and prepared.channels == 1]
    if again:
        part = replace(source, entries=tuple(source.entries[place] for place in again))
        grey = decode_all(part, replace(settings, channels=1), prepared.scales)
        for place, picture in zip(again, grey, strict=True):
            found[place] = picture, True
    return found


def _grey(picture: Picture, channels: int) -> tuple[Picture, bool]:
    """Return a picture of three channels with `channels` of them, and whether these differ."""
    if picture.pixels is None:
        return picture, False
    exact = picture.pixels.astype(np.int16)
    colour = bool((exact.max(0) - exact.min(0)).max() > _COLOURED)
    return replace(picture, pixels=picture.pixels[:channels].copy()), colour


def _pixels(picture: Picture) -> np.ndarray:
    assert picture.pixels is not None
    return picture.pixels


def _facts(name: str, read: Sequence[tuple[Picture, bool]], prepared: Prepared) -> GeneratedFolder:
    digests = [picture.digest for picture, _ in read]
    return GeneratedFolder(
        folder=name,
        pictures=len(read),
        repeated=len(digests) - len(set(digests)),
        resized=sum(picture.shape != (prepared.size, prepared.size) for picture, _ in read),
        coloured=sum(colour for _, colour in read),
    )


def _refuse_real(folder: str, pictures: np.ndarray, prepared: Prepared, notes: list[str]) -> None:
    """Refuse a folder of the real images themselves, of which every measure would be perfect.

    pictures: uint8 (N, H, W, C).
    """
    real = set(_digests(prepared.images))
    same = sum(digest in real for digest in _digests(pictures.transpose(0, 3, 1, 2)))
    if same > len(pictures) / 2:
        raise UserError(
            f"--generated {folder}: {same} of its {len(pictures)} pictures are real images of --data, so every measure "
            "would be perfect: name the folder of the generated ones"
        )
    if same:
        notes.append(f"{same} of its {len(pictures)} pictures equal a real image to the pixel")


def _digests(images: np.ndarray) -> Iterator[bytes]:
    return (blake2b(np.ascontiguousarray(image).tobytes(), digest_size=16).digest() for image in images)


def _described(facts: GeneratedFolder, prepared: Prepared) -> list[str]:
    """Return what was done to the pictures and is doubtful of them, a clause each."""
    lines = []
    if facts.resized:
        lines.append(
            f"{facts.resized} of the {facts.pictures} pictures had another size and were resized to {prepared.size} px "
            "as the real images are"
        )
    if facts.coloured and prepared.channels == 1:
        lines.append(f"{facts.coloured} of the {facts.pictures} pictures had colours and became grey")
    if prepared.channels == 3 and not facts.coloured:
        lines.append("the pictures are grey and the real images were prepared in colour")
    if facts.repeated:
        lines.append(f"{facts.repeated} of the {facts.pictures} pictures repeat another one exactly")
    return lines


def _shares(found: PictureFolder, prepared: Prepared) -> list[str]:
    """Return a clause if a class is much more frequent here than among the real training images."""
    if not found.classes:
        return []
    training = prepared.labels[prepared.indices("train")]
    lines = []
    for name in found.classes:
        here = float((found.labels == name).mean())
        real = float((training == prepared.classes.index(name)).mean()) if len(training) else here
        if abs(here - real) > _SHARES:
            lines.append(f"{here:.0%} of {name} here, {real:.0%} of the real images")
    return [f"the classes have other shares, which counts in every distance: {'; '.join(lines)}"] if lines else []
