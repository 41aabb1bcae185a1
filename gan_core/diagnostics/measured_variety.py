"""What evaluations measured of the variety of generated images, in sentences beside what the curves show.

The rules see how much the pixels of samples differ. Noise differs in its pixels too: how many of the real images have
a generated one near them, in the features of a trained network, is measured by `evaluate`.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from statistics import median

from gan_core.evaluation.results import Evaluation, Fidelity, Measure, same_floor

KEYS = {"coverage": "coverage of the real images", "recall": "recall of the real images"}  # the first that all have
FEW = 0.5  # of what as many other real images reach, or the median of the other runs: less is few
VARIED = 0.8  # of the data's diversity of pixels: samples that differ in their pixels


@dataclass(frozen=True)
class Varied:
    """A run of which to speak. diversity: of its samples' pixels, as a share of the data's; reached: its last epoch."""

    name: str
    evaluation: Evaluation | None
    diversity: float
    reached: float | None = None


def sentences(runs: Sequence[Varied]) -> list[str]:
    """Return the measured coverage of each evaluated run, and what it says of those with little; empty without any."""
    found = [
        (run, run.evaluation, how) for run in runs if run.evaluation and (how := run.evaluation.fidelity.get("all"))
    ]
    key = next((key for key in KEYS if found and all(key in how.measures for _, _, how in found)), "")
    if not key:
        return []
    values = {run.name: how.measures[key] for run, _, how in found}
    found.sort(key=lambda one: -values[one[0].name].value)
    listed = _join([f"{run.name} {values[run.name].value:.2f}{_age(run, known)}" for run, known, _ in found])
    alike = len({_how(known, how) for _, known, how in found}) == 1
    floors = [one.floor for one in values.values() if one.floor is not None]
    one_floor = alike and floors and same_floor(floors)
    real = f"; as many other real images reach {floors[0]:.2f}" if one_floor else ""
    said = [f"Measured variety ({KEYS[key]}): {listed}{real}."]
    if not alike:
        said.append("They were not measured in the same way, so these numbers cannot be ranked.")
    if missing := [run.name for run in runs if run.name not in values]:
        said.append(f"Not measured: {_join(missing)}.")
    return [*said, *(_few(run) for run, _, _ in found if _is_few(run.name, values, alike))]


def _is_few(name: str, values: dict[str, Measure], alike: bool) -> bool:
    """Return whether a value, to the end of its interval, is far below its floor, or where it has none, the others."""
    own = values[name]
    high = own.value if own.high is None else own.high
    if own.floor is not None:
        return high < FEW * own.floor
    others = [one.value for other, one in values.items() if other != name]
    return alike and len(others) > 1 and high < FEW * median(others)


def _few(run: Varied) -> str:
    pixels = "Its samples vary in their pixels, but few" if run.diversity >= VARIED else "Few"
    return (
        f"{run.name}: {pixels[0].lower()}{pixels[1:]} of the real images have one of its images near them. It leaves "
        "out much of the data (mode collapse), or its images are unlike real ones; precision and the pictures tell "
        "which."
    )


def _age(run: Varied, known: Evaluation) -> str:
    """Return at which epoch an evaluation was made, in brackets, where the run was trained further since."""
    return "" if run.reached is None or round(run.reached) <= known.epoch else f" (at epoch {known.epoch})"


def _how(known: Evaluation, how: Fidelity) -> tuple[object, ...]:
    return known.fingerprint, how.extractor, how.features, how.generated, how.real, how.reference


def _join(words: Sequence[str]) -> str:
    return words[0] if len(words) == 1 else f"{', '.join(words[:-1])} and {words[-1]}"
