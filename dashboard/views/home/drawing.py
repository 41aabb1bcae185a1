"""The drawing of two networks: what the four families share, and in what they differ.

It is drawn from what the families declare: their layers, whether they take a class, whether they have an encoder. The
tabs above it change the family in the browser.
"""

import html
from pathlib import Path

import streamlit as st

from dashboard.library import store
from dashboard.views.home import networks_svg
from dashboard.widgets import terms
from dashboard.widgets.components import component
from gan_core import runs
from gan_core.families import registry
from gan_core.families.registry import Preset

COMPONENTS = Path(__file__).resolve().parents[2] / "components"
_LAYERS = {
    "dense": ("dense", "Dense layers", "every pixel depends on every number; neighbours mean nothing to them"),
    "convolutional": ("convolution", "Convolutions", "the same small patterns are looked for all over the image"),
}
_FAMILIES = component(
    "ganray_families",
    html='<div class="tabs" role="tablist" aria-label="Family"></div><div class="panel" role="tabpanel"></div>',
    css=(COMPONENTS / "families.css").read_text(encoding="utf-8"),
    js=(COMPONENTS / "families.js").read_text(encoding="utf-8"),
)


def show() -> None:
    """Draw the families that Compare begins with, one at a time."""
    with st.container(key="families"):
        _FAMILIES(data=[describe(preset) for preset in families()], key="families of home")


def families() -> list[Preset]:
    """Return the presets of the runs that Compare begins with."""
    known = registry.presets()
    names = (name.removeprefix(f"{runs.REFERENCE}/") for name in store.FIRST)
    return [known[name] for name in names if name in known]


def describe(preset: Preset) -> dict[str, str]:
    """Return what the component draws of a family; the texts are HTML."""
    title = preset.title.partition(":")[0]
    return {
        "title": title,
        "sign": ", ".join(_signs(preset)),
        "color": preset.traits.color,
        "drawing": networks_svg.draw(preset.traits, title),
        "words": f"<p>{html.escape(store.summary(preset.title))}</p><ul>{''.join(_facts(preset))}</ul>",
    }


def _signs(preset: Preset) -> list[str]:
    """Return in what the family differs, in a word or two each."""
    traits = preset.traits
    signs = [_LAYERS[traits.layers][1].lower()] if traits.layers else []
    own = [*(["takes a class"] if traits.conditional else []), *(["has an encoder"] if traits.encodes else [])]
    return own or signs


def _facts(preset: Preset) -> list[str]:
    """Return what is known of the family, a list item each."""
    traits = preset.traits
    found = []
    if traits.layers:
        key, name, words = _LAYERS[traits.layers]
        found.append(f"<li><b>{terms.anchor(key, name)}</b>: {words}.</li>")
    word = terms.anchor("class", "class")
    if traits.conditional:
        found.append(f"<li><b>Takes a {word}</b>: one can ask for a picture of it.</li>")
    else:
        found.append(f"<li>Takes no {word}: chance decides what it draws.</li>")
    encoder = terms.anchor("encoder", "encoder")
    if traits.encodes:
        found.append(f"<li><b>Has an {encoder}</b>: from a picture back to its numbers. Pairs are judged.</li>")
    else:
        found.append(f"<li>No {encoder}: there is no way back from a picture to its numbers.</li>")
    return found
