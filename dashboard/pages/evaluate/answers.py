"""What an answer to one of the page's questions is, and how numbers are said in it."""

from dataclasses import dataclass

from dashboard.library.evaluations import MeasureRow
from gan_core.evaluation.results import Measure


@dataclass(frozen=True)
class Answer:
    """One question answered: in words, and by the row of the table that the words rest on."""

    question: str
    words: str
    row: MeasureRow | None = None
    scale: str = ""  # what the row shows, in a few words
    beside: tuple[Measure | None, ...] = ()  # a second mark for each cell


def of_hundred(share: float) -> str:
    """A share as people count: 82, or less than 1."""
    count = round(share * 100)
    return str(count) if count or share == 0 else "less than 1"


def times(ratio: float) -> str:
    return f"{ratio:.1f}" if ratio < 10 else f"{ratio:.0f}"
