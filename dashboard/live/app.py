"""The layout and the events of the live tab; the modules beside this one compute the results.

`translate_tab` is the layout of the tab that a visitor sees first.
"""

import logging
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import gradio as gr

from dashboard.live import (
    disclaimers,
    encode,
    endpoints,
    explore_tab,
    generate,
    input_fields,
    picture_html,
    translate,
    translate_tab,
)
from dashboard.live.generate import GenerateRequest
from dashboard.live.input_fields import Updates, body, private
from dashboard.live.models import ModelCache
from dashboard.live.process_folder import KEPT_SECONDS
from dashboard.live.translate import Upload
from dashboard.live.wishes import Wishes, by_visitor, steps_unless_left, unless_left
from dashboard.server.security import outside
from dashboard.widgets.text import sentence
from gan_core.errors import UserError, printable

MAX_FILE = "50mb"
WAITING = 32  # most requests in the queue; further visitors are asked to come back
VISITORS = 500  # sessions kept: each takes 0.2 MB, and each call of a program is one
_INTERNAL_ERROR = (
    "This failed because of an error in the app, not in your input: try again. The log of the server has the details."
)
_WRONG_KIND = "A value of this call is of the wrong kind: the page /gradio_api/info lists what each endpoint takes."
_log = logging.getLogger("ganray.live")


class SafeBlocks(gr.Blocks):
    """Blocks that never fetch a URL given as a file, as Gradio would, and that turn exceptions into messages."""

    async def process_api(self, *args: Any, **kwargs: Any) -> dict[str, Any]:
        try:
            return await super().process_api(*args, **kwargs)
        except gr.Error:
            raise
        except UserError as error:
            raise gr.Error(str(error), print_exception=False) from error
        except Exception as error:
            _log.exception("a request failed")
            raise gr.Error(_INTERNAL_ERROR, print_exception=False) from error

    async def preprocess_data(self, block_fn: Any, inputs: list[Any], state: Any, *rest: Any, **named: Any) -> Any:
        if outside(inputs):
            raise gr.Error("Upload the file: files are not fetched from a URL.", print_exception=False)
        # A program that was written for fewer parameters leaves the last ones out.
        inputs = [*inputs, *(field.value for field in block_fn.inputs[len(inputs) :] if hasattr(field, "value"))]
        values = [_current(*pair, state) for pair in zip(block_fn.inputs, inputs, strict=False)]
        try:
            return await super().preprocess_data(block_fn, values, state, *rest, **named)
        except (gr.Error, UserError):
            raise
        except Exception as error:  # a program sent something that the field cannot be
            _log.warning("a call with values of the wrong kind: %s", printable(str(error), 200))
            raise gr.Error(_WRONG_KIND, print_exception=False) from error


def _current(field: Any, value: Any, state: Any) -> Any:
    """Return the value of a field, or its new default where the value is no longer a choice.

    A quick visitor may send an old choice while new ones are on their way; Gradio would refuse it.
    """
    if state is not None and field._id in state:
        field = state[field._id]
    if value is None or not isinstance(field, gr.Dropdown | gr.Radio):
        return value
    return value if any(value == known for _, known in field.choices) else field.value


def build(root: Path) -> gr.Blocks:
    """Return the live tab for the runs below `root`."""
    models = ModelCache(root)
    lifetime = (KEPT_SECONDS, KEPT_SECONDS)  # of uploads, and of Gradio's copies of results
    with SafeBlocks(title="GANray live", analytics_enabled=False, fill_width=True, delete_cache=lifetime) as blocks:
        with gr.Tabs() as tabs:
            with gr.Tab("Translate", id="translate"), body(models, "translate") as translates:
                translate_tab.build(blocks, models)
            with gr.Tab("Generate", id="generate") as generating, body(models, "generate") as generates:
                _generate_tab(blocks, models, generating)
            with gr.Tab("Explore", id="explore") as exploring, body(models, "generate") as explores:
                explorers = explore_tab.build(blocks, exploring, models)
            with gr.Tab("Encode", id="encode") as encoding, body(models, "encode") as encodes:
                _encode_tab(blocks, models, encoding)
        bodies = (translates, generates, explores, encodes)
        blocks.load(
            lambda: (first_tab(models), *(part for one in bodies for part in one.now(models))),
            None,
            [tabs, *(part for one in bodies for part in (one.line, one.column))],
            **private("tabs"),
        )
        endpoints.add(models, explorers, endpoints.TemporaryFiles())
        blocks.load(models.decoder.start, api_visibility="private", concurrency_limit=None)
    blocks.queue(max_size=WAITING, default_concurrency_limit=2)
    blocks.state_session_capacity = VISITORS
    return blocks


def first_tab(models: ModelCache) -> Any:
    """Return the tabs with the first one open that a run can be used in; as they are where that is the first of all."""
    for tab in ("translate", "generate", "encode"):  # abilities, and the tabs named like them
        if models.names(tab):
            return gr.skip() if tab == "translate" else gr.Tabs(selected=tab)
    return gr.skip()


def _generate_tab(blocks: gr.Blocks, models: ModelCache, tab: gr.Tab) -> None:
    def in_steps(name: str | None) -> bool:
        return input_fields.in_steps(models, name)

    with gr.Row():
        with gr.Column(scale=1, min_width=250):
            run = input_fields.run(models, "generate")
            label = gr.Dropdown(label="Class", **input_fields.classes(models, run.value))
            second = gr.Dropdown(label="To class", **input_fields.seconds(models, run.value))
            with gr.Row():
                seed = gr.Number(0, label="Seed", precision=0, minimum=0, min_width=90)
                other = gr.Number(1, label="To seed", precision=0, minimum=0, min_width=90)
            count = gr.Slider(1, generate.MOST, 16, step=1, label="How many", buttons=[])
            truncation = gr.Slider(
                *(0.1, 1.0, 1.0), step=0.05, label="Truncation", info="Lower: more typical, less varied", buttons=[]
            )
            ask = gr.Checkbox(
                True,
                label="Second opinion",
                info="Class that classifiers predict for each image",
                visible=False,  # until the page has loaded: the answer imports torch
            )
            with gr.Column(elem_classes="buttons"):
                make = gr.Button("Generate", variant="primary", size="md")
                same = gr.Button("Same latents, every class", size="md")
                class_walk = gr.Button("Interpolate classes", size="md")
                seed_walk = gr.Button("Interpolate seeds", size="md")
                from_noise = gr.Button("From noise to image", size="md", visible=in_steps(run.value))
        with gr.Column(scale=4, min_width=320, elem_classes="generation"):
            opinion = gr.HTML("", elem_classes="opinion-part")
            result = gr.HTML(picture_html.ghost("", "Press Generate"))
            disclaimer = gr.HTML("", elem_classes="standing-part")
            gr.HTML(disclaimers.GENERATION)
    last_request: gr.State = gr.State(None)  # a changed field repeats it with the new value
    buttons = {make: "new", same: "classes", class_walk: "between", seed_walk: "walk", from_noise: "path"}

    def choices(name: str | None) -> tuple[Any, ...]:
        found = input_fields.classes(models, name)
        several = gr.Button(interactive=len(found["choices"]) > 2)
        targets = gr.Dropdown(**input_fields.seconds(models, name))
        return (
            gr.Dropdown(**found),
            targets,
            gr.Checkbox(visible=input_fields.can_be_judged(models, name)),
            several,
            several,
            gr.Button(visible=in_steps(name)),
        )

    def others(name: str | None, chosen: str | None) -> gr.Dropdown:
        return gr.Dropdown(**input_fields.seconds(models, name, chosen))

    def draw(request: GenerateRequest) -> Updates:
        yield from input_fields.only_changes(
            (request, one.page, one.opinion, one.disclaimer) for one in generate.draw(models, request)
        )

    def press(what: str) -> Callable[..., Updates]:
        def pressed(*values: Any) -> Updates:
            yield from draw(generate.fitted(models, GenerateRequest(what, *values)))

        return pressed

    def opened(before: GenerateRequest | None, *values: Any) -> Updates:
        request = generate.fitted(models, GenerateRequest("new", *values))
        if before is not None or not request.run:
            yield (gr.skip(),) * 4
            return
        steps = generate.opening(models, request)
        yield from input_fields.only_changes((request, one.page, one.opinion, one.disclaimer) for one in steps)

    def move(before: GenerateRequest | None, *values: Any) -> Updates:
        request = generate.fitted(models, GenerateRequest(before.kind, *values)) if before else None
        # A dropdown also reports a change when it only loses the focus.
        yield from [(gr.skip(),) * 4] if request is None or request == before else draw(request)

    in_turn = input_fields.in_turn("generate")
    filled, wishes = [label, second, ask, same, class_walk, from_noise], gr.State(Wishes())
    blocks.load(lambda name: input_fields.known_runs(models, "generate", name), run, run, **in_turn).then(
        unless_left(choices), [wishes, run], filled, **in_turn
    )
    run.input(by_visitor(choices), [wishes, run], filled, **in_turn)
    label.input(others, [run, label], second, **in_turn)
    moved = [run.input, label.input, second.input, seed.input, other.input, ask.input]
    inputs, outputs = (
        [run, label, second, seed, other, count, truncation, ask],
        [last_request, result, opinion, disclaimer],
    )
    # One at a time, so that the answer to an older click never arrives last.
    alone = private("generate on the page", concurrency_limit=1)
    tab.select(opened, [last_request, *inputs], outputs, **alone)
    for button, what in buttons.items():
        button.click(press(what), inputs, outputs, **alone)
    gr.on(
        *([*moved, count.release, truncation.release], move, [last_request, *inputs], outputs),
        trigger_mode="always_last",
        **alone,
    )


def _encode_tab(blocks: gr.Blocks, models: ModelCache, tab: gr.Tab) -> None:
    with gr.Row():
        with gr.Column(scale=1, min_width=250):
            file = input_fields.upload("Image", several=False)
            run = input_fields.run(models, "encode")
            gallery = input_fields.gallery()
        with gr.Column(scale=4, min_width=320):
            insist = gr.Button("Encode anyway", visible=False, size="md", elem_classes="insist")
            result = gr.HTML(encode.empty())
            gr.HTML(disclaimers.ENCODING)
    example: gr.State = gr.State(None)
    wishes = gr.State(Wishes())

    def work(path: str | None, picked: Upload | None, name: str, sure: bool) -> Updates:
        try:
            if not path and picked and picked.opening:
                for ours, page in encode.opening(models, name):
                    yield ours or picked, page, gr.Button(visible=False)
                return
            upload = translate.uploads([path])[0] if path else picked
        except UserError as error:
            message = picture_html.message(sentence(str(error)), "error")
            yield picked, message + encode.empty(), gr.Button(visible=False)
            return
        for page, doubted in encode.encode(models, upload, name, sure):
            yield upload if picked else None, page, gr.Button(visible=doubted)

    def begin(wishes: Wishes, path: Any, upload: Any, name: str) -> Updates:
        yield from wishes.answer(name, (path, upload), lambda: work(path, upload, name, False))

    def by_itself(wishes: Wishes, path: Any, upload: Any, name: str) -> Updates:
        yield from wishes.answer(name, (path, upload), lambda: work(path, upload, name, False), by_itself=True)

    def again(wishes: Wishes, path: Any, upload: Any, name: str) -> Updates:
        yield from wishes.answer(name, (path, upload), lambda: work(path, upload, name, True))

    def opened(wishes: Wishes, path: Any, upload: Any, name: str) -> Updates:
        if path or upload or not name:
            yield (gr.skip(),) * 3
            return
        ours = Upload("example.png", b"", opening=True)
        yield from wishes.answer(name, (path, ours), lambda: work(path, ours, name, False))

    def pick(name: str, event: gr.SelectData) -> tuple[Upload, None]:
        return Upload("example.png", input_fields.example(models, name, int(event.index))), None

    @steps_unless_left
    def examples(name: str | None) -> Iterator[gr.Gallery]:
        yield from input_fields.shown(models, name)

    inputs, outputs = [wishes, file, example, run], [example, result, insist]
    own, in_turn = private("encode"), input_fields.in_turn("encode")
    blocks.load(lambda name: input_fields.known_runs(models, "encode", name), run, run, **in_turn).then(
        examples, [wishes, run], gallery, **in_turn
    )
    opening = tab.select(opened, inputs, outputs, **own)
    file.upload(lambda: None, None, example, cancels=[opening], **own).then(
        begin, inputs, outputs, trigger_mode="always_last", **own
    )
    gallery.select(pick, run, [example, file], cancels=[opening], **own).then(begin, inputs, outputs, **own)
    run.input(by_visitor(lambda _: None), [wishes, run], None, **in_turn).then(
        examples, [wishes, run], gallery, **in_turn
    ).then(by_itself, inputs, outputs, **own)
    insist.click(again, inputs, outputs, **own)
