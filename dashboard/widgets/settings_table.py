"""Tables of several runs: the settings in which they differ, and their last values."""

import html
from collections.abc import Mapping, Sequence

import pandas as pd
import streamlit as st

from dashboard.charts import run_metrics
from dashboard.library import notes, queries, units
from dashboard.library.curves import SMOOTHING
from dashboard.library.notes import Note
from dashboard.library.store import Entry, Library
from dashboard.widgets.text import plain, source_name
from gan_core import run_options
from gan_core.config import RunConfig
from gan_core.families import registry

# Titles of settings in config.json. All other settings are shown under their names, without underscores.
TITLES = {
    "source": "Data",
    "fingerprint": "Fingerprint of the data",
    "class_counts": "Training images",
    "fit": "Fit to a square",
    "preview_inputs": "Preview inputs",
    "git_commit": "Git commit",
    "origin.kind": "Origin",
    "origin.program": "Trained by",
    "origin.place": "Read from",
    "origin.counts": "Counts",
    "origin.own_pixels": "Samples in their own pixels",
    "origin.notes": "Notes on its origin",
    "kept.which": "Weights",
    "kept.epoch": "Epoch of the weights",
    "settings.lr": "Learning rate",
    "settings.beta1": "Adam beta 1",
    "settings.beta2": "Adam beta 2",
    "settings.r1": "R1 penalty",
    "settings.r1_every": "R1 penalty every, steps",
    "settings.most": "Width, at most",
    "settings.ema_decay": "EMA decay",
}
LAST = ("fingerprint", "git_commit", "versions.")  # at the end of the table: nobody chooses them
# The preset and the classes imply the family and the domains; traits say what a family is, and `data` what was found in
# the images: names of patients among it. Neither sets anything. All stand here without a dot where a run has none.
LEFT_OUT = frozenset({"format", "family", "domains", "traits", "data", "origin", "kept"}) | {
    f"kept.{name}" for name in ("measure", "distance", "extractor", "images", "against", "note")
}
NOT_SET = ("traits.", "data.", "grown_from.")


def show(library: Library, chosen: Sequence[Entry]) -> None:
    """Draw the tables, folded under a line that says how many settings differ."""
    groups = list(run_metrics.by_task(chosen).values())
    counts = [(sum(map(differ, rows.values())), len(rows)) for group in groups if (rows := _rows(library, group))]
    several = any(len(group) > 1 for group in groups)
    unlike = "; ".join(f"{differing} of {every} differ" for differing, every in counts)
    # A link to all settings opens them; afterwards the reader folds and unfolds.
    begun = st.session_state.setdefault(
        "settings begun", any(key.startswith("every-setting-") for key in st.query_params)
    )
    title = f"Settings ({unlike}), and last values" if several else "Settings, and last values"
    with st.expander(title, expanded=begun, icon=":material/table:", key="settings"):
        _show_tables(library, chosen)


def _rows(library: Library, group: Sequence[Entry]) -> dict[str, list[str]]:
    return settings(group, notes.known(library)[0])


def _show_tables(library: Library, chosen: Sequence[Entry]) -> None:
    labels = [entry.label for entry in chosen]
    names = {e.name: plain(e.label if labels.count(e.label) == 1 else e.name) for e in chosen}
    tasks = run_metrics.by_task(chosen)
    for task, group in tasks.items():
        of = f" of runs that {task}" if len(tasks) > 1 else ""
        with st.grid(1 if len(group) > 4 else 2, min_column_width=360, gap="large", key=f"tables-{task}"):
            with st.container(key=f"settings-{task}-Settings"):
                show_settings(library, group, names, of, task)
            with st.container(key=f"settings-{task}-Last-values"):
                st.subheader(f"Last values{of}")
                found = {names[e.name]: run_metrics.last_values(library, e, group) for e in group}
                values = {
                    name: {plain(row): _number(cell) for row, cell in rows.items()} for name, rows in found.items()
                }
                st.table(pd.DataFrame(values), border="horizontal", alt="Last values of the chosen runs")
        at = f"Losses and accuracy are the last values of the curves at smoothing {SMOOTHING}."
        st.caption(f"{at} {run_metrics.NOTES[task]}")


def show_settings(library: Library, group: Sequence[Entry], names: Mapping[str, str], of: str, task: str) -> None:
    """Draw the settings in which these runs differ, or all of them."""
    every_row = _rows(library, group)
    rows = every_row
    unlike = {title: cells for title, cells in rows.items() if differ(cells)}
    same = [title for title in rows if title not in unlike]
    with st.container(horizontal=True, vertical_alignment="bottom", horizontal_alignment="distribute"):
        st.subheader(f"Settings{of}" if len(group) == 1 else f"Different settings{of}", width="content")
        every = len(group) > 1 and st.toggle("Show all", key=f"every-setting-{task}", bind="query-params")
    shown = rows if every or len(group) == 1 else unlike
    if shown:
        labels = [entry.label if len({e.label for e in group}) == len(group) else entry.name for entry in group]
        st.html(as_html(labels, shown, explanations(group)))
    if len(group) > 1:
        st.caption(plain(summary(same, every)))
    st.caption("Point at a setting, or open it, to read what it is.")


def as_html(columns: Sequence[str], rows: Mapping[str, Sequence[str]], explained: Mapping[str, str]) -> str:
    """Return a table of settings as HTML; one that is explained has a tooltip, which opens on a click as well."""
    heads = "".join(f"<th scope='col'>{html.escape(name)}</th>" for name in columns)
    lines = []
    for name, cells in rows.items():
        head, words = html.escape(name), html.escape(explained.get(name, ""))
        if words:
            head = f"<details title='{words}'><summary>{head}</summary><p>{words}</p></details>"
        lines.append(
            f"<tr><th scope='row'>{head}</th>{''.join(f'<td>{html.escape(cell)}</td>' for cell in cells)}</tr>"
        )
    frame = '<div class="ev-scroll" tabindex="0" role="region" aria-label="Settings of the chosen runs">'
    body = f"<thead><tr><th></th>{heads}</tr></thead><tbody>{''.join(lines)}</tbody>"
    return f'{frame}<table class="settings-table">{body}</table></div>'


def explanations(group: Sequence[Entry]) -> dict[str, str]:
    """Return the displayed name of a setting -> what it is, as the options of a run and the runs' families declare it.

    Families may mean different things by one name: then each of them is told.
    """
    found = {title(name): [one.help] for name, one in run_options.declared().items() if one.flag and one.recorded}
    for config in (entry.config for entry in group if entry.config and not entry.origin):
        for name, words in registry.settings_help(config.family).items():
            told = found.setdefault(title(f"settings.{name}"), [])
            told += [] if words in told else [words]
    return {name: "; or ".join(words) for name, words in found.items()}


def settings(group: Sequence[Entry], written: Mapping[str, Note]) -> dict[str, list[str]]:
    """Return title -> a cell for each run: every setting of any run, epochs, classes and tags; "–" for none."""
    found = [queries.of_config(entry.config) for entry in group if entry.config]
    named = dict.fromkeys(key for one in found for key in one)
    keys = [key for key in named if key not in LEFT_OUT and not key.startswith(NOT_SET)]
    keys.sort(key=lambda key: next((i for i, start in enumerate(LAST, 1) if key.startswith(start)), 0))
    rows = {title(key): [value(one[key], key) if key in one else "–" for one in found] for key in keys}
    for at, entry in enumerate(entry for entry in group if entry.config):
        for key in unknown(entry):
            if title(key) in rows:
                rows[title(key)][at] = "–"
    heading = units.heading(group)
    rows = {heading if name == "Epochs" else name: cells for name, cells in rows.items()}
    rows[heading] = [units.progress(entry, group) for entry in group if entry.config]
    if any(entry.config and entry.config.grown_from for entry in group):
        rows["Began as"] = [_ancestor(entry.config) for entry in group if entry.config]
    if any(entry.domains for entry in group):
        rows["Classes"] = [" ↔ ".join(entry.domains or ()) for entry in group]
    if any(entry.name in written for entry in group):
        rows["Tags"] = [", ".join(written[e.name].tags) if e.name in written else "–" for e in group]
    return rows


def _ancestor(config: RunConfig) -> str:
    """Return the run that a run began with, by its name: its folder belongs to the machine of the training."""
    before = config.grown_from
    return f"{before.name}, {before.image_size} px, epoch {before.epoch}" if before else "random weights"


def unknown(entry: Entry) -> list[str]:
    """Return the settings that nobody knows of a run that GANray did not train."""
    config = entry.config
    if config is None or config.origin is None:
        return []
    names = [
        name for name in ("image_size", "batch_size", "preview_every", "log_every", "fit") if not getattr(config, name)
    ]
    names += ["class_counts", "classes"] if not config.classes else []
    names += ["channels"] if not config.image_size and not entry.sheets else []
    names += ["seed"] if config.known_seed is None else []
    return [*names, "precision", "snapshots", "preview_inputs", "split_seed"]


def title(key: str) -> str:
    """Return the displayed name of a setting."""
    if key in TITLES:
        return TITLES[key]
    words = key.removeprefix("settings.").replace("_", " ")
    if key.startswith("versions."):
        return f"Version of {key.removeprefix('versions.')}"
    return f"{words[:1].upper()}{words[1:]}"


def value(found: queries.Value, key: str = "") -> str:
    """Return the displayed value of a setting."""
    if key == "source":
        return source_name(str(found)) or "–"
    if key == "class_counts" and isinstance(found, tuple):
        return " and ".join(map(str, found)) if len(found) <= 2 else f"{sum(map(int, map(str, found)))}"
    if key == "image_size":
        return f"{found} px"
    if isinstance(found, tuple):
        return ", ".join(map(str, found)) or "none"
    if isinstance(found, bool):
        return "yes" if found else "no"
    if found is None or found == "":
        return "–"
    if isinstance(found, float):
        return f"{found:g}"
    return str(found)[:12] if key == "git_commit" else str(found)


def _number(cell: str) -> str:
    """Return a last value as Markdown: the number as it is, the words after it escaped."""
    number, _, words = cell.partition(" (")
    return f"{number} {plain(f'({words}')}" if words else number


def differ(cells: Sequence[str]) -> bool:
    return len(set(cells)) > 1


def summary(same: Sequence[str], every: bool) -> str:
    """Return one line about the settings that all runs share."""
    if not same:
        return "They differ in every setting."
    names = ", ".join(f"{name[:1].lower()}{name[1:]}" for name in same[:6])
    more = f" and {len(same) - 6} more" if len(same) > 6 else ""
    verb = "is" if len(same) == 1 else "are"
    word = "setting" if len(same) == 1 else "settings"
    return f"{len(same)} {word} {verb} the same in all of them{'' if every else f': {names}{more}'}."
