"""Translate: one or many images into the other domain of a run; first the result, then its measures.

Downloads are named by number and domain, because the file name of an upload often holds a patient's name.
"""

import contextlib
import html
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from dashboard.library import first_frame
from dashboard.live import picture_html
from dashboard.live.models import ModelCache
from dashboard.widgets.text import sentence
from gan_core import images
from gan_core.errors import UserError
from gan_core.inference import input_check, translation
from gan_core.inference.translation import Translation

if TYPE_CHECKING:
    from gan_core.inference import Model

MOST_FILES = 50
LIMIT = 50 * 1024**2  # bytes per file
CHEST = input_check.SUBJECTS[0]
_MOST_SHOWN = 12  # most translations on the page


@dataclass(frozen=True)
class Upload:
    """An uploaded file: its name, which stays on the page, and its content or path.

    A path is read on demand, so that fifty large files are never in memory at once.
    """

    name: str
    content: bytes | Path = field(repr=False)
    opening: bool = False  # ours, shown until the visitor chooses a picture

    @property
    def data(self) -> bytes:
        """The content. Raises UserError: The server has deleted the file meanwhile."""
        if isinstance(self.content, bytes):
            return self.content
        with _missing_file_as_user_error():
            return self.content.read_bytes()


@dataclass(frozen=True)
class TranslationUpdate:
    """What the page shows after a step, as HTML; `doubted` means that the visitor must insist."""

    picture: str = picture_html.ghost("", "Before and after")
    below: str = ""  # the picture
    side: str = picture_html.ghost("What changed") + picture_html.ghost("Cycle reconstruction")
    message: str = ""
    doubted: bool = False
    pattern: str = ""  # of a graded run, for the page's script: see `painting_page`
    tools: str = ""  # sliders and brush beside the picture
    painted: bool = False  # whether the visitor may ask for another pattern, and for files
    rival: str = ""  # a run with the same domains to compare with


def uploads(paths: Sequence[str | Path]) -> list[Upload]:
    """Return the uploaded files. Raises UserError: There are too many, or one is too large or already deleted."""
    if len(paths) > MOST_FILES:
        raise UserError(f"{len(paths)} files are too many at once: upload {MOST_FILES} or fewer")
    for path in map(Path, paths):
        with _missing_file_as_user_error():
            size = path.stat().st_size
        if size > LIMIT:
            raise UserError(f"{path.name}: larger than {LIMIT // 1024**2} MB: upload a smaller file")
    return [Upload(path.name, path) for path in map(Path, paths)]


@contextlib.contextmanager
def _missing_file_as_user_error() -> Iterator[None]:
    """Turn an OSError into a UserError: the server deletes uploads after a while, even if their page is still open."""
    try:
        yield
    except OSError as error:
        raise UserError("the server has deleted this upload after a while: upload it again") from error


def translate(
    models: ModelCache,
    files: Sequence[Upload],
    run: str,
    to: str,
    insist: bool = False,
    severity: float | None = None,
    seed: int = 0,
) -> Iterator[TranslationUpdate]:
    """Translate uploads and yield the page after each step; an error becomes the message of the last step.

    severity, seed: of a graded run; file number i, counted from 0, has the pattern of seed + i.
    """
    try:
        if not run:
            raise UserError("no run here translates yet: train one, for example cyclegan_resnet_light")
        if not files:
            yield TranslationUpdate()
            return
        if not models.is_loaded(run):
            yield TranslationUpdate(picture_html.ghost("", f"Loading the networks of {run}. This happens once."))
        model = models.get(run)
        translation.other(model, to)
        if len(files) == 1:
            yield from _translate_one(models, files[0], model, to, insist)
        else:
            yield from _translate_many(models, files, model, to, insist, severity, seed)
    except UserError as error:
        yield TranslationUpdate(message=picture_html.message(sentence(str(error)), "error"))


def _translate_one(
    models: ModelCache, upload: Upload, model: "Model", to: str, insist: bool
) -> Iterator[TranslationUpdate]:
    picture = models.decoder.decode(upload.data, upload.name, scale=model.config.scale)
    if not insist and (reason := doubt(picture, model)):
        yield TranslationUpdate(message=picture_html.message(reason), doubted=True)
        return
    note = first_of_several(models, upload)
    done = translation.translate_picture(model, picture, to, cycle=False)
    before, after = picture_html.quick_png(done.before), translation.png(done.after, done)
    wipe = picture_html.wipe(before, after, done.source, f"{done.target}, synthetic")
    shown = TranslationUpdate(wipe, message=note)
    yield shown

    done = translation.with_cycle(model, done)
    heat = translation.png(picture_html.heat(done.change), done)
    links = [
        picture_html.link(after, download(done), f"Translation, {model.config.image_size} px"),
        picture_html.link(heat, download(done, "change"), "What changed"),
    ]
    figures = picture_html.table(numbers(done, _lungs(done, model)))
    shown = replace(shown, side=_side(done, heat), below=figures + _download_links(links))
    yield shown

    if picture.shape[:2] != done.after.shape[:2]:
        # Last, because for a large X-ray it takes as long as all other steps together.
        own = translation.png(translation.whole(model, picture, done), done)
        size = f"{picture.shape[1]} x {picture.shape[0]} px"
        links.insert(1, picture_html.link(own, download(done, "original_size"), f"Original size, {size}"))
        yield replace(shown, below=figures + _download_links(links))


def _side(done: Translation, heat: bytes) -> str:
    change = picture_html.figure(picture_html.image(heat, "what changed"), "What changed", picture_html.scale_bar())
    if done.cycled is None:
        return change + picture_html.ghost(
            "Cycle reconstruction", f"This run has one direction, from {done.source} to {done.target}."
        )
    error = np.abs(done.cycle_error).mean()
    there = f"{done.source} to {done.target} and back"
    content = images.png_bytes(done.cycled, Run=done.run, Direction=there)
    back = picture_html.image(content, "translated back, synthetic")
    title = f"Back to {html.escape(done.source)}"
    return change + picture_html.figure(back, title, f"synthetic; mean error {error:.1%} of the grey scale")


def _translate_many(
    models: ModelCache,
    files: Sequence[Upload],
    model: "Model",
    to: str,
    insist: bool,
    severity: float | None,
    seed: int,
) -> Iterator[TranslationUpdate]:
    model.check_severity(severity)
    members: dict[str, bytes] = {}
    cards: list[str] = []
    count = 0
    refused: list[str] = []
    notes: list[str] = []
    for number, upload in enumerate(files, start=1):
        yield TranslationUpdate(picture_html.ghost("", f"Image {number} of {len(files)}: {upload.name}"), side="")
        try:
            picture = models.decoder.decode(upload.data, upload.name, scale=model.config.scale)
            if not insist and (reason := doubt(picture, model)):
                refused.append(f"{upload.name}: {reason}")
                continue
            done = translation.translate_picture(
                model, picture, to, cycle=False, severity=severity, seed=seed + number - 1
            )
            notes.append(first_of_several(models, upload))
        except UserError as error:
            refused.append(str(error) if upload.name in str(error) else f"{upload.name}: {error}")
            continue
        members[download(done, f"{number:03d}")] = content = translation.png(done.after, done)
        if done.opacity is not None:
            name = translation.opacity_path(Path(download(done, f"{number:03d}"))).name
            members[name] = translation.opacity_png(done.opacity, done)
        count += 1
        if len(cards) < _MOST_SHOWN:
            pair = picture_html.image(picture_html.quick_png(done.before), "before") + picture_html.image(
                content, "synthetic"
            )
            cards.append(picture_html.figure(f'<div class="pair">{pair}</div>', html.escape(upload.name)))
    listed = "".join([*(picture_html.message(sentence(line), "error") for line in refused), *notes])
    if not members:
        yield TranslationUpdate(message=listed, doubted=not insist)
        return
    archive = picture_html.link(
        *(picture_html.zipped(members), picture_html.file_name("to", to, suffix=".zip"), f"All {count} as zip"),
        kind="application/zip",
    )
    hidden = f" The first {_MOST_SHOWN} are shown." if count > _MOST_SHOWN else ""
    maps = ", with the opacity maps" if model.graded else ""
    words = f"Left: upload, right: {to}, {images.NOTICE}{maps}.{hidden}"
    grid = f'{picture_html.links([archive], words)}<div class="many">{"".join(cards)}</div>'
    yield TranslationUpdate(grid, side="", message=listed, doubted=bool(refused) and not insist)


def download(done: Translation, *more: str) -> str:
    """Return the file name of a downloaded translation."""
    return picture_html.file_name("translated", done.target, *more)


def first_of_several(models: ModelCache, upload: Upload) -> str:
    """Return the message that says that an upload holds more pictures than the one taken; "" where it does not.

    Raises:
        UserError: the upload is gone, or its header cannot be read.
    """
    note = first_frame.note(models.decoder, upload.data, upload.name)
    return picture_html.message(note) if note else ""


def doubt(picture: np.ndarray, model: "Model", deed: str = "translated") -> str:
    """Return a sentence that says why this run should not process an image; empty where it may."""
    verdict = input_check.for_run(picture, model.config)
    return "" if verdict.fits else sentence(f"this image is not {deed}: {verdict.reason}")


def _lungs(done: Translation, model: "Model") -> np.ndarray | None:
    """Return the lung mask of the input, bool (S, S); None where the mask is implausible or the subject is no chest."""
    if model.config.subject != CHEST:
        return None
    from gan_core.anatomy import lungs

    (mask,) = lungs.find(done.before[None], visible=True)
    return None if lungs.sane(mask) else mask


def numbers(done: Translation, inside: np.ndarray | None = None) -> dict[str, str]:
    """Return the change in shares of the grey scale: title -> text; `inside` is the lung mask, bool (S, S)."""
    found = done.numbers(inside)
    shown = {"Mean change": f"{found['mean']:.1%}"}
    if inside is not None:
        shown |= {"In the lungs": f"{found['inside']:.1%}", "Outside": f"{found['outside']:.1%}"}
    return shown | {
        f"Pixels changed by over {translation.NOTICEABLE:.0%}": f"{found['changed']:.0%}",
        "Largest change": f"{found['largest']:.0%}",
    }


def _download_links(links: list[str]) -> str:
    return picture_html.links(links, f"{images.NOTICE[:1].upper()}{images.NOTICE[1:]}:")
