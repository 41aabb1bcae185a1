"""Patients, and the one split by patient into train, val and test (80/10/10).

A patient's place is a number in [0, 1) hashed from the seed and the patient's name: under 0.1 is test, under 0.2 is
val, the rest train. It depends on nothing else, so the same files in other class folders, in part, at another size or
in another order on disk keep their places. Chance divides a class of few patients badly: one of under 300 is cut by
rank instead, in the order of the same numbers.
"""

import re
from collections import Counter, defaultdict
from collections.abc import Iterable
from dataclasses import dataclass
from hashlib import blake2b
from pathlib import PurePosixPath

from gan_core.errors import UserError

HELD_OUT = 0.1  # the share of val, and of test
MANY = 300  # patients in a class; chance then gives val and test 10 +- 1.7 % of them

# Kermany's pneumonia images: person12_bacteria_47.jpeg and person12_virus_3.jpeg are one child.
# NORMAL2-IM-0115-0001.jpeg and IM-0115-0001.jpeg may be one, so they are kept together.
KNOWN_PATIENTS = re.compile(r"(?:^|[^A-Za-z0-9])(person\d+|IM-\d+)", re.IGNORECASE)


def compile_pattern(pattern: str | None) -> re.Pattern[str] | None:
    """The user's pattern for the patient in a file name: a regular expression with one group.

    Raises:
        UserError: it is not a regular expression, or has not exactly one group.
    """
    return None if pattern is None else one_group(pattern, "patient", "the patient", r"person(\d+)_")


def one_group(pattern: str, kind: str, holds: str, example: str) -> re.Pattern[str]:
    """A user's regular expression of which one group finds what is wanted.

    Raises:
        UserError: it is not a regular expression, or has not exactly one group.
    """
    try:
        compiled = re.compile(pattern)
    except re.error as error:
        raise UserError(f"the {kind} pattern '{pattern}' is not a regular expression: {error}") from error
    if compiled.groups != 1:
        raise UserError(
            f"the {kind} pattern '{pattern}' has {compiled.groups} groups, but exactly one must hold {holds}, "
            f"as in '{example}'"
        )
    return compiled


def patient_of(name: str, pattern: re.Pattern[str] | None) -> str:
    """The patient that a file's name tells; its stem where it tells none.

    Args:
        name: path inside the source; only its last part is looked at.
        pattern: with one group, searched for in the file's name; by default the pneumonia images' own.
    """
    return _told(name, pattern) or PurePosixPath(name).stem


def tells_patient(name: str, pattern: re.Pattern[str] | None) -> bool:
    """Whether the pattern finds a patient in a file's name; elsewhere the stem is taken for one."""
    return _told(name, pattern) is not None


def _told(name: str, pattern: re.Pattern[str] | None) -> str | None:
    found = (pattern or KNOWN_PATIENTS).search(PurePosixPath(name).name)
    return (found.group(1) if found else None) or None


def place_of(patient: str, seed: int) -> float:
    """A number in [0, 1), evenly spread over patients, fixed by the seed and the patient's name."""
    return int.from_bytes(blake2b(f"{seed}:{patient}".encode(), digest_size=8).digest(), "big") / 2**64


def union(patients: list[str], contents: list[str]) -> list[str]:
    """Name a group for each image, such that one patient and one content never lie in two groups.

    The group's name is that of its first patient in alphabetical order.
    """
    parent: dict[str, str] = {patient: patient for patient in patients}

    def root(patient: str) -> str:
        while parent[patient] != patient:
            parent[patient] = parent[parent[patient]]
            patient = parent[patient]
        return patient

    first: dict[str, str] = {}
    for patient, content in zip(patients, contents, strict=True):
        a, b = sorted((root(patient), root(first.setdefault(content, patient))))
        parent[b] = a
    return [root(patient) for patient in patients]


@dataclass(frozen=True)
class _Group:
    place: float
    name: str
    images: int


def split(groups: list[str], labels: list[str], seed: int, parts: Iterable[str] = ("val", "test")) -> list[str]:
    """Give each image its split; images of one group stay together.

    Args:
        groups: of each image, from `union`.
        labels: class of each image.
        parts: what to hold out; `("val",)` leaves the part that would be test in train.

    Returns:
        "train", "val" or "test" for each image.
    """
    sizes = Counter(groups)
    votes: dict[str, Counter[str]] = defaultdict(Counter)
    for group, label in zip(groups, labels, strict=True):
        votes[group][label] += 1
    members: dict[str, list[_Group]] = defaultdict(list)
    for group, count in votes.items():
        main = min(count, key=lambda label: (-count[label], label))
        members[main].append(_Group(place_of(group, seed), group, sizes[group]))
    placed: dict[str, str] = {}
    for of_class in members.values():
        placed |= _split_class(sorted(of_class, key=lambda group: (group.place, group.name)), tuple(parts))
    return [placed[group] for group in groups]


def _split_class(groups: list[_Group], parts: tuple[str, ...]) -> dict[str, str]:
    if len(groups) >= MANY:
        return {group.name: _by_place(group.place, parts) for group in groups}
    total = sum(group.images for group in groups)
    placed: dict[str, str] = {}
    # Test is taken first, as its numbers are the lowest, but val matters more when there are only two groups.
    for part in [part for part in ("test", "val") if part in parts and (part == "val" or len(groups) > 2)]:
        left = [group for group in groups if group.name not in placed]
        if len(left) > 1:
            placed |= dict.fromkeys(_take(left, total * HELD_OUT), part)
    return {group.name: placed.get(group.name, "train") for group in groups}


def _by_place(place: float, parts: tuple[str, ...]) -> str:
    part = "test" if place < HELD_OUT else "val" if place < 2 * HELD_OUT else "train"
    return part if part in parts else "train"


def _take(groups: list[_Group], images: float) -> list[str]:
    """Groups in the given order that come nearest to so many images, at least one."""
    taken: list[_Group] = []
    have = 0
    for group in groups:
        if abs(have + group.images - images) < abs(have - images):
            taken.append(group)
            have += group.images
    return [group.name for group in taken or [min(groups, key=lambda group: group.images)]]


def on_both_sides(patients: list[str], splits: list[str]) -> dict[str, tuple[str, ...]]:
    """Patients that lie in more than one split -> those splits."""
    where: dict[str, set[str]] = defaultdict(set)
    for patient, part in zip(patients, splits, strict=True):
        where[patient].add(part)
    return {patient: tuple(sorted(parts)) for patient, parts in sorted(where.items()) if len(parts) > 1}
