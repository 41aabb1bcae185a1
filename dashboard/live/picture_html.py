"""Images as HTML: the wipe, the heat map with its scale, figures and links. All PNGs are lossless, none is on disk."""

import html
import io
import re
import zipfile
from collections.abc import Mapping

import numpy as np

from dashboard.library.image_encoding import data_uri
from gan_core import images

SCALE = 0.3  # change, as a share of the grey scale, that gets the strongest colour
# Darker, unchanged, brighter: a colour-blind safe palette (ColorBrewer's PuOr, reversed).
_COLOURS = np.array(
    [
        *((45, 0, 75), (84, 39, 136), (128, 115, 172), (178, 171, 210), (247, 247, 247)),
        *((253, 184, 99), (224, 130, 20), (179, 88, 6), (127, 59, 8)),
    ],
    np.float32,
)


def heat(change: np.ndarray) -> np.ndarray:
    """Colour a signed change float32 (S, S, C), in shares of the grey scale: uint8 (S, S, 3)."""
    place = (np.clip(change.mean(2) / SCALE, -1, 1) + 1) / 2 * (len(_COLOURS) - 1)
    low = np.minimum(place.astype(int), len(_COLOURS) - 2)
    share = (place - low)[..., None]
    return np.rint(_COLOURS[low] * (1 - share) + _COLOURS[low + 1] * share).astype(np.uint8)


def quick_png(picture: np.ndarray) -> bytes:
    """Return an upload as PNG, encoded for speed; synthetic images use `gan_core.images` instead, which marks them."""
    buffer = io.BytesIO()
    images.to_pil(picture).save(buffer, "PNG", compress_level=1)
    return buffer.getvalue()


def image(content: bytes, alt: str, kind: str = "image/png") -> str:
    return f'<img src="{data_uri(content, kind)}" alt="{html.escape(alt)}" draggable="false">'


def wipe(before: bytes, after: bytes, left: str, right: str) -> str:
    """Return two images of one size on top of each other, with a wipe slider and window and level controls."""
    over = image(after, f"after: {right}")
    return f'<div class="large">{wiped(image(before, f"before: {left}"), over, left, right)}{WINDOW}</div>'


def wiped(under: str, over: str, left: str, right: str, above: str = "") -> str:
    """Return two layers of one size with a wipe slider, and what lies above: HTML all three; left, right: texts."""
    return (
        '<div class="wipe" style="--at: 50%">'
        f'<div>{under}<span class="tag">{html.escape(left)}</span></div>'
        f'<div class="over">{over}<span class="tag">{html.escape(right)}</span></div>'
        '<i class="edge"></i>'
        '<input type="range" min="0" max="100" value="50" step="0.5" aria-label="Wipe between before and after" '
        f"oninput=\"this.parentNode.style.setProperty('--at', this.value + '%')\">{above}</div>"
    )


# Window and level act through a CSS filter of the page: the files do not change.
WINDOW = """
<svg width="0" height="0" aria-hidden="true"><filter id="ganray-window" color-interpolation-filters="sRGB">
<feComponentTransfer><feFuncR type="linear" slope="1" intercept="0"/><feFuncG type="linear" slope="1" intercept="0"/>
<feFuncB type="linear" slope="1" intercept="0"/></feComponentTransfer></filter></svg>
<div class="window"><label>Window <input type="range" min="0.1" max="1" step="0.01" value="1" data-role="window"
oninput="ganrayWindow(this)"></label><label>Level <input type="range" min="0" max="1" step="0.01" value="0.5"
data-role="level" oninput="ganrayWindow(this)"></label><button type="button" onclick="ganrayReset(this)">Reset</button>
<label class="tick" title="The network's own pixels, without smoothing"><input type="checkbox"
onchange="this.closest('.large').classList.toggle('crisp', this.checked)"> Pixels</label></div>
"""


def ghost(title: str, words: str = "") -> str:
    """Return a placeholder for an image, with its title and a status."""
    heading = f"<figcaption>{html.escape(title)}</figcaption>" if title else ""
    return f'<figure>{heading}<div class="ghost" role="status">{html.escape(words)}</div></figure>'


def figure(picture: str, title: str, below: str = "") -> str:
    words = f"<small>{below}</small>" if below else ""
    return f"<figure><figcaption>{title}</figcaption>{picture}{words}</figure>"


def scale_bar(darker: str = "darker", brighter: str = "brighter") -> str:
    """Return the colour scale of the heat map."""
    stops = ", ".join(f"rgb({', '.join(str(int(c)) for c in colour)})" for colour in _COLOURS)
    ends = f"{SCALE:.0%}"
    return (
        f'<div class="scale"><i style="background: linear-gradient(90deg, {stops})"></i>'
        f"<span>&minus;{ends} {darker}</span><span>0</span><span>{brighter} +{ends}</span></div>"
    )


def file_name(*parts: str, suffix: str = ".png") -> str:
    """Join parts to a safe file name of letters, digits, '.', '_' and '-'."""
    return re.sub(r"[^\w.-]", "_", "_".join(parts)).lstrip(".") + suffix


def link(content: bytes, name: str, words: str, kind: str = "image/png") -> str:
    """Return a download link; the page itself holds the file, so nothing stays on the server."""
    return f'<a class="get" download="{html.escape(name)}" href="{data_uri(content, kind)}">{html.escape(words)}</a>'


def links(found: list[str], words: str = "") -> str:
    """Return a line of links after a sentence that describes them."""
    sentence = f"<span>{html.escape(words)}</span>" if words else ""
    return f'<p class="links">{sentence}{"".join(found)}</p>'


def zipped(members: Mapping[str, bytes]) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_STORED) as archive:
        for name, content in members.items():
            archive.writestr(name, content)
    return buffer.getvalue()


def message(words: str, kind: str = "note") -> str:
    """Return a message for the visitor; `kind` is note, wait or error."""
    return f'<div class="message {kind}" role="status">{html.escape(words)}</div>'


def table(rows: Mapping[str, str]) -> str:
    cells = "".join(
        f"<div><dt>{html.escape(name)}</dt><dd>{html.escape(value)}</dd></div>" for name, value in rows.items()
    )
    return f'<dl class="numbers">{cells}</dl>'
