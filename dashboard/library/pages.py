"""The pages of the app: their addresses, titles and one line each; links between them."""

from dataclasses import dataclass
from urllib.parse import urlencode

import streamlit as st


@dataclass(frozen=True)
class Page:
    """A page of the app. address: its part of the URL, and its folder in `views`; help: what one does there."""

    address: str
    title: str
    help: str

    @property
    def script(self) -> str:
        """Return the path of its script, as Streamlit's links name it."""
        return f"views/{self.address}/page.py"


HOME = "home"  # the page that the app opens on; its address is the app's own
PAGES = (
    Page(HOME, "Home", "What GANray is, and where to begin."),
    Page("compare", "Compare", "Several runs side by side."),
    Page("run", "Run", "One run in depth: curves, grids, settings, files."),
    Page("evaluate", "Evaluate", "How real, how varied and how useful are the images? Are they copies?"),
    Page("live", "Live", "Translate, generate and encode images with the trained runs."),
    Page("playground", "Playground", "Watch two small networks play against each other."),
    Page("quiz", "Quiz", "Real or generated? Twenty images, one at a time."),
    Page("train", "Train", "Start a training and follow it."),
    Page("glossary", "Glossary", "The words of the field in plain English."),
)
_ADDRESSES = frozenset(page.address for page in PAGES)


def known(address: str) -> bool:
    """Return whether the app has that page."""
    return address in _ADDRESSES


def href(address: str, **query: str | list[str]) -> str:
    """Return the URL path of a page with its query, below the server's base path."""
    base = str(st.get_option("server.baseUrlPath") or "").strip("/")
    place = f"/{base}/" if base else "/"
    asked = f"?{urlencode(query, doseq=True)}" if query else ""
    return f"{place}{'' if address == HOME else address}{asked}"
