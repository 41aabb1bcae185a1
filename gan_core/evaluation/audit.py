"""Translation audit: what a translator changes in held-out pictures, in each of its directions.

A changed prediction proves little, because a translator may paint a hospital's letters instead of a disease. So the
audit adds four checks: control classifiers that see only the area outside the lungs; the change inside and outside the
lungs; the cycle back, if there is one, also after slight noise; and the true picture, where it is known (`truth`).

`write_halves` splits one domain into two random halves: a translator between them should change nothing, and its audit
shows how far these numbers can be trusted.
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
from gan_core.evaluation.classifiers import GROUPS, LUNGS_ALONE, OUTSIDE_LUNGS, Classifier
from gan_core.evaluation.features import Extractor
from gan_core.evaluation.ground_truth import average
from gan_core.evaluation.results import Direction, Flip, Measure

NOISE = 2.0  # standard deviation in grey levels: invisible, but it destroys a hidden message (Chu 2017)
LEAST_RIGHT = 0.6  # share of a domain's real pictures that a classifier recognises at least, or it judges nothing
MOST = 500  # pictures of a domain at most
DISTANCES = ("frechet", "kid")
HALVES = (" half 1", " half 2")  # suffixes of the class names that `write_halves` makes

Notify = Callable[[str], object]
FindLungs = Callable[[np.ndarray], np.ndarray]  # uint8 (N, H, W, C) -> bool (N, H, W)


class Translator(Protocol):
    """The part of `inference.Model` that an audit needs."""

    @property
    def domains(self) -> tuple[str, ...]: ...

    @property
    def targets(self) -> tuple[str, ...]: ...

    def translate(self, pictures: np.ndarray, to: str) -> np.ndarray: ...


@dataclass(frozen=True, eq=False)
class _Side:
    """A domain's pictures before and after translation, uint8 (N, S, S, C) each."""

    name: str
    chosen: np.ndarray  # (N,) positions in the prepared data
    patients: list[str]
    before: np.ndarray
    after: np.ndarray | None  # None if the translator has no such direction


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
    """Audit the directions of a translator on the pictures of val and test.

    Args:
        model: the translator.
        prepared: its training data, at its own size.
        classifiers: only those count that know both domains by name and classify the real pictures well.
        find_lungs: finds masks of the lungs; None if pictures show no lungs.
        extractor: extractor for the distances; None: measure no distances.
        seed: seed of the choice of pictures, of the noise and of the floors.
        most: maximum number of pictures of a domain.
        note: receives a sentence for each thing that could not be measured.
        progress: receives a line for each step.

    Raises:
        UserError: the model does not translate between two domains, or a domain has no held-out picture.
    """
    if len(model.domains) != 2:
        raise UserError("only a run that translates between two domains can be audited: choose another run")
    both = prepared.only(model.domains)
    progress(f"translating {model.domains[0]} and {model.domains[1]}")
    sides = [_translate(model, both, name, seed, most) for name in model.domains]
    progress("running classifiers")
    lungs_of = {side.name: None if find_lungs is None else _Lungs(side, find_lungs, note) for side in sides}
    predictions = {judge: given for judge in classifiers if (given := _predictions(judge, sides, lungs_of, note))}
    found = []
    for side, other in (sides, sides[::-1]):
        if side.after is None:
            note(f"The run has one direction, from {other.name} to {side.name}: there is no way back to measure.")
            continue
        progress(f"{side.name} to {other.name}: distances, and the way back")
        distance, untranslated = _distances(side, side.after, other, extractor, seed, note)
        found.append(
            Direction(
                source=side.name,
                target=other.name,
                images=len(side.before),
                flips=_flips(side, predictions),
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
    """Lung masks of the pictures before translation, used for both: a new mask could reveal the domain by its shape."""

    def __init__(self, side: _Side, find: FindLungs, note: Notify) -> None:
        masks = find(side.before)
        self.kept = np.array([not lungs.sane(mask) for mask in masks])  # (N,) bool: pictures with a plausible mask
        self.masks = masks[self.kept]
        lost = int((~self.kept).sum())
        if lost:
            note(f"Lungs were not found in {lost} of {len(masks)} pictures of {side.name}; lung measures omit these.")


# Domain -> predicted probabilities (N, classes) before and after translation; without a translation, both are the same.
_Predictions = dict[str, tuple[np.ndarray, np.ndarray]]


def _predictions(
    judge: Classifier, sides: Sequence[_Side], lungs_of: dict[str, _Lungs | None], note: Notify
) -> _Predictions:
    """Return a classifier's predictions for both domains; empty if it does not qualify.

    It must know the domains and classify these real pictures about as well as its own held-out data: its accuracy there
    says nothing about pictures of another kind, such as phantoms. It must also be right about either domain by itself:
    one that calls most healthy adults ill is right about all ill ones, and judges nothing.
    """
    found: _Predictions = {}
    for side, other in (sides, sides[::-1]):
        names, masked = compared_classes(judge, side.name, other.name), lungs_of[side.name]
        kept, masks = np.ones(len(side.before), bool), None
        if judge.sees in (OUTSIDE_LUNGS, LUNGS_ALONE) and masked is not None:
            kept, masks = masked.kept, masked.masks
        if not names or not kept.any() or (judge.sees in (OUTSIDE_LUNGS, LUNGS_ALONE) and masks is None):
            return {}
        before = judge.chances_of(names, side.before[kept], masks)
        after = before if side.after is None else judge.chances_of(names, side.after[kept], masks)
        found[side.name] = before, after
    shares = {name: float((before.argmax(1) == 0).mean()) for name, (before, _) in found.items()}
    right = float(np.mean(list(shares.values())))
    if right < (0.5 + judge.held_out) / 2:
        note(
            f"Classifier {judge.name} was not used: it is right about {right:.0%} of the real pictures here, and "
            f"about {judge.held_out:.0%} of the kind that it was trained on."
        )
        return {}
    worst = min(shares, key=lambda name: shares[name])
    if shares[worst] < LEAST_RIGHT:
        note(
            f"Classifier {judge.name} was not used: it is right about {shares[worst]:.0%} of the real pictures of "
            f"{worst}, and a judge must be right about {LEAST_RIGHT:.0%} of either domain."
        )
        return {}
    return found


def _flips(side: _Side, predictions: dict[Classifier, _Predictions]) -> tuple[Flip, ...]:
    found = []
    for judge, given in predictions.items():
        before, after = given[side.name]
        correct = before.argmax(1) == 0
        found.append(
            Flip(
                classifier=judge.name,
                sees=judge.sees,
                held_out_accuracy=judge.held_out,
                flipped=classification_report.share(int((after[correct].argmax(1) != 0).sum()), int(correct.sum())),
                confidence_before=float(1 - before[:, 0].mean()),
                confidence_after=float(1 - after[:, 0].mean()),
            )
        )
    return tuple(found)


def compared_classes(judge: Classifier, source: str, target: str) -> tuple[str, ...]:
    """Return the classes that a classifier chooses between, the source's first; empty if it does not know the domains.

    A classifier does not know the halves of a domain by name. For them it chooses between that domain and all others,
    and a flip is an error of the translator or of the classifier.
    """
    whole = half_of((source, target))
    if whole is None:
        return (source, target) if judge.knows((source, target)) else ()
    members = GROUPS.get(whole.lower(), (whole.lower(),))
    others = tuple(name for name in judge.classes if name.lower() not in members)
    return (whole, *others) if others and judge.knows((whole,)) else ()


def _change(side: _Side, after: np.ndarray, masked: _Lungs | None) -> dict[str, Measure]:
    size = _difference(after, side.before)
    found = {"all": average(size.mean((1, 2)), side.patients)}
    if masked is None or not masked.kept.any():
        return found
    patients = [patient for patient, kept in zip(side.patients, masked.kept, strict=True) if kept]
    for name, masks in (("inside lungs", masked.masks), ("outside lungs", ~masked.masks)):
        means = [float(one[mask].mean()) for one, mask in zip(size[masked.kept], masks, strict=True)]
        found[name] = average(means, patients)
    return found


def _cycle(model: Translator, side: _Side, after: np.ndarray, seed: int) -> dict[str, Measure]:
    """Measure the way back from the 8-bit picture that a file would store.

    CycleGAN can hide the original picture in invisible detail (Chu 2017, arXiv:1712.02950); slight noise destroys it.
    `moved by noise` is the change of the returned picture due to the noise; its floor is the noise itself.
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
    """Return the mean absolute difference over channels, float32 (N, S, S), in shares of the grey scale."""
    return np.abs(a.astype(np.float32) - b).mean(3) / 255


def _distances(
    side: _Side, after: np.ndarray, other: _Side, extractor: Extractor | None, seed: int, note: Notify
) -> tuple[dict[str, Measure], dict[str, Measure]]:
    """Return Fréchet distance and KID of translated and of untranslated pictures to the target's held-out pictures.

    Training pictures of the target are more, but extractors were trained on them, so their features differ.
    """
    if extractor is None:
        return {}, {}
    direction = f"{side.name} to {other.name}"
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
        note(f"Distances of {direction} were not measured: {error}.")
        return {}, {}
    for line in dict.fromkeys(missing):
        note(f"{direction}: {line}.")
    try:
        floors = fidelity.floors(real, count=len(side.before), seed=seed, patients=other.patients)
    except UserError as error:
        note(f"Distances of {direction} have no floor: {error}.")
        floors = {}
    made, nothing = ({name: replace(one[name], floor=floors.get(name)) for name in one} for one in found)
    return made, nothing


def _truth(prepared: Prepared, side: _Side, after: np.ndarray, target: str, note: Notify) -> dict[str, Measure]:
    try:
        return ground_truth.known(prepared, side.chosen, after, target)
    except UserError as error:
        note(f"{side.name} to {target} was not compared with the truth: {error}.")
        return {}


def half_of(domains: Sequence[str]) -> str | None:
    """Return the domain whose two halves these are; None if they are not two halves of one domain."""
    wholes = {name.removesuffix(end) for name, end in zip(sorted(domains), HALVES, strict=True) if name.endswith(end)}
    return wholes.pop() if len(wholes) == 1 and len(set(domains)) == 2 else None


def halves(prepared: Prepared, domain: str, seed: int = 0) -> Prepared:
    """Split one domain into two classes, `<domain> half 1` and `2`, by random patients within each split.

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
        raise UserError(f"'{domain}' of {prepared.source} has too few patients to split in two: take another domain")
    return replace(whole, classes=tuple(domain + end for end in HALVES), labels=labels)


def write_halves(prepared: Prepared, domain: str, dest: Path, seed: int = 0) -> None:
    """Write the two halves as a folder to train on: `dest/<split>/<domain> half 1/...`.

    Raises:
        UserError: as `halves`; or `dest` is not empty or cannot be written.
    """
    export_folders(halves(prepared, domain, seed), dest)
