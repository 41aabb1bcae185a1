"""What classifiers make of the pictures on the page: words below each, and what is to be said about all of them.

Opinions come after the pictures, in a part of the page of their own; the page's script puts the words into place.
"""

import html
import json
from collections import Counter
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

import numpy as np

from gan_core.config import RunConfig

if TYPE_CHECKING:
    from gan_core.evaluation.predicted_classes import Opinion

_WIDTH, _HEIGHT = 300, 100  # of the chart, in its own units


def place(number: int) -> str:
    """Where the words about a picture will stand."""
    return f'<small class="said" data-number="{number}">&nbsp;</small>'


def waiting(config: RunConfig) -> str:
    from gan_core.evaluation import predicted_classes

    return _section(f"{' and '.join(predicted_classes.fitting(config))} look at the pictures.", [], [])


def none(config: RunConfig) -> str:
    """Why nobody is asked; empty where somebody can be."""
    from gan_core.evaluation import predicted_classes

    found = predicted_classes.refusal(config)
    return f'<p class="below">No second opinion: {html.escape(found[:1].lower() + found[1:])}</p>' if found else ""


def asked(config: RunConfig, drawn: np.ndarray) -> Iterator[list["Opinion"]]:
    """The opinions so far, on pictures uint8 (N, H, W, C): of the classifier that reports, then of the next one too."""
    from gan_core.evaluation import predicted_classes

    found: list[Opinion] = []
    for name in predicted_classes.fitting(config):
        found = [*found, predicted_classes.ask(name, config.classes, drawn)]
        yield found


def standing(config: RunConfig) -> str:
    """Whose words these are, and what they are worth."""
    from gan_core.evaluation import classifiers, predicted_classes

    cards = [classifiers.shipped(name).card for name in predicted_classes.fitting(config)]
    card, names = cards[0], " and ".join(card.name for card in cards)
    rights = " and ".join(_percent(one.held_out) for one in cards)
    words = (
        f"{names} are classifiers that no generator was trained against. They learned from {card.train_images:,} real "
        f"{card.shows} ({', '.join(card.classes)}) and are right about {rights} of {card.held_out_images:,} of other "
        "patients. They must name one of these classes, whatever they are shown, and see nothing of how real a picture "
        "looks. What they say is no diagnosis."
    )
    if blind := predicted_classes.blind(card.name):
        words += (
            f" {blind.name}, taught without the lungs, is right about {_percent(blind.held_out)} as well: part of "
            "what tells these classes apart is where the pictures come from."
        )
    return f'<p class="below">{html.escape(words)}</p>'


def about(found: Sequence["Opinion"], wanted: Sequence[str]) -> str:
    """What is said of single pictures; wanted: the class that each was asked for, "" where none was."""
    first, *others = found
    words, differs = [], []
    for number, (name, want) in enumerate(zip(first.taken_for, wanted, strict=True)):
        said = f"{name} {_percent(first.chances[number].max())}"
        for other in others:
            if other.taken_for[number] != name:
                said += f", {other.judge.name}: {other.taken_for[number]} {_percent(other.chances[number].max())}"
        words.append(said)
        differs.append(bool(want) and name != want)
    return _section(_counted(found, wanted), words, differs)


def on_the_way(found: Sequence["Opinion"], first: str, second: str, shares: Sequence[float]) -> str:
    """What is said of the same latents on the way between two classes; pictures are ordered by share, then latent."""
    words = [f"{second} {_percent(chance)}" for chance in found[0].of(second)]
    ways = [opinion.of(second).reshape(len(shares), -1) for opinion in found]
    lines = []
    for opinion, way in zip(found, ways, strict=True):
        mean = way.mean(1)
        crossed = shares[int(np.abs(mean - 0.5).argmin())] if mean[0] < 0.5 < mean[-1] else None
        half = "" if crossed is None else f", half near a share of {crossed:.0%}"
        lines.append(
            f"<b>{opinion.judge.name}</b> gives {html.escape(second)} a chance of {_percent(mean[0])} where all is "
            f"{html.escape(first)}, and of {_percent(mean[-1])} at the other end{half}."
        )
    return _section(" ".join(lines), words, [], _chart(found, ways, second, shares))


def _counted(found: Sequence["Opinion"], wanted: Sequence[str]) -> str:
    """How often the classifiers say what was asked for, or each class where nothing was."""
    first, *others = found
    lines = []
    for opinion in found:
        if all(wanted):
            right = sum(said == want for said, want in zip(opinion.taken_for, wanted, strict=True))
            verdict = f"takes {right} of {len(wanted)} for the class that was asked for"
        else:
            counts = Counter(opinion.taken_for)
            verdict = "takes " + ", ".join(f"{counts[one]} for {html.escape(one)}" for one in opinion.names)
        lines.append(f"<b>{opinion.judge.name}</b> {verdict}")
    for other in others:
        same = sum(one == two for one, two in zip(first.taken_for, other.taken_for, strict=True))
        lines.append(f"they agree on {same} of {len(wanted)}")
    return f"{'; '.join(lines)}."


def _chart(found: Sequence["Opinion"], ways: Sequence[np.ndarray], second: str, shares: Sequence[float]) -> str:
    """Chance of the second class over its share: each latent thin, means of the classifiers whole and dashed."""
    lines = [_line("one", shares, way) for way in ways[0].T]
    lines += [_line(f"mean m{number}", shares, way.mean(1)) for number, way in enumerate(ways)]
    heights = (0, _HEIGHT / 2, _HEIGHT)
    grid = "".join(f'<line class="grid-line" x1="0" x2="{_WIDTH}" y1="{y}" y2="{y}"/>' for y in heights)
    keys = "".join(f'<span class="m{number}"><i></i>{one.judge.name}</span>' for number, one in enumerate(found))
    title = html.escape(f"Chance of {second}")
    told = []
    for one, way in zip(found, ways, strict=True):
        steps = zip(shares, way.mean(1), strict=True)
        told.append(f"{one.judge.name}: {', '.join(f'{share:.0%} {_percent(chance)}' for share, chance in steps)}")
    return (
        f'<figure class="chances"><figcaption>{title}<span class="keys">{keys}<span class="m-one"><i></i>each picture, '
        f'{found[0].judge.name}</span></span></figcaption><div class="axes"><span>100%</span><span>0%</span>'
        f'<svg viewBox="0 0 {_WIDTH} {_HEIGHT}" preserveAspectRatio="none" role="img" '
        f'aria-label="{title} by share. {html.escape("; ".join(told))}">{grid}{"".join(lines)}'
        f'<line class="cursor" x1="0" x2="0" y1="0" y2="{_HEIGHT}"/></svg></div></figure>'
    )


def _line(kind: str, shares: Sequence[float], chances: np.ndarray) -> str:
    points = " ".join(f"{s * _WIDTH:.0f},{(1 - c) * _HEIGHT:.1f}" for s, c in zip(shares, chances, strict=True))
    return f'<polyline class="{kind}" points="{points}"/>'


def _section(sentence: str, words: list[str], differs: list[bool], above: str = "") -> str:
    said = html.escape(json.dumps(words))
    marks = "".join("1" if one else "0" for one in differs)
    content = f'{above}<p role="status">{sentence}</p>'
    return f'<section class="opinion" data-words="{said}" data-differs="{marks}">{content}</section>'


def _percent(share: float) -> str:
    return f"{share:.0%}"
