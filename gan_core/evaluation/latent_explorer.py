"""A generator's latent space with everything that is known of it: components, class codes, measured directions.

    explorer = Explorer(model, label="NORMAL")
    explorer.quick()                the directions that need no measure
    explorer.fitted()               those of brightness, size and class, and why one is missing
    explorer.effect(direction)      what it changes besides its name

Everything is computed once and kept; threads may share an explorer.
"""

import threading
from collections.abc import Sequence

from gan_core.errors import UserError, printable
from gan_core.evaluation import picture_measures
from gan_core.inference import Model
from gan_core.inference.latent_directions import Absent, Direction, Effect, effect, fit
from gan_core.inference.latent_space import LatentSpace, Of

COMPONENTS = 5


class Explorer:
    """Directions of one run, of one class if the run is conditional."""

    def __init__(self, model: Model, label: str | None = None) -> None:
        """Raises UserError: as `LatentSpace`."""
        self.space = LatentSpace(model, label)
        self.measures, self._unmeasured = picture_measures.measures_for(model.config)
        # Of what takes long, each has a lock of its own: nobody who drags waits for a measure.
        self._lock, self._fitting, self._measuring = threading.Lock(), threading.Lock(), threading.Lock()
        self._components: dict[Of, list[Direction]] = {}
        self._fitted: list[Direction | Absent] | None = None
        self._effects: dict[tuple[str, bytes], Effect] = {}

    def quick(self, of: Of = "features") -> list[Direction]:
        """Return the principal components, then the ways between class codes."""
        with self._lock:
            if of not in self._components:
                self._components[of] = self.space.components(of, COMPONENTS)
            return [*self._components[of], *self.space.class_codes()]

    @property
    def is_fitted(self) -> bool:
        """Whether `fitted` answers at once."""
        return self._fitted is not None

    def fitted(self) -> list[Direction | Absent]:
        """Return the directions of what is measured; measuring takes seconds, the first time."""
        with self._fitting:
            if self._fitted is None:
                self._fitted = [*(fit(self.space, measure) for measure in self.measures), *self._unmeasured]
            return self._fitted

    def directions(self, of: Of = "features") -> list[Direction]:
        """Return all directions that explain something."""
        return [*self.quick(of), *(one for one in self.fitted() if isinstance(one, Direction))]

    def direction(self, name: str | None, of: Of = "features") -> Direction:
        """Return a direction by its name. Raises UserError: there is none; the message says why, or which there are.

        name: as `directions` has it; None, which is refused, where a field was empty.
        """
        if not name:
            raise UserError("no direction is chosen: choose one")
        quick = {one.name: one for one in self.quick(of)}
        if name in quick:
            return quick[name]
        known = [*quick, *(one.title for one in self.measures), *(one.title for one in self._unmeasured)]
        if name not in known:  # nothing is measured for it
            raise UserError(f"there is no direction '{printable(name, 40)}'. There are: {', '.join(known)}")
        for one in self.fitted():
            if isinstance(one, Direction) and one.name == name:
                return one
            if isinstance(one, Absent) and one.title == name:
                raise UserError(f"there is no direction '{name}' in run '{self.space.model.run.name}': {one.reason}")
        raise AssertionError(f"{name} is measured and was not fitted")

    def effect(self, direction: Direction) -> Effect:
        """Return what a direction changes, measured with the run's networks; takes about a second, the first time."""
        key = (direction.name, direction.step.tobytes())
        with self._measuring:
            if key not in self._effects:
                self._effects[key] = effect(self.space, direction, self.measures)
            return self._effects[key]

    def known_effects(self, directions: Sequence[Direction]) -> list[Effect | None]:
        """Return the effects that were measured already, None for the others."""
        return [self._effects.get((one.name, one.step.tobytes())) for one in directions]
