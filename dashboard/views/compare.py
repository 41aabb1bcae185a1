"""Compare: how do these GANs differ? The same epoch of several runs side by side, their curves, their settings."""

import math
from collections.abc import Sequence

import pandas as pd
import streamlit as st

from dashboard import charts, parts, store, terms
from dashboard.charts import Line, Style
from dashboard.parts import plain
from dashboard.store import Entry, Library
from dashboard.terms import Chart

MOST = 8  # runs side by side
FIRST = ("reference/gan", "reference/dcgan", "reference/cgan", "reference/bigan")


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
    chosen = choose(readable)
    with header:
        show_title(chosen)
    if not chosen:
        st.info("Choose one run or more above to see them side by side.", icon=":material/arrow_upward:")
        return
    look = charts.styles(chosen)
    parts.chip_colors("runs", chosen, look)
    previews = {entry.name: library.previews(entry) for entry in chosen}
    epoch = choose_epoch(previews)
    show_grids(library, chosen, look, previews, epoch)
    show_curves(chosen, look, epoch)
    show_animations(chosen, look)
    show_tables(library, chosen)
    st.caption(parts.SYNTHETIC)
    parts.unreadable(entries)
    if any(entry.running for entry in chosen):
        names = [entry.name for entry in chosen]
        parts.wait_for_news(lambda: _progress(library, names), key="compare-news")


def choose(readable: list[Entry]) -> list[Entry]:
    """The runs to show: the reference runs at first, else the newest."""
    by_name = {entry.name: entry for entry in readable}
    first = [name for name in FIRST if name in by_name] or list(by_name)[:4]
    names = st.multiselect(
        "Runs",
        list(by_name),
        default=first,
        key="runs",
        bind="query-params",
        max_selections=MOST,
        placeholder=f"Choose up to {MOST} runs",
        label_visibility="collapsed",
    )
    return [by_name[name] for name in names if name in by_name]


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


def choose_epoch(previews: dict[str, list[int]]) -> int:
    """The one slider that moves every grid and every cursor."""
    stops = sorted({epoch for epochs in previews.values() for epoch in epochs})
    last = stops[-1] if stops else 0
    before = st.session_state.get("epochs seen")
    if "epoch" in st.session_state and before is not None and before != last:
        # The range has grown (or shrunk): who stood at its end stays at its end, others stay where they are.
        at = st.session_state.epoch
        st.session_state.epoch = last if at == before else min(at, last)
    st.session_state["epochs seen"] = last
    if last == 0:
        st.caption("No epoch is finished yet: the grids show what untrained networks draw.")
        return 0
    with st.container(key="scrubber"):
        return st.slider("Epoch", 0, last, value=last, step=math.gcd(*stops) or 1, key="epoch", bind="query-params")


def show_grids(
    library: Library, chosen: list[Entry], look: dict[str, Style], previews: dict[str, list[int]], epoch: int
) -> None:
    grid = st.grid(_columns(chosen), min_column_width=150, key="grids")
    for entry in chosen:
        at = store.nearest(previews[entry.name], epoch)
        with parts.card(grid, wide=bool(entry.domains)):
            st.markdown(parts.name_line(entry, look[entry.name]))
            content = library.picture(entry.sheets.get(at)) if at is not None else None
            alt = f"Sample grid of {entry.label} at epoch {at}"
            parts.picture(content, alt, f"grid-{entry.name}", entry.domains)
            if at is not None and at != epoch:
                st.caption(f":material/history: epoch {at}, the nearest this run has to {epoch}")
            parts.privacy(entry)
            st.caption(plain(entry.title))


def show_curves(chosen: list[Entry], look: dict[str, Style], epoch: int) -> None:
    with st.container(horizontal=True, vertical_alignment="bottom", horizontal_alignment="distribute"):
        st.subheader("Curves", width="content")
        smoothing = parts.smoothing_slider("smoothing")
    running = any(entry.running for entry in chosen)
    names = [entry.name for entry in chosen]
    st.fragment(_draw_curves, key="curves", run_every=2.0 if running else None)(names, look, epoch, smoothing)


@parts.bounded
def _draw_curves(names: list[str], look: dict[str, Style], epoch: int, smoothing: float) -> None:
    library = store.library()
    chosen = [entry for entry in library.readable() if entry.name in look and entry.name in names]
    chosen.sort(key=lambda entry: names.index(entry.name))
    tasks = terms.by_task(chosen)
    for task, group in tasks.items():
        if len(tasks) > 1:
            st.markdown(f"**Runs that learn to {plain(task)}** (losses of another task are not comparable)")
        st.markdown(f":small[{_legend(group, look)}]")
        end = max((entry.config.epochs for entry in group if entry.config), default=0)
        with st.grid(3, min_column_width=300, key=f"curves-{task}"):
            for chart in terms.CHARTS[task]:
                for title, runs in terms.split(chart, group):
                    lines = [Line(e.label, library.curve(e, chart.columns, smoothing), look[e.name]) for e in runs]
                    meaning = terms.meaning(chart, group)
                    _draw_chart(chart, title, meaning, lines, f"curve {task} {title}", epoch, end)


def _draw_chart(chart: Chart, title: str, meaning: str, lines: list[Line], key: str, epoch: int, end: int) -> None:
    drawn = [line for line in lines if len(line.curve.x)]
    with st.container(border=True, height="stretch", gap="xsmall"):
        st.markdown(f"**{plain(title)}**")
        if not drawn:
            st.caption("Nothing is logged yet." if lines else "None of these runs learns by it.")
            return
        figure = charts.curves(drawn, cursor=epoch, end=end, percent=chart.percent)
        alt = f"{title} over epochs of {', '.join(line.name for line in drawn)}"
        st.plotly_chart(figure, key=key, config=charts.CONFIG, alt=alt)
        st.caption(plain(meaning))


def _legend(group: list[Entry], look: dict[str, Style]) -> str:
    """The runs with their lines, and what else tells their curves apart."""
    mixed = len({entry.objective for entry in group}) > 1
    words = []
    for entry in group:
        notes = [" ↔ ".join(entry.domains)] if entry.domains else []
        notes += [terms.objective(entry)] if mixed else []
        note = f" ({plain(', '.join(notes))})" if notes else ""
        words.append(f":{look[entry.name].word}[{look[entry.name].sign}] {plain(entry.label)}{note}")
    return "&emsp;".join(words)


def show_animations(chosen: list[Entry], look: dict[str, Style]) -> None:
    for task, group in terms.by_task(chosen).items():
        title, words = terms.ANIMATIONS[task]
        st.subheader(title)
        st.caption(words)
        grid = st.grid(_columns(group), min_column_width=150, key=f"animations-{task}")
        for entry in group:
            with parts.card(grid, wide=bool(entry.domains)):
                st.markdown(parts.name_line(entry, look[entry.name]))
                alt = f"Samples of {entry.label}, epoch by epoch"
                parts.animation(entry.gif, alt, f"gif-{entry.name}", entry.domains)
                parts.privacy(entry)


def show_tables(library: Library, chosen: Sequence[Entry]) -> None:
    labels = [entry.label for entry in chosen]
    names = {e.name: plain(e.label if labels.count(e.label) == 1 else e.name) for e in chosen}
    tasks = terms.by_task(chosen)
    for task, group in tasks.items():
        of = f" of runs that {task}" if len(tasks) > 1 else ""
        columns = {
            "Settings": {names[e.name]: terms.settings(e) for e in group},
            "Last values": {names[e.name]: terms.last_values(library, e, group) for e in group},
        }
        with st.grid(1 if len(group) > 4 else 2, min_column_width=360, gap="large", key=f"tables-{task}"):
            for title, values in columns.items():
                with st.container(key=f"settings-{task}-{title}".replace(" ", "-")):
                    st.subheader(f"{title}{of}")
                    st.table(pd.DataFrame(values), border="horizontal", alt=f"{title} of the chosen runs")
        at = f"Losses and accuracy are the ends of the curves at smoothing {parts.SMOOTHING}."
        st.caption(f"{at} {terms.NOTES[task]}")


def _columns(entries: Sequence[Entry]) -> int:
    """Cells a row: four at most, and at least three, so that one picture alone does not fill the screen.

    A translator's card takes two of four.
    """
    count = len(entries)
    return 3 if not any(entry.domains for entry in entries) and (count <= 3 or count in (5, 6)) else 4


def _progress(library: Library, names: list[str]) -> list[object]:
    """What the grids and the slider depend on."""
    found = [library.find(name) for name in names]
    return [(e.name, e.status.state, library.previews(e)) if e else None for e in found]


main()
