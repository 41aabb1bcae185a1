"""Pieces of HTML that the sections of a report share. Every text is escaped here or where it is given."""

import html
from collections.abc import Mapping, Sequence

from dashboard.charts.styles import Style
from dashboard.charts.svg import DASHES, shape
from dashboard.library.store import Entry


def named(entry: Entry, look: Mapping[str, Style]) -> str:
    """Return a run's name with a sample of its line, as HTML."""
    style = look[entry.name]
    dash = f' stroke-dasharray="{DASHES[style.dash]}"' if DASHES[style.dash] else ""
    line = f'<path d="M0 6H28" stroke="{style.color}" stroke-width="3"{dash}/>'
    line += shape(style.shape, 14, 6, style.color) if style.shape else ""
    swatch = f'<svg class="swatch" viewBox="0 0 28 12" aria-hidden="true">{line}</svg>'
    return f"<span class='name'>{swatch}{html.escape(entry.label)}</span>"


def section(title: str, body: str, more: str = "") -> str:
    """Return a section; `more`: HTML behind its title."""
    return f"<section><h2>{html.escape(title)}{more}</h2>{body}</section>\n"


def table(heads: Sequence[str], body: str, caption: str) -> str:
    """Return a table that scrolls on narrow screens; `body`: its rows as HTML."""
    top = "".join(f"<th scope='col'>{html.escape(head)}</th>" for head in heads)
    frame = f"<div class='scroll' tabindex='0' role='region' aria-label='{html.escape(caption)}'>"
    return f"{frame}<table><thead><tr>{top}</tr></thead><tbody>{body}</tbody></table></div>"


def lines(rows: Mapping[str, Sequence[str]]) -> str:
    """Return the rows of a table, each with its title and its cells."""
    found = []
    for title, cells in rows.items():
        body = "".join(f"<td>{html.escape(cell)}</td>" for cell in cells)
        found.append(f"<tr><th scope='row'>{html.escape(title)}</th>{body}</tr>")
    return "".join(found)
