"""What a translator changes, and what it only seems to: each direction it goes, on pictures that it never saw.

A classifier that changes its mind proves little: a translator may paint a hospital's letters instead of a disease. So
controls are asked that see only what lies outside the lungs, the change is measured inside and outside of them, the way
back, where there is one, is tried again after a touch of noise, and the truth is asked where it is known (`truth`).

`write_halves` cuts one domain into two random halves: a translator between them has nothing to do, and its audit shows
what these numbers are worth.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Protocol

import numpy as np

from gan_core.anatomy import lungs
from gan_core.data import Prepared, export_folders
from gan_core.data.layout import SPLITS
from gan_core.errors import UserError
from gan_core.evaluation import classification_report, fidelity, ground_truth
from gan_core.evaluation.classifiers import GROUPS, SEES, Classifier
from gan_core.evaluation.features import Extractor
from gan_core.evaluation.ground_truth import average
from gan_core.evaluation.results import Direction, Flip, Measure

NOISE = 2.0  # grey levels, standard deviation: what no eye sees, and what drowns a hidden message (Chu 2017)
MOST = 500  # pictures of a domain
DISTANCES = ("frechet", "kid")
HALVES = (" half 1", " half 2")  # ends of the classes' names that `write_halves` makes

Notify = Callable[[str], object]
FindLungs = Callable[[np.ndarray], np.ndarray]  # uint8 (N, H, W, C) -> bool (N, H, W)


class Translator(Protocol):
    """Of `inference.Model` what an audit needs."""

    @property
    def domains(self) -> tuple[str, ...]: ...

    @property
    def targets(self) -> tuple[str, ...]: ...

    def translate(self, pictures: np.ndarray, to: str) -> np.ndarray: ...


@dataclass(frozen=True, eq=False)
class _Side:
    """A domain's pictures on their way; uint8 (N, S, S, C) each."""

    name: str
    chosen: np.ndarray  # (N,) places in the prepared data
    patients: list[str]
    before: np.ndarray
    after: np.ndarray | None  # in the other domain; None where the translator does not go there


def audit(
    model: Translator,
    prepared: Prepared,
    *,
    classifiers: Sequence[Classifier] = (),
    find_lungs: FindLungs | None = None,
    extractor: Extractor | None = None,
    seed: int = 0,
    most: int = MOST,
    note: Notify = lambda sentence: None,
    progress: Notify = lambda line: None,
) -> tuple[Direction, ...]:
    """Both directions of a translator, or the one that it goes, on the pictures of val and test.

    Args:
        prepared: the data that it was trained on, at its own size.
        classifiers: those are asked that know both domains by name and tell the real pictures apart.
        find_lungs: None where pictures show none.
        extractor: of the features that distances are measured in.
        seed: of the choice of pictures, of the noise and of the floors of distances.
        most: pictures of a domain.
        note: is told, a sentence each, what could not be measured.
        progress: is told what is being done now.

    Raises:
        UserError: the model does not translate, or a domain has no held-out picture.
    """
    if len(model.domains) != 2:
        raise UserError("only a run that translates between two domains can be audited: choose another run")
    both = prepared.only(model.domains)
    progress(f"translating {model.domains[0]} and {model.domains[1]}")
    sides = [_translate(model, both, name, seed, most) for name in model.domains]
    progress("asking classifiers")
    lungs_of = {side.name: None if find_lungs is None else _Lungs(side, find_lungs, note) for side in sides}
    answers = {judge: given for judge in classifiers if (given := _answers(judge, sides, lungs_of, note))}
    found = []
    for side, other in (sides, sides[::-1]):
        if side.after is None:
            note(f"The run goes one way, from {other.name} to {side.name}: it has no way back that could be measured.")
            continue
        progress(f"{side.name} to {other.name}: distances, and the way back")
        distance, untranslated = _distances(side, side.after, other, extractor, seed, note)
        found.append(
            Direction(
                source=side.name,
                target=other.name,
                images=len(side.before),
                flips=_flips(side, answers, note),
                change=_change(side, side.after, lungs_of[side.name]),
                cycle=_cycle(model, side, side.after, seed) if side.name in model.targets else {},
                distance=distance,
                untranslated=untranslated,
                truth=_truth(both, side, side.after, other.name, note),
                extractor=extractor.name if extractor else "",
                features=extractor(side.before[:1]).shape[1] if extractor else 0,
            )
        )
    return tuple(found)


def _translate(model: Translator, prepared: Prepared, name: str, seed: int, most: int) -> _Side:
    label = prepared.classes.index(name)
    held = np.flatnonzero((prepared.splits != "train") & (prepared.labels == label))
    if not len(held):
        raise UserError(f"{prepared.source} holds out no picture of '{name}', in neither val nor test: add some")
    if len(held) > most:
        held = np.sort(np.random.default_rng((seed, label)).choice(held, most, replace=False))
    before = prepared.images[held].transpose(0, 2, 3, 1)
    to = next(other for other in model.domains if other != name)
    after = model.translate(before, to) if to in model.targets else None
    return _Side(name, held, [prepared.patients[i] for i in held], before, after)


class _Lungs:
    """Where the lungs are in pictures before translation, and so for both: a mask's shape could tell them apart."""

    def __init__(self, side: _Side, find: FindLungs, note: Notify) -> None:
        masks = find(side.before)
        self.kept = np.array([not lungs.sane(mask) for mask in masks])  # where the masks can be right
        self.masks = masks[self.kept]
        lost = int((~self.kept).sum())
        if lost:
            note(f"Lungs were not found in {lost} of {len(masks)} pictures of {side.name}: these are left out of them.")


# Side -> chances (N, classes), before and after translation; where there is none the second is the first again.
_Answers = dict[str, tuple[np.ndarray, np.ndarray]]


def _answers(judge: Classifier, sides: Sequence[_Side], lungs_of: dict[str, _Lungs | None], note: Notify) -> _Answers:
    """What a classifier says of both sides; nothing where it may not judge.

    It has to know the domains, and to tell these real pictures apart much as it does its own: its accuracy on patients
    of its own data says nothing about pictures of another kind, such as drawn ones.
    """
    found: _Answers = {}
    for side, other in (sides, sides[::-1]):
        names, places = asked(judge, side.name, other.name), lungs_of[side.name]
        kept, hidden = np.ones(len(side.before), bool), None
        if judge.sees == SEES[2] and places is not None:
            kept, hidden = places.kept, lungs.hull(places.masks)
        if not names or not kept.any() or (judge.sees == SEES[2] and hidden is None):
            return {}
        before = judge.chances_of(names, side.before[kept], hidden)
        after = before if side.after is None else judge.chances_of(names, side.after[kept], hidden)
        found[side.name] = before, after
    right = float(np.mean([(before.argmax(1) == 0).mean() for before, _ in found.values()]))
    if right < (0.5 + judge.held_out) / 2:
        note(
            f"Classifier {judge.name} was not asked: it is right about {right:.0%} of the real pictures here, and "
            f"about {judge.held_out:.0%} of the kind that it was trained on."
        )
        return {}
    return found


def _flips(side: _Side, answers: dict[Classifier, _Answers], note: Notify) -> tuple[Flip, ...]:
    found = []
    for judge, given in answers.items():
        before, after = given[side.name]
        was = before.argmax(1) == 0
        if not was.any():
            note(f"Classifier {judge.name} calls no real picture of {side.name} so: it has no mind to change.")
            continue
        found.append(
            Flip(
                classifier=judge.name,
                sees=judge.sees,
                held_out_accuracy=judge.held_out,
                flipped=classification_report.share(int((after[was].argmax(1) != 0).sum()), int(was.sum())),
                confidence_before=float(1 - before[:, 0].mean()),
                confidence_after=float(1 - after[:, 0].mean()),
            )
        )
    return tuple(found)


def asked(judge: Classifier, source: str, target: str) -> tuple[str, ...]:
    """The classes to choose between, the source domain's first; none where the classifier does not know the domains.

    Halves of one domain have no name that it knows: it is asked for that domain against all else, and a flip is an
    error of the translator or its own.
    """
    whole = half_of((source, target))
    if whole is None:
        return (source, target) if judge.knows((source, target)) else ()
    members = GROUPS.get(whole.lower(), (whole.lower(),))
    others = tuple(name for name in judge.classes if name.lower() not in members)
    return (whole, *others) if others and judge.knows((whole,)) else ()


def _change(side: _Side, after: np.ndarray, places: _Lungs | None) -> dict[str, Measure]:
    size = _difference(after, side.before)
    found = {"all": average(size.mean((1, 2)), side.patients)}
    if places is None or not places.kept.any():
        return found
    patients = [patient for patient, kept in zip(side.patients, places.kept, strict=True) if kept]
    for name, masks in (("inside lungs", places.masks), ("outside lungs", ~places.masks)):
        means = [float(one[mask].mean()) for one, mask in zip(size[places.kept], masks, strict=True)]
        found[name] = average(means, patients)
    return found


def _cycle(model: Translator, side: _Side, after: np.ndarray, seed: int) -> dict[str, Measure]:
    """The way back, from the picture that a file would keep.

    CycleGAN can hide the answer in detail that no eye sees (Chu 2017, arXiv:1712.02950), which a touch of noise drowns.
    `moved by noise` is by how much the noise moves the picture that comes back; its floor is the noise itself.
    """
    noise = np.random.default_rng((seed, 1)).normal(0, NOISE, after.shape)
    noisy = np.rint(after + noise).clip(0, 255).astype(np.uint8)
    back, moved = (model.translate(pictures, side.name) for pictures in (after, noisy))
    floor = float(_difference(noisy, after).mean())
    return {
        "from 8 bits": average(_difference(back, side.before).mean((1, 2)), side.patients),
        "after noise": average(_difference(moved, side.before).mean((1, 2)), side.patients),
        "moved by noise": average(_difference(moved, back).mean((1, 2)), side.patients, floor),
    }


def _difference(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    """Mean absolute difference over channels, float32 (N, S, S), shares of the grey scale."""
    return np.abs(a.astype(np.float32) - b).mean(3) / 255


def _distances(
    side: _Side, after: np.ndarray, other: _Side, extractor: Extractor | None, seed: int, note: Notify
) -> tuple[dict[str, Measure], dict[str, Measure]]:
    """Frechet distance and KID of translated and of untranslated pictures to the held-out ones of the target.

    Held-out, although there are more in train: extractors were trained on those and know them too well.
    """
    if extractor is None:
        return {}, {}
    way = f"{side.name} to {other.name}"
    real = extractor(other.before)
    found = []
    missing: list[str] = []
    try:
        for pictures in (after, side.before):
            measured = fidelity.compare(
                real, extractor(pictures), patients=other.patients, sources=side.patients, note=missing.append
            )
            found.append({name: measure for name, measure in measured.items() if name in DISTANCES})
    except UserError as error:
        note(f"Distances of {way} were not measured: {error}.")
        return {}, {}
    for line in dict.fromkeys(missing):
        note(f"{way}: {line}.")
    try:
        floors = fidelity.floors(real, count=len(side.before), seed=seed, patients=other.patients)
    except UserError as error:
        note(f"Distances of {way} have no floor: {error}.")
        floors = {}
    made, nothing = ({name: replace(one[name], floor=floors.get(name)) for name in one} for one in found)
    return made, nothing


def _truth(prepared: Prepared, side: _Side, after: np.ndarray, target: str, note: Notify) -> dict[str, Measure]:
    try:
        return ground_truth.known(prepared, side.chosen, after, target)
    except UserError as error:
        note(f"{side.name} to {target} was not held against the truth: {error}.")
        return {}


def half_of(domains: Sequence[str]) -> str | None:
    """The domain whose two halves these are; None if they are none."""
    wholes = {name.removesuffix(end) for name, end in zip(sorted(domains), HALVES, strict=True) if name.endswith(end)}
    return wholes.pop() if len(wholes) == 1 and len(set(domains)) == 2 else None


def halves(prepared: Prepared, domain: str, seed: int = 0) -> Prepared:
    """One domain as two classes, `<domain> half 1` and `2`: patients are drawn by lot within each split.

    Raises:
        UserError: there is no such domain, or a half would be empty.
    """
    whole = prepared.only((domain,))
    half: dict[str, int] = {}
    for split in SPLITS:
        names = np.array(sorted({whole.patients[i] for i in whole.indices(split)} - set(half)))
        drawn = np.random.default_rng((seed, SPLITS.index(split))).permutation(len(names))
        half |= {str(name): int(place % 2) for name, place in zip(names, drawn, strict=True)}
    labels = np.array([half[patient] for patient in whole.patients], np.int64)
    if len(set(labels[whole.indices("train")].tolist())) < 2:
        raise UserError(f"'{domain}' of {prepared.source} has too few patients to be halved: take another domain")
    return replace(whole, classes=tuple(domain + end for end in HALVES), labels=labels)


def write_halves(prepared: Prepared, domain: str, dest: Path, seed: int = 0) -> None:
    """The two halves as a folder to train on: `dest/<split>/<domain> half 1/...`.

    Raises:
        UserError: as `halves`; `dest` is not empty or cannot be written to.
    """
    export_folders(halves(prepared, domain, seed), dest)
