"""A comparison as a page that scrubs: one HTML file, or index.html of a folder, without a server.

One script moves the sample grids and a cursor on every curve. It stands in the file, and the page's policy names its
digest: nothing else runs, and nothing is asked of anybody. Without scripts, and on paper, the page shows the grids of
one epoch. Texts from runs and notes are escaped. Grids with real images are left out, and the page says so.
"""

import base64
import functools
import hashlib
import html
import json
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np

from dashboard.charts import curve_payloads, svg
from dashboard.library import units
from dashboard.library.evaluation_files import listed
from dashboard.library.image_encoding import data_uri
from dashboard.library.store import Entry
from dashboard.report import curves, frames, tables
from dashboard.report.comparison import Comparison, ReportedEvent
from dashboard.report.curves import Group, ReportedChart
from dashboard.report.frames import Film, Frame
from dashboard.report.markup import named, section
from gan_core import __version__
from gan_core.images import NOTICE

HERE = Path(__file__).resolve().parent
_COMPONENTS = HERE.parent / "components"
# Where pictures come from. A browser may not take a file on a disk for the page's own.
_FILE, _FOLDER = "img-src data:", "img-src 'self' file:"
_HEAD = """<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta http-equiv="Content-Security-Policy" content="{policy}">
<meta name="referrer" content="no-referrer">
<meta name="generator" content="GANray {version}">
"""
_KEYS = "Arrow keys go from grid to grid, the space bar plays. A click enlarges a grid, or goes to a place on a curve."
SAME_PLACE = 0.005  # on the scrubber, whose place an address keeps with two decimals
# Where a page finds a grid: the text of the attribute `src`; None if the file is gone or damaged.
Source = Callable[[Entry, Frame], str | None]


def in_one_file(compared: Comparison, most: int = frames.FILE_BYTES) -> str:
    """Return the page as one HTML file that holds the grids of at most `most` bytes."""
    library = compared.library

    def source(_: Entry, frame: Frame) -> str | None:
        content = library.picture(frame.path)
        return data_uri(content) if content else None

    films = frames.films(compared.chosen, compared.options.epoch, most)
    return document(compared, films, source, _FILE)


def of_folder(compared: Comparison, films: Sequence[Film], source: Source) -> str:
    """Return index.html of a folder; `source` returns the address of a grid relative to it."""
    return document(compared, films, source, _FOLDER)


def document(compared: Comparison, films: Sequence[Film], source: Source, pictures: str) -> str:
    """Return the whole page as HTML.

    pictures: the part of the policy that says where pictures come from.
    """
    groups = curves.groups(compared)
    sections = (
        tables.runs(compared),
        _scrubber(),
        _samples(compared, films, source),
        _happened(compared),
        _curves(groups, compared),
        tables.settings(compared),
        tables.last_values(compared),
        tables.measures(compared),
        _notes(compared),
    )
    code = script()
    digest = base64.b64encode(hashlib.sha256(code.encode()).digest()).decode()
    policy = (
        f"default-src 'none'; {pictures}; style-src 'unsafe-inline'; script-src 'sha256-{digest}'; "
        "base-uri 'none'; form-action 'none'"
    )
    head = _HEAD.format(policy=policy, version=html.escape(__version__))
    style = f"<style>\n{_text(HERE / 'report.css')}</style>\n"
    title = f"<title>{html.escape(compared.options.title)}</title>\n"
    body = f"<main>\n{_heading(compared)}{''.join(sections)}</main>\n{_foot(compared)}"
    told = f'<script type="application/json" id="told">{_told(compared, films, source, groups)}</script>\n'
    run = f'<script type="module">{code}</script>\n'
    return (
        f'<!doctype html>\n<html lang="en">\n<head>\n{head}{title}{style}</head>\n'
        f"<body>\n{body}{told}{run}</body>\n</html>\n"
    )


@functools.cache
def script() -> str:
    """Return the one script of the page: the app's own scrubber, and what it moves here."""
    names = (_COMPONENTS / "stage_address.js", _COMPONENTS / "stage_scrubber.js", HERE / "report.js")
    return "\n".join(map(_text, names))


@functools.cache
def _text(path: Path) -> str:
    return path.read_text(encoding="utf-8")


def _told(compared: Comparison, films: Sequence[Film], source: Source, groups: Sequence[Group]) -> str:
    """Return what the script is told, as JSON that cannot end its element."""
    axis_units = {entry.name: group.unit for group in groups for entry in group.members}
    runs = []
    for film in films:
        entry = film.entry
        shown = [[_short(f.place), f.number, _source(film, f, source)] for f in film.frames]
        places = curves.places(compared, entry, axis_units[entry.name])
        runs.append(
            {
                "label": entry.label,
                "unit": entry.unit,
                "scale": entry.scale,
                "frames": [frame for frame in shown if frame[2] != ""],
                "places": [list(map(_short, each)) for each in places] if places else None,
            }
        )
    told = {
        "last": _short(frames.last_place(compared.chosen)),
        "unit": units.word(compared.chosen),
        "whole": not units.mixed(compared.chosen),
        "epoch": compared.options.epoch,
        "axis": compared.options.axis,
        "runs": runs,
    }
    return json.dumps(told, ensure_ascii=True, allow_nan=False).replace("<", "\\u003c")


def _source(film: Film, frame: Frame, source: Source) -> str | None:
    """Return the address of a grid; None for the one that the page holds already, "" if it cannot be read."""
    if frame is film.opening:
        return None if source(film.entry, frame) else ""
    return source(film.entry, frame) or ""


def _short(number: float | np.floating) -> float:
    return float(f"{number:.7g}")


def _heading(compared: Comparison) -> str:
    options, count = compared.options, len(compared.chosen)
    return (
        f"<header><h1>{html.escape(options.title)}</h1><p class='quiet'>{count} {'run' if count == 1 else 'runs'}, "
        f"{html.escape(options.made)}</p><p class='notice'>Generated pictures: {NOTICE}.</p></header>\n"
    )


def _foot(compared: Comparison) -> str:
    view = compared.options.view
    words = f" The same view in the app: <code>{html.escape(view)}</code>" if view else ""
    return f"<footer class='quiet'><p>Made with GANray {html.escape(__version__)}.{words}</p></footer>\n"


def _scrubber() -> str:
    """Return the place of the scrubber, which the script shows, and the app's own scrubber as a template."""
    style = _text(_COMPONENTS / "stage_range.css") + _text(_COMPONENTS / "stage_scrubber.css")
    body = _text(_COMPONENTS / "stage_scrubber.html")
    template = f"<template id='scrubber-parts'><style>{style}</style>{body}</template>"
    return f"{template}<div id='scrubber' role='group' aria-label='Epoch of the page' hidden></div>\n"


def _samples(compared: Comparison, films: Sequence[Film], source: Source) -> str:
    """Return the sample grids of the chosen epoch, or of the nearest epoch that a run has."""
    epoch = compared.options.epoch
    figures = "".join(_figure(compared, number, film, source) for number, film in enumerate(films))
    word = units.word(compared.chosen)
    at = f"{word} {units.written(epoch)}" if epoch is not None else f"the last {word}s"
    held = _held(films)
    words = f"<p class='quiet scripted'>{_KEYS}</p>"
    words += f"<p class='quiet scripted'>{html.escape(held)}</p>" if held else ""
    words += f"<p class='quiet'>{html.escape(units.MIXED)}</p>" if units.mixed(compared.chosen) else ""
    return section("Samples", f"<div class='row'>{figures}</div>{words}", f"<span class='still'>: {at}</span>")


def _held(films: Sequence[Film]) -> str:
    """Return a sentence about the grids that the page had no room for; "" if it holds all."""
    found: dict[str, list[str]] = {}
    for film in films:
        if film.thinned:
            found.setdefault(f"{len(film.frames)} of {film.whole}", []).append(film.entry.label)
    parts = "; ".join(f"{part} of {listed(names)}" for part, names in found.items())
    return f"To stay small enough, this page holds a spread of the grids: {parts}. A folder holds all." if parts else ""


def _figure(compared: Comparison, number: int, film: Film, source: Source) -> str:
    entry, opening, epoch = film.entry, film.opening, compared.options.epoch
    words, picture = film.reason, ""
    address = source(entry, opening) if opening else None
    if opening and address:
        words = film.at(opening)
        if epoch is not None and abs(opening.place - epoch) >= SAME_PLACE:
            words += f", the nearest this run has to {epoch * entry.scale:.0f}"
        alt = html.escape(f"Sample grid of {entry.label} at {film.at(opening)}")
        picture = f'{_headings(entry)}<img alt="{alt}" src="{html.escape(address)}">'
    elif opening:
        words = "its grid cannot be read"
    wide = " class='translator'" if entry.domains else ""
    title = f"<br>{html.escape(entry.title)}" if entry.title else ""
    at = f"<span class='at'>{html.escape(words)}</span>"
    caption = f"<figcaption>{named(entry, compared.look)}, {at}{title}</figcaption>"
    return f"<figure data-run='{number}'{wide}>{picture}{caption}</figure>\n"


def _headings(entry: Entry) -> str:
    """Return the headings of the six columns of a translator's sheet."""
    if not entry.sheet:
        return ""
    ways = "".join(f"<b>{html.escape(a)} → {html.escape(b)}</b>" for a, b in entry.sheet.ways)
    columns = "".join(f"<span>{word}</span>" for word in entry.sheet.pictures * 2)
    return f"<div class='headings'>{ways}{columns}</div>"


def _happened(compared: Comparison) -> str:
    found, options = [], compared.options
    for entry in compared.chosen:
        if entry.name in options.happened:
            lines = "".join(_event_line(entry, each) for each in options.happened[entry.name])
            found.append(f"<h3>{named(entry, compared.look)}</h3><ul>{lines}</ul>")
    paragraph = f"<p>{html.escape(options.compared)}</p>" if options.compared else ""
    return section("What happened", paragraph + "".join(found)) if found or paragraph else ""


def _event_line(entry: Entry, each: ReportedEvent) -> str:
    sign = "⚠ " if each.ailment else ""
    advice = f" <span class='quiet'>Suggestion: {html.escape(each.advice)}.</span>" if each.advice else ""
    title = f"<b>{sign}{html.escape(each.title)}</b>"
    # The script makes it a button.
    link = "" if each.epoch is None else f" data-epoch-link='{units.written(entry.place(each.epoch))}'"
    when = f", <span{link}>{html.escape(each.when)}</span>" if each.when else ""
    return f"<li>{title}{when}: {html.escape(each.sentence)}{advice}</li>"


def _curves(groups: Sequence[Group], compared: Comparison) -> str:
    drawn, options = [], compared.options
    for group in groups:
        if len(groups) > 1:
            drawn.append(f"<h3>Runs that learn to {html.escape(group.task)}</h3>")
        names = " &emsp; ".join(named(entry, compared.look) for entry in group.members)
        drawn.append(f"<p class='quiet'>{names}</p>")
        cursor = options.epoch if options.axis == "epoch" else None  # on other axes each run has its own position
        parts = "".join(_chart(each, cursor) for each in group.charts)
        drawn.append(f"<div class='row wide'>{parts}</div>" if parts else "<p>Nothing is logged yet.</p>")
    along = "" if options.axis == "epoch" else f", along {curve_payloads.AXIS_LABELS[options.axis]}"
    note = f"<p class='quiet'>Smoothing {options.smoothing:g}{along}; the pale curves are the logged values.</p>"
    return section("Curves", "".join(drawn) + note)


def _chart(each: ReportedChart, cursor: float | None) -> str:
    drawn = svg.chart(each.traces, each.title, each.end, along=each.along, percent=each.percent, cursor=cursor)
    title, words = html.escape(each.title), html.escape(each.meaning)
    percent = " data-percent" if each.percent else ""
    below = f"<p class='quiet'>{words.strip()}</p>" if words else ""
    return f"<div class='chart'{percent}><h3>{title}</h3>{drawn}{below}</div>\n"


def _notes(compared: Comparison) -> str:
    written = compared.options.written
    found = [(entry, written[entry.name].note) for entry in compared.chosen if entry.name in written]
    parts = [f"<h3>{named(e, compared.look)}</h3><p class='note'>{html.escape(note)}</p>" for e, note in found if note]
    return section("Notes", "".join(parts)) if parts else ""
