"""The stage: the sample grids of several runs at one epoch, which a scrubber changes without a request to the server.

It consists of two elements in the browser: the scrubber chooses the epoch, the stage draws it. The events between them,
the curves and other elements are documented in components/stage_address.js.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import streamlit as st

from dashboard.charts import run_metrics
from dashboard.charts.styles import Style, run_styles
from dashboard.library import data_here, real_sheet, units
from dashboard.library.store import Entry, Library, origin_word
from dashboard.server import frames
from dashboard.widgets import error_boundary
from dashboard.widgets.components import component
from dashboard.widgets.text import STATE_BADGES, plain, source_name

HERE = Path(__file__).resolve().parent.parent / "components"
MOST = 8  # runs side by side


def _text(*names: str) -> str:
    return "\n".join((HERE / name).read_text(encoding="utf-8") for name in names)


# A component is one JavaScript module: its files are joined, and the file with the default export comes last.
_SCRUBBER = component(
    "ganray_scrubber",
    html=_text("stage_scrubber.html"),
    css=_text("stage_range.css", "stage_scrubber.css"),
    js=_text("stage_address.js", "stage_scrubber.js"),
)
_STAGE = component(
    "ganray_stage",
    html=_text("stage.html"),
    css=_text("stage_range.css", "stage.css"),
    js=_text("stage_address.js", "stage_frames.js", "stage_card.js", "stage_look.js", "stage_large.js", "stage.js"),
)


def show(library: Library, chosen: list[Entry], look: dict[str, Style]) -> None:
    """Draw the scrubber, and the runs' grids at its epoch: played, they are the film of the training."""
    with_samples = [entry for entry in chosen if not entry.light]
    first = with_samples[:MOST]
    show_scrubber(first or chosen, look)
    if len(with_samples) > MOST:
        st.caption(f"The first {MOST} of the {len(with_samples)} chosen runs; the curves and the tables show all.")
    show_light([entry for entry in chosen if entry.light])
    if first:
        show_grids(first, look)
        with st.container(horizontal=True, vertical_alignment="center"):
            ask_for_data(first)
            show_film(first)


def show_film(shown: Sequence[Entry]) -> None:
    """Say what is seen when the grids are played."""
    tasks = run_metrics.by_task([entry for entry in shown if not entry.only_pictures])
    words = [run_metrics.ANIMATIONS[task][1] for task in tasks]
    if any(entry.origin and not entry.only_pictures for entry in shown):
        words.append("A run of another program shows what that one drew.")
    if words:
        st.caption(f":material/play_arrow: {' '.join(words)}")


def show_light(light: Sequence[Entry]) -> None:
    """Draw a sentence about the runs that keep only their numbers."""
    if light:
        names = ", ".join(f"**{plain(entry.label)}**" for entry in light)
        subject = "this run has" if len(light) == 1 else "these runs have"
        st.caption(f":material/hide_image: {names}: {subject} metrics only, without samples.")


def show_scrubber(shown: Sequence[Entry], look: dict[str, Style]) -> None:
    """Draw the scrubber, which moves every grid and every cursor. It stays visible while the page scrolls."""
    stops = sorted({entry.place(number) for entry in shown for number in entry.sheets})
    # Without sheets the scrubber moves only the cursors of the curves.
    last = stops[-1] if stops else max((entry.place(entry.reached) for entry in shown), default=0)
    data: dict[str, Any] = {"stops": stops, "last": last, "unit": units.word(shown), "whole": not units.mixed(shown)}
    data["kept"] = [
        {
            "at": entry.place(number),
            "title": f"{entry.label} kept the weights of {entry.unit} {number}.",
            "colour": look[entry.name].color,
        }
        for entry in shown
        if (number := entry.kept_earlier) is not None and entry.place(number) <= last
    ]
    if shown and all(entry.only_pictures for entry in shown):
        data["pictures"] = True  # no training, of which an epoch could be missing
    with st.container(key="scrubber"):
        _SCRUBBER(data=data, key="epoch scrubber")
    if units.mixed(shown):
        st.caption(units.MIXED)


def show_grids(shown: Sequence[Entry], look: dict[str, Style]) -> None:
    """Draw a card for each run with its sheet."""
    runs = error_boundary.each(
        shown, lambda entry: describe(entry, look[entry.name]), lambda entry: f"The samples of run {entry.name}"
    )
    data = {"runs": runs, "real": real_images(shown), "columns": columns(shown), "unit": units.word(shown)}
    _STAGE(data=data, key="stage")


def show_one(entry: Entry, facts: "EpochNumbers | None" = None) -> None:
    """Draw the sheet of one run in the full width, with the numbers of its epoch below."""
    numbers = {"title": "", "facts": facts.as_data() if facts else None}
    run = describe(entry, run_styles([entry])[entry.name]) | numbers
    _STAGE(data={"runs": [run], "real": real_images([entry]), "columns": 1, "unit": entry.unit}, key="stage")


@dataclass(frozen=True)
class EpochNumbers:
    """Numbers of a run at the epochs of its sheets."""

    title: str
    rows: dict[str, dict[int, str]]  # name -> epoch -> displayed value
    note: str

    def as_data(self) -> dict[str, Any]:
        epochs = sorted({epoch for values in self.rows.values() for epoch in values})
        rows = [[name, [values.get(epoch, "–") for epoch in epochs]] for name, values in self.rows.items()]
        return {"title": self.title, "epochs": epochs, "rows": rows, "note": self.note}


def _title(entry: Entry) -> str:
    """Return the line below a run's name; it says if the run kept the weights of an earlier preview."""
    kept = "" if entry.kept_earlier is None else f"Its weights are those of epoch {entry.kept_earlier}."
    return " ".join(filter(None, (entry.title, kept)))


def describe(entry: Entry, style: Style) -> dict[str, Any]:
    """Return the data of a run for the stage's JavaScript, which displays all texts as plain text, never as HTML."""
    config = entry.config
    assert config is not None
    base, names = frames.sheets(entry)
    word = STATE_BADGES[entry.status.state][2] if entry.status.state in STATE_BADGES else ""
    return {
        "name": entry.name,
        "label": entry.label,
        "title": _title(entry),
        "state": word,
        "origin": origin_word(entry.origin) if entry.origin else "",
        "unit": entry.unit,
        "scale": entry.scale,
        "colour": style.color,
        "dot": style.dot,
        "private": entry.private,
        "task": entry.task,
        "domains": entry.domains,
        "ways": entry.sheet.ways if entry.sheet else None,
        "steps": entry.sheet.pictures if entry.sheet else None,
        "size": config.image_size,
        "base": base,
        "frames": [(entry.place(number), name) for number, name in names.items()],
        "gif": "" if entry.private else frames.animation(entry),
        "inputs": inputs(entry),
        "seed": config.known_seed,
        "classes": classes(entry),
    }


def inputs(entry: Entry) -> str:
    """Return a key of the inputs of a run's sheets; equal keys mean that the samples are comparable."""
    config = entry.config
    assert config is not None
    if entry.origin:
        return f"of {entry.name} alone"  # nobody knows what another program drew its samples from
    if entry.domains:
        return f"{config.fingerprint} {config.preview_inputs} {config.image_size} {config.seed} {entry.domains}"
    # Without a latent vector it begins with noise of the shape of its images.
    shape = config.settings.get("latent_size") or f"{config.channels} {config.image_size}"
    return f"{config.seed} {shape}"


def classes(entry: Entry) -> list[str]:
    """Return the class of each sample of a conditional generator's sheet, in order; empty for other runs."""
    config = entry.config
    if config is None or not entry.traits.conditional or entry.domains or not config.classes:
        return []
    return [config.classes[index * len(config.classes) // real_sheet.COUNT] for index in range(real_sheet.COUNT)]


def real_images(shown: Sequence[Entry]) -> list[dict[str, Any]]:
    """Return the data sets of these runs that are on this machine, each once, for the stage's JavaScript."""
    found: dict[str, dict[str, Any]] = {}
    for entry in shown:
        config = entry.config
        if config is None or not config.image_size or not (place := place_of(config.source)):
            continue
        drawn = place.startswith("phantom:")
        name = real_sheet.token(config, place)
        one = found.setdefault(
            name,
            {
                "kind": "Drawn" if drawn else "Real",
                "label": source_name(config.source),
                "title": "Phantoms, like the training images." if drawn else "Images of the data set, not generated.",
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
    """Return the path of a run's data on this machine, from its config or from the reader; "" if it is not here."""
    if data_here.is_named_here(source):
        return source
    typed = str(st.session_state.get(f"data {source}", "")).strip()
    return typed if typed and data_here.is_here(typed) else ""


def ask_for_data(shown: Sequence[Entry]) -> None:
    """Draw a path field for each data set that is not at its run's path. The input stays in this session."""
    configs = [entry.config for entry in shown if entry.config]
    named = dict.fromkeys(config.source for config in configs if config.source and config.image_size)
    missing = [source for source in named if not data_here.is_named_here(source)]
    if not missing:
        return
    with st.popover("Show real images for comparison", icon=":material/compare:", key="data places"):
        st.caption("The path of the data on this machine. The app reads and displays its images; it stores none.")
        for source in missing:
            words = f"folder or zip of {source_name(source)}"
            typed = st.text_input(plain(source_name(source)), key=f"data {source}", placeholder=words)
            if typed.strip() and not data_here.is_here(typed.strip()):
                st.error(plain(f"There is no folder or zip '{typed.strip()}' on this machine."))


def columns(entries: Sequence[Entry]) -> int:
    """Return the number of cells per row: 3 or 4, so that a single sheet does not fill the screen.

    A translator's card takes two of four.
    """
    count = len(entries)
    return 3 if not any(entry.domains for entry in entries) and (count <= 3 or count in (5, 6)) else 4
