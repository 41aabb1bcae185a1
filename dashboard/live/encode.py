"""Encode: a picture through a BiGAN's encoder and back, and what the model could not explain."""

from collections.abc import Iterator

import numpy as np

from dashboard.live import pictures
from dashboard.live.models import Shelf
from dashboard.live.translate import Upload, doubt, sentence
from gan_core import decoding, images
from gan_core.errors import UserError
from gan_core.inference import Model


def encode(shelf: Shelf, given: Upload | None, run: str, insist: bool = False) -> Iterator[tuple[str, bool]]:
    """(HTML, whether it waits for the visitor to insist); what is wrong becomes a message."""
    try:
        if given is None:
            yield pictures.message("Drop a picture above, or click an example."), False
            return
        if not run:
            raise UserError("no run here has an encoder yet: train bigan")
        if not shelf.is_loaded(run):
            yield pictures.message(f"Loading the networks of {run}: this happens once.", "wait"), False
        model = shelf.get(run)
        picture = shelf.decoder.decode(given.data, given.name)
        if not insist and (reason := doubt(picture, model)):
            yield pictures.message(reason), True
            return
        yield page(model, *reconstruct(model, picture)), False
    except UserError as error:
        yield pictures.message(sentence(str(error)), "error"), False


def reconstruct(model: Model, picture: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The picture as the run takes it and what the generator makes of its latent, uint8 (S, S, C) both.

    picture: float32 (H, W, C) in [0, 1].
    """
    settled = model.config
    fitted = decoding.resize(decoding.to_channels(picture, settled.channels), settled.image_size, settled.fit)
    before = decoding.quantise(fitted).transpose(1, 2, 0)
    return before, model.reconstruct(before[None])[0]


def page(model: Model, before: np.ndarray, after: np.ndarray) -> str:
    missing = (before.astype(np.float32) - after) / 255
    z = model.encode(before[None])[0]
    shown = [
        pictures.figure(pictures.image(pictures.quick_png(before), "the picture"), "The picture"),
        pictures.figure(
            pictures.image(images.png_bytes(after, Run=model.run.folder.name), "its reconstruction"),
            "Drawn again from its latent",
            "synthetic, not for diagnosis",
        ),
        pictures.figure(
            pictures.image(pictures.quick_png(pictures.heat(missing)), "what is missing"),
            "What the model could not explain",
            pictures.scale_bar(),
        ),
    ]
    figures = {
        "Mean difference": f"{np.abs(missing).mean():.1%}",
        "Length of the latent": f"{float(z.norm()):.1f}",
        "Of a usual one": f"{len(z) ** 0.5:.1f}",
    }
    return f'<div class="three">{"".join(shown)}</div>{pictures.table(figures)}'
