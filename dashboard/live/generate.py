"""Generate: new pictures of a chosen class and seed, the same latents in every class, a walk between two seeds."""

import html
from collections.abc import Callable, Iterator, Mapping

from dashboard.live import pictures
from dashboard.live.models import Shelf
from dashboard.live.translate import sentence
from gan_core import images
from gan_core.errors import UserError
from gan_core.inference import Model

MOST = 64  # pictures
LARGEST = 2**53  # seed: the largest that a browser's numbers hold
STEPS = 24  # of a walk
COLUMNS = 6  # latents that are compared over the classes: more would be too small to see
ANY = "any class"


Given = float | None  # of a field, which a visitor may have emptied


def generate(shelf: Shelf, run: str, label: str, seed: Given, count: Given, truncation: Given) -> Iterator[str]:
    """The grid as HTML, preceded by a line while the networks load; what is wrong becomes a message."""
    yield from _safely(shelf, run, lambda model: grid(model, label, _seed(seed), _count(count), _real(truncation)))


def compare(shelf: Shelf, run: str, seed: Given, count: Given, truncation: Given) -> Iterator[str]:
    """A row a class, all of the same latents."""
    yield from _safely(
        shelf, run, lambda model: rows(model, _seed(seed), min(_count(count), COLUMNS), _real(truncation))
    )


def walk(shelf: Shelf, run: str, label: str, seed: Given, other: Given) -> Iterator[str]:
    """The way from one seed to another as a GIF."""
    yield from _safely(shelf, run, lambda model: animation(model, label, _seed(seed), _seed(other)))


def _seed(value: Given) -> int:
    number = _real(value)
    if not 0 <= number <= LARGEST:
        raise UserError(f"seed {number:g}: take a whole number from 0 to {LARGEST}")
    return int(number)


def _count(value: Given) -> int:
    number = _real(value)
    if not 1 <= number <= MOST:
        raise UserError(f"{number:g} pictures: ask for 1 to {MOST}")
    return int(number)


def _real(value: Given) -> float:
    if value is None:
        raise UserError("a field is empty: fill it in")
    return float(value)


def files(model: Model, label: str, seed: Given, count: Given, truncation: Given) -> dict[str, bytes]:
    """PNG files by name.

    Raises:
        UserError: a class that the run does not have, or numbers that are missing or out of range.
    """
    seed, count, truncation = _seed(seed), _count(count), _real(truncation)
    chosen = None if label in ("", ANY) else label
    made, labels = model.generate(count, label=chosen, seed=seed, truncation=truncation)
    notes = {"Run": model.run.folder.name, "Seed": str(seed)}
    return {
        f"{name or 'generated'}_{number:03d}.png": images.png_bytes(picture, **notes)
        for number, (picture, name) in enumerate(zip(made, labels, strict=True))
    }


def grid(model: Model, label: str, seed: int, count: int, truncation: float) -> str:
    made = files(model, label, seed, count, truncation)
    mixed = bool(model.classes) and label in ("", ANY)
    cells = []
    for name, content in made.items():
        words = f"<small>{html.escape(name.rpartition('_')[0])}</small>" if mixed else ""
        cells.append(f"<figure>{pictures.image(content, f'synthetic, {name}')}{words}</figure>")
    size = "few" if count <= 4 else "some" if count <= 16 else "lots"
    return (
        _head(model, made, label, f"seed {seed}", _cut(truncation)) + f'<div class="grid {size}">{"".join(cells)}</div>'
    )


def rows(model: Model, seed: int, count: int, truncation: float) -> str:
    made: dict[str, bytes] = {}
    lines = []
    for name, row in model.same_latents(count, seed=seed, truncation=truncation).items():
        notes = {"Run": model.run.folder.name, "Seed": str(seed), "Class": name}
        found = {f"{name}_{number:03d}.png": images.png_bytes(one, **notes) for number, one in enumerate(row)}
        cells = "".join(pictures.image(content, f"synthetic, {name}") for content in found.values())
        lines.append(f'<b>{html.escape(name)}</b><div class="row-of" style="--count: {count}">{cells}</div>')
        made |= found
    words = "Each column is one latent: from row to row only the class changes."
    head = _head(model, made, "", f"seed {seed}", _cut(truncation))
    return f'{head}<div class="rows">{"".join(lines)}</div><p class="below">{words}</p>'


def animation(model: Model, label: str, seed: int, other: int) -> str:
    chosen = (model.classes[0] if label in ("", ANY) else label) if model.classes else ""
    frames = list(model.interpolate((seed, other), STEPS, label=chosen or None))
    gif = images.gif_bytes([*frames, *frames[-2:0:-1]], milliseconds=90, last=90)
    name = f"{model.run.folder.name}_{seed}_to_{other}.gif"
    shown = pictures.image(gif, f"synthetic, from seed {seed} to {other}", "image/gif")
    words = _about(model, chosen, f"seed {seed} to {other} and back")
    return pictures.links([pictures.link(gif, name, "GIF", "image/gif")], words) + f'<div class="walk">{shown}</div>'


def _head(model: Model, made: Mapping[str, bytes], label: str, *settings: str) -> str:
    """What follows, in a line, and all of it to take along."""
    name = f"{model.run.folder.name}_{settings[0].replace(' ', '')}.zip"
    archive = pictures.link(pictures.zipped(made), name, f"All {len(made)} as zip", "application/zip")
    return pictures.links([archive], _about(model, label, *settings))


def _about(model: Model, label: str, *settings: str) -> str:
    kind = "" if label == ANY else label
    return f"{', '.join(filter(None, (model.run.folder.name, kind, *settings)))}: {images.NOTICE}"


def _cut(truncation: float) -> str:
    return "" if truncation == 1 else f"truncation {truncation:g}"


def _safely(shelf: Shelf, run: str, draw: Callable[[Model], str]) -> Iterator[str]:
    try:
        if not run:
            raise UserError("no run here generates pictures yet: train one, for example dcgan")
        if not shelf.is_loaded(run):
            yield pictures.ghost("", f"Loading the networks of {run}. This happens once.")
        yield draw(shelf.get(run))
    except UserError as error:
        yield pictures.message(sentence(str(error)), "error")
