"""Texts from runs as the app writes them: escaped, as sentences, names with their dot and state."""

import re
from pathlib import Path

from dashboard.charts.styles import Style, run_styles
from dashboard.library.store import Entry
from gan_core.data.readers import combined

STATE_BADGES = {
    "running": (":material/sync:", "blue", "running"),
    "stopped": (":material/pause_circle:", "orange", "stopped"),
    "failed": (":material/error:", "red", "failed"),
    "unknown": (":material/help:", "gray", "no status"),
}


def plain(text: str) -> str:
    """Text from a run or a user as Markdown that shows it as it is, on one line."""
    return re.sub(r"([\\`*_{}\[\]()<>#+\-.!|~$:^=&@])", r"\\\1", " ".join(text.split()))


def sentence(text: str) -> str:
    """One line with a capital and a full stop; the name of a file that comes first keeps its letters."""
    words = " ".join(text.split()).rstrip(".")
    named = any(mark in words.partition(" ")[0] for mark in ".:")
    return f"{words[:1] if named else words[:1].upper()}{words[1:]}."


def plain_sentence(text: str) -> str:
    """`sentence` as Markdown that shows it as it is."""
    return plain(sentence(text))


def source_name(source: str) -> str:
    """A data source in a few words: the last two parts of a path, classes and where they come from, else as it is."""
    if found := combined.origins(source):
        origins = sorted({origin for each in found.values() for origin in each})
        return f"{', '.join(found)} from {' and '.join(origins)}"
    if ":" in source and not Path(source).exists():
        return source
    return "/".join(Path(source).parts[-2:])


def name_line(entry: Entry, style: Style | None = None) -> str:
    """A run's dot and name, and its state where it is not finished, as Markdown."""
    style = style or run_styles([entry])[entry.name]
    line = f"{style.colored_dot} **{plain(entry.label)}**"
    return f"{line} {state_badge(entry)}".strip()


def state_badge(entry: Entry) -> str:
    """A badge as Markdown for a run that is not finished; empty for one that is."""
    if entry.status.state not in STATE_BADGES:
        return ""
    icon, color, word = STATE_BADGES[entry.status.state]
    return f":{color}-badge[{icon} {word}]"
