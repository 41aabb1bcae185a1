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
from dashboard.live.models import ModelCache
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
class GenerateRequest:
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
class PageSection:
    """A part of the page, and what classifiers can be asked about it."""

    page: str
    pictures: np.ndarray | None = None  # uint8 (N, H, W, C), in the order of their places
    classes: tuple[str, ...] = ()  # that each was asked for, "" where none was
    way: tuple[str, str] | None = None  # the two classes that they lie between, by share, then latent


@dataclass(frozen=True)
class GenerationUpdate:
    """What the page shows after a step, as HTML."""

    page: str
    opinion: str = ""
    standing: str = ""  # whose opinion it is, and what it is worth


def draw(models: ModelCache, request: GenerateRequest) -> Iterator[GenerationUpdate]:
    """First the pictures, then what is said of them; preceded by a line while the networks load. What is wrong becomes
    a message.
    """
    try:
        if not request.run:
            raise UserError("no run here generates pictures yet: train one, for example dcgan")
        if not models.is_loaded(request.run):
            yield GenerationUpdate(picture_html.ghost("", f"Loading the networks of {request.run}. This happens once."))
        model = models.get(request.run)
        refused = predictions.none(model.config) if request.opinions else ""
        drawn = KINDS[request.kind](model, replace(request, opinions=request.opinions and not refused))
        if refused or not request.opinions or drawn.pictures is None:
            yield GenerationUpdate(drawn.page, refused)
            return
        standing = predictions.standing(model.config)
        yield GenerationUpdate(drawn.page, predictions.waiting(model.config), standing)
        for found in predictions.asked(model.config, drawn.pictures):
            said = (
                predictions.on_the_way(found, *drawn.way, SHARES)
                if drawn.way
                else predictions.about(found, drawn.classes)
            )
            yield GenerationUpdate(drawn.page, said, standing)
    except UserError as error:
        yield GenerationUpdate(picture_html.message(sentence(str(error)), "error"))


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


def make(model: "Model", request: GenerateRequest) -> tuple[np.ndarray, list[str]]:
    """Pictures uint8 (N, H, W, C) with the class of each.

    Raises:
        UserError: a class that the run does not have, or numbers that are missing or out of range.
    """
    return model.generate(
        count_of(request.count),
        label=None if request.label in ("", ANY) else request.label,
        seed=seed_of(request.seed),
        truncation=real(request.truncation),
    )


def files(model: "Model", made: np.ndarray, labels: list[str], seed: Given) -> dict[str, bytes]:
    """PNG files by name."""
    notes = {"Run": model.run.folder.name, "Seed": str(seed_of(seed))}
    return {
        picture_html.file_name(name or "generated", f"{number:03d}"): images.png_bytes(picture, **notes)
        for number, (picture, name) in enumerate(zip(made, labels, strict=True))
    }


def grid(model: "Model", request: GenerateRequest) -> PageSection:
    made, labels = make(model, request)
    mixed = bool(model.classes) and request.label in ("", ANY)
    cells = []
    found = files(model, made, labels, request.seed)
    for number, (name, content) in enumerate(found.items()):
        asked = "asked for " if request.opinions else ""
        words = f"<small>{asked}{html.escape(labels[number])}</small>" if mixed else ""
        cells.append(_cell(picture_html.image(content, f"synthetic, {name}"), request, number, words))
    size = "few" if len(made) <= 4 else "some" if len(made) <= 16 else "lots"
    page = _head(model, found, request.label, request) + f'<div class="grid {size}">{"".join(cells)}</div>'
    return PageSection(page, made, tuple(labels))


def rows(model: "Model", request: GenerateRequest) -> PageSection:
    """A row a class, all of the same latents."""
    count, seed = min(count_of(request.count), COLUMNS), seed_of(request.seed)
    drawn = model.same_latents(count, seed=seed, truncation=real(request.truncation))
    files: dict[str, bytes] = {}
    lines = []
    for name, row in drawn.items():
        notes = {"Run": model.run.folder.name, "Seed": str(seed), "Class": name}
        found = {
            picture_html.file_name(name, f"{number:03d}"): images.png_bytes(one, **notes)
            for number, one in enumerate(row)
        }
        shown = (picture_html.image(content, f"synthetic, {name}") for content in found.values())
        cells = "".join(_cell(one, request, len(files) + number) for number, one in enumerate(shown))
        lines.append(f'<b>{html.escape(name)}</b><div class="row-of" style="--count: {count}">{cells}</div>')
        files |= found
    words = "The same latents in the same order for every class: what changes is the class alone."
    page = _head(model, files, "", request) + f'<div class="rows">{"".join(lines)}</div><p class="below">{words}</p>'
    return PageSection(page, np.concatenate(list(drawn.values())), tuple(name for name in drawn for _ in range(count)))


def on_the_way(model: "Model", request: GenerateRequest, shares: Sequence[float] = SHARES) -> np.ndarray:
    """Pictures uint8 (shares, count, H, W, C).

    Raises:
        UserError: the run has no two classes, or numbers that are missing or out of range.
    """
    count, seed, truncation = count_of(request.count), seed_of(request.seed), real(request.truncation)
    return model.between(count, *ends(model, request), shares, seed=seed, truncation=truncation)


def files_between(
    model: "Model", request: GenerateRequest, drawn: np.ndarray, shares: Sequence[float]
) -> dict[str, bytes]:
    """PNG files by name, in the order of `drawn`; each says inside how much of each class it was made from."""
    (first, second), found = ends(model, request), {}
    notes = {"Run": model.run.folder.name, "Seed": str(seed_of(request.seed))}
    for share, row in zip(shares, drawn, strict=True):
        name, mixture = f"{first}_to_{second}_{share * 100:03.0f}", f"{1 - share:.0%} {first}, {share:.0%} {second}"
        for number, picture in enumerate(row):
            found[picture_html.file_name(name, f"{number:03d}")] = images.png_bytes(picture, **notes, Class=mixture)
    return found


def between(model: "Model", request: GenerateRequest) -> PageSection:
    """The same latents on the way from one class to another, all of it on the page: its slider asks for nothing."""
    most = COLUMNS if model.config.image_size < LARGE else COLUMNS // 2
    request = replace(request, count=min(count_of(request.count), most))
    drawn = on_the_way(model, request)
    found = files_between(model, request, drawn, SHARES)
    shown = [picture_html.image(content, f"synthetic, {name}") for name, content in found.items()]
    count = drawn.shape[1]
    ways = [f'<div class="frames">{"".join(shown[number::count])}</div>' for number in range(count)]
    cells = "".join(_cell(way, request, number) for number, way in enumerate(ways))
    ends_of_it = ends(model, request)
    first, second = map(html.escape, ends_of_it)
    page = (
        f'{_head(model, found, " to ".join(ends_of_it), request)}<div class="hold" data-count="{count}">'
        f'<label class="hand"><b>{first}</b><input type="range" min="0" max="{len(SHARES) - 1}" step="1" value="0" '
        f'aria-label="From {first} to {second}" data-first="{first}" data-second="{second}" oninput="ganrayHold(this)">'
        f"<b>{second}</b></label><output></output>"
        f'<div class="row-of" style="--count: {count}">{cells}</div></div>'
        '<p class="below">The slider mixes the codes by which the generator is told the class. Nothing that it learned '
        "from lies between them.</p>"
    )
    return PageSection(page, drawn.reshape(-1, *drawn.shape[2:]), way=ends_of_it)


def ends(model: "Model", request: GenerateRequest) -> tuple[str, str]:
    """The two classes of the way. Raises UserError: the run has not two, or one stands at both ends."""
    if len(model.classes) < 2:
        raise UserError(f"run '{model.run.name}' has no two classes to choose from: take a conditional one")
    first = model.classes[0] if request.label in ("", ANY) else request.label
    second = request.second or next(name for name in model.classes if name != first)
    if first == second:
        raise UserError(f"from {first} to {second} is no way: choose two classes")
    return first, second


def walk(model: "Model", request: GenerateRequest) -> PageSection:
    """The way from one seed to another as a GIF."""
    label, seed, other = request.label, seed_of(request.seed), seed_of(request.other)
    chosen = (model.classes[0] if label in ("", ANY) else label) if model.classes else ""
    truncation = real(request.truncation)
    frames = list(model.interpolate((seed, other), STEPS, label=chosen or None, truncation=truncation))
    gif = images.gif_bytes([*frames, *frames[-2:0:-1]], milliseconds=90, last=90)
    name = f"{model.run.folder.name}_{seed}_to_{other}.gif"
    shown = picture_html.image(gif, f"synthetic, from seed {seed} to {other}", "image/gif")
    words = _about(model, chosen, f"seed {seed} to {other} and back", _cut(request))
    download = picture_html.links([picture_html.link(gif, name, "GIF", "image/gif")], words)
    return PageSection(f'{download}<div class="walk">{shown}</div>')


KINDS: Mapping[str, Callable[["Model", GenerateRequest], PageSection]] = {
    "new": grid,
    "classes": rows,
    "between": between,
    "walk": walk,
}
CONDITIONAL = ("classes", "between")


def fitted(models: ModelCache, request: GenerateRequest) -> GenerateRequest:
    """What can be done of it where fields still stand as they were for another run or class."""
    try:
        classes = models.classes(request.run)
    except UserError:
        classes = ()
    kind = "new" if request.kind in CONDITIONAL and len(classes) < 2 else request.kind
    label = request.label if request.label in classes else ANY
    first = classes[0] if label == ANY and classes else label
    second = request.second if request.second in classes and request.second != first else None
    return replace(request, kind=kind, label=label, second=second)


def _cell(picture: str, request: GenerateRequest, number: int, words: str = "") -> str:
    said = predictions.place(number) if request.opinions else ""
    return f"<figure>{picture}{words}{said}</figure>"


def _head(model: "Model", made: Mapping[str, bytes], label: str, request: GenerateRequest) -> str:
    """What follows, in a line, and all of it to take along; and what else may tell the classes apart."""
    seed = seed_of(request.seed)
    archive = picture_html.link(
        *(picture_html.zipped(made), f"{model.run.folder.name}_seed{seed}.zip", f"All {len(made)} as zip"),
        kind="application/zip",
    )
    said = hint(model.config.source, model.config.classes)
    beware = f'<p class="beware">{html.escape(said)}</p>' if said else ""
    return picture_html.links([archive], _about(model, label, f"seed {seed}", _cut(request))) + beware


def _about(model: "Model", label: str, *settings: str) -> str:
    kind = "" if label == ANY else label
    return f"{', '.join(filter(None, (model.run.folder.name, kind, *settings)))}: {images.NOTICE}"


def _cut(request: GenerateRequest) -> str:
    truncation = real(request.truncation)
    return "" if truncation == 1 else f"truncation {truncation:g}"
