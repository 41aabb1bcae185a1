"""The two sides of an audit: a domain's held-out pictures before and after translation, and their lungs."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol, runtime_checkable

import numpy as np

from gan_core.anatomy import lungs
from gan_core.data import Prepared
from gan_core.errors import UserError

Notify = Callable[[str], object]
FindLungs = Callable[[np.ndarray], np.ndarray]  # uint8 (N, H, W, C) -> bool (N, H, W)


class Translator(Protocol):
    """The part of `inference.Model` that an audit needs."""

    @property
    def domains(self) -> tuple[str, ...]: ...

    @property
    def targets(self) -> tuple[str, ...]: ...

    @property
    def graded(self) -> bool: ...

    def translate(self, pictures: np.ndarray, to: str) -> np.ndarray: ...


@runtime_checkable
class Painter(Protocol):
    """What a graded translator can do besides: paint at a severity, and say where."""

    def paint(
        self, pictures: np.ndarray, to: str, *, severity: float | None = None, seed: int = 0
    ) -> tuple[np.ndarray, np.ndarray]: ...


@dataclass(frozen=True, eq=False)
class Side:
    """A domain's pictures before and after translation, uint8 (N, S, S, C) each."""

    name: str
    chosen: np.ndarray  # (N,) positions in the prepared data
    patients: list[str]
    before: np.ndarray
    after: np.ndarray | None  # None if the translator has no such direction
    maps: np.ndarray | None  # float32 (N, S, S): the opacity that was painted or taken away, if the translator says


def painter(model: Translator) -> Painter | None:
    """Return the translator as one that paints at a severity; None if it has none."""
    return model if model.graded and isinstance(model, Painter) else None


def translated(model: Translator, prepared: Prepared, name: str, seed: int, most: int) -> Side:
    """Return the held-out pictures of a domain, at most `most` at random, and their translations.

    Raises:
        UserError: no picture of the domain is held out.
    """
    label = prepared.classes.index(name)
    held = np.flatnonzero((prepared.splits != "train") & (prepared.labels == label))
    if not len(held):
        raise UserError(f"{prepared.source} holds out no picture of '{name}', in neither val nor test: add some")
    if len(held) > most:
        held = np.sort(np.random.default_rng((seed, label)).choice(held, most, replace=False))
    before = prepared.images[held].transpose(0, 2, 3, 1)
    to = next(other for other in model.domains if other != name)
    after, maps = None, None
    if to in model.targets:
        graded = painter(model)
        after, maps = graded.paint(before, to) if graded else (model.translate(before, to), None)
    return Side(name, held, [prepared.patients[i] for i in held], before, after, maps)


class Lungs:
    """Lung masks of the pictures before translation, used for both: a new mask could reveal the domain by its shape."""

    def __init__(self, side: Side, find: FindLungs, note: Notify) -> None:
        masks = find(side.before)
        self.kept = np.array([not lungs.sane(mask) for mask in masks])  # (N,) bool: pictures with a plausible mask
        self.masks = masks[self.kept]
        self.patients = [patient for patient, kept in zip(side.patients, self.kept, strict=True) if kept]
        lost = int((~self.kept).sum())
        if lost:
            note(f"Lungs were not found in {lost} of {len(masks)} pictures of {side.name}; lung measures omit these.")
