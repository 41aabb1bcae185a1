"""Which of the shipped classifiers judge a data set: decided by what they were trained on, as their cards say.

    chosen = choose(prepared.source, prepared.fingerprint, prepared.classes)
    chosen.reports, chosen.second, chosen.note        "child-b", "child-a", ""

A data set belongs to the classifiers that were trained on these very images (equal fingerprints), on the data set of
its name, or on all of its classes, in this order. Classes that come from several data sets vote, one vote a class.
Where nothing decides, the classifiers that saw most images are taken, and the note names the others.
"""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import PurePath

from gan_core.data.layout import SPLIT_NAMES
from gan_core.data.readers.combined import origins
from gan_core.evaluation import classifiers
from gan_core.evaluation.classifiers import ROLES, SEES, Card

OTHERS = "inception:FILE.safetensors"  # what can be named besides the shipped ones


@dataclass(frozen=True)
class Choice:
    """The classifiers of a data set, by name."""

    reports: str  # measures what is reported
    second: str  # gives a second opinion; may have guided choices during development
    note: str  # a sentence without its full stop where nothing decided; else empty


def choose(source: str, fingerprint: str, classes: Sequence[str]) -> Choice:
    """The classifiers whose features measure distances on a data set.

    Args:
        source: as the user named it.
        fingerprint: of the prepared data.
        classes: those that are used.
    """
    groups = _groups()
    found = match(source, fingerprint, classes)
    reports, second = (_of_role(groups[found or next(iter(groups))], role) for role in ROLES[:2])
    note = ""
    if not found:
        note = (
            f"what the shipped classifiers were trained on does not decide for one of them: {reports} measures; name "
            f"another one with --extractor ({', '.join([*extractors(), OTHERS])})"
        )
    return Choice(reports, second, note)


def match(source: str, fingerprint: str, classes: Sequence[str]) -> str | None:
    """The fingerprint of the training data of the classifiers that fit; None where none do, or several equally well."""
    groups = _groups()
    if fingerprint in groups:
        return fingerprint
    votes = Counter(
        trained_on
        for names in _data_sets(source, classes)
        for trained_on, cards in groups.items()
        if names & {name.lower() for name in cards[0].data_sets}
    )
    if not votes:
        votes = Counter(
            trained_on for trained_on, cards in groups.items() if classifiers.shipped(cards[0].name).knows(classes)
        )
    best = votes.most_common(2)
    return best[0][0] if best and (len(best) == 1 or best[0][1] > best[1][1]) else None


def extractors() -> list[str]:
    """The shipped classifiers that see everything, by name."""
    return [card.name for card in cards() if card.sees == SEES[0]]


def cards() -> list[Card]:
    """Of every shipped classifier."""
    return [classifiers.shipped(name).card for name in classifiers.names()]


def subjects() -> frozenset[str]:
    """What the shipped classifiers were shown, in the words of `RunConfig.subject`."""
    return frozenset(card.subject for card in cards())


def _groups() -> dict[str, list[Card]]:
    """Fingerprint -> the classifiers that were trained on that data; those that saw most images first."""
    found: dict[str, list[Card]] = {}
    for card in sorted(cards(), key=lambda card: (-card.train_images, card.name)):
        found.setdefault(card.fingerprint, []).append(card)
    return found


def _of_role(group: Sequence[Card], role: str) -> str:
    return next(card.name for card in group if card.role == role)


def _data_sets(source: str, classes: Sequence[str]) -> list[set[str]]:
    """The names that a data set may have, in lower case: of the source, or of each class where they come from several.

    The last two folders of a path, folders of a split left out.
    """
    places = [origins_ for name, origins_ in origins(source).items() if name in classes] or [(source,)]
    return [set().union(*map(_names, place)) for place in places]


def _names(place: str) -> set[str]:
    parts = [part.lower() for part in PurePath(place.removeprefix("hf:")).parts]
    return set([part for part in parts if part not in SPLIT_NAMES][-2:])
