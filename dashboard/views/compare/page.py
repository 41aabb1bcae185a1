"""The Compare page: several runs side by side, with their samples at one epoch, their curves and their settings."""

import streamlit as st

from dashboard.charts.styles import run_styles
from dashboard.library import store, units
from dashboard.library.store import Entry, Library
from dashboard.samples import grids
from dashboard.views.compare import sharing
from dashboard.widgets import diagnosis, elements, notes_editor, run_curves, run_picker, settings_table
from dashboard.widgets.text import plain, source_name
from gan_core.config import RunConfig


def main() -> None:
    library = store.library()
    entries = library.entries()
    readable = [entry for entry in entries if entry.config]
    header = st.container()
    if not readable:
        header.title("Compare")
        elements.no_runs()
        elements.unreadable(entries)
        return
    chosen = units.aligned(run_picker.choose(readable))
    with header:
        show_title(chosen)
    if not chosen:
        st.info("Choose one or more runs above to see them side by side.", icon=":material/arrow_upward:")
        return
    look = run_styles(chosen)
    elements.chip_colors("runs", chosen, look)
    grids.show(library, chosen, look)
    run_curves.read_ahead(library, chosen)
    diagnosis.show(library, chosen, look)
    run_curves.show(chosen, look, diagnosis.marks(library, chosen))
    settings_table.show(library, chosen)
    notes_editor.show(library, chosen, look, heading=False)
    sharing.show(library, chosen, look)
    st.caption(elements.SYNTHETIC)
    elements.unreadable(entries)
    if any(entry.running for entry in chosen):
        names = [entry.name for entry in chosen]
        elements.wait_for_news(lambda: _progress(library, names), key="compare-news")


def show_title(chosen: list[Entry]) -> None:
    with st.container(horizontal=True, vertical_alignment="bottom", horizontal_alignment="distribute"):
        st.title("Compare", width="content")
        configs = [entry.config for entry in chosen if entry.config]
        if any(not config.fingerprint for config in configs):
            st.caption(":material/help: What some of these runs learned from is not known.", width="content")
        elif len({(config.fingerprint, config.image_size, frozenset(config.classes)) for config in configs}) == 1:
            first = configs[0]
            st.caption(plain(", ".join(_data(first))), width="content")
        elif configs:
            st.caption(":material/warning: These runs learned from different data: see the table.", width="content")


def _data(config: RunConfig) -> list[str]:
    """Return the data of a run in words, as far as it is known."""
    words = [source_name(config.source)]
    words += [f"{config.image_size} px"] if config.image_size else []
    return [*words, f"{config.train_images:,} training images"] if config.class_counts else words


def _progress(library: Library, names: list[str]) -> list[object]:
    """Return the state that the grids and the scrubber depend on."""
    found = [library.find(name) for name in names]
    return [(e.name, e.status.state, library.previews(e)) if e else None for e in found]


main()
