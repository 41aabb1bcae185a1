"""Display of texts from runs: escaped Markdown, sentences, names with their dot and state."""

import re
from pathlib import Path

from dashboard.charts.styles import Style, run_styles
from dashboard.library.store import Entry, origin_word
from gan_core.data.readers import combined
from gan_core.data.source import location

STATE_BADGES = {
    "running": (":material/sync:", "blue", "running"),
    "stopped": (":material/pause_circle:", "orange", "stopped"),
    "failed": (":material/error:", "red", "failed"),
    "unknown": (":material/help:", "gray", "no status"),
}


def plain(text: str) -> str:
    """Return a text from a run or a user as escaped Markdown on one line."""
    return re.sub(r"([\\`*_{}\[\]()<>#+\-.!|~$:^=&@])", r"\\\1", " ".join(text.split()))


def sentence(text: str) -> str:
    """Return a text on one line with a capital and a full stop. A file name at its start keeps its case.

    Three dots at the end stay: they say that a list goes on.
    """
    words = " ".join(text.split())
    words = words if words.endswith("...") else f"{words.rstrip('.')}."
    named = any(mark in words.removesuffix(".").partition(" ")[0] for mark in ".:")
    return f"{words[:1] if named else words[:1].upper()}{words[1:]}"


def plain_sentence(text: str) -> str:
    """Return `sentence` of a text as escaped Markdown."""
    return plain(sentence(text))


def source_name(source: str) -> str:
    """Return a short name of a data source: the last two parts of a path, or the classes with their origins.

    Other sources are returned unchanged.
    """
    if found := combined.origins(source):
        origins = sorted({origin for each in found.values() for origin in each})
        return f"{', '.join(found)} from {' and '.join(origins)}"
    place = location(source)
    if place == source and ":" in source and not Path(source).exists():
        return source
    return "/".join(Path(place).parts[-2:])


def name_line(entry: Entry, style: Style | None = None) -> str:
    """Return a run's dot and name, and its state unless it is finished, as Markdown."""
    style = style or run_styles([entry])[entry.name]
    line = f"{style.colored_dot} **{plain(entry.label)}**"
    return " ".join(filter(None, (line, origin_badge(entry), state_badge(entry))))


def origin_badge(entry: Entry) -> str:
    """Return a Markdown badge that says where a run comes from that GANray did not train; "" for others."""
    return f":violet-badge[:material/input: {plain(origin_word(entry.origin))}]" if entry.origin else ""


def state_badge(entry: Entry) -> str:
    """Return a Markdown badge with the state of a run; "" if it is finished."""
    if entry.status.state not in STATE_BADGES:
        return ""
    icon, color, word = STATE_BADGES[entry.status.state]
    return f":{color}-badge[{icon} {word}]"
