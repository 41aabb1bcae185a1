"""The live tab's layout: what is where, and which click does what. What is computed stands in the files beside it."""

import tempfile
from collections import deque
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, Literal

import gradio as gr

from dashboard.live import encode, examples, generate, notes, pictures, translate
from dashboard.live.models import Shelf
from dashboard.live.translate import Shown, Upload
from gan_core import translation
from gan_core.errors import UserError
from gan_core.runs import REFERENCE

HERE = Path(__file__).resolve().parent
MAX_FILE = "50mb"
KEPT_SECONDS = 1800  # of uploaded files on the server
WAITING = 32  # requests in the queue, after which a visitor is asked to come back


class Scratch:
    """Files handed to programs that call by name; the last few are kept."""

    def __init__(self, most: int = 64) -> None:
        self.folder = tempfile.TemporaryDirectory(prefix="ganray-live-")
        self.files: deque[Path] = deque()
        self.most, self.count = most, 0

    def write(self, name: str, content: bytes) -> str:
        self.count += 1
        path = Path(self.folder.name) / str(self.count) / Path(name).name
        path.parent.mkdir()
        path.write_bytes(content)
        self.files.append(path)
        while len(self.files) > self.most:
            self.files.popleft().unlink(missing_ok=True)
        return str(path)


def build(root: Path) -> gr.Blocks:
    """The live tab over the runs below `root`."""
    shelf = Shelf(root)
    with gr.Blocks(title="GANray live", analytics_enabled=False, delete_cache=(KEPT_SECONDS, KEPT_SECONDS)) as blocks:
        with gr.Tabs():
            with gr.Tab("Translate", id="translate"):
                _translate_tab(shelf)
            with gr.Tab("Generate", id="generate"):
                _generate_tab(shelf)
            with gr.Tab("Encode", id="encode"):
                _encode_tab(shelf)
        _endpoints(shelf, Scratch())
        blocks.load(shelf.decoder.start, api_visibility="private", queue=False)
    blocks.queue(max_size=WAITING, default_concurrency_limit=2)
    return blocks


def look() -> dict[str, Any]:
    """Theme, style and script, for whoever serves the tab."""
    font = ("Source Sans 3", "system-ui", "sans-serif")
    theme = gr.themes.Base(
        primary_hue="blue", neutral_hue="stone", radius_size="sm", font=font, font_mono=("monospace",)
    )
    script = f"<script>{(HERE / 'live.js').read_text(encoding='utf-8')}</script>"
    return {"theme": theme, "css": (HERE / "live.css").read_text(encoding="utf-8"), "head": script}


def _translate_tab(shelf: Shelf) -> None:
    names = shelf.names("translate")
    first = names[0] if names else None
    with gr.Row():
        with gr.Column(scale=1, min_width=250):
            files = _upload("Pictures: drop, paste or pick", several=True)
            run = _run_choice(names)
            direction = gr.Radio(label="Direction", **_directions(shelf, first))
            shown = _gallery(lambda: _shown(shelf, first, _directions(shelf, first)["value"] or ""))
        with gr.Column(scale=3, min_width=420):
            message = gr.HTML(_welcome("Drop a picture on the left, paste one, or click an example.", names))
            insist = gr.Button("Translate it all the same", visible=False, size="sm")
            result = gr.HTML()
            gr.HTML(notes.TRANSLATION)
    example: gr.State = gr.State(None)

    def work(
        paths: list[str] | None, chosen: Upload | None, name: str, to: str, sure: bool
    ) -> Iterator[tuple[Any, ...]]:
        try:
            given = translate.uploads(paths) if paths else [chosen] if chosen else []
        except UserError as error:
            yield pictures.message(translate.sentence(str(error)), "error"), gr.update(visible=False), ""
            return
        for step in translate.translate(shelf, given, name, to, sure):
            yield _step(step)

    def begin(paths: Any, chosen: Any, name: str, to: str) -> Iterator[tuple[Any, ...]]:
        yield from work(paths, chosen, name, to, False)

    def again(paths: Any, chosen: Any, name: str, to: str) -> Iterator[tuple[Any, ...]]:
        yield from work(paths, chosen, name, to, True)

    def pick(name: str, to: str, event: gr.SelectData) -> tuple[Upload, None]:
        content, _ = _examples(shelf, name, to)[int(event.index)]
        return Upload("example.png", content), None

    inputs, outputs = [files, example, run, direction], [message, insist, result]
    private: dict[str, Any] = {"api_visibility": "private", "show_progress": "hidden", "concurrency_id": "translate"}
    # A new choice makes the one under way useless.
    files.upload(lambda: None, None, example, **private).then(
        begin, inputs, outputs, trigger_mode="always_last", **private
    )
    shown.select(pick, [run, direction], [example, files], **private).then(begin, inputs, outputs, **private)
    run.change(lambda name: gr.Radio(**_directions(shelf, name)), run, direction, **private).then(
        lambda name, to: _shown(shelf, name, to), [run, direction], shown, **private
    ).then(begin, inputs, outputs, **private)
    direction.input(lambda name, to: _shown(shelf, name, to), [run, direction], shown, **private).then(
        begin, inputs, outputs, **private
    )
    insist.click(again, inputs, outputs, **private)


def _generate_tab(shelf: Shelf) -> None:
    names = shelf.names("generate")
    first = names[0] if names else None
    with gr.Row():
        with gr.Column(scale=1, min_width=250):
            run = _run_choice(names)
            label = gr.Dropdown(label="Class", **_classes(shelf, first))
            with gr.Row():
                seed = gr.Number(0, label="Seed", precision=0, minimum=0, min_width=90)
                other = gr.Number(1, label="Walk to seed", precision=0, minimum=0, min_width=90)
            count = gr.Slider(1, generate.MOST, 16, step=1, label="How many")
            truncation = gr.Slider(0.1, 1.0, 1.0, step=0.05, label="Truncation", info="Lower: more usual, more alike")
            with gr.Column(elem_classes="buttons"):
                make = gr.Button("Generate", variant="primary", size="md")
                classes = gr.Button("Same latents, every class", size="md")
                way = gr.Button("Walk between the seeds", size="md")
        with gr.Column(scale=3, min_width=420):
            result = gr.HTML(_welcome("Choose a run and press Generate.", names))
            gr.HTML(notes.GENERATION)
    private: dict[str, Any] = {"api_visibility": "private", "show_progress": "hidden", "concurrency_id": "generate"}
    run.change(lambda name: gr.Dropdown(**_classes(shelf, name)), run, label, **private)

    def many(name: str, kind: str, start: float, number: float, cut: float) -> Iterator[str]:
        yield from generate.generate(shelf, name, kind, start, number, cut)

    def same(name: str, start: float, number: float, cut: float) -> Iterator[str]:
        yield from generate.compare(shelf, name, start, number, cut)

    def between(name: str, kind: str, start: float, end: float) -> Iterator[str]:
        yield from generate.walk(shelf, name, kind, start, end)

    make.click(many, [run, label, seed, count, truncation], result, **private)
    classes.click(same, [run, seed, count, truncation], result, **private)
    way.click(between, [run, label, seed, other], result, **private)


def _encode_tab(shelf: Shelf) -> None:
    names = shelf.names("encode")
    first = names[0] if names else None
    with gr.Row():
        with gr.Column(scale=1, min_width=250):
            file = _upload("A picture: drop, paste or pick", several=False)
            run = _run_choice(names)
            shown = _gallery(lambda: _shown(shelf, first, ""))
        with gr.Column(scale=3, min_width=420):
            result = gr.HTML(_welcome("Drop a picture on the left, or click an example.", names))
            insist = gr.Button("Encode it all the same", visible=False, size="sm")
            gr.HTML(notes.ENCODING)
    example: gr.State = gr.State(None)

    def work(path: str | None, chosen: Upload | None, name: str, sure: bool) -> Iterator[tuple[str, Any]]:
        try:
            given = translate.uploads([path])[0] if path else chosen
        except UserError as error:
            yield pictures.message(translate.sentence(str(error)), "error"), gr.update(visible=False)
            return
        for page, doubted in encode.encode(shelf, given, name, sure):
            yield page, gr.update(visible=doubted)

    def begin(path: Any, chosen: Any, name: str) -> Iterator[tuple[str, Any]]:
        yield from work(path, chosen, name, False)

    def again(path: Any, chosen: Any, name: str) -> Iterator[tuple[str, Any]]:
        yield from work(path, chosen, name, True)

    def pick(name: str, event: gr.SelectData) -> tuple[Upload, None]:
        content, _ = _examples(shelf, name, "")[int(event.index)]
        return Upload("example.png", content), None

    inputs, outputs = [file, example, run], [result, insist]
    private: dict[str, Any] = {"api_visibility": "private", "show_progress": "hidden", "concurrency_id": "encode"}
    file.upload(lambda: None, None, example, **private).then(begin, inputs, outputs, **private)
    shown.select(pick, run, [example, file], **private).then(begin, inputs, outputs, **private)
    run.change(lambda name: _shown(shelf, name, ""), run, shown, **private).then(begin, inputs, outputs, **private)
    insist.click(again, inputs, outputs, **private)


def _endpoints(shelf: Shelf, scratch: Scratch) -> None:
    """What programs may call by name, with `gradio_client`; errors arrive as their one line."""

    def runs() -> dict[str, Any]:
        """The runs that can translate, with their domains, generate, with their classes, and encode."""
        return {
            "translate": {name: list(shelf.config(name).domains) for name in shelf.names("translate")},
            "generate": {name: list(shelf.config(name).classes) for name in shelf.names("generate")},
            "encode": shelf.names("encode"),
        }

    def translate_file(file: str, run: str, to: str, insist: bool) -> str:
        """Translate one picture to the domain `to`; the PNG's file."""
        try:
            upload = translate.uploads([file])[0]
            model = shelf.get(run)
            picture = shelf.decoder.decode(upload.data, upload.name)
            if not insist and (reason := translate.doubt(picture, model)):
                raise UserError(f"{reason} Call with insist=True to translate it all the same.")
            done = translation.translate_picture(model, picture, to, cycle=False)
        except UserError as error:
            raise gr.Error(str(error)) from error
        return scratch.write(f"{upload.stem}_{done.target}.png", translation.png(done.after, done))

    def generate_files(run: str, label: str, seed: float, count: float, truncation: float) -> list[str]:
        """Generate pictures; their PNG files. label: a class, or empty."""
        try:
            made = generate.files(shelf.get(run), label, int(seed), int(count), float(truncation))
        except UserError as error:
            raise gr.Error(str(error)) from error
        return [scratch.write(name, content) for name, content in made.items()]

    def reconstruct_file(file: str, run: str) -> str:
        """What a BiGAN draws from a picture's latent; the PNG's file."""
        try:
            upload = translate.uploads([file])[0]
            model = shelf.get(run)
            _, after = encode.reconstruct(model, shelf.decoder.decode(upload.data, upload.name))
        except UserError as error:
            raise gr.Error(str(error)) from error
        return scratch.write(f"{upload.stem}_encoded.png", generate.images.png_bytes(after, Run=model.run.folder.name))

    with gr.Group(visible=False):
        file, output, outputs = gr.File(), gr.File(), gr.File(file_count="multiple")
        run, to, label = gr.Textbox(label="run"), gr.Textbox(label="to"), gr.Textbox(label="label")
        insist = gr.Checkbox(label="insist")
        seed, count = gr.Number(0, label="seed"), gr.Number(1, label="count")
        truncation = gr.Number(1.0, label="truncation")
        button = gr.Button()
    button.click(runs, None, gr.JSON(visible=False), api_name="runs")
    button.click(translate_file, [file, run, to, insist], output, api_name="translate", concurrency_id="translate")
    button.click(
        generate_files, [run, label, seed, count, truncation], outputs, api_name="generate", concurrency_id="generate"
    )
    button.click(reconstruct_file, [file, run], output, api_name="encode", concurrency_id="encode")


def _run_choice(names: list[str]) -> gr.Dropdown:
    """Runs by their names, without the folder of the shipped ones where that leaves no doubt."""
    short = [name.removeprefix(f"{REFERENCE}/") for name in names]
    labels = [brief if short.count(brief) == 1 else name for brief, name in zip(short, names, strict=True)]
    return gr.Dropdown(list(zip(labels, names, strict=True)), value=names[0] if names else None, label="Run")


def _upload(label: str, several: bool) -> gr.File:
    count: Literal["multiple", "single"] = "multiple" if several else "single"
    return gr.File(label=label, file_count=count, height=150, elem_classes="ganray-upload")


def _gallery(value: Callable[[], list[tuple[Any, str]]]) -> gr.Gallery:
    """Examples to click on; made when a visitor comes, not when the server starts."""
    return gr.Gallery(
        value,
        label="Or click an example of ours",
        format="png",
        columns=3,
        allow_preview=False,
        buttons=[],
        object_fit="cover",
        elem_classes="ganray-examples",
    )


def _welcome(words: str, names: list[str]) -> str:
    return pictures.message(words if names else "No run here can do this yet: train one on the Train page.")


def _step(step: Shown) -> tuple[Any, ...]:
    return step.message, gr.update(visible=step.doubted), step.result


def _directions(shelf: Shelf, name: str | None) -> dict[str, Any]:
    """Choices of a direction, each named by both domains, its value the target."""
    try:
        domains = shelf.config(name).domains if name else ()
    except UserError:
        domains = ()
    choices = [(f"{other} → {to}", to) for other, to in (domains, domains[::-1])] if domains else []
    return {"choices": choices, "value": choices[0][1] if choices else None}


def _classes(shelf: Shelf, name: str | None) -> dict[str, Any]:
    """Choices of a class, where the run can be asked for one."""
    try:
        classes = shelf.classes(name) if name else ()
    except UserError:
        classes = ()
    return {"choices": [generate.ANY, *classes], "value": generate.ANY, "interactive": bool(classes)}


def _examples(shelf: Shelf, name: str, to: str) -> list[tuple[bytes, str]]:
    try:
        settled = shelf.config(name)
    except UserError:
        return []
    sources = [domain for domain in settled.domains or settled.classes if domain != to]
    return examples.examples(shelf, settled, sources[0]) if sources else []


def _shown(shelf: Shelf, name: str | None, to: str) -> list[tuple[Any, str]]:
    return [examples.as_picture(pair) for pair in _examples(shelf, name, to)] if name else []
