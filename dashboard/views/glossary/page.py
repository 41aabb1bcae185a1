"""The Glossary page: every term with its meaning, a place in the app and a source; `?term=` marks one of them."""

import html

import streamlit as st

from dashboard.library import glossary, pages
from dashboard.library.glossary import Term


def main() -> None:
    st.title("Glossary", anchor=False)
    asked = st.query_params.get("term", "")
    if asked and asked not in glossary.TERMS:
        st.info("The link names a term that is not here. All terms stand below.", icon=":material/link_off:")
    st.html("".join(_group(name, asked) for name in glossary.GROUPS))


def _group(name: str, asked: str) -> str:
    terms = {key: term for key, term in glossary.TERMS.items() if term.group == name}
    lines = "".join(
        _line(key, terms[key], key == asked) for key in sorted(terms, key=lambda key: terms[key].name.lower())
    )
    return f'<section class="glossary"><h2>{html.escape(name)}</h2><dl>{lines}</dl></section>'


def _line(key: str, term: Term, is_asked: bool) -> str:
    where = html.escape(term.where)
    if term.page and pages.known(term.page):
        query = dict(part.split("=", 1) for part in term.query.split("&") if part)
        where = _link(where, term.page, **query)
    if term.experiment and pages.known("playground"):
        where += f" {_link('See it happen.', 'playground', experiment=term.experiment)}"
    source = f'<span class="glossary-source">Source: {html.escape(term.source)}</span>' if term.source else ""
    mark = ' class="asked" aria-current="true"' if is_asked else ""
    return (
        f'<div{mark} id="term-{key}" data-term="{key}"><dt>{html.escape(term.name)}</dt>'
        f"<dd>{html.escape(term.meaning)}</dd><dd>{where} {source}</dd></div>"
    )


def _link(words: str, page: str, **query: str) -> str:
    return f'<a href="{html.escape(pages.href(page, **query))}" data-in-app>{words}</a>'


main()
