"""Styles that distinguish runs: one colour per family on every page, a dash and a shape per run of a family.

A run of another program has a colour by its name, which does not depend on the runs beside it.
"""

import zlib
from collections.abc import Sequence
from dataclasses import dataclass

from dashboard.library.store import Entry
from gan_core.config import BASELINE

# For families that declare no colour. The declared colours are those of Okabe and Ito and some that the
# colour-blind can distinguish from them (simulated after Machado 2009). All are legible on white and on near black.
OTHERS = ("#56B4E9", "#8C6D5B")
# For runs of other programs, which have no family: as far from those above, and from each other, for the same eyes.
ELSEWHERE = ("#871EFF", "#D200A5", "#A5782D", "#F06978", "#8787FF")
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
    """Return the colour that the run's family declares, #rrggbb; else one of OTHERS, chosen by the family's name.

    That of a run of another program is one of ELSEWHERE, chosen by the run's name.
    """
    if entry.origin:
        return ELSEWHERE[zlib.crc32(entry.name.encode()) % len(ELSEWHERE)]
    if entry.traits.color:
        return entry.traits.color
    return OTHERS[sum(entry.family.encode()) % len(OTHERS)] if entry.family else GREY


def run_styles(entries: Sequence[Entry]) -> dict[str, Style]:
    """Return run name -> style. Baselines are dashed; further runs of a colour get other dashes and shapes.

    Up to twenty runs of a colour get different styles.
    """
    found: dict[str, Style] = {}
    used: dict[str, set[tuple[str, int]]] = {}
    for entry in entries:
        color = family_color(entry)
        taken = used.setdefault(color, set())
        baseline = bool(entry.config and entry.config.preset.endswith(BASELINE))
        order = (1, 2, 3, 0) if baseline else (0, 2, 3, 1)
        free = ((shape, dash) for shape in GLYPHS for dash in order)
        shape, dash = next((each for each in free if each not in taken), ("", order[0]))
        taken.add((shape, dash))
        found[entry.name] = Style(color, DASHES[dash], shape)
    return found
