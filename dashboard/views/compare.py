"""Compare: how do these GANs differ? The same epoch of several runs side by side, their curves, their settings."""

import streamlit as st

from dashboard import charts, finding, happened, notes, parts, plots, report, stage, store, tables
from dashboard.parts import plain
from dashboard.store import Entry, Library


def main() -> None:
    library = store.library()
    entries = library.entries()
    readable = [entry for entry in entries if entry.config]
    header = st.container()
    if not readable:
        header.title("Compare")
        parts.no_runs()
        parts.unreadable(entries)
        return
    chosen = finding.choose(readable)
    with header:
        show_title(chosen)
    if not chosen:
        st.info("Choose one run or more above to see them side by side.", icon=":material/arrow_upward:")
        return
    look = charts.styles(chosen)
    parts.chip_colors("runs", chosen, look)
    stage.show(library, chosen, look)
    plots.read_ahead(library, chosen)
    happened.show(library, chosen, look)
    plots.show(chosen, look, happened.marks(library, chosen))
    tables.show(library, chosen)
    notes.show(library, chosen, look)
    report.show(library, chosen, look)
    st.caption(parts.SYNTHETIC)
    parts.unreadable(entries)
    if any(entry.running for entry in chosen):
        names = [entry.name for entry in chosen]
        parts.wait_for_news(lambda: _progress(library, names), key="compare-news")


def show_title(chosen: list[Entry]) -> None:
    with st.container(horizontal=True, vertical_alignment="bottom", horizontal_alignment="distribute"):
        st.title("Compare", width="content")
        configs = [entry.config for entry in chosen if entry.config]
        if len({(config.fingerprint, config.image_size, frozenset(config.classes)) for config in configs}) == 1:
            first = configs[0]
            words = f"{parts.source_name(first.source)}, {first.image_size} px, {first.train_images} training images"
            st.caption(plain(words), width="content")
        elif configs:
            st.caption(":material/warning: These runs learned from different data: see the table.", width="content")


def _progress(library: Library, names: list[str]) -> list[object]:
    """What the grids and the slider depend on."""
    found = [library.find(name) for name in names]
    return [(e.name, e.status.state, library.previews(e)) if e else None for e in found]


main()
