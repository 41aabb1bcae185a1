"""Translation of image files: from a decoded image to a PNG whose metadata says that it is synthetic.

    translated = translate_picture(inference.load(run), image_files.decode("normal.png"), to="COVID")
    Path("covid.png").write_bytes(png(translated.after, translated))

This module does not import torch; callers pass the model from `inference.load`.
"""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from gan_core import files, images
from gan_core.decode import image_files, nifti, volume_names
from gan_core.decode import worker as decode_worker
from gan_core.errors import UserError
from gan_core.family_traits import SEVERITY

if TYPE_CHECKING:
    from gan_core.inference import Model

NOTICEABLE = 0.05  # share of the grey scale; a careful viewer sees a change this large


@dataclass(frozen=True, eq=False)
class Translation:
    """One translated image, at the network's size S: uint8 (S, S, C) each."""

    before: np.ndarray
    after: np.ndarray
    cycled: np.ndarray | None  # translated back to the source domain; None if not requested
    source: str  # domain
    target: str  # domain
    run: str  # name of the run
    opacity: np.ndarray | None = None  # of a graded run: share of air lost, float32 (S, S); painted, or taken away
    severity: float | None = None  # of a graded run, to its second domain
    seed: int = 0

    @property
    def change(self) -> np.ndarray:
        """after - before, float32 (S, S, C) in [-1, 1], as a share of the grey scale."""
        return (self.after.astype(np.float32) - self.before) / 255

    @property
    def cycle_error(self) -> np.ndarray:
        """cycled - before, float32 (S, S, C) in [-1, 1]; zeros without a cycled image."""
        cycled = self.before if self.cycled is None else self.cycled
        return (cycled.astype(np.float32) - self.before) / 255

    def numbers(self, mask: np.ndarray | None = None) -> dict[str, float]:
        """Return the size of the change as shares of the grey scale; `changed` is a share of the pixels.

        mask: bool (S, S), such as the lungs; adds the mean change inside and outside of it.
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
    """Return the source domain of a translation to domain `to`.

    Raises:
        UserError: the run does not translate to this domain.
    """
    model.check_direction(to)
    return next(domain for domain in model.domains if domain != to)


def translate_picture(
    model: "Model", picture: np.ndarray, to: str, *, cycle: bool = True, severity: float | None = None, seed: int = 0
) -> Translation:
    """Translate one decoded image, float32 (H, W, C) in [0, 1] of any size.

    The image is made square and resized like the run's training images. cycle: also translate the result back, which
    doubles the cost; ignored for a one-way translator. severity, seed: of a graded run, see `Model.paint`.

    Raises:
        UserError: the run does not translate to domain `to` or has no severity; or a graded run finds no lungs.
    """
    source, run_config = other(model, to), model.config
    fitted = image_files.resize(
        image_files.to_channels(picture, run_config.channels), run_config.image_size, run_config.fit
    )
    before = image_files.quantise(fitted).transpose(1, 2, 0)
    if model.graded:
        return _graded(model, before, (source, to), severity, seed, cycle)
    after = model.translate(before[None], to, severity=severity)[0]
    cycled = model.translate(after[None], source)[0] if cycle and source in model.targets else None
    return Translation(before, after, cycled, source, to, model.run.label)


def _graded(
    model: "Model", before: np.ndarray, way: tuple[str, str], severity: float | None, seed: int, cycle: bool
) -> Translation:
    """Translate one image uint8 (S, S, C) by a graded run. Raises UserError: no lungs are found; or as `paint`."""
    source, to = way
    if refusal := model.refusals(before[None])[0]:
        raise UserError(refusal)
    after, maps = model.paint(before[None], to, severity=severity, seed=seed)
    cycled = model.translate(after, source, seed=seed)[0] if cycle else None
    amount = (SEVERITY if severity is None else severity) if to == model.domains[1] else None
    return Translation(before, after[0], cycled, source, to, model.run.label, maps[0], amount, seed)


def with_cycle(model: "Model", translated: Translation) -> Translation:
    """Return the translation with its cycled image added; unchanged for a one-way translator."""
    if translated.source not in model.targets:
        return translated
    cycled = model.translate(translated.after[None], translated.source)[0]
    return replace(translated, cycled=cycled)


def at_original_size(picture: np.ndarray, translated: Translation, fit: str) -> np.ndarray:
    """Return the translation at the image's original size, uint8 (H, W, C).

    picture: the decoded image, float32 (H, W, C) in [0, 1]. The network's change is resized to the image's resolution
    and added to it, which preserves its detail. With fit `crop`, pixels outside the square do not change.
    """
    change = translated.change
    original = image_files.to_channels(picture, change.shape[2])
    result = original + image_files.enlarged(change, original.shape[:2], fit)[0]
    return np.rint(np.clip(result, 0.0, 1.0) * 255).astype(np.uint8)


def whole(model: "Model", picture: np.ndarray, translated: Translation) -> np.ndarray:
    """Return the translation at the image's original size, uint8 (H, W, C), as well as the run can.

    A graded run paints into the picture itself (`graded_whole`); of another run's translation the change is enlarged
    (`at_original_size`).

    picture: the decoded image, float32 (H, W, C) in [0, 1].

    Raises:
        UserError: a graded run finds no lungs in the whole picture.
    """
    if not model.graded:
        return at_original_size(picture, translated, model.config.fit)
    return graded_whole(model, picture, translated.severity, translated.seed)[0]


def graded_whole(
    model: "Model", picture: np.ndarray, severity: float | None, seed: int = 0, brush: np.ndarray | None = None
) -> tuple[np.ndarray, np.ndarray]:
    """Translate an image at its own size by a graded run: ribs are seen through the haze as sharp as before.

    Args:
        picture: the decoded image, float32 (H, W, C) in [0, 1].
        severity: of the opacity that is painted, in [0, 1]; None for the way back, which clears.
        seed: of the pattern.
        brush: where opacity may lie in the frame of the lungs, float32 (64, 64) in [0, 1]; everywhere if None.

    Returns:
        The translation, uint8 (H, W, C), and the opacity map: share of air lost, float32 (H, W) in [0, 1].

    Raises:
        UserError: no lungs are found, or a value is wrong.
    """
    original = image_files.to_channels(picture, model.config.channels)
    if severity is None:
        result, opacity = model.cleared(original)
    else:
        model.check_severity(severity)
        painting = model.painting(original, seed, brush)
        found = painting.in_picture(severity)
        result = original + (found * painting.canvas.room)[0, 0].cpu().numpy()[..., None]
        opacity = (found * painting.canvas.soft)[0, 0].cpu().numpy()
    return np.rint(np.clip(result, 0.0, 1.0) * 255).astype(np.uint8), opacity


def png(picture: np.ndarray, translated: Translation) -> bytes:
    """Return a PNG of uint8 (H, W, C) whose metadata says that it is synthetic, by which run, and how it was made.

    No metadata of the input is copied, because it may identify a patient.
    """
    return images.png_bytes(picture, **_notes(translated))


def opacity_png(opacity: np.ndarray, translated: Translation) -> bytes:
    """Return an opacity map, float32 (H, W) in [0, 1], as a grey PNG whose metadata says what it is."""
    what = "opacity map: share of air lost in the lungs, black 0 %, white 100 %"
    grey = np.rint(np.clip(opacity, 0.0, 1.0) * 255).astype(np.uint8)
    return images.png_bytes(grey, Content=what, **_notes(translated))


def opacity_path(path: Path) -> Path:
    """Return the path of the opacity map that belongs to a translation."""
    return path.with_name(f"{path.stem}_opacity.png")


def _notes(translated: Translation) -> dict[str, str]:
    notes = {"Run": translated.run, "Direction": f"{translated.source} to {translated.target}"}
    if translated.severity is None:
        return notes
    return notes | {"Severity": f"{translated.severity:g}", "Seed": str(translated.seed)}


@dataclass(frozen=True)
class Done:
    """The result of `translate_files`."""

    written: tuple[Path, ...]
    refused: tuple[str, ...]  # one line per file: its name and the reason
    notes: tuple[str, ...] = ()  # one line per volume: which slices were translated, and how much neighbours differ


def translate_files(
    model: "Model",
    inputs: Sequence[Path],
    to: str,
    out: Path,
    *,
    original_size: bool = False,
    insist: bool = False,
    severity: float | None = None,
    seed: int = 0,
    maps: bool = False,
    progress: Callable[[Iterable[Path]], Iterable[Path]] = iter,
) -> Done:
    """Translate files and folders into PNGs of the same names below `out`, volumes into volumes; subfolders are kept.

    An image that is unreadable, or does not look like the training images, is refused, and the others are still
    written. insist: translate it anyway. progress: wraps the iteration over the files, such as `tqdm`.

    severity, seed: of a graded run; file number i, counted from 0, has the pattern of seed + i, whatever becomes of
    the others. maps: of a graded run, also write the opacity map of each image, `NAME_opacity.png` beside `NAME.png`.

    Raises:
        UserError: a file or the direction does not exist, there is nothing to translate, two inputs have the same
            output file, or the run has no severity or a value is wrong.
    """
    from gan_core.inference import input_check, volume_translation

    source = other(model, to)
    model.check_severity(severity)
    if maps and not model.graded:
        raise UserError(f"run '{model.run.name}' paints no opacity, so that there are no maps: leave --map out")
    targets = _targets(inputs, out)
    if maps:
        _check_maps(targets)
    written: list[Path] = []
    refused: list[str] = []
    notes: list[str] = []
    with decode_worker.shared() as worker:
        for number, path in enumerate(progress(list(targets))):
            try:
                name, target = str(path), targets[path]
                if nifti.is_volume_name(name):
                    if model.graded:
                        raise UserError(f"{name}: this run paints into chest X-rays, and not into volumes")
                    volume, note = volume_translation.translate(
                        model, path, source, to, original_size=original_size, insist=insist
                    )
                    _write(target, volume)
                    written.append(target)
                    notes.append(note)
                    continue
                data = image_files.read(path, name)
                picture = worker.decode(data, name, longest=decode_worker.WHOLE, scale=model.config.scale)
                verdict = input_check.for_run(picture, model.config)
                if not verdict.fits and not insist:
                    refused.append(f"{path}: {verdict.reason}; --insist translates it anyway")
                    continue
                translated = translate_picture(model, picture, to, cycle=False, severity=severity, seed=seed + number)
                result, opacity = translated.after, translated.opacity
                if original_size and model.graded:
                    result, opacity = graded_whole(model, picture, translated.severity, translated.seed)
                elif original_size:
                    result = at_original_size(picture, translated, model.config.fit)
            except UserError as error:
                refused.append(_named(path, error))
                continue
            except MemoryError:
                refused.append(f"{path}: not enough memory for this image")
                continue
            _write(target, png(result, translated))
            written.append(target)
            if maps and opacity is not None:
                _write(opacity_path(target), opacity_png(opacity, translated))
    return Done(tuple(written), tuple(refused), tuple(notes))


def _write(target: Path, content: bytes) -> None:
    with files.readable_os_errors(target):
        target.parent.mkdir(parents=True, exist_ok=True)
        files.write_bytes(target, content)


def _named(path: Path, error: UserError) -> str:
    """Return an error as a line that names the file."""
    return str(error) if str(error).startswith(str(path)) else f"{path}: {error}"


def _check_maps(targets: dict[Path, Path]) -> None:
    """Raise a UserError where an opacity map would replace a translation or an input."""
    taken = {path.resolve() for pair in targets.items() for path in pair}
    for target in targets.values():
        if opacity_path(target).resolve() in taken:
            raise UserError(
                f"{opacity_path(target)} would be overwritten by an opacity map: rename the image of that name"
            )


def _targets(inputs: Sequence[Path], out: Path) -> dict[Path, Path]:
    """Return input file -> PNG or NIfTI file for everything to translate.

    Raises:
        UserError: an input does not exist, two inputs have the same output, or an output would replace an input.
    """
    if out.exists() and not out.is_dir():
        raise UserError(f"--out {out}: this is a file, name a folder")
    targets: dict[Path, Path] = {}
    first_input: dict[Path, Path] = {}
    for given in inputs:
        for path, inner in _walk(given, out):
            target = out / (_as_nifti(inner) if nifti.is_volume_name(inner.name) else _as_png(inner))
            first = first_input.setdefault(target, path)
            if first.resolve() != path.resolve():
                raise UserError(
                    f"{first} and {path} would both be written to {target}: translate them separately, "
                    "with another --out"
                )
            targets[first] = target
    by_resolved = {path.resolve(): path for path in targets}
    for path, target in targets.items():
        overwritten = by_resolved.get(target.resolve())
        if overwritten:
            raise UserError(f"{overwritten} would be overwritten by the translation of {path}: choose another --out")
    return targets


def _as_png(path: Path) -> Path:
    # DICOM files are often named by numbers with dots; the last number is not a suffix.
    return (
        path.with_suffix(".png") if path.suffix.lower() in image_files.SUFFIXES else path.with_name(f"{path.name}.png")
    )


def _as_nifti(path: Path) -> Path:
    return path.with_name(f"{volume_names.stem(path.name)}.nii.gz")


def _is_scan(inner: Path) -> bool:
    """Return whether a path names a volume, and not a segmentation of one."""
    return nifti.is_volume_name(inner.name) and not volume_names.about(inner.as_posix()).mask


def _walk(given: Path, out: Path) -> list[tuple[Path, Path]]:
    """Return the image files of a file or folder, each with its relative path below the output folder.

    Raises:
        UserError: the input does not exist, or the folder has no image files.
    """
    if not given.exists():
        raise UserError(f"{given}: there is no such file or folder")
    if not given.is_dir():
        return [(given, Path(given.name))]
    found = []
    inside = given.resolve() in out.resolve().parents
    for path in sorted(given.rglob("*")):
        inner = path.relative_to(given)
        hidden = any(part.startswith((".", "__MACOSX")) for part in inner.parts)
        # Skip the output of an earlier call, if the output folder is inside the input folder.
        is_output = inside and out.resolve() in path.resolve().parents
        if hidden or is_output or not path.is_file():
            continue
        unclear = image_files.may_be_dicom(path.name)
        known = path.suffix.lower() in image_files.SUFFIXES or _is_scan(inner)
        if known or (unclear and image_files.is_dicom_file(path)):
            found.append((path, inner))
    if not found:
        raise UserError(f"{given}: no images in this folder ({', '.join((*image_files.SUFFIXES, *nifti.SUFFIXES))})")
    return found
