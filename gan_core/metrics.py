"""Metrics: the columns that a run logs, declared once by its family and stored in the run's `config.json`.

A family lists a `Metric` for each column that its `train_step` returns. Pages, diagnostics and reports read the list
from the run, not from the family, so they can show a run whose family is not installed.
The constants below are the columns that many families share.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Any, Literal

# Placeholder for the run's own objective, for losses whose scale depends on it; `resolved` replaces it.
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
# The order of charts on a page: reconstruction losses, the losses of the two players, the accuracies.
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

    title: its name on a page; {a} and {b} stand for the two domains of a translator.
    unit: "percent" for shares in [0, 1], else the name of the unit, or empty.
    role: the role that diagnostics treat it as.
    objective: losses of different objectives never share a chart; empty if values of all runs are comparable, OF_RUN
    for the run's own objective.
    chart: title of its chart, which draws the mean of all its metrics; None for a chart of its own, empty for none of
    the standard charts.
    meaning: one line below the chart; {domains} stands for both domains.
    weight: the setting that weights this loss; if that is 0, the loss trains nothing and its chart is left out.
    watch: whether the page that follows a training draws it.
    name: name of the curve on that page.
    summary: whether the table of last values has a row for it.
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
        """The title of its chart; empty if it is in none of the standard charts."""
        return self.title if self.chart is None else self.chart


GENERATOR_LOSS = Metric(
    "loss/g",
    "Generator loss",
    role="generator_loss",
    objective=OF_RUN,
    meaning="lower: the generator fools the discriminator more often",
    watch=True,
    name="generator",
)
DISCRIMINATOR_LOSS = Metric(
    "loss/d",
    "Discriminator loss",
    role="discriminator_loss",
    objective=OF_RUN,
    meaning="lower: the discriminator separates real from generated images better",
    watch=True,
    name="discriminator",
)
ACCURACY_REAL = Metric(
    "accuracy/d_real",
    "Accuracy on real images",
    PERCENT,
    "accuracy_real",
    chart="Discriminator accuracy",
    meaning="mean of real and generated images; 50 % is chance",
    watch=True,
    name="mean of real and generated",
)
ACCURACY_FAKE = Metric(
    "accuracy/d_fake",
    "Accuracy on generated images",
    PERCENT,
    "accuracy_fake",
    chart="Discriminator accuracy",
    meaning="mean of real and generated images; 50 % is chance",
    watch=True,
    name="mean of real and generated",
)
ACCURACY_PAIRS = Metric(
    "accuracy/d_pairs",
    "Pairwise accuracy",
    PERCENT,
    "accuracy_pairs",
    meaning="share of pairs whose real image scores above the generated one; 50 % is chance",
    watch=True,
    name="pairs in the right order",
)
GRADIENT_D = Metric("grad_norm/d", "Discriminator gradient norm", chart="")
GRADIENT_G = Metric("grad_norm/g", "Generator gradient norm", chart="")
# The metrics of a generator and a discriminator of single images, in column order.
ADVERSARIAL = (DISCRIMINATOR_LOSS, GENERATOR_LOSS, ACCURACY_REAL, ACCURACY_FAKE, GRADIENT_D, GRADIENT_G)


def _translator(column: str, title: str, role: Role, chart: str, meaning: str, **more: Any) -> Metric:
    return Metric(column, title, role=role, chart=chart, meaning=meaning, **more)


_FOOLED = "lower: translations fool the discriminator more often"
_SEPARATES = "lower: the discriminator separates real from translated images better"
_RECONSTRUCTION = "mean absolute difference of an image and its cycle reconstruction: mean of {domains}"
_UNCHANGED = "mean absolute change of an image that is in the target domain already: mean of {domains}"
_OF_PATCHES = "mean of real and translated patches; 50 % is chance"
_IDENTITY: dict[str, Any] = {"weight": "identity", "watch": True, "name": "identity"}
_ACCURACY: dict[str, Any] = {"unit": PERCENT, "watch": True, "name": "mean of real and translated"}

ADVERSARIAL_AB = _translator(
    "loss/g_ab", "Adversarial loss, {a} → {b}", "generator_loss", "Adversarial loss", _FOOLED, objective=OF_RUN
)
ADVERSARIAL_BA = _translator(
    "loss/g_ba", "Adversarial loss, {b} → {a}", "generator_loss", "Adversarial loss", _FOOLED, objective=OF_RUN
)
CYCLE_A = _translator(
    "loss/cycle_a", "Cycle loss, {a}", "cycle_loss", "Cycle loss", _RECONSTRUCTION, watch=True, name="cycle"
)
CYCLE_B = _translator(
    "loss/cycle_b", "Cycle loss, {b}", "cycle_loss", "Cycle loss", _RECONSTRUCTION, watch=True, name="cycle"
)
IDENTITY_A = _translator(
    "loss/identity_a", "Identity loss, {a}", "identity_loss", "Identity loss", _UNCHANGED, **_IDENTITY
)
IDENTITY_B = _translator(
    "loss/identity_b", "Identity loss, {b}", "identity_loss", "Identity loss", _UNCHANGED, **_IDENTITY
)
DISCRIMINATOR_A = _translator(
    "loss/d_a", "Discriminator loss, {a}", "discriminator_loss", "Discriminator loss", _SEPARATES, objective=OF_RUN
)
DISCRIMINATOR_B = _translator(
    "loss/d_b", "Discriminator loss, {b}", "discriminator_loss", "Discriminator loss", _SEPARATES, objective=OF_RUN
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

# Logged by the trainer.
AUGMENTATION = Metric("augment/p", "Probability of augmentation", PERCENT, chart="")
SPEED = Metric("images_per_second", "Images per second", chart="")

# Measured at previews, columns of epochs.csv.
HELD_OUT = Metric("accuracy/d_held_out", "Accuracy on held-out images", PERCENT, chart="", summary=True)
MEMORY = Metric("memory/d", "Training images scored above held-out ones", PERCENT, chart="")
DIVERSITY = Metric("diversity/samples", "Diversity of the samples", chart="", summary=True)
DATA_DIVERSITY = Metric("diversity/data", "Diversity of the data", chart="", summary=True)
# Only runs that measure it declare it, with the images and the features in its words: `measured_at_previews`.
PREVIEW_DISTANCE = Metric("distance/preview", "Distance at previews")


def measured_at_previews(measure: str, against: str, extractor: str, meaning: str) -> Metric:
    """The distance of a run's previews from real images.

    Its title names what was measured, so that distances by other features, or to other images, never share one.
    measure: the measure's name; against: the real images; meaning: one line below the chart.
    """
    title = f"{measure} at previews, to {against} images by {extractor}"
    return replace(PREVIEW_DISTANCE, title=title, meaning=meaning, watch=True, name="distance")


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
    """The metrics that previews of such a family measure, in display order."""
    discriminator = (HELD_OUT, MEMORY) if has_discriminator else ()
    if task == "generate":
        return (*discriminator, DIVERSITY, DATA_DIVERSITY)
    if one_way:
        return (*discriminator, CHANGE_AB, CHANGE_BB)
    third = (ERROR_AB, ERROR_BA) if paired else (CYCLE_ERROR_A, CYCLE_ERROR_B)
    return (*discriminator, CHANGE_AB, CHANGE_BA, *third)


def resolved(metrics: Iterable[Metric], objective: str, settings: Mapping[str, Any]) -> tuple[Metric, ...]:
    """Metrics as a run with these settings logs them: with its objective, and without charts for losses of weight 0."""
    found = []
    for metric in metrics:
        if metric.objective == OF_RUN:
            metric = replace(metric, objective=objective)
        if metric.weight and not settings.get(metric.weight, 1):
            metric = replace(metric, chart="", role="", watch=False)
        found.append(metric)
    return tuple(found)


# Fallback by column name for a run without a list: one of format 1 whose family is not installed.
_KNOWN = {
    metric.column: metric
    for metric in (
        *(*ADVERSARIAL, ACCURACY_PAIRS, CYCLE_A, CYCLE_B, IDENTITY_A, IDENTITY_B, ADVERSARIAL_AB, ADVERSARIAL_BA),
        *(DISCRIMINATOR_A, DISCRIMINATOR_B, ACCURACY_A_REAL, ACCURACY_A_FAKE, ACCURACY_B_REAL, ACCURACY_B_FAKE),
        *(AUGMENTATION, SPEED, HELD_OUT, MEMORY, DIVERSITY, DATA_DIVERSITY, PREVIEW_DISTANCE, *CHANGES),
    )
}


def of_column(column: str) -> Metric:
    """The shared metric of that column name; for an unknown column a metric titled with the name, without a chart."""
    return _KNOWN.get(column) or Metric(column, column, PERCENT if column.startswith("accuracy/") else "", chart="")


def known_columns() -> tuple[str, ...]:
    """The columns that many runs share, for which `of_column` has a metric."""
    return tuple(_KNOWN)


def in_order(metrics: Iterable[Metric]) -> list[Metric]:
    """Metrics in display order: those with a chart by role, then the others in the order given."""
    return sorted(metrics, key=lambda metric: _ORDER[metric.role] if metric.chart_title else len(_ORDER))
