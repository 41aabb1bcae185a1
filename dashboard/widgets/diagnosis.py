"""The section "What happened here?": the events of each run's training, and a paragraph that compares the runs.

The events come from `gan_core.diagnostics`. Their epochs are links that move the stage. Each event is found in the page
by `.st-key-happened [data-run="NAME"] [data-event="KIND"]`.
"""

import html
from pathlib import Path

import streamlit as st

from dashboard.charts.curve_payloads import EventMarker
from dashboard.charts.styles import Style
from dashboard.library import store
from dashboard.library.store import Entry, Library, LruCache
from dashboard.widgets import error_boundary
from dashboard.widgets.text import plain
from gan_core import diagnostics
from gan_core.diagnostics import Diagnosed, Event
from gan_core.diagnostics.measured_distance import KEYS, column
from gan_core.evaluation.results import Evaluation
from gan_core.metrics import PREVIEW_DISTANCE

# Names of Material symbols: the shape carries the same information as the colour.
ICONS = {
    "diverged": "crisis_alert",
    "saturated": "trending_up",
    "fooled": "trending_down",
    "vanishing": "signal_cellular_0_bar",
    "collapse": "content_copy",
    "overfitting": "psychology",
    "oscillation": "ssid_chart",
    "critic_ahead": "north_east",
    "nothing_learned": "hourglass_empty",
    "unchanged": "equal",
    "head_start": "directions_run",
    "guessing": "casino",
    "narrow": "compress",
    "critic_follows": "south_east",
    "balance": "balance",
    "converged": "check_circle",
    "nearer": "moving",
    "nearer_until": "done_all",
    "past_best": "history",
    "past_best_kept": "star",
}
METHOD = (
    "Fixed rules find these events in the curves. They were tested on small runs with known problems. The rules use "
    "numbers that were logged during training: losses, accuracies, gradients, how much the pixels of the samples "
    "differ and, if it was measured, the distance to real images. They do not look at the images themselves. Evaluate "
    "measures the images, and the paragraph for the lab notebook names what it found."
)

_Key = tuple[Path, str, int, int, int, int, str, int]
_known: LruCache[_Key, Diagnosed] = LruCache(64)


def diagnosed(library: Library, entry: Entry) -> Diagnosed | None:
    """Return a run with its events; None if its config cannot be read. Cached until its tables grow."""
    if entry.config is None:
        return None
    try:
        written = entry.run.evaluation.stat().st_mtime_ns
    except OSError:
        written = 0
    config, evaluation = entry.config, library.evaluation(entry)
    measured = evaluation if isinstance(evaluation, Evaluation) else None
    metrics, previews = library.table(entry, store.METRICS), library.table(entry, store.EPOCHS)
    with metrics.lock, previews.lock:
        sizes = (metrics.table.version, len(metrics.table), previews.table.version, len(previews.table))

        def diagnose() -> Diagnosed:
            progress = measured.progress if measured else None
            record = diagnostics.record(config, entry.status, metrics.table, previews.table, progress)
            return Diagnosed(entry.label, config, record, diagnostics.diagnose(record), measured)

        return _known.get((entry.run.folder, entry.label, *sizes, entry.status.state, written), diagnose)


def show(library: Library, chosen: list[Entry], look: dict[str, Style]) -> None:
    """Draw a line for each event, and the comparison; pictures without a training are left out."""
    with error_boundary.boundary("what happened here"):
        trained = [entry for entry in chosen if not entry.only_pictures]
        found = [(entry, run) for entry in trained if (run := diagnosed(library, entry))]
        if not found:
            return
        st.subheader("What happened here?", help=METHOD)
        with st.container(key="happened"):
            st.html("".join(_run(entry, run, look[entry.name]) for entry, run in found))
        # For one run the paragraph would only repeat the events.
        words = diagnostics.compare([run for _, run in found]) if len(found) > 1 else ""
        if words:
            with st.container(border=True, gap="xsmall", key="notebook"):
                st.markdown("**For the lab notebook**")
                st.markdown(plain(words))
                link = {"evaluated": [entry.name for entry, run in found if run.evaluation]}
                if link["evaluated"]:
                    icon = ":material/analytics:"
                    st.page_link("views/evaluate/page.py", label="Evaluate", icon=icon, query_params=link)


def marks(library: Library, chosen: list[Entry]) -> dict[str, list[EventMarker]]:
    """Return run name -> its events as markers on the curves that show them."""
    found = {entry.name: run.events for entry in chosen if (run := diagnosed(library, entry))}
    marked = {
        name: [
            EventMarker(event.epoch, event.until, event.kind, f"{event.title}: {event.sentence}", event.columns)
            for event in events
        ]
        for name, events in found.items()
    }
    for entry in chosen:
        if (epoch := entry.kept_earlier) is not None:
            title = f"The run kept the weights of epoch {epoch}, its best preview."
            said = any(one.kind == "past_best_kept" for one in marked.get(entry.name, ()))  # on the measured distance
            columns = (PREVIEW_DISTANCE.column,) if said else (PREVIEW_DISTANCE.column, *map(column, KEYS))
            marked.setdefault(entry.name, []).append(EventMarker(epoch, None, "past_best_kept", title, columns))
    return marked


def _run(entry: Entry, run: Diagnosed, style: Style) -> str:
    """Return the events of one run as HTML."""
    name = f'<h4><span style="color: {style.color}">{style.dot}</span> {html.escape(entry.label)}</h4>'
    lines = "".join(_line(entry, event) for event in run.events)
    lines += "".join(_plain_line(*each) for each in remarks(run))
    return f'<section class="happened-run" data-run="{html.escape(entry.name)}">{name}<ul>{lines}</ul></section>'


def remarks(run: Diagnosed) -> list[tuple[str, str, str]]:
    """Return what is to be said of a run beside its events: (icon, title, sentence) each."""
    found = []
    if run.unjudged and not run.events:
        found.append(("hourglass_empty", "Cannot be judged yet", f"{run.unjudged}."))
    elif not run.events:
        found.append(("remove", "Nothing to report", "no rule found anything."))
    return found + [("broken_image", "Not everything could be read", f"{each}.") for each in run.record.problems]


def _line(entry: Entry, event: Event) -> str:
    kind = "happened-ailment" if event.ailment else "happened-calm"
    advice = f'<span class="happened-try">Suggestion: {html.escape(event.advice)}.</span>' if event.advice else ""
    return (
        f'<li class="{kind}" data-event="{event.kind}">'
        f'<span class="happened-icon" aria-hidden="true">{ICONS[event.kind]}</span>'
        f"<div><strong>{html.escape(event.title)}</strong> {_epochs(entry, event)}: {html.escape(event.sentence)} "
        f"{advice}</div></li>"
    )


def _plain_line(icon: str, title: str, words: str) -> str:
    return (
        f'<li class="happened-calm"><span class="happened-icon" aria-hidden="true">{icon}</span>'
        f"<div><strong>{title}</strong>: {html.escape(words)}</div></li>"
    )


def _epochs(entry: Entry, event: Event) -> str:
    """Return the epochs (or steps) of an event as HTML; each links to its samples."""
    unit = entry.unit
    if event.until is None and not event.epoch:
        return _link(entry, 0, "from the start")
    if event.until is None:
        return f"from {_link(entry, event.epoch, f'{unit} {event.epoch:.0f}')} on"
    if round(event.until) == round(event.epoch):
        return f"at {_link(entry, event.epoch, f'{unit} {event.epoch:.0f}')}"
    ends = (_link(entry, number, f"{number:.0f}") for number in (event.epoch, event.until))
    return f"{unit}s {' to '.join(ends)}"


def _link(entry: Entry, number: float, words: str) -> str:
    label = f"Show the samples of {entry.unit} {number:.0f}"
    place = f"{entry.place(number):.2f}" if entry.scale != 1 else f"{number:.0f}"
    return (
        f'<a href="#stage" role="button" tabindex="0" data-epoch-link="{place}" '
        f'aria-label="{label}" title="{label}">{words}</a>'
    )
