"""Preparation of a source: decoding, resizing and the split, cached in the user's cache folder.

    python -m gan_core prepare SOURCE DEST --size 64

There are two fingerprints. A cheap one names the cache folder; it covers the source's location and the names, sizes and
times of its files, so opening a prepared data set reads no image. The other is stored in the index and in a run's
config; it covers the images' bytes and the settings, so the same data has the same fingerprint on every machine.
"""

import json
import re
import sys
from collections import Counter
from dataclasses import asdict, dataclass, replace
from hashlib import blake2b
from pathlib import Path
from typing import Literal

import numpy as np
from tqdm import tqdm

from gan_core import files, name_patterns
from gan_core.config import SCALE_RULE
from gan_core.data import cache as caching
from gan_core.data import doubts, patients, seams
from gan_core.data.decode_pool import Picture, decode_all
from gan_core.data.duplicates import NearPairs, copies_to_leave_out, near_in_other_splits, same_elsewhere
from gan_core.data.greys import Greys, measure
from gan_core.data.layout import SPLITS
from gan_core.data.prepared import (
    FINGERPRINT_FORMAT,
    FORMAT,
    Prepared,
    Settings,
    index_text,
    open_prepared,
)
from gan_core.data.readers import open_source
from gan_core.data.source import Entry, Source
from gan_core.data.splits import on_both_sides, split, union
from gan_core.decode.image_files import FITS, MIN_SIDE, Scale, ranges, rule_of
from gan_core.errors import UserError

MAX_SIZE = 2048


def prepare(
    source: str,
    *,
    size: int = 64,
    channels: int = 1,
    fit: str = "crop",
    patient_pattern: str | None = None,
    split_seed: int = 0,
    scale: Scale | Literal["measured"] | None = "measured",
    cache: Path | None = None,
    progress: bool = True,
) -> Prepared:
    """Decode, window, resize and cache a source; a second call with the same settings opens the cached array.

    Args:
        source: a folder, a zip, `hf:owner/name[:config]`, `phantom:cxr` or `classes:a=...;b=...`; see `readers.KINDS`.
        size: side of the square images, pixels.
        channels: 1 (grey) or 3.
        fit: "crop" takes the centre square, "pad" keeps the whole image and adds black.
        patient_pattern: regular expression whose one group finds the patient in a path inside the source; by default
            the rules of `patients` find it.
        split_seed: seed of the split by patient, where the source has no splits.
        scale: the values that become black and white in images that do not say so themselves, see `data.greys`; by
            default those that a sample of the source gives. The data of a run is prepared with the run's, which may be
            None: each image is then scaled by its own values.
        cache: folder of prepared data; by default GANRAY_CACHE, or the user's cache folder.
        progress: show a progress bar on stderr.

    Raises:
        UserError: the source or a setting is wrong, its classes are patients, fewer than two images can be read,
            held-out images equal all those of train, images show two pictures each, or the disk is full.
    """
    check_settings(size, channels, fit)
    patients.compile_pattern(patient_pattern)
    opened = open_checked(source)
    settings = Settings(size, channels, fit, patient_pattern, split_seed)
    root = files.cache_folder(cache)
    target = root / _stamp(opened, settings, "measured")
    ready = caching.open_cached(target, source)
    if ready and scale in ("measured", ready.scales):
        return ready
    greys = Greys(ready.scales) if ready else measure(opened)
    if scale != "measured" and scale != greys.scale:
        # The data of a run whose scale is not what this source gives.
        greys = Greys(scale)
        target = root / _stamp(opened, settings, scale)
        if ready := caching.open_cached(target, source):
            return ready
    with caching.building(root, target) as temporary:
        _write(temporary, source, opened, settings, greys, progress)
    return open_prepared(target)


def open_checked(text: str) -> Source:
    """Return a source whose classes can be trained on.

    Raises:
        UserError: the source does not exist, holds no image, or its classes are patients.
    """
    opened = open_source(text)
    patients.refuse_patients_as_classes(opened.entries, text)
    return opened


def check_settings(size: int, channels: int, fit: str) -> None:
    """Refuse settings of the preparation that are out of range.

    Raises:
        UserError: a setting is wrong.
    """
    if not MIN_SIDE <= size <= MAX_SIZE:
        raise UserError(f"the image size must lie between {MIN_SIDE} and {MAX_SIZE} pixels, not {size}")
    if channels not in (1, 3):
        raise UserError(f"channels must be 1 or 3, not {channels}")
    if fit not in FITS:
        raise UserError(f"fit must be one of {', '.join(FITS)}, not '{fit}'")


def _stamp(source: Source, settings: Settings, scale: object) -> str:
    entries = [[entry.name, entry.label, entry.split, entry.stamp, entry.patient] for entry in source.entries]
    # The warnings are a part: a table may have changed, whose rows name images that are not there.
    stated = [source.identity, entries, source.warnings, _table(settings), SCALE_RULE, scale]
    text = json.dumps([FORMAT, patients.RULES, *stated])
    return blake2b(text.encode("utf-8", "surrogateescape"), digest_size=12).hexdigest()


def _table(settings: Settings, scale: Scale | None = None) -> dict[str, object]:
    # Without a scale, nothing is added: fingerprints are as they were before there were scales.
    greys = {"scale": list(ranges(scale)), "scale_rule": rule_of(scale)} if scale else {}
    return {"format": FINGERPRINT_FORMAT, **asdict(settings), **greys}


def _write(folder: Path, text: str, source: Source, settings: Settings, greys: Greys, progress: bool) -> None:
    """Decode everything into `folder`, then decide patients and splits and write the index."""
    kept: list[tuple[Entry, Picture]] = []
    skipped: list[tuple[str, str]] = []
    with caching.ImageWriter(folder, (settings.channels, settings.size, settings.size)) as writer:
        pictures = decode_all(source, settings, greys.scale)
        bar = tqdm(pictures, "prepare", len(source.entries), unit="image", disable=not progress, file=sys.stderr)
        for entry, picture in zip(source.entries, bar, strict=True):
            if picture.pixels is None:
                skipped.append((entry.name, picture.reason))
                continue
            writer.add(picture.pixels)
            kept.append((entry, replace(picture, pixels=None)))
    _check_enough(text, kept, skipped)
    headers, digests = [picture.header.patient for _, picture in kept], [picture.digest for _, picture in kept]
    allotted = allot(source, [entry for entry, _ in kept], settings, headers, digests)
    checksum = writer.leave_out(allotted.copies) if allotted.copies else writer.checksum
    kept = [one for place, one in enumerate(kept) if place not in allotted.copies]
    index = _index(text, settings, greys, kept, allotted)
    caching.write_index(folder, index_text({**index, "skipped": skipped}, checksum))


def _check_enough(text: str, kept: list[tuple[Entry, Picture]], skipped: list[tuple[str, str]]) -> None:
    if not kept:
        name, reason = skipped[0]
        raise UserError(f"none of the {len(skipped)} images of '{text}' can be read; the first is {name}: {reason}")
    if len(kept) == 1:
        raise UserError(f"'{text}' has only one image that can be read, {kept[0][0].name}: at least two are needed")


def _index(
    text: str, settings: Settings, greys: Greys, kept: list[tuple[Entry, Picture]], allotted: "Allotment"
) -> dict[str, object]:
    entries = [entry for entry, _ in kept]
    digests = [picture.digest for _, picture in kept]
    names, labels = [entry.name for entry in entries], [entry.label for entry in entries]
    splits = allotted.splits
    hashes = np.array([picture.hash for _, picture in kept])
    warnings = [
        *allotted.warnings,
        *greys.warnings,
        *_same_warning(names, same_elsewhere(digests, labels), "class"),
        *_same_warning(names, same_elsewhere(digests, [entry.origin for entry in entries]), "data set"),
        *_near_warning(names, near_in_other_splits(hashes, digests, splits)),
        *doubts.further_frames(names, [picture.header.frames for _, picture in kept]),
        *doubts.mixed_sizes(np.array([picture.shape for _, picture in kept]), settings.size, settings.fit),
        *seams.doubts(text, labels, [picture.halves for _, picture in kept], settings.fit),
    ]
    classes, table = sorted(set(labels)), _table(settings, greys.scale)
    contents = sorted((entry.name, entry.label, entry.split, picture.content) for entry, picture in kept)
    return {
        "source": text,
        "fingerprint": blake2b(json.dumps([contents, table]).encode(), digest_size=8).hexdigest(),
        "size": settings.size,
        "channels": settings.channels,
        "fit": settings.fit,
        "classes": classes,
        "names": names,
        "labels": [classes.index(label) for label in labels],
        "patients": allotted.patients,
        "splits": splits,
        "warnings": warnings,
        "patients_from": allotted.patients_from,
        "scale": greys.scale[:2] if greys.scale else None,
        "float_scale": ranges(greys.scale)[2:] or None if greys.scale else None,
        "scale_rule": rule_of(greys.scale) if greys.scale else 1,
    }


@dataclass(frozen=True)
class Allotment:
    """The patient and the split of each image of a source that is not left out."""

    patients: list[str]  # with their data set, where a source combines several
    patients_from: str  # how they were found, for people
    splits: list[str]
    warnings: list[str]  # the source's, and what is doubted of patients, splits and classes
    copies: frozenset[int]  # places of the images that are left out, since a held-out image equals them


def allot(
    source: Source, entries: list[Entry], settings: Settings, headers: list[str], digests: list[str]
) -> Allotment:
    """Find the patient and the split of each image. `prepare` and `survey` share this.

    Args:
        source: where the images are from.
        entries: those of its images that count.
        settings: of the preparation.
        headers: PatientID of each image that is a DICOM file, else "".
        digests: equal for equal images, which get one split.

    Raises:
        UserError: the pattern of patients finds none, or held-out images equal all those of train.
    """
    pattern = patients.compile_pattern(settings.patient_pattern)
    found = patients.find(entries, headers, pattern, getattr(source, "patients_from", patients.STATED))
    splits = _splits(entries, found.names, digests, settings.split_seed)
    same = same_elsewhere(digests, splits)
    copies = frozenset(copies_to_leave_out(same, splits))
    repeated = _copies_warning([entry.name for entry in entries], splits, same, copies)
    left = [place for place in range(len(entries)) if place not in copies]
    found = replace(found, names=[found.names[place] for place in left], told=[found.told[place] for place in left])
    entries, headers, splits = [entries[i] for i in left], [headers[i] for i in left], [splits[i] for i in left]
    names, labels = [entry.name for entry in entries], [entry.label for entry in entries]
    of_images = [
        f"{entry.origin}/{name}" if entry.origin else name for entry, name in zip(entries, found.names, strict=True)
    ]
    warnings = [
        *source.warnings,
        *repeated,
        *_pattern_warning(names, pattern),
        *_patient_warning(of_images, splits, found),
        *_split_warning(of_images, splits),
        *found.doubt(),
        *(doubts.patient_classes(labels, headers) if False in found.told else []),
        *doubts.one_patient_classes(labels, of_images),
        *doubts.small_classes(labels),
        *doubts.untrained_classes(labels, splits),
    ]
    return Allotment(of_images, found.origin, splits, warnings, copies)


def _splits(entries: list[Entry], patients: list[str], digests: list[str], seed: int) -> list[str]:
    """Split each data set of the source as if it were alone, so that its held-out patients are the same."""
    splits = [""] * len(entries)
    for origin in {entry.origin for entry in entries}:
        own = [index for index, entry in enumerate(entries) if entry.origin == origin]
        parts = _own_splits([entries[i] for i in own], [patients[i] for i in own], [digests[i] for i in own], seed)
        for index, part in zip(own, parts, strict=True):
            splits[index] = part
    return splits


def _own_splits(entries: list[Entry], patients: list[str], digests: list[str], seed: int) -> list[str]:
    """Return a data set's own splits if it has any, else the split by patient."""
    given = [entry.split for entry in entries]
    labels = [entry.label for entry in entries]
    groups = union(patients, digests)
    # A train folder alone is no split: its images are split as if that folder had been given.
    if {part or "train" for part in given} == {"train"}:
        return split(groups, labels, seed)
    splits = [part or "train" for part in given]
    if "val" in splits or "train" not in splits:
        return splits
    # What equals a held-out image will be left out, so that it is no part of val.
    tested = {digest for digest, part in zip(digests, splits, strict=True) if part == "test"}
    train = [index for index, part in enumerate(splits) if part == "train" and digests[index] not in tested]
    held = split([groups[index] for index in train], [labels[index] for index in train], seed, ("val",))
    for index, part in zip(train, held, strict=True):
        splits[index] = part
    return splits


def _copies_warning(
    names: list[str], splits: list[str], groups: list[tuple[int, ...]], copies: frozenset[int]
) -> list[str]:
    """Return the line about the copies of held-out images that are left out; none where there are none.

    Raises:
        UserError: nothing of train is left.
    """
    if not copies:
        return []
    counts = Counter(splits[place] for place in copies)
    shown = _equal(names, groups)
    if counts["train"] and counts["train"] == splits.count("train"):
        raise UserError(f"every image of train is held out as well, so nothing is left to train on: {shown}")
    parts = " and ".join(f"{counts[part]:,} in {part}" for part in SPLITS if counts[part])
    return [
        f"{len(groups):,} images lie in more than one split; each stays in the one that is held out (test before val) "
        f"and its copies are left out ({parts}): {shown}"
    ]


def _pattern_warning(names: list[str], pattern: re.Pattern[str] | None) -> list[str]:
    if pattern is None:
        return []
    found = name_patterns.search(pattern.pattern, names, patients.OPTION)
    missed = [name for name, patient in zip(names, found, strict=True) if patient is None]
    if len(missed) == len(names):
        raise UserError(f"the patient pattern '{pattern.pattern}' matches no file name, for example not {names[0]}")
    return [f"the patient pattern does not match {len(missed)} file names, for example {missed[0]}"] if missed else []


def _patient_warning(of_images: list[str], splits: list[str], found: patients.Patients) -> list[str]:
    both = on_both_sides(of_images, splits)
    told = {patient for patient, is_told in zip(of_images, found.told, strict=True) if is_told}
    certain = [f"{patient} ({' and '.join(parts)})" for patient, parts in both.items() if patient in told]
    maybe = [patient for patient in both if patient not in told]
    warnings = []
    if certain:
        warnings.append(f"{len(certain)} patients lie in more than one split: {_some(certain)}")
    if maybe:
        # Many data sets number their files from zero in every folder.
        warnings.append(
            f"{len(maybe)} file names lie in more than one split: {_some(maybe)}; "
            "if a file name identifies a patient, the splits share patients"
        )
    return warnings


def _some(texts: list[str], separator: str = ", ", count: int | None = None) -> str:
    """Join the first five texts and say how many more there are, of `count` if not all are given."""
    more = (len(texts) if count is None else count) - 5
    return separator.join([*texts[:5], *([f"and {more} more"] if more > 0 else [])])


def _split_warning(patients: list[str], splits: list[str]) -> list[str]:
    if "val" in splits or "test" in splits:
        return []
    if len(set(patients)) == 1:
        return [f"all images show one patient, so nothing can be held out: {patients[0]}"]
    return ["nothing is held out"]


def _same_warning(names: list[str], groups: list[tuple[int, ...]], place: str) -> list[str]:
    return [f"{len(groups)} images lie in more than one {place}: {_equal(names, groups)}"] if groups else []


def _equal(names: list[str], groups: list[tuple[int, ...]]) -> str:
    """Name the first groups of equal images, and the first images of each."""
    shown = [
        " = ".join(names[index] for index in group[:3]) + (f" ({len(group)} in all)" if len(group) > 3 else "")
        for group in groups[:5]
    ]
    return _some(shown, "; ", len(groups))


def _near_warning(names: list[str], near: NearPairs) -> list[str]:
    if not near.count:
        return []
    shown = _some([f"{names[a]} ~ {names[b]}" for a, b in near.first], "; ", near.count)
    return [f"{near.count} pairs of nearly equal images ({near.images} images) lie in two splits: {shown}"]
