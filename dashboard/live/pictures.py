"""Pictures as HTML: the wipe, the heat map of a change with its scale, grids. Everything lossless, nothing on disk."""

import base64
import html
import io
import zipfile
from collections.abc import Mapping

import numpy as np

from gan_core import images

SCALE = 0.3  # of the grey scale, where the heat map has its strongest colours
# From darker through unchanged to brighter, told apart by colour-blind eyes (after ColorBrewer's PuOr, turned round).
_COLOURS = np.array(
    [
        *((45, 0, 75), (84, 39, 136), (128, 115, 172), (178, 171, 210), (247, 247, 247)),
        *((253, 184, 99), (224, 130, 20), (179, 88, 6), (127, 59, 8)),
    ],
    np.float32,
)


def heat(change: np.ndarray) -> np.ndarray:
    """Signed change float32 (S, S, C), in shares of the grey scale, as colours: uint8 (S, S, 3)."""
    place = (np.clip(change.mean(2) / SCALE, -1, 1) + 1) / 2 * (len(_COLOURS) - 1)
    low = np.minimum(place.astype(int), len(_COLOURS) - 2)
    share = (place - low)[..., None]
    return np.rint(_COLOURS[low] * (1 - share) + _COLOURS[low + 1] * share).astype(np.uint8)


def uri(content: bytes, kind: str = "image/png") -> str:
    return f"data:{kind};base64,{base64.b64encode(content).decode()}"


def quick_png(picture: np.ndarray) -> bytes:
    """PNG for the page alone, encoded for speed; what is downloaded comes from `gan_core.images`."""
    buffer = io.BytesIO()
    images.to_pil(picture).save(buffer, "PNG", compress_level=1)
    return buffer.getvalue()


def image(content: bytes, alt: str, kind: str = "image/png", classes: str = "") -> str:
    return f'<img class="{classes}" src="{uri(content, kind)}" alt="{html.escape(alt)}" draggable="false">'


def wipe(before: bytes, after: bytes, left: str, right: str) -> str:
    """Two pictures of one size over each other, and a slider that uncovers the second from the right."""
    return (
        '<div class="wipe" style="--at: 50%">'
        f"{image(before, f'before: {left}')}{image(after, f'after: {right}', classes='over')}"
        f'<span class="tag first">{html.escape(left)}</span><span class="tag last">{html.escape(right)}</span>'
        '<i class="edge"></i>'
        '<input type="range" min="0" max="100" value="50" step="0.5" aria-label="Wipe between before and after" '
        "oninput=\"this.parentNode.style.setProperty('--at', this.value + '%')\"></div>"
    )


def figure(picture: str, title: str, below: str = "") -> str:
    words = f"<small>{below}</small>" if below else ""
    return f"<figure><figcaption>{title}</figcaption>{picture}{words}</figure>"


def scale_bar() -> str:
    """The heat map's colours with their numbers."""
    stops = ", ".join(f"rgb({', '.join(str(int(c)) for c in colour)})" for colour in _COLOURS)
    ends = f"{SCALE:.0%}"
    return (
        f'<div class="scale"><i style="background: linear-gradient(90deg, {stops})"></i>'
        f"<span>&minus;{ends} darker</span><span>0</span><span>brighter +{ends}</span></div>"
    )


def link(content: bytes, name: str, words: str, kind: str = "image/png") -> str:
    """A link that downloads: the file is inside the page, and nothing of it stays on the server."""
    return f'<a class="get" download="{html.escape(name)}" href="{uri(content, kind)}">{html.escape(words)}</a>'


def zipped(members: Mapping[str, bytes]) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_STORED) as archive:
        for name, content in members.items():
            archive.writestr(name, content)
    return buffer.getvalue()


def message(words: str, kind: str = "note") -> str:
    """A sentence for the visitor; kind: note, wait, or error."""
    return f'<div class="message {kind}" role="status">{html.escape(words)}</div>'


def table(rows: Mapping[str, str]) -> str:
    cells = "".join(
        f"<div><dt>{html.escape(name)}</dt><dd>{html.escape(value)}</dd></div>" for name, value in rows.items()
    )
    return f'<dl class="numbers">{cells}</dl>'
