"""What a translation should have become, where that is known: drawn bodies, drawn heads, and slices that come in pairs.

    known(prepared, chosen, translated, "normal")["error"]      value 0.021, floor 0.034: doing nothing would have

A body with pneumonia has its healthy twin, so the way to healthy has one right answer. The way to disease has many:
there it counts where the change falls, beside where disease is drawn into the same body. Imports no torch.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from scipy import ndimage, stats

from gan_core.data import Prepared
from gan_core.data.pairs import FEWEST, find, partner
from gan_core.data.readers.phantom import open_phantom, picture
from gan_core.errors import UserError
from gan_core.evaluation.results import Measure
from gan_core.phantoms.chest import xray
from gan_core.phantoms.head import mri

MEANINGS = {
    "error": "mean absolute error against the true picture, shares of the grey scale; floor: doing nothing",
    "error inside lungs": "the same inside the true lungs; floor: doing nothing",
    "error outside lungs": "the same outside of them; floor: doing nothing",
    "change in lungs": "share of all that changed that lies in the true lungs; floor: of disease drawn into that body",
    "brightening": "how much brighter the true lungs became, shares of the grey scale; floor: as drawn",
    "both lungs": "brightening of the less changed lung against the other, 1 for equal; floor: as drawn",
    "periphery": "share of the lungs' brightening in the outer half of each; floor: as drawn",
    "base": "share of the lungs' brightening in the lower half of each; floor: as drawn",
    "ssim": "structural similarity with the true slice inside the head; floor: doing nothing",
    "psnr": "dB against the true slice inside the head; floor: doing nothing",
}

_REDRAWN = 2.0  # grey levels: a picture that differs more from its drawing was drawn by another version
_RADIUS = 5  # of SSIM's window, pixels: 11 in all (Wang 2004)


@dataclass(frozen=True)
class _Row:
    """One picture's value of one measure, and what it is held against; None where it has none."""

    value: float | None
    floor: float | None


def known(prepared: Prepared, chosen: np.ndarray, after: np.ndarray, target: str) -> dict[str, Measure]:
    """Measures of translated pictures against the truth, keys of `MEANINGS`; empty where there is no truth.

    chosen: (N,) where the pictures are in `prepared`, all of one class. after: uint8 (N, S, S, C), their translations.
    target: the class that they were translated to.

    Raises:
        UserError: the drawn pictures are another version's, or slices that should be pairs are none.
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
    """What scores one picture (place, before, after: float32 (S, S) in [0, 255], of coloured X-rays (S, S, C)); None
    where no truth is known.
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
            return lambda place, *pictures: _healed(seeds[prepared.names[place]], source, *pictures)
        if source == "normal":
            return lambda place, *pictures: _fell_ill(seeds[prepared.names[place]], target, *pictures)
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


def _healed(seed: int, kind: str, before: np.ndarray, after: np.ndarray) -> dict[str, _Row]:
    """From disease to healthy: the error against the same body without disease."""
    drawn = xray.draw(kind, seed, len(before))
    _check_drawn(drawn.image, before)
    true = _levels(drawn.healthy)
    made, nothing = np.abs(after - true) / 255, np.abs(before - true) / 255
    parts = {"error": np.ones_like(drawn.lungs), "error inside lungs": drawn.lungs, "error outside lungs": ~drawn.lungs}
    return {
        name: _Row(float(made[part].mean()), float(nothing[part].mean())) if part.any() else _Row(None, None)
        for name, part in parts.items()
    }


def _fell_ill(seed: int, kind: str, before: np.ndarray, after: np.ndarray) -> dict[str, _Row]:
    """From healthy to disease: where the change falls, beside where this disease is drawn into this body."""
    drawn = xray.draw(kind, seed, len(before))
    _check_drawn(drawn.healthy, before)
    made, expected = (where(change, drawn.lungs) for change in (after - before, _levels(drawn.image) - before))
    return {name: _Row(made[name], expected[name]) for name in made}


def _slice(seed: int, names: tuple[str, str], before: np.ndarray, after: np.ndarray) -> dict[str, _Row]:
    drawn, true = (mri.draw(name, seed, len(before)) for name in names)
    _check_drawn(drawn.image, before)
    return _compared(before, after, _levels(true.image), drawn.head)


def _coloured(seed: int, names: tuple[str, str], before: np.ndarray, after: np.ndarray) -> dict[str, _Row]:
    """Against the same body's other picture, all of it, channel by channel."""
    size, channels = before.shape[1:]
    drawn, true = (_levels(picture("colour", name, seed, size, channels)) for name in names)
    _check_drawn(drawn / 255, before)
    return _compared(before, after, true, np.ones((size, size), bool))


def _compared(before: np.ndarray, after: np.ndarray, true: np.ndarray, inside: np.ndarray) -> dict[str, _Row]:
    made, nothing = scores(after, true, inside), scores(before, true, inside)
    error = [float(np.abs(picture - true)[inside].mean() / 255) for picture in (after, before)]
    return {"ssim": _Row(made[0], nothing[0]), "psnr": _Row(made[1], nothing[1]), "error": _Row(*error)}


def _check_drawn(drawn: np.ndarray, before: np.ndarray) -> None:
    if np.abs(_levels(drawn) - before).mean() > _REDRAWN:
        raise UserError("the pictures were drawn by another version of the program: prepare the phantoms again")


def where(change: np.ndarray, lungs: np.ndarray) -> dict[str, float | None]:
    """Where a change falls: keys from `change in lungs` to `base` of `MEANINGS`; None where nothing changed.

    change: float (S, S) in grey levels, after less before. lungs: bool (S, S). The share that lies in the lungs counts
    what became darker as well; disease adds brightness, so the rest looks at that alone.
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
    """The outer half of each lung, row by row, and the lower half of each lung's height: two bool (S, S)."""
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
    """The lung on the picture's left and the one on its right; one piece alone is cut down its middle."""
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
    """T1 and T2 files of the same slice, below a folder with T1/ and T2/."""
    found = []
    for path in sorted((folder / "T1").iterdir()):
        other = partner(path.name)
        if other and (folder / "T2" / other).is_file():
            found.append((path, folder / "T2" / other))
    return found


def _partners(prepared: Prepared, chosen: np.ndarray, target: str) -> dict[int, int]:
    """Place of a picture -> place of its partner of class `target`, held out as well.

    Raises:
        UserError: the numbers of slices do not fit the pictures.
    """
    source = prepared.classes[prepared.labels[chosen[0]]]
    numbered = {name.lower() for name in (source, target)} == {"t1", "t2"}
    try:
        found = find(prepared, (source, target))
    except UserError as error:
        if numbered:
            line = "the numbers in the file names do not say which T1 and T2 slices belong together"
            raise UserError(line) from error
        return {}  # equal names in two classes are mostly chance
    if len(found) < FEWEST and not numbered:
        return {}
    mine, held = set(chosen.tolist()), prepared.splits != "train"
    return {given: true for given, true in found.tolist() if given in mine and held[true]}


def head(*pictures: np.ndarray) -> np.ndarray:
    """Where any of (S, S) in [0, 255] is not background: bool (S, S), holes filled."""
    inside = np.maximum.reduce([ndimage.gaussian_filter(p.astype(np.float32), 1) for p in pictures]) > 12
    return ndimage.binary_fill_holes(inside)


def scores(picture: np.ndarray, truth: np.ndarray, inside: np.ndarray) -> tuple[float, float]:
    """SSIM and PSNR in dB of (S, S) in [0, 255] where `inside` is true; equal pictures have at most 100 dB.

    Of (S, S, C) the SSIM is the mean of the channels', and PSNR that of all of them.
    """
    error = float(np.square((picture.astype(np.float64) - truth) / 255)[inside].mean())
    planes = [np.atleast_3d(pictures).transpose(2, 0, 1) for pictures in (picture, truth)]
    alike = float(np.mean([similarity(made, true)[inside].mean() for made, true in zip(*planes, strict=True)]))
    return alike, -10 * float(np.log10(max(error, 1e-10)))


def similarity(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    """The map of SSIM, float64 (S, S), of pictures (S, S) in [0, 255] (Wang 2004, Gaussian window of deviation 1.5)."""

    def blurred(values: np.ndarray) -> np.ndarray:
        return ndimage.gaussian_filter(values, 1.5, mode="mirror", radius=_RADIUS)

    x, y = a.astype(np.float64) / 255, b.astype(np.float64) / 255
    mean_x, mean_y = blurred(x), blurred(y)
    spread = np.maximum(blurred(x * x) - mean_x**2, 0) + np.maximum(blurred(y * y) - mean_y**2, 0)
    together = blurred(x * y) - mean_x * mean_y
    light = (2 * mean_x * mean_y + 0.01**2) / (mean_x**2 + mean_y**2 + 0.01**2)
    return light * (2 * together + 0.03**2) / (spread + 0.03**2)


def average(values: Sequence[float] | np.ndarray, groups: Sequence[str], floor: float | None = None) -> Measure:
    """The mean over pictures, with a 95 % interval that takes a patient's pictures for one draw.

    Student's t on residuals summed by patient (Liang and Zeger 1986, Biometrika 73); no interval of fewer than two.
    """
    assert len(values) == len(groups) > 0
    listed = np.asarray(values, np.float64)
    mean = float(listed.mean())
    _, belongs = np.unique(np.asarray(groups), return_inverse=True)
    sums = np.bincount(belongs, listed - mean)
    count = len(sums)
    if count < 2:
        return Measure(mean, floor=floor, count=len(listed))
    error = np.sqrt(count / (count - 1) * np.square(sums).sum()) / len(listed)
    reach = float(stats.t.ppf(0.975, count - 1) * error)
    return Measure(mean, mean - reach, mean + reach, floor, len(listed))


def _mean(rows: Sequence[_Row], groups: Sequence[str]) -> Measure | None:
    """Of the pictures that have a value; the floor is the mean of those that have one."""
    kept = [(row.value, group) for row, group in zip(rows, groups, strict=True) if row.value is not None]
    floors = [row.floor for row in rows if row.floor is not None]
    if not kept:
        return None
    return average(
        [value for value, _ in kept], [group for _, group in kept], float(np.mean(floors)) if floors else None
    )


def grey(pictures: np.ndarray) -> np.ndarray:
    """uint8 (N, S, S, C) -> float32 (N, S, S) in [0, 255]."""
    return pictures.astype(np.float32).mean(3)


def _levels(picture: np.ndarray) -> np.ndarray:
    """A drawn picture (S, S) in [0, 1] in the grey levels that a file keeps, float32."""
    return np.rint(picture * 255).astype(np.float32)
