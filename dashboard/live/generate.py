"""Generate: new images, the same latent vectors in every class, interpolations between two classes or two seeds, and
the way of images out of noise.

Classifiers can give a second opinion on the images.
"""

import html
import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np

from dashboard.library.source_check import hint
from dashboard.live import picture_html, predictions
from dashboard.live.models import ModelCache
from dashboard.widgets.text import sentence
from gan_core import images
from gan_core.errors import UserError, printable
from gan_core.runs import REFERENCE

if TYPE_CHECKING:
    from gan_core.inference import Model

MOST = 64  # images
LARGEST = 2**53  # seed: the largest integer that JavaScript numbers hold exactly
STEPS = 24  # of an interpolation between seeds
COLUMNS = 6  # latent vectors compared across classes: more images would be too small
SHARES = tuple(step / 10 for step in range(11))  # of the second class in an interpolation
MOMENTS = 11  # of the way from noise to an image
PATHS = 3  # images whose way is shown: each takes two rows
LARGE = 256  # image size from which half as many latent vectors are interpolated: all images are sent at once
ANY = "any class"
_STATE, _EXPECTED = "Now", "Expected end"  # the two rows of an image on its way

_GRID = '<div class="grid '
_NOTE = "An example: the first images of {run}, drawn from seed 0. Choose another run, class or seed."

FieldValue = float | None  # None where the visitor emptied the field


@dataclass(frozen=True)
class GenerateRequest:
    """What a visitor asks for; `kind` is a key of KINDS."""

    kind: str
    run: str
    label: str = ANY
    second: str | None = None  # the class at the end of the interpolation; None for the next one
    seed: FieldValue = 0
    other: FieldValue = 1  # the seed at the end of the interpolation
    count: FieldValue = 16
    truncation: FieldValue = 1.0
    opinions: bool = False


@dataclass(frozen=True)
class PageSection:
    """A part of the page, with the images that classifiers can label."""

    page: str
    pictures: np.ndarray | None = None  # uint8 (N, H, W, C), in the order on the page
    classes: tuple[str, ...] = ()  # requested class of each image, "" where none
    between: tuple[str, str] | None = None  # classes of an interpolation; images ordered by share, then latent


@dataclass(frozen=True)
class GenerationUpdate:
    """What the page shows after a step, as HTML."""

    page: str
    opinion: str = ""
    disclaimer: str = ""  # which classifiers these are, and how reliable


def draw(models: ModelCache, request: GenerateRequest) -> Iterator[GenerationUpdate]:
    """Yield a line while the networks load, then the images, then the opinions; an error becomes a message."""
    try:
        if not request.run:
            raise UserError("no run here generates images yet: train one, for example dcgan")
        if not models.is_loaded(request.run):
            yield GenerationUpdate(picture_html.ghost("", f"Loading the networks of {request.run}. This happens once."))
        model = models.get(request.run)
        refused = predictions.refusal(model.config) if request.opinions else ""
        drawn = KINDS[request.kind](model, replace(request, opinions=request.opinions and not refused))
        if refused or not request.opinions or drawn.pictures is None:
            yield GenerationUpdate(drawn.page, refused)
            return
        disclaimer = predictions.disclaimer(model.config)
        yield GenerationUpdate(drawn.page, predictions.waiting(model.config), disclaimer)
        for found in predictions.ask_classifiers(model.config, drawn.pictures):
            opinion = (
                predictions.along_interpolation(found, *drawn.between, SHARES)
                if drawn.between
                else predictions.per_image(found, drawn.classes)
            )
            yield GenerationUpdate(drawn.page, opinion, disclaimer)
    except UserError as error:
        yield GenerationUpdate(picture_html.message(sentence(str(error)), "error"))


def opening(models: ModelCache, request: GenerateRequest) -> Iterator[GenerationUpdate]:
    """Yield the images that the tab opens with, as `draw`; they are drawn for the first visitor alone.

    Raises:
        UserError: there is no such run.
    """
    waiting = GenerationUpdate(picture_html.ghost("", "Drawing the first images."))
    key = ("generate", models.weights_of(request.run), request)
    note = picture_html.message(_NOTE.format(run=request.run.removeprefix(f"{REFERENCE}/")), "example")
    for one in models.openings.steps(key, lambda: draw(models, request), waiting, _drawn):
        yield replace(one, page=note + one.page) if _drawn(one) else one


def _drawn(one: GenerationUpdate) -> bool:
    return _GRID in one.page


def checked_seed(value: FieldValue) -> int:
    """Return the seed as int. Raises UserError: The field is empty or out of range."""
    number = checked_number(value)
    if not 0 <= number <= LARGEST:
        raise UserError(f"seed {number:g}: take a whole number from 0 to {LARGEST}")
    return int(number)


def checked_count(value: FieldValue) -> int:
    """Return the number of images. Raises UserError: The field is empty or out of range."""
    number = checked_number(value)
    if not 1 <= number <= MOST:
        raise UserError(f"{number:g} images: ask for 1 to {MOST}")
    return int(number)


def checked_number(value: FieldValue) -> float:
    """Return the number. Raises UserError: The field is empty, or a program sent what is no number."""
    if value is None:
        raise UserError("a field is empty: enter a number")
    try:
        number = float(value)
    except (TypeError, ValueError, OverflowError):
        number = math.nan
    if not math.isfinite(number):
        raise UserError(f"{printable(str(value), 40)} is no number: enter one")
    return number


def make(model: "Model", request: GenerateRequest) -> tuple[np.ndarray, list[str]]:
    """Generate images uint8 (N, H, W, C) and the class of each.

    Raises:
        UserError: The run does not have the class, or a number is missing or out of range.
    """
    return model.generate(
        checked_count(request.count),
        label=None if request.label in ("", ANY) else request.label,
        seed=checked_seed(request.seed),
        truncation=checked_number(request.truncation),
    )


def files(model: "Model", made: np.ndarray, labels: list[str], seed: FieldValue) -> dict[str, bytes]:
    """Return the images as PNG: file name -> content."""
    notes = {"Run": model.run.folder.name, "Seed": str(checked_seed(seed))}
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
        prefix = "drawn as: " if request.opinions else ""
        words = f"<small>{prefix}{html.escape(labels[number])}</small>" if mixed else ""
        cells.append(_cell(picture_html.image(content, f"synthetic, {name}"), request, number, words))
    size = "few" if len(made) <= 4 else "some" if len(made) <= 16 else "lots"
    page = _head(model, found, request.label, request) + f'<div class="grid {size}">{"".join(cells)}</div>'
    return PageSection(page, made, tuple(labels))


def rows(model: "Model", request: GenerateRequest) -> PageSection:
    """Return a section with one row per class, all from the same latent vectors."""
    count, seed = min(checked_count(request.count), COLUMNS), checked_seed(request.seed)
    drawn = model.same_latents(count, seed=seed, truncation=checked_number(request.truncation))
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
    words = "Every row has the same latent vectors in the same order: only the class changes."
    page = _head(model, files, "", request) + f'<div class="rows">{"".join(lines)}</div><p class="below">{words}</p>'
    return PageSection(page, np.concatenate(list(drawn.values())), tuple(name for name in drawn for _ in range(count)))


def interpolate_classes(model: "Model", request: GenerateRequest, shares: Sequence[float] = SHARES) -> np.ndarray:
    """Interpolate between two classes: images uint8 (shares, count, H, W, C).

    Raises:
        UserError: The run has fewer than two classes, or a number is missing or out of range.
    """
    count, seed, truncation = (
        checked_count(request.count),
        checked_seed(request.seed),
        checked_number(request.truncation),
    )
    return model.between(count, *ends(model, request), shares, seed=seed, truncation=truncation)


def files_between(
    model: "Model", request: GenerateRequest, drawn: np.ndarray, shares: Sequence[float]
) -> dict[str, bytes]:
    """Return the images as PNG, in the order of `drawn`: file name -> content, with the class shares as metadata."""
    (first, second), found = ends(model, request), {}
    notes = {"Run": model.run.folder.name, "Seed": str(checked_seed(request.seed))}
    for share, row in zip(shares, drawn, strict=True):
        name, mixture = f"{first}_to_{second}_{share * 100:03.0f}", f"{1 - share:.0%} {first}, {share:.0%} {second}"
        for number, picture in enumerate(row):
            found[picture_html.file_name(name, f"{number:03d}")] = images.png_bytes(picture, **notes, Class=mixture)
    return found


def between(model: "Model", request: GenerateRequest) -> PageSection:
    """Return a section with an interpolation between two classes.

    The page holds every image, so that its slider needs no request.
    """
    most = COLUMNS if model.config.image_size < LARGE else COLUMNS // 2
    request = replace(request, count=min(checked_count(request.count), most))
    drawn = interpolate_classes(model, request)
    found = files_between(model, request, drawn, SHARES)
    shown = [picture_html.image(content, f"synthetic, {name}") for name, content in found.items()]
    count = drawn.shape[1]
    series = [f'<div class="frames">{"".join(shown[number::count])}</div>' for number in range(count)]
    cells = "".join(_cell(frames, request, number) for number, frames in enumerate(series))
    both_ends = ends(model, request)
    first, second = map(html.escape, both_ends)
    page = (
        f'{_head(model, found, " to ".join(both_ends), request)}<div class="hold" data-count="{count}">'
        f'<label class="hand"><b>{first}</b><input type="range" min="0" max="{len(SHARES) - 1}" step="1" value="0" '
        f'aria-label="From {first} to {second}" data-first="{first}" data-second="{second}" oninput="ganrayHold(this)">'
        f"<b>{second}</b></label><output></output>"
        f'<div class="row-of" style="--count: {count}">{cells}</div></div>'
        '<p class="below">The slider mixes the class codes of the generator. No training image has a mixed class.</p>'
    )
    return PageSection(page, drawn.reshape(-1, *drawn.shape[2:]), between=both_ends)


def ends(model: "Model", request: GenerateRequest) -> tuple[str, str]:
    """Return the two classes. Raises UserError: The run has fewer than two, or both are the same."""
    if len(model.classes) < 2:
        raise UserError(f"run '{model.run.name}' has no two classes to choose from: take a conditional run")
    first = model.classes[0] if request.label in ("", ANY) else request.label
    second = request.second or next(name for name in model.classes if name != first)
    if first == second:
        raise UserError(f"both classes are {first}: choose two different ones")
    return first, second


def walk(model: "Model", request: GenerateRequest) -> PageSection:
    """Return a section with the interpolation between two seeds as a GIF."""
    label, seed, other = request.label, checked_seed(request.seed), checked_seed(request.other)
    chosen = (model.classes[0] if label in ("", ANY) else label) if model.classes else ""
    truncation = checked_number(request.truncation)
    frames = list(model.interpolate((seed, other), STEPS, label=chosen or None, truncation=truncation))
    gif = images.gif_bytes([*frames, *frames[-2:0:-1]], milliseconds=90, last=90)
    name = f"{model.run.folder.name}_{seed}_to_{other}.gif"
    shown = picture_html.image(gif, f"synthetic, from seed {seed} to {other}", "image/gif")
    words = _caption(model, chosen, f"seed {seed} to {other} and back", _truncation_note(request))
    download = picture_html.links([picture_html.link(gif, name, "GIF", "image/gif")], words)
    return PageSection(f'{download}<div class="walk">{shown}</div>')


def path(model: "Model", request: GenerateRequest) -> PageSection:
    """Return a section with the way of a few images from noise to image: what the network sees, and what it expects."""
    count, seed = min(checked_count(request.count), PATHS), checked_seed(request.seed)
    label = None if request.label in ("", ANY) else request.label
    truncation = checked_number(request.truncation)
    moments, labels = model.path(count, MOMENTS, label=label, seed=seed, truncation=truncation)
    cells = [f"<i></i>{''.join(f'<span>{moment.time:.0%}</span>' for moment in moments)}"]
    found: dict[str, bytes] = {}
    for number, name in enumerate(labels):
        for row, what in (("state", _STATE), ("expected", _EXPECTED)):
            of_class = f"<small>{html.escape(name)}</small>" if name and row == "state" else ""
            cells.append(f"<b>{html.escape(what)}{of_class}</b>")
            for moment in moments:
                notes = {"Run": model.run.folder.name, "Seed": str(seed), "Moment": f"{what} {moment.time:.0%}"}
                file = picture_html.file_name(name or "generated", f"{number:03d}", f"{moment.time * 100:03.0f}", row)
                found[file] = images.png_bytes(getattr(moment, row)[number], **notes)
                cells.append(picture_html.image(found[file], f"synthetic, {what}, {moment.time:.0%} of the way"))
    some = f"The first {PATHS} images. " if checked_count(request.count) > PATHS else ""
    words = (
        f"{some}Each image begins as noise, on the left, and the network moves it in small steps. "
        f"<b>{_STATE}</b>: the mixture of noise and image at that moment. <b>{_EXPECTED}</b>: the image that the "
        "network expects to arrive at. Out of pure noise it can only expect the mean of all images of the class, which "
        "is blurred; "
        "what is large is settled first, and details last."
    )
    page = (
        f'{_head(model, found, request.label, request)}<p class="below path-words">{words}</p>'
        '<p class="below path-more">Scroll the strip to the right: the finished image is at its end.</p>'
        f'<div class="path" style="--count: {len(moments)}">{"".join(cells)}</div>'
    )
    return PageSection(page)


KINDS: Mapping[str, Callable[["Model", GenerateRequest], PageSection]] = {
    "new": grid,
    "classes": rows,
    "between": between,
    "walk": walk,
    "path": path,
}
CONDITIONAL = ("classes", "between")


def fitted(models: ModelCache, request: GenerateRequest) -> GenerateRequest:
    """Return the request adapted to its run, where fields still hold values of another run or class."""
    try:
        classes, in_steps = models.classes(request.run), models.shows_path(request.run)
    except UserError:
        classes, in_steps = (), False
    missing = (request.kind in CONDITIONAL and len(classes) < 2) or (request.kind == "path" and not in_steps)
    kind = "new" if missing else request.kind
    label = request.label if request.label in classes else ANY
    first = classes[0] if label == ANY and classes else label
    second = request.second if request.second in classes and request.second != first else None
    return replace(request, kind=kind, label=label, second=second)


def _cell(picture: str, request: GenerateRequest, number: int, words: str = "") -> str:
    opinion = predictions.placeholder(number) if request.opinions else ""
    return f"<figure>{picture}{words}{opinion}</figure>"


def _head(model: "Model", made: Mapping[str, bytes], label: str, request: GenerateRequest) -> str:
    """Return a caption, a link to all images as zip, and a warning where classes differ in more than the disease."""
    seed = checked_seed(request.seed)
    archive = picture_html.link(
        *(picture_html.zipped(made), f"{model.run.folder.name}_seed{seed}.zip", f"All {len(made)} as zip"),
        kind="application/zip",
    )
    warning = hint(model.config.source, model.config.classes)
    beware = f'<p class="beware">{html.escape(warning)}</p>' if warning else ""
    return picture_html.links([archive], _caption(model, label, f"seed {seed}", _truncation_note(request))) + beware


def _caption(model: "Model", label: str, *settings: str) -> str:
    kind = "" if label == ANY else label
    return f"{', '.join(filter(None, (model.run.folder.name, kind, *settings)))}: {images.NOTICE}"


def _truncation_note(request: GenerateRequest) -> str:
    truncation = checked_number(request.truncation)
    return "" if truncation == 1 else f"truncation {truncation:g}"
