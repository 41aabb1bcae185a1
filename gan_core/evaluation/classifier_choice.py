"""The choice of the shipped classifiers for a data set, by the training data that their cards name.

    chosen = choose(prepared.source, prepared.fingerprint, prepared.classes)
    chosen.reports, chosen.second, chosen.note        "child-b", "child-a", ""

The first rule that decides applies: classifiers trained on the same images (equal fingerprints), on a data set of the
same name, on all of its classes. If the classes come from several data sets, each class has one vote. If no rule
decides, the classifiers trained on the most images are used, and the note names the others.
"""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import PurePath

from gan_core.data.layout import SPLIT_NAMES
from gan_core.data.readers.combined import origins
from gan_core.data.source import location
from gan_core.evaluation import classifiers
from gan_core.evaluation.classifiers import EVERYTHING, LUNGS_ALONE, ROLES, Card

OTHERS = "inception:FILE.safetensors"  # the extractor that a user can name besides the shipped ones


@dataclass(frozen=True)
class Choice:
    """The names of a data set's classifiers."""

    reports: str  # its features give the reported measures
    second: str  # gives a second opinion; may have guided choices during development
    note: str  # if no rule decided, a sentence without its full stop; else empty


def choose(source: str, fingerprint: str, classes: Sequence[str]) -> Choice:
    """Return the classifiers whose features measure distances on a data set.

    Args:
        source: the data source as the user named it.
        fingerprint: fingerprint of the prepared data.
        classes: the classes in use.
    """
    groups = _groups()
    found = match(source, fingerprint, classes)
    reports, second = (_of_role(groups[found or next(iter(groups))], role) for role in ROLES[:2])
    note = ""
    if not found:
        note = (
            f"no shipped classifier was clearly trained on this data, so {reports} measures; name "
            f"another one with --extractor ({', '.join([*extractors(), OTHERS])})"
        )
    return Choice(reports, second, note)


def match(source: str, fingerprint: str, classes: Sequence[str]) -> str | None:
    """Return the training-data fingerprint of the best-fitting classifiers; None if none fit or there is a tie."""
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
    """Return the names of the shipped classifiers that see the whole picture."""
    return [card.name for card in cards() if card.sees == EVERYTHING]


def cards() -> list[Card]:
    """Return the card of every shipped classifier."""
    return [classifiers.shipped(name).card for name in classifiers.names()]


def subjects() -> frozenset[str]:
    """Return the subjects of the shipped classifiers' training pictures, values of `RunConfig.subject`."""
    return frozenset(card.subject for card in cards())


def _groups() -> dict[str, list[Card]]:
    """Map each training-data fingerprint to its classifiers; those trained on the most images come first.

    Classifiers of the lungs alone are left out: they omit pictures whose lungs are not found, and need masks.
    """
    found: dict[str, list[Card]] = {}
    whole = [card for card in cards() if card.sees != LUNGS_ALONE]
    for card in sorted(whole, key=lambda card: (-card.train_images, card.name)):
        found.setdefault(card.fingerprint, []).append(card)
    return found


def _of_role(group: Sequence[Card], role: str) -> str:
    return next(card.name for card in group if card.role == role)


def _data_sets(source: str, classes: Sequence[str]) -> list[set[str]]:
    """Return the possible names of the data set, in lower case: one set for the source, or one for each class if the
    classes come from several data sets.

    Names are the last two folders of a path, without the folders of a split.
    """
    places = [origins_ for name, origins_ in origins(source).items() if name in classes] or [(source,)]
    return [set().union(*map(_names, place)) for place in places]


def _names(place: str) -> set[str]:
    parts = [part.lower() for part in PurePath(location(place).removeprefix("hf:")).parts]
    return set([part for part in parts if part not in SPLIT_NAMES][-2:])
