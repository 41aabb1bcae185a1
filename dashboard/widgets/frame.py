"""What stands around every page: the Help menu in the top bar and the guided tour.

Both are one component that stays while the pages change. Its script (components/frame.js) also opens links marked
`data-in-app` without loading the app anew.
"""

import html
from pathlib import Path

import streamlit as st

from dashboard.library import pages, tour
from dashboard.widgets.components import component
from gan_core import __version__

HERE = Path(__file__).resolve().parent.parent / "components"
_FILES = ("stage_address.js", "frame_pages.js", "frame_menu.js", "tour_acts.js", "tour.js", "frame.js")

KEYS = (  # where, key, what it does
    ("Compare, Run", "Space", "play and pause"),
    ("Compare, Run", "← →", "one frame back or on"),
    ("Compare, Run", "Home End", "first and last epoch"),
    ("Compare, Run", "Page keys", "a tenth back or on"),
    ("A sheet of samples", "+ − 0", "zoom in, out, reset"),
    ("A sheet of samples", "Enter", "show the sample large"),
    ("Quiz", "R G", "real, generated"),
    ("Quiz of phantoms", "D G", "drawn, generated"),
    ("Playground", "Space D G", "play and pause, a step of a player"),
    ("Playground", "T R", "try what the text proposes, restart"),
    ("Tour", "← → Esc", "back, on, end"),
)
DOCUMENTS = (  # file of the repository, what it tells
    ("README.md", "what GANray does, a tour of five minutes, results"),
    ("docs/app.md", "every page of the app"),
    ("docs/training.md, docs/data.md", "training on your own images"),
    ("docs/evaluation.md, docs/diagnostics.md", "what the numbers and the diagnoses mean"),
    ("docs/deploy.md", "serving a class"),
)
LICENCES = (  # what, its licence
    ("GANray", "MIT licence"),
    (
        "Four GANs and more of the shipped runs",
        "learned from the child chest X-rays by Kermany, Zhang and Goldbaum 2018, Mendeley Data rscbjbr9sj, CC BY 4.0",
    ),
    ("Other shipped runs", "their data stands in runs/reference/README.md; no picture of a patient is shipped"),
    ("Phantoms", "drawn by the program, free of rights of others"),
    ("Lesion finder", "its weights are for research only, see gan_core/evaluation/lesion_finder/LICENSE.md"),
)
CITATION = "GANray contributors, GANray {version}: train GANs on chest X-rays and brain MRI, and see how they differ."


def _text(*names: str) -> str:
    return "\n".join((HERE / name).read_text(encoding="utf-8") for name in names)


def _rows(rows: tuple[tuple[str, ...], ...], head: str) -> str:
    """Return rows as an HTML table; `head` marks the column of keys."""
    cells = ("".join(f"<td>{html.escape(cell)}</td>" for cell in row) for row in rows)
    return f'<table class="{head}">{"".join(f"<tr>{row}</tr>" for row in cells)}</table>'


def _menu() -> str:
    """Return the Help menu and the tour's card, with what does not change, as HTML."""
    return (
        _text("frame.html")
        .replace("{keys}", _rows(KEYS, "keys"))
        .replace("{documents}", _rows(DOCUMENTS, "documents"))
        .replace("{licences}", _rows(LICENCES, "licences"))
        .replace("{citation}", html.escape(CITATION.format(version=__version__)))
        .replace("{version}", html.escape(__version__))
    )


_FRAME = component("ganray_frame", html=_menu(), css=_text("frame.css"), js=_text(*_FILES))


def show() -> None:
    """Draw the Help menu and, for a visitor who has not seen it, the offer of the tour."""
    data = {
        "home": pages.href(pages.HOME),
        "pages": [pages.href(page.address) for page in pages.PAGES],
        "glossary": pages.href("glossary"),
        "steps": tour.steps(),
    }
    with st.container(key="frame"):
        _FRAME(data=data, key="frame of the page")
