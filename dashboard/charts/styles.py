"""Styles that distinguish runs: one colour per family on every page, a dash and a shape per run of a family."""

from collections.abc import Sequence
from dataclasses import dataclass

from dashboard.library.store import Entry
from gan_core.config import BASELINE

# For families that declare no colour. The declared colours are those of Okabe and Ito and some that the
# colour-blind can distinguish from them (simulated after Machado 2009). All are legible on white and on near black.
OTHERS = ("#56B4E9", "#8C6D5B")
DASHES = ("solid", "dash", "dot", "dashdot")
# From the fifth run of a family on, shapes on the lines distinguish the runs: Plotly's name -> filled and hollow glyph.
GLYPHS = {"": "●○", "square": "■□", "diamond": "◆◇", "triangle-up": "▲△", "triangle-down": "▼▽"}
HISTOGRAM_STYLES = {"real": ("Training", "#7F8C9B"), "held_out": ("Held out", "#56B4E9")}
GREY = "#7F8C9B"


@dataclass(frozen=True)
class Style:
    """The style of a run's curves: the colour of its family, and its own dash and shape within the family."""

    color: str  # #rrggbb
    dash: str
    shape: str = ""  # one of GLYPHS

    @property
    def colored_dot(self) -> str:
        """Return the dot in the run's colour, as Streamlit Markdown."""
        return f':color[{self.dot}]{{foreground="{self.color}"}}'

    @property
    def dot(self) -> str:
        """Return a filled dot (or the run's shape) for a solid line, a hollow one for a dashed line."""
        return GLYPHS[self.shape][self.dash != "solid"]

    @property
    def symbol(self) -> str:
        """Return the name of the same sign as a Plotly marker."""
        return f"{self.shape or 'circle'}{'' if self.dash == 'solid' else '-open'}"


def family_color(entry: Entry) -> str:
    """Return the colour that the run's family declares, #rrggbb; else one of OTHERS, chosen by the family's name."""
    if entry.traits.color:
        return entry.traits.color
    return OTHERS[sum(entry.family.encode()) % len(OTHERS)] if entry.family else GREY


def run_styles(entries: Sequence[Entry]) -> dict[str, Style]:
    """Return run name -> style. Baselines are dashed; further runs of a family get other dashes and shapes.

    Up to twenty runs of a family get different styles.
    """
    found: dict[str, Style] = {}
    used: dict[str, set[tuple[str, int]]] = {}
    for entry in entries:
        taken = used.setdefault(entry.family, set())
        baseline = bool(entry.config and entry.config.preset.endswith(BASELINE))
        order = (1, 2, 3, 0) if baseline else (0, 2, 3, 1)
        free = ((shape, dash) for shape in GLYPHS for dash in order)
        shape, dash = next((each for each in free if each not in taken), ("", order[0]))
        taken.add((shape, dash))
        found[entry.name] = Style(family_color(entry), DASHES[dash], shape)
    return found
