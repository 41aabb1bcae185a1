"""Compare: how do these GANs differ? The same epoch of several runs side by side, their curves, their settings."""

import math
from collections.abc import Sequence
from itertools import groupby

import pandas as pd
import streamlit as st

from dashboard import charts, parts, store
from dashboard.charts import Line, Style
from dashboard.parts import plain
from dashboard.store import Entry, Library

MOST = 8  # runs side by side
FIRST = ("reference/gan", "reference/dcgan", "reference/cgan", "reference/bigan")
CURVES = (
    ("Generator loss", ("loss/g",), "lower: it fools its discriminator more often"),
    ("Discriminator loss", ("loss/d",), "lower: it tells real from generated more surely"),
    ("Discriminator accuracy", store.ACCURACY, "mean of real and generated images; at 50 % it is guessing"),
)


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
    show_chip_colors(chosen, look)
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
        if len({(config.fingerprint, config.image_size) for config in configs}) == 1:
            first = configs[0]
            words = f"{parts.source_name(first.source)}, {first.image_size} px, {first.train_images} training images"
            st.caption(plain(words), width="content")
        elif configs:
            st.caption(":material/warning: These runs learned from different data: see the table.", width="content")


def show_chip_colors(chosen: list[Entry], look: dict[str, Style]) -> None:
    """The dots of the chips above; the order of the chips is that of the runs."""
    rules = []
    for index, entry in enumerate(chosen):
        style = look[entry.name]
        fill = style.color if style.dash == "solid" else "transparent"
        dot = f"background: {fill}; border: 2px solid {style.color};"
        rules.append(f'.st-key-runs [data-tag-index="{index}"]::before {{ {dot} }}')
    st.html(f"<style>{' '.join(rules)}</style>")


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
        st.caption("No epoch is finished yet: the grids show what the untrained generators draw.")
        return 0
    with st.container(key="scrubber"):
        return st.slider("Epoch", 0, last, value=last, step=math.gcd(*stops) or 1, key="epoch", bind="query-params")


def show_grids(
    library: Library, chosen: list[Entry], look: dict[str, Style], previews: dict[str, list[int]], epoch: int
) -> None:
    with st.grid(_columns(len(chosen)), min_column_width=150, key="grids"):
        for entry in chosen:
            at = store.nearest(previews[entry.name], epoch)
            with st.container(border=True, height="stretch", gap="xsmall"):
                st.markdown(parts.name_line(entry, look[entry.name]))
                content = library.picture(entry.run.samples().get(at)) if at is not None else None
                parts.picture(content, f"Sample grid of {entry.label} at epoch {at}", f"grid-{entry.name}")
                if at is not None and at != epoch:
                    st.caption(f":material/history: epoch {at}, the nearest this run has to {epoch}")
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
    tasks = {task: list(group) for task, group in groupby(sorted(chosen, key=_task), key=_task)}
    for task, group in tasks.items():
        if len(tasks) > 1:
            st.markdown(f"**Runs that learn to {plain(task)}** (losses of another task are not comparable)")
        objectives = {entry.objective for entry in group}
        legend = []
        for entry in group:
            note = f" ({plain(entry.objective.replace('_', ' '))})" if len(objectives) > 1 else ""
            legend.append(f":{look[entry.name].word}[{look[entry.name].sign}] {plain(entry.label)}{note}")
        st.markdown(f":small[{'&emsp;'.join(legend)}]")
        end = max((entry.config.epochs for entry in group if entry.config), default=0)
        with st.grid(3, min_column_width=300, key=f"curves-{task}"):
            for title, columns, meaning in CURVES:
                lines = [Line(e.label, library.curve(e, columns, smoothing), look[e.name]) for e in group]
                drawn = [line for line in lines if len(line.curve.x)]
                with st.container(border=True, height="stretch", gap="xsmall"):
                    st.markdown(f"**{title}**")
                    if not drawn:
                        st.caption("Nothing is logged yet.")
                        continue
                    figure = charts.curves(drawn, cursor=epoch, end=end, percent=columns == store.ACCURACY)
                    st.plotly_chart(
                        figure,
                        key=f"curve {task} {title}",
                        config=charts.CONFIG,
                        alt=f"{title} over epochs of {', '.join(line.name for line in drawn)}",
                    )
                    st.caption(meaning)


def show_animations(chosen: list[Entry], look: dict[str, Style]) -> None:
    st.subheader("From noise to images")
    st.caption("The same latents in every frame, from before training to the last epoch.")
    with st.grid(_columns(len(chosen)), min_column_width=150, key="animations"):
        for entry in chosen:
            with st.container(border=True, height="stretch", gap="xsmall"):
                st.markdown(parts.name_line(entry, look[entry.name]))
                parts.animation(entry.run.gif, f"Samples of {entry.label}, epoch by epoch", f"gif-{entry.name}")


def show_tables(library: Library, chosen: Sequence[Entry]) -> None:
    labels = [entry.label for entry in chosen]
    names = [plain(entry.label if labels.count(entry.label) == 1 else entry.name) for entry in chosen]
    wide = len(chosen) > 4
    with st.grid(1 if wide else 2, min_column_width=360, gap="large", key="tables"):
        for title, row in (("Settings", _settings), ("Last values", _last_values)):
            columns = {name: row(library, entry) for name, entry in zip(names, chosen, strict=True)}
            with st.container(key=f"settings-{title}".replace(" ", "-")):
                st.subheader(title)
                st.table(pd.DataFrame(columns), border="horizontal", alt=f"{title} of the chosen runs")
    st.caption(
        f"Losses and accuracy are the ends of the curves at smoothing {parts.SMOOTHING}. "
        "Diversity is how far two images are apart on average: the samples' should come near the data's."
    )


def _settings(library: Library, entry: Entry) -> dict[str, str]:
    config = entry.config
    assert config is not None
    return {
        "Preset": plain(config.preset),
        "Data": plain(parts.source_name(config.source)),
        "Training images": str(config.train_images),
        "Image size": f"{config.image_size} px",
        "Epochs": f"{entry.status.epoch} of {config.epochs}",
        "Batch size": str(config.batch_size),
        "Seed": str(config.seed),
        "Latent size": plain(str(config.settings.get("latent_size", "–"))),
        "Learning rate": plain(str(config.settings.get("lr", "–"))),
    }


def _last_values(library: Library, entry: Entry) -> dict[str, str]:
    last = {title: library.curve(entry, names, parts.SMOOTHING).last for title, names, _ in CURVES}
    metrics, previews = library.table(entry, store.METRICS), library.table(entry, store.EPOCHS)
    return {
        "Generator loss": _number(last["Generator loss"]),
        "Discriminator loss": _number(last["Discriminator loss"]),
        "Discriminator accuracy": _percent(last["Discriminator accuracy"]),
        "Accuracy on held-out images": _percent(previews.last("accuracy/d_held_out")),
        "Diversity of the samples": _number(previews.last("diversity/samples")),
        "Diversity of the data": _number(previews.last("diversity/data")),
        "Images a second": _number(metrics.last("images_per_second")),
        "Time": store.duration(metrics.last("seconds")) or "–",
    }


def _columns(count: int) -> int:
    """Cards a row: four at most, and at least three, so that one picture alone does not fill the screen."""
    return 3 if count <= 3 or count in (5, 6) else 4


def _task(entry: Entry) -> str:
    return entry.task


def _progress(library: Library, names: list[str]) -> list[object]:
    """What the grids and the slider depend on."""
    found = [library.find(name) for name in names]
    return [(e.name, e.status.state, library.previews(e)) if e else None for e in found]


def _number(value: float) -> str:
    if not math.isfinite(value):
        return "–"
    return f"{value:,.0f}" if abs(value) >= 1000 else f"{value:#.3g}".rstrip(".")


def _percent(value: float) -> str:
    return f"{value:.0%}" if math.isfinite(value) else "–"


main()
