"""The split by patient into train, val and test (80/10/10).

A patient's place is a number in [0, 1), hashed from the seed and the patient's name: below 0.1 is test, below 0.2 is
val, the rest is train. It depends on nothing else, so files keep their split in other class folders, in a subset, at
another size or in another order on disk. A hash divides a class of few patients unevenly, so a class with fewer than
300 is split by the rank of these numbers instead.
"""

import re
from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from hashlib import blake2b

from gan_core.errors import UserError

HELD_OUT = 0.1  # share of val, and of test
_HELD = ("test", "val")  # the first one wins
MANY = 300  # patients in a class: the hash then gives val and test 10 +- 1.7 % of them


def one_group(pattern: str, kind: str, holds: str, example: str) -> re.Pattern[str]:
    """Compile a user's regular expression with exactly one group.

    kind, holds and example are words of the error lines: the pattern's name, the meaning of its group, an example.

    Raises:
        UserError: the pattern is not a regular expression, or does not have exactly one group.
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


def place_of(patient: str, seed: int) -> float:
    """Return a number in [0, 1), uniform over patients and determined by the seed and the patient's name."""
    return int.from_bytes(blake2b(f"{seed}:{patient}".encode(), digest_size=8).digest(), "big") / 2**64


def union(patients: list[str], contents: list[str]) -> list[str]:
    """Return a group for each image, so that no patient and no content lies in two groups (union-find).

    A group has the name of its first patient in alphabetical order.
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
    """Return the split of each image; images of one group stay together.

    Args:
        groups: group of each image, from `union`.
        labels: class of each image.
        seed: seed of the patients' places.
        parts: the splits to hold out; with `("val",)` the images of test stay in train.

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
    # Test has the lowest numbers, so it is taken first; with only two groups, val is more important.
    for part in [part for part in ("test", "val") if part in parts and (part == "val" or len(groups) > 2)]:
        left = [group for group in groups if group.name not in placed]
        if len(left) > 1:
            placed |= dict.fromkeys(_take(left, total * HELD_OUT), part)
    return {group.name: placed.get(group.name, "train") for group in groups}


def _by_place(place: float, parts: tuple[str, ...]) -> str:
    part = "test" if place < HELD_OUT else "val" if place < 2 * HELD_OUT else "train"
    return part if part in parts else "train"


def _take(groups: list[_Group], images: float) -> list[str]:
    """Return the groups, in the given order, whose number of images is nearest to `images`; at least one."""
    taken: list[_Group] = []
    have = 0
    for group in groups:
        if abs(have + group.images - images) < abs(have - images):
            taken.append(group)
            have += group.images
    return [group.name for group in taken or [min(groups, key=lambda group: group.images)]]


def on_both_sides(patients: list[str], splits: list[str]) -> dict[str, tuple[str, ...]]:
    """Return patient -> splits, for the patients that lie in more than one split."""
    where: dict[str, set[str]] = defaultdict(set)
    for patient, part in zip(patients, splits, strict=True):
        where[patient].add(part)
    return {patient: tuple(sorted(parts)) for patient, parts in sorted(where.items()) if len(parts) > 1}


def one_side(patients: Sequence[str], splits: Sequence[str | None]) -> list[str | None]:
    """Return the splits of images, with every patient whole in one: test if any image lies there, else val.

    So a patient of several splits becomes held-out. That costs training pictures, of which there are more.

    patients: of each image, "" where it is not known; that image stays. splits: None where the source says none.
    """
    held: dict[str, str] = {}
    for patient, part in zip(patients, splits, strict=True):
        if patient and part in _HELD and held.get(patient) != _HELD[0]:
            held[patient] = part
    return [held.get(patient, part) for patient, part in zip(patients, splits, strict=True)]


def moved_line(patients: Sequence[str], before: Sequence[str | None], after: Sequence[str | None]) -> str:
    """Return the warning about patients whose images `one_side` moved; "" if it moved none."""
    moves = [
        (patient, one or "train", other)
        for patient, one, other in zip(patients, before, after, strict=True)
        if one != other
    ]
    if not moves:
        return ""
    counts = Counter(f"from {one} to {other}" for _, one, other in moves)
    shown = ", ".join(f"{count:,} {way}" for way, count in sorted(counts.items()))
    persons = len({patient for patient, _, _ in moves})
    return f"{persons:,} patients had pictures in more than one split: each is held out as a whole (pictures: {shown})"
