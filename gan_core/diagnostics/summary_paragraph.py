"""One paragraph that compares several runs, for a lab notebook: what their records show, and no more."""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from gan_core.config import BASELINE, RunConfig
from gan_core.diagnostics import ailments, measured_variety, observations
from gan_core.diagnostics.events import KINDS, Event
from gan_core.diagnostics.history import LEAST_BLOCKS, ROWS, Record
from gan_core.diagnostics.measured_variety import Varied
from gan_core.diagnostics.series import diversity
from gan_core.evaluation.results import Evaluation

LAST = 0.1  # share of a run: its mean counts as the last value
JUDGED = ("generator_loss", "discriminator_loss", "accuracy_real", "accuracy_fake", "critic_distance")  # one of them
ALIKE = 0.02  # relative difference below which two values count as equal
CONVERGED = ("converged", "nearer", "nearer_until")
CAVEAT = "Curves do not show image quality: look at the sample grids, and evaluate the runs."
CAVEAT_MEASURED = "Curves do not show image quality: look at the sample grids, and at the evaluations."

PHRASES = {
    "diverged": "the losses of {runs} exploded",
    "saturated": "the discriminator was far ahead for long in {runs}",
    "fooled": "the discriminator was left behind in {runs}",
    "vanishing": "the generator's gradients vanished in {runs}",
    "collapse": "the samples of {runs} collapsed",
    "overfitting": "the discriminator of {runs} overfitted its training images",
    "oscillation": "the losses of {runs} swung up and down",
    "critic_ahead": "the critic ran ahead in {runs}",
    "nothing_learned": "nothing was learned yet in {runs}",
    "unchanged": "the translators of {runs} returned their inputs nearly unchanged",
}
# Ailment -> the columns' roles (or the previews, or the histograms) that its rule needs: without them it finds nothing.
NEEDS = {
    "diverged": ("generator_loss", "discriminator_loss"),
    "saturated": ("accuracy_real", "accuracy_fake", "generator_loss"),
    "fooled": ("accuracy_fake", "discriminator_loss"),
    "vanishing": ("grad_norm/g", "accuracy_real", "accuracy_fake"),
    "collapse": ("diversity/samples", "diversity/data"),
    "overfitting": ("real", "held_out"),
    "oscillation": ("generator_loss", "discriminator_loss"),
    "critic_ahead": ("critic_distance",),
    "nothing_learned": ("generator_loss", "discriminator_loss"),
    "unchanged": ("change/ab", "change/ba"),
}
# Ailment -> whether a record with these has enough for its rule, where that asks for more than any other.
ENOUGH: dict[str, Callable[[Record], bool]] = {
    "saturated": lambda record: math.isfinite(record.chance),
    "fooled": lambda record: math.isfinite(record.chance),
    "collapse": lambda record: len(diversity(record)) >= ailments.COLLAPSE_LOOKS,
    "overfitting": lambda record: len(record.scores.get("held_out", ())) >= ailments.OVERFITTING_LOOKS,
    "oscillation": lambda record: min(map(len, map(record.logged, NEEDS["oscillation"]))) >= ailments.SWING_ROWS,
    "critic_ahead": lambda record: record.block_count >= ailments.CRITIC_BLOCKS and ailments.warmed_up(record),
    "nothing_learned": lambda record: len(ailments.looks(record)) > 1,
    "unchanged": lambda record: len(record.previews.get("change/ab", ())) >= observations.UNCHANGED_LOOKS,
}
assert NEEDS.keys() == PHRASES.keys() and ENOUGH.keys() <= NEEDS.keys()
assert PHRASES.keys() == {kind for kind, about in KINDS.items() if about.ailment}


@dataclass(frozen=True)
class Diagnosed:
    """A run with its record and its events. evaluation: what was measured of its images, if it was evaluated."""

    name: str
    config: RunConfig
    record: Record
    events: tuple[Event, ...]
    evaluation: Evaluation | None = None

    @property
    def ailments(self) -> tuple[Event, ...]:
        return tuple(event for event in self.events if event.ailment)

    @property
    def unjudged(self) -> str:
        """Why no rule can say yet that nothing is wrong, as a clause; empty where the rules can."""
        rows = len(self.record.epoch)
        if self.ailments:
            return ""
        if not rows:
            return "nothing is logged"
        if self.record.block_count < LEAST_BLOCKS:
            return f"{_count(rows, 'row')} logged, the rules need {LEAST_BLOCKS * ROWS}"
        known = any(self.record.columns(role) for role in JUDGED) or len(
            self.record.previews.get("diversity/samples", ())
        )
        return "" if known else "neither its losses nor its accuracies are known"


def compare(runs: Sequence[Diagnosed]) -> str:
    """Return a paragraph that compares the runs, as plain text with the names unescaped; empty for no runs."""
    logged = [run for run in runs if len(run.record.epoch)]
    if not logged:
        return ""
    sentences = [_opening(logged), _running(logged), *_health(logged), _unjudged(runs)]
    judged = {(run.record.task, run.record.unit) for run in logged if _has_discriminator(run)}
    for task in ("generate", "translate"):
        group = [run for run in logged if run.record.task == task]
        if group:
            sentences += _samples(group, len(logged) == 1) if task == "generate" else _translations(group)
            # A pair is easier to classify than an image, so the two are not ranked together.
            for unit in ("images", "pairs"):
                alike = [run for run in group if run.record.unit == unit]
                sentences += _accuracies(alike, len(logged) == 1, len(judged) == 1)
    ended = [run for run in logged if run.record.state != "running"]
    sentences += [*_seeds(ended), *_weights(ended), *_baselines(ended)]
    caveat = CAVEAT if any(run.evaluation is None for run in logged) else CAVEAT_MEASURED
    return " ".join([*(sentence for sentence in sentences if sentence), caveat])


def _opening(runs: Sequence[Diagnosed]) -> str:
    configs = [run.config for run in runs]
    presets = {config.preset for config in configs}
    several = f"{_count(len(runs), 'run')} of {_count(len(presets), 'preset')}"
    what = several if len(runs) > 1 else f"One run, {runs[0].name}"
    lengths = [_length([run for run in runs if run.record.counts == unit], unit) for unit in ("epoch", "step")]
    first = configs[0]
    known = [config for config in configs if config.fingerprint and config.class_counts]
    differ = len({(config.fingerprint, config.image_size, config.domains) for config in known}) > 1
    data = "not all on the same data" if differ else f"{first.image_size} px, {first.train_images:,} training images"
    if len(known) < len(runs):
        data = "with data that is not known of all of them" if len(runs) > 1 else "data not known"
    opening = f"{what}, {data}, {' and '.join(filter(None, lengths))}."
    if differ:
        opening += " Runs on different data cannot be compared directly."
    return opening


def _length(runs: Sequence[Diagnosed], unit: str) -> str:
    """Return how long runs that count the same are, in words; empty without runs."""
    reached = sorted({_reached(run) for run in runs})
    if not reached:
        return ""
    return f"{reached[0]} {unit}s" if len(reached) == 1 else f"{reached[0]} to {reached[-1]} {unit}s"


def _running(runs: Sequence[Diagnosed]) -> str:
    """Return the sentence on runs that still train, with what each has reached; empty without any."""
    found = []
    for run in runs:
        if run.record.state == "running":
            counts, reached = run.record.counts, f"{run.record.epoch[-1]:.0f}"
            planned = f" of {run.record.epochs}" if counts == "epoch" and run.record.epochs else ""
            found.append(f"{run.name} ({counts} {reached}{planned})")
    return f"Still training, so that their end is only where they are now: {_join(found)}." if found else ""


def _health(runs: Sequence[Diagnosed]) -> list[str]:
    """Return the sentences on ailments, and on runs without one; of runs that cannot be judged nothing is said."""
    words = []
    for kind, phrase in PHRASES.items():
        found = [(run, event) for run in runs for event in run.events if event.kind == kind]
        if found:
            words.append(phrase.format(runs=_join([f"{run.name} ({event.when})" for run, event in found])))
    ahead_first = [f"{run.name} ({e.when})" for run in runs for e in run.events if e.kind == "head_start"]
    unharmed = [run for run in runs if not run.ailments and not run.unjudged]
    well = [run.name for run in unharmed]
    sentences = [f"{_capital('; '.join(words))}."] if words else []
    if well and len(runs) > 1:
        sentences.append(f"No ailment was seen in {'any of them' if len(well) == len(runs) else _join(well)}.")
    elif well:
        sentences.append("No ailment was seen.")
    if looked_for := _looked_for(unharmed):
        sentences.append(f"Looked for, in the curves alone: {_join(looked_for)}.")
    if ahead_first:
        sentences.append(f"The discriminator was ahead at first, and the generator caught up, in {_join(ahead_first)}.")
    converged = [run.name for run in runs if any(event.kind in CONVERGED for event in run.events)]
    if converged:
        sentences.append(f"Converged, by the curves: {_join(converged)}.")
    return [*sentences, *_distances(runs)]


def _looked_for(runs: Sequence[Diagnosed]) -> list[str]:
    """Return the ailments that a rule could look for in every one of these runs, by their titles."""
    found = []
    for kind in NEEDS:
        if runs and all(_can_look(run.record, kind) for run in runs):
            title = KINDS[kind].title
            by = " (by the pixels of the samples)" if kind == "collapse" else ""
            found.append(f"{title[0].lower()}{title[1:]}{by}")
    return found


def _can_look(record: Record, kind: str) -> bool:
    """Return whether the rule of an ailment could have found it in a record."""
    enough = ENOUGH.get(kind)
    return all(_has(record, need) for need in NEEDS[kind]) and (enough is None or enough(record))


def _has(record: Record, need: str) -> bool:
    return need in record.scores or need in record.metrics or need in record.previews or bool(record.columns(need))


def _unjudged(runs: Sequence[Diagnosed]) -> str:
    """Return the sentence on runs of which nothing can be said yet, and why; empty without any."""
    found = [f"{run.name} ({run.unjudged})" for run in runs if run.unjudged]
    return f"Could not be judged yet: {_join(found)}." if found else ""


def _distances(runs: Sequence[Diagnosed]) -> list[str]:
    """Return the sentences on runs whose measured distance contradicts the curves, or the choice of the last epoch."""
    fell: dict[str, list[str]] = {}
    rose: list[str] = []
    for run in runs:
        for event in run.events:
            found = event.evidence
            if event.kind in ("nearer", "nearer_until"):
                words = f"from {found['first']:.3g} to {found['last']:.3g} ({run.name})"
                fell.setdefault(event.kind, []).append(words)
            if event.kind in ("past_best", "past_best_kept"):
                weights = ", which kept the earlier weights" if event.kind == "past_best_kept" else ""
                rose.append(
                    f"{found['best']:.3g} at epoch {event.epoch:.0f} and {found['last']:.3g} at the end "
                    f"({run.name}{weights})"
                )
    sentences = [
        f"After that the distance to real images {verb} {_join(fell[kind])}."
        for kind, verb in (("nearer", "still fell"), ("nearer_until", "fell"))
        if kind in fell
    ]
    return [*sentences, f"The distance to real images was {_join(rose)}."] if rose else sentences


def _weights(runs: Sequence[Diagnosed]) -> list[str]:
    """Return the sentence on generators whose weights a preview chose beside others; empty if all are alike."""
    generators = [run for run in runs if run.record.task == "generate" and not run.record.foreign]
    chosen = [f"{run.name} (epoch {run.record.kept})" for run in generators if run.record.kept is not None]
    last = [run.name for run in generators if run.record.kept is None]
    if not chosen or not last:
        return []
    return [
        f"The best preview chose the weights of {_join(chosen)}, and {_join(last)} ended with the last ones: what "
        "generates is no equal choice, though the curves are."
    ]


def _samples(runs: Sequence[Diagnosed], alone: bool) -> list[str]:
    measured = measured_variety.sentences([_varied(run) for run in runs])
    ranked = _ranked(runs, _diversity)
    if not ranked:
        return measured
    if len(ranked) == 1:
        whose = "its samples" if alone else f"the samples of {ranked[0][0].name}"
        words = f"At the end {whose} differ from each other in their pixels {ranked[0][1]:.0%} as much as"
        return [f"{words} the real images do.", *measured]
    listed = _join([f"{run.name} {value:.0%}" for run, value in ranked])
    return [f"Diversity of the samples' pixels at the end, as a share of the data's: {listed}.", *measured]


def _varied(run: Diagnosed) -> Varied:
    reached = float(run.record.epoch[-1]) if run.record.counts == "epoch" else None
    return Varied(run.name, run.evaluation, _diversity(run), reached)


def _translations(runs: Sequence[Diagnosed]) -> list[str]:
    ranked = _ranked(runs, lambda run: _last_preview(run, "cycle_error/a", "cycle_error/b"))
    if not ranked:
        return []
    listed = _join([f"{run.name} {value:.1%}" for run, value in reversed(ranked)])
    changes = [(run, _last_preview(run, "change/ab", "change/ba")) for run, _ in reversed(ranked)]
    changed = _join([f"{change:.1%} ({run.name})" for run, change in changes])
    return [
        f"Cycle error (there and back), as a share of the grey scale: {listed}; "
        f"a translation changes the images by {changed}."
    ]


def _has_discriminator(run: Diagnosed) -> bool:
    return bool(run.record.columns("discriminator_loss") or run.record.columns("accuracy_real"))


def _accuracies(runs: Sequence[Diagnosed], alone: bool, whole: bool) -> list[str]:
    """Return the sentence on the accuracies of runs that classify the same; whole: no other has a discriminator."""
    ranked = _ranked(runs, lambda run: _last(run, "accuracy_real", "accuracy_fake"))
    if not ranked:
        return []
    (high, most), (low, least) = ranked[0], ranked[-1]
    pairs = high.record.unit == "pairs"
    unit, which = (" of the pairs", " of pairs") if pairs else (" of the images", "")
    if len(ranked) == 1:
        whose = "its discriminator" if alone else f"the discriminator of {high.name}"
        return [f"At the end {whose} classifies {most:.0%}{unit} correctly."]
    every = len(ranked) == sum(map(_has_discriminator, runs))
    if most - least < 0.03:
        who = (
            f"All discriminators{which}"
            if every and whole
            else f"The discriminators of {_join([one.name for one, _ in ranked])}"
        )
        return [f"{who} end at an accuracy of about {np.mean([value for _, value in ranked]):.0%}."]
    which += "" if every else " whose accuracy is known"
    return [f"The discriminators{which} end at accuracies from {least:.0%} ({low.name}) to {most:.0%} ({high.name})."]


def _seeds(runs: Sequence[Diagnosed]) -> list[str]:
    """Return the sentences on runs that differ in their seed alone: the spread between seeds."""
    groups: dict[tuple[str, int], list[Diagnosed]] = {}
    for run in runs:
        if run.config.known_seed is not None:  # one that was stopped early has another diversity for that alone
            groups.setdefault((run.config.recipe, _reached(run)), []).append(run)
    sentences = []
    for group in groups.values():
        ranked = _ranked(group, _diversity)
        seeds, values = {run.config.seed for run, _ in ranked}, [value for _, value in ranked]
        if len(seeds) > 1:
            sentences.append(
                f"Over {len(seeds)} seeds, {group[0].config.preset} ends at {min(values):.0%} to {max(values):.0%} "
                "of the data's diversity of pixels: smaller differences between presets may be chance."
            )
    return sentences


def _baselines(runs: Sequence[Diagnosed]) -> list[str]:
    """Return the sentences that compare each preset with its baseline of the same length, on the same data."""
    by_preset: dict[tuple[str, str, int], Diagnosed] = {}
    for run in runs:
        by_preset.setdefault((run.config.preset, run.config.fingerprint, _reached(run)), run)
    both = [
        (run, by_preset.get((preset + BASELINE, data, reached))) for (preset, data, reached), run in by_preset.items()
    ]
    pairs = [(run, plain) for run, plain in both if plain]
    if not pairs:
        return []
    measures: tuple[tuple[str, Callable[[Diagnosed], float], str], ...] = (
        ("highest accuracy of the discriminator", lambda run: _peak(run)[0], ".0%"),
        ("generator's loss at the end", lambda run: _last(run, "generator_loss"), ".3g"),
        ("diversity of pixels", _diversity, ".0%"),
    )
    words = []
    for run, plain in pairs:
        values = [(name, value(plain), value(run), form) for name, value, form in measures]
        texts = [f"{name} {a:{form}} against {b:{form}}" for name, a, b, form in values if math.isfinite(a + b)]
        words.append(f"{plain.name} against {run.name}: {', '.join(texts)}")
    return [f"Baselines: {'; '.join(words)}.", *_pattern(pairs)]


def _pattern(pairs: Sequence[tuple[Diagnosed, Diagnosed]]) -> list[str]:
    """Return one sentence on the differences that all pairs share; none for fewer than two pairs."""
    if len(pairs) < 2:
        return []
    shared = []
    if all(_peak(plain)[0] > _peak(run)[0] + 0.03 for run, plain in pairs):
        shared.append("the discriminator got further ahead")
    if all(_last(plain, "generator_loss") > _last(run, "generator_loss") * (1 + ALIKE) for run, plain in pairs):
        shared.append("the generator's loss ended higher")
    if all(_diversity(plain) < _diversity(run) - ALIKE for run, plain in pairs):
        shared.append("the samples' pixels were less diverse")
    if not shared:
        return ["No difference holds in all of these pairs."]
    return [f"In {'both' if len(pairs) == 2 else f'all {len(pairs)}'} baselines {_join(shared)}."]


def _reached(run: Diagnosed) -> int:
    """Return the last epoch of a run that has logged something, or the last step of one that counts steps."""
    return round(float(run.record.epoch[-1]))


def _peak(run: Diagnosed) -> tuple[float, float]:
    """Return (highest accuracy of the discriminator over the blocks, its epoch)."""
    blocks = run.record.blocks(run.record.mean("accuracy_real", "accuracy_fake"))
    if not len(blocks) or np.isnan(blocks).all():
        return math.nan, math.nan
    best = int(np.nanargmax(blocks))
    return float(blocks[best]), run.record.block_start(best)


def _last(run: Diagnosed, *roles: str) -> float:
    """Return the mean over the last part (LAST) of a run; NaN if nothing is logged."""
    values = run.record.mean(*roles)
    return float(values[-max(int(len(values) * LAST), 1) :].mean()) if len(values) else math.nan


def _diversity(run: Diagnosed) -> float:
    samples, data = (run.record.previews.get(f"diversity/{name}", np.empty(0)) for name in ("samples", "data"))
    return float(samples[-1] / data[-1]) if len(samples) and len(data) and data[-1] else math.nan


def _last_preview(run: Diagnosed, *names: str) -> float:
    found = [run.record.previews[name][-1] for name in names if len(run.record.previews.get(name, ()))]
    return float(np.mean(found)) if found else math.nan


def _ranked(runs: Sequence[Diagnosed], value: Callable[[Diagnosed], float]) -> list[tuple[Diagnosed, float]]:
    """Return the runs with their values, the highest first; runs without a finite value are left out."""
    found = [(run, value(run)) for run in runs]
    return sorted(((run, v) for run, v in found if math.isfinite(v)), key=lambda pair: -pair[1])


def _count(number: int, word: str) -> str:
    return f"{number} {word}{'' if number == 1 else 's'}"


def _join(words: Sequence[str]) -> str:
    return words[0] if len(words) == 1 else f"{', '.join(words[:-1])} and {words[-1]}"


def _capital(text: str) -> str:
    return text[:1].upper() + text[1:]
