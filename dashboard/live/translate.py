"""Translate: one picture, or many, into a run's other domain; first the result, then what can be said about it."""

import html
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from dashboard.live import pictures
from dashboard.live.models import Shelf
from gan_core import decoding, gate, translation
from gan_core.errors import UserError
from gan_core.inference import Model
from gan_core.translation import Translation

MOST_FILES = 50
LIMIT = 50 * 1024**2  # bytes of one file
_SHOWN = 12  # of several translations


@dataclass(frozen=True)
class Upload:
    """A file as it came: its own name, and its bytes."""

    name: str
    data: bytes

    @property
    def stem(self) -> str:
        return Path(self.name).stem or "picture"


@dataclass(frozen=True)
class Shown:
    """What the page shows after a step; `doubted`: it waits for the visitor to insist."""

    result: str = ""
    message: str = ""
    doubted: bool = field(default=False)


def uploads(paths: Sequence[str | Path]) -> list[Upload]:
    """The files behind an upload. Raises UserError: too many, or one too large."""
    if len(paths) > MOST_FILES:
        raise UserError(f"{len(paths)} files are too many at once: take {MOST_FILES} or fewer")
    found = []
    for path in map(Path, paths):
        if path.stat().st_size > LIMIT:
            raise UserError(f"{path.name}: larger than the {LIMIT // 1024**2} MB that are taken")
        found.append(Upload(path.name, path.read_bytes()))
    return found


def translate(shelf: Shelf, given: Sequence[Upload], run: str, to: str, insist: bool = False) -> Iterator[Shown]:
    """Translate what was given, step by step: whatever is wrong becomes the last step's message, never an exception."""
    try:
        if not given:
            yield Shown(message=pictures.message("Drop a picture above, paste one, or click an example."))
            return
        if not run:
            raise UserError("no run here translates yet: train one, for example cyclegan_resnet_light")
        if not shelf.is_loaded(run):
            yield Shown(message=pictures.message(f"Loading the networks of {run}: this happens once.", "wait"))
        model = shelf.get(run)
        translation.other(model, to)
        yield from (
            _one(shelf, given[0], model, to, insist) if len(given) == 1 else _many(shelf, given, model, to, insist)
        )
    except UserError as error:
        yield Shown(message=pictures.message(sentence(str(error)), "error"))


def _one(shelf: Shelf, upload: Upload, model: Model, to: str, insist: bool) -> Iterator[Shown]:
    picture = shelf.decoder.decode(upload.data, upload.name)
    if not insist and (reason := doubt(picture, model)):
        yield Shown(message=pictures.message(reason), doubted=True)
        return
    done = translation.translate_picture(model, picture, to, cycle=False)
    before, after = pictures.quick_png(done.before), translation.png(done.after, done)
    wipe = pictures.wipe(before, after, done.source, f"{done.target}, synthetic")
    yield Shown(_page(wipe, '<div class="waiting">The change and the way back follow.</div>', ""))

    done = translation.with_cycle(model, done)
    assert done.cycled is not None
    heat = pictures.quick_png(pictures.heat(done.change))
    change = pictures.figure(pictures.image(heat, "what changed"), "What changed", pictures.scale_bar())
    error = np.abs(done.cycle_error).mean()
    back = pictures.figure(
        pictures.image(pictures.quick_png(done.cycled), "translated back"),
        f"And back to {html.escape(done.source)}",
        f"mean error {error:.1%} of the grey scale",
    )
    own = translation.png(translation.at_original_size(picture, done, model.config.fit), done)
    name = f"{upload.stem}_{done.target}"
    links = [
        pictures.link(after, f"{name}.png", f"Translation, {model.config.image_size} px"),
        pictures.link(own, f"{name}_original_size.png", "At the picture's own size"),
        pictures.link(heat, f"{name}_change.png", "Heat map"),
    ]
    yield Shown(_page(wipe, change + back, pictures.table(numbers(done)) + _links(links)))


def _many(shelf: Shelf, given: Sequence[Upload], model: Model, to: str, insist: bool) -> Iterator[Shown]:
    members: dict[str, bytes] = {}
    cards: list[str] = []
    refused: list[str] = []
    for number, upload in enumerate(given, start=1):
        try:
            picture = shelf.decoder.decode(upload.data, upload.name)
            if not insist and (reason := doubt(picture, model)):
                refused.append(f"{upload.name}: {reason}")
                continue
            done = translation.translate_picture(model, picture, to, cycle=False)
        except UserError as error:
            refused.append(str(error))
            continue
        members[f"{number:03d}_{upload.stem}_{done.target}.png"] = content = translation.png(done.after, done)
        if len(cards) < _SHOWN:
            pair = pictures.image(pictures.quick_png(done.before), "before") + pictures.image(content, "after")
            cards.append(pictures.figure(f'<div class="pair">{pair}</div>', html.escape(upload.name)))
        if number % 4 == 0:
            yield Shown(message=pictures.message(f"{number} of {len(given)} pictures are done.", "wait"))
    archive = [
        pictures.link(pictures.zipped(members), f"to_{to}.zip", f"{len(members)} pictures (zip)", "application/zip")
    ]
    result = f'<div class="many">{"".join(cards)}</div>{_links(archive)}' if members else ""
    listed = "".join(pictures.message(sentence(line), "error") for line in refused)
    yield Shown(result, listed, doubted=bool(refused) and not insist)


def doubt(picture: np.ndarray, model: Model) -> str:
    """Why a picture should not go through this run, as a sentence; empty where nothing speaks against it."""
    verdict = gate.judge(picture, model.config.subject)
    return "" if verdict.fits else sentence(f"this picture is not translated: {verdict.reason}")


def numbers(done: Translation) -> dict[str, str]:
    """How much changed, in words and shares of the grey scale."""
    found = done.numbers()
    return {
        "Mean change": f"{found['mean']:.1%}",
        f"Pixels changed by more than {translation.NOTICEABLE:.0%}": f"{found['changed']:.0%}",
        "Largest change": f"{found['largest']:.0%}",
        "Error after the way back": f"{found['cycle_error']:.1%}",
    }


def sentence(words: str) -> str:
    words = " ".join(words.split()).rstrip(".")
    return f"{words[:1].upper()}{words[1:]}."


def formats() -> list[str]:
    """Endings that the file picker offers."""
    return list(decoding.SUFFIXES)


def _page(wipe: str, side: str, below: str) -> str:
    return (
        f'<div class="translation"><div class="large">{wipe}{_WINDOW}</div><div class="side">{side}</div></div>{below}'
    )


def _links(links: list[str]) -> str:
    return f'<p class="links">{"".join(links)}</p>'


# Window and level act on what is shown, through a filter of the page: the files stay as they are.
_WINDOW = """
<svg width="0" height="0" aria-hidden="true"><filter id="ganray-window" color-interpolation-filters="sRGB">
<feComponentTransfer><feFuncR type="linear" slope="1" intercept="0"/><feFuncG type="linear" slope="1" intercept="0"/>
<feFuncB type="linear" slope="1" intercept="0"/></feComponentTransfer></filter></svg>
<div class="window"><label>Window <input type="range" min="0.1" max="1" step="0.01" value="1" data-role="window"
oninput="ganrayWindow(this)"></label><label>Level <input type="range" min="0" max="1" step="0.01" value="0.5"
data-role="level" oninput="ganrayWindow(this)"></label></div>
"""
