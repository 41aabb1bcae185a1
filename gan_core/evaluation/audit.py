"""Translation audit: what a translator changes in held-out pictures, in each of its directions.

A changed prediction proves little, because a translator may paint a hospital's letters instead of a disease. So the
audit adds checks: control classifiers that see only the area outside the lungs; the change inside and outside the
lungs; the cycle back, if there is one, also after slight noise; and the true picture, where it is known (`truth`). Of
X-rays it compares the lungs: with real ones, and with paintings that a translator must beat (`comparison`).

`write_halves` splits one domain into two random halves: a translator between them should change nothing, and its audit
shows how far these numbers can be trusted.
"""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np

from gan_core.data import Prepared, export_folders
from gan_core.data.layout import SPLITS
from gan_core.errors import UserError
from gan_core.evaluation import comparison, dose_response, fidelity, ground_truth, judges
from gan_core.evaluation.classifiers import Classifier
from gan_core.evaluation.comparison import Task
from gan_core.evaluation.features import Extractor
from gan_core.evaluation.ground_truth import average
from gan_core.evaluation.judges import HALVES, Judge
from gan_core.evaluation.lung_changes import Mark
from gan_core.evaluation.results import Direction, Flip, Measure
from gan_core.evaluation.sides import FindLungs, Lungs, Notify, Side, Translator, painter, translated

NOISE = 2.0  # standard deviation in grey levels: invisible, but it destroys a hidden message (Chu 2017)
MOST = 500  # pictures of a domain at most


def audit(
    model: Translator,
    prepared: Prepared,
    *,
    name: str = "translated",
    classifiers: Sequence[Classifier] = (),
    find_lungs: FindLungs | None = None,
    mark: Mark | None = None,
    beside: Sequence[tuple[str, Translator]] = (),
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
        name: of the translator, in the comparison of lungs.
        classifiers: only those count that know both domains by name and classify the real pictures well.
        find_lungs: finds masks of the lungs; None if pictures show no lungs.
        mark: finds opacity in lungs; None: nobody does.
        beside: names of other translators of the same domains, which the comparison of lungs shows as well.
        extractor: extractor for the distances; None: measure no distances.
        seed: seed of the choice of pictures, of the noise, of mixed severities and of the floors.
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
    sides = [translated(model, both, domain, seed, most) for domain in model.domains]
    progress("running classifiers")
    lungs_of = {side.name: None if find_lungs is None else Lungs(side, find_lungs, note) for side in sides}
    admitted = judges.admitted(classifiers, sides, lungs_of, note)
    found = []
    for side, other in (sides, sides[::-1]):
        if side.after is None:
            note(f"The run has one direction, from {other.name} to {side.name}: there is no way back to measure.")
            continue
        progress(f"{side.name} to {other.name}: distances, and the way back")
        lungs = lungs_of[side.name]
        distance, untranslated = _distances(side, side.after, other, extractor, seed, note)
        direction = Direction(
            source=side.name,
            target=other.name,
            images=len(side.before),
            flips=_flips(side, admitted, lungs),
            change=_change(side, side.after, lungs),
            cycle=_cycle(model, side, side.after, lungs, seed) if side.name in model.targets else {},
            distance=distance,
            untranslated=untranslated,
            truth=_truth(both, side, side.after, other.name, note),
            extractor=extractor.name if extractor else "",
            features=extractor(side.before[:1]).shape[1] if extractor else 0,
        )
        other_lungs = lungs_of[other.name]
        if lungs and other_lungs and lungs.kept.any() and other_lungs.kept.any():
            progress(f"{side.name} to {other.name}: the lungs, beside controls and real ones")
            task = Task(name, model, side, other, lungs, other_lungs, admitted, mark, seed, note)
            direction = _with_lungs(direction, task, beside)
        found.append(direction)
    return tuple(found)


def _with_lungs(direction: Direction, task: Task, beside: Sequence[tuple[str, Translator]]) -> Direction:
    """Return the direction with its comparison of lungs, and with doses if the translator is graded."""
    adds, columns = comparison.columns(task, beside)
    graded = painter(task.model)
    if graded is None or not adds:
        return replace(direction, adds=adds, columns=columns)
    doses, grading = dose_response.doses(graded, task.before(), direction.source, direction.target, task.judges)
    return replace(direction, adds=adds, columns=columns, doses=doses, grading=grading)


def _flips(side: Side, admitted: Sequence[Judge], lungs: Lungs | None) -> tuple[Flip, ...]:
    assert side.after is not None
    found = []
    for judge in admitted:
        kept, masks = (lungs.kept, lungs.masks) if judge.needs_lungs and lungs else (slice(None), None)
        found.append(judge.flip(judge.before[side.name], judge.chances(side.name, side.after[kept], masks)))
    return tuple(flip for flip in found if flip)


def _change(side: Side, after: np.ndarray, masked: Lungs | None) -> dict[str, Measure]:
    size = _difference(after, side.before)
    found = {"all": average(size.mean((1, 2)), side.patients)}
    if masked is None or not masked.kept.any():
        return found
    for name, masks in (("inside lungs", masked.masks), ("outside lungs", ~masked.masks)):
        means = [float(one[mask].mean()) for one, mask in zip(size[masked.kept], masks, strict=True)]
        found[name] = average(means, masked.patients)
    return found


def _cycle(model: Translator, side: Side, after: np.ndarray, masked: Lungs | None, seed: int) -> dict[str, Measure]:
    """Measure the way back from the 8-bit picture that a file would store.

    CycleGAN can hide the original picture in invisible detail (Chu 2017, arXiv:1712.02950); slight noise destroys it.
    `moved by noise` is the change of the returned picture due to the noise; its floor is the noise itself.
    `inside lungs` is the error there; its floor is that of the translation, if nothing of it were taken back.
    """
    noise = np.random.default_rng((seed, 1)).normal(0, NOISE, after.shape)
    noisy = np.rint(after + noise).clip(0, 255).astype(np.uint8)
    back, moved = (model.translate(pictures, side.name) for pictures in (after, noisy))
    floor = float(_difference(noisy, after).mean())
    error = _difference(back, side.before)
    found = {
        "from 8 bits": average(error.mean((1, 2)), side.patients),
        "after noise": average(_difference(moved, side.before).mean((1, 2)), side.patients),
        "moved by noise": average(_difference(moved, back).mean((1, 2)), side.patients, floor),
    }
    if masked and masked.kept.any():
        left, painted = (
            [float(one[mask].mean()) for one, mask in zip(errors[masked.kept], masked.masks, strict=True)]
            for errors in (error, _difference(after, side.before))
        )
        found["inside lungs"] = average(left, masked.patients, float(np.mean(painted)))
    return found


def _difference(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    """Return the mean absolute difference over channels, float32 (N, S, S), in shares of the grey scale."""
    return np.abs(a.astype(np.float32) - b).mean(3) / 255


def _distances(
    side: Side, after: np.ndarray, other: Side, extractor: Extractor | None, seed: int, note: Notify
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
            measured = fidelity.distances(
                real, extractor(pictures), patients=other.patients, sources=side.patients, note=missing.append
            )
            found.append(measured)
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


def _truth(prepared: Prepared, side: Side, after: np.ndarray, target: str, note: Notify) -> dict[str, Measure]:
    try:
        return ground_truth.known(prepared, side.chosen, after, target)
    except UserError as error:
        note(f"{side.name} to {target} was not compared with the truth: {error}.")
        return {}


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
