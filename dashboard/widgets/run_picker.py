"""The choice of runs, and the filter that finds them."""

from collections.abc import Mapping, Sequence
from functools import partial

import pandas as pd
import streamlit as st

from dashboard.library import notes, queries, store, units
from dashboard.library.notes import Note
from dashboard.library.store import Entry, origin_word
from dashboard.widgets import error_boundary, linked_runs
from dashboard.widgets.text import plain, plain_sentence, source_name
from gan_core.errors import UserError

MOST = 24  # runs chosen at once; the stage shows eight of them
EXAMPLES = "preset:dcgan epochs>20 settings.lr=0.0002 tag:good -state:failed"


def choose(readable: list[Entry]) -> list[Entry]:
    """Draw the choice of runs and return the chosen ones. Default: four reference runs, else the four newest runs."""
    by_name = {entry.name: entry for entry in in_order(readable)}
    first = [name for name in store.FIRST if name in by_name] or list(by_name)[:4]
    with st.container(horizontal=True, vertical_alignment="top", key="choice"):
        names = linked_runs.multiselect(
            "Runs", list(by_name), first, "runs", MOST, label_visibility="collapsed", wrap=True
        )
        chosen = [name for name in names if name in by_name]
        finder = st.popover("Find runs", icon=":material/search:", key="finder", on_change=_renew, width="content")
    if finder.open:
        with finder:
            show_finder(readable, chosen)
    linked_runs.say_missing("runs")
    return [by_name[name] for name in chosen]


def show_finder(readable: Sequence[Entry], chosen: Sequence[str]) -> None:
    """Draw the filter and the table of matching runs. Ticking a row chooses its run."""
    text = st.text_input(
        "Filter",
        key="find",
        type="search",
        live=True,
        bind="query-params",
        placeholder=EXAMPLES,
        icon=":material/filter_list:",
        help="A word matches any text of a run. Use preset:, data:, state:, tag:, note: or any setting of config.json "
        "with = != < > <= >=. A minus negates a condition, * matches any text, and commas separate alternative values.",
    )
    written, problem = notes.known(store.library())
    if problem:
        st.caption(f":material/broken_image: {plain_sentence(problem)}")
    try:
        found = find(readable, text or "", written)
    except UserError as error:
        st.caption(f":red[:material/error: {plain(str(error))}]")
        return
    if not found:
        st.caption(f"None of the {len(readable)} runs matches.")
        return
    rows = folded(found)
    names = [[entry.name for entry in row] for row in rows]
    # This table, the chips above and the address can all change the choice: the ticks always follow it.
    key = f"found {st.session_state.get('openings', 0)}"
    ticked = [i for i, row in enumerate(names) if set(row) & set(chosen)]
    st.session_state[key] = {"selection": {"rows": ticked}}
    st.dataframe(
        listing(rows, written),
        key=key,
        on_select=partial(_tick, key, names, frozenset(ticked)),
        selection_mode="multi-row",
        hide_index=True,
        height=min(38 + 35 * len(rows), 400),
        column_config={"Tags": st.column_config.ListColumn(), "Note": st.column_config.TextColumn(width="medium")},
        alt=f"The runs that match the filter: {len(found)} of {len(readable)}",
    )
    st.caption(f"{len(found)} of {len(readable)} runs; {len(chosen)} chosen, {MOST} at most.")
    if len(rows) < len(found):
        st.caption("Further seeds have metrics only, and share the row of the seed that keeps its samples or weights.")
    if st.session_state.pop("too many", False):
        st.caption(f":material/warning: Only the first {MOST} were chosen.")


def find(readable: Sequence[Entry], text: str, written: Mapping[str, Note]) -> list[Entry]:
    """Return the runs that match a filter, in their order; see `queries`.

    Raises:
        UserError: the filter cannot be read.
    """
    wanted = set(queries.select(text, {entry.name: facts(entry, written.get(entry.name)) for entry in readable}))
    return [entry for entry in readable if entry.name in wanted]


def in_order(readable: Sequence[Entry]) -> list[Entry]:
    """Return the runs in the order of lists: those that keep only their numbers come last."""
    return sorted(readable, key=lambda entry: entry.light)


def folded(found: Sequence[Entry]) -> list[list[Entry]]:
    """Return the runs in rows: a run that keeps only its numbers joins the row of a complete run of its recipe."""
    rows = [[entry] for entry in found if not entry.light]
    first = {row[0].recipe: row for row in reversed(rows)}
    for entry in found:
        if entry.light and entry.recipe in first:
            first[entry.recipe].append(entry)
        elif entry.light:
            rows.append([entry])
    return rows


def facts(entry: Entry, written: Note | None) -> dict[str, queries.Value]:
    """Return the values that a filter can use: config.json, the status, the note and the tags of a run."""
    assert entry.config is not None
    own: dict[str, queries.Value] = {
        "name": entry.name,
        "data": entry.config.source,
        "state": entry.status.state,
        "task": entry.task,
        "origin": entry.origin.kind if entry.origin else "trained",
        "epoch": entry.reached,
        "images": entry.config.train_images,
        "tag": written.tags if written else (),
        "note": written.note if written else "",
    }
    return own | queries.of_config(entry.config)


def listing(found: Sequence[Sequence[Entry]], written: Mapping[str, Note]) -> pd.DataFrame:
    """Return a table with a line for each row of `folded`."""
    rows = []
    first = [members[0] for members in found]
    several = any(len(members) > 1 for members in found)
    for members in found:
        entry = members[0]
        note = written.get(entry.name, Note())
        assert entry.config is not None
        row = {
            "Run": entry.name,
            "State": entry.status.state,
            "Preset": f"{entry.config.preset} ({origin_word(entry.origin)})" if entry.origin else entry.config.preset,
            "Data": source_name(entry.config.source) if entry.config.source else "–",
            units.heading(first): units.progress(entry, first),
            **({"Seeds": ", ".join(_seed(one) for one in members)} if several else {}),
            "Tags": list(note.tags),
            "Note": " ".join(note.note.split()),
        }
        rows.append(row)
    return pd.DataFrame(rows)


def _seed(entry: Entry) -> str:
    return "–" if entry.seed is None else str(entry.seed)


def chosen_by(ticked: Sequence[Sequence[str]], unticked: Sequence[Sequence[str]], before: Sequence[str]) -> list[str]:
    """Return the chosen runs after rows were ticked and unticked. Runs in no row stay chosen.

    A ticked row adds all its seeds, unless some of them are chosen already.
    """
    removed = {name for row in unticked for name in row}
    remaining = [name for name in before if name not in removed]
    return [*remaining, *(name for row in ticked if not set(row) & set(remaining) for name in row)]


def _tick(key: str, rows: Sequence[Sequence[str]], drawn: frozenset[int]) -> None:
    """Apply the ticks that changed since the table was drawn.

    Other ticks are ignored: if the browser reopens the table before the server knows that it was closed, it sends old
    ticks, and a chip may have been removed meanwhile.
    """
    if key not in st.session_state:
        return  # the table was closed meanwhile
    now = {row for row in st.session_state[key]["selection"]["rows"] if row < len(rows)}
    ticked, unticked = ([rows[row] for row in sorted(change)] for change in (now - drawn, drawn - now))
    wanted = chosen_by(ticked, unticked, st.session_state.get("runs", []))
    linked_runs.forget("runs")
    st.session_state["runs"] = wanted[:MOST]
    st.session_state["too many"] = len(wanted) > MOST


@error_boundary.action
def _renew() -> None:
    """Give each opening a new table: otherwise the browser would restore the ticks of the last one."""
    st.session_state["openings"] = st.session_state.get("openings", 0) + 1
