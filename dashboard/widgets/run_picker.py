"""Finding runs: which are there, which to look at."""

from collections.abc import Mapping, Sequence
from functools import partial

import pandas as pd
import streamlit as st

from dashboard.library import notes, queries, store
from dashboard.library.notes import Note
from dashboard.library.store import Entry
from dashboard.widgets import error_boundary
from dashboard.widgets.text import plain, plain_sentence, source_name
from gan_core.errors import UserError

MOST = 24  # runs chosen at once; the stage shows eight of them
EXAMPLES = "preset:dcgan epochs>20 settings.lr=0.0002 tag:good -state:failed"


def choose(readable: list[Entry]) -> list[Entry]:
    """The runs to show: the reference runs at first, else the newest."""
    by_name = {entry.name: entry for entry in in_order(readable)}
    first = [name for name in store.FIRST if name in by_name] or list(by_name)[:4]
    with st.container(horizontal=True, vertical_alignment="top", key="choice"):
        names = st.multiselect(
            "Runs",
            list(by_name),
            default=first,
            key="runs",
            bind="query-params",
            max_selections=MOST,
            placeholder=f"Choose up to {MOST} runs",
            label_visibility="collapsed",
            wrap=True,
        )
        chosen = [name for name in names if name in by_name]
        finder = st.popover("Find runs", icon=":material/search:", key="finder", on_change=_renew, width="content")
    if finder.open:
        with finder:
            show_finder(readable, chosen)
    return [by_name[name] for name in chosen]


def show_finder(readable: Sequence[Entry], chosen: Sequence[str]) -> None:
    """A filter, and the table of the runs that pass it; ticking a row chooses its run."""
    text = st.text_input(
        "Filter",
        key="find",
        type="search",
        live=True,
        bind="query-params",
        placeholder=EXAMPLES,
        icon=":material/filter_list:",
        help="Words stand for any text of a run. preset:, data:, state:, tag:, note: and every setting in config.json "
        "by its name, with = != < > <= >=. A minus turns a condition round, * stands for anything, commas stand "
        "between values of which one is enough.",
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
        st.caption(f"None of the {len(readable)} runs is like that.")
        return
    rows = folded(found)
    names = [[entry.name for entry in row] for row in rows]
    # The ticks are those of the chosen runs, whoever changed them last: this table, the chips above or the address.
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
        alt=f"The runs that the filter lets through: {len(found)} of {len(readable)}",
    )
    st.caption(f"{len(found)} of {len(readable)} runs; {len(chosen)} chosen, {MOST} at most.")
    if len(rows) < len(found):
        st.caption("Runs of which only the numbers were kept stand in the row of the seed that was kept whole.")
    if st.session_state.pop("too many", False):
        st.caption(f":material/warning: Only the first {MOST} were chosen.")


def find(readable: Sequence[Entry], text: str, written: Mapping[str, Note]) -> list[Entry]:
    """The runs that a filter lets through, in their order; see `queries`.

    Raises:
        UserError: the filter cannot be read.
    """
    wanted = set(queries.select(text, {entry.name: facts(entry, written.get(entry.name)) for entry in readable}))
    return [entry for entry in readable if entry.name in wanted]


def in_order(readable: Sequence[Entry]) -> list[Entry]:
    """The runs as lists offer them: those of which only the numbers were kept come last."""
    return sorted(readable, key=lambda entry: entry.light)


def folded(found: Sequence[Entry]) -> list[list[Entry]]:
    """The runs in rows: one with only its numbers stands behind another seed of its recipe that was kept whole."""
    rows = [[entry] for entry in found if not entry.light]
    first = {row[0].recipe: row for row in reversed(rows)}
    for entry in found:
        if entry.light and entry.recipe in first:
            first[entry.recipe].append(entry)
        elif entry.light:
            rows.append([entry])
    return rows


def facts(entry: Entry, written: Note | None) -> dict[str, queries.Value]:
    """What can be asked of a run: its config.json, where it stands, and what was written about it."""
    assert entry.config is not None
    own: dict[str, queries.Value] = {
        "name": entry.name,
        "data": entry.config.source,
        "state": entry.status.state,
        "task": entry.task,
        "epoch": entry.status.epoch,
        "images": entry.config.train_images,
        "tag": written.tags if written else (),
        "note": written.note if written else "",
    }
    return own | queries.of_config(entry.config)


def listing(found: Sequence[Sequence[Entry]], written: Mapping[str, Note]) -> pd.DataFrame:
    """The runs as a table: a row for each one that was kept whole, with its other seeds."""
    rows = []
    several = any(len(members) > 1 for members in found)
    for members in found:
        entry = members[0]
        note = written.get(entry.name, Note())
        assert entry.config is not None
        row = {
            "Run": entry.name,
            "State": entry.status.state,
            "Preset": entry.config.preset,
            "Data": source_name(entry.config.source),
            "Epochs": f"{entry.status.epoch} of {entry.config.epochs}",
            **({"Seeds": ", ".join(str(one.config.seed) for one in members if one.config)} if several else {}),
            "Tags": list(note.tags),
            "Note": " ".join(note.note.split()),
        }
        rows.append(row)
    return pd.DataFrame(rows)


def chosen_by(ticked: Sequence[Sequence[str]], unticked: Sequence[Sequence[str]], before: Sequence[str]) -> list[str]:
    """The chosen runs after these rows were ticked and these unticked: what no row speaks of stays.

    Of a row that is ticked all seeds are chosen; one with some of them chosen stays as it is.
    """
    taken = {name for row in unticked for name in row}
    kept = [name for name in before if name not in taken]
    return [*kept, *(name for row in ticked if not set(row) & set(kept) for name in row)]


def _tick(key: str, rows: Sequence[Sequence[str]], drawn: frozenset[int]) -> None:
    """Choose what was ticked since the table was drawn.

    Only that: a table that the browser shows again before the server has heard of its closing sends the ticks of its
    first showing, and a chip may have been taken away meanwhile.
    """
    if key not in st.session_state:
        return  # closed meanwhile
    now = {row for row in st.session_state[key]["selection"]["rows"] if row < len(rows)}
    ticked, unticked = ([rows[row] for row in sorted(change)] for change in (now - drawn, drawn - now))
    wanted = chosen_by(ticked, unticked, st.session_state.get("runs", []))
    st.session_state["runs"] = wanted[:MOST]
    st.session_state["too many"] = len(wanted) > MOST


@error_boundary.action
def _renew() -> None:
    """A new table for each opening: the browser would tick what it remembers of the last one."""
    st.session_state["openings"] = st.session_state.get("openings", 0) + 1
