"""Pieces that several pages share: the boundary around a page, texts from runs, pictures, empty states."""

import contextlib
import functools
import html
import logging
import re
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, ParamSpec

import streamlit as st

from dashboard.charts import plotly_figures
from dashboard.charts.plotly_figures import Style
from dashboard.library import store
from dashboard.library.store import Entry, Sheet
from gan_core import __version__, runs
from gan_core.data.readers import combined
from gan_core.errors import UserError
from gan_core.images import NOTICE

if TYPE_CHECKING:
    from streamlit.delta_generator import DeltaGenerator
    from streamlit.elements.lib.grid_container import GridContainer

P = ParamSpec("P")

SMOOTHING = 0.9  # of the curves at first, and of the last values in tables
SYNTHETIC = f"Generated pictures: {NOTICE}."
BADGES = {
    "running": (":material/sync:", "blue", "running"),
    "stopped": (":material/pause_circle:", "orange", "stopped"),
    "failed": (":material/error:", "red", "failed"),
    "unknown": (":material/help:", "gray", "no status"),
}

_FAILED = "failed action"
_log = logging.getLogger("ganray.dashboard")


@contextlib.contextmanager
def boundary(what: str) -> Iterator[None]:
    """Show a sentence where something fails, never a traceback; that goes to the log."""
    try:
        yield
    except UserError as error:
        st.error(plain(str(error)), icon=":material/error:")
    except Exception as error:
        _log.exception("%s failed", what)
        show_fault(what, "could not be drawn to its end", _details(what, error))


def show_fault(what: str, happened: str, details: str) -> None:
    """What a person is told of a fault of ours, and what they can copy for those who mend it."""
    st.error(
        f"**{plain(what)}** {happened}. Reload the page and try again; if it happens again, copy the details below "
        "into a bug report.",
        icon=":material/error:",
    )
    with st.expander("Details to copy"):
        st.code(details, language=None, wrap_lines=True)


def _details(what: str, error: Exception) -> str:
    where = f"GANray {__version__}, {what}, {time.strftime('%Y-%m-%d %H:%M:%S')}"
    return f"{where}\n{type(error).__name__}: {error}"


def script_fault(error: Exception) -> bool:
    """Streamlit's `on_script_error`: whatever no boundary has caught. Streamlit has logged it."""
    show_fault("This page", "came to an unexpected end", _details("page", error))
    return True


def action(call: Callable[P, None]) -> Callable[P, None]:
    """`boundary` around what a click does: the page is drawn all the same, with a sentence at its top."""

    @functools.wraps(call)
    def called(*args: P.args, **kwargs: P.kwargs) -> None:
        what = call.__name__.strip("_").replace("_", " ")
        try:
            call(*args, **kwargs)
        except UserError as error:
            st.session_state[_FAILED] = (str(error), None)
        except Exception as error:
            _log.exception("the action '%s' failed", what)
            st.session_state[_FAILED] = (f"The action '{what}'", _details(what, error))

    return called


def failed_action() -> None:
    """Show what went wrong with the last click, once."""
    words, details = st.session_state.pop(_FAILED, (None, None))
    if details:
        show_fault(words, "failed", details)
    elif words:
        st.error(plain(words), icon=":material/error:")


def bounded(draw: Callable[P, None]) -> Callable[P, None]:
    """`boundary` around a function, for fragments: they run again without their page."""

    @functools.wraps(draw)
    def drawn(*args: P.args, **kwargs: P.kwargs) -> None:
        with boundary(draw.__name__.strip("_").replace("_", " ")):
            draw(*args, **kwargs)

    return drawn


def plain(text: str) -> str:
    """Text from a run or a user as Markdown that shows it as it is, on one line."""
    return re.sub(r"([\\`*_{}\[\]()<>#+\-.!|~$:^=&@])", r"\\\1", " ".join(text.split()))


def sentence(text: str) -> str:
    """`plain`, with a capital and a full stop."""
    words = " ".join(text.split()).rstrip(".")
    return plain(f"{words[:1].upper()}{words[1:]}.")


def source_name(source: str) -> str:
    """A data source in a few words: the last two parts of a path, classes and where they come from, else as it is."""
    if found := combined.origins(source):
        origins = sorted({origin for each in found.values() for origin in each})
        return f"{', '.join(found)} from {' and '.join(origins)}"
    if ":" in source and not Path(source).exists():
        return source
    return "/".join(Path(source).parts[-2:])


def name_line(entry: Entry, style: plotly_figures.Style | None = None) -> str:
    """A run's dot and name, and its state where it is not finished, as Markdown."""
    style = style or plotly_figures.styles([entry])[entry.name]
    line = f":{style.word}[{style.dot}] **{plain(entry.label)}**"
    return f"{line} {state_badge(entry)}".strip()


def state_badge(entry: Entry) -> str:
    """A badge as Markdown for a run that is not finished; empty for one that is."""
    if entry.status.state not in BADGES:
        return ""
    icon, color, word = BADGES[entry.status.state]
    return f":{color}-badge[{icon} {word}]"


def picture(content: bytes | None, alt: str, key: str, sheet: Sheet | None = None) -> None:
    """A PNG as it is, enlarged to its column without blur; a quiet line where there is none.

    sheet: of a translator, which gets headings over its columns.
    """
    with st.container(key=f"picture-{_slug(key)}", gap="xxsmall"):
        if content is None:
            st.caption(":material/hide_image: no picture here (yet)")
            return
        if sheet:
            st.html(headings(sheet))
        st.image(content, width="stretch", output_format="PNG", alt=described(alt, sheet))


def headings(sheet: Sheet) -> str:
    """The two directions of a translator's sheet, and what its six columns show; the style sheet aligns them."""
    ways = "".join(f'<span class="way">{html.escape(a)} → {html.escape(b)}</span>' for a, b in sheet.ways)
    columns = "".join(f"<span>{word}</span>" for word in sheet.pictures * 2)
    return f'<div class="sheet-headings">{ways}{columns}</div>'


def described(alt: str, sheet: Sheet | None) -> str:
    """The alternative text of a sheet: of a translator's, what its columns show as well."""
    if sheet is None:
        return alt
    first, second, third = sheet.pictures
    ways = " and then ".join(f"from {a} to {b}" for a, b in sheet.ways)
    return f"{alt}: {first}, {second} and {third}, {ways}"


def chip_colors(key: str, chosen: list[Entry], look: dict[str, Style]) -> None:
    """The dots of the chips in the choice of runs of that key; the order of the chips is that of the runs."""
    rules = []
    for index, entry in enumerate(chosen):
        style = look[entry.name]
        fill = style.color if style.dash == "solid" else "transparent"
        dot = f"background: {fill}; border: 2px solid {style.color};"
        if style.shape:
            glyph = f'content: "{style.dot}"; color: {style.color}; font-size: 0.7rem; line-height: 0.5rem;'
            dot = f"{glyph} background: none; border: none;"
        rules.append(f'.st-key-{key} [data-tag-index="{index}"]::before {{ {dot} }}')
    st.html(f"<style>{' '.join(rules)}</style>")


def card(grid: "GridContainer", wide: bool) -> "DeltaGenerator":
    """A bordered card in a grid, as tall as its row; a wide one takes two columns, if there are two."""
    cell = grid.cell(column_span=2) if wide else grid
    return cell.container(border=True, height="stretch", gap="xsmall")


def privacy(entry: Entry) -> None:
    """A badge for pictures of real patients."""
    if entry.private:
        st.markdown(":gray-badge[:material/lock: real inputs: stays on this machine]")


def smoothing_slider(key: str) -> float:
    """How much the curves are smoothed, kept in the URL."""
    words = "Exponential mean over the logged steps; the steps themselves stay pale behind it. 0: no smoothing."
    return st.slider("Smoothing", 0.0, 0.99, SMOOTHING, 0.01, key=key, bind="query-params", width=220, help=words)


def no_runs() -> None:
    """The empty state: what this is and where to begin."""
    with st.container(border=True, horizontal_alignment="center", key="empty"):
        st.space("medium")
        st.markdown("### No runs yet", text_alignment="center", width="content")
        st.markdown(
            "A run is one training of one GAN. Train the first on X-rays that the program draws itself: "
            "it needs no data and takes some minutes.",
            text_alignment="center",
            width=460,
        )
        st.page_link("pages/train/page.py", label="Train a GAN", icon=":material/play_arrow:")
        st.caption(
            "Trained runs come with GANray's repository: start the app in a clone of it, or name the clone's folder "
            "`runs`, as in `ganray app --runs FOLDER`. A model of the Hugging Face Hub works on the command line: "
            "`ganray generate hub:owner/name`.",
            text_alignment="center",
            width=460,
        )
        st.caption(f"Runs are looked for in `{store.library().root}`.", width="content", text_alignment="center")
        st.space("medium")


def unreadable(entries: list[Entry]) -> None:
    """The runs that cannot be read, each with its reason."""
    broken = {entry.name: entry.problem for entry in entries if entry.problem}
    broken |= dict.fromkeys(
        runs.linked(store.library().root), "a link, which is not followed: move the run itself here"
    )
    if not broken:
        return
    word = "run" if len(broken) == 1 else "runs"
    with st.expander(f"{len(broken)} {word} cannot be read", icon=":material/warning:"):
        for name, problem in broken.items():
            st.markdown(f"**{plain(name)}**: {plain(problem)}")


def wait_for_news(seen: Callable[[], object], key: str, seconds: float = 3.0) -> None:
    """Draw the page again when what `seen` returns has changed; put on the page only while something can change."""
    first = seen()

    @st.fragment(run_every=seconds, key=key)
    @bounded
    def watch() -> None:
        if seen() != first:
            st.rerun()

    watch()


def _slug(key: str) -> str:
    """A key that is a valid CSS class, different for different keys."""
    return re.sub(r"[^A-Za-z0-9_-]", lambda match: f"_{ord(match[0]):x}_", key)
