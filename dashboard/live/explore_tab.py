"""The tab Explore: its layout and its events; `explore` computes what it shows."""

import secrets
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from typing import Any

import gradio as gr

from dashboard.live import disclaimers, explore, input_fields, picture_html
from dashboard.live.explore import Explorers, Place
from dashboard.live.input_fields import Updates, private
from dashboard.live.models import ModelCache
from dashboard.live.wishes import Wishes, by_visitor, unless_left
from dashboard.widgets.text import sentence
from gan_core.errors import UserError

# What the visitor did on the page goes with a hidden button, in the place of its last input.
_MOVE = "(...given) => [...given.slice(0, -1), ganrayMove()]"
_KEPT = 4  # views that the page may still show while a newer one is on its way
_ALONE = "no other run"
_OF = [("Early features (GANSpace)", explore.FEATURES), ("Pictures", explore.PICTURES)]
_LARGEST_NEW_SEED = 10**6
_SMALL = 64  # pixels a side


class Trail:
    """Where a visitor has been. Events of one visitor overlap, so they share it and do not hand copies on."""

    def __init__(self) -> None:
        self.places: list[Place] = []  # those that the page may still show, the newest last
        self.begun = 0  # how often another run, class or kind of components was chosen: what was asked before is late
        self.views = 0  # so far
        self.turn = threading.Lock()  # a move starts from where the one before it led to

    def __deepcopy__(self, memo: dict[int, Any]) -> "Trail":
        """Return a new visitor's trail: Gradio copies the first value of a state."""
        return Trail()

    def begin(self) -> int:
        self.begun += 1
        return self.begun


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
    trail: gr.State
    move: gr.Textbox  # filled by the page's script
    go: gr.Button

    @property
    def chosen(self) -> list[Any]:
        return [self.run, self.label, self.seed, self.of, self.turn, self.other]

    @property
    def shown(self) -> list[Any]:
        return [self.message, self.view, self.link]


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
            run = gr.Dropdown(label="Run", **input_fields.runs(models, "generate", _first(models)))
            label = gr.Dropdown(label="Class", **_classes(models, run.value))
            with gr.Row():
                seed = gr.Number(0, label="Seed", precision=0, minimum=0, min_width=90)
                other_seed = gr.Button("New seed", size="md", min_width=90)
            back = gr.Button("Back to the seed", size="md")
            across = gr.Dropdown(label="Across the plane", choices=[], value=None)
            up = gr.Dropdown(label="Up the plane", choices=[], value=None)
            turn = gr.Slider(
                *(0.05, 1.0, 0.3),
                step=0.05,
                label="Step to neighbours",
                info="Low: nearly the same picture. 1: a latent vector unrelated to this one",
                buttons=[],
            )
            of = gr.Radio(_OF, value=explore.FEATURES, label="Principal components of")
            other = gr.Dropdown(label="Same latents in", **_others(models, run.value))
        with gr.Column(scale=4, min_width=320, elem_classes="exploring"):
            message = gr.HTML("")
            gr.HTML(explore.STAGE)
            link = gr.HTML("")
            rows, effects, view = gr.HTML(""), gr.HTML(""), gr.HTML("")
            gr.HTML(disclaimers.EXPLORATION)
    trail: gr.State = gr.State(Trail())
    move = gr.Textbox(visible=False)
    go = gr.Button("Go", elem_id="ganray-go", elem_classes="unseen")
    shown = (message, rows, effects, view, link, trail, move, go)
    return _Fields(run, label, seed, other_seed, back, across, up, turn, of, other, *shown)


def _fill(blocks: gr.Blocks, tab: gr.Tab, models: ModelCache, explorers: Explorers, fields: _Fields) -> None:
    """Open the tab when a visitor looks at it; begin anew with another run, class or kind of components."""
    in_turn = input_fields.in_turn("explore")
    run, trail, chosen = fields.run, fields.trail, [fields.trail, *fields.chosen]
    plane = [fields.across, fields.up]
    results = [*fields.shown, fields.rows, fields.effects, *plane]

    def choices(name: str | None) -> tuple[gr.Dropdown, gr.Dropdown]:
        return gr.Dropdown(**_classes(models, name)), gr.Dropdown(**_others(models, name))

    def begin(trail: Trail, *given: Any) -> Updates:
        yield from _begin(explorers, trail, *given)

    def look(trail: Trail, *given: Any) -> Updates:
        if trail.places:  # the visitor comes back to the tab, which may have missed what arrived meanwhile
            yield (*[gr.skip()] * 5, *_plane(explorers, trail))
        else:
            yield from _begin(explorers, trail, *given)

    def fitted(trail: Trail) -> tuple[Any, Any, Any]:
        return _fitted(explorers, trail)

    def again(trail: Trail) -> tuple[Any, ...]:
        return _drawn(explorers, trail, lambda place: place)

    def measure(trail: Trail) -> Iterator[str]:
        yield from _measured(explorers, trail)

    def reach(trail: Trail, across: str | None, up: str | None) -> tuple[Any, ...]:
        return _drawn(explorers, trail, lambda place: replace(place, across=across or place.across, up=up or place.up))

    def step(trail: Trail, turn: float | None, other: str | None) -> tuple[Any, ...]:
        return _drawn(
            explorers, trail, lambda place: replace(place, turn=explore.checked_turn(turn), other=_other(other))
        )

    opening, own = private("explore", concurrency_limit=2), private("explore on the page", concurrency_limit=3)
    slow = private("explore measures", concurrency_limit=1)
    both, wishes = [fields.label, fields.other], gr.State(Wishes())
    blocks.load(lambda name: input_fields.known_runs(models, "generate", name), run, run, **in_turn).then(
        unless_left(choices), [wishes, run], both, **in_turn
    )
    # A visitor who comes back while the first view is on its way is answered after it.
    begun = [tab.select(look, chosen, results, trigger_mode="always_last", **opening)]
    begun.append(run.input(by_visitor(choices), [wishes, run], both, **in_turn).then(begin, chosen, results, **opening))
    begun += [field.input(begin, chosen, results, **opening) for field in (fields.label, fields.of)]
    for event in begun:
        event.then(fitted, trail, [fields.rows, *plane], **slow).then(again, trail, fields.shown, **own).then(
            measure, trail, fields.effects, **slow
        )
    last: dict[str, Any] = {"trigger_mode": "always_last", **own}
    gr.on([fields.across.input, fields.up.input], reach, [trail, *plane], fields.shown, **last)
    gr.on([fields.turn.release, fields.other.input], step, [trail, fields.turn, fields.other], fields.shown, **last)


def _move(explorers: Explorers, fields: _Fields) -> None:
    """Go where the visitor drags or clicks, or to another seed."""
    trail = fields.trail

    def seeded(trail: Trail, seed: float | None) -> tuple[Any, ...]:
        def there(place: Place) -> Place:
            explorer = explorers.get(place.run, place.label)
            fresh = explore.start(explorer, place.run, place.label, place.of, seed, place.turn, place.other)
            return replace(fresh, across=place.across, up=place.up)

        return _drawn(explorers, trail, there)

    def go(trail: Trail, text: str) -> tuple[Any, ...]:
        return _drawn(explorers, trail, lambda _: explore.moved(explorers, trail.places, text))

    last: dict[str, Any] = private("explore on the page", concurrency_limit=3, trigger_mode="always_last")
    fields.seed.input(seeded, [trail, fields.seed], fields.shown, **last)
    fields.back.click(seeded, [trail, fields.seed], fields.shown, **last)
    fields.other_seed.click(
        lambda: secrets.randbelow(_LARGEST_NEW_SEED), None, fields.seed, **input_fields.in_turn("explore")
    ).then(seeded, [trail, fields.seed], fields.shown, **last)
    fields.go.click(go, [trail, fields.move], fields.shown, js=_MOVE, **last)


def _begin(
    explorers: Explorers,
    trail: Trail,
    run: str | None,
    label: str | None,
    seed: float | None,
    of: str,
    turn: float,
    other: str | None,
) -> Updates:
    """Yield the values of the tab's results: a line while the run is looked at, then its first view."""
    begun = trail.begin()
    if not run:
        yield (gr.skip(),) * 7
        return
    if not explorers.is_ready(run, label):
        words = f"Drawing a few hundred pictures of {run} to find its directions."
        yield picture_html.message(words, "wait"), *[gr.skip()] * 6
    try:
        explorer = explorers.get(run, label)
        place = explore.start(explorer, run, label or None, of, seed, turn, _other(other))
        if trail.begun != begun:
            return
        trail.places = [place]
        directions = explore.offered(explorer, place)
        shown = _drawn(explorers, trail, lambda one: one)
        sliders = explore.rows(directions, _absent(explorer), not explorer.is_fitted)
        values = (*shown, sliders, "", *_plane(explorers, trail))
    except UserError as error:
        if trail.begun == begun:
            trail.places = []
        values = (picture_html.message(sentence(str(error)), "error"), "", "", "", "", *[gr.skip()] * 2)
    if trail.begun == begun:
        yield values


def _plane(explorers: Explorers, trail: Trail) -> tuple[Any, Any]:
    """Return the two directions of the plane, with their choices, as the newest place has them."""
    place = trail.places[-1]
    try:
        names = [one.name for one in explore.offered(explorers.get(place.run, place.label), place)]
    except UserError:
        return gr.skip(), gr.skip()  # the view says why nothing is drawn
    return gr.Dropdown(choices=names, value=place.across), gr.Dropdown(choices=names, value=place.up)


def _drawn(explorers: Explorers, trail: Trail, change: Callable[[Place], Place]) -> tuple[Any, ...]:
    """Return the values of the tab's view after a change of the newest place; an error becomes a message."""
    with trail.turn:
        return _drawn_in_turn(explorers, trail, change)


def _drawn_in_turn(explorers: Explorers, trail: Trail, change: Callable[[Place], Place]) -> tuple[Any, ...]:
    if not trail.places:
        return (gr.skip(),) * 3
    begun = trail.begun
    try:
        trail.views += 1
        place = replace(change(trail.places[-1]), number=trail.views)
        place, view = explore.view(explorers, place)
        link = explore.download(explorers, place)
    except UserError as error:
        return picture_html.message(sentence(str(error)), "error"), gr.skip(), gr.skip()
    if trail.begun != begun:  # meanwhile the visitor has chosen another run
        return (gr.skip(),) * 3
    trail.places = [*trail.places[1 - _KEPT :], place]
    return "", view, link


def _fitted(explorers: Explorers, trail: Trail) -> tuple[Any, Any, Any]:
    """Measure; return the sliders and the choices of the plane with what was found."""
    if not trail.places:
        return (gr.skip(),) * 3
    begun, place = trail.begun, trail.places[-1]
    try:
        explorer = explorers.get(place.run, place.label)
        explorer.fitted()
        directions = explore.offered(explorer, place)
    except UserError as error:
        return picture_html.message(sentence(str(error)), "error"), gr.skip(), gr.skip()
    if trail.begun != begun:
        return (gr.skip(),) * 3
    names = [one.name for one in directions]
    return explore.rows(directions, _absent(explorer), False), gr.Dropdown(choices=names), gr.Dropdown(choices=names)


def _measured(explorers: Explorers, trail: Trail) -> Iterator[str]:
    """Yield what the directions change, one direction after the other."""
    if not trail.places:
        return
    begun, place = trail.begun, trail.places[-1]
    try:
        explorer = explorers.get(place.run, place.label)
        directions = explore.offered(explorer, place)
        for direction in directions:
            explorer.effect(direction)
            if trail.begun != begun:
                return
            yield explore.effects(directions, explorer.known_effects(directions))
    except UserError:
        return  # the view says why nothing is drawn


def _absent(explorer: Any) -> list[Any]:
    return [one for one in explorer.fitted() if hasattr(one, "reason")] if explorer.is_fitted else []


def _first(models: ModelCache) -> str | None:
    """Return the run to open with: one that draws small pictures at once, not in steps from noise."""
    small = (name for name in models.names("generate") if models.config(name).image_size <= _SMALL)
    return next((name for name in small if not models.shows_path(name)), None)


def _classes(models: ModelCache, name: str | None) -> dict[str, Any]:
    """Return the choices of classes; of an unconditional run there are none."""
    found = input_fields.classes(models, name)["choices"][1:]
    return {"choices": found, "value": next(iter(found), None), "visible": bool(found)}


def _others(models: ModelCache, name: str | None) -> dict[str, Any]:
    found = [pair for pair in input_fields.runs(models, "generate")["choices"] if pair[1] != name]
    return {"choices": [_ALONE, *found], "value": _ALONE}


def _other(value: str | None) -> str | None:
    return None if value in (None, _ALONE) else value
