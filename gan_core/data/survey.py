"""A first look at a source: what can be said of it without decoding an image.

    python -m gan_core prepare SOURCE --dry-run

Classes, patients and splits are those that `prepare` will find, but for what only the images tell: which of them cannot
be read, which are equal (equal images get one split), and the PatientID of DICOM files.
"""

from collections import Counter, defaultdict
from dataclasses import dataclass

from gan_core.data.layout import SPLITS
from gan_core.data.prepare import allot, check_settings, open_checked
from gan_core.data.prepared import Settings, count_lines
from gan_core.data.source import Source
from gan_core.decode.image_files import may_be_dicom
from gan_core.errors import UserError

EXAMPLES = 8  # images of a class, for a look at it
_DICOM = (".dcm", ".dicom")


@dataclass(frozen=True)
class Survey:
    """What is known of a source before it is decoded."""

    text: str  # the source, in the user's words
    source: Source
    counts: dict[str, dict[str, int]]  # split -> class -> images, zeros included
    patients: int
    patients_from: str  # how they were found, for people; empty where no rule found any
    has_splits: bool  # whether the splits are the source's own
    warnings: tuple[str, ...]
    examples: dict[str, tuple[int, ...]]  # class -> indices of a few entries, spread over all of them

    @property
    def classes(self) -> tuple[str, ...]:
        return tuple(self.examples)

    @property
    def images(self) -> int:
        return len(self.source.entries)


def survey(
    source: str,
    *,
    size: int = 64,
    channels: int = 1,
    fit: str = "crop",
    patient_pattern: str | None = None,
    split_seed: int = 0,
) -> Survey:
    """Return what can be said of a source without decoding it; the arguments are those of `prepare`.

    Raises:
        UserError: the source or a setting is wrong, or the source has fewer than two images.
    """
    check_settings(size, channels, fit)
    opened = open_checked(source)
    entries = list(opened.entries)
    if len(entries) < 2:
        raise UserError(f"'{source}' has only one image, {entries[0].name}: at least two are needed")
    settings = Settings(size, channels, fit, patient_pattern, split_seed)
    # No image equals another, as far as is known before they are decoded.
    allotted = allot(opened, entries, settings, [""] * len(entries), [str(index) for index in range(len(entries))])
    of_class: defaultdict[str, list[int]] = defaultdict(list)
    for index, entry in enumerate(entries):
        of_class[entry.label].append(index)
    classes = sorted(of_class)
    counted = Counter((part, entry.label) for part, entry in zip(allotted.splits, entries, strict=True))
    return Survey(
        text=source,
        source=opened,
        counts={part: {name: counted[part, name] for name in classes} for part in SPLITS},
        patients=len(set(allotted.patients)),
        patients_from=allotted.patients_from,
        has_splits=any(entry.split in ("val", "test") for entry in entries),
        warnings=tuple(allotted.warnings),
        examples={name: _spread(of_class[name]) for name in classes},
    )


def describe_survey(found: Survey) -> str:
    """Return a summary for the terminal: images by class and split, patients, warnings, and what is not yet known."""
    split = "the source's own" if found.has_splits else "made by patient"
    lines = [
        f"{found.text}: {found.images:,} images {of_patients(found.patients, found.patients_from)}, split: {split}",
        *count_lines(found.counts, found.classes),
        *(f"warning: {line}" for line in found.warnings),
        f"nothing was decoded: {unknown(found)}",
    ]
    return "\n".join(lines)


def of_patients(patients: int, origin: str) -> str:
    """Return how many patients the images show, and how they were found; no number where no rule found any.

    Files of one name in two classes are then one patient's, so a number would contradict the warning.
    """
    return f"of {patients:,} patients (from {origin})" if origin else "of unknown patients (no rule finds them)"


def unknown(found: Survey) -> str:
    """Return what only the images can tell, without a full stop."""
    names = (entry.name.lower() for entry in found.source.entries)
    dicom = any(name.endswith(_DICOM) or may_be_dicom(name) for name in names)
    header = ", the patients in DICOM headers" if dicom else ""
    return f"unreadable images, copies{header} and sizes are found when the data is prepared"


def _spread(indices: list[int]) -> tuple[int, ...]:
    """Return up to `EXAMPLES` of the indices, evenly spread."""
    count = min(EXAMPLES, len(indices))
    return tuple(indices[number * len(indices) // count] for number in range(count))
