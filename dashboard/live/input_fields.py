"""What the tabs share: the fields of runs, directions, classes and example images, and how they are filled."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import islice
from typing import Any, Literal

import gradio as gr

from dashboard.live import examples, generate, picture_html
from dashboard.live.models import ModelCache
from gan_core.errors import UserError
from gan_core.runs import REFERENCE

Updates = Iterator[tuple[Any, ...]]  # values of an event's outputs, one tuple a step


def upload(label: str, several: bool) -> gr.File:
    """Return an upload field for files of any name: the decoder detects the format, and DICOM needs no suffix."""
    count: Literal["multiple", "single"] = "multiple" if several else "single"
    return gr.File(label=label, file_count=count, height=120, elem_classes="ganray-upload")


def run(models: ModelCache, ability: str) -> gr.Dropdown:
    return gr.Dropdown(label="Run", **runs(models, ability))


def runs(models: ModelCache, ability: str, chosen: str | None = None) -> dict[str, Any]:
    """Return the choices of runs; shipped runs lose their folder where the short name is unique."""
    names = models.names(ability)
    short = [name.removeprefix(f"{REFERENCE}/") for name in names]
    labels = [brief if short.count(brief) == 1 else name for brief, name in zip(short, names, strict=True)]
    value = chosen if chosen in names else names[0] if names else None
    return {"choices": list(zip(labels, names, strict=True)), "value": value}


def brief(name: str) -> str:
    """Return the name of a run without the folder of the shipped ones."""
    return name.removeprefix(f"{REFERENCE}/")


def known_runs(models: ModelCache, ability: str, chosen: str | None) -> gr.Dropdown:
    """Return the field with the current runs; a valid value is not sent, as it could overwrite a newer one."""
    found = runs(models, ability, chosen)
    return gr.Dropdown(choices=found["choices"]) if found["value"] == chosen else gr.Dropdown(**found)


def directions(models: ModelCache, name: str | None) -> dict[str, Any]:
    """Return the choices of directions, each labelled with both domains; its value is the target."""
    try:
        domains, targets = models.directions(name) if name else ((), ())
    except UserError:
        domains, targets = (), ()
    pairs = (domains, domains[::-1]) if domains else ()
    choices = [(f"{other} → {to}", to) for other, to in pairs if to in targets]
    return {"choices": choices, "value": choices[0][1] if choices else None}


def classes(models: ModelCache, name: str | None) -> dict[str, Any]:
    """Return the choices of classes; the field is inactive for an unconditional run."""
    try:
        found = models.classes(name) if name else ()
    except UserError:
        found = ()
    return {"choices": [generate.ANY, *found], "value": generate.ANY, "interactive": bool(found)}


def seconds(models: ModelCache, name: str | None, label: str | None = None) -> dict[str, Any]:
    """Return the choices of the second class; hidden where only one other class remains."""
    found = classes(models, name)["choices"][1:]
    first = label if label in found else next(iter(found), None)
    others = [one for one in found if one != first]
    return {"choices": others, "value": next(iter(others), None), "visible": len(others) > 1}


def in_steps(models: ModelCache, name: str | None) -> bool:
    """Return whether the run draws in steps, from noise, and can show them."""
    try:
        return bool(name) and models.shows_path(name or "")
    except UserError:
        return False


def can_be_judged(models: ModelCache, name: str | None) -> bool:
    """Return whether a classifier fits the classes of the run."""
    from gan_core.evaluation import predicted_classes

    try:
        return bool(name) and bool(predicted_classes.fitting(models.config(name or "")))
    except UserError:
        return False


def gallery() -> gr.Gallery:
    """Return an empty gallery of examples; it is filled when a visitor arrives, not when the server starts."""
    return gr.Gallery(
        label="Or click an example",
        format="png",
        columns=3,
        allow_preview=False,
        buttons=[],
        object_fit="cover",
        elem_classes="ganray-examples",
    )


def shown(models: ModelCache, name: str | None, to: str | None = None) -> Iterator[gr.Gallery]:
    """Yield the gallery with examples for the run, none selected; those that must be generated come later."""
    found: list[Any] = []
    for pair in offered(models, name, to):
        found.append(examples.as_picture(pair))
        if len(found) == examples.COUNT:
            yield gr.Gallery(list(found), selected_index=None, visible=True)
    if len(found) != examples.COUNT:
        yield gr.Gallery(found, selected_index=None, visible=bool(found))


def example(models: ModelCache, name: str | None, number: int, to: str | None = None) -> bytes:
    """Return an example of the gallery as PNG, by its number.

    Raises:
        UserError: The gallery has fewer examples by now.
    """
    for content, _ in islice(offered(models, name, to), number, None):
        return content
    raise UserError("this example is not there any more: reload the page")


def offered(models: ModelCache, name: str | None, to: str | None = None) -> Iterator[tuple[bytes, str]]:
    """Return an iterator of (PNG, caption) of examples that the run can translate to domain `to`, or encode."""
    try:
        config = models.config(name or "")
    except UserError:
        return iter(())
    sources = [domain for domain in config.domains or config.classes if domain != to]
    return examples.examples(models, config, sources[0]) if sources else iter(())


def private(kind: str, **more: Any) -> dict[str, Any]:
    """Return the settings of an event that only the page uses; events of one kind share a concurrency limit."""
    return {"api_visibility": "private", "show_progress": "hidden", "concurrency_id": kind, **more}


def in_turn(kind: str) -> dict[str, Any]:
    """Return the settings of an event that fills choices: one at a time, so that the newest click is answered last."""
    return private(f"{kind} choices", concurrency_limit=1)


def only_changes(steps: Updates) -> Updates:
    """Yield only the changed outputs of each step: an output that is sent again would flicker."""
    before: tuple[Any, ...] = ()
    for step in steps:
        same = [old == new for old, new in zip(before, step, strict=True)] if before else [False] * len(step)
        yield tuple(gr.skip() if unchanged else new for unchanged, new in zip(same, step, strict=True))
        before = step


@dataclass(frozen=True)
class Body:
    """What a tab holds where a run has its ability, and the line that stands there where none has."""

    ability: str
    line: gr.HTML
    column: gr.Column

    def now(self, models: ModelCache) -> tuple[Any, Any]:
        """Return the line and the column, one of them visible; skips where that is as they were built."""
        there = bool(models.names(self.ability))
        if there == self.column.visible:
            return gr.skip(), gr.skip()
        return gr.HTML(visible=not there), gr.Column(visible=there)


@contextmanager
def body(models: ModelCache, ability: str) -> Iterator[Body]:
    """Draw the body of a tab that needs runs of an ability: what is drawn inside is hidden where there is none."""
    there = bool(models.names(ability))
    words = "No run here can do this yet: train one on the Train page."
    line = gr.HTML(picture_html.message(words), visible=not there)
    with gr.Column(visible=there) as column:
        yield Body(ability, line, column)
