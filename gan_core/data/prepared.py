"""The prepared data set: a folder with `images.npy` (memory-mapped uint8) and `index.json` (everything else).

`index.json` has exactly these keys:

    format        version of this layout
    source        the source, in the user's words
    fingerprint   of the images' bytes and the settings, 16 hex digits, the same on every machine
    size, channels, fit
    classes       class names, sorted
    names         file names inside the source, in the order of the images
    labels        index into classes, for each image
    patients      for each image
    patients_from how the patients were found, for people; empty where every image counts as a patient of its own
    splits        "train", "val" or "test", for each image
    skipped       [file, reason] for each image that could not be read
    warnings      one line each, for the user
    scale         [low, high]: stored values that became black and white, where images have more than 8 bits; or null
    float_scale   the same of files of floats, if there are any; or null
    scale_rule    version of the rule behind the scale
    checksum      CRC-32 of all other values and of the pixels, verified when the data is opened
"""

import json
import math
import zlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from hashlib import blake2b
from pathlib import Path

import numpy as np

from gan_core.config import MOST_LETTERS, MOST_WARNINGS, SCALE_RULE, DataSummary
from gan_core.data.layout import SPLITS
from gan_core.data.readers.combined import APART, caution
from gan_core.decode.image_files import FITS, with_rule
from gan_core.errors import UserError, nearest, printable

FORMAT = 3  # of index.json
FINGERPRINT_FORMAT = 1  # part of every fingerprint, so it only changes when equal data must no longer count as equal
IMAGES = "images.npy"
INDEX = "index.json"
_BLOCK = 1 << 26  # bytes that are summed up at once

# Folder -> the stamps of its files when this process last found their checksum right.
_verified: dict[Path, tuple[tuple[int, ...], ...]] = {}


@dataclass(frozen=True)
class Settings:
    """The settings of the preparation."""

    size: int
    channels: int
    fit: str
    patient_pattern: str | None
    split_seed: int


@dataclass(frozen=True, eq=False)
class Prepared:
    """Decoded, windowed and resized images of one source, with class, patient and split for each."""

    folder: Path
    source: str
    fingerprint: str
    size: int
    channels: int
    fit: str
    classes: tuple[str, ...]
    images: np.ndarray  # (N, C, S, S) uint8, read-only memory map
    labels: np.ndarray  # (N,) int64, index into classes
    names: list[str]
    patients: list[str]
    splits: np.ndarray  # (N,) of "train", "val", "test"
    skipped: tuple[tuple[str, str], ...]
    warnings: tuple[str, ...]
    patients_from: str = ""
    scale: tuple[float, float] | None = None
    float_scale: tuple[float, float] | None = None
    scale_rule: int = 1
    held_out: str = ""  # digest of the names in val and test of the whole source

    @property
    def doubts(self) -> tuple[str, ...]:
        """What a user should know before trusting a number, a line each: skipped images, then the warnings."""
        return (*([skipped_line(self.skipped, len(self.names))] if self.skipped else []), *self.warnings)

    def summary(self) -> DataSummary:
        """Return what a run keeps of its data beside the fingerprint."""
        return DataSummary(
            patients=len(set(self.patients)),
            patients_from=self.patients_from,
            skipped=len(self.skipped),
            warnings=tuple(printable(line, MOST_LETTERS) for line in self.doubts[:MOST_WARNINGS]),
            scale=self.scale,
            float_scale=self.float_scale,
            scale_rule=self.scale_rule,
            held_out=self.held_out,
        )

    @property
    def scales(self) -> tuple[float, ...] | None:
        """The scale as `prepare` and `RunConfig.scale` have it: with the numbers of floats and the rule, if any."""
        return with_rule((*self.scale, *(self.float_scale or ())), self.scale_rule) if self.scale else None

    def indices(self, split: str) -> np.ndarray:
        """Return the indices of the images of one split, int64 (n,), ascending.

        Raises:
            UserError: there is no such split.
        """
        if split not in SPLITS:
            raise UserError(f"there is no split '{split}': choose one of {', '.join(SPLITS)}")
        return np.flatnonzero(self.splits == split).astype(np.int64)

    def counts(self) -> dict[str, dict[str, int]]:
        """Return the number of images by split and class, zeros included."""
        return {
            split: {
                name: int(np.sum((self.splits == split) & (self.labels == label)))
                for label, name in enumerate(self.classes)
            }
            for split in SPLITS
        }

    def only(self, classes: tuple[str, ...]) -> "Prepared":
        """Return the images of these classes, labelled by their index in `classes`; both digests stay the source's.

        Raises:
            UserError: there is no such class.
        """
        for name in classes:
            if name not in self.classes:
                hint = nearest(name, self.classes)
                raise UserError(f"{self.source} has no class '{name}'.{hint} Classes: {', '.join(self.classes)}")
        if classes == self.classes:
            return self
        places = np.array([classes.index(name) if name in classes else -1 for name in self.classes], np.int64)
        index = np.flatnonzero(places[self.labels] >= 0)
        return replace(
            self,
            classes=classes,
            images=self.images[index],
            labels=places[self.labels[index]],
            names=[self.names[i] for i in index],
            patients=[self.patients[i] for i in index],
            splits=self.splits[index],
            warnings=self._warnings_of(classes),
        )

    def _warnings_of(self, classes: tuple[str, ...]) -> tuple[str, ...]:
        """Return the warnings with that of classes from different folders as it is for these classes."""
        these = caution(self.source, classes)
        found = (these if line.startswith(APART) else line for line in self.warnings)
        return tuple(line for line in found if line)


def describe(prepared: Prepared) -> str:
    """Return a summary for the terminal: images by class and split, skipped images, warnings."""
    kind = "grey" if prepared.channels == 1 else "colour"
    patients = f"of {len(set(prepared.patients))} patients" if prepared.patients_from else "of unknown patients"
    lines = [
        f"{prepared.source}: {len(prepared.names)} images {patients}, "
        f"{prepared.size} x {prepared.size} {kind}, fingerprint {prepared.fingerprint}",
        *count_lines(prepared.counts(), prepared.classes),
    ]
    if prepared.scale:
        pairs = dict.fromkeys(filter(None, (prepared.scale, prepared.float_scale)))
        shown = "; of floats, ".join(f"{low:g} is black and {high:g} is white" for low, high in pairs)
        lines.append(f"greys of images of more than 8 bits, and of DICOM without a window: {shown}")
    if prepared.patients_from:
        lines.append(f"patients from {prepared.patients_from}")
    return "\n".join(lines + [f"warning: {line}" for line in prepared.doubts])


def count_lines(counts: Mapping[str, Mapping[str, int]], classes: Sequence[str]) -> list[str]:
    """Return a table for the terminal: images by class and split, from split -> class -> images."""
    width = max(len(name) for name in (*classes, "total"))
    lines = ["  ".join([" " * width, *(f"{split:>6}" for split in SPLITS)])]
    lines += ["  ".join([f"{name:<{width}}", *(f"{counts[split][name]:>6}" for split in SPLITS)]) for name in classes]
    if len(classes) > 1:
        lines.append("  ".join([f"{'total':<{width}}", *(f"{sum(counts[split].values()):>6}" for split in SPLITS)]))
    return lines


def skipped_line(skipped: tuple[tuple[str, str], ...], kept: int) -> str:
    """Return one line that counts and names the skipped images."""
    shown = "; ".join(f"{name} ({reason})" for name, reason in skipped[:5])
    more = f" and {len(skipped) - 5} more" if len(skipped) > 5 else ""
    return f"skipped {len(skipped)} of {len(skipped) + kept} images: {shown}{more}"


def index_text(prepared: Mapping[str, object], pixels: int) -> str:
    """Return the text of `index.json` for a mapping with all keys but `format` and `checksum`.

    pixels: CRC-32 of the images.
    """
    index = {"format": FORMAT, **prepared}
    return json.dumps({**index, "checksum": _checksum(index, pixels)}, indent=1, ensure_ascii=False) + "\n"


def _checksum(index: Mapping[str, object], pixels: int) -> int:
    """Return the CRC-32 of an index without its own checksum, and of the images with the CRC-32 `pixels`."""
    values = {key: value for key, value in index.items() if key != "checksum"}
    return zlib.crc32(json.dumps([values, pixels], sort_keys=True).encode())


def _pixels(images: np.ndarray) -> int:
    """Return the CRC-32 of images (N, C, S, S) uint8, as the sum of the images one by one."""
    found, flat = 0, images.reshape(-1)
    for start in range(0, len(flat), _BLOCK):
        found = zlib.crc32(flat[start : start + _BLOCK].data, found)
    return found


def _verify(folder: Path, index: Mapping[str, object], images: np.ndarray) -> None:
    """Compare data with its checksum, unless this process has done so since its files were last written.

    Raises:
        UserError: they differ.
    """
    found = (folder / INDEX).stat(), (folder / IMAGES).stat()
    # The time of a change of the file's record cannot be set back, that of its content can.
    stamps = tuple((one.st_ino, one.st_size, one.st_mtime_ns, one.st_ctime_ns) for one in found)
    if _verified.get(folder) == stamps:
        return
    if index["checksum"] != _checksum(index, _pixels(images)):
        raise UserError(f"'{folder}' is damaged: its images or its {INDEX} were changed: prepare the data again")
    _verified[folder] = stamps


def open_prepared(folder: Path) -> Prepared:
    """Open a prepared data set; the images are memory-mapped, and read once to verify their checksum.

    Raises:
        UserError: the folder is missing, damaged or changed, or written by another version.
    """
    folder = Path(folder)
    index = _read_index(folder)
    try:
        images = np.lib.format.open_memmap(folder / IMAGES, mode="r")
    except (OSError, ValueError, EOFError, OverflowError) as error:
        raise UserError(f"'{folder / IMAGES}' cannot be opened ({error}): prepare the data again") from error
    count, size, channels = len(index["names"]), index["size"], index["channels"]
    if images.dtype != np.uint8 or images.shape != (count, channels, size, size):
        raise UserError(f"'{folder / IMAGES}' does not match its {INDEX}: prepare the data again")
    try:
        _verify(folder, index, images)
    except OSError as error:
        raise UserError(f"'{folder}' cannot be read ({error}): prepare the data again") from error
    return Prepared(
        folder=folder,
        source=index["source"],
        fingerprint=index["fingerprint"],
        size=size,
        channels=channels,
        fit=index["fit"],
        classes=tuple(index["classes"]),
        images=images,
        labels=np.array(index["labels"], dtype=np.int64),
        names=index["names"],
        patients=index["patients"],
        splits=np.array(index["splits"], dtype="<U5"),
        skipped=tuple((name, reason) for name, reason in index["skipped"]),
        warnings=tuple(index["warnings"]),
        patients_from=index["patients_from"],
        scale=tuple(index["scale"]) if index["scale"] else None,
        float_scale=tuple(index["float_scale"]) if index["float_scale"] else None,
        scale_rule=index["scale_rule"],
        held_out=_held_out(index["names"], index["splits"]),
    )


def _held_out(names: Sequence[str], splits: Sequence[str]) -> str:
    held = sorted(pair for pair in zip(names, splits, strict=True) if pair[1] != "train")
    return blake2b(json.dumps(held).encode(), digest_size=8).hexdigest()


def _read_index(folder: Path) -> dict:
    path = folder / INDEX
    try:
        index = json.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise UserError(f"there is no prepared data set in '{folder}': {error.strerror}") from error
    except (ValueError, RecursionError) as error:
        raise UserError(f"'{path}' is damaged ({error}): prepare the data again") from error
    if not isinstance(index, dict) or index.get("format") != FORMAT:
        raise UserError(f"'{path}' was written by another version of this program: prepare the data again")
    problem = _problem(index)
    if problem:
        raise UserError(f"'{path}' is damaged ({problem}): prepare the data again")
    return index


def _problem(index: dict) -> str | None:
    """Return what is wrong with the values of an index, or None."""
    texts, numbers = ("source", "fingerprint", "fit", "patients_from"), ("size", "channels")
    lists = ("names", "patients", "splits")
    known = {
        "format",
        *texts,
        *numbers,
        *lists,
        "classes",
        "labels",
        "skipped",
        "warnings",
        "scale",
        "float_scale",
        "scale_rule",
        "checksum",
    }
    if set(index) != known:
        return f"missing or unknown keys: {', '.join(sorted(set(index) ^ known))}"
    if not all(isinstance(index[key], str) for key in texts) or index["fit"] not in FITS:
        return "source, fingerprint, fit or patients_from is wrong"
    if not all(type(index[key]) is int and index[key] > 0 for key in numbers):
        return "size or channels is wrong"
    for key in (*lists, "classes", "warnings"):
        if not isinstance(index[key], list) or not all(isinstance(value, str) for value in index[key]):
            return f"{key} is not a list of texts"
    labels, count = index["labels"], len(index["names"])
    if not isinstance(labels, list) or not all(type(label) is int for label in labels):
        return "labels is not a list of integers"
    if not len(labels) == len(index["patients"]) == len(index["splits"]) == count or count == 0:
        return "the lists differ in length"
    if min(labels) < 0 or max(labels) >= len(index["classes"]) or not set(index["splits"]) <= set(SPLITS):
        return "a label or a split is unknown"
    pairs = index["skipped"]
    if not isinstance(pairs, list) or not all(
        isinstance(pair, list) and len(pair) == 2 and all(isinstance(text, str) for text in pair) for pair in pairs
    ):
        return "skipped is not a list of pairs"
    if not all(index[key] is None or _is_range(index[key]) for key in ("scale", "float_scale")):
        return "scale or float_scale is not a pair of numbers"
    if index["scale_rule"] not in range(1, SCALE_RULE + 1):
        return "scale_rule is of another version"
    return None


def _is_range(value: object) -> bool:
    if not isinstance(value, list) or len(value) != 2 or not all(type(one) in (int, float) for one in value):
        return False
    return math.isfinite(value[0]) and math.isfinite(value[1]) and value[0] < value[1]
