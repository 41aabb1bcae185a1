"""Fields that choose runs and follow the address: a run that is not here is named, and no other takes its place."""

from collections.abc import Collection, Sequence
from typing import Any

import streamlit as st

from dashboard.widgets import error_boundary
from dashboard.widgets.text import plain

_MOST = 5  # names in the message


def select(names: Sequence[str], key: str, opens: str, **look: Any) -> str | None:
    """Draw a field for one run, `opens` by default; None where the link names a run that is not here.

    The address names every run that is chosen: it opens the same run where another one would open by default.
    """
    gone = _missing(key, names)
    if not gone and not st.query_params.get(key) and st.session_state.get(key) is None:
        st.session_state[key] = opens
    # Streamlit leaves a default out of the address: the field has none.
    chosen = st.selectbox(
        "Run",
        names,
        index=None,
        key=key,
        bind="query-params",
        on_change=_chosen,
        args=(key,),
        placeholder="Choose a run",
        **look,
    )
    if chosen is None and not gone and st.query_params.get(key):
        st.rerun()  # the address was that of a page without a run, as after the button Back
    return chosen


def multiselect(
    label: str, names: Sequence[str], default: Sequence[str], key: str, most: int, **look: Any
) -> list[str]:
    """Draw a field for several runs; nothing is chosen by default where the link names runs that are not here."""
    gone = _missing(key, names)
    return st.multiselect(
        label,
        names,
        default=[] if gone else default,
        key=key,
        bind="query-params",
        on_change=forget,
        args=(key,),
        max_selections=most,
        placeholder=f"Choose up to {most} runs",
        **look,
    )


def say_missing(key: str) -> bool:
    """Draw a message about the runs that the link names and that are not here; return whether there are any."""
    names = st.session_state.get(_place(key), [])
    if not names:
        return False
    shown = ", ".join(f"**{plain(name[:100])}**" for name in names[:_MOST])
    more = f" and {len(names) - _MOST} more" if len(names) > _MOST else ""
    several = len(names) > 1
    st.warning(
        f"The link names {'runs that are' if several else 'a run that is'} not here: {shown}{more}. "
        f"{'They were' if several else 'It was'} deleted or renamed, or {'lie' if several else 'lies'} in another "
        f"folder of runs: choose {'them' if several else 'it'} above by {'their' if several else 'its'} new "
        f"{'names' if several else 'name'}, and share that link.",
        icon=":material/link_off:",
    )
    return True


def go_to(key: str, name: str) -> None:
    """Choose a run in the field `key` from the next drawing on; the first one if there is no name. For callbacks."""
    forget(key)
    if name:
        st.session_state[key] = name
    else:
        st.session_state.pop(key, None)


def _missing(key: str, known: Collection[str]) -> list[str]:
    """Return the runs that the address names and that are not known; to be called before the field is drawn.

    Streamlit removes such names from the address and falls back to the field's default. They are therefore kept until
    the visitor chooses runs or leaves the page.
    """
    asked = [name for name in st.query_params.get_all(key) if name and name not in known]
    if asked:
        st.session_state[_place(key)] = asked
    elif key not in st.session_state:  # the page was opened anew
        forget(key)
    return list(st.session_state.get(_place(key), []))


@error_boundary.action
def forget(key: str) -> None:
    """Forget the missing runs, because the visitor has chosen others."""
    st.session_state.pop(_place(key), None)


@error_boundary.action
def _chosen(key: str) -> None:
    """Forget the missing runs; a field that was emptied gets its run back when it is drawn."""
    forget(key)
    if st.session_state.get(key) is None:
        st.session_state.pop(key, None)


def _place(key: str) -> str:
    return f"{key} missing"
