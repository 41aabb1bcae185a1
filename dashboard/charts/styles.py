"""How runs are told apart: one colour per family on every page, a dash and a shape per run of a family."""

from collections.abc import Sequence
from dataclasses import dataclass

from dashboard.library.store import Entry
from gan_core.config import BASELINE

# Of runs whose family declares no colour; those that do chose Okabe and Ito's, and some that the colour-blind tell from
# them (simulated after Machado 2009), all legible on white and on near black.
OTHERS = ("#56B4E9", "#8C6D5B")
DASHES = ("solid", "dash", "dot", "dashdot")
# Beyond four runs of a family, shapes on the lines tell them apart: Plotly's names, and a full and a hollow glyph.
GLYPHS = {"": "●○", "square": "■□", "diamond": "◆◇", "triangle-up": "▲△", "triangle-down": "▼▽"}
HISTOGRAM_STYLES = {"real": ("Training", "#7F8C9B"), "held_out": ("Held out", "#56B4E9")}
GREY = "#7F8C9B"


@dataclass(frozen=True)
class Style:
    """How a run is drawn: its family's colour, and a dash and a shape that tell it from others of the family."""

    color: str  # #rrggbb
    dash: str
    shape: str = ""  # one of GLYPHS

    @property
    def colored_dot(self) -> str:
        """The dot in the run's colour, as Streamlit's Markdown."""
        return f':color[{self.dot}]{{foreground="{self.color}"}}'

    @property
    def dot(self) -> str:
        """A full dot (or the run's shape) for a solid line, a hollow one for a dashed one."""
        return GLYPHS[self.shape][self.dash != "solid"]

    @property
    def symbol(self) -> str:
        """The same as Plotly's marker."""
        return f"{self.shape or 'circle'}{'' if self.dash == 'solid' else '-open'}"


def family_color(entry: Entry) -> str:
    """The colour that the run's family declares, #rrggbb; one of OTHERS, by the family's name, where it has none."""
    if entry.traits.color:
        return entry.traits.color
    return OTHERS[sum(entry.family.encode()) % len(OTHERS)] if entry.family else GREY


def run_styles(entries: Sequence[Entry]) -> dict[str, Style]:
    """A style for each run by name. The baselines are dashed; further runs of a family get other dashes.

    Twenty runs of a family look different.
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
