"""Translate by a graded run: a page that paints every severity of one picture by itself, and what its buttons ask for.

The network runs once a picture and once a pattern. `painting_page` says what the page gets.
"""

import html
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from dashboard.live import painting_page, picture_html, translate
from dashboard.live.models import ModelCache
from dashboard.live.painting_page import Chosen
from dashboard.live.translate import TranslationUpdate, Upload, doubt
from dashboard.widgets.text import sentence
from gan_core import images
from gan_core.decode import image_files
from gan_core.errors import UserError
from gan_core.inference import translation
from gan_core.inference.translation import Translation
from gan_core.runs import REFERENCE

if TYPE_CHECKING:
    from gan_core.inference import Model


def steps(
    models: ModelCache, files: Sequence[Upload], run: str, to: str, insist: bool, severity: float, seed: int
) -> Iterator[TranslationUpdate]:
    """Translate uploads and yield the page after each step, by any run; severity, seed: of several files."""
    try:
        graded = bool(run) and models.paints(run)
        if graded and len(files) == 1:
            yield from _one(models, files[0], run, to, insist)
        elif graded:
            yield from translate.translate(models, files, run, to, insist, severity, seed)
        else:
            yield from translate.translate(models, files, run, to, insist)
    except UserError as error:
        yield TranslationUpdate(message=picture_html.message(sentence(str(error)), "error"))


def _one(models: ModelCache, upload: Upload, run: str, to: str, insist: bool) -> Iterator[TranslationUpdate]:
    if not models.is_loaded(run):
        yield TranslationUpdate(picture_html.ghost("", f"Loading the networks of {run}. This happens once."), side="")
    model = models.get(run)
    source = translation.other(model, to)
    picture = _decoded(models, model, upload)
    if not insist and (reason := doubt(picture, model)):
        yield TranslationUpdate(side="", message=picture_html.message(reason), doubted=True)
        return
    shown, note = painting_page.copy(picture), translate.first_of_several(models, upload)
    if models.paints(run, to):
        painting = model.painting(shown.astype(np.float32) / 255)
        update = TranslationUpdate(
            painting_page.canvas(shown, painting, source, f"{to}, synthetic"),
            side="",
            message=note,
            pattern=painting_page.pattern(painting, 0),
            tools=painting_page.fader("Show the opacity that was painted") + painting_page.BRUSH,
            painted=True,
        )
        yield update
        yield replace(update, rival=rival(models, run))  # later, as it looks through all runs
        return
    for update in _cleared(models, model, run, picture, shown, _record(model, to, None)):
        yield replace(update, message=note)


def _cleared(
    models: ModelCache, model: "Model", run: str, picture: np.ndarray, shown: np.ndarray, done: Translation
) -> Iterator[TranslationUpdate]:
    """Yield the page of the way back: the opacity that was read, and the picture without it."""
    after, opacity = translation.graded_whole(model, shown.astype(np.float32) / 255, None)
    page = painting_page.cleared(
        *(picture_html.quick_png(shown), translation.png(after, done), opacity, done.source),
        f"{done.target}, synthetic",
    )
    tools = painting_page.fader("Show the opacity that was read")
    update = TranslationUpdate(page, side="", tools=tools)
    yield update
    if shown.shape[:2] != picture.shape[:2]:
        after, opacity = translation.graded_whole(model, picture, None)
    yield replace(update, below=_links(after, opacity, done), rival=rival(models, run))


def another(models: ModelCache, upload: Upload, run: str, chosen: Chosen) -> str:
    """Return the next pattern for the picture on the page.

    Raises:
        UserError: the upload is gone, or the run.
    """
    model, seed = models.get(run), (chosen.seed + 1) % painting_page.MOST_SEED
    shown = painting_page.copy(_decoded(models, model, upload))
    return painting_page.pattern(model.painting(shown.astype(np.float32) / 255, seed), seed)


def kept(models: ModelCache, upload: Upload, run: str, to: str, chosen: Chosen) -> str:
    """Return links to the files of what is on the page, at the picture's own resolution.

    Raises:
        UserError: the upload is gone, or the run.
    """
    model = models.get(run)
    picture = _decoded(models, model, upload)
    after, opacity = translation.graded_whole(model, picture, chosen.severity, chosen.seed, chosen.brush)
    return _links(after, opacity, _record(model, to, chosen))


def compared(models: ModelCache, upload: Upload, run: str, to: str) -> str:
    """Return what the rival of a run makes of the same picture, as figures.

    Raises:
        UserError: the upload is gone, or the rival.
    """
    name = rival(models, run)
    if not name:
        raise UserError("there is no other run with the same domains here")
    model = models.get(name)
    picture = models.decoder.decode(upload.data, upload.name, scale=model.config.scale)
    shown = painting_page.copy(image_files.to_channels(picture, model.config.channels)).astype(np.float32) / 255
    done = translation.translate_picture(model, shown, to, cycle=False)
    after = translation.png(translation.whole(model, shown, done), done)
    heat = translation.png(picture_html.heat(done.change), done)
    name = name.removeprefix(f"{REFERENCE}/")
    figures = (
        picture_html.figure(
            picture_html.image(after, f"{to} by {name}, synthetic"), f"{html.escape(name)}: {html.escape(to)}"
        ),
        picture_html.figure(picture_html.image(heat, "what it changed"), "What it changed", picture_html.scale_bar()),
    )
    return "".join(figures)


def rival(models: ModelCache, run: str) -> str:
    """Return the name of a run with the same domains to compare a graded run with; empty where there is none."""
    return next(iter(models.rivals(run)), "")


def _decoded(models: ModelCache, model: "Model", upload: Upload) -> np.ndarray:
    """Return an upload in the run's channels, float32 (H, W, C) in [0, 1]."""
    picture = models.decoder.decode(upload.data, upload.name, scale=model.config.scale)
    return image_files.to_channels(picture, model.config.channels)


def _record(model: "Model", to: str, chosen: Chosen | None) -> Translation:
    """Return what files of a translation say of it, without its pictures."""
    nothing = np.zeros((0, 0, model.config.channels), np.uint8)
    severity, seed = (None, 0) if chosen is None else (chosen.severity, chosen.seed)
    return Translation(
        nothing, nothing, None, translation.other(model, to), to, model.run.label, severity=severity, seed=seed
    )


def _links(after: np.ndarray, opacity: np.ndarray, done: Translation) -> str:
    """Return the links to a translation, uint8 (H, W, C), and to its opacity map, float32 (H, W)."""
    size = f"{after.shape[1]} x {after.shape[0]} px"
    # The page may show another pattern by the time that the files are looked at: words and names say which these are.
    chosen = [] if done.severity is None else [f"{done.severity:.2f}", f"seed{done.seed}"]
    name = translate.download(done, *chosen)
    files = [
        picture_html.link(translation.png(after, done), name, f"Translation, {size}"),
        picture_html.link(
            translation.opacity_png(opacity, done), translation.opacity_path(Path(name)).name, "Opacity map"
        ),
    ]
    words = f"{images.NOTICE.capitalize()}:"
    if chosen:
        words = f"Severity {chosen[0]}, pattern of seed {done.seed}, {images.NOTICE}:"
    return picture_html.links(files, words)
