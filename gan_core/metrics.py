"""Metrics: what a run logs, declared once by its family and carried by the run's `config.json`.

A family lists a `Metric` for each column that its `train_step` returns. Pages, diagnostics and reports read the list
from the run, never from the family's name, so that a run of a family that is not installed here is shown as well.
The constants below are the columns that many families share.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Any, Literal

# A loss whose size depends on the objective that the run plays by; `resolved` puts the run's objective in its place.
OF_RUN = "of the run"
PERCENT = "percent"

Role = Literal[
    "",
    "generator_loss",
    "discriminator_loss",
    "accuracy_real",
    "accuracy_fake",
    "accuracy_pairs",
    "critic_distance",
    "cycle_loss",
    "identity_loss",
]
# The order of charts on a page: what is learned, the players' losses, the accuracies.
_ORDER: dict[str, int] = {
    "cycle_loss": 0,
    "identity_loss": 1,
    "": 2,
    "critic_distance": 2,
    "generator_loss": 3,
    "discriminator_loss": 4,
    "accuracy_real": 5,
    "accuracy_fake": 5,
    "accuracy_pairs": 5,
}


@dataclass(frozen=True)
class Metric:
    """One column of metrics.csv or epochs.csv.

    title: its name on a page; of a translator, {a} and {b} stand for the names of the two domains. unit: "percent" for
    shares in [0, 1], else the unit's name or nothing. role: what diagnostics take it for. objective: losses of two
    objectives never share a chart; nothing where values of all runs can be compared, OF_RUN for the run's own.
    chart: the chart that it is drawn in, as the mean of all metrics of that chart; its own title if None, no chart of
    the usual ones if empty. meaning: one line below the chart; {domains} stands for both domains. weight: the setting
    that weighs this loss; where that is 0, nothing learns by it and its chart is left out. watch: whether the page that
    follows a training draws it; name: what the curve is called there. summary: whether the table of last values has a
    row for it.
    """

    column: str
    title: str
    unit: str = ""
    role: Role = ""
    objective: str = ""
    chart: str | None = None
    meaning: str = ""
    weight: str = ""
    watch: bool = False
    name: str = ""
    summary: bool = False

    @property
    def percent(self) -> bool:
        return self.unit == PERCENT

    @property
    def chart_title(self) -> str:
        """The title of its chart; empty where it has none of the usual ones."""
        return self.title if self.chart is None else self.chart


GENERATOR_LOSS = Metric(
    "loss/g",
    "Generator loss",
    role="generator_loss",
    objective=OF_RUN,
    meaning="lower: it fools its discriminator more often",
    watch=True,
    name="generator",
)
DISCRIMINATOR_LOSS = Metric(
    "loss/d",
    "Discriminator loss",
    role="discriminator_loss",
    objective=OF_RUN,
    meaning="lower: it tells real from generated more surely",
    watch=True,
    name="discriminator",
)
ACCURACY_REAL = Metric(
    "accuracy/d_real",
    "Accuracy on real images",
    PERCENT,
    "accuracy_real",
    chart="Discriminator accuracy",
    meaning="mean of real and generated images; at 50 % it is guessing",
    watch=True,
    name="mean of real and generated",
)
ACCURACY_FAKE = Metric(
    "accuracy/d_fake",
    "Accuracy on generated images",
    PERCENT,
    "accuracy_fake",
    chart="Discriminator accuracy",
    meaning="mean of real and generated images; at 50 % it is guessing",
    watch=True,
    name="mean of real and generated",
)
ACCURACY_PAIRS = Metric(
    "accuracy/d_pairs",
    "Pairs told apart",
    PERCENT,
    "accuracy_pairs",
    meaning="the real image of a pair scores above the generated one; at 50 % the discriminator is guessing",
    watch=True,
    name="pairs told apart",
)
GRADIENT_D = Metric("grad_norm/d", "Discriminator gradient norm", chart="")
GRADIENT_G = Metric("grad_norm/g", "Generator gradient norm", chart="")
# What a generator and a discriminator of single images log, in the order of the columns.
ADVERSARIAL = (DISCRIMINATOR_LOSS, GENERATOR_LOSS, ACCURACY_REAL, ACCURACY_FAKE, GRADIENT_D, GRADIENT_G)


def _translator(column: str, title: str, role: Role, chart: str, meaning: str, **more: Any) -> Metric:
    return Metric(column, title, role=role, chart=chart, meaning=meaning, **more)


_FOOLED = "lower: translations fool their discriminators more often"
_TOLD = "lower: real is told from translated more surely"
_THERE_AND_BACK = "how far a picture is from itself, there and back: mean of {domains}"
_LEFT_ALONE = "what changes of a picture that is of the wanted domain already: mean of {domains}"
_OF_PATCHES = "mean of real and translated patches; at 50 % it is guessing"
_IDENTITY: dict[str, Any] = {"weight": "identity", "watch": True, "name": "identity"}
_ACCURACY: dict[str, Any] = {"unit": PERCENT, "watch": True, "name": "mean of real and translated"}

ADVERSARIAL_AB = _translator(
    "loss/g_ab", "Adversarial loss, {a} → {b}", "generator_loss", "Adversarial loss", _FOOLED, objective=OF_RUN
)
ADVERSARIAL_BA = _translator(
    "loss/g_ba", "Adversarial loss, {b} → {a}", "generator_loss", "Adversarial loss", _FOOLED, objective=OF_RUN
)
CYCLE_A = _translator(
    "loss/cycle_a", "Cycle loss, {a}", "cycle_loss", "Cycle loss", _THERE_AND_BACK, watch=True, name="cycle"
)
CYCLE_B = _translator(
    "loss/cycle_b", "Cycle loss, {b}", "cycle_loss", "Cycle loss", _THERE_AND_BACK, watch=True, name="cycle"
)
IDENTITY_A = _translator(
    "loss/identity_a", "Identity loss, {a}", "identity_loss", "Identity loss", _LEFT_ALONE, **_IDENTITY
)
IDENTITY_B = _translator(
    "loss/identity_b", "Identity loss, {b}", "identity_loss", "Identity loss", _LEFT_ALONE, **_IDENTITY
)
DISCRIMINATOR_A = _translator(
    "loss/d_a", "Discriminator loss, {a}", "discriminator_loss", "Discriminator loss", _TOLD, objective=OF_RUN
)
DISCRIMINATOR_B = _translator(
    "loss/d_b", "Discriminator loss, {b}", "discriminator_loss", "Discriminator loss", _TOLD, objective=OF_RUN
)
ACCURACY_A_REAL = _translator(
    "accuracy/d_a_real", "Accuracy on real {a}", "accuracy_real", "Discriminator accuracy", _OF_PATCHES, **_ACCURACY
)
ACCURACY_A_FAKE = _translator(
    "accuracy/d_a_fake", "Accuracy on {b} → {a}", "accuracy_fake", "Discriminator accuracy", _OF_PATCHES, **_ACCURACY
)
ACCURACY_B_REAL = _translator(
    "accuracy/d_b_real", "Accuracy on real {b}", "accuracy_real", "Discriminator accuracy", _OF_PATCHES, **_ACCURACY
)
ACCURACY_B_FAKE = _translator(
    "accuracy/d_b_fake", "Accuracy on {a} → {b}", "accuracy_fake", "Discriminator accuracy", _OF_PATCHES, **_ACCURACY
)
GRADIENT_TRANSLATORS = Metric("grad_norm/g", "Gradient norm of the translators", chart="")
GRADIENT_DISCRIMINATORS = Metric("grad_norm/d", "Gradient norm of the discriminators", chart="")

# What the trainer logs of every run.
AUGMENTATION = Metric("augment/p", "Probability of augmentation", PERCENT, chart="")
SPEED = Metric("images_per_second", "Images a second", chart="")

# What previews measure; epochs.csv.
HELD_OUT = Metric("accuracy/d_held_out", "Accuracy on held-out images", PERCENT, chart="", summary=True)
MEMORY = Metric("memory/d", "Training images told from held-out ones", PERCENT, chart="")
DIVERSITY = Metric("diversity/samples", "Diversity of the samples", chart="", summary=True)
DATA_DIVERSITY = Metric("diversity/data", "Diversity of the data", chart="", summary=True)


def _change(column: str, title: str) -> Metric:
    return Metric(column, title, PERCENT, chart="", summary=True)


CHANGE_AB, CHANGE_BA = _change("change/ab", "Change, {a} → {b}"), _change("change/ba", "Change, {b} → {a}")
CHANGE_BB = _change("change/bb", "Change, {b} → {b}")
CYCLE_ERROR_A, CYCLE_ERROR_B = (
    _change("cycle_error/a", "Cycle error, {a}"),
    _change("cycle_error/b", "Cycle error, {b}"),
)
ERROR_AB, ERROR_BA = _change("error/ab", "Error, {a} → {b}"), _change("error/ba", "Error, {b} → {a}")

CHANGES = (CHANGE_AB, CHANGE_BA, CHANGE_BB, CYCLE_ERROR_A, CYCLE_ERROR_B, ERROR_AB, ERROR_BA)


def of_previews(task: str, has_discriminator: bool, paired: bool, one_way: bool) -> tuple[Metric, ...]:
    """What previews of such a family measure, in the order to show it."""
    judged = (HELD_OUT, MEMORY) if has_discriminator else ()
    if task == "generate":
        return (*judged, DIVERSITY, DATA_DIVERSITY)
    if one_way:
        return (*judged, CHANGE_AB, CHANGE_BB)
    third = (ERROR_AB, ERROR_BA) if paired else (CYCLE_ERROR_A, CYCLE_ERROR_B)
    return (*judged, CHANGE_AB, CHANGE_BA, *third)


def resolved(metrics: Iterable[Metric], objective: str, settings: Mapping[str, Any]) -> tuple[Metric, ...]:
    """Metrics as a run of these settings logs them: its objective put in, and no chart for a loss of weight 0."""
    found = []
    for metric in metrics:
        if metric.objective == OF_RUN:
            metric = replace(metric, objective=objective)
        if metric.weight and not settings.get(metric.weight, 1):
            metric = replace(metric, chart="", role="", watch=False)
        found.append(metric)
    return tuple(found)


# A run that carries no list (one of format 1 whose family is not installed here) is read by these names.
_KNOWN = {
    metric.column: metric
    for metric in (
        *(*ADVERSARIAL, ACCURACY_PAIRS, CYCLE_A, CYCLE_B, IDENTITY_A, IDENTITY_B, ADVERSARIAL_AB, ADVERSARIAL_BA),
        *(DISCRIMINATOR_A, DISCRIMINATOR_B, ACCURACY_A_REAL, ACCURACY_A_FAKE, ACCURACY_B_REAL, ACCURACY_B_FAKE),
        *(AUGMENTATION, SPEED, HELD_OUT, MEMORY, DIVERSITY, DATA_DIVERSITY, *CHANGES),
    )
}


def of_column(column: str) -> Metric:
    """What a column is by its name alone: one that many families share, else one called by its own name."""
    return _KNOWN.get(column) or Metric(column, column, PERCENT if column.startswith("accuracy/") else "", chart="")


def in_order(metrics: Iterable[Metric]) -> list[Metric]:
    """The order to show metrics in: those with a chart by role, then the rest as they are declared."""
    return sorted(metrics, key=lambda metric: _ORDER[metric.role] if metric.chart_title else len(_ORDER))
