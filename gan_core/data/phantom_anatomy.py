"""The chest as path lengths along the beam: how many cm of soft tissue, lung and bone each pixel's ray crosses.

Shapes are ellipsoids, cylinders and shells whose chords are known in closed form. Ribs are helices about the chest, so
that the posterior half, the fainter anterior half and the bright tangential edge at the side follow from one curve.
"""

from dataclasses import dataclass

import numpy as np

from gan_core.data.phantom_body import Body, Outlines, outlines
from gan_core.data.phantom_fields import (
    blur,
    chord,
    clouds,
    ellipse,
    segment,
    smoothstep,
    splat,
    table,
    table_index,
)

# Distance from the spine along a rib (as an angle about the chest, 0 at the spine) against its fall in cm.
_RIB_FALL = {0: 0.0, 15: -0.45, 30: -0.5, 45: 0.1, 60: 1.15, 75: 2.5, 90: 4.2, 105: 5.9, 120: 7.2, 135: 8.0, 150: 8.2}


@dataclass(frozen=True)
class Chest:
    """Path lengths in cm of the model adult, each (N, N) float32; `x` and `y` are the pixels' body coordinates."""

    x: np.ndarray
    y: np.ndarray
    soft: np.ndarray  # the whole body as if it were soft tissue, without its gas and lungs
    lung: np.ndarray
    marrow: np.ndarray  # spongy bone, in place of soft tissue
    cortex: np.ndarray  # compact bone, in place of soft tissue
    aerated: np.ndarray  # the share of the ray's chest depth that is lung, 0 to 1
    reach: np.ndarray  # 0 at the middle, 1 at the lungs' side wall
    floor: np.ndarray  # height above the diaphragm's top contour in cm, negative below it
    bronchi: np.ndarray  # air in the larger bronchi within the lungs


def build(body: Body, n: int, tree: np.random.Generator) -> Chest:
    """The chest of `body` on n x n pixels; `tree` draws the branching of its vessels."""
    x, y = body.view.grid(n)
    x = x - body.bend * np.cos(y * 0.18)
    lines = outlines(body)
    iy = table_index(y)
    side = np.abs(x)
    outer = lines.outer[iy]
    depth = lines.depth[iy]
    is_left = (x > 0).astype(np.float32)
    lung, reach, floor = _lungs(body, x, side, y, outer, depth, is_left, lines, iy)
    soft = _trunk(body, x, side, y, lines, iy)
    aerated = lung / (depth + 1e-3)
    vessels, bronchi = _trees(body, n, tree)
    present = smoothstep(lung, 0.3, 2.5)
    hila = smoothstep(ellipse(side, y, (3.9, -0.3), (1.9, 3.2), 0.25), 1.0, 0.0) * 1.1
    # Vessels too fine to draw one by one, dense near the hila.
    mesh = clouds(tree, n, (16, 32, 64, 128), 0.9) * (0.035 + 0.03 * np.clip(1.0 - reach, 0.0, 1.0))
    lung = lung - np.clip(((vessels + hila) * present + lung * mesh) * body.vessels, -0.2 * lung, 0.8 * lung)
    soft *= 1.0 + 0.025 * clouds(tree, n, (4, 8, 16), 0.7)
    marrow, cortex = _ribs(body, x, side, y, outer)
    for piece in (_spine(body, x, y), _girdle(body, x, side, y, is_left)):
        marrow += piece[0]
        cortex += piece[1]
    soft -= _gas(body, x, y, soft)
    return Chest(x, y, soft, lung, marrow, cortex, aerated, reach, floor, bronchi * present)


def _lungs(body, x, side, y, outer, depth, is_left, lines, iy):  # type: ignore
    k = body.length
    inner = is_left * (lines.inner_left[iy] + body.turn) + (1.0 - is_left) * (lines.inner_right[iy] - body.turn)
    reach = side / outer
    across = np.sqrt(np.maximum(1.0 - reach**2.6, 0.0))
    medial = np.sqrt(smoothstep(side - inner, -0.35, 2.6))
    # Each half of the diaphragm is a dome, also along the beam: below its top the lung behind it thins out.
    peak = 6.2 * body.width
    spread = (side - peak) * (1.0 / (7.4 * body.width))
    level = 9.4 * k + (0.2 * k + body.dome_gap) * is_left + body.dome * (spread * spread)
    level += smoothstep(reach, 0.86, 1.0) * (1.2 + 0.4 * body.dome)
    floor = level - y
    behind = np.clip(1.0 + floor * (1.0 / 5.0), 0.0, 1.0)
    behind = 0.34 * behind * behind
    behind += (1.0 - behind) * smoothstep(floor, -0.12, 0.22)
    lung = depth * across * medial * behind
    return np.maximum(lung - _heart(body, x, is_left, lines, iy), 0.0), reach, floor


def _heart(body: Body, x: np.ndarray, is_left: np.ndarray, lines: Outlines, iy: np.ndarray) -> np.ndarray:
    """Heart, great vessels and hila between their left and right borders on the picture."""
    edge = is_left * (lines.heart_left[iy] + body.turn) + (1.0 - is_left) * (lines.heart_right[iy] - body.turn)
    return chord((x / edge) ** 2) ** 0.8 * lines.heart_depth[iy]


def _trunk(body: Body, x: np.ndarray, side: np.ndarray, y: np.ndarray, lines, iy) -> np.ndarray:  # type: ignore
    q = side / lines.torso[iy]
    trunk = np.sqrt(np.maximum(1.0 - q**3, 0.0)) * lines.torso_depth[iy]
    below = y - lines.shoulder[table_index(side)]
    slab = np.sqrt(np.clip(below * (1.0 / 6.0), 0.0, 1.0)) * (9.0 + 1.6 * body.front)
    trunk *= np.sqrt(np.clip((below + 1.0) * (1.0 / 6.0), 0.0, 1.0))
    slab *= smoothstep(y, 2.0, -6.0)
    total = np.maximum(trunk, slab)
    neck = chord((x / 5.2) ** 2) * 10.0 * smoothstep(y, -8.0, -13.0)
    total = np.maximum(total, neck)
    if body.chin > 0:
        jaw = chord(ellipse(x, y, (body.turn, -21.5 + body.chin), (6.4, 6.6))) * 15.0
        total = np.maximum(total, jaw)
    for start, elbow in _arms(body):
        radius = 3.9 + 0.6 * body.wall
        total = np.maximum(total, 2.0 * np.sqrt(np.maximum(radius * radius - segment(x, y, start, elbow), 0.0)))
    if body.breast > 0:
        # A breast hangs: it begins softly above and ends in a sharp fold below.
        mound = chord(ellipse(side, y, (7.4, 5.5), (6.6, 7.0))) * smoothstep(y, -2.0, 9.0)
        total = total + mound * body.breast * (total > 0)
    return total


def _arms(body: Body) -> list[tuple[tuple[float, float], tuple[float, float]]]:
    """The upper arms as lines from shoulder joint to elbow, the patient's right arm first."""
    arms = []
    for sign, angle in ((-1.0, body.arm_right), (1.0, body.arm_left)):
        reach = (13.6 + 0.7 * body.wall) * (0.4 + 0.6 * body.width)
        start = (sign * reach, -9.6 - body.shoulder)
        arms.append((start, (start[0] + sign * 26.0 * float(np.cos(angle)), start[1] + 26.0 * float(np.sin(angle)))))
    return arms


def _ribs(body: Body, x: np.ndarray, side: np.ndarray, y: np.ndarray, outer: np.ndarray):  # type: ignore
    cage = outer + 0.35
    u = np.minimum(side / cage, 1.0)
    upright = np.sqrt(1.0 - u * u)
    # A ray that grazes the side of the chest stays inside a rib for longer.
    path = np.minimum(1.0 / (upright + 0.25), 2.2) * (side < cage + 0.2)
    falls = {np.sin(np.deg2rad(a)): f for a, f in _RIB_FALL.items() if a <= 90}
    returns = {np.sin(np.deg2rad(a)): f for a, f in reversed(_RIB_FALL.items()) if a >= 90}
    grid = np.linspace(0.0, 1.0, 257)
    step = (u * 256).astype(np.intp)
    marrow = np.zeros_like(x)
    cortex = np.zeros_like(x)
    top = -12.6 * body.length + body.tip * x
    # Lower ribs fall more steeply.
    droop = u * np.clip(y * 0.13, -0.6, 1.8) * body.rib_slope
    fade = smoothstep(y, 16.0, 7.0) * 0.7 + 0.3
    stretch = 1.0 + body.rib_crowd * np.sin(y * 0.21 + body.rib_phase)
    for curve, weight in ((falls, 1.0), (returns, 0.62)):
        fall = np.interp(grid, list(curve), list(curve.values())) * body.rib_slope
        lean = np.sqrt(1.0 + (np.gradient(fall, 1.0 / 256) / 13.0) ** 2)
        half = np.minimum(body.rib_half * lean, body.rib_spacing * 0.42).astype(np.float32)[step]
        place = (y - top - droop - fall.astype(np.float32)[step]) * stretch * (1.0 / body.rib_spacing)
        number = np.rint(place)
        off = (place - number) * body.rib_spacing / half
        present = path * fade * weight * ((number >= 0) & (number <= 11))
        if weight < 1.0:
            # Towards the breastbone a rib becomes cartilage, which is hardly brighter than muscle.
            present = present * smoothstep(u, 0.42, 0.62) * (number <= 7)
        present = present * body.bone
        whole = chord(off * off) * present * 1.15
        core = chord((off * 1.28) ** 2) * present * 0.78
        marrow += core
        cortex += whole - core
    return marrow, cortex


def _spine(body: Body, x: np.ndarray, y: np.ndarray):  # type: ignore
    thick = body.bone
    width = 1.75 - 0.35 * smoothstep(y, -6.0, -14.0)
    pitch = 2.05 if body.child else 2.35
    v = (x + 0.25 * body.turn) / width
    place = y * (1.0 / pitch)
    off = place - np.rint(place)
    inside = smoothstep(np.abs(v), 1.06, 0.9)
    disc = smoothstep(np.abs(off), 0.34, 0.44)
    plate = np.maximum(1.0 - np.abs(np.abs(off) - 0.36) * 12.0, 0.0)
    edge = np.maximum(1.0 - np.abs(np.abs(v) - 0.94) * 9.0, 0.0) * (1.0 - disc)
    marrow = inside * (2.2 - 1.6 * disc) * thick
    pedicle = ellipse(np.abs(v), off, (0.62, -0.12), (0.2, 0.17))
    ring = np.maximum(1.0 - np.abs(pedicle - 1.0) * 1.3, 0.0)
    spinous = chord(ellipse(v, off, (0.0, 0.2), (0.17, 0.26)))
    transverse = chord(ellipse(np.abs(v), off, (1.25, -0.2), (0.6, 0.17)))
    cortex = (inside * plate * 0.45 + edge * 0.4 + ring * 0.4 + spinous * 0.8 + transverse * 0.35) * thick
    fade = smoothstep(y, -24.0, -20.0)
    sternum = smoothstep(np.abs(x - 0.6 * body.turn), 2.7, 2.0) * smoothstep(y, -9.5, -8.7) * smoothstep(y, -3.8, -4.8)
    return marrow * fade + sternum * 0.5, cortex * fade


def _girdle(body: Body, x: np.ndarray, side: np.ndarray, y: np.ndarray, is_left: np.ndarray):  # type: ignore
    """Clavicles, shoulder blades and upper arms."""
    w, lift = 0.4 + 0.6 * body.width, body.shoulder
    inner, outer = -8.7 * body.length, -8.9 * body.length - body.clavicle - 0.5 * lift
    shape = {
        1.4: inner + 0.5,
        3.0: inner - 0.4,
        5.5: 0.55 * inner + 0.45 * outer - 0.7,
        9.0: 0.2 * inner + 0.8 * outer - 0.1,
    }
    shape |= {12.0: outer + 0.1, 14.5: outer - 0.3}
    thick = {1.4: 1.0, 2.4: 0.85, 5.0: 0.56, 10.0: 0.56, 14.0: 0.72}
    index = table_index(side)
    centre = table({a * w: b for a, b in shape.items()}, 0.8)[index]
    half = table({a * w: b for a, b in thick.items()})[index]
    off = (y - centre) / half
    along = smoothstep(side, 1.2, 1.6) * smoothstep(side, 14.6 * w, 14.0 * w)
    whole = chord(off * off) * along * 1.2
    core = chord((off * 1.3) ** 2) * along * 0.9
    marrow, cortex = core * 1.3, (whole - core) * 1.5
    # The shoulder blade: a thin plate whose rim and spine show.
    blade = ellipse(side, y, (12.6 * w + 0.8, -4.2 - 0.6 * lift), (2.7, 6.4), -0.22)
    cortex = cortex + smoothstep(blade, 1.0, 0.9) * 0.16 + np.maximum(1.0 - np.abs(blade - 0.94) * 11.0, 0.0) * 0.4
    ridge = segment(side, y, (9.8 * w, -7.6 - 0.6 * lift), (14.6 * w, -11.0 - lift))
    cortex += smoothstep(ridge, 0.5, 0.05) * 0.3
    for start, elbow in _arms(body):
        shaft = segment(x, y, start, elbow)
        tube = np.sqrt(np.maximum(1.45 - shaft, 0.0)) - 0.9 * np.sqrt(np.maximum(0.75 - shaft, 0.0))
        head = chord(ellipse(x, y, start, (2.4, 2.4))) * 2.6
        marrow = marrow + head
        cortex = cortex + np.maximum(tube * 1.2 - head * 0.5, 0.0) + 0.3 * smoothstep(head, 0.0, 1.2) * (head < 1.4)
    return marrow * body.bone, cortex * body.bone


def _gas(body: Body, x: np.ndarray, y: np.ndarray, soft: np.ndarray) -> np.ndarray:
    """Windpipe, main bronchi, stomach and bowel: cm of air in place of soft tissue."""
    k, turn = body.length, 0.7 * body.turn
    fork = -3.6 * k
    pipe = np.sqrt(np.maximum(0.85**2 - (x - turn) ** 2, 0.0)) * 2.0
    pipe *= smoothstep(y, fork + 0.5, fork - 0.6) * smoothstep(y, -21.0, -15.0)
    for end in ((-4.2 + turn, fork + 3.0), (5.0 + turn, fork + 2.6)):
        branch = segment(x, y, (turn, fork - 0.3), end)
        pipe = np.maximum(pipe, np.sqrt(np.maximum(0.36 - branch, 0.0)) * 1.7)
    across, down, radius, amount = body.stomach
    level = 9.6 * k + body.dome_gap
    if amount > 0:
        bubble = chord(ellipse(x, y, (across, level + down + 0.8), (radius * 1.25, radius * 0.8), 0.15)) * amount
        pipe = np.maximum(pipe, bubble)
    for place_x, place_y, size in body.bowel:
        pipe = np.maximum(pipe, chord(ellipse(x, y, (place_x, level + place_y - 2.0), (size * 1.3, size))) * size * 1.6)
    return np.minimum(pipe, 0.7 * soft)


def _trees(body: Body, n: int, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    """Vessels and bronchi as cm of path: trees that leave each hilum and halve as Murray's law says (r^3 is shared)."""
    k = body.length
    count = 6
    angle = np.concatenate([np.linspace(-1.35, 1.45, count) + rng.normal(0, 0.12, count) for _ in range(2)])
    sign = np.repeat([-1.0, 1.0], count)
    px = sign * rng.uniform(2.8, 4.2, 2 * count) + body.turn
    py = np.where(sign < 0, 0.2, -0.6) * k + 1.2 * np.sin(angle)
    radius = rng.uniform(0.32, 0.50, 2 * count)
    length = rng.uniform(2.4, 3.6, 2 * count)
    cm = 2.0 * body.view.half / n
    steps = np.linspace(0.0, 1.0, 12)[:, None]
    drawn = []
    for _ in range(5):
        curl = rng.normal(0, 0.3, angle.shape)
        heading = angle + curl * steps
        stride = length / 12
        xs = px + np.cumsum(np.cos(heading) * stride * sign, axis=0)
        ys = py + np.cumsum(np.sin(heading) * stride, axis=0)
        # The cross-section times the step's length is the step's volume, which the pixels share.
        volume = (np.pi / cm**2) * radius**2 * stride * np.ones_like(steps)
        drawn.append((xs.ravel(), ys.ravel(), volume.ravel()))
        # Every branch ends in two.
        px, py = np.tile(xs[-1], 2), np.tile(ys[-1], 2)
        spread = rng.uniform(0.2, 0.65, heading[-1].shape)
        angle = np.concatenate([heading[-1] - spread, heading[-1] + spread * 0.8])
        sign = np.tile(sign, 2)
        radius = np.tile(radius, 2) * 0.77
        length = np.tile(length, 2) * rng.uniform(0.68, 0.95, angle.shape)

    def shadow(levels: slice, offset: float, width: float) -> np.ndarray:
        xs, ys, volumes = (np.concatenate(part) for part in zip(*drawn[levels], strict=True))
        columns, rows = body.view.pixels(xs + offset, ys + offset, n)
        return blur(splat(columns, rows, volumes, n), width / cm)

    vessels = shadow(slice(0, 2), 0.0, 0.17) + shadow(slice(2, 5), 0.0, 0.1)
    return vessels, 0.7 * shadow(slice(0, 3), 0.35, 0.15)
