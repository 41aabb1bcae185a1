"""The second opinion: what classifiers predict for each image on the page, and a summary.

The opinions arrive after the images, in a separate part of the page; its script puts the words below the images.
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


def placeholder(number: int) -> str:
    """Return a placeholder for the words below an image."""
    return f'<small class="said" data-number="{number}">&nbsp;</small>'


def waiting(config: RunConfig) -> str:
    from gan_core.evaluation import predicted_classes

    return _section(f"{' and '.join(predicted_classes.fitting(config))} are classifying the images.", [], [])


def refusal(config: RunConfig) -> str:
    """Return why no classifier fits this run, as HTML; empty where one does."""
    from gan_core.evaluation import predicted_classes

    found = predicted_classes.refusal(config)
    return f'<p class="below">No second opinion: {html.escape(found[:1].lower() + found[1:])}</p>' if found else ""


def ask_classifiers(config: RunConfig, drawn: np.ndarray) -> Iterator[list["Opinion"]]:
    """Yield the opinions so far on images uint8 (N, H, W, C): of the first classifier, then also of the next."""
    from gan_core.evaluation import predicted_classes

    found: list[Opinion] = []
    for name in predicted_classes.fitting(config):
        found = [*found, predicted_classes.ask(name, config.classes, drawn)]
        yield found


def disclaimer(config: RunConfig) -> str:
    """Return which classifiers gave the opinion and how accurate they are, as HTML."""
    from gan_core.evaluation import classifiers, predicted_classes

    cards = [classifiers.shipped(name).card for name in predicted_classes.fitting(config)]
    card, names = cards[0], " and ".join(card.name for card in cards)
    rights = " and ".join(_percent(one.held_out) for one in cards)
    words = (
        f"{names} are classifiers that no generator was trained against. They learned from {card.train_images:,} real "
        f"{card.shows} ({', '.join(card.classes)}) and are right for {rights} of {card.held_out_images:,} held-out "
        "images. They always name one of these classes and do not judge how real an image looks. Their "
        "prediction is no diagnosis."
    )
    if blind := predicted_classes.blind(card.name):
        words += (
            f" {blind.name}, trained without the lungs, is right for {_percent(blind.held_out)}, too: part of the "
            "difference between these classes is the origin of the images."
        )
    return f'<p class="below">{html.escape(words)}</p>'


def per_image(found: Sequence["Opinion"], requested: Sequence[str]) -> str:
    """Return the opinion on single images; `requested` holds the requested class of each, "" where none."""
    first, *others = found
    words, differs = [], []
    for number, (name, want) in enumerate(zip(first.taken_for, requested, strict=True)):
        prediction = f"{name} {_percent(first.chances[number].max())}"
        for other in others:
            if other.taken_for[number] != name:
                prediction += f", {other.judge.name}: {other.taken_for[number]} {_percent(other.chances[number].max())}"
        words.append(prediction)
        differs.append(bool(want) and name != want)
    return _section(_summary(found, requested), words, differs)


def along_interpolation(found: Sequence["Opinion"], first: str, second: str, shares: Sequence[float]) -> str:
    """Return the opinion on an interpolation between two classes; images are ordered by share, then latent vector."""
    words = [f"{second} {_percent(chance)}" for chance in found[0].of(second)]
    curves = [opinion.of(second).reshape(len(shares), -1) for opinion in found]
    lines = []
    for opinion, curve in zip(found, curves, strict=True):
        mean = curve.mean(1)
        crossed = shares[int(np.abs(mean - 0.5).argmin())] if mean[0] < 0.5 < mean[-1] else None
        half = "" if crossed is None else f"; it crosses 50% near a share of {crossed:.0%}"
        lines.append(
            f"Classifier <b>{opinion.judge.name}</b> gives {html.escape(second)} a probability of {_percent(mean[0])} "
            f"at 100% {html.escape(first)} and {_percent(mean[-1])} at 100% {html.escape(second)}{half}."
        )
    return _section(" ".join(lines), words, [], _chart(found, curves, second, shares))


def _summary(found: Sequence["Opinion"], requested: Sequence[str]) -> str:
    """Return how often the classifiers predict the requested class, or each class where none was requested."""
    first, *others = found
    lines: list[str] = []
    for opinion in found:
        if all(requested):
            right = sum(predicted == want for predicted, want in zip(opinion.taken_for, requested, strict=True))
            verdict = f"predicts the class that was drawn for {right} of {len(requested)}"
        else:
            counts = Counter(opinion.taken_for)
            verdict = "predicts " + ", ".join(f"{html.escape(one)} for {counts[one]}" for one in opinion.names)
        who = "" if lines else f", trained on {html.escape(opinion.judge.shows)},"
        lines.append(f"{'c' if lines else 'C'}lassifier <b>{opinion.judge.name}</b>{who} {verdict}")
    for other in others:
        same = sum(one == two for one, two in zip(first.taken_for, other.taken_for, strict=True))
        lines.append(f"they agree on {same} of {len(requested)}")
    return f"{'; '.join(lines)}."


def _chart(found: Sequence["Opinion"], curves: Sequence[np.ndarray], second: str, shares: Sequence[float]) -> str:
    """Return a chart of the probability of the second class over its share.

    Thin lines are single latent vectors; the means of the classifiers are solid and dashed.
    """
    lines = [_line("one", shares, curve) for curve in curves[0].T]
    lines += [_line(f"mean m{number}", shares, curve.mean(1)) for number, curve in enumerate(curves)]
    heights = (0, _HEIGHT / 2, _HEIGHT)
    grid = "".join(f'<line class="grid-line" x1="0" x2="{_WIDTH}" y1="{y}" y2="{y}"/>' for y in heights)
    keys = "".join(f'<span class="m{number}"><i></i>{one.judge.name}</span>' for number, one in enumerate(found))
    title = html.escape(f"Probability of {second}")
    descriptions = []
    for one, curve in zip(found, curves, strict=True):
        steps = zip(shares, curve.mean(1), strict=True)
        descriptions.append(
            f"{one.judge.name}: {', '.join(f'{share:.0%} {_percent(chance)}' for share, chance in steps)}"
        )
    return (
        f'<figure class="chances"><figcaption>{title}<span class="keys">{keys}<span class="m-one"><i></i>each image, '
        f'{found[0].judge.name}</span></span></figcaption><div class="axes"><span>100%</span><span>0%</span>'
        f'<svg viewBox="0 0 {_WIDTH} {_HEIGHT}" preserveAspectRatio="none" role="img" '
        f'aria-label="{title} by share. {html.escape("; ".join(descriptions))}">{grid}{"".join(lines)}'
        f'<line class="cursor" x1="0" x2="0" y1="0" y2="{_HEIGHT}"/></svg></div></figure>'
    )


def _line(kind: str, shares: Sequence[float], chances: np.ndarray) -> str:
    points = " ".join(f"{s * _WIDTH:.0f},{(1 - c) * _HEIGHT:.1f}" for s, c in zip(shares, chances, strict=True))
    return f'<polyline class="{kind}" points="{points}"/>'


def _section(sentence: str, words: list[str], differs: list[bool], above: str = "") -> str:
    words_json = html.escape(json.dumps(words))
    marks = "".join("1" if one else "0" for one in differs)
    content = f'{above}<p role="status">{sentence}</p>'
    return f'<section class="opinion" data-words="{words_json}" data-differs="{marks}">{content}</section>'


def _percent(share: float) -> str:
    return f"{share:.0%}"
