"""The head of the MRI phantom: the share of each tissue in each pixel of an axial slice.

Lengths are centimetres. x points to the image's right, which is the patient's left; y points downwards, with the
frontal pole at the top. A `Head` holds the measures, which vary with its seed; no draw depends on the image size.
"""

from dataclasses import dataclass

import numpy as np

from gan_core.phantoms.fields import View, clouds, enlarge, smoothstep
from gan_core.phantoms.head import cortical_folds, deep_brain
from gan_core.phantoms.head.cortical_folds import Segments, chain

AIR, SKIN, FAT, MUSCLE, BONE, MARROW, CSF, GREY, WHITE, STRIATUM, PALLIDUM, THALAMUS = range(12)
_OUTER = ("air", "skin", "fat", "muscle", "bone", "marrow")
TISSUES = (*_OUTER, "csf", "grey", "white", "striatum", "pallidum", "thalamus")

_MODEL = (6.8, 8.3)  # cm, half width and half length of the brain that `deep_brain` describes
_OUTLINE = 64  # samples a side at which the outline is computed
_CLOSED = 0.6  # above this level the fissure runs from front to back, over the corpus callosum


@dataclass(frozen=True)
class Head:
    """The measures of one head and of the slice through it."""

    view: View
    level: float  # of the slice: 0 through the third ventricle and the deep nuclei, 1 near the vertex
    width: float  # cm, half of the head's at its widest
    length: float  # cm, half
    narrow: float  # how much narrower the forehead is than the occiput
    blunt: float  # shape of the outline: 0 an ellipse, above 0 more pointed, below 0 more rectangular
    scalp: float  # cm
    temple: float  # cm, thickness of the temporal muscle
    skull: float  # cm
    diploe: float  # share of the skull that is marrow
    space: float  # cm, thickness of the fluid around the brain
    cortex: float  # cm, thickness of the cortex
    sulcus: float  # cm, half the width of a sulcus
    ventricles: tuple[float, float]  # relative sizes of the two, about 1
    nuclei: float  # relative size, about 1
    lean: tuple[float, float]  # cm, amplitudes of the midline's bend and wave
    rim: np.ndarray  # (2, 6) Fourier terms of the outline
    uneven: np.ndarray  # (24, 24): variation of the thickness of scalp, skull and fluid
    grain: np.ndarray  # (96, 96): share of skin in the fat and of bone in the marrow
    bend: np.ndarray  # (2, 20, 20) in cm: warp of the deep structures
    sulci: int  # seed of the folds


def draw_head(rng: np.random.Generator) -> Head:
    """Draw a head of plausible measures from `rng`."""
    level = float(rng.uniform(0.0, 1.0)) ** 1.3  # lower slices are more frequent, because they show more structures
    width, length = float(rng.normal(8.6, 0.25)), float(rng.normal(10.2, 0.22))
    view = View(
        half=float(rng.uniform(10.5, 11.0)) * max(length / 10.0, 1.0),  # so that a long head is not cut off
        stretch=float(rng.uniform(0.97, 1.03)),
        rotation=float(np.deg2rad(rng.normal(0, 3))),
        shift_x=float(rng.normal(0, 0.12)),
        shift_y=float(rng.normal(0, 0.12)),
    )
    age = float(rng.uniform(0, 1))  # with age there is less brain and more fluid
    fades = 1.0 / (1.0 + np.arange(6))
    size = float(np.exp(rng.normal(-0.1 + 0.4 * age, 0.18)))
    return Head(
        view=view,
        level=level,
        width=width,
        length=length,
        narrow=float(rng.uniform(0.02, 0.08)),
        blunt=float(rng.uniform(-0.1, 0.05)),
        scalp=float(rng.uniform(0.22, 0.48)),
        temple=float(rng.uniform(0.2, 0.55)),
        skull=float(rng.uniform(0.5, 0.8)),
        diploe=float(rng.uniform(0.3, 0.6)),
        space=float(rng.uniform(0.08, 0.16)) + 0.1 * age,
        cortex=float(rng.normal(0.29, 0.015)) - 0.02 * age,
        sulcus=float(rng.uniform(0.035, 0.055)) + 0.04 * age,
        ventricles=(size * float(np.exp(rng.normal(0, 0.07))), size * float(np.exp(rng.normal(0, 0.07)))),
        nuclei=float(rng.normal(1.0, 0.06)),
        lean=(float(rng.normal(0, 0.08)), float(rng.normal(0, 0.06))),
        rim=rng.normal(0, 0.005, (2, 6)) * fades,
        uneven=np.clip(clouds(rng, 24, (8, 16), 0.7), -2, 2),
        grain=np.clip(0.15 + 0.15 * clouds(rng, 96, (32, 96), 0.8), 0.0, 0.6),
        bend=np.stack([clouds(rng, 20, (5, 10, 20), 0.6) * 0.17 for _ in range(2)]),
        sulci=int(rng.integers(2**31)),
    )


def tissues(head: Head, n: int) -> np.ndarray:
    """Return the shares of `TISSUES` in each pixel of an n x n slice: float32 (T, n, n), sum 1 over T."""
    x, y = (part.astype(np.float32) for part in head.view.grid(n))
    soft = head.view.half / n  # cm, half a pixel: the softness of the outlines
    uneven = enlarge(head.uneven, n)
    coarse = [part.astype(np.float32) for part in head.view.grid(_OUTLINE)]
    depth = enlarge(_depth(head, *coarse), n)
    thicker = 1.0 + 0.25 * head.level**2  # near the vertex the slice cuts scalp and skull obliquely
    fat = depth - 0.14
    muscle = fat - head.scalp * thicker * (1.0 + 0.15 * uneven)
    skull = muscle - enlarge(_temple(head, *coarse), n)
    thick = head.skull * thicker * (1.0 - 0.12 * uneven)
    marrow = (0.5 - np.abs(skull / thick - 0.52)) * thick - thick * (0.5 - 0.5 * head.diploe - 0.06 * uneven)
    surface = skull - thick
    brain = surface - head.space * (1.0 + 0.4 * uneven)
    poles = _poles(head)
    across = x - _middle(head, y)
    # The brain recedes from the falx where the sagittal sinus runs.
    brain -= 0.4 * np.exp(-(across**2) * 8.0) * smoothstep(np.maximum(y - poles[1], poles[0] - y), -0.9, 0.0)
    sinus = np.maximum(*(size - np.hypot(across, y - pole) for pole, size in zip(poles, (0.14, 0.26), strict=True)))
    folds = cortical_folds.nearest(_folds(head, poles), head.view, x, y, head.cortex + 0.12)
    cortex = _round_min(brain, folds, 0.12)

    shares = np.zeros((len(TISSUES), n, n), np.float32)
    nested = ((AIR, None), (SKIN, depth), (FAT, fat), (MUSCLE, muscle), (BONE, skull), (CSF, surface), (GREY, cortex))
    covers = [1.0 if edge is None else smoothstep(edge, -soft, soft) for _, edge in nested]
    covers.append(smoothstep(cortex, head.cortex - soft, head.cortex + soft))
    for (tissue, _), outer, inner in zip(nested, covers, covers[1:], strict=False):
        shares[tissue] = outer - inner
    shares[WHITE] = covers[-1]
    cover = smoothstep(marrow, -soft, soft) * shares[BONE]
    shares[BONE] -= cover
    shares[MARROW] = cover
    grain = enlarge(head.grain, n)
    for tissue, other in ((FAT, SKIN), (MARROW, BONE)):
        part = shares[tissue] * grain
        shares[tissue] -= part
        shares[other] += part
    # Blood that flows out of the slice gives no echo, so it is drawn as bone.
    cover = smoothstep(sinus, -soft, soft)
    shares *= 1.0 - cover
    shares[BONE] += cover
    _paint_deep(head, x, y, shares, soft)
    return shares


def _scale(head: Head) -> tuple[float, float]:
    """Return the size of the head at the slice's level relative to level 0: (across, along)."""
    return float(np.sqrt(1.0 - (0.42 * head.level) ** 2)), float(np.sqrt(1.0 - (0.48 * head.level) ** 2))


def _depth(head: Head, x: np.ndarray, y: np.ndarray) -> np.ndarray:
    """Return the depth below the skin in cm."""
    across, along = _scale(head)
    width, length = head.width * across, head.length * along
    taper = 1.0 - head.narrow * np.clip(y / length, -1, 1)  # narrower towards the forehead
    u, v = np.abs(x * taper) * np.float32(1 / width), np.abs(y) * np.float32(1 / length)
    plain = np.sqrt(u * u + v * v)
    radius = plain * (1.0 + head.blunt * (u * v / (plain * plain + 1e-6)) ** 2)
    away = 1.0 / np.sqrt(x * x + y * y + 1e-6)
    cos, sin = y * away, x * away
    wobble = np.ones_like(plain)
    # Chebyshev recursion: each harmonic of the angle follows from the two before it.
    (c0, s0), (c1, s1) = (np.ones_like(cos), np.zeros_like(sin)), (cos, sin)
    for even, odd in head.rim.T:
        (c0, s0), (c1, s1) = (c1, s1), (2 * cos * c1 - c0, 2 * cos * s1 - s0)
        wobble += np.float32(even) * c1 + np.float32(odd) * s1
    radius *= wobble
    return np.asarray((1.0 - radius) * float(np.sqrt(width * length)))


def _temple(head: Head, x: np.ndarray, y: np.ndarray) -> np.ndarray:
    """Return the thickness in cm of the temporal muscle, which is absent from higher slices."""
    thick = head.temple * float(np.clip(1.0 - head.level / 0.4, 0.0, 1.0))
    return thick * smoothstep(np.abs(x), 0.55 * head.width, 0.85 * head.width) * np.exp(-(((y + 1.6) / 3.0) ** 2))


def _brain_depth(head: Head, x: np.ndarray, y: np.ndarray) -> np.ndarray:
    """Return the depth in cm below the surface of the brain, without its random variation."""
    layers = (head.scalp + head.skull) * (1.0 + 0.25 * head.level**2) + 0.14 + head.space
    return _depth(head, x, y) - _temple(head, x, y) - layers


def _round_min(a: np.ndarray, b: np.ndarray, width: float) -> np.ndarray:
    """Return a smooth minimum of both: gyri have round crowns."""
    overlap = np.maximum(width - np.abs(a - b), 0.0)
    return np.asarray(np.minimum(a, b) - overlap * overlap * (0.25 / width))


def _middle(head: Head, y: np.ndarray) -> np.ndarray:
    """Return the x of the midline in cm."""
    bend, wave = head.lean
    return np.asarray(bend * (1.0 - np.cos(y * 0.3)) + wave * np.sin(y * 1.1 + 20 * bend))


def _radius(head: Head, direction: np.ndarray) -> np.ndarray:
    """Return the distance (K,) in cm from the origin to the brain's surface along unit directions (K, 2)."""
    near, far = np.full(len(direction), 5.0), np.full(len(direction), 8.0)
    depths = [_brain_depth(head, *(direction * radius[:, None]).T) for radius in (near, far)]
    for _ in range(3):  # secant method: the depth is almost linear along a ray
        step = depths[1] * (far - near) / np.where(depths[0] == depths[1], 1.0, depths[0] - depths[1])
        near, far = far, far + step
        depths = [depths[1], _brain_depth(head, *(direction * far[:, None]).T)]
    return far


def _poles(head: Head) -> tuple[float, float]:
    """Return the y in cm at which the midline meets the surface of the brain: (front, back)."""
    front, back = _radius(head, np.array([[0.0, -1.0], [0.0, 1.0]]))
    return -float(front), float(back)


def _folds(head: Head, poles: tuple[float, float]) -> Segments:
    """Return the fissures and the sulci of the slice."""
    rng = np.random.default_rng(head.sulci)
    level = head.level
    fissure, sides = _fissure(head, poles, rng)
    fixed = [*fissure, *(_sylvian(head, side, rng) for side in (-1.0, 1.0))]
    fixed = [part for part in fixed if len(part.start)]

    # The sulci start around the brain and on both walls of the fissure.
    count = round(float(rng.normal(37, 2)) * (1.0 - 0.15 * level))
    angle = (np.arange(count) + rng.uniform(-0.3, 0.3, count)) * (2 * np.pi / count)
    outward = np.stack([np.sin(angle), np.cos(angle)], 1)
    roots = outward * _radius(head, outward)[:, None]
    apart = np.abs(roots[:, 0]) > 0.7
    inward = -outward + rng.normal(0, 0.25, outward.shape)
    roots, inward = np.concatenate([roots[apart], sides[0]]), np.concatenate([inward[apart], sides[1]])
    inward /= np.sqrt((inward**2).sum(1, keepdims=True))

    low, high = max(1.0 - level / 0.6, 0.0), max((level - 0.6) / 0.4, 0.0)

    def core(x: np.ndarray, y: np.ndarray) -> np.ndarray:
        """Return a distance that is below 1 in the white matter of each hemisphere and around the deep nuclei."""
        middle = 2.3 + 0.2 * high
        radii = 1.3 + 1.0 * low - 0.8 * high, 4.3 + 0.7 * low - 2.2 * high
        hemisphere = ((np.abs(x) - middle) / radii[0]) ** 2 + ((y - 0.2) / radii[1]) ** 2
        return np.asarray(np.where((np.abs(x) < middle) & (np.abs(y) < 3.2) & (level < _CLOSED), 0.0, hemisphere))

    habit = cortical_folds.Habit(
        surface=lambda x, y: _brain_depth(head, x, y),
        core=core,
        length=1.7 + 1.2 * level,
        width=head.sulcus,
        islands=6 + int(14 * level),
    )
    return cortical_folds.grow(roots, inward, cortical_folds.join(fixed), habit, rng)


def _fissure(
    head: Head, poles: tuple[float, float], rng: np.random.Generator
) -> tuple[list[Segments], tuple[np.ndarray, np.ndarray]]:
    """Return the interhemispheric fissure, before and behind the corpus callosum, and sulcus roots on its walls."""
    front, back = poles
    levels = [0.0, 0.3, 0.45, _CLOSED]
    stops = (-np.interp(head.level, levels, [3.6, 4.1, 3.5, 0.0]), np.interp(head.level, levels, [3.9, 4.2, 3.1, 0.0]))
    found, roots, directions = [], [], []
    for end, stop in ((front - 0.1, stops[0]), (back + 0.1, stops[1])):
        y = np.linspace(end, stop, max(int(abs(end - stop) / cortical_folds.STRIDE), 2))
        x = _middle(head, y) + rng.normal(0, 0.03, len(y))
        wide = 0.01 + head.sulcus * np.exp(rng.normal(0, 0.4, len(y)))
        found.append(chain(np.stack([x, y], 1), wide))
        for side in (-1.0, 1.0):
            count = int(abs(end - stop) / 1.4)
            at = end + (stop - end) * (np.arange(count) + rng.uniform(0.2, 1.1, count)) / max(count, 1)
            roots.append(np.stack([_middle(head, at) + side * 0.1, at], 1))
            directions.append(np.stack([np.full(count, side), rng.normal(0, 0.8, count)], 1))
    return found, (np.concatenate(roots), np.concatenate(directions))


def _sylvian(head: Head, side: float, rng: np.random.Generator) -> Segments:
    """Return the Sylvian fissure: inwards to the insula and along it."""
    strength = 1.0 - head.level / 0.36
    if strength <= 0:
        return chain(np.zeros((1, 2)), np.zeros(1))
    back = 0.4 + 3.0 * head.level
    outward = np.array([[side, back / 6.5]]) / np.hypot(1.0, back / 6.5)
    outer = outward[0] * (float(_radius(head, outward)[0]) + 0.1)
    inner = np.array([side * 4.25, -0.1 + 2 * head.level])
    half = 2.1 * strength**0.5
    front = np.array([side * 3.75, inner[1] - half])
    behind = np.array([side * 4.15, inner[1] + half])

    def wander(a: np.ndarray, b: np.ndarray, width: float) -> Segments:
        steps = max(int(np.hypot(*(b - a)) / cortical_folds.STRIDE), 2)
        share = np.linspace(0, 1, steps + 1)[:, None]
        points = a + (b - a) * share
        points[1:-1] += rng.normal(0, 0.09, (steps - 1, 2))
        return chain(points, width * np.exp(rng.normal(0, 0.3, steps + 1)))

    wide = head.sulcus + 0.03
    return cortical_folds.join([wander(outer, inner, wide), wander(inner, front, wide), wander(inner, behind, wide)])


def _paint_deep(head: Head, x: np.ndarray, y: np.ndarray, shares: np.ndarray, soft: float) -> None:
    """Paint nuclei and ventricles into `shares`, where the slice cuts them."""
    if head.level >= max(deep_brain.LATERAL):
        return
    n = len(x)
    rows = slice(int(n * 0.25), int(n * 0.78))
    columns = slice(int(n * 0.26), int(n * 0.74))
    across, down = (enlarge(field, n)[rows, columns] for field in head.bend)
    y = y[rows, columns]
    x = (x[rows, columns] - _middle(head, y) + across) * np.float32(_MODEL[0] / (head.width - 1.6))
    y = (y + down) * np.float32(_MODEL[1] / (head.length - 1.6))
    part = shares[:, rows, columns]

    def paint(depth: np.ndarray, tissue: int) -> None:
        cover = smoothstep(depth, -soft, soft)
        part[:] *= 1.0 - cover
        part[tissue] += cover

    sides = tuple(zip((-1.0, 1.0), head.ventricles, strict=True))
    for tissue, loft in (
        (THALAMUS, deep_brain.THALAMUS),
        (STRIATUM, deep_brain.CAUDATE),
        (STRIATUM, deep_brain.PUTAMEN),
        (PALLIDUM, deep_brain.PALLIDUM),
    ):
        knots = deep_brain.at_level(loft, head.level, head.nuclei)
        if knots is not None:
            paint(np.maximum(*(deep_brain.inside(knots, x * side, y) for side, _ in sides)), tissue)
    fluid = np.full(x.shape, -9.0, np.float32)
    for loft in (deep_brain.LATERAL, deep_brain.WING):
        for side, size in sides:
            knots = deep_brain.at_level(loft, head.level, size)
            if knots is not None:
                wall = x * side - 0.06  # leaves the septum between the two ventricles
                np.maximum(fluid, np.minimum(deep_brain.inside(knots, x * side, y), wall), out=fluid)
    for loft in (deep_brain.THIRD, deep_brain.CISTERN):
        knots = deep_brain.at_level(loft, head.level, head.ventricles[0])
        if knots is not None:
            np.maximum(fluid, deep_brain.inside(knots, x, y), out=fluid)
    paint(fluid, CSF)
