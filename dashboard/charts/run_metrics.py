"""Each task in its own terms: the curves that its runs are compared by, their names, and the rows of the tables."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import groupby

from dashboard.library import store
from dashboard.library.store import Entry, Library
from dashboard.widgets import elements
from gan_core.config import RunConfig


@dataclass(frozen=True)
class Chart:
    """A quantity that the runs of a task are compared by, over epochs."""

    title: str
    columns: tuple[str, ...]  # of metrics.csv; their mean is drawn
    meaning: str  # of the mean over {domains}
    percent: bool = False
    by_objective: bool = False  # its size means something else under another objective
    weight: str = ""  # the setting that weighs it: where that is 0 it is not learned, and not measured
    objectives: tuple[str, ...] = ()  # whose runs learn by it; empty for all
    families: tuple[str, ...] = ()  # the same


SIDES = ("cross_entropy", "hinge", "least_squares")  # one image at a time is taken for real or not
GAME = (*SIDES, "relativistic")
PAIRS = ("accuracy/d_pairs",)
PATCHES = tuple(f"accuracy/d_{domain}_{kind}" for domain in "ab" for kind in ("real", "fake"))
CYCLES = ("cyclegan",)  # the families that learn a way back
CHARTS = {
    "generate": (
        Chart(
            "Generator loss",
            ("loss/g",),
            "lower: it fools its discriminator more often",
            by_objective=True,
            objectives=GAME,
        ),
        Chart(
            "Discriminator loss",
            ("loss/d",),
            "lower: it tells real from generated more surely",
            by_objective=True,
            objectives=GAME,
        ),
        Chart(
            "Discriminator accuracy",
            store.ACCURACY,
            "mean of real and generated images; at 50 % it is guessing",
            percent=True,
            objectives=SIDES,
        ),
        Chart(
            "Pairs told apart",
            PAIRS,
            "the real image of a pair scores above the generated one; at 50 % the discriminator is guessing",
            percent=True,
            objectives=("relativistic",),
        ),
        Chart(
            "Reconstruction error",
            ("loss/reconstruction",),
            "mean squared error of a pixel, in [-1, 1], drawn again from its image's latent",
            objectives=("likelihood",),
        ),
        Chart(
            "Divergence of the latents",
            ("loss/kl",),
            "what an image's latent tells of it, in nats: near 0 it tells nothing",
            objectives=("likelihood",),
        ),
    ),
    "translate": (
        Chart(
            "Cycle loss",
            ("loss/cycle_a", "loss/cycle_b"),
            "how far a picture is from itself, there and back: mean of {domains}",
            families=CYCLES,
        ),
        Chart(
            "Identity loss",
            ("loss/identity_a", "loss/identity_b"),
            "what changes of a picture that is of the wanted domain already: mean of {domains}",
            weight="identity",
            families=CYCLES,
        ),
        Chart(
            "Distance from the partner",
            ("loss/absolute_ab", "loss/absolute_ba"),
            "how far a translation is from the true picture of its pair: mean of both ways",
            families=("pix2pix",),
        ),
        Chart(
            "Contrast of patches",
            ("loss/contrast_a",),
            "lower: more surely, a place of the translation is told from all other places of its input",
            families=("cut",),
        ),
        Chart(
            "Adversarial loss",
            ("loss/g_ab", "loss/g_ba"),
            "lower: translations fool their discriminators more often",
            by_objective=True,
        ),
        Chart(
            "Discriminator loss",
            ("loss/d_a", "loss/d_b"),
            "lower: real is told from translated more surely",
            by_objective=True,
        ),
        Chart(
            "Discriminator accuracy",
            PATCHES,
            "mean of real and translated patches; at 50 % it is guessing",
            percent=True,
        ),
    ),
}
# What is watched while a run trains: a chart's title, its curves by name, and whether they are shares.
Growth = tuple[tuple[str, dict[str, tuple[str, ...]], bool], ...]
GROWTH: dict[str, Growth] = {
    "generate": (
        ("Losses", {"generator": ("loss/g",), "discriminator": ("loss/d",)}, False),
        ("Discriminator accuracy", {"mean of real and generated": store.ACCURACY, "pairs told apart": PAIRS}, True),
    ),
    "translate": (
        (
            "Losses",
            {"cycle": ("loss/cycle_a", "loss/cycle_b"), "identity": ("loss/identity_a", "loss/identity_b")},
            False,
        ),
        ("Discriminator accuracy", {"mean of real and translated": PATCHES}, True),
    ),
}
_PATCHES: Growth = GROWTH["translate"][1:]  # of every translator
OWN: dict[str, Growth] = {  # of families whose losses have other names
    "pix2pix": (("Losses", {"distance from the partner": ("loss/absolute_ab", "loss/absolute_ba")}, False), *_PATCHES),
    "cut": (
        ("Losses", {"contrast": ("loss/contrast_a",), "contrast, identity": ("loss/contrast_b",)}, False),
        *_PATCHES,
    ),
}
ALONE: Growth = (  # the same where there is no discriminator
    ("Reconstruction error", {"mean squared error": ("loss/reconstruction",)}, False),
    ("Divergence of the latents", {"nats": ("loss/kl",)}, False),
)
ANIMATIONS = {
    "generate": ("From noise to images", "The same latents in every frame, from before training to the last epoch."),
    "translate": (
        "From input to translation",
        "The same inputs at every epoch, from before training to the last one.",
    ),
}
# Of epochs.csv, as shares; a run has those that its family knows.
CHANGES = ("change/ab", "change/ba", "change/bb", "cycle_error/a", "cycle_error/b", "error/ab", "error/ba")
CHANGED = "mean absolute differences, in shares of the grey scale"
NOTES = {
    "generate": "Diversity is how far two images are apart on average: the samples' should come near the data's.",
    "translate": "They are means of both directions, before the losses are weighed. Change (of a picture by its "
    "translation), cycle error (of a picture there and back) and error (of a translation, against its true partner) "
    f"are {CHANGED}, at the last preview. A run that goes one way has no way back.",
}


def by_task(entries: Sequence[Entry]) -> dict[str, list[Entry]]:
    """The runs of each task, in their order."""
    return {task: list(group) for task, group in groupby(sorted(entries, key=_task), key=_task)}


def domain_names(group: Sequence[Entry]) -> tuple[str, str]:
    """What to call the two domains of several translators: their own names, or A and B where those differ."""
    named = {entry.domains for entry in group if entry.domains}
    return named.pop() if len(named) == 1 else ("A", "B")


def meaning(chart: Chart, group: Sequence[Entry]) -> str:
    """What the chart shows, with the names of the domains where all runs have the same ones."""
    named = {entry.domains for entry in group}
    first = next(iter(named))
    return chart.meaning.format(domains=" and ".join(first) if first and len(named) == 1 else "both domains")


def objective(entry: Entry) -> str:
    return entry.objective.replace("_", " ")


def measured(entry: Entry, chart: Chart) -> bool:
    """Whether the run learns what the chart shows."""
    if chart.objectives and entry.objective not in chart.objectives:
        return False
    if not _learns(entry, chart):
        return False
    return not chart.weight or bool(entry.config and entry.config.settings.get(chart.weight, 1))


def _learns(entry: Entry, chart: Chart) -> bool:
    """Whether the run's family learns what the chart shows; one that is not known is taken for a CycleGAN."""
    return not chart.families or (entry.family if entry.family in OWN else CYCLES[0]) in chart.families


def usual(task: str, group: Sequence[Entry]) -> list[Chart]:
    """The charts of a task, without those that other objectives than these runs' have of their own."""
    known = {entry.objective for entry in group}
    charts = [chart for chart in CHARTS[task] if not chart.objectives or known & set(chart.objectives)]
    return [chart for chart in charts if not chart.families or any(_learns(entry, chart) for entry in group)]


def growth(entry: Entry) -> Growth:
    """What is watched while the run trains."""
    return ALONE if entry.objective == "likelihood" else OWN.get(entry.family, GROWTH[entry.task])


def split(chart: Chart, group: Sequence[Entry]) -> list[tuple[str, list[Entry]]]:
    """(title, runs) of each figure that the chart needs: losses of two objectives are never in one."""
    runs = [entry for entry in group if measured(entry, chart)]
    objectives = sorted({objective(entry) for entry in runs})
    if not chart.by_objective or len(objectives) < 2:
        return [(chart.title, runs)]
    return [(f"{chart.title}, {name}", [e for e in runs if objective(e) == name]) for name in objectives]


def titles(entry: Entry) -> dict[str, str]:
    """What a run's columns are called, in the order to show them; columns that are not named here follow."""
    if entry.domains is None:
        return {
            "loss/g": "Generator loss",
            "loss/d": "Discriminator loss",
            "loss/class": "Loss of naming the class",
            "loss/reconstruction": "Reconstruction error",
            "loss/kl": "Divergence of the latents",
            "accuracy/d_pairs": "Pairs told apart",
            "accuracy/d_real": "Accuracy on real images",
            "accuracy/d_fake": "Accuracy on generated images",
            "accuracy/d_held_out": "Accuracy on held-out images",
            "memory/d": "Training images told from held-out ones",
            "accuracy/class_real": "Class named, real images",
            "accuracy/class_fake": "Class named, generated images",
            "diversity/samples": "Diversity, the data's dotted",
            "augment/p": "Probability of augmentation",
            "grad_norm/g": "Generator gradient norm",
            "grad_norm/d": "Discriminator gradient norm",
            "images_per_second": "Images a second",
        }
    a, b = entry.domains
    there, back = f"{a} → {b}", f"{b} → {a}"
    return {
        "loss/cycle_a": f"Cycle loss, {a}",
        "loss/cycle_b": f"Cycle loss, {b}",
        "loss/identity_a": f"Identity loss, {a}",
        "loss/identity_b": f"Identity loss, {b}",
        "loss/absolute_ab": f"Distance from the partner, {there}",
        "loss/absolute_ba": f"Distance from the partner, {back}",
        "loss/contrast_a": f"Contrast, {there}",
        "loss/contrast_b": f"Contrast, {b} → {b}",
        "loss/g_ab": f"Adversarial loss, {there}",
        "loss/g_ba": f"Adversarial loss, {back}",
        "loss/d_a": f"Discriminator loss, {a}",
        "loss/d_b": f"Discriminator loss, {b}",
        "accuracy/d_a_real": f"Accuracy on real {a}",
        "accuracy/d_b_real": f"Accuracy on real {b}",
        "accuracy/d_a_fake": f"Accuracy on {back}",
        "accuracy/d_b_fake": f"Accuracy on {there}",
        "change/ab": f"Change, {there}",
        "change/ba": f"Change, {back}",
        "change/bb": f"Change, {b} → {b}",
        "error/ab": f"Error, {there}",
        "error/ba": f"Error, {back}",
        "cycle_error/a": f"Cycle error, {a}",
        "cycle_error/b": f"Cycle error, {b}",
        "accuracy/d_held_out": "Accuracy on held-out images",
        "memory/d": "Training images told from held-out ones",
        "augment/p": "Probability of augmentation",
        "grad_norm/g": "Gradient norm of the translators",
        "grad_norm/d": "Gradient norm of the discriminators",
        "images_per_second": "Images a second",
    }


def last_values(library: Library, entry: Entry, group: Sequence[Entry]) -> dict[str, str]:
    """Where a run has come to; the rows are the same for every run of the group."""
    metrics, previews = library.table(entry, store.METRICS), library.table(entry, store.EPOCHS)
    mixed = len({other.objective for other in group}) > 1
    rows = {}
    for chart in usual(entry.task, group):
        last = library.curve(entry, chart.columns, elements.SMOOTHING).last if measured(entry, chart) else math.nan
        note = f" ({objective(entry)})" if mixed and chart.by_objective and measured(entry, chart) else ""
        rows[chart.title] = share(last) if chart.percent else number(last) + note
    rows["Accuracy on held-out images"] = share(previews.last("accuracy/d_held_out"))
    if entry.task == "translate":
        a, b = domain_names(group)
        rows[f"Change, {a} → {b}"] = share(previews.last("change/ab"), 1)
        rows[f"Change, {b} → {a}"] = share(previews.last("change/ba"), 1)
        if any(other.family not in OWN for other in group):
            rows[f"Cycle error, {a}"] = share(previews.last("cycle_error/a"), 1)
            rows[f"Cycle error, {b}"] = share(previews.last("cycle_error/b"), 1)
        if any(other.family == "pix2pix" for other in group):
            rows[f"Error, {a} → {b}"] = share(previews.last("error/ab"), 1)
            rows[f"Error, {b} → {a}"] = share(previews.last("error/ba"), 1)
    else:
        rows["Diversity of the samples"] = number(previews.last("diversity/samples"))
        rows["Diversity of the data"] = number(previews.last("diversity/data"))
    rows["Images a second"] = number(metrics.last("images_per_second"))
    rows["Time"] = store.duration(metrics.last("seconds")) or "–"
    return rows


def training_images(config: RunConfig) -> str:
    """How many there are: of each domain of a translator, else in all."""
    return " and ".join(map(str, config.class_counts)) if config.domains else str(config.train_images)


def number(value: float) -> str:
    if not math.isfinite(value):
        return "–"
    return f"{value:,.0f}" if abs(value) >= 1000 else f"{value:#.3g}".rstrip(".")


def share(value: float, digits: int = 0) -> str:
    return f"{value:.{digits}%}" if math.isfinite(value) else "–"


def _task(entry: Entry) -> str:
    return entry.task
