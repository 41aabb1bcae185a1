"""The latent space of a generator: points in it, and the directions in which what it draws varies most.

    space = LatentSpace(model, label="NORMAL")
    found = space.components("features", 5)        directions, in the order of their variance
    point = space.point(seed=3)
    drawn = space.draw([space.moved(point, found[0], t) for t in (-2, 0, 2)])       uint8 (3, H, W, C)

The principal components are those of Härkönen 2020 (GANSpace, arXiv:2004.02546): activations of an early layer over
many latent vectors are decomposed, and latent vectors are regressed on the components (section 2.1, for generators
without a style network). Latent vectors are standard normal, so a place along a direction of length 1 is a number of
standard deviations.
"""

import copy
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Any, Literal

import numpy as np
import torch
from torch import Tensor, nn

from gan_core.errors import UserError
from gan_core.inference.loaded_model import Model

Of = Literal["features", "pictures"]

REACH = 2.5  # standard deviations: 99 of 100 latent vectors lie within, along any one direction
SAMPLES = 512  # latent vectors at 64 px and below; half as many for each doubling
_FEWEST = 128
_FITTED = 0.75  # share of them that components are computed from; what these explain is measured in the others
_MOST = 40  # components
_SEED = 2**40  # of the latent vectors that are sampled; beyond those that people choose
_STILL = 0.5  # grey levels: the mean deviation of a pixel below which pictures do not vary
_ALIKE = 0.95  # cosine of two directions that span no plane
_NO_VARIANCE = 1e-7  # of a component, as a share of the first one's
_LAYERS = (nn.Linear, nn.Conv1d, nn.Conv2d, nn.ConvTranspose1d, nn.ConvTranspose2d)


@dataclass(frozen=True, eq=False)
class Point:
    """A latent vector, float32 (latent_size,), with the weights of the classes, float32 (classes,), which sum to 1."""

    z: np.ndarray
    weights: np.ndarray


@dataclass(frozen=True, eq=False)
class Direction:
    """A way through the latent space: along a vector, or from the class of the space to another one by the class code.

    A place along a vector is z . step, in standard deviations; along the class code it is the other class's weight.
    """

    name: str
    step: np.ndarray = field(repr=False)  # float32 (latent_size,) of length 1; all 0 for a class code
    share: float  # of the variance that it explains: of the pictures (a component), or of a measure
    to: int | None = None  # index of the other class

    @property
    def ends(self) -> tuple[float, float]:
        """The lowest and the highest place to show."""
        return (-REACH, REACH) if self.to is None else (0.0, 1.0)

    def place(self, point: Point) -> float:
        return float(point.z @ self.step) if self.to is None else float(point.weights[self.to])

    def stops(self, point: Point, count: int) -> np.ndarray:
        """Return places from one end to the other, float64 (count,); the nearest one is moved to the point's own."""
        places = np.linspace(*self.ends, count)
        places[np.abs(places - self.place(point)).argmin()] = self.place(point)
        return places


def beside(first: Direction, second: Direction) -> Direction:
    """Return what of the second direction is at right angles to the first, so that both span a plane.

    Raises:
        UserError: both are nearly the same, or both are class codes.
    """
    if first.to is not None and second.to is not None:
        raise UserError("both directions are class codes: choose another one for one of them")
    if first.to is not None or second.to is not None:
        return second
    likeness = float(first.step @ second.step)
    if abs(likeness) > _ALIKE:
        raise UserError(
            f"{first.name} and {second.name} are nearly the same direction (cosine {likeness:.2f}): choose another one "
            "for one of them"
        )
    rest = second.step - np.float32(likeness) * first.step
    return replace(second, step=rest / np.linalg.norm(rest))


class LatentSpace:
    """The latent space of a run that generates, of one class if the run is conditional."""

    def __init__(self, model: Model, label: str | None = None) -> None:
        """label: a class of a conditional run; the first one if None.

        Raises:
            UserError: the run has no latent vectors, or noise in place of them, no such class, or always draws the
                same picture.
        """
        model.latents(1)  # raises where there are none
        if model.shows_path:
            raise UserError(
                f"run '{model.run.name}' draws from noise of the picture's size, a number for every pixel, in which "
                "there are no directions to explore: choose another run, or see in the tab Generate of Live how its "
                "pictures come out of the noise"
            )
        if label is None and model.classes:
            label = model.classes[0]
        self.model, self.label = model, label
        self._base = int(model.labels(1, label)[0]) if label is not None else None
        self._bases: dict[Of, tuple[np.ndarray, np.ndarray]] = {}
        if np.std(self.sample.pictures, axis=0, dtype=np.float32).mean() < _STILL:
            of = f" of class {label}" if label else ""
            raise UserError(
                f"run '{model.run.name}' draws the same picture{of} from every latent vector, so there is nothing to "
                "explore: choose another run"
            )

    @cached_property
    def sample(self) -> "Sample":
        """Latent vectors and what the networks make of them: the same at every call; fewer where drawing is slow."""
        size = self.model.config.image_size
        count = max(_FEWEST, SAMPLES // max(1, size // 64))
        while True:
            try:
                return self._sampled(count)
            except UserError:  # a busy machine: fewer may be drawn within the time that is allowed
                if count == _FEWEST:
                    raise
                count = max(_FEWEST, count // 2)

    def _sampled(self, count: int) -> "Sample":
        z = self.model.latents(count, _SEED)
        labels = self._labels([Point(z[0].cpu().numpy(), self._weights())] * count)
        if self.model.config.origin:  # its layers are not ours to look into
            return Sample(z.cpu().numpy(), self.model.draw(z, labels), None)
        with _Watched(self.model) as watched:
            pictures = watched.model.draw(z, labels)
        return Sample(z.cpu().numpy(), pictures, watched.features(count))

    def point(self, seed: int = 0) -> Point:
        """Return the first latent vector of a seed."""
        return Point(self.model.latents(1, seed)[0].cpu().numpy(), self._weights())

    def draw(self, points: Sequence[Point]) -> np.ndarray:
        """Generate the pictures of points, uint8 (N, H, W, C)."""
        z = torch.from_numpy(np.stack([point.z for point in points])).to(self.model.family.device)
        return self.model.draw(z, self._labels(points))

    def moved(self, point: Point, direction: Direction, place: float) -> Point:
        """Return a point with another place along a direction, and the same place along all that is normal to it."""
        if direction.to is None:
            return Point(point.z + np.float32(place - direction.place(point)) * direction.step, point.weights)
        weights = self._weights()
        weights[self._base] -= place
        weights[direction.to] += place
        return Point(point.z, weights)

    def near(self, point: Point, step: float, count: int, seed: int = 0) -> list[Point]:
        """Return neighbours of a point, each turned by an angle of `step` radians towards a random direction.

        The turn keeps the length of the latent vector; long and short ones draw other pictures than usual ones.
        """
        length = np.linalg.norm(point.z)
        found = []
        for number in range(count):
            other = np.random.default_rng((_SEED, seed, number)).standard_normal(len(point.z)).astype(np.float32)
            across = other - point.z * (other @ point.z) / max(float(length) ** 2, 1e-12)
            across *= length / max(float(np.linalg.norm(across)), 1e-12)
            found.append(Point((np.cos(step) * point.z + np.sin(step) * across).astype(np.float32), point.weights))
        return found

    def components(self, of: Of = "features", count: int = 5) -> list[Direction]:
        """Return the first principal components as directions, by decreasing variance, at right angles to each other.

        of: what is decomposed, the activations of the second layer with weights, which is the first one after a
        nonlinearity; or the pictures themselves. A run of another program has pictures only. Each direction's share
        is of the variance of the pictures' pixels, as far as it follows linearly, in pictures that were left out.
        """
        steps = self.basis(of)[0][:count]
        shares = _explained(self.sample.after(self._fitted), steps)
        return [
            Direction(f"Component {number}", step, float(share))
            for number, (step, share) in enumerate(zip(steps, shares, strict=True), 1)
        ]

    def class_codes(self) -> list[Direction]:
        """Return the ways from the class of the space to each other one, by the class code of a conditional run."""
        return [
            Direction(f"Class code to {name}", np.zeros(self.model.family.latent_size, np.float32), 1.0, i)
            for i, name in enumerate(self.model.classes)
            if name != self.label
        ]

    def basis(self, of: Of = "features") -> tuple[np.ndarray, np.ndarray]:
        """Return orthonormal latent directions float32 (K, latent_size), and the deviation of the component that each
        was regressed on, float32 (K,).
        """
        if of not in self._bases:
            sample, count = self.sample, self._fitted
            decomposed = sample.flat if of == "pictures" or sample.features is None else sample.features
            scores = _scores(decomposed[:count], min(_MOST, sample.z.shape[1]))
            self._bases[of] = _regressed(sample.z[:count], scores)
        return self._bases[of]

    @property
    def _fitted(self) -> int:
        return int(_FITTED * len(self.sample.z))

    def _weights(self) -> np.ndarray:
        weights = np.zeros(len(self.model.classes), np.float32)
        if self._base is not None:
            weights[self._base] = 1
        return weights

    def _labels(self, points: Sequence[Point]) -> Tensor:
        if self._base is None:
            return torch.zeros(len(points), dtype=torch.int64, device=self.model.family.device)
        return torch.from_numpy(np.stack([point.weights for point in points])).to(self.model.family.device)


def draw_by_other(model: Model, space: LatentSpace, points: Sequence[Point]) -> np.ndarray:
    """Generate the pictures of a space's points by another run, uint8 (N, H, W, C).

    The other run gets the class codes if it has the same classes, else the class of the same name, or its first.

    Raises:
        UserError: its latent vectors have another size.
    """
    model.latents(1)  # raises where there are none
    own = space.model
    if model.family.latent_size != own.family.latent_size:
        raise UserError(
            f"run '{model.run.name}' has latent vectors of {model.family.latent_size} numbers, and '{own.run.name}' of "
            f"{own.family.latent_size}: one seed is not one vector of both; choose another run to compare with"
        )
    z = torch.from_numpy(np.stack([point.z for point in points])).to(model.family.device)
    if model.classes and model.classes == own.classes:
        return model.draw(z, torch.from_numpy(np.stack([point.weights for point in points])).to(z.device))
    label = (space.label if space.label in model.classes else model.classes[0]) if model.classes else None
    return model.draw(z, model.labels(len(points), label))


@dataclass(frozen=True, eq=False)
class Sample:
    """Latent vectors float32 (N, latent_size), their pictures uint8 (N, H, W, C), and features float32 (N, F)."""

    z: np.ndarray
    pictures: np.ndarray
    features: np.ndarray | None

    def after(self, count: int) -> "Sample":
        """Return the sample without its first vectors."""
        return Sample(self.z[count:], self.pictures[count:], None if self.features is None else self.features[count:])

    @cached_property
    def flat(self) -> np.ndarray:
        """The pictures as grey levels, float32 (N, pixels)."""
        return self.pictures.reshape(len(self.pictures), -1).astype(np.float32)


class _Watched:
    """A copy of a model that keeps the activations of its second layer with weights: other threads use the model."""

    def __init__(self, model: Model) -> None:
        self.model = copy.copy(model)
        self.model.family = copy.deepcopy(model.family)
        self._kept: list[Tensor] = []
        self._calls = 0

    def __enter__(self) -> "_Watched":
        def begun(*_: Any) -> None:
            self._calls = 0

        def left(_: nn.Module, __: Any, out: Tensor) -> None:
            self._calls += 1
            if self._calls == 2:
                self._kept.append(out.detach().float().flatten(1).cpu().clone())

        for name in self.model.family.served:
            self.model.family.network(name).register_forward_pre_hook(begun)
        for module in self.model.family.modules():
            if isinstance(module, _LAYERS):
                module.register_forward_hook(left)
        return self

    def __exit__(self, *_: Any) -> None:
        pass  # the hooks go with the copy

    def features(self, count: int) -> np.ndarray | None:
        """Return the activations (count, F); None where the networks have no such layer, or not one row a picture."""
        if sum(map(len, self._kept)) != count or len({kept.shape[1] for kept in self._kept}) != 1:
            return None
        return torch.cat(self._kept).numpy()


def _regressed(z: np.ndarray, scores: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Regress latent vectors on the scores of components; see `LatentSpace.basis`."""
    # Scores are uncorrelated, so that least squares is one division a component.
    slopes = scores.T @ (z - z.mean(0)) / (scores**2).sum(0)[:, None]
    steps, triangle = np.linalg.qr(slopes.T.astype(np.float64))
    signs = np.where(np.diag(triangle) < 0, -1, 1)
    return (steps * signs).T.astype(np.float32), scores.std(0).astype(np.float32)


def _scores(values: np.ndarray, count: int) -> np.ndarray:
    """Return the principal components' scores float64 (N, K) of values (N, F), by decreasing variance; K <= count."""
    centred = values - values.mean(0)
    # F may be far larger than N: the products of N rows have the same eigenvalues.
    variances, vectors = np.linalg.eigh((centred @ centred.T).astype(np.float64))
    order = np.argsort(variances)[::-1][:count]
    order = order[variances[order] > _NO_VARIANCE * max(variances[order[0]], 1e-30)]
    return vectors[:, order] * np.sqrt(variances[order])


def _explained(sample: Sample, steps: np.ndarray) -> np.ndarray:
    """Return the share of the variance of the pictures that each direction (K, latent_size) explains, (K,)."""
    centred = sample.flat - sample.flat.mean(0)
    places = (sample.z - sample.z.mean(0)) @ steps.T
    slopes = places.T @ centred / (places**2).sum(0)[:, None]
    by_chance = 1 / len(places)
    return np.clip((slopes**2).sum(1) * (places**2).sum(0) / (centred**2).sum() - by_chance, 0, 1)
