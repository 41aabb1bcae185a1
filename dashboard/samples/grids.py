"""The stage: one epoch of several runs side by side, moved by one scrubber without asking the server.

Two elements in the browser: the scrubber decides which epoch it is, the stage draws it; components/stage_address.js
says how they, the curves and whoever else speak with each other.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import streamlit as st

from dashboard.charts.styles import Style, run_styles
from dashboard.library import data_here, real_sheet
from dashboard.library.store import Entry, Library
from dashboard.samples import animations
from dashboard.server import frames
from dashboard.widgets.text import STATE_BADGES, plain, source_name

HERE = Path(__file__).resolve().parent.parent / "components"
MOST = 8  # runs side by side


def _text(*names: str) -> str:
    return "\n".join((HERE / name).read_text(encoding="utf-8") for name in names)


# A component is one module of JavaScript: its files are joined, the one that is called comes last.
_SCRUBBER = st.components.v2.component(
    "ganray_scrubber",
    html=_text("stage_scrubber.html"),
    css=_text("stage_range.css", "stage_scrubber.css"),
    js=_text("stage_address.js", "stage_scrubber.js"),
)
_STAGE = st.components.v2.component(
    "ganray_stage",
    html=_text("stage.html"),
    css=_text("stage_range.css", "stage.css"),
    js=_text("stage_address.js", "stage_frames.js", "stage_card.js", "stage_look.js", "stage_large.js", "stage.js"),
)


def show(library: Library, chosen: list[Entry], look: dict[str, Style]) -> None:
    """The scrubber, the runs' grids at its epoch, and their animations."""
    seen = [entry for entry in chosen if not entry.light]
    shown = seen[:MOST]
    show_scrubber(shown or chosen)
    if len(seen) > MOST:
        st.caption(f"The first {MOST} of the {len(seen)} chosen runs; the curves and the tables show all.")
    show_light([entry for entry in chosen if entry.light])
    if shown:
        show_grids(shown, look)
        ask_for_data(shown)
        animations.show(shown, look, columns)


def show_light(light: Sequence[Entry]) -> None:
    """A sentence on the runs that only numbers were kept of."""
    if light:
        names = ", ".join(f"**{plain(entry.label)}**" for entry in light)
        they = "it" if len(light) == 1 else "them"
        words = f"{names}: no samples were kept of {they}. Curves, tables and evaluation show {they}."
        st.caption(f":material/hide_image: {words}")


def show_scrubber(shown: Sequence[Entry]) -> None:
    """The one that moves every grid and every cursor; it stays in sight while the page moves below it."""
    stops = sorted({epoch for entry in shown for epoch in entry.sheets})
    # Without sheets the curves alone have an epoch to move.
    last = stops[-1] if stops else max((entry.status.epoch for entry in shown), default=0)
    with st.container(key="scrubber"):
        _SCRUBBER(data={"stops": stops, "last": last}, key="epoch scrubber")


def show_grids(shown: Sequence[Entry], look: dict[str, Style]) -> None:
    """A card for each run with its sheet."""
    runs = [describe(entry, look[entry.name]) for entry in shown]
    _STAGE(data={"runs": runs, "real": real_images(shown), "columns": columns(shown)}, key="stage")


def show_one(entry: Entry, facts: "EpochNumbers | None" = None) -> None:
    """The sheet of one run in all the room there is, with numbers of its epochs below."""
    told = {"title": "", "facts": facts.as_data() if facts else None}
    run = describe(entry, run_styles([entry])[entry.name]) | told
    _STAGE(data={"runs": [run], "real": real_images([entry]), "columns": 1}, key="stage")


@dataclass(frozen=True)
class EpochNumbers:
    """Numbers of a run that belong to its sheets."""

    title: str
    rows: dict[str, dict[int, str]]  # name -> epoch -> value, as it is shown
    note: str

    def as_data(self) -> dict[str, Any]:
        epochs = sorted({epoch for values in self.rows.values() for epoch in values})
        rows = [[name, [values.get(epoch, "–") for epoch in epochs]] for name, values in self.rows.items()]
        return {"title": self.title, "epochs": epochs, "rows": rows, "note": self.note}


def describe(entry: Entry, style: Style) -> dict[str, Any]:
    """A run as the stage's JavaScript draws it; every text in it is shown as it is, never as HTML."""
    config = entry.config
    assert config is not None
    base, names = frames.sheets(entry)
    word = STATE_BADGES[entry.status.state][2] if entry.status.state in STATE_BADGES else ""
    return {
        "name": entry.name,
        "label": entry.label,
        "title": entry.title,
        "state": word,
        "colour": style.color,
        "dot": style.dot,
        "private": entry.private,
        "task": entry.task,
        "domains": entry.domains,
        "ways": entry.sheet.ways if entry.sheet else None,
        "steps": entry.sheet.pictures if entry.sheet else None,
        "size": config.image_size,
        "base": base,
        "frames": list(names.items()),
        "inputs": inputs(entry),
        "seed": config.seed,
        "classes": classes(entry),
    }


def inputs(entry: Entry) -> str:
    """What a run's sheets are drawn from; equal for runs whose samples can be held against each other."""
    config = entry.config
    assert config is not None
    if entry.domains:
        return f"{config.fingerprint} {config.preview_inputs} {config.image_size} {config.seed} {entry.domains}"
    return f"{config.seed} {config.settings.get('latent_size', '')}"


def classes(entry: Entry) -> list[str]:
    """The class of each sample of a conditional generator's sheet, in order; empty for other runs."""
    config = entry.config
    if config is None or not entry.traits.conditional or entry.domains or not config.classes:
        return []
    return [config.classes[index * len(config.classes) // real_sheet.COUNT] for index in range(real_sheet.COUNT)]


def real_images(shown: Sequence[Entry]) -> list[dict[str, Any]]:
    """The data sets of these runs that are on this machine, each once."""
    found: dict[str, dict[str, Any]] = {}
    for entry in shown:
        config = entry.config
        if config is None or not (place := place_of(config.source)):
            continue
        drawn = place.startswith("phantom:")
        name = real_sheet.token(config, place)
        one = found.setdefault(
            name,
            {
                "kind": "Drawn" if drawn else "Real",
                "label": source_name(config.source),
                "title": "Drawn, as the training images were." if drawn else "Images of the data set, not generated.",
                "private": not drawn,
                "runs": [],
                "size": config.image_size,
                "base": frames.base(entry, frames.REAL),
                "file": f"{name}.png",
            },
        )
        one["runs"].append(entry.name)
    return list(found.values())


def place_of(source: str) -> str:
    """Where a run's data is on this machine, as its config or the reader says; empty if it is not."""
    if data_here.is_here(source):
        return source
    typed = str(st.session_state.get(f"data {source}", "")).strip()
    return typed if typed and data_here.is_here(typed) else ""


def ask_for_data(shown: Sequence[Entry]) -> None:
    """Fields for the data sets that are not where their runs name them; what is typed stays in this session."""
    named = dict.fromkeys(entry.config.source for entry in shown if entry.config)
    away = [source for source in named if not data_here.is_here(source)]
    if not away:
        return
    with st.popover("Real images beside", icon=":material/compare:", key="data places"):
        st.caption("Where the data is on this machine. Its images are read here and shown here, and kept nowhere.")
        for source in away:
            words = f"the folder or zip of {source_name(source)}"
            typed = st.text_input(plain(source_name(source)), key=f"data {source}", placeholder=words)
            if typed.strip() and not data_here.is_here(typed.strip()):
                st.error(plain(f"There is no folder or zip '{typed.strip()}' on this machine."))


def columns(entries: Sequence[Entry]) -> int:
    """Cells a row: four at most, and at least three, so that one picture alone does not fill the screen.

    A translator's card takes two of four.
    """
    count = len(entries)
    return 3 if not any(entry.domains for entry in entries) and (count <= 3 or count in (5, 6)) else 4
