"""The panel below the field Data: what is in the source, before anything is started."""

import html

import streamlit as st

from dashboard.library import source_preview
from dashboard.library.image_encoding import data_uri
from dashboard.library.source_preview import Look, Request, Summary
from dashboard.widgets import error_boundary
from dashboard.widgets.text import plain, plain_sentence
from gan_core.data.layout import SPLITS
from gan_core.data.survey import of_patients

CLASSES = 12  # rows of the table
_WAIT = 0.5  # seconds: a small source is shown at once, without a word that it is looked at
_AGAIN = 0.3  # seconds between two looks at what was found so far


def show(wanted: Request | None) -> None:
    """Show the panel; it draws itself anew, without the rest of the page, until the look is done."""
    if wanted is None:
        return
    look = source_preview.look(wanted)
    look.begun.wait(_WAIT)
    pending = not look.done.is_set()
    st.fragment(_panel, key="preview", run_every=_AGAIN if pending else None)(look, pending)


@error_boundary.bounded
def _panel(look: Look, pending: bool) -> None:
    if pending and look.done.is_set():
        st.rerun()  # ends the redrawing; the form knows the classes now
    with st.container(border=True, key="preview", gap="xsmall"):
        if look.problem:
            st.markdown(f":red[:material/error: {plain(look.problem)}]")
        elif look.summary is None:
            st.caption(":material/hourglass_top: Looking at the data …")
        else:
            left, right = st.columns([3, 2], gap="medium")
            with left:
                show_counts(look.summary)
            with right:
                show_thumbnails(look)
            show_warnings(look)


def show_counts(found: Summary) -> None:
    """Show the images by class and split, and where the patients are from."""
    head = "".join(f"<th>{part}</th>" for part in (*SPLITS, "all"))
    rows = [_row(name, [found.counts[part][name] for part in SPLITS]) for name in found.classes[:CLASSES]]
    if len(found.classes) > CLASSES:
        rest = found.classes[CLASSES:]
        rows.append(_row(f"{len(rest)} more", [sum(found.counts[part][name] for name in rest) for part in SPLITS]))
    if len(found.classes) > 1:
        rows.append(_row("total", [sum(found.counts[part].values()) for part in SPLITS], "total"))
    st.html(f'<table class="source-counts"><tr><th></th>{head}</tr>{"".join(rows)}</table>')
    split = "The source brings its own split" if found.has_splits else "The split is made by patient"
    patients = of_patients(found.patients, found.patients_from)
    unknown = f"{found.unknown[:1].upper()}{found.unknown[1:]}"
    st.caption(plain_sentence(f"{found.images:,} images {patients}. {split}. {unknown}"))


def _row(name: str, numbers: list[int], kind: str = "") -> str:
    cells = "".join(f"<td>{number:,}</td>" for number in (*numbers, sum(numbers)))
    return f'<tr class="{kind}"><th title="{html.escape(name)}">{html.escape(name)}</th>{cells}</tr>'


def show_thumbnails(look: Look) -> None:
    """Show a few images as they will be cut."""
    figures = [
        f'<figure><img src="{data_uri(one.content)}" alt="{html.escape(one.name)}" title="{html.escape(one.name)}">'
        f"<figcaption>{html.escape(one.label)}</figcaption></figure>"
        for one in look.thumbnails
    ]
    left = 0 if look.done.is_set() else source_preview.THUMBNAILS - len(figures)
    figures += ['<figure><div class="waiting"></div><figcaption>&nbsp;</figcaption></figure>'] * left
    st.html(f'<div class="source-thumbnails">{"".join(figures)}</div>')


def show_warnings(look: Look) -> None:
    """Show every warning of the source, and the images that could not be shown."""
    assert look.summary is not None
    lines = list(look.summary.warnings)
    if look.unreadable:
        shown = "; ".join(f"{name}: {reason}" for name, reason in look.unreadable[:3])
        lines.append(f"{len(look.unreadable)} of the images looked at cannot be read: {shown}")
    for line in lines:
        st.markdown(f":orange[:material/warning:] {plain_sentence(line)}")
