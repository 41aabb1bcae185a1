"""The tab Translate: its layout and its events; `graded` and `translate` compute what it shows."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from typing import Any

import gradio as gr

from dashboard.live import disclaimers, examples, graded, input_fields, picture_html, translate
from dashboard.live.input_fields import Updates, brief, private
from dashboard.live.models import ModelCache
from dashboard.live.painting_page import MOST_SEED, Chosen
from dashboard.live.translate import TranslationUpdate, Upload
from dashboard.live.wishes import Wishes, by_visitor, steps_unless_left, unless_left
from dashboard.widgets.text import sentence
from gan_core.errors import UserError
from gan_core.family_traits import SEVERITY

# What the visitor has chosen on the page goes with a button, in the place of its last input.
_LOADING = "Loading the networks. This happens once."
_NOTE = "An example, no patient's, translated by {run}. Upload images of yours, or click another example."
_CHOSEN = "(...given) => [...given.slice(0, -1), ganrayChosen()]"


@dataclass(frozen=True)
class _Fields:
    """The components of the tab."""

    files: gr.File
    run: gr.Dropdown
    direction: gr.Radio
    gallery: gr.Gallery
    severity: gr.Slider  # of several files
    seed: gr.Number  # of several files
    message: gr.HTML
    insist: gr.Button
    picture: gr.HTML
    pattern: gr.HTML
    below: gr.HTML
    tools: gr.HTML
    another: gr.Button
    keep: gr.Button
    compare: gr.Button
    kept: gr.HTML
    side: gr.HTML
    note: gr.HTML
    example: gr.State
    chosen: gr.Textbox  # filled by the page's script
    wishes: gr.State

    @property
    def results(self) -> list[Any]:
        """The outputs of a translation, in the order of `_values`."""
        shown = [self.message, self.insist, self.picture, self.pattern, self.below, self.side, self.tools]
        return [self.example, *shown, self.another, self.keep, self.compare, self.kept]

    @property
    def wanted(self) -> list[Any]:
        """The inputs of a translation, in the order of `_beginning`."""
        return [self.wishes, self.files, self.example, self.run, self.direction, self.severity, self.seed]


def build(blocks: gr.Blocks, models: ModelCache) -> None:
    """Add the tab to the Blocks that are being built."""
    fields = _layout(models)
    opened = _fill(blocks, models, fields)
    _translate(models, fields, opened)
    _ask(models, fields)


def _layout(models: ModelCache) -> _Fields:
    with gr.Row():
        with gr.Column(scale=1, min_width=250):
            files = input_fields.upload("Images", several=True)
            run = input_fields.run(models, "translate")
            # What stands there until the example is translated, which takes seconds for the first visitor.
            waiting = TranslationUpdate(picture_html.ghost("", "Translating an example …"), side="")
            empty = waiting if run.value else TranslationUpdate()
            direction = gr.Radio(label="Direction", **input_fields.directions(models, run.value))
            severity = gr.Slider(
                *(0, 1, SEVERITY),
                step=0.01,
                label="Severity of all files",
                info="Rank among sick training pictures, not a clinical grade",
                buttons=[],
                visible=False,
            )
            limits: dict[str, Any] = {"precision": 0, "minimum": 0, "maximum": MOST_SEED}
            seed = gr.Number(0, label="Seed of the first file", visible=False, **limits)
            gallery = input_fields.gallery()
        with gr.Column(scale=4, min_width=320):
            message = gr.HTML("")
            insist = gr.Button("Translate anyway", visible=False, size="md", elem_classes="insist")
            with gr.Row(elem_classes="translation"):
                with gr.Column(scale=2, min_width=300, elem_classes="main-part"):
                    picture, pattern, below = gr.HTML(empty.picture), gr.HTML(), gr.HTML(empty.below)
                with gr.Column(scale=1, min_width=200, elem_classes="side-part"):
                    tools = gr.HTML(empty.tools)
                    with gr.Column(elem_classes="buttons", min_width=150):
                        another = gr.Button("Another pattern", visible=False, size="md")
                        keep = gr.Button("Files at this severity", visible=False, size="md")
                        kept = gr.HTML("")
                        compare = gr.Button("Compare", visible=False, size="md")
                    side = gr.HTML(empty.side)
            note = gr.HTML(disclaimers.TRANSLATION)
    example, chosen, wishes = gr.State(None), gr.Textbox(visible=False), gr.State(Wishes())
    shown = (message, insist, picture, pattern, below, tools, another, keep, compare, kept, side, note)
    return _Fields(files, run, direction, gallery, severity, seed, *shown, example, chosen, wishes)


def _fill(blocks: gr.Blocks, models: ModelCache, fields: _Fields) -> list[Any]:
    """Fill the choices when a visitor arrives, and when the run or the direction is changed; then translate.

    Returns the events that may show a picture of ours, which end when a visitor brings one.
    """
    run, direction, gallery, in_turn = fields.run, fields.direction, fields.gallery, input_fields.in_turn("translate")

    def new_run(name: str | None) -> tuple[gr.Radio, str]:
        note = disclaimers.PAINTING if _paints(models, name) else disclaimers.TRANSLATION
        return gr.Radio(**input_fields.directions(models, name)), note

    @steps_unless_left
    def shown(name: str | None, to: str | None) -> Iterator[gr.Gallery]:
        yield from input_fields.shown(models, name, to)

    def several(paths: list[str] | None, name: str | None, to: str | None) -> tuple[gr.Slider, gr.Number]:
        visible = len(paths or ()) > 1 and _paints(models, name, to)
        return gr.Slider(visible=visible), gr.Number(visible=visible)

    filled, batch = [direction, fields.note], [fields.severity, fields.seed]
    begin, by_itself, own = _beginning(models), _beginning(models, by_itself=True), private("translate")
    of_batch, of_run = [fields.files, run, direction], [fields.wishes, run, direction]
    opened = (
        blocks.load(lambda name: input_fields.known_runs(models, "translate", name), run, run, **in_turn)
        .then(unless_left(new_run), of_run[:2], filled, **in_turn)
        .then(shown, of_run, gallery, **in_turn)
        .then(by_itself, fields.wanted, fields.results, **own)
    )
    changed = (
        run.input(by_visitor(new_run), of_run[:2], filled, cancels=[opened], **in_turn)
        .then(shown, of_run, gallery, **in_turn)
        .then(several, of_batch, batch, **in_turn)
        .then(by_itself, fields.wanted, fields.results, **own)
    )
    direction.input(shown, of_run, gallery, **in_turn).then(several, of_batch, batch, **in_turn)
    turned = direction.input(begin, fields.wanted, fields.results, cancels=[opened, changed], **own)
    fields.files.change(several, of_batch, batch, **in_turn)
    return [opened, changed, turned]


def _translate(models: ModelCache, fields: _Fields, opened: list[Any]) -> None:
    """Translate what a visitor uploads or picks."""

    def pick(name: str, to: str, event: gr.SelectData) -> tuple[Upload, None]:
        return Upload("example.png", input_fields.example(models, name, int(event.index), to)), None

    inputs = fields.wanted
    begin, again, own = _beginning(models), _beginning(models, insist=True), private("translate")
    # always_last: a newer upload replaces one that still waits.
    last: dict[str, Any] = {"trigger_mode": "always_last", **own}
    fields.files.upload(lambda: None, None, fields.example, cancels=opened, **own).then(
        begin, inputs, fields.results, **last
    )
    fields.gallery.select(
        pick, [fields.run, fields.direction], [fields.example, fields.files], cancels=opened, **own
    ).then(begin, inputs, fields.results, **own)
    fields.insist.click(again, inputs, fields.results, **own)
    gr.on([fields.severity.release, fields.seed.input], begin, inputs, fields.results, **last)


def _ask(models: ModelCache, fields: _Fields) -> None:
    """Answer the buttons beside a picture that a graded run has painted."""

    def asked(answer: Callable[[Upload, str, str, Chosen], str], *after: str) -> Callable[..., tuple[Any, ...]]:
        """Return the event of a button; `after`: the values of further outputs, once there is an answer."""

        def answered(paths: list[str] | None, picked: Upload | None, name: str, to: str, text: str) -> tuple[Any, ...]:
            try:
                upload = translate.uploads(paths)[0] if paths else picked
                if upload is None:
                    raise UserError("there is no picture on the page any more: upload one")
                return "", answer(upload, name, to, Chosen.of(text)), *after
            except UserError as error:
                return picture_html.message(sentence(str(error)), "error"), gr.skip(), *(gr.skip() for _ in after)

        return answered

    def another(upload: Upload, name: str, to: str, chosen: Chosen) -> str:
        return graded.another(models, upload, name, chosen)

    def keep(upload: Upload, name: str, to: str, chosen: Chosen) -> str:
        return graded.kept(models, upload, name, to, chosen)

    def compare(upload: Upload, name: str, to: str, chosen: Chosen) -> str:
        return graded.compared(models, upload, name, to)

    inputs = [fields.files, fields.example, fields.run, fields.direction, fields.chosen]
    own = private("translate", js=_CHOSEN)
    # The links were to files of the pattern before.
    fields.another.click(asked(another, ""), inputs, [fields.message, fields.pattern, fields.kept], **own)
    fields.keep.click(asked(keep), inputs, [fields.message, fields.kept], **own)
    fields.compare.click(asked(compare), inputs, [fields.message, fields.side], **own)


def _beginning(models: ModelCache, insist: bool = False, by_itself: bool = False) -> Callable[..., Updates]:
    """Return the event that translates what is chosen; where nothing is, a picture of ours opens a graded run.

    by_itself: the page asks for it, not the visitor: see `Wishes.answer`.
    """

    def steps(
        paths: list[str] | None, picked: Upload | None, name: str, to: str, severity: float, seed: float | None
    ) -> Updates:
        if not name and not paths:
            yield gr.skip(), *(gr.skip() for _ in _values(TranslationUpdate()))  # there is no run to translate with
            return
        try:
            if not paths and (picked is None or picked.opening):
                shown = opening(models, name, to)
                yield from input_fields.only_changes((ours, *_values(one)) for ours, one in shown)
                return
            uploads = translate.uploads(paths) if paths else [picked] if picked else []
            done = graded.steps(models, uploads, name, to, insist, severity, int(seed or 0))
        except UserError as error:
            done = iter([TranslationUpdate(message=picture_html.message(sentence(str(error)), "error"))])
        yield from input_fields.only_changes((picked, *_values(one)) for one in done)

    def begin(wishes: Wishes, paths: list[str] | None, picked: Upload | None, name: str, *rest: Any) -> Updates:
        own = None if picked is None or picked.opening else picked
        wish = (*(paths or ()), own, *rest)
        yield from wishes.answer(name, wish, lambda: steps(paths, picked, name, *rest), by_itself)

    return begin


def opening(models: ModelCache, name: str, to: str) -> Iterator[tuple[Upload | None, TranslationUpdate]]:
    """Yield a picture of ours and what a run makes of it, which is computed for the first visitor alone.

    Raises:
        UserError: there is no such run.
    """
    loading = None, TranslationUpdate(picture_html.ghost("", _LOADING), side="")

    def make() -> Iterator[tuple[Upload | None, TranslationUpdate]]:
        if not models.is_loaded(name):
            yield loading  # ours may have to be generated first
        upload = _example(models, name, to)
        for one in graded.steps(models, [upload] if upload else [], name, to, False, SEVERITY, 0):
            yield upload, one

    key = ("translate", models.weights_of(name), to)
    for upload, one in models.openings.steps(key, make, loading, lambda step: bool(step[0]) and not step[1].message):
        note = "" if one.message or upload is None else picture_html.message(_NOTE.format(run=brief(name)), "example")
        yield upload, replace(one, message=one.message or note)


def _example(models: ModelCache, name: str, to: str | None) -> Upload | None:
    """Return a picture of ours that a run can translate; None where there is none."""
    source = next((domain for domain in models.config(name).domains if domain != to), "")
    content = examples.opening(models, name, source)
    return Upload("example.png", content, opening=True) if content else None


def _paints(models: ModelCache, name: str | None, to: str | None = None) -> bool:
    try:
        return bool(name) and models.paints(name or "", to)
    except UserError:
        return False  # the run is gone; its own page says so


def _values(one: TranslationUpdate) -> tuple[Any, ...]:
    """Return the values of `_Fields.results`, without the example."""
    shown = (one.message, gr.Button(visible=one.doubted), one.picture, one.pattern, one.below, one.side, one.tools)
    compare = gr.Button(f"Compare with {input_fields.brief(one.rival)}", visible=bool(one.rival))
    return (*shown, gr.Button(visible=one.painted), gr.Button(visible=one.painted), compare, "")
