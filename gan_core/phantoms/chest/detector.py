"""From path lengths to the image: attenuation, scatter, noise, and the display curve of a radiograph.

Attenuation follows the Beer-Lambert law, I = I0 exp(-sum mu t). Mass attenuation coefficients: Hubbell and Seltzer,
NIST Standard Reference Database 126, ICRU-44 tissues, at the effective energies of 60 to 120 kV beams.
"""

from dataclasses import dataclass

import numpy as np

from gan_core.phantoms.chest.anatomy import Chest
from gan_core.phantoms.chest.body import Body
from gan_core.phantoms.fields import blur, ellipse, shrink

_ENERGIES = (50.0, 60.0, 80.0)  # keV
# Linear attenuation in 1/cm: the mass coefficient in cm^2/g times the density in g/cm^3. At 70 keV the values
# are about 0.205 (soft tissue), 0.05 (lung) and 0.51 (compact bone); air (0.0002) is neglected.
_SOFT = tuple(m * 1.06 for m in (0.2264, 0.2048, 0.1823))
_LUNG = tuple(m * 0.26 for m in (0.2270, 0.2053, 0.1826))  # an inflated lung
_CORTEX = tuple(m * 1.92 for m in (0.4242, 0.3148, 0.2229))
_MARROW = tuple(m * 1.18 for m in (0.2790, 0.2340, 0.1930))  # spongy bone with marrow: an estimate between the two


@dataclass(frozen=True)
class Exposure:
    """One exposure and its display. `photons` is the number per cm^2 of detector without a body; shares are of 1."""

    energy: float  # keV
    photons: float
    scatter: float
    focus: float  # blur of focal spot and detector, cm
    black: float  # the log signal displayed as black, as a share of the lungs'
    white: float  # the log signal displayed as white, as a multiple of the brightest tissue's
    gamma: float
    shoulder: float  # how far the display curve flattens towards white
    detail: float  # gain of fine structure relative to broad structure
    vignette: float
    borders: tuple[float, float, float, float]  # collimated strips: left, right, top, bottom, as shares of the side
    slope: float  # rotation of the collimator, as a slope
    frame: float  # grey level of the strips
    marker: str  # "", "R" or "L"
    marker_at: tuple[float, float, float]  # column, row, height, as shares of the side
    ink: float  # grey level of the marker


def draw_exposure(rng: np.random.Generator, child: bool) -> Exposure:
    """Draw the parameters of one exposure and its display from `rng`."""
    u = rng.uniform
    strips = [u(0.0, 0.07) if rng.random() < 0.08 else 0.0 for _ in range(4)]
    marked = rng.random() < (0.7 if child else 0.55)
    letter = "R" if rng.random() < (0.85 if child else 0.4) else "L"
    column = u(0.02, 0.09) if letter == "R" else u(0.85, 0.93)
    return Exposure(
        energy=u(52.0, 64.0) if child else u(58.0, 76.0),
        photons=10.0 ** u(5.3, 6.8),
        scatter=u(0.03, 0.16),
        focus=u(0.03, 0.09),
        black=u(0.0, 0.2) if child else u(0.0, 0.35),
        white=u(1.05, 1.35) if child else u(1.05, 1.3),
        gamma=u(0.9, 1.35) if child else u(0.85, 1.2),
        shoulder=u(0.0, 0.4),
        detail=u(1.4, 2.6) if child else u(1.2, 2.2),
        vignette=u(0.0, 0.05),
        borders=(strips[0], strips[1], strips[2], strips[3]),
        slope=float(rng.normal(0.0, 0.02)),
        frame=0.0 if rng.random() < 0.95 else u(0.9, 1.0),
        marker=letter if marked else "",
        marker_at=(column, u(0.03, 0.3), u(0.04, 0.08)),
        ink=u(0.75, 1.0),
    )


def attenuation(exposure: Exposure, table: tuple[float, ...]) -> float:
    """Return the linear attenuation in 1/cm at the exposure's energy, interpolated in `table`."""
    return float(np.interp(exposure.energy, _ENERGIES, table))


def air_gain(exposure: Exposure, body: Body) -> float:
    """Return the optical depth that 1 cm of lung (of the model adult) gains when fluid replaces its air."""
    return (attenuation(exposure, _SOFT) - attenuation(exposure, _LUNG)) * body.scale


def optical_depth(chest: Chest, body: Body, exposure: Exposure) -> np.ndarray:
    """Return the sum of mu t along each ray of the healthy body, shape (N, N)."""
    soft, lung = attenuation(exposure, _SOFT), attenuation(exposure, _LUNG)
    depth = chest.soft * soft + chest.lung * (lung - soft)
    depth += chest.marrow * (attenuation(exposure, _MARROW) - soft)
    depth += chest.cortex * (attenuation(exposure, _CORTEX) - soft)
    return np.maximum(depth, 0.0) * body.scale


def bone_depth(chest: Chest, body: Body, exposure: Exposure) -> np.ndarray:
    """Return the sum of mu t that bone adds along each ray, relative to soft tissue, shape (N, N)."""
    soft = attenuation(exposure, _SOFT)
    added = chest.marrow * (attenuation(exposure, _MARROW) - soft)
    return (added + chest.cortex * (attenuation(exposure, _CORTEX) - soft)) * body.scale


def expose(
    depth: np.ndarray,
    opacity: np.ndarray,
    lungs: np.ndarray,
    body: Body,
    exposure: Exposure,
    rng: np.random.Generator,
    step: int,
) -> tuple[np.ndarray, np.ndarray]:
    """Return the displayed images without and with `opacity`: two (N / step, N / step) float32 arrays in [0, 1].

    Both use the scatter, noise, window and broad structure of the healthy body, so that they differ in the disease
    alone.
    """
    n = depth.shape[0]
    cm = 2.0 * body.view.half / n
    primary = np.exp(-depth)
    # Single scatter grows with the path and is attenuated by it: mu t exp(-mu t), blurred widely.
    scatter = blur(depth * primary, 3.0 / cm) * exposure.scatter
    light = shrink(blur(primary, exposure.focus / cm) + scatter, step)
    counts = exposure.photons * (cm * step) ** 2
    noise = rng.standard_normal(light.shape, np.float32) / np.sqrt(light * counts + 1.0)
    noise = np.clip(blur(noise, 0.6), -0.25, 0.25)
    log = noise - np.log(light)
    broad = blur(log, 1.6 / (cm * step))
    detailed = broad + (log - broad) * exposure.detail
    window = _window(log, lungs, exposure)
    frame = _frame(light.shape[0], exposure)
    healthy = _finish(detailed, window, frame, exposure)
    if not opacity.any():
        return healthy, healthy
    sick_light = shrink(blur(np.exp(-opacity) * primary, exposure.focus / cm) + scatter, step)
    # Disease is partly broad and partly fine structure, so its gain is the mean of the two.
    gain = 0.5 + 0.5 * exposure.detail
    return healthy, _finish(detailed + gain * np.log(light / sick_light), window, frame, exposure)


def _window(log: np.ndarray, lungs: np.ndarray, exposure: Exposure) -> tuple[float, float]:
    """Return the log signals displayed as black and as white."""
    bright = float(np.percentile(log[::2, ::2], 97.0))
    dark = float(log[lungs].mean()) if lungs.any() else 0.5 * bright
    return exposure.black * dark, bright * exposure.white


def _finish(
    log: np.ndarray, window: tuple[float, float], frame: tuple[np.ndarray, np.ndarray], exposure: Exposure
) -> np.ndarray:
    """Apply window, display curve, vignette, collimator and marker; return the image in [0, 1]."""
    low, high = window
    image = (log - low) * (1.0 / (high - low))
    image = np.clip(image, 0.0, 1.15)
    image = np.clip(image * (1.0 + exposure.shoulder * (1.0 - image)), 0.0, 1.0) ** exposure.gamma
    vignette, strips = frame
    image = image * vignette * (1.0 - strips) + strips * exposure.frame
    return _mark(image, exposure)


def _frame(n: int, exposure: Exposure) -> tuple[np.ndarray, np.ndarray]:
    """Return the vignette as a factor, and the collimated strips as a mask; both (n, n) float32."""
    line = (np.arange(n, dtype=np.float32) + 0.5) * (1.0 / n)
    column, row = line[None, :], line[:, None]
    vignette = 1.0 - exposure.vignette * 4.0 * ((column - 0.5) ** 2 + (row - 0.5) ** 2)
    left, right, top, bottom = exposure.borders
    lean_x, lean_y = (row - 0.5) * exposure.slope, (column - 0.5) * exposure.slope
    mask = np.zeros((n, n), np.float32)
    for share, distance in (
        (left, column + lean_x),
        (right, 1.0 - column + lean_x),
        (top, row + lean_y),
        (bottom, 1.0 - row + lean_y),
    ):
        if share > 0:
            mask = np.maximum(mask, np.clip((share - distance) * n + 0.5, 0.0, 1.0))
    return vignette.astype(np.float32), mask


def _mark(picture: np.ndarray, exposure: Exposure) -> np.ndarray:
    """Return the image with the side marker, drawn from strokes, burnt in."""
    if not exposure.marker:
        return np.clip(picture, 0.0, 1.0)
    n = picture.shape[0]
    left, top, height = exposure.marker_at
    size = height * n
    column0, row0 = int(left * n), int(top * n)
    rows = slice(max(row0 - 1, 0), min(row0 + int(size) + 3, n))
    columns = slice(max(column0 - 1, 0), min(column0 + int(size * 0.8) + 3, n))
    y, x = np.mgrid[rows, columns]
    x, y = (x - left * n) / size, (y - top * n) / size
    pen, soft = 0.075, 1.0 / size
    bar = np.abs(x - 0.1)
    if exposure.marker == "L":
        foot = np.where((x > 0.1) & (x < 0.55), np.abs(y - 0.92), 9.0)
        stroke = np.minimum(np.where((y > 0.05) & (y < 0.98), bar, 9.0), foot)
    else:
        bowl = np.where(x > 0.1, np.abs(np.sqrt(ellipse(x, y, (0.1, 0.3), (0.45, 0.25))) - 1.0) * 0.3, 9.0)
        leg = np.where((y > 0.5) & (y < 0.98), np.abs((x - 0.18) - (y - 0.5) * 0.8) * 0.8, 9.0)
        stroke = np.minimum(np.minimum(np.where((y > 0.03) & (y < 0.98), bar, 9.0), bowl), leg)
    cover = np.clip((pen - stroke) / soft + 0.5, 0.0, 1.0)
    marked = picture.copy()
    marked[rows, columns] += (exposure.ink - marked[rows, columns]) * cover
    return np.clip(marked, 0.0, 1.0)
