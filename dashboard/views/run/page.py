"""The Run page: one run with its state, samples, scores, events, every curve, settings and files."""

import contextlib
import io
import json
import math
import zipfile
from collections.abc import Callable
from datetime import datetime
from functools import partial
from pathlib import Path

import streamlit as st

from dashboard import jobs
from dashboard.charts import run_metrics
from dashboard.charts.styles import GREY, run_styles
from dashboard.library import queries, source_check, store, units
from dashboard.library.store import Entry, Library, origin_word
from dashboard.samples import animations, grids
from dashboard.views.run import discriminator_scores, manage, opening
from dashboard.widgets import (
    data_doubts,
    diagnosis,
    elements,
    evaluating,
    linked_runs,
    notes_editor,
    run_curves,
    settings_table,
)
from dashboard.widgets.text import name_line, plain, plain_sentence, source_name
from gan_core import config as configs
from gan_core import files, runs
from gan_core.errors import UserError
from gan_core.evaluation import results
from gan_core.evaluation.results import Evaluation


def main() -> None:
    library = store.library()
    entries = library.entries()
    if not entries:
        st.title("Run")
        elements.no_runs()
        return
    entry = choose(entries)
    if entry is None:
        st.title("Run")
        if not linked_runs.say_missing("run"):
            st.warning("The folder of this run was deleted. Choose another run.", icon=":material/folder_off:")
        return
    show_head(entry, entries)
    if entry.problem or entry.config is None:
        st.error(f"This run cannot be read: {plain(entry.problem or '')}", icon=":material/broken_image:")
        st.caption(plain(f"Folder: {entry.run.folder}"))
        return
    if entry.only_pictures:
        show_pictures(library, entry)
        data_doubts.show(entry)
    else:
        show_figures(library, entry)
        show_samples(library, entry)
        data_doubts.show(entry)
        diagnosis.show(library, [entry], run_styles([entry]))
        run_curves.every_curve(entry, diagnosis.marks(library, [entry]).get(entry.name, ()))
        discriminator_scores.show(library, entry)
        show_evaluating(library, entry)
    show_settings(entry)
    notes_editor.show(library, [entry], run_styles([entry]))
    show_files(entry)
    st.caption(elements.SYNTHETIC)
    if entry.running:
        name = entry.name
        elements.wait_for_news(lambda: _progress(library, name), key="run-news")


def choose(entries: list[Entry]) -> Entry | None:
    """Draw the choice of the run; None if it was deleted, or if the link names a run that is not here."""
    by_name = {entry.name: entry for entry in entries}
    opens = opening.preferred(entries)
    entry = by_name.get(linked_runs.select(list(by_name), "run", opens, label_visibility="collapsed") or "")
    if entry is not None:
        opening.remember(entry)
    return entry


def show_head(entry: Entry, entries: list[Entry]) -> None:
    with st.container(horizontal=True, vertical_alignment="center", horizontal_alignment="distribute"):
        with st.container(gap="xsmall", width="content"):
            st.title(name_line(entry), anchor=False)
            st.caption(plain(entry.title) or " ")
        with st.container(horizontal=True, width="content", vertical_alignment="center"):
            show_buttons(entry)
            manage.show(entry, entries)
    if entry.status.state == "failed":
        st.error(plain_sentence(entry.status.reason or "it failed without a message"), icon=":material/error:")
    elif entry.status.state == "stopped":
        st.warning(plain_sentence(entry.status.reason or "it was stopped"), icon=":material/pause_circle:")
    elif entry.status.state == "finished" and entry.status.reason:
        st.info(plain_sentence(entry.status.reason), icon=":material/flag:")
    if entry.config and (ancestry := entry.config.grown_from):
        how = "Grown from" if ancestry.image_size != entry.config.image_size else "Goes on from"
        kept = f" Only the stage of {entry.config.image_size} px learned anew." if entry.config.freeze else ""
        st.caption(f":material/stairs: {how} {plain(_ancestry(ancestry))}.{kept}")
    if entry.chosen:
        st.caption(f":material/star: {plain(entry.chosen)}")


def show_buttons(entry: Entry) -> None:
    """Draw the links and the buttons Stop and Resume. Reference runs have no buttons."""
    if entry.config:
        link = {"runs": [entry.name]}
        st.page_link("views/compare/page.py", label="Compare", icon=":material/grid_view:", query_params=link)
    if entry.run.reference or entry.origin:  # what another program trains is stopped and resumed there
        return
    if entry.status.stopping:
        st.button("Stopping…", icon=":material/stop_circle:", key="stopping", disabled=True)
    elif entry.running and st.button("Stop", icon=":material/stop_circle:", key="stop"):
        _try(lambda: jobs.stop(entry.run), "Stopping: the training writes a checkpoint first.")
    if entry.status.state in ("stopped", "failed") and st.button("Resume", icon=":material/play_arrow:", key="resume"):
        _try(lambda: jobs.jobs().resume(entry.run), "Resuming from the last checkpoint.")


def _try(action: Callable[[], object], done: str) -> None:
    try:
        action()
        st.toast(done)
    except UserError as error:
        st.error(plain(str(error)))


def show_figures(library: Library, entry: Entry) -> None:
    """Draw five numbers of the run."""
    metrics, previews = library.table(entry, store.METRICS), library.table(entry, store.EPOCHS)
    status, config = entry.status, entry.config
    assert config is not None
    eta = store.duration(status.eta_seconds)
    figures = {
        "Epoch": "–" if entry.unit == "step" else f"{entry.reached} / {config.epochs or '–'}",
        "Step": f"{entry.reached if entry.unit == 'step' else status.step:,}",
        "Time left" if entry.running and eta else "Time": eta or run_metrics.trained_for(metrics.last("seconds")),
        "Images per second": run_metrics.number(metrics.last("images_per_second")),
        "Held-out accuracy": run_metrics.share(previews.last("accuracy/d_held_out")),
    }
    with st.grid(5, min_column_width=130, key="figures"):
        for label, value in figures.items():
            st.metric(label, value, border=True)


def show_pictures(library: Library, entry: Entry) -> None:
    """Draw some of the pictures of a folder that were measured: there was no training to show."""
    st.subheader("Pictures")
    with st.grid(3, min_column_width=280, key="samples"), st.container(gap="xsmall"):
        path = next(iter(entry.sheets.values()), None)
        elements.picture(library.picture(path), f"Some of the pictures of {entry.label}", "pictures")
        st.caption("Some of them, chosen at random. What was measured of all stands on the page Evaluate.")
        link = {"evaluated": [entry.name]}
        st.page_link("views/evaluate/page.py", label="Evaluate", icon=":material/analytics:", query_params=link)


def show_samples(library: Library, entry: Entry) -> None:
    """Draw the grid, the scores and the animation; the scrubber above them sets the epoch of the grid and scores."""
    st.subheader("Samples")
    samples, domains, config = entry.sheets, entry.domains, entry.config
    if config and (hint := source_check.hint(config.source, config.domains or config.classes)):
        st.warning(plain(hint), icon=":material/join_inner:")
    grids.show_scrubber([entry], run_styles([entry]))
    if not samples:
        evaluated = isinstance(library.evaluation(entry), Evaluation)
        words = f"This run keeps no samples, only its curves{' and its evaluation' if evaluated else ''}."
        yet = (
            "No sheet of samples yet."
            if entry.origin
            else "No sample grid yet: the first is drawn before training begins."
        )
        st.caption(words if entry.light else yet)
        return
    # A translator's sheet and animation take two of three columns. Without scores, the samples take their column.
    scored = run_curves.has_scores(library, entry)
    animated = animations.is_due(entry)
    grid = st.grid(3 if domains else max(2, 1 + scored + animated), min_column_width=280, key="samples")
    with grid.cell(column_span=2 if scored else 3) if domains else grid, st.container(gap="xsmall", key="sheet"):
        grids.show_one(entry, changes(library, entry) if domains else None)
        grids.ask_for_data([entry])
    if scored:
        with grid:
            run_curves.show_scores(library, [entry], run_styles([entry]))
    if animated:
        with elements.card(grid, wide=bool(domains)):
            title, words = run_metrics.ANIMATIONS[entry.task]
            if entry.config and entry.config.trained_before:  # it began with pictures, not with noise
                title = "From its first epoch to its last"
            st.markdown(f"**{title}**")
            animations.show_one(entry)
            if domains:
                st.caption(words)
    else:
        st.caption(animations.NONE)
    if not scored:
        st.caption("No discriminator scores were logged.")
    gallery = st.expander(
        f"All {len(samples)} grids" if len(samples) > 1 else "The grid", key="all grids", on_change="rerun"
    )
    if gallery.open:
        wide = domains is not None
        with gallery, st.grid(3 if wide else 6, min_column_width=260 if wide else 130):
            for at, path in samples.items():
                with st.container(gap="xsmall"):
                    alt = f"Sample grid of {entry.label} at {entry.unit} {at}"
                    elements.picture(library.picture(path), alt, f"all-{at}", entry.sheet)
                    st.caption(f"{entry.unit} {at}")


def changes(library: Library, entry: Entry) -> grids.EpochNumbers:
    """Return the change and the cycle error of a translator at each epoch of its sheets."""
    table, names = library.table(entry, store.EPOCHS), run_metrics.titles(entry)
    columns = [column for column in run_metrics.CHANGES if column in table.numeric()] or run_metrics.CHANGES[:2]
    names |= {column: column for column in columns if column not in names}  # a run from elsewhere may not name them
    found: dict[str, dict[int, str]] = {names[column]: {} for column in columns}
    held_out = False
    for epoch in entry.sheets:
        row = table.row("epoch", epoch)
        for column in columns:
            if isinstance(value := row.get(column), float):
                found[names[column]][epoch] = run_metrics.share(value, 1)
        known = row.get("accuracy/d_held_out")  # a text in a damaged table
        held_out |= isinstance(known, float) and math.isfinite(known)
    note = f"Of {'held-out' if held_out else 'training'} images, {run_metrics.CHANGED}."
    return grids.EpochNumbers("Changes", found, note)


def show_evaluating(library: Library, entry: Entry) -> None:
    """Draw the button that measures the run, and the way to what was measured."""
    if entry.origin or not evaluating.can_be_evaluated(entry):
        return
    st.subheader("Evaluation")
    if library.evaluation(entry) is not None:
        link = {"evaluated": [entry.name]}
        st.page_link("views/evaluate/page.py", label="See it", icon=":material/analytics:", query_params=link)
    evaluating.show(library, entry)


def show_settings(entry: Entry) -> None:
    config = entry.config
    assert config is not None
    st.subheader("Settings")
    run = {
        "Preset": plain(config.preset),
        "Data": plain(config.source) or "–",
        **_classes(entry),
        "Training images": run_metrics.training_images(config),
        **({"Patients": plain(patients)} if (patients := data_doubts.patients(entry)) else {}),
        "Image size": f"{config.image_size} px, {config.channels} {'channel' if config.channels == 1 else 'channels'}",
        **({"Began as": plain(_ancestry(config.grown_from))} if config.grown_from else {}),
        "Epochs": str(config.epochs),
        "Batch size": str(config.batch_size),
        "Seed": str(config.seed),
        "Precision": plain(config.precision),
        "Device": plain(entry.status.device or "–"),
    }
    if config.origin:
        run = _origin(config.origin) | run | dict.fromkeys(_unknown(entry), "–")
        heading = units.heading([entry])
        run = {heading if title == "Epochs" else title: words for title, words in run.items()}
        run[heading] = plain(units.progress(entry, [entry]))
    own = {plain(key): plain(settings_table.value(value)) for key, value in queries.flatten(config.settings).items()}
    made = {plain(key): plain(value) for key, value in config.versions.items()}
    made |= {"git commit": plain(config.git_commit[:12])} if config.git_commit else {}
    with st.grid(3, min_column_width=280, key="settings-grid"):
        settings = "Of its program" if config.origin else f"Family {plain(config.family)}"
        for title, values in (("Run", run), (settings, own), ("Made with", made)):
            with st.container(border=True, height="stretch", key=f"settings-{title.split()[0]}"):
                st.markdown(f"**{title}**")
                if values:
                    st.table(values, border="horizontal", alt=title)
                else:
                    st.caption("nothing recorded")
    if entry.traits.diagram:
        with st.expander("How its networks work together"):
            show_diagram(entry.traits.diagram)
    with st.expander("config.json"):
        st.json(configs.to_dict(config))


def _ancestry(ancestry: configs.Ancestry) -> str:
    """Return which run a run began as, and what that had seen."""
    words = f"{ancestry.name}, {ancestry.image_size} px, after {ancestry.images:,} images"
    return f"{words} of {' and '.join(map(source_name, ancestry.sources))}" if ancestry.sources else words


def _origin(origin: configs.Origin) -> dict[str, str]:
    """Return where a run comes from that GANray did not train."""
    known = {"Origin": origin_word(origin), "Trained by": origin.program, "Read from": origin.place}
    return {title: plain(words) for title, words in known.items() if words}


def _unknown(entry: Entry) -> list[str]:
    """Return the titles of what nobody knows of a run that GANray did not train."""
    missing = settings_table.unknown(entry)
    titles = {"image_size": "Image size", "batch_size": "Batch size", "seed": "Seed", "class_counts": "Training images"}
    return [*(title for name, title in titles.items() if name in missing), "Precision"]


def show_diagram(diagram: str) -> None:
    """The drawing of the networks that the run's family declares, legible in light and in dark."""
    look = f'color="{GREY}" fontcolor="{GREY}" fontname="sans-serif" fontsize=11'
    st.graphviz_chart(
        f'digraph {{ bgcolor="transparent" rankdir=LR node [shape=box style=rounded {look}] edge [{look}] {diagram} }}'
    )


def _classes(entry: Entry) -> dict[str, str]:
    config = entry.config
    assert config is not None
    if not entry.domains:
        return {"Classes": plain(", ".join(config.classes)) or "–"}
    shown = f"{config.preview_inputs} (private)" if entry.private else config.preview_inputs
    return {"Domains": plain(" ↔ ".join(entry.domains)), "Preview inputs": plain(shown)}


def show_files(entry: Entry) -> None:
    st.subheader("Files")
    downloads = entry.run.downloads()  # never private previews
    samples = set(entry.run.samples().values())
    with st.container(horizontal=True):
        for path in downloads:
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
    """Return the content of a file; an evaluation and a configuration without the names of training images."""
    if path.name == runs.EVALUATION:
        return results.shareable(path)
    if path.name == runs.CONFIG and (config := configs.read_run_config(path)).data:
        return json.dumps(configs.to_dict(configs.shareable(config)), indent=2).encode()
    return files.read_regular(path, files.WEIGHTS_BYTES)


def _zipped(paths: list[Path]) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_STORED) as archive:
        for path in paths:
            with contextlib.suppress(OSError):  # deleted meanwhile
                archive.writestr(path.name, files.read_regular(path, files.PICTURE_BYTES))
    return buffer.getvalue()


def _size(path: Path) -> str:
    try:
        size = path.stat().st_size
    except OSError:
        return "gone"
    return f"{size / 1e6:.1f} MB" if size >= 1e5 else f"{math.ceil(size / 1e3)} kB"


def _progress(library: Library, name: str) -> object:
    entry = library.find(name)
    return (entry.status.state, entry.status.stopping, library.previews(entry)) if entry else None


main()
