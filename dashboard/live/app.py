"""The live tab's layout: what is where, and which click does what. What is computed stands in the files beside it."""

import logging
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import gradio as gr

from dashboard.live import disclaimers, encode, endpoints, generate, input_fields, picture_html, translate
from dashboard.live.generate import GenerateRequest
from dashboard.live.input_fields import private
from dashboard.live.models import ModelCache
from dashboard.live.translate import TranslationUpdate, Upload
from dashboard.server.security import outside
from dashboard.widgets.text import sentence
from gan_core.errors import UserError

MAX_FILE = "50mb"
KEPT_SECONDS = 1800  # of uploaded files on the server
WAITING = 32  # requests in the queue, after which a visitor is asked to come back
VISITORS = 500  # whose fields are remembered: each takes 0.2 MB, and a program's every call is one
Steps = Iterator[tuple[Any, ...]]
_FAULT = "This failed for a reason that is ours, not yours: try again. The log of the server says what happened."
_log = logging.getLogger("ganray.live")


class SafeBlocks(gr.Blocks):
    """Blocks that fetch nothing, where Gradio would fetch a file named by its address, and that say what went wrong."""

    async def process_api(self, *given: Any, **named: Any) -> dict[str, Any]:
        try:
            return await super().process_api(*given, **named)
        except gr.Error:
            raise
        except UserError as error:
            raise gr.Error(str(error), print_exception=False) from error
        except Exception as error:
            _log.exception("a request failed")
            raise gr.Error(_FAULT, print_exception=False) from error

    async def preprocess_data(self, block_fn: Any, inputs: list[Any], state: Any, *rest: Any, **named: Any) -> Any:
        if outside(inputs):
            raise gr.Error("Files are uploaded, not fetched from an address.", print_exception=False)
        given = [_current(*pair, state) for pair in zip(block_fn.inputs, inputs, strict=False)]
        return await super().preprocess_data(block_fn, given, state, *rest, **named)


def _current(field: Any, value: Any, state: Any) -> Any:
    """What a page sends of a field. A visitor who is quicker than the choices that are under way sends one of the old
    choices, which Gradio would refuse: it gives way to the one that comes with the new.
    """
    if state is not None and field._id in state:
        field = state[field._id]
    if value is None or not isinstance(field, gr.Dropdown | gr.Radio):
        return value
    return value if any(value == known for _, known in field.choices) else field.value


def build(root: Path) -> gr.Blocks:
    """The live tab over the runs below `root`."""
    models = ModelCache(root)
    kept = (KEPT_SECONDS, KEPT_SECONDS)
    with SafeBlocks(title="GANray live", analytics_enabled=False, fill_width=True, delete_cache=kept) as blocks:
        with gr.Tabs():
            with gr.Tab("Translate", id="translate"):
                _translate_tab(blocks, models)
            with gr.Tab("Generate", id="generate"):
                _generate_tab(blocks, models)
            with gr.Tab("Encode", id="encode"):
                _encode_tab(blocks, models)
        endpoints.add(models, endpoints.TemporaryFiles())
        blocks.load(models.decoder.start, api_visibility="private", concurrency_limit=None)
    blocks.queue(max_size=WAITING, default_concurrency_limit=2)
    blocks.state_session_capacity = VISITORS
    return blocks


def _translate_tab(blocks: gr.Blocks, models: ModelCache) -> None:
    with gr.Row():
        with gr.Column(scale=1, min_width=250):
            files = input_fields.upload("Pictures", several=True)
            run = input_fields.run(models, "translate")
            direction = gr.Radio(label="Direction", **input_fields.directions(models, run.value))
            shown = input_fields.gallery()
        with gr.Column(scale=4, min_width=320):
            message = gr.HTML(_none(run.value))
            insist = gr.Button("Translate it all the same", visible=False, size="md", elem_classes="insist")
            with gr.Row(elem_classes="translation"):
                with gr.Column(scale=2, min_width=300, elem_classes="main-part"):
                    picture, below = gr.HTML(TranslationUpdate().picture), gr.HTML(TranslationUpdate().below)
                side = gr.HTML(TranslationUpdate().side, elem_classes="side-part")
            gr.HTML(disclaimers.TRANSLATION)
    example: gr.State = gr.State(None)

    def work(paths: list[str] | None, chosen: Upload | None, name: str, to: str, sure: bool) -> Steps:
        try:
            given = translate.uploads(paths) if paths else [chosen] if chosen else []
            steps = translate.translate(models, given, name, to, sure)
        except UserError as error:
            steps = iter([TranslationUpdate(message=picture_html.message(sentence(str(error)), "error"))])
        yield from _changes(steps)

    def begin(paths: Any, chosen: Any, name: str, to: str) -> Steps:
        yield from work(paths, chosen, name, to, False)

    def again(paths: Any, chosen: Any, name: str, to: str) -> Steps:
        yield from work(paths, chosen, name, to, True)

    def pick(name: str, to: str, event: gr.SelectData) -> tuple[Upload, None]:
        return Upload("example.png", input_fields.example(models, name, int(event.index), to)), None

    def ways(name: str | None) -> tuple[gr.Radio, str]:
        return gr.Radio(**input_fields.directions(models, name)), _none(name)

    def examples(name: str | None, to: str | None) -> Iterator[gr.Gallery]:
        yield from input_fields.shown(models, name, to)

    given, outputs = [files, example, run, direction], [message, insist, picture, below, side]
    own, in_turn = private("translate"), input_fields.in_turn("translate")
    blocks.load(lambda name: input_fields.known_runs(models, "translate", name), run, run, **in_turn).then(
        ways, run, [direction, message], **in_turn
    ).then(examples, [run, direction], shown, **in_turn)
    # A new choice makes the one under way useless.
    files.upload(lambda: None, None, example, **own).then(begin, given, outputs, trigger_mode="always_last", **own)
    shown.select(pick, [run, direction], [example, files], **own).then(begin, given, outputs, **own)
    run.input(ways, run, [direction, message], **in_turn).then(examples, [run, direction], shown, **in_turn).then(
        begin, given, outputs, **own
    )
    direction.input(examples, [run, direction], shown, **in_turn).then(begin, given, outputs, **own)
    insist.click(again, given, outputs, **own)


def _generate_tab(blocks: gr.Blocks, models: ModelCache) -> None:
    with gr.Row():
        with gr.Column(scale=1, min_width=250):
            run = input_fields.run(models, "generate")
            label = gr.Dropdown(label="Class", **input_fields.classes(models, run.value))
            second = gr.Dropdown(label="To class", **input_fields.seconds(models, run.value))
            with gr.Row():
                seed = gr.Number(0, label="Seed", precision=0, minimum=0, min_width=90)
                other = gr.Number(1, label="Walk to seed", precision=0, minimum=0, min_width=90)
            count = gr.Slider(1, generate.MOST, 16, step=1, label="How many", buttons=[])
            truncation = gr.Slider(
                *(0.1, 1.0, 1.0), step=0.05, label="Truncation", info="Lower: more usual, more alike", buttons=[]
            )
            ask = gr.Checkbox(
                True,
                label="Second opinion",
                info="What classifiers take each picture for",
                visible=False,  # until the visitor's browser has asked: the answer takes torch
            )
            with gr.Column(elem_classes="buttons"):
                make = gr.Button("Generate", variant="primary", size="md")
                same = gr.Button("Same latents, every class", size="md")
                hand = gr.Button("From class to class", size="md")
                way = gr.Button("Walk between the seeds", size="md")
        with gr.Column(scale=4, min_width=320, elem_classes="generation"):
            opinion = gr.HTML("", elem_classes="opinion-part")
            result = gr.HTML(_none(run.value) or picture_html.ghost("", "Press Generate"))
            standing = gr.HTML("", elem_classes="standing-part")
            gr.HTML(disclaimers.GENERATION)
    shown: gr.State = gr.State(None)  # what was asked for, so that a field that is moved shows the same anew
    buttons = {make: "new", same: "classes", hand: "between", way: "walk"}

    def choices(name: str | None) -> tuple[Any, ...]:
        found = input_fields.classes(models, name)
        several = gr.Button(interactive=len(found["choices"]) > 2)
        ways = gr.Dropdown(**input_fields.seconds(models, name))
        return (
            gr.Dropdown(**found),
            ways,
            gr.Checkbox(visible=input_fields.can_be_judged(models, name)),
            several,
            several,
        )

    def others(name: str | None, chosen: str | None) -> gr.Dropdown:
        return gr.Dropdown(**input_fields.seconds(models, name, chosen))

    def draw(request: GenerateRequest) -> Steps:
        yield from _news((request, one.page, one.opinion, one.standing) for one in generate.draw(models, request))

    def press(what: str) -> Callable[..., Steps]:
        def pressed(*values: Any) -> Steps:
            yield from draw(generate.fitted(models, GenerateRequest(what, *values)))

        return pressed

    def move(before: GenerateRequest | None, *values: Any) -> Steps:
        request = generate.fitted(models, GenerateRequest(before.kind, *values)) if before else None
        # A list says that it was moved when it is left, too.
        yield from [(gr.skip(),) * 4] if request is None or request == before else draw(request)

    in_turn = input_fields.in_turn("generate")
    filled = [label, second, ask, same, hand]
    blocks.load(lambda name: input_fields.known_runs(models, "generate", name), run, run, **in_turn).then(
        choices, run, filled, **in_turn
    )
    run.input(choices, run, filled, **in_turn)
    label.input(others, [run, label], second, **in_turn)
    moved = [run.input, label.input, second.input, seed.input, other.input, ask.input]
    given, outputs = [run, label, second, seed, other, count, truncation, ask], [shown, result, opinion, standing]
    # One after the other: the answer to an older click never comes last.
    alone = private("generate on the page", concurrency_limit=1)
    for button, what in buttons.items():
        button.click(press(what), given, outputs, **alone)
    gr.on(
        *([*moved, count.release, truncation.release], move, [shown, *given], outputs),
        trigger_mode="always_last",
        **alone,
    )


def _encode_tab(blocks: gr.Blocks, models: ModelCache) -> None:
    with gr.Row():
        with gr.Column(scale=1, min_width=250):
            file = input_fields.upload("Picture", several=False)
            run = input_fields.run(models, "encode")
            shown = input_fields.gallery()
        with gr.Column(scale=4, min_width=320):
            insist = gr.Button("Encode it all the same", visible=False, size="md", elem_classes="insist")
            result = gr.HTML(_none(run.value) or encode.empty())
            gr.HTML(disclaimers.ENCODING)
    example: gr.State = gr.State(None)

    def work(path: str | None, chosen: Upload | None, name: str, sure: bool) -> Iterator[tuple[str, Any]]:
        try:
            given = translate.uploads([path])[0] if path else chosen
        except UserError as error:
            yield (
                picture_html.message(sentence(str(error)), "error") + encode.empty(),
                gr.Button(visible=False),
            )
            return
        for page, doubted in encode.encode(models, given, name, sure):
            yield page, gr.Button(visible=doubted)

    def begin(path: Any, chosen: Any, name: str) -> Iterator[tuple[str, Any]]:
        yield from work(path, chosen, name, False)

    def again(path: Any, chosen: Any, name: str) -> Iterator[tuple[str, Any]]:
        yield from work(path, chosen, name, True)

    def pick(name: str, event: gr.SelectData) -> tuple[Upload, None]:
        return Upload("example.png", input_fields.example(models, name, int(event.index))), None

    def examples(name: str | None) -> Iterator[gr.Gallery]:
        yield from input_fields.shown(models, name)

    given, outputs = [file, example, run], [result, insist]
    own, in_turn = private("encode"), input_fields.in_turn("encode")
    blocks.load(lambda name: input_fields.known_runs(models, "encode", name), run, run, **in_turn).then(
        examples, run, shown, **in_turn
    )
    file.upload(lambda: None, None, example, **own).then(begin, given, outputs, trigger_mode="always_last", **own)
    shown.select(pick, run, [example, file], **own).then(begin, given, outputs, **own)
    run.input(examples, run, shown, **in_turn).then(begin, given, outputs, **own)
    insist.click(again, given, outputs, **own)


def _changes(steps: Iterator[TranslationUpdate]) -> Steps:
    """Message, insist, picture, below, side of each step."""
    return _news((one.message, gr.Button(visible=one.doubted), one.picture, one.below, one.side) for one in steps)


def _news(steps: Iterator[tuple[Any, ...]]) -> Steps:
    """Of each step what is new. What stays is not sent again, and does not blink."""
    before: tuple[Any, ...] = ()
    for now in steps:
        same = [old == new for old, new in zip(before, now, strict=True)] if before else [False] * len(now)
        yield tuple(gr.skip() if known else new for known, new in zip(same, now, strict=True))
        before = now


def _none(name: str | None) -> str:
    """What is said where there is nothing to choose from."""
    return "" if name else picture_html.message("No run here can do this yet: train one on the Train page.")
