"""The chest as path lengths along the beam: how many cm of soft tissue, lung and bone each pixel's ray crosses.

Shapes are ellipsoids, cylinders and shells whose chords are known in closed form; the bones are in `bones`.
"""

from dataclasses import dataclass

import numpy as np

from gan_core.phantoms.chest.body import Body, Rays, cast
from gan_core.phantoms.chest.bones import arms, bones
from gan_core.phantoms.fields import blur, chord, clouds, ellipse, segment, smoothstep, splat, table_index


@dataclass(frozen=True)
class Chest:
    """Path lengths in cm of the model adult, each (N, N) float32; `x` and `y` are the pixels' body coordinates."""

    x: np.ndarray
    y: np.ndarray
    soft: np.ndarray  # the whole body as if it were soft tissue, without its gas and lungs
    lung: np.ndarray
    marrow: np.ndarray  # spongy bone, in place of soft tissue
    cortex: np.ndarray  # compact bone, in place of soft tissue
    aerated: np.ndarray  # share of the ray's chest depth that is lung, 0 to 1
    reach: np.ndarray  # 0 at the middle, 1 at the lungs' side wall
    floor: np.ndarray  # height above the diaphragm's top contour in cm, negative below it
    bronchi: np.ndarray  # air in the larger bronchi within the lungs
    outline: np.ndarray  # `aerated` as if there were no heart, 0 below the diaphragm's top contour
    heart: np.ndarray  # 0 at the middle, 1 at the border of heart and great vessels


def build(body: Body, n: int, tree: np.random.Generator) -> Chest:
    """Return the chest of `body` on n x n pixels; `tree` draws the branching of its vessels."""
    rays = cast(body, n)
    side, y = rays.side, rays.y
    lung, reach, floor = _lungs(rays)
    outline, heart = lung / (rays.depth + 1e-3) * (floor > 0), _heart_reach(rays)
    lung = np.maximum(lung - _heart(rays, heart), 0.0)
    soft = _trunk(rays)
    aerated = lung / (rays.depth + 1e-3)
    vessels, bronchi = _trees(body, n, tree)
    present = smoothstep(lung, 0.3, 2.5)
    hila = smoothstep(ellipse(side, y, (3.9, -0.3), (1.9, 3.2), 0.25), 1.0, 0.0) * 1.1
    # Noise stands for vessels that are too fine to draw one by one; they are dense near the hila.
    mesh = clouds(tree, n, (16, 32, 64, 128), 0.9) * (0.035 + 0.03 * np.clip(1.0 - reach, 0.0, 1.0))
    lung = lung - np.clip(((vessels + hila) * present + lung * mesh) * body.vessels, -0.2 * lung, 0.8 * lung)
    soft *= 1.0 + 0.025 * clouds(tree, n, (4, 8, 16), 0.7)
    marrow, cortex = bones(rays)
    soft -= _gas(rays, soft)
    return Chest(rays.x, y, soft, lung, marrow, cortex, aerated, reach, floor, bronchi * present, outline, heart)


def _lungs(rays: Rays) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return the lungs' thickness as if there were no heart, and the `reach` and `floor` of `Chest`."""
    body, side, is_left, k = rays.body, rays.side, rays.is_left, rays.body.length
    left, right = rays.read(rays.lines.inner_left) + body.turn, rays.read(rays.lines.inner_right) - body.turn
    reach = side / rays.outer
    across = np.sqrt(np.maximum(1.0 - reach * reach * np.sqrt(reach), 0.0))
    medial = np.sqrt(smoothstep(side - right - is_left * (left - right), -0.35, 2.6))
    # Each half of the diaphragm is also a dome along the beam: below its top, the lung behind it becomes thinner.
    peak = 6.2 * body.width
    spread = (side - peak) * (1.0 / (7.4 * body.width))
    level = 9.4 * k + (0.2 * k + body.dome_gap) * is_left + body.dome * (spread * spread)
    level += smoothstep(reach, 0.86, 1.0) * (1.2 + 0.4 * body.dome)
    floor = level - rays.y
    behind = np.clip(1.0 + floor * (1.0 / 5.0), 0.0, 1.0)
    behind = 0.34 * behind * behind
    behind += (1.0 - behind) * smoothstep(floor, -0.12, 0.22)
    return rays.depth * across * medial * behind, reach, floor


def _heart_reach(rays: Rays) -> np.ndarray:
    """Return 0 at the middle and 1 at the left and right border of heart, great vessels and hila in the image."""
    turn = rays.body.turn
    left, right = rays.read(rays.lines.heart_left) + turn, rays.read(rays.lines.heart_right) - turn
    return rays.side / (right + rays.is_left * (left - right))


def _heart(rays: Rays, reach: np.ndarray) -> np.ndarray:
    """Return the thickness of heart, great vessels and hila within their borders; `reach` is `_heart_reach`."""
    return chord(reach**2) ** 0.8 * rays.read(rays.lines.heart_depth)


def _trunk(rays: Rays) -> np.ndarray:
    """Return the thickness of trunk, shoulders, neck, jaw, upper arms and breasts, as if all were soft tissue."""
    body, lines, x, y, side = rays.body, rays.lines, rays.x, rays.y, rays.side
    wide = side / rays.read(lines.torso)
    trunk = np.sqrt(np.maximum(1.0 - wide * wide * wide, 0.0)) * rays.read(lines.torso_depth)
    below = y - lines.shoulder[table_index(side)]
    slab = np.sqrt(np.clip(below * (1.0 / 6.0), 0.0, 1.0)) * (9.0 + 1.6 * body.front)
    trunk *= np.sqrt(np.clip((below + 1.0) * (1.0 / 6.0), 0.0, 1.0))
    slab *= smoothstep(y, 1.0, -8.0) * chord((side * (1.0 / 20.0)) ** 2)
    total = np.maximum(trunk, slab)
    neck = chord((x / 5.2) ** 2) * 10.0 * smoothstep(y, -8.0, -13.0)
    total = np.maximum(total, neck)
    if body.chin > 0:
        jaw = chord(ellipse(x, y, (body.turn, -21.5 + body.chin), (6.4, 6.6))) * 15.0
        total = np.maximum(total, jaw)
    for start, elbow in arms(body):
        radius = (3.2 if body.child else 3.9) + 0.6 * body.wall
        total = np.maximum(total, 2.0 * np.sqrt(np.maximum(radius * radius - segment(x, y, start, elbow), 0.0)))
    if body.breast > 0:
        # A breast has a soft upper edge and a sharp fold below.
        mound = chord(ellipse(side, y, (7.4, 5.5), (6.6, 7.0))) * smoothstep(y, -2.0, 9.0)
        total = total + mound * body.breast * (total > 0)
    return total


def _gas(rays: Rays, soft: np.ndarray) -> np.ndarray:
    """Return the cm of air in place of soft tissue: trachea, main bronchi, stomach and bowel."""
    body, x, y = rays.body, rays.x, rays.y
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
    """Return vessels and bronchi as cm of path: binary trees from each hilum after Murray's law (r^3 is conserved)."""
    k = body.length
    roots = 6
    angle = np.concatenate([np.linspace(-1.35, 1.45, roots) + rng.normal(0, 0.12, roots) for _ in range(2)])
    sign = np.repeat([-1.0, 1.0], roots)
    px = sign * rng.uniform(2.8, 4.2, 2 * roots) + body.turn
    py = np.where(sign < 0, 0.2, -0.6) * k + 1.2 * np.sin(angle)
    radius = rng.uniform(0.32, 0.50, 2 * roots)
    length = rng.uniform(2.4, 3.6, 2 * roots)
    cm = 2.0 * body.view.half / n
    count = 6 if n <= 128 else 24
    steps = ((np.arange(count) + 0.5) / count)[:, None]
    drawn = []
    for _ in range(5):
        curl = rng.normal(0, 0.3, angle.shape)
        heading = angle + curl * steps
        stride = length / count
        across, down = np.cos(heading) * stride * sign, np.sin(heading) * stride
        xs = px + np.cumsum(across, axis=0)
        ys = py + np.cumsum(down, axis=0)
        # The volume of a step (cross-section times length) is distributed over the pixels.
        volume = (np.pi / cm**2) * radius**2 * stride * np.ones_like(steps)
        drawn.append((xs.ravel(), ys.ravel(), volume.ravel()))
        px, py = np.tile(xs[-1], 2), np.tile(ys[-1], 2)
        ends = angle + curl
        spread = rng.uniform(0.2, 0.65, ends.shape)
        angle = np.concatenate([ends - spread, ends + spread * 0.8])
        sign = np.tile(sign, 2)
        radius = np.tile(radius, 2) * 0.77
        length = np.tile(length, 2) * rng.uniform(0.68, 0.95, angle.shape)

    def shadow(levels: slice, offset: float, width: float) -> np.ndarray:
        xs, ys, volumes = (np.concatenate(part) for part in zip(*drawn[levels], strict=True))
        columns, rows = body.view.pixels(xs + offset, ys + offset, n)
        return blur(splat(columns, rows, volumes, n), width / cm)

    vessels = shadow(slice(0, 2), 0.0, 0.17) + shadow(slice(2, 5), 0.0, 0.1)
    return vessels, 0.7 * shadow(slice(0, 3), 0.35, 0.15)
