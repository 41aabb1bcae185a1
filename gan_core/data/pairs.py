"""Pairs of images from two domains: two weightings of one slice, or a grey X-ray and its coloured twin.

    pairs = find(prepared, ("T1", "T2"))                          # (n, 2) indices into the prepared data

File names give candidate pairs, and the images confirm them, because wrong pairs are worse than none. The first of
three rules whose pairs the images confirm is used:

    the pattern   `--pair-pattern` finds the same text in both names
    the names     the paths are equal without the domain and the split: T1/p7_3.png and T2/p7_3.png, or
                  p7_T1_3.png and p7_T2_3.png
    BrainWeb      the T1 and T2 slices of the shared data set, which are numbered differently: see `partner`
"""

import re
from collections import Counter
from collections.abc import Callable
from dataclasses import replace
from pathlib import PurePosixPath
from typing import Protocol

import numpy as np

from gan_core import name_patterns
from gan_core.data.layout import SPLIT_NAMES, split_and_class
from gan_core.data.prepared import Prepared
from gan_core.data.splits import one_group
from gan_core.errors import UserError

Key = Callable[[str, str], str | None]  # (name, domain) -> the text that both images of a pair share

_TRIED, _RIVALS = 16, 48  # pairs that are checked, and images that each partner is compared with
FEWEST = 4  # fewer pairs are not checked
_BEATEN = 0.75  # share of its rivals that the median partner must beat, for pairs from names or a pattern


class Chosen(Protocol):
    """The part of a run's options, or of its config.json, that selects its training images."""

    @property
    def domains(self) -> tuple[str, ...]: ...

    @property
    def pair_pattern(self) -> str | None: ...


def of_run(prepared: Prepared, run: Chosen, paired: bool) -> Prepared:
    """Return the images that the run of a translator uses; see `of_domains`."""
    return of_domains(prepared, run.domains, paired, run.pair_pattern)


def of_domains(prepared: Prepared, domains: tuple[str, ...], paired: bool, pattern: str | None = None) -> Prepared:
    """Return the images of two domains, labelled 0 for A and 1 for B; if `paired`, only those with a partner.

    If `paired`, image k of one domain is the partner of image k of the other, in each split.

    Raises:
        UserError: a domain is not a class; or there are no pairs, the images do not confirm them, or a pair lies in two
            splits.
    """
    both = prepared.only(domains)
    if not paired:
        return both
    found = find(both, domains, pattern)
    if not len(found):
        raise UserError(_no_pairs(prepared.source, domains, pattern))
    apart = [pair for pair in found.tolist() if len({str(both.splits[place]) for place in pair}) > 1]
    if apart:
        a, b = apart[0]
        raise UserError(
            f"{len(apart)} of {len(found)} pairs lie in two splits, {both.names[a]} in {both.splits[a]} and "
            f"{both.names[b]} in {both.splits[b]}: give --patient-pattern, so that both belong to one patient, "
            "or put them into the folder of one split"
        )
    index = found.T.flatten()
    return replace(
        both,
        images=both.images[index],
        labels=both.labels[index],
        names=[both.names[i] for i in index],
        patients=[both.patients[i] for i in index],
        splits=both.splits[index],
    )


def find(prepared: Prepared, domains: tuple[str, ...], pattern: str | None = None) -> np.ndarray:
    """Return pairs of indices, int64 (n, 2), domain A first, in the order of their shared text; n may be 0.

    Raises:
        UserError: the images do not confirm the pairs of the names, the pattern gives an image two partners, or it
            is no regular expression with one group.
    """
    rules = [(_by_pattern(pattern, prepared.names), _BEATEN)] if pattern else _name_rules(prepared, domains)
    if not pattern and {name.lower() for name in domains} == {"t1", "t2"}:
        rules.append((_by_number, 1.0))  # a guess: pairs of neighbouring slices would reach three quarters
    doubted = 0
    for key, beaten in rules:
        found = _matched(prepared, domains, key, strict=bool(pattern))
        if len(found) and _confirmed(prepared, found, beaten):
            return found
        doubted = doubted or len(found)
    if doubted:
        raise UserError(
            f"the file names of {prepared.source} pair {doubted} images of '{domains[0]}' and '{domains[1]}', but "
            "they are no more alike than others: give --pair-pattern, whose group finds what the names share"
        )
    return np.empty((0, 2), np.int64)


def _name_rules(prepared: Prepared, domains: tuple[str, ...]) -> list[tuple[Key, float]]:
    """Return the rules of the names, the one first that pairs more images.

    Where folders name the domains, a word of the file's name may look like one: cmp_b0001 is not of the domain B.
    """
    rules = sorted((_by_name, _by_folder), key=lambda key: -len(_matched(prepared, domains, key, strict=False)))
    return [(key, _BEATEN) for key in rules]


def _matched(prepared: Prepared, domains: tuple[str, ...], key: Key, strict: bool) -> np.ndarray:
    """Return the pairs (n, 2) with equal keys; a key that a domain has twice is an error if `strict`.

    Else it counts within each split, as many data sets number their files from one in every folder; a key that a domain
    has twice in one split is ignored.
    """
    keys: dict[int, str] = {}
    for domain in domains:
        for place in np.flatnonzero(prepared.labels == prepared.classes.index(domain)).tolist():
            if (shared := key(prepared.names[place], domain)) is not None:
                keys[place] = shared
    if not strict:
        counts = Counter((shared, int(prepared.labels[place])) for place, shared in keys.items())
        again = {shared for (shared, _), count in counts.items() if count > 1}
        keys |= {place: f"{shared} {prepared.splits[place]}" for place, shared in keys.items() if shared in again}
    sides: list[dict[str, int]] = []
    for domain in domains:
        side: dict[str, int] = {}
        twice: set[str] = set()
        for place in np.flatnonzero(prepared.labels == prepared.classes.index(domain)).tolist():
            if (shared := keys.get(place)) is None:
                continue
            if shared in side:
                if strict:
                    names = f"{prepared.names[side[shared]]} and {prepared.names[place]}"
                    raise UserError(
                        f"--pair-pattern finds '{shared}' in two images of '{domain}', {names}: make it more specific"
                    )
                twice.add(shared)
            side[shared] = place
        sides.append({shared: place for shared, place in side.items() if shared not in twice})
    first, second = sides
    pairs = [(first[shared], second[shared]) for shared in sorted(set(first) & set(second))]
    return np.array(pairs, np.int64).reshape(-1, 2)


def shared_by(pattern: str) -> re.Pattern[str]:
    """Compile a pair pattern, whose one group finds the text that both names share. Raises UserError: it is invalid."""
    return one_group(pattern, "pair", "what both names share", r"slice(\d+)")


def _by_pattern(pattern: str, names: list[str]) -> Key:
    shared = dict(zip(names, name_patterns.search(shared_by(pattern).pattern, names, "--pair-pattern"), strict=True))
    return lambda name, domain: shared[name]


def _by_name(name: str, domain: str) -> str | None:
    """Return the path without the domain, the split and the suffix, in lower case; None where nothing is left."""
    path, label = PurePosixPath(name.lower()), domain.lower()
    folders = _other_folders(name, label)
    # Whole words and numbers only: `scan` does not name the domain `a`, and `T10` does not name `T1`.
    before = "(?<![a-z])" if label[:1].isalpha() else r"(?<!\d)"
    behind = "(?![a-z])" if label[-1:].isalpha() else r"(?!\d)"
    stem = re.sub(f"{before}{re.escape(label)}{behind}", "", path.stem).strip("_-. ")
    return "/".join([*folders, stem]) if stem else None


def _by_folder(name: str, domain: str) -> str | None:
    """Return the path without the folders of the domain and the split, and without the suffix, in lower case.

    None where no folder is the domain's.
    """
    folders = _other_folders(name, domain.lower())
    named = PurePosixPath(name).parts[:-1]
    is_named = any(part.lower() == domain.lower() or _has_class(part, domain.lower()) for part in named)
    return "/".join([*folders, PurePosixPath(name.lower()).stem]) if is_named else None


def _other_folders(name: str, label: str) -> list[str]:
    """Return the folders of a path that name neither the domain, in lower case, nor a split, in lower case."""
    lower = ((part, part.lower()) for part in PurePosixPath(name).parts[:-1])
    return [low for part, low in lower if low != label and low not in SPLIT_NAMES and not _has_class(part, label)]


def _has_class(folder: str, label: str) -> bool:
    """Return whether a folder names a split and this class, as trainA does."""
    both = split_and_class(folder)
    return both is not None and both[1].lower() == label


def _by_number(name: str, domain: str) -> str | None:
    """Return the name of the pair's T1 slice; None where the slice has no partner."""
    stem = PurePosixPath(name).stem
    return partner(name) and (stem if stem.startswith("t1") else PurePosixPath(partner(name) or "").stem)


def partner(name: str) -> str | None:
    """Return the file of the same slice in the other weighting: `T1/t1_030.png` -> `t2_090.png`, and back; else None.

    The T1 and T2 slices of the shared data set show one head with different numbers: T1 slice i is T2 slice i + 60 for
    i < 41, and i + 70 from there on.
    """
    found = re.fullmatch(r"t([12])_(\d{3})", PurePosixPath(name).stem)
    if found is None:
        return None
    number = int(found[2])
    if found[1] == "1":
        return f"t2_{number + (60 if number < 41 else 70):03d}.png"
    back = number - (60 if number - 60 < 41 else 70)
    return f"t1_{back:03d}.png" if back >= 0 and partner(f"t1_{back:03d}.png") == f"t2_{number:03d}.png" else None


def _confirmed(prepared: Prepared, pairs: np.ndarray, beaten: float) -> bool:
    """Return whether partners are more alike than other images: the median partner beats this share of its rivals."""
    if len(pairs) < FEWEST:
        return True
    tried = pairs[:: max(1, len(pairs) // _TRIED)][:_TRIED]
    rivals = pairs[:: max(1, len(pairs) // _RIVALS), 1]
    shares = []
    for place, true in tried.tolist():
        alike = together(prepared, place, true)
        shares.append(np.mean([alike >= together(prepared, place, rival) for rival in rivals.tolist()]))
    return float(np.median(shares)) >= beaten


def together(prepared: Prepared, a: int, b: int) -> float:
    """Return the mutual information of two images in nats, large for the same structures in any grey levels."""
    first, second = (prepared.images[i].mean(0).astype(np.int64).ravel() // 16 for i in (a, b))
    shares = np.bincount(first * 16 + second, minlength=256).reshape(16, 16) / len(first)
    apart = shares.sum(1, keepdims=True) * shares.sum(0, keepdims=True)
    filled = shares > 0
    return float((shares[filled] * np.log(shares[filled] / apart[filled])).sum())


def _no_pairs(source: str, domains: tuple[str, ...], pattern: str | None) -> str:
    line = f"{source} has no pairs of '{domains[0]}' and '{domains[1]}'"
    if source.startswith("phantom:"):
        return f"{line}: write {source.partition('?')[0]}?bodies=500, which draws each body in every class"
    if pattern:
        return f"{line} by --pair-pattern '{pattern}': its group must find the same text in both names"
    return (
        f"{line}: give both images of a pair one file name, or --pair-pattern, whose group finds what both names share"
    )
