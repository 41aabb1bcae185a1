"""What the page needs to paint opacity by itself, as HTML: its script (painting.js) answers the severity slider.

    canvas(picture, painting, ...)       the picture, and what airless lung would be brighter by (room), as PNG
    pattern(painting, seed)              logits, density and the biases of all severities, in the frame of the lungs
    Chosen.of(text)                      what a visitor has chosen there, as the script sends it with a button

The page computes y = x + o * room with o = density * sigmoid(logits + bias), as `gan_core.anatomy.painting` does, so
that nothing is sent while the slider moves. Maps are float32, little-endian, in base64.
"""

import base64
import binascii
import html
import json
from dataclasses import dataclass
from hashlib import blake2b
from typing import TYPE_CHECKING, Any

import numpy as np
from PIL import Image

from dashboard.live import picture_html
from gan_core.errors import UserError
from gan_core.family_traits import SEVERITY

if TYPE_CHECKING:
    from gan_core.anatomy.painting import Painting

LARGEST = 1024  # pixels of the longer side of the copy that the page shows
STEPS = 100  # of severity, from 0 to 1
MOST_SEED = 2**31 - 1
_FRAME = 64  # pixels a side of a map in the frame of the lungs
# Share of air lost from 0 to 1: darker to brighter throughout, so that the colour-blind can read it (matplotlib's
# plasma), and transparent where nothing is lost.
_COLOURS = np.array(
    [(13, 8, 135), (92, 1, 166), (156, 23, 158), (203, 71, 120), (237, 121, 83), (253, 178, 47), (240, 249, 33)],
    np.float32,
)
_OPAQUE = 0.25  # share of air lost from which on the colour hides the picture


@dataclass(frozen=True)
class Chosen:
    """What a visitor has chosen on the page."""

    severity: float = SEVERITY
    seed: int = 0
    brush: np.ndarray | None = None  # where opacity may lie in the frame of the lungs, float32 (64, 64) in [0, 1]

    @classmethod
    def of(cls, text: str | None) -> "Chosen":
        """Return what the page's script has sent; an empty text is what nobody has changed.

        Raises:
            UserError: it is none of what the script sends.
        """
        if not text:
            return cls()
        try:
            given = json.loads(text)
            severity, seed, brush = float(given["severity"]), int(given["seed"]), str(given["brush"])
            painted = np.frombuffer(base64.b64decode(brush, validate=True), np.uint8)
        except (ValueError, TypeError, KeyError, OverflowError, RecursionError, binascii.Error):
            raise UserError("what was chosen on the page did not arrive: reload it") from None
        if not 0 <= severity <= 1:
            raise UserError(f"a severity of {severity:g}: use a number from 0 to 1")
        if not 0 <= seed <= MOST_SEED or painted.size not in (0, _FRAME**2):
            raise UserError("what was chosen on the page did not arrive: reload it")
        return cls(severity, seed, painted.reshape(_FRAME, _FRAME).astype(np.float32) / 255 if painted.size else None)


def copy(picture: np.ndarray) -> np.ndarray:
    """Return the copy of an image that the page shows, uint8 (h, w, C), LARGEST pixels or less on the longer side.

    picture: float32 (H, W, C) in [0, 1].
    """
    share = LARGEST / max(picture.shape[:2])
    if share < 1:
        size = max(1, round(picture.shape[1] * share)), max(1, round(picture.shape[0] * share))
        planes = [Image.fromarray(np.ascontiguousarray(plane)) for plane in picture.transpose(2, 0, 1)]
        small = [plane.resize(size, Image.Resampling.BICUBIC, reducing_gap=3.0) for plane in planes]
        picture = np.stack([np.asarray(plane) for plane in small], 2)
    return np.rint(np.clip(picture, 0, 1) * 255).astype(np.uint8)


def canvas(picture: np.ndarray, painting: "Painting", left: str, right: str) -> str:
    """Return the picture with its wipe and its severity slider; it is painted once `pattern` is on the page.

    picture: uint8 (H, W, C); painting: of the same picture.
    """
    room = np.rint(painting.canvas.room[0, 0].cpu().numpy() * 255).clip(0, 255).astype(np.uint8)
    before = picture_html.image(picture_html.quick_png(picture), f"before: {left}")
    over = (
        f'<canvas class="painted" role="img" aria-label="{html.escape(f"after: {right}")}"></canvas>'
        '<canvas class="overlay" aria-hidden="true"></canvas><canvas class="brushed" aria-hidden="true"></canvas>'
    )
    paper = (
        '<div class="paper" role="application" tabindex="0" aria-label="Paint opacity: arrow keys move the brush, '
        'space paints" hidden><i class="ring"></i></div>'
    )
    hidden = f'<div class="room" hidden>{picture_html.image(picture_html.quick_png(room), "")}</div>'
    return (
        f'<div class="large painting" data-picture="{blake2b(picture.tobytes(), digest_size=8).hexdigest()}">'
        f"{picture_html.wiped(before, over, left, right, paper)}{hidden}{_SLIDER}{picture_html.WINDOW}</div>"
    )


_SLIDER = f"""
<div class="severity"><label>Severity
<input type="range" min="0" max="1" step="{1 / STEPS}" value="{SEVERITY}" oninput="ganraySeverity(this)"></label>
<output aria-live="off"></output><small>rank among sick training pictures, not a clinical grade</small></div>
"""


def numbers(painting: "Painting", seed: int) -> dict[str, Any]:
    """Return what the page's script computes with, of the one picture of a painting."""
    biases = painting.biases([step / STEPS for step in range(STEPS + 1)])[0]
    planes = {"logits": painting.logits, "density": painting.density, "mask": painting.mask}
    maps = {name: _packed(plane[0, 0].float().cpu().numpy()) for name, plane in planes.items()}
    return maps | {
        "seed": seed,
        "box": painting.boxes[0].tolist(),  # top, bottom, left, right of the frame, in shares of the picture
        "biases": biases.tolist(),
        "soft": _packed(_in_frame(painting.canvas.soft[0, 0].cpu().numpy(), painting.boxes[0].tolist())),
        "colours": _packed(colours(np.linspace(0, 1, 256, dtype=np.float32))),
    }


def pattern(painting: "Painting", seed: int) -> str:
    """Return a pattern for the page's script: `numbers`, in an element that nobody sees."""
    return f'<div class="pattern" hidden data-numbers="{html.escape(json.dumps(numbers(painting, seed)))}"></div>'


def cleared(before: bytes, after: bytes, opacity: np.ndarray, left: str, right: str) -> str:
    """Return the wipe between two PNGs, with an opacity map, float32 (H, W), that can be faded in over the second."""
    overlay = picture_html.image(picture_html.quick_png(colours(opacity)), "").replace("<img", '<img class="overlay"')
    over = picture_html.image(after, f"after: {right}") + overlay
    wiped = picture_html.wiped(picture_html.image(before, f"before: {left}"), over, left, right)
    return f'<div class="large painting">{wiped}{picture_html.WINDOW}</div>'


def fader(what: str) -> str:
    """Return the slider that fades the opacity map in, with its scale."""
    stops = ", ".join(f"rgb({', '.join(str(int(c)) for c in colour)})" for colour in _COLOURS)
    return (
        f'<div class="fader"><label>{what}<input type="range" min="0" max="1" step="0.05" value="0" '
        'oninput="ganrayFade(this)"></label>'
        f'<div class="scale"><i style="background: linear-gradient(90deg, {stops})"></i>'
        "<span>0%</span><span>share of air lost</span><span>100%</span></div></div>"
    )


BRUSH = """
<div class="brush" role="group" aria-label="Brush"><div class="keys">
<button type="button" aria-pressed="false" onclick="ganrayBrush(this, 'paint')">Brush</button>
<button type="button" aria-pressed="false" onclick="ganrayBrush(this, 'erase')">Erase</button>
<button type="button" onclick="ganrayClear(this)">Clear</button></div>
<label>Size <input type="range" min="0.02" max="0.15" step="0.01" value="0.06" oninput="ganraySize(this)"></label>
<small>Paint where the opacity shall be. The network fills it in.</small></div>
"""


def colours(opacity: np.ndarray) -> np.ndarray:
    """Colour shares of air lost, float32 (...) in [0, 1]: uint8 (..., 4), transparent where nothing is lost."""
    place = np.clip(opacity, 0, 1) * (len(_COLOURS) - 1)
    low = np.minimum(place.astype(int), len(_COLOURS) - 2)
    share = (place - low)[..., None]
    colour = _COLOURS[low] * (1 - share) + _COLOURS[low + 1] * share
    alpha = np.clip(opacity / _OPAQUE, 0, 1)[..., None] * 255
    return np.rint(np.concatenate((colour, alpha), -1)).astype(np.uint8)


def _in_frame(plane: np.ndarray, box: list[float]) -> np.ndarray:
    """Return a plane of the picture, float32 (H, W), in the frame, (64, 64); 0 where the frame lies beyond it."""
    top, bottom, left, right = box
    middles = (np.arange(_FRAME) + 0.5) / _FRAME
    rows = np.floor((top + middles * (bottom - top)) * plane.shape[0]).astype(int)
    columns = np.floor((left + middles * (right - left)) * plane.shape[1]).astype(int)
    inside = ((rows >= 0) & (rows < plane.shape[0]))[:, None] & (columns >= 0) & (columns < plane.shape[1])
    found = plane[rows.clip(0, plane.shape[0] - 1)[:, None], columns.clip(0, plane.shape[1] - 1)]
    return np.where(inside, found, np.float32(0))


def _packed(values: np.ndarray) -> str:
    kind = "<f4" if values.dtype == np.float32 else values.dtype
    return base64.b64encode(np.ascontiguousarray(values, kind).tobytes()).decode("ascii")
