"""Run: what happened in this training? Its state, samples, scores, every curve, its settings and files."""

import dataclasses
import io
import json
import math
import zipfile
from collections.abc import Callable
from datetime import datetime
from functools import partial
from pathlib import Path

import streamlit as st

from dashboard import charts, jobs, parts, store, terms
from dashboard.charts import Line
from dashboard.parts import plain
from dashboard.store import Entry, Library
from gan_core import config as configs
from gan_core.errors import UserError

HIDDEN = {"step", "epoch", "seconds", "diversity/data"}  # axes, and what is drawn beside another curve


def main() -> None:
    library = store.library()
    entries = library.entries()
    if not entries:
        st.title("Run")
        parts.no_runs()
        return
    entry = choose(entries)
    if entry is None:
        st.title("Run")
        st.warning("This run is no longer there: its folder was deleted. Choose another.", icon=":material/folder_off:")
        return
    show_head(entry)
    if entry.problem or entry.config is None:
        st.error(f"This run cannot be read: {plain(entry.problem or '')}", icon=":material/broken_image:")
        st.caption(plain(f"Its folder: {entry.run.folder}"))
        return
    show_figures(library, entry)
    show_samples(library, entry)
    show_curves(entry)
    show_settings(entry)
    show_files(entry)
    st.caption(parts.SYNTHETIC)
    if entry.running:
        name = entry.name
        parts.wait_for_news(lambda: _progress(library, name), key="run-news")


def choose(entries: list[Entry]) -> Entry | None:
    by_name = {entry.name: entry for entry in entries}
    name = st.selectbox("Run", list(by_name), key="run", bind="query-params", label_visibility="collapsed")
    return by_name.get(name)


def show_head(entry: Entry) -> None:
    with st.container(horizontal=True, vertical_alignment="center", horizontal_alignment="distribute"):
        with st.container(gap="xsmall", width="content"):
            st.title(parts.name_line(entry), anchor=False)
            st.caption(plain(entry.title) or " ")
        with st.container(horizontal=True, width="content", vertical_alignment="center"):
            show_buttons(entry)
    if entry.status.state == "failed":
        st.error(parts.sentence(entry.status.reason or "it failed without a word"), icon=":material/error:")
    elif entry.status.state == "stopped":
        st.warning(parts.sentence(entry.status.reason or "it was stopped"), icon=":material/pause_circle:")


def show_buttons(entry: Entry) -> None:
    """Stop and resume, for the user's own runs; errors stand where the button is."""
    if entry.config:
        link = {"runs": [entry.name]}
        st.page_link("views/compare.py", label="Compare", icon=":material/grid_view:", query_params=link)
    if entry.run.reference:
        return
    if entry.running and st.button("Stop", icon=":material/stop_circle:", key="stop"):
        _try(lambda: jobs.stop(entry.run), "Stopping: it writes a checkpoint first.")
    if entry.status.state in ("stopped", "failed") and st.button("Resume", icon=":material/play_arrow:", key="resume"):
        _try(lambda: jobs.jobs().resume(entry.run), "Resuming from the last checkpoint.")


def _try(action: Callable[[], object], done: str) -> None:
    try:
        action()
        st.toast(done)
    except UserError as error:
        st.error(plain(str(error)))


def show_figures(library: Library, entry: Entry) -> None:
    """The run in five numbers."""
    metrics, previews = library.table(entry, store.METRICS), library.table(entry, store.EPOCHS)
    status, config = entry.status, entry.config
    assert config is not None
    eta = store.duration(status.eta_seconds)
    figures = {
        "Epoch": f"{status.epoch} / {config.epochs}",
        "Step": f"{status.step:,}".replace(",", " "),
        "Time left" if entry.running and eta else "Time": eta or store.duration(metrics.last("seconds")) or "–",
        "Images a second": terms.number(metrics.last("images_per_second")),
        "Held-out accuracy": terms.share(previews.last("accuracy/d_held_out")),
    }
    with st.grid(5, min_column_width=130, key="figures"):
        for label, value in figures.items():
            st.metric(label, value, border=True)


def show_samples(library: Library, entry: Entry) -> None:
    """The grid, the scores and the animation at one epoch."""
    previews = library.previews(entry)
    st.subheader("Samples")
    if not previews:
        st.caption("No sample grid yet: the first is drawn before training begins.")
        return
    epoch = previews[-1]
    if len(previews) > 1:
        last = previews[-1]
        with st.container(key="scrubber"):
            step = math.gcd(*previews) or 1
            wanted = st.slider("Epoch", 0, last, value=last, step=step, key="run_epoch", bind="query-params")
        epoch = store.nearest(previews, wanted) or 0
        if epoch != wanted:
            st.caption(f"Epoch {epoch}, the nearest this run has to {wanted}.")
    parts.privacy(entry)
    samples, domains = entry.sheets, entry.domains
    # A translator's sheet takes two of three columns; it and the animation are what its numbers stand beside.
    grid = st.grid(3, min_column_width=280, key="samples")
    with parts.card(grid, wide=bool(domains)):
        st.markdown(f"**Epoch {epoch}**")
        alt = f"Sample grid of {entry.label} at epoch {epoch}"
        parts.picture(library.picture(samples.get(epoch)), alt, "grid", domains)
    if domains:
        with grid:
            show_scores(library, entry, epoch)
    with parts.card(grid, wide=bool(domains)):
        title, words = terms.ANIMATIONS[entry.task]
        st.markdown(f"**{title}**")
        parts.animation(entry.gif, f"Samples of {entry.label}, epoch by epoch", "gif", domains)
        if domains:
            st.caption(words)
    with grid:
        if domains:
            show_changes(library, entry, epoch)
        else:
            show_scores(library, entry, epoch)
    gallery = st.expander(f"All {len(previews)} grids", key="all grids", on_change="rerun")
    if gallery.open:
        wide = domains is not None
        with gallery, st.grid(3 if wide else 6, min_column_width=260 if wide else 130):
            for at, path in samples.items():
                with st.container(gap="xsmall"):
                    alt = f"Sample grid of {entry.label} at epoch {at}"
                    parts.picture(library.picture(path), alt, f"all-{at}", domains)
                    st.caption(f"epoch {at}")


def show_scores(library: Library, entry: Entry, epoch: int) -> None:
    """How real the discriminator finds images at an epoch."""
    with st.container(border=True, height="stretch", gap="xsmall"):
        st.markdown("**The discriminators' scores**" if entry.domains else "**The discriminator's scores**")
        counts = library.histograms(entry, epoch)
        if not counts:
            st.caption(f"No scores were written for epoch {epoch}.")
            return
        word = "Translated" if entry.domains else "Generated"
        figure = charts.histogram(counts, charts.family_color(entry.family)[0], height=300, word=word)
        alt = f"Histogram of the discriminator's scores at epoch {epoch}"
        st.plotly_chart(figure, key="scores", config=charts.CONFIG, alt=alt)
        of = "The mean of an image's patches, both domains. " if entry.domains else ""
        st.caption(f"{of}Right of {entry.boundary:g} it takes an image for real.")


def show_changes(library: Library, entry: Entry, epoch: int) -> None:
    """What the translators change at an epoch, and what of the input does not come back."""
    row = library.table(entry, store.EPOCHS).row("epoch", epoch)
    names = terms.titles(entry)
    values = {names[column]: row[column] for column in terms.CHANGES if isinstance(row.get(column), float)}
    with st.container(border=True, height="stretch", gap="xsmall", key="settings-changes"):
        st.markdown(f"**Changes at epoch {epoch}**")
        if not values:
            st.caption(f"No numbers were written for epoch {epoch}.")
            return
        shares = {plain(name): terms.share(float(str(value)), 1) for name, value in values.items()}
        st.table(shares, border="horizontal", alt="Changes and cycle errors")
        of = "held-out" if math.isfinite(float(str(row.get("accuracy/d_held_out", "nan")))) else "training"
        st.caption(f"Of {of} images, {terms.CHANGED}.")


def show_curves(entry: Entry) -> None:
    with st.container(horizontal=True, vertical_alignment="bottom", horizontal_alignment="distribute"):
        st.subheader("Every curve", width="content")
        smoothing = parts.smoothing_slider("run_smoothing")
    draw = st.fragment(_draw_curves, key="run-curves", run_every=2.0 if entry.running else None)
    draw(entry.name, smoothing, st.session_state.get("run_epoch"))


@parts.bounded
def _draw_curves(name: str, smoothing: float, epoch: int | None) -> None:
    library = store.library()
    entry = library.find(name)
    if entry is None or entry.config is None:
        st.caption("This run is no longer there.")
        return
    style = charts.styles([entry])[entry.name]
    floor = dataclasses.replace(style, color=charts.GREY, dash="dot")
    tables = (store.METRICS, store.EPOCHS)
    found = {column: table for table in tables for column in library.table(entry, table).numeric()}
    names = terms.titles(entry)
    columns = [column for column in names if column in found] + sorted(found.keys() - HIDDEN - names.keys())
    with st.grid(4, min_column_width=260, key="every-curve"):
        for column in columns:
            table = found[column]
            smooth = smoothing if table == store.METRICS else 0.0
            lines = [Line("run", library.curve(entry, (column,), smooth, table), style)]
            beside = column.replace("/samples", "/data")
            if beside != column and beside in found:  # what it would be for real images
                lines.append(Line("data", library.curve(entry, (beside,), 0.0, table), floor))
            with st.container(border=True, height="stretch", gap="xsmall"):
                title = names.get(column, column)
                st.markdown(f"**{plain(title)}**")
                figure = charts.curves(
                    lines,
                    cursor=epoch,
                    height=190,
                    end=entry.config.epochs,
                    percent=column.startswith("accuracy/"),
                    smoothed=table == store.METRICS,
                )
                st.plotly_chart(
                    figure, key=f"curve {column}", config=charts.CONFIG, alt=f"{title} of {entry.label} over epochs"
                )


def show_settings(entry: Entry) -> None:
    config = entry.config
    assert config is not None
    st.subheader("Settings")
    run = {
        "Preset": plain(config.preset),
        "Data": plain(config.source),
        **_classes(entry),
        "Training images": terms.training_images(config),
        "Image size": f"{config.image_size} px, {config.channels} {'channel' if config.channels == 1 else 'channels'}",
        "Epochs": str(config.epochs),
        "Batch size": str(config.batch_size),
        "Seed": str(config.seed),
        "Precision": plain(config.precision),
        "Device": plain(entry.status.device or "–"),
    }
    own = {plain(key): plain(json.dumps(value)) for key, value in config.settings.items()}
    made = {plain(key): plain(value) for key, value in config.versions.items()}
    made |= {"git commit": plain(config.git_commit[:12])} if config.git_commit else {}
    with st.grid(3, min_column_width=280, key="settings-grid"):
        for title, values in (("Run", run), (f"Family {plain(config.family)}", own), ("Made with", made)):
            with st.container(border=True, height="stretch", key=f"settings-{title.split()[0]}"):
                st.markdown(f"**{title}**")
                if values:
                    st.table(values, border="horizontal", alt=title)
                else:
                    st.caption("nothing written")
    with st.expander("config.json"):
        st.json(configs.to_dict(config))


def _classes(entry: Entry) -> dict[str, str]:
    config = entry.config
    assert config is not None
    if not entry.domains:
        return {"Classes": plain(", ".join(config.classes)) or "–"}
    shown = f"{config.preview_inputs} (private)" if entry.private else config.preview_inputs
    return {"Domains": plain(" ↔ ".join(entry.domains)), "Preview inputs": plain(shown)}


def show_files(entry: Entry) -> None:
    st.subheader("Files")
    files = entry.run.downloads()  # never private previews
    samples = set(entry.run.samples().values())
    with st.container(horizontal=True):
        for path in files:
            if path in samples:
                continue
            st.download_button(
                f"{path.name} ({_size(path)})",
                partial(_content, path),
                file_name=path.name,
                icon=":material/download:",
                on_click="ignore",
                key=f"file {path.name}",
            )
        if samples:
            st.download_button(
                f"{len(samples)} sample grids (zip)",
                partial(_zipped, sorted(samples)),
                file_name=f"{entry.label}_samples.zip",
                icon=":material/download:",
                on_click="ignore",
                key="file samples",
            )
    if entry.status.updated:
        written = datetime.fromtimestamp(entry.status.updated)
        st.caption(plain(f"In {entry.run.folder}, last written {written:%Y-%m-%d %H:%M}."))


def _content(path: Path) -> bytes:
    return path.read_bytes()


def _zipped(paths: list[Path]) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_STORED) as archive:
        for path in paths:
            if path.is_file():
                archive.write(path, path.name)
    return buffer.getvalue()


def _size(path: Path) -> str:
    try:
        size = path.stat().st_size
    except OSError:
        return "gone"
    return f"{size / 1e6:.1f} MB" if size >= 1e5 else f"{math.ceil(size / 1e3)} kB"


def _progress(library: Library, name: str) -> object:
    entry = library.find(name)
    return (entry.status.state, library.previews(entry)) if entry else None


main()
