"""An answer to one of the page's questions, and the format of the numbers in it."""

from dataclasses import dataclass

from dashboard.library.evaluations import MeasureRow
from gan_core.evaluation.results import Measure


@dataclass(frozen=True)
class Answer:
    """The answer to one question: a sentence and the row of the table that supports it."""

    question: str
    words: str
    row: MeasureRow | None = None
    scale: str = ""  # caption of the row
    beside: tuple[Measure | None, ...] = ()  # a second mark for each cell


def of_hundred(share: float) -> str:
    """Return a share as a count out of 100: '82', or 'less than 1'."""
    count = round(share * 100)
    return str(count) if count or share == 0 else "less than 1"


def times(ratio: float) -> str:
    return f"{ratio:.1f}" if ratio < 10 else f"{ratio:.0f}"
