"""What a visitor chooses from, the same in every tab: runs, directions, classes, pictures of ours."""

from collections.abc import Iterator
from itertools import islice
from typing import Any, Literal

import gradio as gr

from dashboard.live import examples, generate
from dashboard.live.models import ModelCache
from gan_core.errors import UserError
from gan_core.runs import REFERENCE


def upload(label: str, several: bool) -> gr.File:
    """A place to drop a file of any kind on: the decoder looks at what is inside, and DICOM needs no ending."""
    count: Literal["multiple", "single"] = "multiple" if several else "single"
    return gr.File(label=label, file_count=count, height=120, elem_classes="ganray-upload")


def run(models: ModelCache, ability: str) -> gr.Dropdown:
    return gr.Dropdown(label="Run", **runs(models, ability))


def runs(models: ModelCache, ability: str, chosen: str | None = None) -> dict[str, Any]:
    """Runs by their names, without the folder of the shipped ones where that leaves no doubt."""
    names = models.names(ability)
    short = [name.removeprefix(f"{REFERENCE}/") for name in names]
    labels = [brief if short.count(brief) == 1 else name for brief, name in zip(short, names, strict=True)]
    value = chosen if chosen in names else names[0] if names else None
    return {"choices": list(zip(labels, names, strict=True)), "value": value}


def known_runs(models: ModelCache, ability: str, chosen: str | None) -> gr.Dropdown:
    """The field with the runs there are now. A choice that still stands is not sent: there may be a newer one."""
    found = runs(models, ability, chosen)
    return gr.Dropdown(choices=found["choices"]) if found["value"] == chosen else gr.Dropdown(**found)


def directions(models: ModelCache, name: str | None) -> dict[str, Any]:
    """Choices of a direction that the run goes, each named by both domains, its value the target."""
    try:
        domains, targets = models.directions(name) if name else ((), ())
    except UserError:
        domains, targets = (), ()
    ways = (domains, domains[::-1]) if domains else ()
    choices = [(f"{other} → {to}", to) for other, to in ways if to in targets]
    return {"choices": choices, "value": choices[0][1] if choices else None}


def classes(models: ModelCache, name: str | None) -> dict[str, Any]:
    """Choices of a class, where the run can be asked for one."""
    try:
        found = models.classes(name) if name else ()
    except UserError:
        found = ()
    return {"choices": [generate.ANY, *found], "value": generate.ANY, "interactive": bool(found)}


def seconds(models: ModelCache, name: str | None, label: str | None = None) -> dict[str, Any]:
    """Choices of the class at the other end of the way; of two classes it is the other one, without asking."""
    found = classes(models, name)["choices"][1:]
    first = label if label in found else next(iter(found), None)
    others = [one for one in found if one != first]
    return {"choices": others, "value": next(iter(others), None), "visible": len(others) > 1}


def can_be_judged(models: ModelCache, name: str | None) -> bool:
    """Whether classifiers can be asked about a run's pictures."""
    from gan_core.evaluation import predicted_classes

    try:
        return bool(name) and bool(predicted_classes.fitting(models.config(name or "")))
    except UserError:
        return False


def gallery() -> gr.Gallery:
    """Examples to click on; filled when a visitor comes, not when the server starts."""
    return gr.Gallery(
        label="Or click a picture of ours",
        format="png",
        columns=3,
        allow_preview=False,
        buttons=[],
        object_fit="cover",
        elem_classes="ganray-examples",
    )


def shown(models: ModelCache, name: str | None, to: str | None = None) -> Iterator[gr.Gallery]:
    """The gallery with pictures that the run can take, none of them selected; what has to be generated comes later."""
    found: list[Any] = []
    for pair in offered(models, name, to):
        found.append(examples.as_picture(pair))
        if len(found) == examples.COUNT:
            yield gr.Gallery(list(found), selected_index=None, visible=True)
    if len(found) != examples.COUNT:
        yield gr.Gallery(found, selected_index=None, visible=bool(found))


def example(models: ModelCache, name: str | None, number: int, to: str | None = None) -> bytes:
    """PNG of the gallery's picture of that number.

    Raises:
        UserError: there are fewer by now.
    """
    for content, _ in islice(offered(models, name, to), number, None):
        return content
    raise UserError("this picture is not there any more: load the page again")


def offered(models: ModelCache, name: str | None, to: str | None = None) -> Iterator[tuple[bytes, str]]:
    """PNGs with captions of what the run can take, to be translated to domain `to`."""
    try:
        config = models.config(name or "")
    except UserError:
        return iter(())
    sources = [domain for domain in config.domains or config.classes if domain != to]
    return examples.examples(models, config, sources[0]) if sources else iter(())


def private(kind: str, **more: Any) -> dict[str, Any]:
    """Of an event that only the page uses; events of one kind share their places in the queue."""
    return {"api_visibility": "private", "show_progress": "hidden", "concurrency_id": kind, **more}


def in_turn(kind: str) -> dict[str, Any]:
    """Of events that fill in choices: one after the other, so that the answer to an older click never comes last."""
    return private(f"{kind} choices", concurrency_limit=1)
