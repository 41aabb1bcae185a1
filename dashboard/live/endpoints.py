"""The endpoints for `gradio_client`: runs, translate, generate, between, opinions, directions, along, encode.

A caller receives an error as its one-line message.
"""

import contextlib
import itertools
import shutil
import threading
import time
from collections import deque
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import gradio as gr

from dashboard.live import encode, generate, process_folder, translate
from dashboard.live.explore import Explorers
from dashboard.live.generate import GenerateRequest
from dashboard.live.models import ModelCache
from gan_core import images
from gan_core.errors import UserError
from gan_core.inference import translation


class TemporaryFiles:
    """Result files for the callers of the endpoints; only the newest are kept, and no longer than uploads."""

    def __init__(self, most: int = 4 * generate.MOST, seconds: float = process_folder.KEPT_SECONDS) -> None:
        self.folder = process_folder.make(process_folder.RESULTS)
        self.most, self.seconds, self._numbers = most, seconds, itertools.count()
        self._results: deque[tuple[float, Path]] = deque()  # when each was written, and its folder
        self._lock = threading.Lock()
        self._waits = False

    def write(self, name: str, content: bytes) -> str:
        # next() is atomic: two threads never get the same number.
        path = self.folder / str(next(self._numbers)) / Path(name).name
        path.parent.mkdir()
        path.write_bytes(content)
        with self._lock:
            self._results.append((time.monotonic(), path.parent))
            while len(self._results) > self.most:
                self._remove_oldest()
            self._look_later()
        return str(path)

    def _remove_oldest(self) -> None:
        shutil.rmtree(self._results.popleft()[1], ignore_errors=True)

    def _remove_old(self) -> None:
        with self._lock:
            self._waits = False
            while self._results and time.monotonic() - self._results[0][0] >= self.seconds:
                self._remove_oldest()
            self._look_later()

    def _look_later(self) -> None:
        if self._results and not self._waits:
            self._waits = True
            timer = threading.Timer(self.seconds, self._remove_old)
            timer.daemon = True
            timer.start()


@contextlib.contextmanager
def _errors_for_callers() -> Iterator[None]:
    """Turn a UserError into a gr.Error: Gradio passes the message of no other exception to the caller."""
    try:
        yield
    except UserError as error:
        raise gr.Error(str(error), print_exception=False) from error


def _require(**given: str | None) -> None:
    """Check that these arguments are texts. Raises UserError: one is not; Gradio passes on null as None."""
    for name, value in given.items():
        if not isinstance(value, str):
            raise UserError(f"'{name}' is missing: the page /gradio_api/info lists what each endpoint takes")


def _name(label: str | None) -> str | None:
    """Return the class, None for any. Raises UserError: it is no text."""
    if label is not None and not isinstance(label, str):
        raise UserError("'label' is no name of a class: the page /gradio_api/info lists what each endpoint takes")
    return label or None


def add(models: ModelCache, explorers: Explorers, temporary_files: TemporaryFiles) -> None:
    """Add the endpoints to the Blocks that are being built."""

    def runs() -> dict[str, Any]:
        """Return the runs that translate, with target domains; that generate, with classes; and that encode."""
        return {
            "translate": {name: list(models.directions(name)[1]) for name in models.names("translate")},
            "generate": {name: list(models.classes(name)) for name in models.names("generate")},
            "encode": models.names("encode"),
        }

    def translate_file(
        file: str, run: str, to: str, insist: bool, severity: float | None = None, seed: float | None = None
    ) -> str:
        """Translate an image to the domain `to`; return the path of the PNG.

        severity (0 to 1, 0.7 if None) and seed: of a run that paints opacity.
        """
        with _errors_for_callers():
            _require(file=file, run=run, to=to)
            upload, model = translate.uploads([file])[0], models.get(run)
            translation.other(model, to)
            model.check_severity(severity)
            number = generate.checked_seed(seed or 0)
            picture = models.decoder.decode(upload.data, upload.name, scale=model.config.scale)
            if not insist and (reason := translate.doubt(picture, model)):
                raise UserError(f"{reason} Call with insist=True to translate it anyway.")
            done = translation.translate_picture(model, picture, to, cycle=False, severity=severity, seed=number)
        return temporary_files.write(translate.download(done), translation.png(done.after, done))

    def generate_files(run: str, label: str, seed: float, count: float, truncation: float) -> list[str]:
        """Generate images of a class (`label`, empty for any); return the paths of the PNGs."""
        with _errors_for_callers():
            _require(run=run)
            model = models.get(run)
            made = generate.make(model, GenerateRequest("new", run, label, None, seed, None, count, truncation))
            found = generate.files(model, *made, seed)
        return [temporary_files.write(name, content) for name, content in found.items()]

    def between_files(
        run: str, first: str, second: str, share: float, seed: float, count: float, truncation: float
    ) -> list[str]:
        """Generate images between two classes, at a share of the second; return the paths of the PNGs."""
        with _errors_for_callers():
            _require(run=run, first=first, second=second)
            model = models.get(run)
            request = GenerateRequest("between", run, first, second, seed, None, count, truncation)
            shares = (generate.checked_number(share),)
            drawn = generate.interpolate_classes(model, request, shares)
            found = generate.files_between(model, request, drawn, shares)
        return [temporary_files.write(name, content) for name, content in found.items()]

    def opinions_of(run: str, label: str, seed: float, count: float, truncation: float) -> dict[str, Any]:
        """Return the opinions on the images of `generate`: classifier -> one {class: probability} per image."""
        from gan_core.evaluation import predicted_classes

        with _errors_for_callers():
            _require(run=run)
            model = models.get(run)
            if refused := predicted_classes.refusal(model.config):
                raise UserError(refused)
            made, _ = generate.make(model, GenerateRequest("new", run, label, None, seed, None, count, truncation))
            opinions = [
                predicted_classes.ask(name, model.config.classes, made)
                for name in predicted_classes.fitting(model.config)
            ]
        return {
            one.judge.name: [dict(zip(one.names, row, strict=True)) for row in one.chances.round(4).tolist()]
            for one in opinions
        }

    def directions(run: str, label: str) -> list[dict[str, Any]]:
        """Return the directions of a run's latent space: names, places of their ends, shares of variance.

        label: a class of a conditional run, empty for the first.
        """
        with _errors_for_callers():
            _require(run=run)
            found = explorers.get(run, _name(label)).directions()
        return [{"name": one.name, "ends": list(one.ends), "share": round(one.share, 3)} for one in found]

    def along_file(run: str, label: str, seed: float, direction: str, place: float) -> str:
        """Generate the picture of a seed, moved along a direction to a place; return the path of the PNG."""
        with _errors_for_callers():
            _require(run=run, direction=direction)
            number, there = generate.checked_seed(seed), generate.checked_number(place)
            explorer = explorers.get(run, _name(label))
            found = explorer.direction(direction)
            low, high = found.ends
            if not low <= there <= high:
                raise UserError(f"place {there:g}: take a number from {low:g} to {high:g}")
            space = explorer.space
            drawn = space.draw([space.moved(space.point(number), found, there)])[0]
            notes = {"Run": space.model.run.folder.name, "Seed": str(number), "Direction": f"{direction} {there:g}"}
        return temporary_files.write("moved.png", images.png_bytes(drawn, **notes))

    def reconstruct_file(file: str, run: str) -> str:
        """Encode an image and reconstruct it; return the path of the PNG."""
        with _errors_for_callers():
            _require(file=file, run=run)
            upload, model = translate.uploads([file])[0], models.get(run)
            _, after = encode.reconstruct(
                model, models.decoder.decode(upload.data, upload.name, scale=model.config.scale)
            )
        return temporary_files.write("encoded.png", images.png_bytes(after, Run=model.run.folder.name))

    with gr.Group(visible=False):
        file, output, outputs = gr.File(), gr.File(), gr.File(file_count="multiple")
        run, to, label = gr.Textbox(label="run"), gr.Textbox(label="to"), gr.Textbox(label="label")
        first, second = gr.Textbox(label="first"), gr.Textbox(label="second")
        share = gr.Number(0.5, label="share")
        insist = gr.Checkbox(label="insist")
        seed, count = gr.Number(0, label="seed"), gr.Number(1, label="count")
        severity, pattern = gr.Number(None, label="severity"), gr.Number(None, label="seed", precision=0)
        truncation = gr.Number(1.0, label="truncation")
        direction, place = gr.Textbox(label="direction"), gr.Number(0, label="place")
        button = gr.Button()
    button.click(runs, None, gr.JSON(visible=False), api_name="runs")
    translated = [file, run, to, insist, severity, pattern]
    button.click(translate_file, translated, output, api_name="translate", concurrency_id="translate")
    chosen = [run, label, seed, count, truncation]
    interpolation = [run, first, second, share, seed, count, truncation]
    button.click(generate_files, chosen, outputs, api_name="generate", concurrency_id="generate")
    button.click(between_files, interpolation, outputs, api_name="between", concurrency_id="generate")
    button.click(opinions_of, chosen, gr.JSON(visible=False), api_name="opinions", concurrency_id="generate")
    places = [run, label, seed, direction, place]
    button.click(directions, [run, label], gr.JSON(visible=False), api_name="directions", concurrency_id="explore")
    button.click(along_file, places, output, api_name="along", concurrency_id="explore")
    button.click(reconstruct_file, [file, run], output, api_name="encode", concurrency_id="encode")
