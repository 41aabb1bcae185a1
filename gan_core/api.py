"""The public API for other programs: `gan_core.load`, `generate`, `translate`, `evaluate`.

    import gan_core

    pictures = gan_core.generate("cgan", 16, label="PNEUMONIA", seed=1)
    pictures.arrays        uint8 (16, 64, 64, 1)
    pictures.images[0]     a PIL image
    pictures.sheet()       all images on one contact sheet, a PIL image

A run is named as on the command line: by its name, its folder, or hub:owner/name. The first call imports torch.
Invalid input raises `gan_core.UserError`, a ValueError whose message is one line.
"""

import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, overload

import numpy as np
from PIL import Image

from gan_core import files, images, runs
from gan_core.decode import image_files
from gan_core.errors import UserError
from gan_core.runs import Run, hub_models

if TYPE_CHECKING:
    from gan_core.evaluation.results import Evaluation
    from gan_core.inference import Model

Picture = str | os.PathLike[str] | Image.Image | np.ndarray  # a file, a PIL image, or uint8 (H, W) or (H, W, 1 or 3)


@dataclass(frozen=True, eq=False)
class Pictures(Sequence[Image.Image]):
    """Synthetic images: a sequence of PIL images, and the same images as one array."""

    arrays: np.ndarray  # uint8 (N, H, W, C)
    labels: tuple[str, ...]  # class or domain of each image, "" without one
    run: str

    def __len__(self) -> int:
        return len(self.arrays)

    @overload
    def __getitem__(self, index: int) -> Image.Image: ...

    @overload
    def __getitem__(self, index: slice) -> "Pictures": ...

    def __getitem__(self, index: int | slice) -> "Image.Image | Pictures":
        if isinstance(index, slice):
            return Pictures(self.arrays[index], self.labels[index], self.run)
        return images.to_pil(self.arrays[index])

    def __iter__(self) -> Iterator[Image.Image]:
        return map(images.to_pil, self.arrays)

    @property
    def images(self) -> list[Image.Image]:
        return list(self)

    def sheet(self, columns: int | None = None) -> Image.Image:
        """Contact sheet of all images, row by row; as square as possible if `columns` is not given."""
        return images.to_pil(images.grid(self.arrays.transpose(0, 3, 1, 2), columns))

    def save(self, folder: str | os.PathLike[str]) -> list[Path]:
        """Write 00000.png, 00001.png ... and return their paths.

        The PNG text chunks hold the notice that the image is synthetic, the run and the label.

        Raises:
            UserError: the folder cannot be written.
        """
        target = Path(folder)
        with files.readable_os_errors(target):
            target.mkdir(parents=True, exist_ok=True)
        paths = [target / f"{number:05d}.png" for number in range(len(self))]
        for path, array, label in zip(paths, self.arrays, self.labels, strict=True):
            images.save_png(path, array, Run=self.run, **({"Label": label} if label else {}))
        return paths


def load(run: "str | os.PathLike[str] | Run", device: str = "cpu") -> "Model":
    """Load a trained run's networks once, to generate, translate, encode and score with them any number of times.

    Raises:
        UserError: the run does not exist, or its files are damaged.
    """
    from gan_core import inference

    return inference.load(_found(run), device)


def generate(
    run: "str | os.PathLike[str] | Run | Model",
    count: int = 16,
    *,
    label: str | None = None,
    seed: int = 0,
    truncation: float = 1.0,
) -> Pictures:
    """Generate `count` images. Image i depends on the seed and on i alone.

    label: a class of a conditional run; without one, classes are drawn in the proportions of the training data.
    truncation: standard deviation of the latents, at most 1; smaller values give more typical, less diverse images.

    Raises:
        UserError: the run cannot be loaded, is a translator, or has no such class; or a value is wrong.
    """
    _check_whole("count", count, 1)
    _check_whole("seed", seed, 0)
    model = _model(run)
    arrays, labels = model.generate(count, label=label, seed=seed, truncation=truncation)
    return Pictures(arrays, tuple(labels), model.run.label)


def translate(
    run: "str | os.PathLike[str] | Run | Model",
    pictures: Picture | Sequence[Picture],
    to: str,
    *,
    insist: bool = False,
    severity: float | None = None,
    seed: int = 0,
) -> Pictures:
    """Translate pictures from the run's other domain into domain `to`, at the size of the network.

    Each picture is windowed and made square as the run's training images were. insist: translate pictures that do not
    look like the training images, too. severity, seed: of a run that paints opacity, how much of it (0 to 1; 0.7 by
    default), and the pattern of the first picture; picture i has the pattern of seed + i.

    Raises:
        UserError: the run cannot be loaded, does not translate to `to` or has no severity; a picture cannot be read,
            does not look like the training images, or shows no lungs to paint into; or a value is wrong.
    """
    from gan_core.inference import input_check, translation

    _check_whole("seed", seed, 0)
    model = _model(run)
    model.check_direction(to)
    model.check_severity(severity)
    several = list(pictures) if isinstance(pictures, Sequence) and not isinstance(pictures, str) else [pictures]
    if isinstance(pictures, np.ndarray) and pictures.ndim == 4:
        several = list(pictures)
    if not several:
        raise UserError("there is no picture to translate: give at least one")
    after = []
    for number, one in enumerate(several):
        picture, name = _decoded(one, number, model.config.scale)
        verdict = input_check.for_run(picture, model.config)
        if not verdict.fits and not insist:
            raise UserError(f"{name}: {verdict.reason}; insist=True translates it anyway")
        try:
            done = translation.translate_picture(model, picture, to, cycle=False, severity=severity, seed=seed + number)
        except UserError as error:
            raise UserError(f"{name}: {error}") from error
        after.append(done.after)
    return Pictures(np.stack(after), (to,) * len(after), model.run.label)


def evaluate(
    run: "str | os.PathLike[str] | Run",
    data: str | os.PathLike[str] | None = None,
    *,
    parts: Sequence[str] = (),
    count: int = 1000,
    seed: int = 0,
    extractor: str | None = None,
) -> "Evaluation":
    """Evaluate a run against real images and write its evaluation.json, as the command `evaluate` does.

    Preparing many images starts other processes, so a script must call this below `if __name__ == "__main__":`.

    data: a source; by default the run's own. parts: fidelity, progress, memorisation, utility, audit; by default all
    that apply to the run. count: number of generated images.

    Raises:
        UserError: the run has no weights or is a model of the Hub; the source or the extractor does not exist; there
            are too few images; or a value is wrong.
    """
    from gan_core.evaluation import evaluate as evaluation

    found = _found(run)
    if found.name.startswith(hub_models.PREFIX):
        raise UserError(f"{found.name} cannot be evaluated on the Hub: copy its folder into {runs.default_root()}")
    _check_whole("count", count, 1)
    _check_whole("seed", seed, 0)
    request = evaluation.EvaluationRequest(tuple(parts), count, seed, extractor)
    return evaluation.evaluate(found, None if data is None else os.fspath(data), request)


def _check_whole(name: str, value: int, least: int) -> None:
    if not isinstance(value, int | np.integer) or value < least:
        raise UserError(f"{name}={value}: it must be a whole number, at least {least}")


def _found(run: "str | os.PathLike[str] | Run") -> Run:
    return run if isinstance(run, Run) else hub_models.find(os.fspath(run), runs.default_root())


def _model(run: "str | os.PathLike[str] | Run | Model") -> "Model":
    from gan_core import inference

    return run if isinstance(run, inference.Model) else load(run)


def _decoded(picture: Picture, number: int, scale: image_files.Scale | None) -> tuple[np.ndarray, str]:
    """The picture as float32 (H, W, 1 or 3) in [0, 1], and its name for error messages."""
    if isinstance(picture, str | os.PathLike):
        return image_files.decode(Path(picture), channels=None, scale=scale), os.fspath(picture)
    name = f"picture {number}"
    if isinstance(picture, Image.Image):
        return image_files.decode_opened(picture, name, scale), name
    array = picture[:, :, None] if picture.ndim == 2 else picture
    if array.dtype != np.uint8 or array.ndim != 3 or array.shape[2] not in (1, 3) or not array.size:
        raise UserError(f"{name} is {array.dtype} {picture.shape}: give uint8 (H, W) or (H, W, 1 or 3)")
    return array.astype(np.float32) / 255, name
