"""Translation of a volume slice by slice, back into a volume that lies in the patient like its input.

Slices have the plane, the greys and the fit of those that the run was trained on. Only the share of them that it
learned from is translated; the others stay empty, and so does what lies outside of the network's square.
"""

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from gan_core.decode import image_files, nifti, volume_names, volumes
from gan_core.errors import UserError
from gan_core.inference import input_check

if TYPE_CHECKING:
    from gan_core.inference import Model

JUMPY = 2.0  # neighbours that differ this many times as much as in the input: stripes across the slices
_BATCH = 16  # slices
_CHECKED = 5  # slices that the input check looks at
_DESCRIPTION = 79  # characters


@dataclass(frozen=True, eq=False)
class TranslatedVolume:
    """A translated volume, along the patient's axes."""

    values: np.ndarray  # uint8 (x, y, z); 0 where nothing was translated
    slices: range  # the slices that were translated
    count: int  # all slices
    plane: str
    step_before: (
        float  # mean absolute difference between neighbouring slices of the input, as a share of the grey scale
    )
    step_after: float  # the same of the output

    def summary(self) -> str:
        """Return what was translated, and whether neighbouring slices fit together, as one line."""
        line = (
            f"{self.plane} slices {self.slices.start} to {self.slices.stop - 1} of {self.count} are translated, and "
            f"all else is 0; neighbouring slices differ by {self.step_after:.1%} of the grey scale, in the input by "
            f"{self.step_before:.1%}"
        )
        jumpy = self.step_after > JUMPY * self.step_before
        return f"{line}: they jump, look at the volume from the side" if jumpy else line


def translate(
    model: "Model", path: Path, source: str, to: str, *, original_size: bool, insist: bool
) -> tuple[bytes, str]:
    """Translate a NIfTI file from domain `source` to domain `to`.

    original_size: add the network's change to the slices; otherwise its picture is brought to their size. insist: also
    translate what does not look like the training images, or whose name says another contrast.

    Returns:
        The packed NIfTI file, whose header says that it is synthetic, and a line on it.

    Raises:
        UserError: the file cannot be read or is refused; see `volumes.read`.
    """
    name = str(path)
    if not insist and (reason := _wrong_contrast(path.name, source, to)):
        raise UserError(f"{name}: {reason}; --insist translates it anyway")
    volume = volumes.read(path, name)
    slicing = volumes.of_source(model.config.source)
    if not insist and (reason := _misfit(model, volume, slicing)):
        raise UserError(f"{name}: {reason}; --insist translates it anyway")
    found = translate_volume(model, volume, to, slicing, original_size=original_size)
    said = f"synthetic, not for diagnosis: {source} to {to}, {model.run.label}"
    said = said.encode("ascii", "replace").decode()[:_DESCRIPTION]
    content = nifti.to_bytes(volumes.as_stored(found.values, volume.grid), path, said)
    series = "" if volume.volumes == 1 else f"the first of {volume.volumes} volumes; "
    return content, f"{name}: {series}{found.summary()}"


def translate_volume(
    model: "Model", volume: volumes.Volume, to: str, slicing: volumes.Slicing, *, original_size: bool = False
) -> TranslatedVolume:
    """Translate the slices of a volume that the run learned from; see `translate`."""
    axis = volumes.PLANES.index(slicing.plane)
    grid, used = volume.grid, slicing.covered(volume.grid.shape[axis])
    values = np.zeros(grid.shape, np.uint8)
    along = np.moveaxis(values, axis, 0)
    steps: list[np.ndarray] = []
    last: np.ndarray | None = None
    for start in range(used.start, used.stop, _BATCH):
        places = range(start, min(start + _BATCH, used.stop))
        pictures = [volume.picture(slicing.plane, place)[..., None] for place in places]
        before = np.stack([_fitted(model, picture) for picture in pictures])
        after = model.translate(before, to)
        for place, picture, one, other in zip(places, pictures, before, after, strict=True):
            along[place] = np.rint(
                volumes.put_back(_spread(picture, one, other, model, original_size), grid, slicing.plane) * 255
            )
        both = np.stack([before, after]).astype(np.int16)
        joined = both if last is None else np.concatenate([last, both], axis=1)
        steps.append(np.abs(np.diff(joined, axis=1)).mean((2, 3, 4)))
        last = both[:, -1:]
    differences = np.concatenate(steps, axis=1) / 255
    before_step, after_step = differences.mean(1).tolist() if differences.size else (0.0, 0.0)
    return TranslatedVolume(values, used, grid.shape[axis], slicing.plane, before_step, after_step)


def _fitted(model: "Model", picture: np.ndarray) -> np.ndarray:
    """Return a slice as the network takes it, uint8 (S, S, C)."""
    run = model.config
    square = image_files.resize(image_files.to_channels(picture, run.channels), run.image_size, run.fit)
    return image_files.quantise(square).transpose(1, 2, 0)


def _spread(
    picture: np.ndarray, before: np.ndarray, after: np.ndarray, model: "Model", original_size: bool
) -> np.ndarray:
    """Return the translation of a slice at the slice's size, float32 (H, W) in [0, 1], 0 outside of the square."""
    wanted = after.astype(np.float32) - before if original_size else after.astype(np.float32)
    result, inside = image_files.enlarged(wanted / 255, picture.shape[:2], model.config.fit)
    if original_size:
        result += image_files.to_channels(picture, result.shape[2])
    grey = image_files.to_channels(np.clip(result, 0.0, 1.0), 1)[..., 0]
    return np.where(inside, grey, np.float32(0))


def _misfit(model: "Model", volume: volumes.Volume, slicing: volumes.Slicing) -> str:
    """Return why most of a few slices do not look like the training images; empty if they do."""
    used = slicing.covered(volume.grid.shape[volumes.PLANES.index(slicing.plane)])
    places = sorted({int(place) for place in np.linspace(used.start, used.stop - 1, _CHECKED + 2)[1:-1].round()})
    verdicts = [input_check.for_run(volume.picture(slicing.plane, place)[..., None], model.config) for place in places]
    reasons = [verdict.reason for verdict in verdicts if not verdict.fits]
    return (
        f"of {len(verdicts)} slices, {len(reasons)} do not fit: {reasons[0]}"
        if 2 * len(reasons) > len(verdicts)
        else ""
    )


def _wrong_contrast(name: str, source: str, to: str) -> str:
    """Return why a volume is not of the source domain by its name; empty where names do not tell."""
    own, wanted, target = (
        volume_names.about(name).contrast,
        *(volume_names.contrast_of(domain) for domain in (source, to)),
    )
    if not (own and wanted and target) or _plain(own) == _plain(wanted):
        return ""
    return f"its name says {own}, and the run translates {source} to {to}"


def _plain(contrast: str) -> str:
    """Return a contrast without the w, for weighted, that BIDS adds."""
    return contrast.removesuffix("w")
