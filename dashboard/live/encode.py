"""Encode: an image through a run's encoder and back, and the part that the model cannot represent."""

from collections.abc import Iterator
from typing import TYPE_CHECKING

import numpy as np

from dashboard.live import input_fields, picture_html
from dashboard.live.models import ModelCache
from dashboard.live.translate import Upload, doubt, first_of_several
from dashboard.widgets.text import sentence
from gan_core import images
from gan_core.decode import image_files
from gan_core.errors import UserError

if TYPE_CHECKING:
    from gan_core.inference import Model


LOADING = "Loading the networks of {run}. This happens once."
_UPLOAD = "Upload an image of yours, or click another example."
NOTE = f"An example, encoded by {{run}} and drawn again from its code. {_UPLOAD}"
OWN_NOTE = (
    f"An example that {{run}} drew itself, which is easier than a real image: encoded, and drawn again from its code. "
    f"{_UPLOAD}"
)


def empty() -> str:
    """Return HTML with placeholders for the three images."""
    titles = ("Input", "Reconstruction", "Difference")
    return f'<div class="three">{"".join(picture_html.ghost(title) for title in titles)}</div>'


def encode(models: ModelCache, upload: Upload | None, run: str, insist: bool = False) -> Iterator[tuple[str, bool]]:
    """Yield (HTML, whether the visitor must insist); an error becomes a message in the HTML."""
    try:
        if not run:
            raise UserError("no run here has an encoder yet: train bigan or vae")
        if upload is None:
            yield empty(), False
            return
        if not models.is_loaded(run):
            yield picture_html.message(LOADING.format(run=run), "wait") + empty(), False
        model = models.get(run)
        picture = models.decoder.decode(upload.data, upload.name, scale=model.config.scale)
        if not insist and (reason := doubt(picture, model, "encoded")):
            yield picture_html.message(reason) + empty(), True
            return
        yield first_of_several(models, upload) + page(model, *reconstruct(model, picture)), False
    except UserError as error:
        yield picture_html.message(sentence(str(error)), "error") + empty(), False


def opening(models: ModelCache, run: str) -> Iterator[tuple[Upload | None, str]]:
    """Yield our first example and the HTML of its encoding, which is computed for the first visitor alone.

    Raises:
        UserError: there is no such run.
    """
    loading = None, picture_html.message(LOADING.format(run=run), "wait") + empty()

    def make() -> Iterator[tuple[Upload | None, str]]:
        if not models.is_loaded(run):
            yield loading
        own = _drawn_by_itself(models, run)
        content = own or next((content for content, _ in input_fields.offered(models, run)), None)
        upload = Upload("example.png", content, opening=True) if content else None
        for shown, doubted in encode(models, upload, run, insist=bool(own)):
            yield None if doubted else upload, shown

    key = ("encode", models.weights_of(run))
    for upload, shown in models.openings.steps(key, make, loading, lambda step: step[0] is not None):
        words = NOTE if _learned_from_phantoms(models, run) else OWN_NOTE
        note = picture_html.message(words.format(run=input_fields.brief(run)), "example") if upload else ""
        yield upload, note + shown


def _learned_from_phantoms(models: ModelCache, run: str) -> bool:
    return models.config(run).source.startswith("phantom:")


def _drawn_by_itself(models: ModelCache, run: str) -> bytes | None:
    """Return a picture that the run drew, as PNG; None for a run that learned from drawn ones, which suit it better.

    What other runs learned from is no drawn chest: such an example would show the difference between the two.
    """
    if _learned_from_phantoms(models, run):
        return None
    try:
        model = models.get(run)
        return images.png_bytes(model.generate(1, seed=0)[0][0], Run=model.run.folder.name)
    except UserError:
        return None  # encoding says what is wrong with the run


def reconstruct(model: "Model", picture: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return an image at the size of the run and its reconstruction, uint8 (S, S, C) both.

    Args:
        picture: float32 (H, W, C) in [0, 1].
    """
    config = model.config
    fitted = image_files.resize(image_files.to_channels(picture, config.channels), config.image_size, config.fit)
    before = image_files.quantise(fitted).transpose(1, 2, 0)
    return before, model.reconstruct(before[None])[0]


def page(model: "Model", before: np.ndarray, after: np.ndarray) -> str:
    difference = (before.astype(np.float32) - after) / 255
    z = model.encode(before[None])[0]
    run = model.run.folder.name
    drawn = images.png_bytes(after, Run=run)
    heat = images.png_bytes(picture_html.heat(difference), Run=run)
    shown = [
        picture_html.figure(picture_html.image(picture_html.quick_png(before), "the input"), "Input"),
        picture_html.figure(
            picture_html.image(drawn, "its reconstruction, synthetic"), "Reconstruction", images.NOTICE
        ),
        picture_html.figure(
            picture_html.image(heat, "difference"),
            "Difference",
            picture_html.scale_bar("darker than its reconstruction", "brighter"),
        ),
    ]
    figures = {
        "Mean difference (0%: the same picture)": f"{np.abs(difference).mean():.1%}",
        "Norm of the latent vector": f"{float(z.norm()):.1f}",
        "Expected norm (of a random latent vector)": f"{len(z) ** 0.5:.1f}",
    }
    found = [
        picture_html.link(drawn, f"{run}_reconstruction.png", "Reconstruction"),
        picture_html.link(heat, f"{run}_unexplained.png", "Difference"),
    ]
    return f'<div class="three">{"".join(shown)}</div>{picture_html.table(figures)}{picture_html.links(found)}'
