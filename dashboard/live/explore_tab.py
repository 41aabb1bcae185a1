"""The tab Explore: its layout and its events; `explore` computes what it shows."""

import secrets
from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any

import gradio as gr

from dashboard.live import disclaimers, explore, input_fields, picture_html
from dashboard.live.explore import Explorers, Place
from dashboard.live.input_fields import Updates, private
from dashboard.live.models import ModelCache
from dashboard.widgets.text import sentence
from gan_core.errors import UserError

# What the visitor did on the page goes with a hidden button, in the place of its last input.
_MOVE = "(...given) => [...given.slice(0, -1), ganrayMove()]"
_KEPT = 4  # views that the page may still show while a newer one is on its way
_ALONE = "no other run"
_OF = [("Early features (GANSpace)", explore.FEATURES), ("Pictures", explore.PICTURES)]
_LARGEST_NEW_SEED = 10**6


@dataclass(frozen=True)
class _Fields:
    """The components of the tab."""

    run: gr.Dropdown
    label: gr.Dropdown
    seed: gr.Number
    other_seed: gr.Button
    back: gr.Button
    across: gr.Dropdown
    up: gr.Dropdown
    turn: gr.Slider
    of: gr.Radio
    other: gr.Dropdown
    message: gr.HTML
    rows: gr.HTML
    effects: gr.HTML
    view: gr.HTML
    link: gr.HTML
    places: gr.State  # those that the page may still show, the newest last
    move: gr.Textbox  # filled by the page's script
    go: gr.Button

    @property
    def chosen(self) -> list[Any]:
        return [self.run, self.label, self.seed, self.of, self.turn, self.other]

    @property
    def shown(self) -> list[Any]:
        return [self.places, self.message, self.view, self.link]


def build(blocks: gr.Blocks, tab: gr.Tab, models: ModelCache) -> Explorers:
    """Add the tab to the Blocks that are being built; return the explorers, which the endpoints use as well."""
    explorers = Explorers(models)
    fields = _layout(models)
    _fill(blocks, tab, models, explorers, fields)
    _move(explorers, fields)
    return explorers


def _layout(models: ModelCache) -> _Fields:
    with gr.Row():
        with gr.Column(scale=1, min_width=250):
            run = input_fields.run(models, "generate")
            label = gr.Dropdown(label="Class", **_classes(models, run.value))
            with gr.Row():
                seed = gr.Number(0, label="Seed", precision=0, minimum=0, min_width=90)
                other_seed = gr.Button("New seed", size="md", min_width=90)
            back = gr.Button("Back to the seed", size="md")
            across = gr.Dropdown(label="Across the plane", choices=[], value=None)
            up = gr.Dropdown(label="Up the plane", choices=[], value=None)
            turn = gr.Slider(
                *(0.05, 1.0, 0.3), step=0.05, label="Step to neighbours", info="1: a right angle", buttons=[]
            )
            of = gr.Radio(_OF, value=explore.FEATURES, label="Principal components of")
            other = gr.Dropdown(label="Same latents in", **_others(models, run.value))
        with gr.Column(scale=4, min_width=320, elem_classes="exploring"):
            message = gr.HTML(input_fields.no_run_message(run.value))
            gr.HTML(explore.STAGE)
            link = gr.HTML("")
            rows, effects, view = gr.HTML(""), gr.HTML(""), gr.HTML("")
            gr.HTML(disclaimers.EXPLORATION)
    places: gr.State = gr.State([])
    move = gr.Textbox(visible=False)
    go = gr.Button("Go", elem_id="ganray-go", elem_classes="unseen")
    shown = (message, rows, effects, view, link, places, move, go)
    return _Fields(run, label, seed, other_seed, back, across, up, turn, of, other, *shown)


def _fill(blocks: gr.Blocks, tab: gr.Tab, models: ModelCache, explorers: Explorers, fields: _Fields) -> None:
    """Open the tab when a visitor looks at it; begin anew with another run, class or kind of components."""
    in_turn = input_fields.in_turn("explore")
    run, chosen = fields.run, fields.chosen
    plane = [fields.across, fields.up]
    results = [*fields.shown, fields.rows, fields.effects, *plane]

    def choices(name: str | None) -> tuple[gr.Dropdown, gr.Dropdown]:
        return gr.Dropdown(**_classes(models, name)), gr.Dropdown(**_others(models, name))

    def begin(places: list[Place], *given: Any) -> Updates:
        yield from _begin(explorers, places, *given)

    def look(places: list[Place], *given: Any) -> Updates:
        if not places:  # else the visitor comes back to the tab
            yield from _begin(explorers, places, *given)

    def measure(places: list[Place]) -> Iterator[str]:
        yield from _measured(explorers, places)

    def again(places: list[Place]) -> tuple[Any, ...]:
        return _drawn(explorers, places, lambda place: place)

    def reach(places: list[Place], across: str, up: str) -> tuple[Any, ...]:
        return _drawn(explorers, places, lambda place: replace(place, across=across, up=up))

    def step(places: list[Place], turn: float, other: str | None) -> tuple[Any, ...]:
        return _drawn(explorers, places, lambda place: replace(place, turn=turn, other=_other(other)))

    slow, own = private("explore", concurrency_limit=1), private("explore on the page", concurrency_limit=2)
    blocks.load(lambda name: input_fields.known_runs(models, "generate", name), run, run, **in_turn).then(
        choices, run, [fields.label, fields.other], **in_turn
    )
    opened = tab.select(look, [fields.places, *chosen], results, **slow)
    renewed = [
        run.input(choices, run, [fields.label, fields.other], **in_turn).then(
            begin, [fields.places, *chosen], results, **slow
        )
    ]
    renewed += [field.input(begin, [fields.places, *chosen], results, **slow) for field in (fields.label, fields.of)]
    for event in (opened, *renewed):
        event.then(lambda places: _fitted(explorers, places), fields.places, [fields.rows, *plane], **slow).then(
            again, fields.places, fields.shown, **own
        ).then(measure, fields.places, fields.effects, **slow)
    last: dict[str, Any] = {"trigger_mode": "always_last", **own}
    gr.on([fields.across.input, fields.up.input], reach, [fields.places, *plane], fields.shown, **last)
    gr.on(
        [fields.turn.release, fields.other.input],
        *(step, [fields.places, fields.turn, fields.other], fields.shown),
        **last,
    )


def _move(explorers: Explorers, fields: _Fields) -> None:
    """Go where the visitor drags or clicks, or to another seed."""

    def seeded(places: list[Place], seed: float | None) -> tuple[Any, ...]:
        def there(place: Place) -> Place:
            explorer = explorers.get(place.run, place.label)
            fresh = explore.start(explorer, place.run, place.label, place.of, seed, place.turn, place.other)
            return replace(fresh, across=place.across, up=place.up)

        return _drawn(explorers, places, there)

    def go(places: list[Place], text: str) -> tuple[Any, ...]:
        return _drawn(explorers, places, lambda _: explore.moved(explorers, places, text))

    last: dict[str, Any] = private("explore on the page", concurrency_limit=2, trigger_mode="always_last")
    fields.seed.input(seeded, [fields.places, fields.seed], fields.shown, **last)
    fields.back.click(seeded, [fields.places, fields.seed], fields.shown, **last)
    fields.other_seed.click(
        lambda: secrets.randbelow(_LARGEST_NEW_SEED), None, fields.seed, **input_fields.in_turn("explore")
    ).then(seeded, [fields.places, fields.seed], fields.shown, **last)
    fields.go.click(go, [fields.places, fields.move], fields.shown, js=_MOVE, **last)


def _begin(
    explorers: Explorers,
    places: list[Place],
    run: str | None,
    label: str | None,
    seed: float | None,
    of: str,
    turn: float,
    other: str | None,
) -> Updates:
    """Yield the values of the tab's results: a line while the run is looked at, then its first view."""
    if not run:
        yield (gr.skip(),) * 8
        return
    if not explorers.is_ready(run, label):
        wait = picture_html.message(f"Drawing a few hundred pictures of {run} to find its directions.", "wait")
        yield gr.skip(), wait, *[gr.skip()] * 6
    try:
        explorer = explorers.get(run, label)
        place = explore.start(explorer, run, label or None, of, seed, turn, _other(other))
        place = replace(place, number=places[-1].number if places else 0)
        directions = explore.offered(explorer, place)
        shown = _drawn(explorers, [place], lambda one: one)
        names = [one.name for one in directions]
        fields = [gr.Dropdown(choices=names, value=value) for value in (place.across, place.up)]
        yield *shown, explore.rows(directions, _absent(explorer), not explorer.is_fitted), "", *fields
    except UserError as error:
        yield [], picture_html.message(sentence(str(error)), "error"), "", "", "", "", *[gr.skip()] * 2


def _drawn(explorers: Explorers, places: list[Place], change: Any) -> tuple[Any, ...]:
    """Return the values of the tab's view after a change of the newest place; an error becomes a message."""
    if not places:
        return (gr.skip(),) * 4
    try:
        place = replace(change(places[-1]), number=places[-1].number + 1)
        view, link = explore.view(explorers, place), explore.download(explorers, place)
    except UserError as error:
        return gr.skip(), picture_html.message(sentence(str(error)), "error"), gr.skip(), gr.skip()
    return [*places[1 - _KEPT :], place], "", view, link


def _fitted(explorers: Explorers, places: list[Place]) -> tuple[Any, Any, Any]:
    """Measure; return the sliders and the choices of the plane with what was found."""
    if not places:
        return (gr.skip(),) * 3
    place = places[-1]
    try:
        explorer = explorers.get(place.run, place.label)
        explorer.fitted()
        directions = explore.offered(explorer, place)
    except UserError as error:
        return picture_html.message(sentence(str(error)), "error"), gr.skip(), gr.skip()
    names = [one.name for one in directions]
    return explore.rows(directions, _absent(explorer), False), gr.Dropdown(choices=names), gr.Dropdown(choices=names)


def _measured(explorers: Explorers, places: list[Place]) -> Iterator[str]:
    """Yield what the directions change, one direction after the other."""
    if not places:
        return
    try:
        explorer = explorers.get(places[-1].run, places[-1].label)
        directions = explore.offered(explorer, places[-1])
        for direction in directions:
            explorer.effect(direction)
            yield explore.effects(explorer.known_effects(directions))
    except UserError:
        return  # the view says why nothing is drawn


def _absent(explorer: Any) -> list[Any]:
    return [one for one in explorer.fitted() if hasattr(one, "reason")] if explorer.is_fitted else []


def _classes(models: ModelCache, name: str | None) -> dict[str, Any]:
    """Return the choices of classes; of an unconditional run there are none."""
    found = input_fields.classes(models, name)["choices"][1:]
    return {"choices": found, "value": next(iter(found), None), "interactive": bool(found)}


def _others(models: ModelCache, name: str | None) -> dict[str, Any]:
    found = [pair for pair in input_fields.runs(models, "generate")["choices"] if pair[1] != name]
    return {"choices": [_ALONE, *found], "value": _ALONE}


def _other(value: str | None) -> str | None:
    return None if value in (None, _ALONE) else value
