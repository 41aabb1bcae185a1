"""The bones of the chest phantoms as path lengths: ribs, spine, clavicles, scapulae and upper arms.

Ribs are helices around the chest: one curve gives the posterior half, the fainter anterior half and the bright
tangential edge at the side.
"""

from functools import lru_cache

import numpy as np

from gan_core.phantoms.chest.body import Body, Rays
from gan_core.phantoms.fields import chord, ellipse, segment, smoothstep, table, table_index

# (position along a rib as an angle around the chest, 0 degrees at the spine; its fall in cm)
_POSTERIOR = ((0, 0.0), (15, -0.45), (30, -0.5), (45, 0.1), (60, 1.15), (75, 2.5), (90, 4.2))
_ANTERIOR = ((150, 8.2), (135, 8.0), (120, 7.2), (105, 5.9), (90, 4.2))
_RIB_STEPS = 257


def bones(rays: Rays) -> tuple[np.ndarray, np.ndarray]:
    """Return spongy and compact bone along each ray in cm of the model adult; two (N, N) float32 arrays."""
    marrow, cortex = _ribs(rays)
    for part in (_spine(rays), _girdle(rays)):
        marrow += part[0]
        cortex += part[1]
    return marrow, cortex


def arms(body: Body) -> list[tuple[tuple[float, float], tuple[float, float]]]:
    """Return the upper arms as (shoulder joint, elbow) in cm, the patient's right arm first."""
    lines = []
    for sign, angle in ((-1.0, body.arm_right), (1.0, body.arm_left)):
        reach = ((12.4 if body.child else 13.6) + 0.7 * body.wall) * (0.4 + 0.6 * body.width)
        start = (sign * reach, -9.6 - body.shoulder)
        lines.append((start, (start[0] + sign * 36.0 * float(np.cos(angle)), start[1] + 36.0 * float(np.sin(angle)))))
    return lines


@lru_cache
def _rib_fall(angles: tuple[tuple[int, float], ...]) -> np.ndarray:
    """Tabulate the fall of a rib in cm over the distance from the midline, 0 to 1 of the chest's half width."""
    at = [float(np.sin(np.deg2rad(angle))) for angle, _ in angles]
    return np.interp(np.linspace(0.0, 1.0, _RIB_STEPS), at, [fall for _, fall in angles])


def _ribs(rays: Rays) -> tuple[np.ndarray, np.ndarray]:
    """Return both halves of the ribs, which are numbered from 0 at the top and evenly spaced."""
    body, y = rays.body, rays.y
    cage = rays.outer + 0.35
    u = np.minimum(rays.side / cage, 1.0)
    upright = np.sqrt(1.0 - u * u)
    # A ray that is tangential to the chest wall has a longer path inside a rib.
    path = np.minimum(1.0 / (upright + 0.25), 2.2) * (rays.side < cage + 0.2)
    step = (u * (_RIB_STEPS - 1)).astype(np.intp)
    marrow, cortex = np.zeros_like(y), np.zeros_like(y)
    top = -12.6 * body.length + body.tip * rays.x
    # Lower ribs are steeper.
    droop = u * np.clip(y * 0.13, -0.6, 1.8) * body.rib_slope
    fade = smoothstep(y, 16.0, 7.0) * 0.7 + 0.3
    stretch = 1.0 + body.rib_crowd * np.sin(y * 0.21 + body.rib_phase)
    common = path * fade * body.bone
    # Towards the sternum a rib becomes cartilage, which is hardly brighter than muscle.
    front = 0.62 * smoothstep(u, 0.42, 0.62)
    for angles, last, weight in ((_POSTERIOR, 11, 1.0), (_ANTERIOR, 7, front)):
        fall = _rib_fall(angles) * body.rib_slope
        lean = np.sqrt(1.0 + (np.gradient(fall, 1.0 / (_RIB_STEPS - 1)) / 13.0) ** 2)
        half = np.minimum(body.rib_half * lean, body.rib_spacing * 0.42).astype(np.float32)[step]
        place = (y - top - droop - fall.astype(np.float32)[step]) * stretch * (1.0 / body.rib_spacing)
        number = np.rint(place)
        off = (place - number) * body.rib_spacing / half
        present = common * weight * ((number >= 0) & (number <= last))
        whole = chord(off * off) * present * 1.15
        core = chord(off * off * 1.64) * present * 0.78
        marrow += core
        cortex += whole - core
    return marrow, cortex


def _spine(rays: Rays) -> tuple[np.ndarray, np.ndarray]:
    """Return the vertebrae with end plates, pedicles and processes, and the upper part of the sternum."""
    body, x, y = rays.body, rays.x, rays.y
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
    marrow = inside * (1.8 - 1.3 * disc) * thick
    pedicle = ellipse(np.abs(v), off, (0.62, -0.12), (0.2, 0.17))
    ring = np.maximum(1.0 - np.abs(pedicle - 1.0) * 1.3, 0.0)
    spinous = chord(ellipse(v, off, (0.0, 0.2), (0.17, 0.26)))
    transverse = chord(ellipse(np.abs(v), off, (1.25, -0.2), (0.6, 0.17)))
    cortex = (inside * plate * 0.45 + edge * 0.4 + ring * 0.4 + spinous * 0.8 + transverse * 0.35) * thick
    fade = smoothstep(y, -24.0, -20.0)
    sternum = smoothstep(np.abs(x - 0.6 * body.turn), 2.7, 2.0) * smoothstep(y, -9.5, -8.7) * smoothstep(y, -3.8, -4.8)
    return marrow * fade + sternum * 0.5, cortex * fade


def _girdle(rays: Rays) -> tuple[np.ndarray, np.ndarray]:
    """Return clavicles, scapulae and upper arms."""
    body, x, y, side = rays.body, rays.x, rays.y, rays.side
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
    # The scapula is a thin plate; its rim and its spine are visible.
    blade = ellipse(side, y, (12.6 * w + 0.8, -4.2 - 0.6 * lift), (2.7, 6.4), -0.22)
    cortex = cortex + smoothstep(blade, 1.0, 0.9) * 0.16 + np.maximum(1.0 - np.abs(blade - 0.94) * 11.0, 0.0) * 0.4
    ridge = segment(side, y, (9.8 * w, -7.6 - 0.6 * lift), (14.6 * w, -11.0 - lift))
    cortex += smoothstep(ridge, 0.5, 0.05) * 0.3
    for start, elbow in arms(body):
        shaft = segment(x, y, start, elbow)
        tube = np.sqrt(np.maximum(1.45 - shaft, 0.0)) - 0.9 * np.sqrt(np.maximum(0.75 - shaft, 0.0))
        head = chord(ellipse(x, y, start, (2.4, 2.4))) * 2.6
        marrow = marrow + head
        cortex = cortex + np.maximum(tube * 1.2 - head * 0.5, 0.0) + 0.3 * smoothstep(head, 0.0, 1.2) * (head < 1.4)
    return marrow * body.bone, cortex * body.bone
