"""The rules for ailments: each searches a record for one kind of event and yields the events that it finds.

The thresholds were set on some small runs and scored on others: see benchmarks/ailments.py. Below, "chance" is the loss
of a discriminator that guesses.
"""

import math
import re
from collections.abc import Callable, Iterator

import numpy as np

from gan_core.diagnostics.events import Event
from gan_core.diagnostics.history import Record
from gan_core.diagnostics.series import bridged, diversity, longest, smoothed, swings, until

EXPLODED = 6.0  # times chance: a discriminator's loss
EXPLODED_G = 40.0  # times chance: a generator's loss
EXPLODED_UNBOUNDED = 1000.0  # times their own median: losses of an objective without a chance level

AHEAD = 0.9  # accuracy of a discriminator that is almost always right
AHEAD_FOR = 0.3  # share of the run
WARM_UP = 1000  # steps
GROWN = 1.1  # factor by which the critic's distance grows in that last part of the run
FOOLED = 0.1  # accuracy on generated images
FOOLED_LOSS = 1.1  # times chance: the loss of a fooled discriminator is higher, worse than guessing
LOSING = 3.0  # times chance: the loss of a losing generator is higher
GUESSES = 0.505  # highest accuracy of a discriminator that guesses
ONE_SIDED = 0.5  # accuracy on real images minus that on generated ones: it calls nearly all images the same
UNLIKE = 0.25  # of the data's diversity: samples that differ from it by more are easy to recognise
AT_CHANCE = 0.99  # times chance: lowest loss of a discriminator that guesses

FAINT = 0.03  # of the generator's own largest gradient norm
FAINT_FOR = 0.2  # share of the run

ALIKE = 0.5  # diversity of the samples, as a share of the data's
FALLEN = 0.6  # of the largest share it had
PARTIAL, PARTIAL_FALLEN = 0.8, 0.7  # the same two thresholds for a partial loss of diversity
LOST = 2 / 3  # of the data's diversity: lower is a loss, whatever it was before
COLLAPSE_LOOKS = 4  # previews, the first of which shows an untrained network

# Excess over 1/2 of the probability that a training image scores above a held-out one:
GAP = 0.12  # estimated from histograms, whose bins hide most of it
MEASURED_GAP = 0.25  # measured on the scores themselves
SIGMAS = 3.0
OVERFITTING_LOOKS = 2  # previews

TURNS = 5  # half swings, up or down
SWING_ROWS = 60  # fewer rows show no swings

CRITIC_BLOCKS = 10

STILL = 0.02  # relative change of the losses that counts as none
STILL_SAMPLES = 0.1  # the same for the samples' diversity


def diverged(record: Record) -> Iterator[Event]:
    """Yield an event where a loss is not a finite number, or explodes."""
    columns = (*record.columns("discriminator_loss"), *record.columns("generator_loss"))
    step = re.search(r"not (?:a )?finite (?:number )?at step (\d+)", record.reason or "")
    values = {name: record.metrics[name] for name in columns}
    broken = []
    for name, losses in values.items():
        finite = np.isfinite(losses)
        # A player of another program may begin late.
        wrong = ~finite & (np.maximum.accumulate(finite) if record.foreign else True)
        if wrong.any():
            broken.append((int(np.flatnonzero(wrong)[0]), name))
    if broken:
        row, name = min(broken)
        yield Event(
            "diverged",
            float(record.epoch[row]),
            None,
            f"{name} is no longer a finite number.",
            {"row": row},
            (name,),
        )
        return
    chance, scale = record.chance, record.loss_scale
    # Losses without a chance level are compared with their own median. They drift, so the limit is higher.
    limits = {"discriminator_loss": EXPLODED, "generator_loss": EXPLODED_G}
    if math.isnan(chance):
        limits = dict.fromkeys(limits, EXPLODED_UNBOUNDED)
    means = {role: np.abs(record.blocks(record.mean(role))) / scale for role in limits}
    # The loss of a generator that only falls behind is large too, so its limit is higher.
    d, g = limits
    role = d if (means[d] > limits[d]).any() else g
    blocks = means[role]
    player = "discriminator" if role == d else "generator"
    high = np.flatnonzero(blocks > limits[role])
    if step:
        yield Event(
            "diverged",
            float(record.epoch[-1]) if len(record.epoch) else 0.0,
            None,
            f"Training stopped at step {step[1]}: a loss or a gradient was no longer a finite number.",
            {"step": float(step[1])},
            columns,
        )
    elif len(high):
        worst = float(blocks.max() * scale)
        reference = f"{worst / scale:.0f} times its median"
        if not math.isnan(chance):
            reference = f"where guessing gives {chance:.2g}"
        first, last = int(high[0]), int(high[-1]) + 1
        ends = until(record, last, len(blocks))
        yield Event(
            "diverged",
            record.block_start(first),
            ends,
            f"The {player}'s loss grows to {worst:.3g}, {reference}"
            + ("." if ends is None else "; then it falls again."),
            {"loss": worst, "chance": scale},
            record.columns(role),
        )


def saturated(record: Record) -> Iterator[Event]:
    """Yield an event where the discriminator is almost always right for long, and the generator's loss is high."""
    accuracy, loss = (
        record.blocks(record.mean("accuracy_real", "accuracy_fake")),
        record.blocks(record.mean("generator_loss")),
    )
    if len(accuracy) < 5:
        return
    first, last = longest(bridged(accuracy >= record.accuracy(AHEAD)))
    if last - first < max(AHEAD_FOR * len(accuracy), 1):
        return
    level = float(loss[first:last].mean())
    if not level >= LOSING * record.chance:  # NaN: of a loss without a chance level, nobody knows what is high
        return
    mean = float(accuracy[first:last].mean())
    third = max((last - first) // 3, 1)
    before, after = float(loss[first : first + third].mean()), float(loss[last - third : last].mean())
    climb = f"climbs from {before:.3g} to {after:.3g}" if after > 1.25 * before else f"stays high, at {level:.3g}"
    yield Event(
        "saturated",
        record.block_start(first),
        until(record, last, len(accuracy)),
        f"The discriminator classifies {mean:.1%} of the {record.unit} correctly, and the generator's loss {climb}.",
        {"accuracy": mean, "loss/g": level},
        (*record.columns("accuracy_real"), *record.columns("accuracy_fake"), *record.columns("generator_loss")),
    )


def fooled(record: Record) -> Iterator[Event]:
    """Yield an event where the discriminator calls nearly every generated image real."""
    accuracy, loss = record.blocks(record.mean("accuracy_fake")), record.blocks(record.mean("discriminator_loss"))
    if not len(accuracy):
        return  # a critic has no accuracy
    first, last = longest((accuracy <= record.accuracy(FOOLED)) & (loss >= FOOLED_LOSS * record.chance))
    if last - first < max(AHEAD_FOR * len(accuracy), 2):
        yield from _uninformative(record)
        return
    mean, level = float(accuracy[first:last].mean()), float(loss[first:last].mean())
    yield Event(
        "fooled",
        record.block_start(first),
        until(record, last, len(accuracy)),
        f"The discriminator recognises {mean:.0%} of the {record.generated_unit}, and its loss is {level:.3g}, "
        f"where guessing gives {record.chance:.2g}.",
        {"accuracy": mean, "loss/d": level},
        (*record.columns("accuracy_fake"), *record.columns("discriminator_loss")),
    )


def _uninformative(record: Record) -> Iterator[Event]:
    """Yield an event where the discriminator guesses to the end, although the samples differ from the data."""
    real, fake, loss = (
        record.blocks(record.mean(role)) for role in ("accuracy_real", "accuracy_fake", "discriminator_loss")
    )
    late = math.ceil(AHEAD_FOR * len(real))
    if len(real) < 10:
        return
    accuracy = (real + fake) / 2
    mean, level = float(accuracy[-late:].mean()), float(loss[-late:].mean())
    if mean > record.accuracy(GUESSES) or not level >= AT_CHANCE * record.chance:  # NaN: as in `saturated`
        return
    # Perfect samples also end in guessing (Goodfellow 2014); then the diversity is the data's and no side is favoured.
    share = diversity(record)[-3:]
    sides = abs(float((real - fake)[-late:].mean()))
    if sides < ONE_SIDED and (len(share) < 3 or (np.abs(share - 1) <= UNLIKE).any()):
        return
    yield Event(
        "fooled",
        record.block_start(len(real) - late),
        None,
        f"The discriminator classifies {mean:.0%} of the {record.unit} correctly, and its loss is {level:.2g}, where "
        f"guessing gives {record.chance:.2g}: the generator cannot learn from it.",
        {"accuracy": mean, "loss/d": level},
        (*record.columns("accuracy_real"), *record.columns("accuracy_fake"), *record.columns("discriminator_loss")),
    )


def vanishing(record: Record) -> Iterator[Event]:
    """Yield an event where the generator's gradients vanish while the discriminator is confident."""
    norms = record.blocks(record.metrics.get("grad_norm/g", np.empty(0)))
    accuracy = record.blocks(record.mean("accuracy_real", "accuracy_fake"))
    if len(norms) < 5 or not len(accuracy):
        return
    share = norms / max(float(np.nanmax(norms)), 1e-30)
    first, last = longest((share < FAINT) & (accuracy > record.accuracy(0.9)))
    if last - first < FAINT_FOR * len(norms):
        return
    lowest = float(share[first:last].mean())
    yield Event(
        "vanishing",
        record.block_start(first),
        until(record, last, len(norms)),
        f"The generator's gradients have shrunk to {lowest:.1%} of their largest norm, while the discriminator "
        f"classifies {float(accuracy[first:last].mean()):.0%} of the {record.unit} correctly.",
        {"share": lowest},
        ("grad_norm/g",),
    )


def collapse(record: Record) -> Iterator[Event]:
    """Yield an event where the samples lose diversity compared with the data: mode collapse, in whole or in part."""
    share = diversity(record)
    if len(share) < COLLAPSE_LOOKS:
        return
    # The first preview shows an untrained network, so it is left out.
    peaks = np.maximum.accumulate(share[1:])
    alike = np.concatenate(([False], share[1:] < np.minimum(ALIKE, FALLEN * np.maximum(peaks, ALIKE / FALLEN))))
    first, last = longest(alike)
    lasts = last == len(share)
    if last - first < 3 or (not lasts and share[1:first].max(initial=0.0) < ALIKE / FALLEN):
        # Too short, or still rising from an untrained network. A partial loss counts only if it lasts to the end.
        first, last = longest(
            np.concatenate(([False], share[1:] < np.maximum(np.minimum(PARTIAL, PARTIAL_FALLEN * peaks), LOST)))
        )
        lasts = last == len(share)
        if last - first < 3 or not lasts:
            return
    lowest, best = float(share[first:last].min()), float(peaks[first - 1])
    yield Event(
        "collapse",
        float(record.preview_epochs[first]),
        None if lasts else float(record.preview_epochs[last - 1]),
        f"The samples differ from each other {lowest:.0%} as much as the real images do"
        + (f", down from {best:.0%} at best." if first > 1 and best > ALIKE else "."),
        {"diversity": lowest},
        ("diversity/samples",),
    )


def overfitting(record: Record) -> Iterator[Event]:
    """Yield an event where the discriminator overfits: it scores training images above held-out ones.

    The statistic is the probability that a training image scores above a held-out one (Mann and Whitney's U).
    """
    if not {"real", "held_out"} <= set(record.scores):
        return
    real, held = record.scores["real"], record.scores["held_out"]
    counts = real.sum(1), held.sum(1)
    with np.errstate(invalid="ignore", divide="ignore"):
        shares = [(scores / count[:, None]) for scores, count in zip((real, held), counts, strict=True)]
        below = np.cumsum(shares[1], 1) - shares[1]
        above = (shares[0] * (below + shares[1] / 2)).sum(1)  # Mann and Whitney's U, ties counted half
        error = np.sqrt((counts[0] + counts[1] + 1) / (12 * counts[0] * counts[1]))
    measured = record.previews.get("memory/d", np.empty(0))
    is_measured = np.isfinite(measured) if len(measured) == len(above) else np.zeros(len(above), bool)
    above = np.where(is_measured, measured, above) if is_measured.any() else above
    high = above - 0.5 > np.maximum(np.where(is_measured, MEASURED_GAP, GAP), SIGMAS * error)
    first, last = longest(high)
    if last - first < OVERFITTING_LOOKS:
        return
    worst = first + int(np.argmax(above[first:last]))
    right = [float(s[worst, record.boundary :].sum()) for s in shares]
    words = (
        f"It calls {right[0]:.0%} of the training images real, and {right[1]:.0%} of the held-out ones"
        if right[0] - right[1] > 0.1
        else f"It scores training images above held-out ones, {above[worst]:.0%} of the time"
    )
    yield Event(
        "overfitting",
        float(record.preview_epochs[first]),
        None if last == len(high) else float(record.preview_epochs[last - 1]),
        f"{words} (epoch {record.preview_epochs[worst]:.0f}).",
        {"above": float(above[worst]), "training": right[0], "held_out": right[1]},
        ("memory/d", "accuracy/d_held_out", *record.columns("accuracy_real")),
    )


def oscillation(record: Record) -> Iterator[Event]:
    """Yield an event where a loss oscillates with a large amplitude."""
    found = []
    # A critic's scores drift by an arbitrary offset, and the generator's loss with them: its sign means nothing.
    roles = ("discriminator_loss",) if math.isnan(record.chance) else ("generator_loss", "discriminator_loss")
    for role in roles:
        rows = record.logged(role)  # what fills a gap has less noise than what was logged
        values = record.mean(role)[rows]
        if len(values) >= SWING_ROWS and np.isfinite(values).all():
            # The offset damps swings far below chance, where the loss teaches nothing.
            turns, height, place = swings(np.log(np.abs(values) + record.loss_scale / 10))
            found.append((turns, height, float(record.epoch[rows[int(place * len(rows))]]), role))
    if not found:
        return
    turns, height, begins, role = max(found)
    if turns < TURNS:
        return
    name = "generator" if role == "generator_loss" else "discriminator"
    yield Event(
        "oscillation",
        begins,
        None,
        f"The {name}'s loss swings up and down at least {turns // 2} times, by a factor of {math.exp(2 * height):.2g}.",
        {"turns": turns, "height": height},
        record.columns(role),
    )


def nothing_learned(record: Record) -> Iterator[Event]:
    """Yield an event where neither the losses nor the samples have changed since the start."""
    losses = [record.blocks(record.mean(role)) for role in ("generator_loss", "discriminator_loss")]
    if len(losses[0]) < 5:
        return
    moved = max(float(np.ptp(values[1:]) / max(abs(values[1:].mean()), 1e-6)) for values in losses)
    samples = looks(record)
    spread = float(np.ptp(samples) / max(abs(samples[0]), 1e-6)) if len(samples) > 1 else math.inf
    if not (moved <= STILL and spread <= STILL_SAMPLES):  # negated, so that a NaN returns as well
        return
    yield Event(
        "nothing_learned",
        0.0,
        None,
        f"Since the start the losses have changed by {moved:.1%} and the samples' diversity by {spread:.1%}.",
        {"losses": moved, "samples": spread},
        (*record.columns("generator_loss"), *record.columns("discriminator_loss")),
    )


def looks(record: Record) -> np.ndarray:
    """Return what the previews measured of the samples, or of the translations, shape (k,); empty if nothing."""
    return record.previews.get("diversity/samples", record.previews.get("change/ab", np.empty(0)))


def critic_runs_away(record: Record) -> Iterator[Event]:
    """Yield an event where the critic's estimate of the Wasserstein distance grows to the end.

    Source: Arjovsky 2017, arXiv:1701.07875, section 4: the estimate falls as samples get better.
    """
    blocks = record.blocks(record.mean("critic_distance"))
    if len(blocks) < CRITIC_BLOCKS or not np.isfinite(blocks).all() or not warmed_up(record):
        return
    blocks, noise = smoothed(blocks)
    late = math.ceil(AHEAD_FOR * len(blocks))
    before, end = float(blocks[-late]), float(blocks[-1])
    largest = end >= blocks.max() - 0.02 * np.ptp(blocks)
    if not largest or end < GROWN * max(before, 1e-6) or end - before < noise:
        return
    yield Event(
        "critic_ahead",
        record.block_start(len(blocks) - late),
        None,
        f"The critic's estimate of the distance between real and generated images grows from {before:.3g} to {end:.3g} "
        "and is largest at the end: the generator falls behind.",
        {"before": before, "end": end},
        record.columns("critic_distance"),
    )


def warmed_up(record: Record) -> bool:
    """Return whether the run is past its first thousand steps, in which any critic learns and its estimate grows."""
    steps = record.metrics.get("step", np.empty(0))
    return not len(steps) or bool(steps[-1] >= WARM_UP)


RULES: tuple[Callable[[Record], Iterator[Event]], ...] = (
    diverged,
    nothing_learned,
    vanishing,
    saturated,
    fooled,
    collapse,
    overfitting,
    oscillation,
    critic_runs_away,
)
