"""How runs are told apart: one colour per family on every page, a dash and a shape per run of a family."""

from collections.abc import Sequence
from dataclasses import dataclass

from dashboard.library.store import Entry

# Okabe and Ito's colours, and three that the colour-blind tell from them (simulated after Machado 2009), all legible on
# white and on near black. The second word is Streamlit's name of the colour (see .streamlit/config.toml), for text.
FAMILIES = {
    "gan": ("#0072B2", "blue"),
    "dcgan": ("#D55E00", "orange"),
    "cgan": ("#009E73", "green"),
    "bigan": ("#CC79A7", "violet"),
    "acgan": ("#3D9BDC", "primary"),
    "r3gan": ("#CC003D", "red"),
    "vae": ("#7F8C9B", "gray"),
    "cyclegan": ("#C08A00", "yellow"),  # theirs darkened, to be seen on white
    "pix2pix": ("#4B5FC0", "blue"),
    "cut": ("#7A9A01", "green"),
}
OTHERS = (("#56B4E9", "primary"), ("#8C6D5B", "gray"))
DASHES = ("solid", "dash", "dot", "dashdot")
# Beyond four runs of a family, shapes on the lines tell them apart: Plotly's names, and a full and a hollow glyph.
GLYPHS = {"": "●○", "square": "■□", "diamond": "◆◇", "triangle-up": "▲△", "triangle-down": "▼▽"}
HISTOGRAM_STYLES = {"real": ("Training", "#7F8C9B"), "held_out": ("Held out", "#56B4E9")}
GREY = "#7F8C9B"


@dataclass(frozen=True)
class Style:
    """How a run is drawn: its family's colour, and a dash and a shape that tell it from others of the family."""

    color: str
    word: str  # Streamlit's name of the colour
    dash: str
    shape: str = ""  # one of GLYPHS

    @property
    def dot(self) -> str:
        """A full dot (or the run's shape) for a solid line, a hollow one for a dashed one."""
        return GLYPHS[self.shape][self.dash != "solid"]

    @property
    def symbol(self) -> str:
        """The same as Plotly's marker."""
        return f"{self.shape or 'circle'}{'' if self.dash == 'solid' else '-open'}"


def family_color(family: str) -> tuple[str, str]:
    """(hex colour, Streamlit's name of it), the same for a family on every page."""
    if family in FAMILIES:
        return FAMILIES[family]
    return OTHERS[sum(family.encode()) % len(OTHERS)] if family else (GREY, "gray")


def run_styles(entries: Sequence[Entry]) -> dict[str, Style]:
    """A style for each run by name. The plain `_seed` presets are dashed; further runs of a family get other dashes.

    Twenty runs of a family look different.
    """
    found: dict[str, Style] = {}
    used: dict[str, set[tuple[str, int]]] = {}
    for entry in entries:
        taken = used.setdefault(entry.family, set())
        seed_twin = bool(entry.config and entry.config.preset.endswith("_seed"))
        order = (1, 2, 3, 0) if seed_twin else (0, 2, 3, 1)
        free = ((shape, dash) for shape in GLYPHS for dash in order)
        shape, dash = next((each for each in free if each not in taken), ("", order[0]))
        taken.add((shape, dash))
        found[entry.name] = Style(*family_color(entry.family), DASHES[dash], shape)
    return found
