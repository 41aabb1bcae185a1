"""The bar of contents of the Evaluate page, and the parts that it opens, one at a time."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import streamlit as st

from dashboard.charts.styles import Style
from dashboard.library import evaluations, seed_means
from dashboard.library.evaluations import ALL, SECOND, EvaluatedRun, MeasureTable
from dashboard.views.evaluate import details, html_tables, lung_comparison
from dashboard.widgets import error_boundary
from dashboard.widgets.text import name_line, plain, source_name
from gan_core.evaluation.results import real_images

Look = dict[str, Style]
RANKED = (
    "**Best** is marked only where no other run may be as good. Density and MS-SSIM are never ranked: their target is "
    "the value of real images."
)
AUDITS = (
    "Small numbers are 95% intervals and reference values: real target images for a distance, the noise itself for its "
    "effect, the untranslated image or the drawn disease for the ground truth. No run is marked best: one that flips a "
    "classifier more often may only exploit artefacts, as the controls show."
)


@dataclass(frozen=True)
class TaskGroup:
    """The evaluated runs of one task; `twins` are other seeds of these runs."""

    task: str
    runs: tuple[EvaluatedRun, ...]
    twins: tuple[EvaluatedRun, ...] = ()

    @property
    def translates(self) -> bool:
        return self.task == "translate"

    @property
    def members(self) -> tuple[EvaluatedRun, ...]:
        """All runs whose measurements enter the table."""
        return *self.runs, *self.twins

    def table(self, scope: str = ALL) -> MeasureTable:
        """Return the measures: a column for each direction of a translator, or for each recipe of generators."""
        return evaluations.translators(self.runs) if self.translates else seed_means.table(self.runs, self.twins, scope)


@dataclass(frozen=True)
class Part:
    """A part of the page: whether there is anything to show of these runs, and how it is shown."""

    key: str  # in the address
    title: str
    has: Callable[[TaskGroup], bool]
    show: Callable[[TaskGroup, Look], None]


def show(groups: Sequence[TaskGroup], look: Look) -> None:
    """Draw the bar, and the part that the reader has opened."""
    parts = {part.key: part for part in PARTS if any(part.has(group) for group in groups)}
    titles = {key: part.title for key, part in parts.items()} | ALWAYS
    with st.container(key="contents"):
        asked = st.query_params.get("part")  # bound by Streamlit, the address would hold the title
        opened = st.segmented_control(
            "More about these runs",
            list(titles),
            default=asked if asked in titles else None,
            format_func=titles.__getitem__,
            key="part",
            on_change=_keep,
            wrap=True,
        )
    if opened is None:
        st.caption("Choose one to open it.")
        return
    st.subheader(titles[opened], anchor=False)
    if part := parts.get(opened):
        for group in groups:
            if part.has(group):
                part.show(group, look)
    elif opened == METHOD:
        details.show_notes([run for group in groups for run in group.runs])
    else:
        runs = [run for group in groups for run in group.members]
        details.show_exports([group.table() for group in groups], runs)


@error_boundary.action
def _keep() -> None:
    """Write the opened part into the address."""
    if opened := st.session_state.get("part"):
        st.query_params["part"] = opened
    else:
        st.query_params.pop("part", None)


def _show_measures(group: TaskGroup, look: Look) -> None:
    if group.translates:
        _draw_table(group.table(), look, "Audits of the chosen runs", AUDITS, "translate")
        return
    scope = _scope(group.runs)
    words = RANKED if len(group.runs) > 1 else ""
    _draw_table(group.table(scope), look, "Measures of the chosen runs", words, "generate")
    st.caption(_basis(group.members, scope))
    details.show_differences(group.members, scope)


def _show_classes(group: TaskGroup, look: Look) -> None:
    with st.grid(2, min_column_width=340, key="planes"):
        details.show_plane(group.table(), look)
        details.show_classes(group.runs, look)


def _show_audit(group: TaskGroup, look: Look) -> None:
    st.caption("A stronger colour means a larger change. The icons show which part each classifier sees.")
    with st.grid(2, min_column_width=340, key="audits"):
        for column in group.table().columns:
            with st.container(border=True, height="stretch", gap="small"):
                run, way = column.run, column.way
                assert way
                st.markdown(f"{name_line(run.entry, look[run.entry.name])} {plain(column.direction)}")
                st.html(html_tables.audit(way, look[run.entry.name].color))
                st.caption(f"{way.images:,} held-out images of {plain(way.source)}")


def _scope(runs: Sequence[EvaluatedRun]) -> str:
    """Return the images whose measures the user picks: all, those of a class, or all by the second extractor."""
    found = evaluations.scopes(runs)
    if len(found) == 1:
        return ALL
    words = {ALL: "All images", SECOND: "Second opinion"}
    scope = st.segmented_control(
        "Images", found, default=ALL, required=True, format_func=lambda name: words.get(name, name), key="scope"
    )
    return str(scope or ALL)


def _draw_table(table: MeasureTable, look: dict[str, Style], caption: str, words: str, key: str) -> None:
    if not table.rows:
        st.caption("Nothing was measured for these images.")
        return
    with st.container(key=f"evaluation-{key}", gap="xsmall"):
        st.html(html_tables.table(table, look, caption))
        st.caption(f"Click a measure's name to read its definition and the value of each seed. {words}")


def _basis(runs: Sequence[EvaluatedRun], scope: str) -> str:
    """Return the extractors, image counts and data behind the distances, as Markdown; empty where there are none."""
    found = [one for run in runs if (one := evaluations.fidelity(run.found, scope))]
    lines = {
        f"{one.extractor} ({one.features} features), {one.generated:,} generated and {real_images(one)}"
        for one in found
    }
    sources = " and ".join(sorted({source_name(run.found.source) for run in runs}))
    return plain(f"Measured with {'; '.join(sorted(lines))} of {sources}.") if lines else ""


def _has(group: TaskGroup, part: str) -> bool:
    return any(getattr(run.found, part) for run in group.runs)


METHOD, DOWNLOAD = "method", "download"
ALWAYS = {METHOD: "Method and limitations", DOWNLOAD: "Download"}
PARTS = (
    Part(
        "measures",
        "Quality measures with 95 % confidence intervals",
        lambda group: bool(group.table().rows),
        _show_measures,
    ),
    Part(
        "classes",
        "Precision, recall and classes",
        lambda group: not group.translates and _has(group, "fidelity"),
        _show_classes,
    ),
    Part(
        "classifiers",
        "Classifiers trained on synthetic images (TSTR)",
        lambda group: _has(group, "utility"),
        lambda group, look: details.show_utility(group.runs, look),
    ),
    Part(
        "copies",
        "Near-duplicates of training images",
        lambda group: _has(group, "memorisation"),
        lambda group, look: details.show_neighbours(group.runs, look),
    ),
    Part("audit", "Audit of the translation", lambda group: group.translates and _has(group, "audit"), _show_audit),
    Part(
        "lungs",
        lung_comparison.TITLE,
        lambda group: group.translates and lung_comparison.has(group.runs),
        lambda group, look: lung_comparison.show(group.runs, look),
    ),
)
