"""What a family says of itself, in plain values: its abilities, its objective, its colour, its metrics.

A family's file declares it, `gan_core.families.registry` reads it there without importing torch, and every run's
`config.json` carries it. Pages, diagnostics, evaluations and reports read the run's, and so name no family.
"""

from dataclasses import dataclass, field

from gan_core import objectives
from gan_core.metrics import Metric
from gan_core.objectives import Objective


@dataclass(frozen=True)
class FamilyTraits:
    """A family as its runs carry it.

    title: one line; task: generate or translate. color: `#rrggbb`, the family's own on every page. diagram: how its
    networks hang together, in Graphviz' DOT language, the statements between the braces; empty where none is drawn.
    metrics: the columns that its runs log, and how to show them.
    """

    title: str = ""
    task: str = "generate"
    conditional: bool = False  # whether its runs can be asked for a class
    encodes: bool = False  # whether they bring images back to latent vectors
    has_discriminator: bool = True  # whether there is one whose logits can be shown
    paired: bool = False  # whether a translator learns from pairs
    one_way: bool = False  # whether a translator goes from A to B alone
    objective: str = ""
    color: str = ""
    diagram: str = ""
    metrics: tuple[Metric, ...] = field(default=())

    @property
    def objective_info(self) -> Objective:
        """What is known of its objective."""
        return objectives.find(self.objective)

    def columns(self, role: str) -> tuple[str, ...]:
        """The columns of metrics.csv that play a role."""
        return tuple(metric.column for metric in self.metrics if metric.role == role)
