"""The lungs of a translator's pictures beside those of controls, of other translators and of real patients.

    columns(direction, judges, mark=..., beside=..., seed=0, note=print)

Every column holds the same measures of the same input pictures, so that a number can be read: what even haze reaches as
well is no merit. Severities of graded translators are their usual one; distances take each picture at a severity of its
own, as patients differ.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from gan_core.anatomy import lung_view
from gan_core.errors import UserError
from gan_core.evaluation import lung_changes, neutral_distances, painting_controls
from gan_core.evaluation.classifiers import LUNGS_ALONE
from gan_core.evaluation.fidelity import LEAST
from gan_core.evaluation.judges import Judge
from gan_core.evaluation.lung_changes import OPAQUE, LungPictures, Mark
from gan_core.evaluation.neutral_distances import Target
from gan_core.evaluation.results import BESIDE, CONTROL, SOURCE, TARGET, TRANSLATED, Column, Flip, Measure
from gan_core.evaluation.sides import Lungs, Notify, Painter, Side, Translator, painter

_MIXED = 2  # random stream of the mixed severities
_MIXED_SEED = 500_000  # of their patterns: not those of the usual severity


@dataclass(frozen=True, eq=False)
class Task:
    """One direction of a translator whose lungs are compared."""

    name: str  # of the translator
    model: Translator
    side: Side  # what is translated
    other: Side  # the target's real pictures
    lungs: Lungs
    other_lungs: Lungs
    judges: Sequence[Judge]
    mark: Mark | None
    seed: int
    note: Notify

    def before(self) -> LungPictures:
        return LungPictures(self.side.before[self.lungs.kept], self.lungs.masks, self.lungs.patients, self.mark)

    def real(self) -> LungPictures:
        kept, masks = self.other_lungs.kept, self.other_lungs.masks
        return LungPictures(self.other.before[kept], masks, self.other_lungs.patients, self.mark)


@dataclass(frozen=True, eq=False)
class _Made:
    """The pictures of a column."""

    name: str
    role: str
    usual: np.ndarray  # uint8 (K, S, S, C)
    mixed: np.ndarray  # the same at mixed severities
    painted: Tensor | None  # (K, 1, SIZE, SIZE): the opacity of the usual ones, if it is known


def adds_opacity(task: Task, before: LungPictures, real: LungPictures) -> bool:
    """Return whether the target is the domain with more opacity in its lungs.

    A graded translator says so by its domains; for others the finder looks at real pictures. Where nobody finds any,
    the second domain counts as the sick one.
    """
    if task.model.graded or before.opaque_area is None or real.opaque_area is None:
        return task.other.name == task.model.domains[1]
    return bool(real.opaque_area.mean() > before.opaque_area.mean())


def columns(task: Task, beside: Sequence[tuple[str, Translator]] = ()) -> tuple[bool, tuple[Column, ...]]:
    """Return whether the target has more opacity, and the columns: source, translations, controls, target."""
    before, real = task.before(), task.real()
    adds = adds_opacity(task, before, real)
    goals = _goals(task, real, len(before), adds)
    source = Column(
        task.side.name, SOURCE, len(before), lung_changes.found(before), distance=_distances(goals, before, task)
    )
    made = [_column(task, before, one, goals, adds) for one in _made(task, before, adds, beside)]
    return adds, (source, *made, _real_column(task, real))


def _made(task: Task, before: LungPictures, adds: bool, beside: Sequence[tuple[str, Translator]]) -> Iterator[_Made]:
    assert task.side.after is not None
    usual = task.side.after[task.lungs.kept]
    maps = None if task.side.maps is None else _framed(task.side.maps[task.lungs.kept], before)
    graded = painter(task.model)
    if graded is None or maps is None or not adds:
        yield _Made(task.name, TRANSLATED, usual, usual, maps)
    else:
        mixed, mixed_maps = _mixed(graded, before, task.other.name, task.seed)
        yield _Made(task.name, TRANSLATED, usual, mixed, maps)
        yield from _controls(before, maps, _framed(mixed_maps, before))
    for name, model in beside:
        if task.other.name in model.targets:
            yield _by_another(task, before, adds, name, model)
        else:
            task.note(f"{name} does not translate to {task.other.name}: it is not compared in this direction.")


def _controls(before: LungPictures, maps: Tensor, mixed_maps: Tensor) -> Iterator[_Made]:
    """Yield what the controls paint in place of a translator's maps (K, 1, SIZE, SIZE)."""
    seeds = range(len(before))
    for name, control in painting_controls.CONTROLS.items():
        own, mixed = control(maps, before.views, seeds), control(mixed_maps, before.views, seeds)
        pictures = painting_controls.painted(before, own)
        yield _Made(name, CONTROL, pictures, painting_controls.painted(before, mixed), own)


def _by_another(task: Task, before: LungPictures, adds: bool, name: str, model: Translator) -> _Made:
    graded = painter(model)
    if graded is None:
        pictures = model.translate(before.pictures, task.other.name)
        return _Made(name, BESIDE, pictures, pictures, None)
    pictures, maps = graded.paint(before.pictures, task.other.name)
    mixed = _mixed(graded, before, task.other.name, task.seed)[0] if adds else pictures
    return _Made(name, BESIDE, pictures, mixed, _framed(maps, before))


def _mixed(graded: Painter, before: LungPictures, target: str, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Return pictures and maps, each at a severity of its own, which is as often low as high."""
    severities = np.random.default_rng((seed, _MIXED)).uniform(size=len(before))
    painted = [
        graded.paint(before.pictures[place : place + 1], target, severity=float(severity), seed=_MIXED_SEED + place)
        for place, severity in enumerate(severities)
    ]
    pictures, maps = zip(*painted, strict=True)
    return np.concatenate(pictures), np.concatenate(maps)


def _framed(maps: np.ndarray, before: LungPictures) -> Tensor:
    """Return maps float32 (K, S, S) of the pictures in the frames, (K, 1, SIZE, SIZE)."""
    return lung_view.cut(torch.from_numpy(maps)[:, None], before.chests.boxes)


def _column(task: Task, before: LungPictures, made: _Made, goals: Sequence[Target], adds: bool) -> Column:
    after = before.of(made.usual)
    return Column(
        made.name,
        made.role,
        len(before),
        lung_changes.changed(before, after, adds=adds, painted=made.painted),
        _flips(task, after),
        _distances(goals, after if made.mixed is made.usual else before.of(made.mixed), task),
    )


def _flips(task: Task, after: LungPictures) -> tuple[Flip, ...]:
    found = []
    for judge in task.judges:
        said = judge.before[task.side.name]
        said = said if judge.needs_lungs else said[task.lungs.kept]
        found.append(judge.flip(said, judge.chances(task.side.name, after.pictures, after.masks)))
    return tuple(flip for flip in found if flip)


def _real_column(task: Task, real: LungPictures) -> Column:
    """Real pictures of the target: the place of what the finder marks, and how many each judge recognises."""
    measures = lung_changes.found(real)
    if real.marks is not None:
        measures |= lung_changes.placed((real.marks > 0.5).float(), real.views, real.patients)
    flips = []
    for judge in task.judges:
        said = judge.before[task.other.name]
        flips.append(judge.recognises(said if judge.needs_lungs else said[task.other_lungs.kept]))
    return Column(task.other.name, TARGET, len(real), measures, tuple(flips))


def _goals(task: Task, real: LungPictures, count: int, adds: bool) -> list[Target]:
    """Return what the distances lead to: real pictures of the target; of a sick one those with visible opacity."""
    chosen, kind = real, "real pictures"
    if adds and real.opaque_area is not None:
        chosen, kind = (
            real.at(real.opaque_area > OPAQUE),
            f"real pictures with more than {OPAQUE:.0%} of the lungs marked",
        )
    direction = f"{task.side.name} to {task.other.name}"
    if min(len(chosen), count) < LEAST:
        task.note(
            f"Distances of neutral lungs, {direction}, were not measured: there are {count} pictures and {len(chosen)} "
            f"{kind}, and either must be {LEAST} or more."
        )
        return []
    task.note(f"Distances of neutral lungs, {direction}, lead to {len(chosen)} {kind}, of {len(real)}.")
    learned = [judge.classifier for judge in task.judges if judge.classifier.sees == LUNGS_ALONE]
    return neutral_distances.targets(chosen, count, neutral_distances.spaces(learned), task.seed, task.note)


def _distances(goals: Sequence[Target], lungs: LungPictures, task: Task) -> dict[str, dict[str, Measure]]:
    found = {}
    for goal in goals:
        try:
            found[goal.space.name] = goal.distance(lungs, task.seed)
        except UserError as error:  # too few patients, or pictures that are all alike
            task.note(f"Distances of neutral lungs in {goal.space.name} were not measured: {error}.")
    return found
