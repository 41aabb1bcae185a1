"""The rules for events that are no ailment, and for translators that return their input."""

from collections.abc import Iterator

import numpy as np

from gan_core.diagnostics.ailments import AHEAD
from gan_core.diagnostics.events import Event
from gan_core.diagnostics.history import Record
from gan_core.diagnostics.series import bridged, diversity, longest, smoothed, until

UNCHANGED = 0.002  # of the grey scale: a smaller change counts as none
UNCHANGED_LOOKS = 3  # previews, the first of which shows untrained networks

HEAD_START = 0.05  # share of the run

GUESSING = 0.05  # accuracy's distance from one half, and the loss's from chance, relatively
GUESSING_FOR = 0.3  # share of the run

LESS = 0.8  # diversity of the samples, as a share of the data's

EVEN = (0.5, 0.8)  # accuracy of a balanced discriminator
EVEN_FOR = 0.4  # share of the run
STEADY = 0.1  # standard deviation of the log losses over the blocks

FALLEN = 0.8  # of its highest value: a critic's distance below it has fallen

STILL = 0.02  # relative change of the losses that counts as none ...
STILL_SAMPLES = 0.06  # ... the same for the samples' diversity, or for the change by a translation
STILL_FOR = 0.4  # share of the run


def unchanged(record: Record) -> Iterator[Event]:
    """Yield an event where both translators return their input almost unchanged."""
    changes = [record.previews[name] for name in ("change/ab", "change/ba") if name in record.previews]
    if len(changes) < 2 or len(changes[0]) < UNCHANGED_LOOKS:
        return
    change = np.maximum(*changes)[1:]
    first, last = longest(change < UNCHANGED)
    if first or last - first < 2:
        return
    most = float(change[first:last].max())
    epochs = record.preview_epochs[1:]
    yield Event(
        "unchanged",
        0.0,
        None if last == len(change) else float(epochs[last - 1]),
        f"Translated images differ from their inputs by at most {most:.2%} of the grey scale.",
        {"change": most},
        ("change/ab", "change/ba"),
    )


def head_start(record: Record) -> Iterator[Event]:
    """Yield an event where the discriminator was ahead at first and the generator caught up."""
    accuracy, loss = (
        record.blocks(record.mean("accuracy_real", "accuracy_fake")),
        record.blocks(record.mean("generator_loss")),
    )
    first, last = longest(accuracy >= record.accuracy(AHEAD))
    count = len(accuracy)
    if count < 10 or first > count // 10 or last - first < HEAD_START * count or last > count * 0.6:
        return
    after = float(accuracy[-max(count // 10, 1) :].mean())
    if after > record.accuracy(AHEAD - 0.05):
        return
    yield Event(
        "head_start",
        0.0,
        record.block_end(last - 1),
        f"The discriminator learns first and classifies {float(accuracy[first:last].mean()):.0%} of the {record.unit} "
        f"correctly (generator's loss up to {float(loss[first:last].max()):.3g}); then the generator catches up, and "
        f"the accuracy falls to {after:.0%}.",
        {"accuracy": float(accuracy[first:last].mean()), "after": after},
        (*record.columns("accuracy_real"), *record.columns("accuracy_fake")),
    )


def guessing(record: Record) -> Iterator[Event]:
    """Yield an event where the discriminator guesses: the theoretical optimum, or a discriminator that is too weak."""
    accuracy, loss = (
        record.blocks(record.mean("accuracy_real", "accuracy_fake")),
        record.blocks(record.mean("discriminator_loss")),
    )
    count, chance = len(accuracy), record.chance
    if count < 10:
        return
    accuracy = np.convolve(np.pad(accuracy, 1, mode="edge"), np.ones(3) / 3, "valid")
    unsure = np.abs(accuracy - 0.5) <= record.accuracy(0.5 + GUESSING) - 0.5
    lost = unsure & (np.abs(loss - chance) <= GUESSING * chance)
    first, last = longest(bridged(lost))
    if last < count or last - first < GUESSING_FOR * count:
        return
    mean = float(accuracy[first:].mean())
    yield Event(
        "guessing",
        record.block_start(first),
        None,
        f"The discriminator classifies {mean:.0%} of the {record.unit} correctly, and its loss is that of guessing, "
        f"{chance:.2g}: the generated images are too good for it, or it is too weak.",
        {"accuracy": mean, "loss/d": float(loss[first:].mean())},
        (*record.columns("accuracy_real"), *record.columns("accuracy_fake"), *record.columns("discriminator_loss")),
    )


def narrow(record: Record) -> Iterator[Event]:
    """Yield an event where the samples are less diverse than the data at the end, short of mode collapse."""
    share = diversity(record)
    if len(share) < 5:
        return
    below = share < LESS
    first = int(np.flatnonzero(~below)[-1]) + 1 if not below.all() else 1
    if len(share) - first < 3:
        return
    yield Event(
        "narrow",
        float(record.preview_epochs[first]),
        None,
        f"The samples differ from each other {float(share[-3:].mean()):.0%} as much as the real images do.",
        {"diversity": float(share[-3:].mean())},
        ("diversity/samples",),
    )


def balance(record: Record) -> Iterator[Event]:
    """Yield an event where the discriminator is right more often than not and both losses stay level."""
    accuracy = record.blocks(record.mean("accuracy_real", "accuracy_fake"))
    losses = [
        np.log(np.abs(record.blocks(record.mean(role))) + 1e-9) for role in ("generator_loss", "discriminator_loss")
    ]
    if len(accuracy) < 5 or not all(np.isfinite(values).all() for values in losses):
        return
    middle = np.convolve(np.pad(accuracy, 1, mode="edge"), np.ones(3) / 3, "valid")
    first, last = longest((middle >= EVEN[0]) & (middle <= record.accuracy(EVEN[1])))
    # The stretch may begin while the losses still move: drop its first blocks until both are steady.
    while last - first >= EVEN_FOR * len(accuracy) and max(values[first:last].std() for values in losses) > STEADY:
        first += 1
    if last - first < EVEN_FOR * len(accuracy):
        return
    mean = float(accuracy[first:last].mean())
    yield Event(
        "balance",
        record.block_start(first),
        until(record, last, len(accuracy)),
        f"The discriminator classifies {mean:.0%} of the {record.unit} correctly, and neither loss changes much.",
        {"accuracy": mean},
        (*record.columns("accuracy_real"), *record.columns("accuracy_fake")),
    )


def critic_follows(record: Record) -> Iterator[Event]:
    """Yield an event where the critic's estimate of the Wasserstein distance has fallen: samples approach the data.

    Source: Arjovsky 2017, arXiv:1701.07875, section 4.
    """
    blocks = record.blocks(record.mean("critic_distance"))
    if len(blocks) < 10 or not np.isfinite(blocks).all():
        return
    blocks, noise = smoothed(blocks)
    top, end = int(np.argmax(blocks)), float(blocks[-1])
    if end > FALLEN * blocks[top] or blocks[top] - end < noise:
        return
    yield Event(
        "critic_follows",
        record.block_start(top),
        None,
        f"The critic's estimate of the distance between real and generated images falls from {float(blocks[top]):.3g} "
        f"to {end:.3g}. It compares epochs of one run, never two runs: each critic has its own unit.",
        {"highest": float(blocks[top]), "end": end},
        record.columns("critic_distance"),
    )


def converged(record: Record) -> Iterator[Event]:
    """Yield an event where neither the losses nor, if that was measured, the samples change any more."""
    columns = [name for name in record.metrics if name.startswith("loss/")]
    curves = [record.blocks(record.metrics[name]) for name in columns]
    curves = [curve for curve in curves if np.abs(curve).max(initial=0.0) > 0]  # a loss of weight 0 is constant
    if not curves or len(curves[0]) < 10:
        return
    count = len(curves[0])
    # The first tenth of a run never counts as converged.
    start = max(count // 10, *(_still(curve, STILL) for curve in curves))
    begins = record.block_start(min(start, count - 1))
    measured = [name for name in ("diversity/samples", "change/ab", "change/ba") if name in record.previews]
    for name in measured:
        late = record.previews[name][record.preview_epochs >= begins]
        if len(late) < 2 or np.ptp(late) > STILL_SAMPLES * abs(late.mean()):
            return
    if count - start < STILL_FOR * count:
        return
    same = "the samples' diversity has stayed the same"
    if record.task != "generate":
        same = "translations change as much as before"
    yield Event(
        "converged",
        begins,
        None,
        f"Since then no loss has changed by more than {STILL:.0%}{f', and {same}' if measured else ''}.",
        {"losses": STILL},
        tuple(columns),
    )


def _still(curve: np.ndarray, share: float) -> int:
    """Return the index of the block (b,) from which a smoothed curve stays within `share` of its last level."""
    smooth = np.convolve(np.pad(curve, 2, mode="edge"), np.ones(5) / 5, "valid")
    level = smooth[-max(len(curve) // 5, 1) :].mean()
    moved = np.flatnonzero(~(np.abs(smooth - level) <= share * abs(level)))
    return int(moved[-1]) + 1 if len(moved) else 0
