"""Links to the glossary: a term with its definition as tooltip, and the line of terms below a page."""

import html

import streamlit as st

from dashboard.library import glossary, pages
from dashboard.widgets.text import plain


def link(key: str, words: str = "") -> str:
    """Return a term as a Markdown link to the glossary, with its definition as tooltip.

    key: of `glossary.TERMS`; words: what the link says, by default the term's name.
    """
    term = glossary.TERMS[key]
    tooltip = term.meaning.replace('"', "'")
    return f'[{plain(words or term.name)}]({pages.href("glossary", term=key)} "{tooltip}")'


def anchor(key: str, words: str = "") -> str:
    """Return the same as HTML, for `st.html` and components; its click opens the glossary within the app."""
    term = glossary.TERMS[key]
    place = html.escape(pages.href("glossary", term=key))
    return (
        f'<a class="term" href="{place}" data-in-app title="{html.escape(term.meaning)}">'
        f"{html.escape(words or term.name)}</a>"
    )


def show_words(address: str) -> None:
    """Draw the line of terms below a page; nothing where the glossary has no words for it."""
    keys = glossary.WORDS.get(address, ())
    if keys:
        words = ", ".join(anchor(key) for key in keys)
        every = f'<a href="{html.escape(pages.href("glossary"))}" data-in-app>all words</a>'
        st.html(f'<p class="words" data-page="{address}">Words on this page: {words}; {every}.</p>')
