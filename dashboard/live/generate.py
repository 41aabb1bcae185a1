"""Generate: new pictures of a chosen class and seed, the same latents in every class or from one class to another, a
walk between two seeds; and what classifiers make of them.
"""

import html
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np

from dashboard.library.source_check import hint
from dashboard.live import picture_html, predictions
from dashboard.live.models import Shelf
from dashboard.widgets.text import sentence
from gan_core import images
from gan_core.errors import UserError

if TYPE_CHECKING:
    from gan_core.inference import Model

MOST = 64  # pictures
LARGEST = 2**53  # seed: the largest that a browser's numbers hold
STEPS = 24  # of a walk
COLUMNS = 6  # latents that are compared over the classes: more would be too small to see
SHARES = tuple(step / 10 for step in range(11))  # of the second class, on the way to it
LARGE = 256  # pixels a side from which half as many latents go the way: their pictures are all sent at once
ANY = "any class"

Given = float | None  # of a field, which a visitor may have emptied


@dataclass(frozen=True)
class Wanted:
    """What a visitor asks for; `kind` is one of KINDS."""

    kind: str
    run: str
    label: str = ANY
    second: str | None = None  # the class at the end of the way; the next one where none is named
    seed: Given = 0
    other: Given = 1  # the seed at the end of the walk
    count: Given = 16
    truncation: Given = 1.0
    opinions: bool = False


@dataclass(frozen=True)
class Drawn:
    """A part of the page, and what classifiers can be asked about it."""

    page: str
    pictures: np.ndarray | None = None  # uint8 (N, H, W, C), in the order of their places
    classes: tuple[str, ...] = ()  # that each was asked for, "" where none was
    way: tuple[str, str] | None = None  # the two classes that they lie between, by share, then latent


@dataclass(frozen=True)
class Shown:
    """What the page shows after a step, as HTML."""

    page: str
    opinion: str = ""
    standing: str = ""  # whose opinion it is, and what it is worth


def draw(shelf: Shelf, wanted: Wanted) -> Iterator[Shown]:
    """First the pictures, then what is said of them; preceded by a line while the networks load. What is wrong becomes
    a message.
    """
    try:
        if not wanted.run:
            raise UserError("no run here generates pictures yet: train one, for example dcgan")
        if not shelf.is_loaded(wanted.run):
            yield Shown(picture_html.ghost("", f"Loading the networks of {wanted.run}. This happens once."))
        model = shelf.get(wanted.run)
        refused = predictions.none(model.config) if wanted.opinions else ""
        drawn = KINDS[wanted.kind](model, replace(wanted, opinions=wanted.opinions and not refused))
        if refused or not wanted.opinions or drawn.pictures is None:
            yield Shown(drawn.page, refused)
            return
        standing = predictions.standing(model.config)
        yield Shown(drawn.page, predictions.waiting(model.config), standing)
        for found in predictions.asked(model.config, drawn.pictures):
            said = (
                predictions.on_the_way(found, *drawn.way, SHARES)
                if drawn.way
                else predictions.about(found, drawn.classes)
            )
            yield Shown(drawn.page, said, standing)
    except UserError as error:
        yield Shown(picture_html.message(sentence(str(error)), "error"))


def seed_of(value: Given) -> int:
    """Raises UserError: empty, or out of range."""
    number = real(value)
    if not 0 <= number <= LARGEST:
        raise UserError(f"seed {number:g}: take a whole number from 0 to {LARGEST}")
    return int(number)


def count_of(value: Given) -> int:
    """Raises UserError: empty, or out of range."""
    number = real(value)
    if not 1 <= number <= MOST:
        raise UserError(f"{number:g} pictures: ask for 1 to {MOST}")
    return int(number)


def real(value: Given) -> float:
    """Raises UserError: the field is empty."""
    if value is None:
        raise UserError("a field is empty: fill it in")
    return float(value)


def make(model: "Model", wanted: Wanted) -> tuple[np.ndarray, list[str]]:
    """Pictures uint8 (N, H, W, C) with the class of each.

    Raises:
        UserError: a class that the run does not have, or numbers that are missing or out of range.
    """
    return model.generate(
        count_of(wanted.count),
        label=None if wanted.label in ("", ANY) else wanted.label,
        seed=seed_of(wanted.seed),
        truncation=real(wanted.truncation),
    )


def files(model: "Model", made: np.ndarray, labels: list[str], seed: Given) -> dict[str, bytes]:
    """PNG files by name."""
    notes = {"Run": model.run.folder.name, "Seed": str(seed_of(seed))}
    return {
        picture_html.file_name(name or "generated", f"{number:03d}"): images.png_bytes(picture, **notes)
        for number, (picture, name) in enumerate(zip(made, labels, strict=True))
    }


def grid(model: "Model", wanted: Wanted) -> Drawn:
    made, labels = make(model, wanted)
    mixed = bool(model.classes) and wanted.label in ("", ANY)
    cells = []
    found = files(model, made, labels, wanted.seed)
    for number, (name, content) in enumerate(found.items()):
        asked = "asked for " if wanted.opinions else ""
        words = f"<small>{asked}{html.escape(labels[number])}</small>" if mixed else ""
        cells.append(_cell(picture_html.image(content, f"synthetic, {name}"), wanted, number, words))
    size = "few" if len(made) <= 4 else "some" if len(made) <= 16 else "lots"
    page = _head(model, found, wanted.label, wanted) + f'<div class="grid {size}">{"".join(cells)}</div>'
    return Drawn(page, made, tuple(labels))


def rows(model: "Model", wanted: Wanted) -> Drawn:
    """A row a class, all of the same latents."""
    count, seed = min(count_of(wanted.count), COLUMNS), seed_of(wanted.seed)
    drawn = model.same_latents(count, seed=seed, truncation=real(wanted.truncation))
    files: dict[str, bytes] = {}
    lines = []
    for name, row in drawn.items():
        notes = {"Run": model.run.folder.name, "Seed": str(seed), "Class": name}
        found = {
            picture_html.file_name(name, f"{number:03d}"): images.png_bytes(one, **notes)
            for number, one in enumerate(row)
        }
        shown = (picture_html.image(content, f"synthetic, {name}") for content in found.values())
        cells = "".join(_cell(one, wanted, len(files) + number) for number, one in enumerate(shown))
        lines.append(f'<b>{html.escape(name)}</b><div class="row-of" style="--count: {count}">{cells}</div>')
        files |= found
    words = "The same latents in the same order for every class: what changes is the class alone."
    page = _head(model, files, "", wanted) + f'<div class="rows">{"".join(lines)}</div><p class="below">{words}</p>'
    return Drawn(page, np.concatenate(list(drawn.values())), tuple(name for name in drawn for _ in range(count)))


def on_the_way(model: "Model", wanted: Wanted, shares: Sequence[float] = SHARES) -> np.ndarray:
    """Pictures uint8 (shares, count, H, W, C).

    Raises:
        UserError: the run has no two classes, or numbers that are missing or out of range.
    """
    count, seed, truncation = count_of(wanted.count), seed_of(wanted.seed), real(wanted.truncation)
    return model.between(count, *ends(model, wanted), shares, seed=seed, truncation=truncation)


def files_between(model: "Model", wanted: Wanted, drawn: np.ndarray, shares: Sequence[float]) -> dict[str, bytes]:
    """PNG files by name, in the order of `drawn`; each says inside how much of each class it was made from."""
    (first, second), found = ends(model, wanted), {}
    notes = {"Run": model.run.folder.name, "Seed": str(seed_of(wanted.seed))}
    for share, row in zip(shares, drawn, strict=True):
        name, mixture = f"{first}_to_{second}_{share * 100:03.0f}", f"{1 - share:.0%} {first}, {share:.0%} {second}"
        for number, picture in enumerate(row):
            found[picture_html.file_name(name, f"{number:03d}")] = images.png_bytes(picture, **notes, Class=mixture)
    return found


def between(model: "Model", wanted: Wanted) -> Drawn:
    """The same latents on the way from one class to another, all of it on the page: its slider asks for nothing."""
    most = COLUMNS if model.config.image_size < LARGE else COLUMNS // 2
    wanted = replace(wanted, count=min(count_of(wanted.count), most))
    drawn = on_the_way(model, wanted)
    found = files_between(model, wanted, drawn, SHARES)
    shown = [picture_html.image(content, f"synthetic, {name}") for name, content in found.items()]
    count = drawn.shape[1]
    ways = [f'<div class="frames">{"".join(shown[number::count])}</div>' for number in range(count)]
    cells = "".join(_cell(way, wanted, number) for number, way in enumerate(ways))
    ends_of_it = ends(model, wanted)
    first, second = map(html.escape, ends_of_it)
    page = (
        f'{_head(model, found, " to ".join(ends_of_it), wanted)}<div class="hold" data-count="{count}">'
        f'<label class="hand"><b>{first}</b><input type="range" min="0" max="{len(SHARES) - 1}" step="1" value="0" '
        f'aria-label="From {first} to {second}" data-first="{first}" data-second="{second}" oninput="ganrayHold(this)">'
        f"<b>{second}</b></label><output></output>"
        f'<div class="row-of" style="--count: {count}">{cells}</div></div>'
        '<p class="below">The slider mixes the codes by which the generator is told the class. Nothing that it learned '
        "from lies between them.</p>"
    )
    return Drawn(page, drawn.reshape(-1, *drawn.shape[2:]), way=ends_of_it)


def ends(model: "Model", wanted: Wanted) -> tuple[str, str]:
    """The two classes of the way. Raises UserError: the run has not two, or one stands at both ends."""
    if len(model.classes) < 2:
        raise UserError(f"run '{model.run.name}' has no two classes to choose from: take a conditional one")
    first = model.classes[0] if wanted.label in ("", ANY) else wanted.label
    second = wanted.second or next(name for name in model.classes if name != first)
    if first == second:
        raise UserError(f"from {first} to {second} is no way: choose two classes")
    return first, second


def walk(model: "Model", wanted: Wanted) -> Drawn:
    """The way from one seed to another as a GIF."""
    label, seed, other = wanted.label, seed_of(wanted.seed), seed_of(wanted.other)
    chosen = (model.classes[0] if label in ("", ANY) else label) if model.classes else ""
    truncation = real(wanted.truncation)
    frames = list(model.interpolate((seed, other), STEPS, label=chosen or None, truncation=truncation))
    gif = images.gif_bytes([*frames, *frames[-2:0:-1]], milliseconds=90, last=90)
    name = f"{model.run.folder.name}_{seed}_to_{other}.gif"
    shown = picture_html.image(gif, f"synthetic, from seed {seed} to {other}", "image/gif")
    words = _about(model, chosen, f"seed {seed} to {other} and back", _cut(wanted))
    download = picture_html.links([picture_html.link(gif, name, "GIF", "image/gif")], words)
    return Drawn(f'{download}<div class="walk">{shown}</div>')


KINDS: Mapping[str, Callable[["Model", Wanted], Drawn]] = {
    "new": grid,
    "classes": rows,
    "between": between,
    "walk": walk,
}
CONDITIONAL = ("classes", "between")


def fitted(shelf: Shelf, wanted: Wanted) -> Wanted:
    """What can be done of it where fields still stand as they were for another run or class."""
    try:
        classes = shelf.classes(wanted.run)
    except UserError:
        classes = ()
    kind = "new" if wanted.kind in CONDITIONAL and len(classes) < 2 else wanted.kind
    label = wanted.label if wanted.label in classes else ANY
    first = classes[0] if label == ANY and classes else label
    second = wanted.second if wanted.second in classes and wanted.second != first else None
    return replace(wanted, kind=kind, label=label, second=second)


def _cell(picture: str, wanted: Wanted, number: int, words: str = "") -> str:
    said = predictions.place(number) if wanted.opinions else ""
    return f"<figure>{picture}{words}{said}</figure>"


def _head(model: "Model", made: Mapping[str, bytes], label: str, wanted: Wanted) -> str:
    """What follows, in a line, and all of it to take along; and what else may tell the classes apart."""
    seed = seed_of(wanted.seed)
    archive = picture_html.link(
        *(picture_html.zipped(made), f"{model.run.folder.name}_seed{seed}.zip", f"All {len(made)} as zip"),
        kind="application/zip",
    )
    said = hint(model.config.source, model.config.classes)
    beware = f'<p class="beware">{html.escape(said)}</p>' if said else ""
    return picture_html.links([archive], _about(model, label, f"seed {seed}", _cut(wanted))) + beware


def _about(model: "Model", label: str, *settings: str) -> str:
    kind = "" if label == ANY else label
    return f"{', '.join(filter(None, (model.run.folder.name, kind, *settings)))}: {images.NOTICE}"


def _cut(wanted: Wanted) -> str:
    truncation = real(wanted.truncation)
    return "" if truncation == 1 else f"truncation {truncation:g}"
