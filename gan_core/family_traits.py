"""The traits of a family as plain values: its abilities, objective, colour and metrics.

A family's file declares them, `gan_core.families.registry` reads them without importing torch, and every run's
`config.json` stores them. Pages, diagnostics, evaluations and reports read the run's traits, so they name no family.
"""

from dataclasses import dataclass, field

from gan_core import objectives
from gan_core.metrics import Metric
from gan_core.objectives import Objective

SEVERITY = 0.7  # of a graded translation that asks for none


@dataclass(frozen=True)
class FamilyTraits:
    """The traits of a family, as its runs store them.

    title: one line. task: generate or translate. color: `#rrggbb`, its colour on every page. diagram: how its networks
    are connected, as the statements of a Graphviz DOT graph without the outer braces; empty for no diagram.
    metrics: the columns that its runs log, and how to display them.
    """

    title: str = ""
    task: str = "generate"
    conditional: bool = False  # whether it generates images of a given class
    encodes: bool = False  # whether it encodes images to latent vectors
    has_discriminator: bool = True  # whether it has one whose logits score single images
    paired: bool = False  # whether a translator trains on pairs
    one_way: bool = False  # whether a translator maps from A to B only
    graded: bool = False  # whether its translations to B have a severity
    shows_path: bool = False  # whether it draws in steps, from noise of the picture's size, and can show them
    layers: str = ""  # of its networks, unless a setting says otherwise: "dense" or "convolutional"
    objective: str = ""
    color: str = ""
    diagram: str = ""
    metrics: tuple[Metric, ...] = field(default=())

    @property
    def objective_info(self) -> Objective:
        """The facts about its objective."""
        return objectives.find(self.objective)

    def columns(self, role: str) -> tuple[str, ...]:
        """The columns of metrics.csv with the role `role`."""
        return tuple(metric.column for metric in self.metrics if metric.role == role)
