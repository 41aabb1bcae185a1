"""What happened in a training: events with epochs, evidence and one plain sentence each, read from a run's tables.

python -m gan_core diagnose RUN
"""

from gan_core.diagnostics import ailments, measured_distance, observations
from gan_core.diagnostics.events import KINDS, Event
from gan_core.diagnostics.history import Record, read, record
from gan_core.diagnostics.paragraph import Diagnosed, compare
from gan_core.runs import Run

__all__ = ["KINDS", "Diagnosed", "Event", "Record", "compare", "diagnose", "examine", "read", "record"]

# Nothing is balanced or converged in a training that has gone astray in such a way.
_ASTRAY = ("diverged", "nothing_learned", "fooled", "vanishing", "collapse", "oscillation", "critic_ahead")


def diagnose(run: Run | Record) -> tuple[Event, ...]:
    """What happened in a training, in the order it happened.

    Raises:
        UserError: the run's config cannot be read.
    """
    found = read(run) if isinstance(run, Run) else run
    events = [event for rule in (*ailments.RULES, observations.unchanged) for event in rule(found)]
    kinds = {event.kind for event in events}
    if "nothing_learned" in kinds:  # where nobody has started nobody is left behind, and no variety is lost
        events = [event for event in events if event.kind not in ("fooled", "collapse")]
    if not kinds & set(_ASTRAY):
        events += [*observations.critic_follows(found)]
        events += [*observations.narrow(found), *(list(observations.guessing(found)) or observations.balance(found))]
        if "saturated" not in kinds:
            events += [
                *observations.head_start(found),
                *(measured_distance.nearer(event, found.way) for event in observations.converged(found)),
            ]
    events += measured_distance.past_best(found.way)
    return tuple(sorted(events, key=lambda event: event.epoch))


def examine(run: Run, name: str | None = None) -> Diagnosed:
    """A run with its record and its events, for `compare`; name: what to call it there.

    Raises:
        UserError: its config cannot be read.
    """
    found = read(run)
    return Diagnosed(name or run.name, run.config(), found, diagnose(found))
