"""Patterns of pneumonia: for each kind a map of the share of the lung's air that fluid has replaced.

The patterns follow the usual radiological description. Bacterial pneumonia consolidates one lobe, with air
bronchograms. Viral pneumonia thickens the interstitium of both lungs. COVID-19 shows ground-glass opacities in the
periphery and the bases of both lungs (Wong et al., Radiology 2020).
"""

import numpy as np

from gan_core.phantoms.chest.anatomy import Chest
from gan_core.phantoms.chest.body import Body
from gan_core.phantoms.fields import clouds, ellipse, smoothstep

KINDS = ("bacterial", "covid", "normal", "viral")


def fill(kind: str, chest: Chest, body: Body, rng: np.random.Generator) -> np.ndarray:
    """Return the share of air lost in the lung along each ray, (N, N) float32 in [0, 0.95]."""
    if kind == "normal":
        return np.zeros_like(chest.lung)
    pattern = {"bacterial": _bacterial, "covid": _covid, "viral": _viral}[kind]
    return np.clip(pattern(chest, body, rng), 0.0, 0.95).astype(np.float32)


def _bacterial(chest: Chest, body: Body, rng: np.random.Generator) -> np.ndarray:
    n, k, w = chest.x.shape[0], body.length, body.width
    sign = -1.0 if rng.random() < 0.55 else 1.0
    x, y = chest.x * sign, chest.y
    place = rng.random()
    centre_x, radius_x = rng.uniform(5.5, 8.5) * w, rng.uniform(4.8, 7.5) * w
    if place < 0.35:
        centre_y, radius_y = rng.uniform(-7.5, -5.0) * k, rng.uniform(4.0, 5.8)
    elif place < 0.55:
        centre_y, radius_y = rng.uniform(0.0, 3.0) * k, rng.uniform(3.4, 5.2)
    else:
        centre_y, radius_y = rng.uniform(4.5, 8.0) * k, rng.uniform(4.2, 6.6)
    rough = clouds(rng, n, (5, 10, 20, 40), 0.68)
    distance = np.sqrt(ellipse(x, y, (centre_x, centre_y), (radius_x, radius_y), rng.normal(0.0, 0.35)))
    consolidation = smoothstep(distance + rough * rng.uniform(0.16, 0.3), 1.35, 0.5)
    if place < 0.35 and rng.random() < 0.6:
        # The fissure below an upper lobe bounds the consolidation.
        edge = centre_y + 0.55 * radius_y
        consolidation *= smoothstep(y + 0.12 * x, edge + 0.5, edge - 0.2)
    density = rng.uniform(0.62, 0.95)
    bronchogram = np.clip(chest.bronchi * rng.uniform(0.0, 0.7), 0.0, 0.35)
    return (x > 0) * consolidation * density * (1.0 + 0.14 * rough) * (1.0 - bronchogram)


def _covid(chest: Chest, body: Body, rng: np.random.Generator) -> np.ndarray:
    n = chest.x.shape[0]
    patches = clouds(rng, n, (6, 10, 20), 0.7)
    grain = clouds(rng, n, (24, 48, 96), 0.7)
    severity = rng.uniform(0.35, 1.0)
    rim = smoothstep(chest.reach, 0.28, 0.8)
    base = smoothstep(chest.floor, 17.0, 3.0)
    place = rim * (0.25 + 0.75 * base)
    balance = float(np.clip(rng.normal(0.0, 0.16), -0.3, 0.3))
    sides = 1.0 + balance * np.sign(chest.x)
    spots = smoothstep(0.8 * patches + 2.0 * place, 0.8 - 0.8 * severity, 2.2)
    return place * spots * sides * (0.42 + 0.48 * severity) * (1.0 + 0.28 * grain)


def _viral(chest: Chest, body: Body, rng: np.random.Generator) -> np.ndarray:
    n = chest.x.shape[0]
    haze = clouds(rng, n, (3, 6, 12), 0.7)
    web = clouds(rng, n, (14, 28, 56, 112), 0.85)
    severity = rng.uniform(0.55, 1.0)
    hilar = smoothstep(chest.reach, 0.95, 0.2)
    # The zero crossings of a random field form a net, as thickened septa do; patches of haze make it uneven.
    net = np.exp(-(web * web) * 3.0)
    uneven = np.clip(0.7 + 0.35 * haze, 0.15, 1.6)
    return severity * (0.4 + 0.6 * hilar) * (0.16 + uneven * (0.18 + 0.42 * net + 0.7 * np.minimum(chest.bronchi, 0.3)))
