"""Diagnoses of a training run, read from its tables: events with epochs, evidence and one sentence each.

python -m gan_core diagnose RUN
"""

from dataclasses import replace

from gan_core.diagnostics import ailments, measured_distance, observations
from gan_core.diagnostics.events import KINDS, Event
from gan_core.diagnostics.history import Record, evaluation, read, record
from gan_core.diagnostics.summary_paragraph import Diagnosed, compare
from gan_core.runs import Run

__all__ = ["KINDS", "Diagnosed", "Event", "Record", "compare", "diagnose", "examine", "read", "record"]

# A run with one of these events is neither balanced nor converged.
_FAILED = ("diverged", "nothing_learned", "fooled", "vanishing", "collapse", "oscillation", "critic_ahead")


def diagnose(run: Run | Record) -> tuple[Event, ...]:
    """Return the events of a run, in order of their first epoch.

    Raises:
        UserError: the run's config.json cannot be read.
    """
    found = read(run) if isinstance(run, Run) else run
    events = [event for rule in (*ailments.RULES, observations.unchanged) for event in rule(found)]
    kinds = {event.kind for event in events}
    if "nothing_learned" in kinds:  # untrained networks also look collapsed and fooled
        events = [event for event in events if event.kind not in ("fooled", "collapse")]
    if not kinds & set(_FAILED):
        events += [*observations.critic_follows(found)]
        events += [*observations.narrow(found), *(list(observations.guessing(found)) or observations.balance(found))]
        if "saturated" not in kinds:
            events += [
                *observations.head_start(found),
                *(measured_distance.nearer(event, found.distance) for event in observations.converged(found)),
            ]
    events += measured_distance.past_best(found.distance, found.kept)
    return tuple(
        replace(event, unit=found.counts, foreign=found.foreign) for event in sorted(events, key=lambda one: one.epoch)
    )


def examine(run: Run, name: str | None = None) -> Diagnosed:
    """Return a run with its record and its events, for `compare`; name: its name there, by default the run's own.

    Raises:
        UserError: the run's config.json cannot be read.
    """
    found = read(run)
    return Diagnosed(name or run.name, run.config(), found, diagnose(found), evaluation(run))
