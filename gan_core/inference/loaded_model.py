"""A trained run at work, made by `opening.load`: generate, encode, reconstruct, interpolate, translate or score.

    model = inference.load(find_run("dcgan", default_root()))
    images, labels = model.generate(16, seed=1)

Inputs and outputs are uint8 (N, H, W, C); the networks use floats in [-1, 1].
"""

import re
import time
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from gan_core import files, images, runs, tensor_files
from gan_core.anatomy import lung_view
from gan_core.anatomy.painting import Painting
from gan_core.config import RunConfig
from gan_core.errors import UserError, first_line, nearest
from gan_core.families import loading
from gan_core.family_traits import SEVERITY
from gan_core.inference.precision import LowPrecision
from gan_core.runs import Run

VISITOR_SECONDS = 15.0  # for a call of `generate` on a page: other visitors wait meanwhile
_BATCH = 64
_NUMBERS_PER_BYTE = 20  # of the weights file; the networks of any undamaged run have far fewer
_SMALL, _LARGE = 3 * 10**7, 3 * 10**8  # numbers: 120 MB, which is always allowed, and 1.2 GB, which never is exceeded
_ACTIVATION_BYTES = 256 * 1024**2  # of the largest feature map of a batch
_MOST_EACH = 1024**3  # bytes, of that of one picture
_TRANSLATED = 4  # images per call; a translator's feature maps have the full resolution


@dataclass(frozen=True)
class Moment:
    """A moment on the way from noise (time 0) to images (time 1), uint8 (N, H, W, C).

    state: noise and image, mixed. expected: the image that the network expects at this moment, a mean of what is still
    possible.
    """

    time: float
    state: np.ndarray
    expected: np.ndarray


class Model:
    """The networks of a run, ready for use; made by `load`."""

    def __init__(
        self, run: Run, run_config: RunConfig, family: loading.Family, seconds_allowed: float | None = None
    ) -> None:
        self.run, self.config, self.family = run, run_config, family
        self.seconds_allowed = seconds_allowed
        self._batch = _batch_size(run_config, family)
        self._has_discriminator_weights = False
        self._precision: torch.dtype | None = None  # for translation; chosen with the first image
        generators = [network for name, network in family.named_children() if name.startswith("generator")]
        self._low_precision = LowPrecision(generators, run.label)

    @property
    def task(self) -> str:
        """The task: "generate" or "translate"."""
        return self.family.task

    @property
    def domains(self) -> tuple[str, ...]:
        """The two domains of a translator, A first; empty for other runs."""
        return self.config.domains

    @property
    def targets(self) -> tuple[str, ...]:
        """The domains that the run translates to: both, or only B for a one-way translator."""
        return self.domains[1:] if self.family.one_way else self.domains

    @property
    def graded(self) -> bool:
        """Whether translations to the second domain have a severity and a seed."""
        return isinstance(self.family, loading.Grades)

    @property
    def encodes(self) -> bool:
        """Whether the run has an encoder from images to latent vectors."""
        return isinstance(self.family, loading.Encodes)

    @property
    def shows_path(self) -> bool:
        """Whether the run draws in steps, from noise of the picture's size, and can show them."""
        return isinstance(self.family, loading.ShowsPath)

    @property
    def classes(self) -> tuple[str, ...]:
        """The classes of a conditional run; empty for other runs."""
        return self.config.classes if self.family.conditional else ()

    def latents(self, count: int, seed: int = 0, truncation: float = 1.0) -> Tensor:
        """Return normally distributed latent vectors (count, latent_size); vector i depends on the seed and i only.

        truncation: their standard deviation, at most 1. Lower values give more typical, less diverse images (the
        truncation trick of Brock 2018, arXiv:1809.11096, section 3.1, which cuts off the tails; scaling keeps the
        direction of each vector).

        Raises:
            UserError: the run translates and has no latent vectors, or truncation is not in (0, 1].
        """
        self._require_task("generate")
        if not 0 < truncation <= 1:
            raise UserError(f"truncation {truncation:g}: use a number above 0, up to 1")
        drawn = np.empty((count, self.family.latent_size), np.float32)  # noise of thousands of pictures is large
        for i, vector in enumerate(drawn):
            vector[:] = np.random.default_rng((seed, i)).standard_normal(len(vector))
        z = torch.from_numpy(drawn)
        return (z * truncation).to(self.family.device)

    def labels(self, count: int, label: str | None = None, seed: int = 0) -> Tensor:
        """Return class indices, int64 (count,): all of one class (or of a translator's domain), or drawn in the class
        proportions of the training data.

        Raises:
            UserError: the run is not conditional, or has no such class.
        """
        known = self.classes or self.domains
        if label is not None and not known:
            raise UserError(f"run '{self.run.name}' is not conditional: leave --label out")
        if label is not None and label not in self.config.classes:
            hint = nearest(label, self.config.classes)
            raise UserError(f"run '{self.run.name}' has no class '{label}'.{hint} Classes: {', '.join(known)}")
        if label is not None:
            return torch.full((count,), self.config.classes.index(label), device=self.family.device)
        if not self.config.class_counts:
            return torch.zeros(count, dtype=torch.int64, device=self.family.device)
        shares = np.array(self.config.class_counts, np.float64)
        drawn = [np.random.default_rng((seed, i, 1)).choice(len(shares), p=shares / shares.sum()) for i in range(count)]
        return torch.tensor(drawn, dtype=torch.int64, device=self.family.device)

    def generate(
        self, count: int, *, label: str | None = None, seed: int = 0, truncation: float = 1.0
    ) -> tuple[np.ndarray, list[str]]:
        """Generate images, uint8 (count, H, W, C), and return them with the class of each ("" if unconditional).

        Raises:
            UserError: count is below 1, truncation is not in (0, 1], or the run does not generate or has no such class.
        """
        if count < 1:
            raise UserError(f"--num {count}: use 1 or more")
        labels = self.labels(count, label, seed)
        names = [self.classes[i] if self.classes else "" for i in labels.tolist()]
        return np.concatenate(list(self._render(self.latents(count, seed, truncation), labels))), names

    def draw(self, z: Tensor, labels: Tensor) -> np.ndarray:
        """Generate images, uint8 (N, H, W, C), from given latent vectors (N, latent_size).

        labels: class indices int64 (N,), or class weights (N, classes) whose rows sum to 1. An unconditional run
        ignores them.

        Raises:
            UserError: the run translates, its networks draw what is not finite, or take longer than is allowed.
        """
        self._require_task("generate")
        return np.concatenate(list(self._render(z, labels)))

    def path(
        self, count: int, moments: int, *, label: str | None = None, seed: int = 0, truncation: float = 1.0
    ) -> tuple[list[Moment], list[str]]:
        """Generate images as `generate` does, and return the moments on their way, with the class of each image.

        moments: at most so many, from pure noise to the image; a run that draws in few steps has fewer.

        Raises:
            UserError: as in `generate`, or the run draws in one step.
        """
        if not isinstance(self.family, loading.ShowsPath):
            raise UserError(f"run '{self.run.name}' draws an image in one step: choose a run that starts from noise")
        if not 1 <= count <= self._batch:
            raise UserError(f"{count} images with their moments: ask for 1 to {self._batch}")
        labels = self.labels(count, label, seed)
        names = [self.classes[i] if self.classes else "" for i in labels.tolist()]
        with torch.inference_mode():
            found = self.family.path(self.latents(count, seed, truncation), labels, moments)
        shown = [
            Moment(t, *(images.to_uint8(self._finite(each)).transpose(0, 2, 3, 1) for each in pair))
            for t, *pair in found
        ]
        return shown, names

    def same_latents(self, count: int, *, seed: int = 0, truncation: float = 1.0) -> dict[str, np.ndarray]:
        """Generate each class from the same latent vectors, so that only the class differs.

        Returns:
            Class name -> images uint8 (count, H, W, C).

        Raises:
            UserError: the run is not conditional.
        """
        if not self.classes:
            raise UserError(f"run '{self.run.name}' is not conditional: it has no classes to compare")
        return {name: self.generate(count, label=name, seed=seed, truncation=truncation)[0] for name in self.classes}

    def between(
        self, count: int, first: str, second: str, shares: Sequence[float], *, seed: int = 0, truncation: float = 1.0
    ) -> np.ndarray:
        """Interpolate between two classes with the same latent vectors; return uint8 (len(shares), count, H, W, C).

        shares: weights of the second class, each from 0 to 1. The generator gets the weighted mean of the two class
        codes.

        Raises:
            UserError: the run is not conditional, it does not have the class, or a share is outside 0 to 1.
        """
        if wrong := [share for share in shares if not 0 <= share <= 1]:
            raise UserError(f"a share of {wrong[0]:g} of '{second}': use numbers from 0 to 1")
        z = self.latents(count, seed, truncation)
        ends = [int(self.labels(1, name)[0]) for name in (first, second)]
        mixed = torch.zeros(len(shares), count, len(self.classes), device=z.device)
        for codes, share in zip(mixed, shares, strict=True):
            codes[:, ends[0]] += 1 - share
            codes[:, ends[1]] += share
        generated = np.concatenate(list(self._render(z.repeat(len(shares), 1), mixed.flatten(0, 1))))
        return generated.reshape(len(shares), count, *generated.shape[1:])

    def translate(self, pictures: np.ndarray, to: str, *, severity: float | None = None, seed: int = 0) -> np.ndarray:
        """Translate images of the other domain to domain `to`; return uint8 (N, H, W, C).

        pictures: uint8 (N, H, W, C) of the run's size. severity, seed: of a graded run, as in `paint`.

        Raises:
            UserError: the run does not translate to this domain or has no severity, or the image size is wrong.
        """
        if self.graded:
            return self.paint(pictures, to, severity=severity, seed=seed)[0]
        self.check_severity(severity)
        self.check_direction(to)
        inputs, direction = self._to_tensor(pictures), self.domains.index(to)
        with self._low_precision.lock:  # visitors of the app share a model
            batches = [
                self._translated(x, direction, self._faster_precision(x[:1], direction))
                for x in inputs.split(min(_TRANSLATED, self._batch))
            ]
        return np.concatenate([images.to_uint8(self._finite(batch)).transpose(0, 2, 3, 1) for batch in batches])

    def paint(
        self, pictures: np.ndarray, to: str, *, severity: float | None = None, seed: int = 0
    ) -> tuple[np.ndarray, np.ndarray]:
        """Translate as `translate` does, and return the opacity maps as well: what was painted, or taken away.

        Args:
            pictures: uint8 (N, H, W, C) of the run's size.
            to: a domain. The way back reads the opacity in a picture, and needs neither severity nor seed.
            severity: in [0, 1], 0.7 if None. The mean opacity is that which this share of the sick training images
                does not exceed; 0 changes nothing.
            seed: of the first image's pattern; the next image has the next seed.

        Returns:
            Translations uint8 (N, H, W, C), and share of air lost, float32 (N, H, W) in [0, 1]. Images in which no
            lungs are found (`refusals`) stay as they are.

        Raises:
            UserError: the run is not graded, does not translate to this domain, or a value or size is wrong.
        """
        self.check_direction(to)
        family = self._grades()
        self.check_severity(severity)
        amount = SEVERITY if severity is None else severity
        translated, maps = [], []
        for start in range(0, len(pictures), _BATCH):
            few = pictures[start : start + _BATCH]
            seeds = range(seed + start, seed + start + len(few))
            with torch.inference_mode():
                made, found = family.translated(self._to_tensor(few), self.domains.index(to), amount, seeds)
            translated.append(images.to_uint8(self._finite(made)).transpose(0, 2, 3, 1))
            maps.append(found[:, 0].float().cpu().numpy())
        return np.concatenate(translated), np.concatenate(maps)

    def refusals(self, pictures: np.ndarray) -> list[str]:
        """Return why a graded run cannot translate each of the images uint8 (N, H, W, C), "" for those that it can."""
        return [_no_lungs(reason) if reason else "" for reason in lung_view.look(pictures).reasons]

    def painting(self, picture: np.ndarray, seed: int = 0, brush: np.ndarray | None = None) -> Painting:
        """Return what a graded run paints into one picture of any size, at every severity.

        picture: float32 (H, W, C) in [0, 1]. Lungs are found in a small copy; the maps are enlarged. brush: where
        opacity may lie in the frame of the lungs, float32 (64, 64) in [0, 1]; everywhere if None.

        Raises:
            UserError: the run is not graded, or no lungs are found.
        """
        grey, chests = _one_chest(picture)
        with torch.inference_mode():
            drawn = self._grades().painting(grey, chests, [seed])
            return drawn if brush is None else drawn.within(torch.from_numpy(brush)[None, None].to(drawn.logits))

    def cleared(self, picture: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Return one picture of any size without the opacity that is read in it, and the map of that.

        picture: float32 (H, W, C) in [0, 1]. Returns float32 (H, W, C) and (H, W), both in [0, 1].

        Raises:
            UserError: the run is not graded, or no lungs are found.
        """
        grey, chests = _one_chest(picture)
        with torch.inference_mode():
            cleared, found = self._grades().cleared(grey, chests)
        change = (cleared.cpu() - grey)[0, 0].numpy()
        return (picture + change[..., None]).clip(0, 1), found[0, 0].cpu().numpy()

    def _grades(self) -> loading.Grades:
        if not isinstance(self.family, loading.Grades):
            raise UserError(f"run '{self.run.name}' has no severity: choose a run that paints opacity into lungs")
        return self.family

    def check_severity(self, severity: float | None) -> None:
        """Check that the run translates with this severity; None stands for the usual one, of any run.

        Raises:
            UserError: the run is not graded, or the severity is outside 0 to 1.
        """
        if severity is not None and not self.graded:
            raise UserError(f"run '{self.run.name}' has no severity: leave it out, or choose a run that has")
        if severity is not None and not 0 <= severity <= 1:
            raise UserError(f"a severity of {severity:g}: use a number from 0 to 1")

    def _translated(self, images: Tensor, direction: int, precision: torch.dtype) -> Tensor:
        family = self.family
        assert isinstance(family, loading.Translates)
        enabled = precision != torch.float32
        with torch.inference_mode(), torch.autocast(images.device.type, torch.bfloat16, enabled=enabled):
            return family.translate(images, direction)

    def _faster_precision(self, image: Tensor, direction: int) -> torch.dtype:
        """Return the precision for translation; it is chosen with the first image, see `LowPrecision`."""
        if self._precision is None:
            on_cpu = image.device.type == "cpu"
            self._precision = (
                self._low_precision.choose(lambda precision: self._translated(image, direction, precision))
                if on_cpu
                else torch.float32
            )
        return self._precision

    def check_direction(self, to: str) -> None:
        """Check that the run translates to domain `to`.

        Raises:
            UserError: it does not.
        """
        self._require_task("translate")
        if to not in self.domains:
            hint = nearest(to, self.domains)
            raise UserError(
                f"run '{self.run.name}' does not translate to '{to}'.{hint} Its domains: {', '.join(self.domains)}"
            )
        if to not in self.targets:
            a, b = self.domains
            raise UserError(
                f"run '{self.run.name}' translates one way, from '{a}' to '{b}', not to '{to}': train its preset with "
                f"--domains {b},{a} for the other direction"
            )

    def _require_task(self, task: str) -> None:
        if self.task != task:
            reason = "translates images and does not generate any" if task == "generate" else "does not translate"
            raise UserError(f"run '{self.run.name}' {reason}: choose another run")

    def write(self, folder: Path, count: int, *, label: str | None = None, seed: int = 0) -> int:
        """Write generated images to a folder as `<label>_<number>.png`; return how many.

        The metadata of each file says that it is synthetic.

        Raises:
            UserError: as in `generate`, or the folder cannot be written.
        """
        if count < 1:
            raise UserError(f"--num {count}: use 1 or more")
        labels = self.labels(count, label, seed)
        with files.readable_os_errors(folder):
            folder.mkdir(parents=True, exist_ok=True)
        number = 0
        for pictures in self._render(self.latents(count, seed), labels):
            for picture in pictures:
                name = re.sub(r"[^\w-]", "_", self.classes[int(labels[number])]) if self.classes else "generated"
                images.save_png(folder / f"{name}_{number:05d}.png", picture, Run=self.run.label, Seed=str(seed))
                number += 1
        return number

    def interpolate(
        self, ends: Sequence[int], steps: int, *, label: str | None = None, truncation: float = 1.0
    ) -> np.ndarray:
        """Return images uint8 (steps, H, W, C) that interpolate between the latent vectors of two seeds.

        High-dimensional normal vectors lie near a sphere, so the interpolation is spherical (White 2016,
        arXiv:1609.04468). All images are of one class: `label`, else the one that `generate` draws for the first seed.

        Raises:
            UserError: the run does not generate, has no such class, or truncation is not in (0, 1].
        """
        start, end = (self.latents(1, seed, truncation)[0] for seed in ends)
        cosine = torch.dot(start, end) / (start.norm() * end.norm())
        angle = torch.arccos(cosine.clamp(-0.9999, 0.9999))
        t = torch.linspace(0, 1, steps, device=start.device)[:, None]
        z = (torch.sin((1 - t) * angle) * start + torch.sin(t * angle) * end) / torch.sin(angle)
        return np.concatenate(list(self._render(z, self.labels(1, label, ends[0]).repeat(steps))))

    def encode(self, pictures: np.ndarray) -> Tensor:
        """Return the latent vectors (N, latent_size) of images uint8 (N, H, W, C) of the run's size.

        Raises:
            UserError: the run has no encoder, or the image size is wrong.
        """
        if not isinstance(self.family, loading.Encodes):
            raise UserError(f"run '{self.run.name}' has no encoder: use a bigan or a vae run")
        with torch.inference_mode():
            return self.family.encode(self._to_tensor(pictures))

    def reconstruct(self, pictures: np.ndarray) -> np.ndarray:
        """Encode images uint8 (N, H, W, C) and generate them from their latent vectors; return uint8 (N, H, W, C).

        Raises:
            UserError: the run has no encoder, or the image size is wrong.
        """
        z = self.encode(pictures)
        return np.concatenate(list(self._render(z, self.labels(len(z)))))

    def score(self, pictures: np.ndarray, label: str | None = None) -> np.ndarray:
        """Return the discriminator's logits, float32 (N,), of images uint8 (N, H, W, C) of the run's size.

        Raises:
            UserError: the discriminator's weights are missing or do not fit, or the image size or the label is wrong.
        """
        if not self._has_discriminator_weights:
            names = [name.split(".")[0] for name in self.family.judging_state()]
            _fill(self.family, dict.fromkeys(names), self.run.discriminator)
            self._has_discriminator_weights = True
        with torch.inference_mode(), self._low_precision.as_float32():
            inputs, labels = self._to_tensor(pictures), self.labels(len(pictures), label)
            return self.family.score(inputs, labels).float().cpu().numpy()

    def _to_tensor(self, pictures: np.ndarray) -> Tensor:
        """Return images as floats (N, C, H, W) in [-1, 1] on the device.

        Raises:
            UserError: they are not uint8, or not of the run's size.
        """
        expected = (self.config.image_size, self.config.image_size, self.config.channels)
        if pictures.dtype != np.uint8 or pictures.shape[1:] != expected:
            found = f"{pictures.dtype} {pictures.shape[1:]}"
            raise UserError(f"run '{self.run.name}' needs uint8 images {expected}, found {found}: resize them")
        return images.to_float(torch.from_numpy(pictures.transpose(0, 3, 1, 2).copy()).to(self.family.device))

    def _render(self, z: Tensor, labels: Tensor) -> Iterator[np.ndarray]:
        """Generate in batches; yield images uint8 (n, H, W, C).

        Raises:
            UserError: what the networks draw is not finite, or all images would take longer than is allowed.
        """
        begun, done = time.perf_counter(), 0
        for codes, classes in zip(z.split(self._batch), labels.split(self._batch), strict=True):
            with torch.inference_mode():
                pictures = self._finite(self.family.sample(codes, classes))
            done += len(codes)
            self._check_time(time.perf_counter() - begun, done, len(z))
            yield images.to_uint8(pictures).transpose(0, 2, 3, 1)

    def _check_time(self, seconds: float, done: int, count: int) -> None:
        """Check, from the time that the first images took, that all of them are drawn within the allowed time.

        Raises:
            UserError: they are not; the message says how many would be.
        """
        if self.seconds_allowed is None or done == count or seconds * count / done <= self.seconds_allowed:
            return
        most = max(1, int(self.seconds_allowed * done / seconds))
        raise UserError(
            f"run '{self.run.name}' would take about {seconds * count / done:.0f} s here for {count} images, and a "
            f"request may take {self.seconds_allowed:g} s: ask for at most {most}"
        )

    def _finite(self, pictures: Tensor) -> Tensor:
        """Return pictures as they are. Raises UserError: a value is not finite, and would be shown as black."""
        if not torch.isfinite(pictures).all():
            raise UserError(f"run '{self.run.name}': its networks draw values that are not finite: train it again")
        return pictures


def _one_chest(picture: np.ndarray) -> tuple[Tensor, lung_view.Chests]:
    """Return a picture float32 (H, W, C) in grey, (1, 1, H, W), and its lungs. Raises UserError: none are found."""
    grey = torch.from_numpy(picture.mean(2, dtype=np.float32))[None, None]
    side = (lung_view.MAPS, lung_view.MAPS)
    small = F.interpolate(grey, side, mode="bilinear", antialias=True)
    chests = lung_view.look((small[0].permute(1, 2, 0).numpy() * 255).round().clip(0, 255).astype(np.uint8)[None])
    if chests.reasons[0]:
        raise UserError(_no_lungs(chests.reasons[0]))
    return grey, chests


def _no_lungs(reason: str) -> str:
    return f"two lungs were not found in this image ({reason}): use a frontal chest X-ray, bone bright, head up"


def load(
    run: Run,
    run_config: RunConfig,
    device: str = "cpu",
    epoch: int | None = None,
    seconds_allowed: float | None = None,
) -> Model:
    """Build a run's networks from its config.json and load its weights; see `opening.load`.

    Raises:
        UserError: its config or weights are missing, damaged, or do not fit each other.
    """
    path = run.weights if epoch is None else run.snapshots().get(epoch)
    if path is None:
        raise UserError(f"run '{run.name}' has no snapshot of epoch {epoch}: train it again with --snapshots")
    if not path.is_file():
        raise UserError(f"run '{run.name}' has no {path.name} yet: it is written when the training ends or stops")
    family = _build(run, run_config, path)
    _fill(family, family.served, path)
    return Model(run, run_config, family.place(device).eval().requires_grad_(False), seconds_allowed)


def _build(run: Run, run_config: RunConfig, weights: Path) -> loading.Family:
    """Build the networks that config.json describes, without weights.

    A damaged file may describe networks of any size, so a first build on the meta device uses no memory.

    Raises:
        UserError: config.json is damaged, or describes networks much larger than the weights file.
    """

    shape = (run_config.channels, run_config.image_size, run_config.image_size)
    parts = run_config.family, run_config.settings, shape, len(run_config.classes)
    try:
        # The file has two bytes per number (half precision); the discriminator, not in it, is of similar size.
        largest = min(max(_NUMBERS_PER_BYTE * weights.stat().st_size, _SMALL), _LARGE)
        planned = loading.plan(*parts, most=largest)
        tensor_files.check_outline(weights, _networks(planned, planned.served).state_dict())
        return loading.build(*parts, training=False)
    except loading.TooLarge as error:
        raise UserError(f"{weights} does not fit config.json, which describes far larger networks: {error}") from error
    except UserError:
        raise
    # Layers raise many types of errors for invalid sizes.
    except (ArithmeticError, AttributeError, LookupError, MemoryError, RuntimeError, TypeError, ValueError) as error:
        raise UserError(
            f"{run.folder / runs.CONFIG} is damaged: no networks can be built from it ({first_line(error)})"
        ) from error


def _fill(family: loading.Family, names: Iterable[str], path: Path) -> None:
    """Load the weights of the named networks from a file.

    Raises:
        UserError: the file cannot be read, does not fit, or holds values that are not finite.
    """
    networks = _networks(family, names)
    tensor_files.check_outline(path, networks.state_dict())
    tensors, _ = tensor_files.load(path)
    if wrong := tensor_files.not_finite(tensors):
        raise UserError(f"{path} is damaged: '{wrong}' holds values that are not finite")
    tensor_files.load_into(networks, tensors, path)


def _networks(family: loading.Family, names: Iterable[str]) -> nn.ModuleDict:
    return nn.ModuleDict({name: family.network(name) for name in names})


def _batch_size(run_config: RunConfig, family: loading.Family) -> int:
    """Return how many pictures are drawn at once, so that the feature maps of a batch fit into memory.

    Raises:
        UserError: those of a single picture do not.
    """
    # A bound: the widest layer is hardly ever the one at the picture's own resolution.
    shapes = [value.shape for value in family.parameters() if value.dim() == 4]
    widest = max((max(shape[:2]) for shape in shapes), default=run_config.channels)
    each = 4 * widest * run_config.image_size**2  # bytes
    if each > _MOST_EACH:
        raise UserError(
            f"a picture of {run_config.image_size} px with {widest} channels takes more memory than GANray allows"
        )
    return min(_BATCH, max(1, _ACTIVATION_BYTES // each))
