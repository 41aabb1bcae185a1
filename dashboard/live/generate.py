"""Generate: new pictures of a chosen class and seed, the same latents in every class, a walk between two seeds."""

import html
from collections.abc import Callable, Iterator

from dashboard.live import pictures
from dashboard.live.models import Shelf
from dashboard.live.translate import sentence
from gan_core import images
from gan_core.errors import UserError
from gan_core.inference import Model

MOST = 64
STEPS = 24  # of a walk
ANY = "any class"


def generate(shelf: Shelf, run: str, label: str, seed: float, count: float, truncation: float) -> Iterator[str]:
    """The grid as HTML, preceded by a line while the networks load; what is wrong becomes a message."""
    yield from _safely(shelf, run, lambda model: grid(model, label, int(seed), int(count), float(truncation)))


def compare(shelf: Shelf, run: str, seed: float, count: float, truncation: float) -> Iterator[str]:
    """A row a class, all of the same latents."""
    yield from _safely(shelf, run, lambda model: rows(model, int(seed), min(int(count), 8), float(truncation)))


def walk(shelf: Shelf, run: str, label: str, seed: float, other: float) -> Iterator[str]:
    """The way from one seed to another as a GIF."""
    yield from _safely(shelf, run, lambda model: animation(model, label, int(seed), int(other)))


def files(model: Model, label: str, seed: int, count: int, truncation: float) -> dict[str, bytes]:
    """PNG files by name.

    Raises:
        UserError: a class that the run does not have, or numbers out of range.
    """
    if not 1 <= count <= MOST:
        raise UserError(f"{count} pictures: ask for 1 to {MOST}")
    if seed < 0:
        raise UserError(f"seed {seed}: take 0 or more")
    chosen = None if label in ("", ANY) else label
    made, labels = model.generate(count, label=chosen, seed=seed, truncation=truncation)
    notes = {"Run": model.run.folder.name, "Seed": str(seed)}
    return {
        f"{name or 'generated'}_{number:03d}.png": images.png_bytes(picture, **notes)
        for number, (picture, name) in enumerate(zip(made, labels, strict=True))
    }


def grid(model: Model, label: str, seed: int, count: int, truncation: float) -> str:
    made = files(model, label, seed, count, truncation)
    cells = "".join(pictures.image(content, f"synthetic, {name}") for name, content in made.items())
    archive = pictures.link(
        pictures.zipped(made), f"{model.run.folder.name}_seed{seed}.zip", "All (zip)", "application/zip"
    )
    size = "few" if count <= 4 else "some" if count <= 16 else "lots"
    return f'<div class="grid {size}">{cells}</div><p class="links">{archive}</p>'


def rows(model: Model, seed: int, count: int, truncation: float) -> str:
    made = model.same_latents(count, seed=seed, truncation=truncation)
    lines = []
    for name, row in made.items():
        cells = "".join(pictures.image(images.png_bytes(picture), f"synthetic, {name}") for picture in row)
        lines.append(f'<b>{html.escape(name)}</b><div class="grid row">{cells}</div>')
    words = "Each column is one latent: from row to row only the class changes."
    return f'<div class="rows">{"".join(lines)}</div><p class="below">{words}</p>'


def animation(model: Model, label: str, seed: int, other: int) -> str:
    if min(seed, other) < 0:
        raise UserError("seeds are 0 or more")
    chosen = (model.classes[0] if label in ("", ANY) else label) if model.classes else None
    frames = list(model.interpolate((seed, other), STEPS, label=chosen))
    gif = images.gif_bytes([*frames, *frames[-2:0:-1]], milliseconds=90, last=90)
    name = f"{model.run.folder.name}_{seed}_to_{other}.gif"
    shown = pictures.image(gif, f"from seed {seed} to {other}", "image/gif")
    words = f"{html.escape(chosen)}, s" if chosen else "S"
    return (
        f'<div class="walk">{shown}</div><p class="below">{words}eed {seed} to {other} and back.</p>'
        f'<p class="links">{pictures.link(gif, name, "GIF", "image/gif")}</p>'
    )


def _safely(shelf: Shelf, run: str, draw: Callable[[Model], str]) -> Iterator[str]:
    try:
        if not run:
            raise UserError("no run here generates pictures yet: train one, for example dcgan")
        if not shelf.is_loaded(run):
            yield pictures.message(f"Loading the networks of {run}: this happens once.", "wait")
        yield draw(shelf.get(run))
    except (UserError, ValueError) as error:
        yield pictures.message(sentence(str(error)), "error")
