"""Which pictures of two domains belong together: two weightings of one slice, a grey X-ray and its coloured twin.

    pairs = find(prepared, ("T1", "T2"))                          # (n, 2) places in the prepared data

What the names say is held against the pictures, as a wrong pair teaches worse than none. Three rules, the first that
finds pairs which the pictures bear out:

    the pattern   what `--pair-pattern` finds in both names is the same
    the names     the paths are the same once the domain and the split are taken out: T1/p7_3.png and T2/p7_3.png, or
                  p7_T1_3.png and p7_T2_3.png
    BrainWeb      the T1 and T2 slices of the shared data set, which are numbered apart: see `partner`
"""

import re
from collections.abc import Callable
from dataclasses import replace
from pathlib import PurePosixPath
from typing import Protocol

import numpy as np

from gan_core.data.layout import SPLIT_NAMES
from gan_core.data.prepared import Prepared
from gan_core.data.splits import one_group
from gan_core.errors import UserError

Key = Callable[[str, str], str | None]  # name, domain -> what both of a pair share

_TRIED, _RIVALS = 16, 48  # pairs that are checked, and pictures that each partner must beat
FEWEST = 4  # pairs from which on they are checked
_BEATEN = 0.75  # share of its rivals that the median partner beats, where its name says that it is one


class Chosen(Protocol):
    """What of a run says which images it learns from: its options, or its config.json."""

    @property
    def domains(self) -> tuple[str, ...]: ...

    @property
    def pair_pattern(self) -> str | None: ...


def of_run(prepared: Prepared, run: Chosen, paired: bool) -> Prepared:
    """The images that a translator's run learns from; see `of_domains`."""
    return of_domains(prepared, run.domains, paired, run.pair_pattern)


def of_domains(prepared: Prepared, domains: tuple[str, ...], paired: bool, pattern: str | None = None) -> Prepared:
    """The images of two domains, A's labelled 0 and B's 1; for who learns from pairs those alone that have a partner.

    In each split, picture k of the one domain is then the partner of picture k of the other.

    Raises:
        UserError: no such domain; no pairs, pairs that the pictures do not bear out, or that lie in two splits.
    """
    both = prepared.only(domains)
    if not paired:
        return both
    found = find(both, domains, pattern)
    if not len(found):
        raise UserError(_nothing(prepared.source, domains, pattern))
    apart = [pair for pair in found.tolist() if len({str(both.splits[place]) for place in pair}) > 1]
    if apart:
        a, b = apart[0]
        raise UserError(
            f"{len(apart)} of {len(found)} pairs lie in two splits, {both.names[a]} in {both.splits[a]} and "
            f"{both.names[b]} in {both.splits[b]}: say with --patient-pattern which patient both are of, or keep them "
            "in one split's folder"
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
    """Pairs of places int64 (n, 2), the first of domain A, in the order of what their names share; none is an answer.

    Raises:
        UserError: names say of two pictures that they are a pair and the pictures do not, a name is said to have two
            partners, or the pattern is none.
    """
    rules: list[tuple[Key, float]] = [(_by_pattern(pattern), _BEATEN)] if pattern else [(_by_name, _BEATEN)]
    if not pattern and {name.lower() for name in domains} == {"t1", "t2"}:
        rules.append((_by_number, 1.0))  # nobody said so: neighbouring slices would do for three quarters
    doubted = 0
    for key, beaten in rules:
        found = _matched(prepared, domains, key, strict=bool(pattern))
        if len(found) and _borne_out(prepared, found, beaten):
            return found
        doubted = doubted or len(found)
    if doubted:
        raise UserError(
            f"the file names of {prepared.source} pair {doubted} pictures of '{domains[0]}' and '{domains[1]}', but "
            "they are no more alike than others: say with --pair-pattern what the names of a pair share"
        )
    return np.empty((0, 2), np.int64)


def _matched(prepared: Prepared, domains: tuple[str, ...], key: Key, strict: bool) -> np.ndarray:
    """strict: what two pictures of a domain share is a mistake; else neither of them has a partner."""
    sides: list[dict[str, int]] = []
    for domain in domains:
        side: dict[str, int] = {}
        twice: set[str] = set()
        for place in np.flatnonzero(prepared.labels == prepared.classes.index(domain)).tolist():
            if (shared := key(prepared.names[place], domain)) is None:
                continue
            if shared in side:
                if strict:
                    names = f"{prepared.names[side[shared]]} and {prepared.names[place]}"
                    raise UserError(f"--pair-pattern finds '{shared}' in two pictures of '{domain}': {names}")
                twice.add(shared)
            side[shared] = place
        sides.append({shared: place for shared, place in side.items() if shared not in twice})
    first, second = sides
    pairs = [(first[shared], second[shared]) for shared in sorted(set(first) & set(second))]
    return np.array(pairs, np.int64).reshape(-1, 2)


def shared_by(pattern: str) -> re.Pattern[str]:
    """The expression whose group finds what both names of a pair share. Raises UserError: it is none."""
    return one_group(pattern, "pair", "what both names share", r"slice(\d+)")


def _by_pattern(pattern: str) -> Key:
    compiled = shared_by(pattern)

    def key(name: str, domain: str) -> str | None:
        found = compiled.search(name)
        return found.group(1) if found else None

    return key


def _by_name(name: str, domain: str) -> str | None:
    """The path without the domain, the split and the file's ending, in lower case; None where nothing is left."""
    path, label = PurePosixPath(name.lower()), domain.lower()
    folders = [part for part in path.parts[:-1] if part != label and part not in SPLIT_NAMES]
    # Not inside a word or a number: the domain `a` is none in `scan`, `T1` is none in `T10`.
    before = "(?<![a-z])" if label[:1].isalpha() else r"(?<!\d)"
    behind = "(?![a-z])" if label[-1:].isalpha() else r"(?!\d)"
    stem = re.sub(f"{before}{re.escape(label)}{behind}", "", path.stem).strip("_-. ")
    return "/".join([*folders, stem]) if stem else None


def _by_number(name: str, domain: str) -> str | None:
    """The T1 slice of the pair; None where the other slice has no number."""
    stem = PurePosixPath(name).stem
    return partner(name) and (stem if stem.startswith("t1") else PurePosixPath(partner(name) or "").stem)


def partner(name: str) -> str | None:
    """The file of the same slice in the other weighting: `T1/t1_030.png` -> `t2_090.png`, and back; None without one.

    The T1 and T2 slices of the shared data set are of one head, numbered apart: T1 slice i is T2 slice i + 60 for
    i < 41, and i + 70 above.
    """
    found = re.fullmatch(r"t([12])_(\d{3})", PurePosixPath(name).stem)
    if found is None:
        return None
    number = int(found[2])
    if found[1] == "1":
        return f"t2_{number + (60 if number < 41 else 70):03d}.png"
    back = number - (60 if number - 60 < 41 else 70)
    return f"t1_{back:03d}.png" if back >= 0 and partner(f"t1_{back:03d}.png") == f"t2_{number:03d}.png" else None


def _borne_out(prepared: Prepared, pairs: np.ndarray, beaten: float) -> bool:
    """Whether partners are more alike than other pictures of their domains: half of them beat this share of rivals."""
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
    """Mutual information of two pictures in nats: it is largest where they show the same thing, in whatever shades."""
    first, second = (prepared.images[i].mean(0).astype(np.int64).ravel() // 16 for i in (a, b))
    shares = np.bincount(first * 16 + second, minlength=256).reshape(16, 16) / len(first)
    apart = shares.sum(1, keepdims=True) * shares.sum(0, keepdims=True)
    filled = shares > 0
    return float((shares[filled] * np.log(shares[filled] / apart[filled])).sum())


def _nothing(source: str, domains: tuple[str, ...], pattern: str | None) -> str:
    line = f"{source} has no pairs of '{domains[0]}' and '{domains[1]}'"
    if source.startswith("phantom:"):
        return f"{line}: write {source.partition('?')[0]}?bodies=500, which draws each body as every class"
    if pattern:
        return f"{line} by --pair-pattern '{pattern}': its group must find the same in the names of both"
    return f"{line}: give both of a pair one file name, or say with --pair-pattern what their names share"
