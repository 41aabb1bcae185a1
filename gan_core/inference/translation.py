"""A picture of one domain into the other: the whole way from a decoded file to a PNG that says what it is.

    translated = translate_picture(inference.load(run), decoding.decode("normal.png"), to="COVID")
    Path("covid.png").write_bytes(png(translated.after, translated))

Imports no torch: the networks come in as the model that `inference.load` made.
"""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from math import ceil, floor
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from PIL import Image

from gan_core import files, images
from gan_core.decode import image_files
from gan_core.decode import worker as decode_worker
from gan_core.errors import UserError

if TYPE_CHECKING:
    from gan_core.inference import Model

NOTICEABLE = 0.05  # of the grey scale: a change that a careful eye sees


@dataclass(frozen=True, eq=False)
class Translation:
    """One picture there and back, at the network's own size; uint8 (S, S, C) each."""

    before: np.ndarray
    after: np.ndarray
    cycled: np.ndarray | None  # back in the first domain; None where it was not asked for
    source: str  # domain
    target: str  # domain
    run: str

    @property
    def change(self) -> np.ndarray:
        """after - before, float32 (S, S, C) in [-1, 1]: shares of the whole grey scale."""
        return (self.after.astype(np.float32) - self.before) / 255

    @property
    def cycle_error(self) -> np.ndarray:
        """cycled - before, float32 (S, S, C) in [-1, 1]; zeros without a cycled picture."""
        back = self.before if self.cycled is None else self.cycled
        return (back.astype(np.float32) - self.before) / 255

    def numbers(self, mask: np.ndarray | None = None) -> dict[str, float]:
        """How much changed, in shares of the grey scale, or of the pixels (`changed`).

        mask: bool (S, S), such as the lungs; then the mean change inside and outside of it as well.
        """
        size = np.abs(self.change).mean(2)
        found = {
            "mean": float(size.mean()),
            "changed": float((size > NOTICEABLE).mean()),
            "largest": float(size.max()),
        }
        if self.cycled is not None:
            found["cycle_error"] = float(np.abs(self.cycle_error).mean())
        if mask is not None and mask.any() and not mask.all():
            found |= {"inside": float(size[mask].mean()), "outside": float(size[~mask].mean())}
        return found


def other(model: "Model", to: str) -> str:
    """The domain that pictures come from when they go to `to`.

    Raises:
        UserError: the run does not translate, or not to there.
    """
    model.check_direction(to)
    return next(domain for domain in model.domains if domain != to)


def translate_picture(model: "Model", picture: np.ndarray, to: str, *, cycle: bool = True) -> Translation:
    """Translate one decoded picture, float32 (H, W, C) in [0, 1] of any size.

    It is made square and brought to the network's size the way the run's training images were. cycle: also translate
    the result back, which costs as much again, where the run has a way back.

    Raises:
        UserError: the run does not translate to domain `to`.
    """
    source, run_config = other(model, to), model.config
    fitted = image_files.resize(
        image_files.to_channels(picture, run_config.channels), run_config.image_size, run_config.fit
    )
    before = image_files.quantise(fitted).transpose(1, 2, 0)
    after = model.translate(before[None], to)[0]
    cycled = model.translate(after[None], source)[0] if cycle and source in model.targets else None
    return Translation(before, after, cycled, source, to, model.run.label)


def with_cycle(model: "Model", translated: Translation) -> Translation:
    """The same translation with its way back; as it was where the run goes one way."""
    if translated.source not in model.targets:
        return translated
    back = model.translate(translated.after[None], translated.source)[0]
    return Translation(translated.before, translated.after, back, translated.source, translated.target, translated.run)


def at_original_size(picture: np.ndarray, translated: Translation, fit: str) -> np.ndarray:
    """The translation at the picture's own size, uint8 (H, W, C).

    picture: float32 (H, W, C) in [0, 1], as decoded. The change that the network made is brought to its resolution and
    added to it, so that its detail stays. With fit `crop` what lay outside the square stays as it was.
    """
    change = translated.change
    result = image_files.to_channels(picture, change.shape[2]).copy()
    height, width, channels = result.shape
    box, inner = image_files.placed(height, width, len(change), fit)
    # The square may begin in the middle of a pixel: the whole ones within it, and where they lie in the change.
    left, top, right, bottom = ceil(box[0]), ceil(box[1]), floor(box[2]), floor(box[3])
    across, down = (inner[2] - inner[0]) / (box[2] - box[0]), (inner[3] - inner[1]) / (box[3] - box[1])
    part = (
        inner[0] + (left - box[0]) * across,
        inner[1] + (top - box[1]) * down,
        inner[0] + (right - box[0]) * across,
        inner[1] + (bottom - box[1]) * down,
    )
    for channel in range(channels):
        plane = Image.fromarray(np.ascontiguousarray(change[..., channel]))
        added = plane.resize((right - left, bottom - top), Image.Resampling.BICUBIC, box=part)
        result[top:bottom, left:right, channel] += np.asarray(added)
    return np.rint(np.clip(result, 0.0, 1.0) * 255).astype(np.uint8)


def png(picture: np.ndarray, translated: Translation) -> bytes:
    """PNG of uint8 (H, W, C) that says inside what it is: synthetic, by which run, in which direction.

    Nothing of the input's own description goes along: it may name a patient.
    """
    return images.png_bytes(picture, Run=translated.run, Direction=f"{translated.source} to {translated.target}")


@dataclass(frozen=True)
class Done:
    """What became of the files given to `translate_files`."""

    written: tuple[Path, ...]
    refused: tuple[str, ...]  # a line each: the file, and why


def translate_files(
    model: "Model",
    inputs: Sequence[Path],
    to: str,
    out: Path,
    *,
    original_size: bool = False,
    insist: bool = False,
    progress: Callable[[Iterable[Path]], Iterable[Path]] = iter,
) -> Done:
    """Translate files, and folders of them, into PNGs of the same names below `out`; a folder keeps its inner folders.

    One picture that cannot be read, or does not look like what the run was trained on, does not keep the others from
    being written. insist: translate whatever it looks like. progress: wraps the files as they are gone through.

    Raises:
        UserError: no such file or direction, nothing to translate, or two inputs that would share a name.
    """
    from gan_core.inference import input_check  # it brings torch

    other(model, to)
    targets = _targets(inputs, out)
    written: list[Path] = []
    refused: list[str] = []
    with decode_worker.shared() as worker:
        for path in progress(list(targets)):
            try:
                name = str(path)
                picture = worker.decode(image_files.read(path, name), name, longest=decode_worker.WHOLE)
                verdict = input_check.for_run(picture, model.config)
                if not verdict.fits and not insist:
                    refused.append(f"{path}: {verdict.reason}; --insist translates it all the same")
                    continue
                translated = translate_picture(model, picture, to, cycle=False)
            except UserError as error:
                refused.append(str(error))
                continue
            except MemoryError:
                refused.append(f"{path}: it takes more memory than there is")
                continue
            result = at_original_size(picture, translated, model.config.fit) if original_size else translated.after
            target = targets[path]
            with files.readable_os_errors(target):
                target.parent.mkdir(parents=True, exist_ok=True)
                files.write_bytes(target, png(result, translated))
            written.append(target)
    return Done(tuple(written), tuple(refused))


def _targets(inputs: Sequence[Path], out: Path) -> dict[Path, Path]:
    """Input file -> PNG file, for everything that is to be translated."""
    if out.exists() and not out.is_dir():
        raise UserError(f"--out {out}: this is a file, name a folder")
    targets: dict[Path, Path] = {}
    taken: dict[Path, Path] = {}
    for given in inputs:
        for path, inner in _walk(given, out):
            target = out / _as_png(inner)
            first = taken.setdefault(target, path)
            if first.resolve() != path.resolve():
                raise UserError(f"{first} and {path} would both be written to {target}: translate them apart")
            targets[first] = target
    ours = {path.resolve(): path for path in targets}
    for path, target in targets.items():
        overwritten = ours.get(target.resolve())
        if overwritten:
            raise UserError(f"{overwritten} would be overwritten by the translation of {path}: choose another --out")
    return targets


def _as_png(path: Path) -> Path:
    # DICOM files are often named by numbers with dots, whose last is no ending.
    return (
        path.with_suffix(".png") if path.suffix.lower() in image_files.SUFFIXES else path.with_name(f"{path.name}.png")
    )


def _walk(given: Path, out: Path) -> list[tuple[Path, Path]]:
    """The pictures of a file or folder, and their names below the output folder."""
    if not given.exists():
        raise UserError(f"{given}: there is no such file or folder")
    if not given.is_dir():
        return [(given, Path(given.name))]
    found = []
    inside = given.resolve() in out.resolve().parents
    for path in sorted(given.rglob("*")):
        inner = path.relative_to(given)
        hidden = any(part.startswith((".", "__MACOSX")) for part in inner.parts)
        # What an earlier call wrote into a folder of this folder is not to be translated again.
        earlier = inside and out.resolve() in path.resolve().parents
        if path.suffix.lower() in image_files.SUFFIXES and path.is_file() and not hidden and not earlier:
            found.append((path, inner))
    if not found:
        raise UserError(f"{given}: no pictures in this folder ({', '.join(image_files.SUFFIXES)})")
    return found
