"""Translations against the true picture, where it is known: drawn chests, drawn heads, and paired slices.

    known(prepared, chosen, translated, "normal")["error"]      value 0.021, floor 0.034: the error without translation

A drawn chest with pneumonia has a healthy twin, so translation to healthy has one right answer. Translation to disease
has many: there, the place of the change is compared with the place of the disease drawn into the same chest. Imports
no torch.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from scipy import ndimage, special

from gan_core.data import Prepared
from gan_core.data.pairs import FEWEST, find, partner
from gan_core.data.readers.phantom import open_phantom, picture
from gan_core.errors import UserError
from gan_core.evaluation.results import Measure
from gan_core.phantoms.chest import xray
from gan_core.phantoms.head import mri

MEANINGS = {
    "error": "mean absolute error against the true picture, shares of the grey scale; floor: no translation",
    "error inside lungs": "the same inside the true lungs; floor: no translation",
    "error outside lungs": "the same outside the true lungs; floor: no translation",
    "change in lungs": "share of the absolute change inside the true lungs; floor: of disease drawn into that chest",
    "brightening": "mean brightening of the true lungs, shares of the grey scale; floor: as drawn",
    "both lungs": "brightening of the less changed lung over that of the other, 1 if equal; floor: as drawn",
    "periphery": "share of the lungs' brightening in the outer half of each lung; floor: as drawn",
    "base": "share of the lungs' brightening in the lower half of each lung; floor: as drawn",
    "ssim": "structural similarity to the true slice inside the head; floor: no translation",
    "psnr": "peak signal-to-noise ratio in dB to the true slice inside the head; floor: no translation",
}

_REDRAWN = 2.0  # mean difference in grey levels above which another version drew the picture
_RADIUS = 5  # radius of SSIM's window in pixels: 11 a side (Wang 2004)


@dataclass(frozen=True)
class _Row:
    """One picture's value of one measure and its floor; None if there is none."""

    value: float | None
    floor: float | None


def known(prepared: Prepared, chosen: np.ndarray, after: np.ndarray, target: str) -> dict[str, Measure]:
    """Measure translated pictures against the truth, by key of `MEANINGS`; empty if no truth is known.

    Args:
        prepared: the data.
        chosen: (N,) positions of the pictures in `prepared`, all of one class.
        after: their translations, uint8 (N, S, S, C).
        target: the class that they were translated to.

    Raises:
        UserError: another version drew the pictures, or the file names of T1 and T2 slices give no pairs.
    """
    source = prepared.classes[prepared.labels[chosen[0]]]
    before = np.stack([picture.transpose(1, 2, 0) for picture in prepared.images[chosen]])
    score = _scorer(prepared, chosen, source, target)
    if score is None:
        return {}
    rows: dict[str, list[_Row]] = {}
    groups: list[str] = []
    if prepared.source.strip().partition("?")[0] != "phantom:colour":
        before, after = grey(before), grey(after)
    for place, given, made in zip(chosen, before.astype(np.float32), after.astype(np.float32), strict=True):
        found = score(int(place), given, made)
        groups += [prepared.patients[place]] if found else []
        for name, row in found.items():
            rows.setdefault(name, []).append(row)
    return {name: measure for name, listed in rows.items() if (measure := _mean(listed, groups))}


_Score = Callable[[int, np.ndarray, np.ndarray], dict[str, _Row]]


def _scorer(prepared: Prepared, chosen: np.ndarray, source: str, target: str) -> _Score | None:
    """Return the function that scores one picture; None if no truth is known.

    It takes the picture's position and float32 (S, S) in [0, 255] before and after; (S, S, C) for coloured X-rays.
    """
    kind, _, rest = prepared.source.strip().partition(":")
    if kind == "phantom":
        seeds = {entry.name: int(entry.stamp) for entry in open_phantom(rest).entries}
        names = (source, target)
        if rest.startswith("mri"):
            return lambda place, *pictures: _slice(seeds[prepared.names[place]], names, *pictures)
        if rest.startswith("colour"):
            return lambda place, *pictures: _coloured(seeds[prepared.names[place]], names, *pictures)
        if target == "normal":
            return lambda place, *pictures: _to_healthy(seeds[prepared.names[place]], source, *pictures)
        if source == "normal":
            return lambda place, *pictures: _to_disease(seeds[prepared.names[place]], target, *pictures)
        return None
    truth = _partners(prepared, chosen, target)
    if not truth:
        return None

    def pair(place: int, before: np.ndarray, after: np.ndarray) -> dict[str, _Row]:
        if place not in truth:
            return {}
        true = grey(prepared.images[truth[place]].transpose(1, 2, 0)[None])[0]
        return _compared(before, after, true, head(before, true))

    return pair


def _to_healthy(seed: int, kind: str, before: np.ndarray, after: np.ndarray) -> dict[str, _Row]:
    """Score disease to healthy: the error against the same chest without disease."""
    drawn = xray.draw(kind, seed, len(before))
    _check_drawn(drawn.image, before)
    true = _levels(drawn.healthy)
    made, untranslated = np.abs(after - true) / 255, np.abs(before - true) / 255
    parts = {"error": np.ones_like(drawn.lungs), "error inside lungs": drawn.lungs, "error outside lungs": ~drawn.lungs}
    return {
        name: _Row(float(made[part].mean()), float(untranslated[part].mean())) if part.any() else _Row(None, None)
        for name, part in parts.items()
    }


def _to_disease(seed: int, kind: str, before: np.ndarray, after: np.ndarray) -> dict[str, _Row]:
    """Score healthy to disease: the place of the change, beside that of this disease drawn into this chest."""
    drawn = xray.draw(kind, seed, len(before))
    _check_drawn(drawn.healthy, before)
    made, expected = (where(change, drawn.lungs) for change in (after - before, _levels(drawn.image) - before))
    return {name: _Row(made[name], expected[name]) for name in made}


def _slice(seed: int, names: tuple[str, str], before: np.ndarray, after: np.ndarray) -> dict[str, _Row]:
    drawn, true = (mri.draw(name, seed, len(before)) for name in names)
    _check_drawn(drawn.image, before)
    return _compared(before, after, _levels(true.image), drawn.head)


def _coloured(seed: int, names: tuple[str, str], before: np.ndarray, after: np.ndarray) -> dict[str, _Row]:
    """Score against the same chest's other picture, over the whole picture and all channels."""
    size, channels = before.shape[1:]
    drawn, true = (_levels(picture("colour", name, seed, size, channels)) for name in names)
    _check_drawn(drawn / 255, before)
    return _compared(before, after, true, np.ones((size, size), bool))


def _compared(before: np.ndarray, after: np.ndarray, true: np.ndarray, inside: np.ndarray) -> dict[str, _Row]:
    made, untranslated = scores(after, true, inside), scores(before, true, inside)
    error = [float(np.abs(picture - true)[inside].mean() / 255) for picture in (after, before)]
    return {"ssim": _Row(made[0], untranslated[0]), "psnr": _Row(made[1], untranslated[1]), "error": _Row(*error)}


def _check_drawn(drawn: np.ndarray, before: np.ndarray) -> None:
    if np.abs(_levels(drawn) - before).mean() > _REDRAWN:
        raise UserError("the pictures were drawn by another version of GANray: prepare the phantoms again")


def where(change: np.ndarray, lungs: np.ndarray) -> dict[str, float | None]:
    """Return the place of a change, by the keys `change in lungs` to `base` of `MEANINGS`; None without change.

    The share in the lungs counts darkening too. Disease adds brightness, so the other values count brightening only.

    Args:
        change: after minus before, float (S, S) in grey levels.
        lungs: bool (S, S).
    """
    total = float(np.abs(change).sum())
    brighter = np.clip(change, 0, None)
    amount = float(brighter[lungs].sum())
    found: dict[str, float | None] = dict.fromkeys(
        ("change in lungs", "brightening", "both lungs", "periphery", "base")
    )
    if not lungs.any():
        return found
    found["change in lungs"] = float(np.abs(change)[lungs].sum()) / total if total else None
    found["brightening"] = amount / int(lungs.sum()) / 255
    if amount:
        sides = [float(brighter[lung].mean()) for lung in _each(lungs) if lung.any()]
        found["both lungs"] = min(sides) / max(sides) if len(sides) == 2 else None
        outer, lower = halves(lungs)
        found["periphery"] = float(brighter[outer].sum()) / amount
        found["base"] = float(brighter[lower].sum()) / amount
    return found


def halves(lungs: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return the outer half of each lung, row by row, and the lower half of each lung by height: two bool (S, S)."""
    outer, lower = np.zeros_like(lungs), np.zeros_like(lungs)
    columns, rows = np.arange(lungs.shape[1]), np.arange(lungs.shape[0])[:, None]
    for lung, outwards in zip(_each(lungs), (-1, 1), strict=True):
        filled = np.flatnonzero(lung.any(1))
        if len(filled):
            lower |= lung & (rows > (filled[0] + filled[-1]) / 2)
        for row in filled:
            across = np.flatnonzero(lung[row])
            outer[row] |= lung[row] & (outwards * (columns - (across[0] + across[-1]) / 2) > 0)
    return outer, lower


def _each(lungs: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return the lung on the picture's left and that on its right; a single region is split down its middle."""
    parts, count = ndimage.label(lungs)
    columns = np.arange(lungs.shape[1])[None]
    if count < 2:
        across = np.flatnonzero(lungs.any(0))
        middle = (across[0] + across[-1]) / 2 if len(across) else 0
        return lungs & (columns <= middle), lungs & (columns > middle)
    largest = np.argsort(np.bincount(parts.ravel())[1:])[-2:] + 1
    first, second = sorted(
        (parts == part for part in largest), key=lambda part: float((part * columns).sum() / part.sum())
    )
    return first, second


def pairs(folder: Path) -> list[tuple[Path, Path]]:
    """Return the T1 and T2 files of each slice in a folder with T1/ and T2/."""
    found = []
    for path in sorted((folder / "T1").iterdir()):
        other = partner(path.name)
        if other and (folder / "T2" / other).is_file():
            found.append((path, folder / "T2" / other))
    return found


def _partners(prepared: Prepared, chosen: np.ndarray, target: str) -> dict[int, int]:
    """Map the position of each picture to that of its partner of class `target`, if both are held out.

    Raises:
        UserError: the file names of T1 and T2 slices give no pairs.
    """
    source = prepared.classes[prepared.labels[chosen[0]]]
    numbered = {name.lower() for name in (source, target)} == {"t1", "t2"}
    try:
        found = find(prepared, (source, target))
    except UserError as error:
        if numbered:
            line = "the numbers in the file names do not show which T1 and T2 slices belong together: rename the files"
            raise UserError(line) from error
        return {}  # equal names in two classes are mostly coincidence
    if len(found) < FEWEST and not numbered:
        return {}
    mine, held = set(chosen.tolist()), prepared.splits != "train"
    return {given: true for given, true in found.tolist() if given in mine and held[true]}


def head(*pictures: np.ndarray) -> np.ndarray:
    """Return where any of the pictures (S, S) in [0, 255] is not background: bool (S, S), with holes filled."""
    inside = np.maximum.reduce([ndimage.gaussian_filter(p.astype(np.float32), 1) for p in pictures]) > 12
    return ndimage.binary_fill_holes(inside)


def scores(picture: np.ndarray, truth: np.ndarray, inside: np.ndarray) -> tuple[float, float]:
    """Return SSIM and PSNR in dB of pictures (S, S) in [0, 255] where `inside` is true; PSNR is at most 100 dB.

    For (S, S, C), SSIM is the mean over channels, and PSNR comes from the error over all channels.
    """
    error = float(np.square((picture.astype(np.float64) - truth) / 255)[inside].mean())
    planes = [np.atleast_3d(pictures).transpose(2, 0, 1) for pictures in (picture, truth)]
    ssim = float(np.mean([similarity(made, true)[inside].mean() for made, true in zip(*planes, strict=True)]))
    return ssim, -10 * float(np.log10(max(error, 1e-10)))


def similarity(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    """Return the SSIM map float64 (S, S) of pictures (S, S) in [0, 255] (Wang 2004, Gaussian window of sigma 1.5)."""

    def blurred(values: np.ndarray) -> np.ndarray:
        return ndimage.gaussian_filter(values, 1.5, mode="mirror", radius=_RADIUS)

    x, y = a.astype(np.float64) / 255, b.astype(np.float64) / 255
    mean_x, mean_y = blurred(x), blurred(y)
    variance = np.maximum(blurred(x * x) - mean_x**2, 0) + np.maximum(blurred(y * y) - mean_y**2, 0)
    covariance = blurred(x * y) - mean_x * mean_y
    luminance = (2 * mean_x * mean_y + 0.01**2) / (mean_x**2 + mean_y**2 + 0.01**2)
    return luminance * (2 * covariance + 0.03**2) / (variance + 0.03**2)


def average(values: Sequence[float] | np.ndarray, groups: Sequence[str], floor: float | None = None) -> Measure:
    """Return the mean over pictures with a 95 % interval that treats a patient's pictures as one draw.

    Student's t on residuals summed by patient (Liang and Zeger 1986, Biometrika 73); one patient gives no interval.
    """
    assert len(values) == len(groups) > 0
    listed = np.asarray(values, np.float64)
    mean = float(listed.mean())
    _, patient_of = np.unique(np.asarray(groups), return_inverse=True)
    sums = np.bincount(patient_of, listed - mean)
    count = len(sums)
    if count < 2:
        return Measure(mean, floor=floor, count=len(listed))
    error = np.sqrt(count / (count - 1) * np.square(sums).sum()) / len(listed)
    # Student's t: scipy.stats, which has it too, takes half a second to import.
    half_width = float(special.stdtrit(count - 1, 0.975) * error)
    return Measure(mean, mean - half_width, mean + half_width, floor, len(listed))


def _mean(rows: Sequence[_Row], groups: Sequence[str]) -> Measure | None:
    """Return the mean over the pictures that have a value; the floor is the mean of the floors that exist."""
    kept = [(row.value, group) for row, group in zip(rows, groups, strict=True) if row.value is not None]
    floors = [row.floor for row in rows if row.floor is not None]
    if not kept:
        return None
    return average(
        [value for value, _ in kept], [group for _, group in kept], float(np.mean(floors)) if floors else None
    )


def grey(pictures: np.ndarray) -> np.ndarray:
    """Convert uint8 (N, S, S, C) to grey float32 (N, S, S) in [0, 255]."""
    return pictures.astype(np.float32).mean(3)


def _levels(picture: np.ndarray) -> np.ndarray:
    """Convert a drawn picture in [0, 1] to the grey levels that a file stores, float32."""
    return np.rint(picture * 255).astype(np.float32)
