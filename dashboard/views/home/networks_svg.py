"""A generator and a discriminator as SVG, drawn from the traits of a family.

The style sheet of its component (components/families.css) gives the colours, sizes of letters and movement.
"""

import html
from itertools import pairwise

from gan_core.family_traits import FamilyTraits

WIDTH, HEIGHT = 900, 262
_GREYS = (0.25, 0.75, 0.45, 0.95, 0.6)  # of the latent vector
_TOP, _BOTTOM = 98, 206  # the middle of the row of the generator, and of real images
_TILE = 76


def draw(traits: FamilyTraits, title: str) -> str:
    """Return the drawing of a family as one `svg` element that names what it shows."""
    layers = traits.layers or "dense"
    beside = 448 if traits.encodes or traits.conditional else 418
    parts = [
        _feedback(),
        _vector(24, _TOP, "z"),
        _label(2, _TOP - 52, "random numbers", "small"),
        _arrow(46, _TOP, 96, _TOP),
        _network(100, 290, 46, 128, _TOP, layers, "generator", "Generator"),
        _arrow(294, _TOP, 332, _TOP),
        _chest(336, _TOP - _TILE / 2, "generated"),
        _label(336 + _TILE / 2, _TOP - _TILE / 2 - 8, "generated", "middle"),
        _chest(336, _BOTTOM - _TILE / 2, "real"),
        _label(336 + _TILE / 2, _BOTTOM + _TILE / 2 + 16, "real", "middle under"),
        *_beside_pictures(traits),
        _arrow(beside, _TOP, 546, 132),
        _arrow(beside, _BOTTOM, 546, 176),
        _network(550, 736, 132, 48, 154, layers, "discriminator", "Discriminator"),
        _arrow(740, 154, 774, 154),
        _verdict(),
    ]
    if traits.conditional:
        parts += [_chip(3, 168, "class"), f'<path class="arrow own" d="M62 172 L108 {_TOP + 32}"/>']
    if traits.encodes:
        parts += [
            _arrow(332, _BOTTOM + 4, 296, _BOTTOM + 4),
            _network(120, 292, 30, 68, _BOTTOM + 4, layers, "encoder own", "Encoder"),
            _arrow(116, _BOTTOM + 4, 50, _BOTTOM + 4),
            _vector(24, _BOTTOM + 4, "z own"),
        ]
    words = html.escape(_described(traits, title))
    return f'<svg viewBox="0 0 {WIDTH} {HEIGHT}" role="img" aria-label="{words}">{_HEAD}{"".join(parts)}</svg>'


_HEAD = (
    '<defs><marker id="tip" viewBox="0 0 8 8" refX="7" refY="4" markerWidth="7" markerHeight="7" orient="auto">'
    '<path class="tip" d="M0 0 L8 4 L0 8 z"/></marker></defs>'
)


def _described(traits: FamilyTraits, title: str) -> str:
    words = (
        f"{title}: random numbers go into the generator, which draws a picture. The discriminator sees generated and "
    )
    words += "real pictures and says which are real. Both learn from its verdict."
    words += f" Their layers are {traits.layers}." if traits.layers else ""
    words += " Both also take the class." if traits.conditional else ""
    return words + (" An encoder turns pictures into such numbers." if traits.encodes else "")


def _label(x: float, y: float, words: str, kind: str = "") -> str:
    return f'<text x="{x:g}" y="{y:g}" class="{kind}">{html.escape(words)}</text>'


def _arrow(x0: float, y0: float, x1: float, y1: float) -> str:
    """Return an arrow with a dot that runs along it, where movement is welcome."""
    line = f"M{x0:g} {y0:g} L{x1:g} {y1:g}"
    return f'<path class="arrow" d="{line}"/><circle class="runner" r="4" style="offset-path: path(\'{line}\')"/>'


def _vector(x: float, middle: float, kind: str) -> str:
    """Return a latent vector: a column of greys."""
    top = middle - 8 * len(_GREYS)
    cells = (
        f'<rect x="{x}" y="{top + 16 * number:g}" width="16" height="16" style="fill-opacity: {grey}"/>'
        for number, grey in enumerate(_GREYS)
    )
    return f'<g class="vector {kind}">{"".join(cells)}</g>'


def _network(x0: float, x1: float, high0: float, high1: float, middle: float, layers: str, kind: str, name: str) -> str:
    """Return a network as a trapezoid with its layers inside and its name above or below."""
    corners = f"{x0},{middle - high0 / 2} {x1},{middle - high1 / 2} {x1},{middle + high1 / 2} {x0},{middle + high0 / 2}"
    inside = _dense if layers == "dense" else _convolutions
    below = kind.startswith("encoder")
    y = middle + max(high0, high1) / 2 + 16 if below else middle - max(high0, high1) / 2 - 8
    return (
        f'<g class="network {kind}"><polygon points="{corners}"/>{inside(x0, x1, high0, high1, middle)}'
        f"{_label((x0 + x1) / 2, y, name, 'middle strong under' if below else 'middle strong')}</g>"
    )


def _dense(x0: float, x1: float, high0: float, high1: float, middle: float) -> str:
    """Return three layers of neurons, each joined with all of the next."""
    columns = []
    for share in (0.14, 0.5, 0.86):
        high = (high0 + (high1 - high0) * share) * 0.72
        count = max(2, round(high / 19))
        x = x0 + (x1 - x0) * share
        columns.append([(x, middle - high / 2 + high * number / (count - 1)) for number in range(count)])
    lines = (f"M{x:g} {y:.1f}L{u:g} {v:.1f}" for left, right in pairwise(columns) for x, y in left for u, v in right)
    neurons = (f'<circle cx="{x:g}" cy="{y:.1f}" r="4.5"/>' for column in columns for x, y in column)
    return f'<path class="threads" d="{"".join(lines)}"/>{"".join(neurons)}'


def _convolutions(x0: float, x1: float, high0: float, high1: float, middle: float) -> str:
    """Return four stacks of maps, growing or shrinking, with the small window that goes over each."""
    maps = []
    for share in (0.12, 0.36, 0.62, 0.87):
        high = (high0 + (high1 - high0) * share) * 0.66
        x, y = x0 + (x1 - x0) * share - 11, middle - high / 2
        for shift in (5, 0):
            maps.append(f'<rect class="map" x="{x + shift:.1f}" y="{y - shift:.1f}" width="17" height="{high:.1f}"/>')
        maps.append(f'<rect class="window" x="{x + 3:.1f}" y="{y + high * 0.3:.1f}" width="8" height="8"/>')
    return "".join(maps)


def _chest(x: float, y: float, kind: str) -> str:
    """Return a picture of a chest as a sign: two lungs and a spine."""
    lungs = (
        "M34 16 C24 14 14 34 12 58 C20 64 30 62 35 58 Z",
        "M42 16 C52 14 62 34 64 58 C56 64 46 62 41 58 Z",
    )
    ribs = "M16 34 Q26 28 35 32 M14 45 Q25 38 35 43 M60 34 Q50 28 41 32 M62 45 Q51 38 41 43"
    drawn = "".join(f'<path class="lung" d="{lung}"/>' for lung in lungs)
    return (
        f'<g class="picture {kind}" transform="translate({x:g} {y:g})"><rect class="film" width="{_TILE}" '
        f'height="{_TILE}" rx="5"/>{drawn}<path class="ribs" d="{ribs}"/></g>'
    )


def _beside_pictures(traits: FamilyTraits) -> list[str]:
    """Return what the discriminator sees besides a picture: its class, or its latent vector."""
    parts = []
    for middle in (_TOP, _BOTTOM):
        if traits.encodes:
            parts.append(f'<g transform="translate(420 {middle - 35}) scale(0.875)">{_vector(0, 40, "z own")}</g>')
        if traits.conditional:
            parts.append(f'<g transform="translate(416 {middle - 34})">{_chip(0, 0, "c", 26)}</g>')
    return parts


def _chip(x: float, y: float, words: str, wide: float = 58) -> str:
    return (
        f'<g class="chip own"><rect x="{x}" y="{y}" width="{wide}" height="26" rx="13"/>'
        f"{_label(x + wide / 2, y + 18, words, 'middle')}</g>"
    )


def _verdict() -> str:
    return (
        '<g class="verdict"><rect class="bar" x="780" y="132" width="104" height="14" rx="7"/>'
        '<rect class="share" x="780" y="132" width="62" height="14" rx="7"/></g>'
        f"{_label(832, 170, 'real or', 'middle first')}{_label(832, 188, 'generated?', 'middle second')}"
    )


def _feedback() -> str:
    """Return the way back: both networks learn from the verdict."""
    return (
        f'<path class="feedback" d="M832 124 L832 14 L266 14 L266 {_TOP - 60}"/>'
        f"{_label(516, 30, 'both learn from the verdict', 'middle small')}"
    )
