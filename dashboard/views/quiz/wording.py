"""What the quiz calls its images that no GAN made: real ones, drawn phantoms in their place, or both.

Where phantoms stand in, nothing on the page may call them real.
"""

from dataclasses import dataclass

from dashboard.views.quiz import questions
from dashboard.views.quiz.questions import COUNT, GENERATED, REAL, Quiz


@dataclass(frozen=True)
class Wording:
    """The words for the images that no GAN made."""

    word: str  # of one such image: "real", "drawn" or "real or drawn"
    question: str
    title: str  # of the start
    keys: tuple[str, ...]  # of that answer; the first one is shown
    note: str = ""  # what the result is not; empty where no phantom stands in

    def answer(self, answer: str) -> str:
        """Return an answer in words: "real", "drawn" or "generated"."""
        return self.word if answer == REAL else questions.WORDS[GENERATED]


def of(quiz: Quiz) -> Wording:
    """Return the words for a quiz."""
    shares = questions.shares(quiz)
    real = sum(share for part, share in zip(quiz.parts, shares, strict=True) if questions.is_data(part.source))
    drawn = COUNT // 2 - real
    stand_in = any(not part.source for part in quiz.parts)
    if not drawn:
        return Wording("real", "Real or generated?", f"{COUNT} images, half of them real", ("R",))
    if real:
        title = f"{COUNT} images: {real} real, {drawn} drawn phantoms, {COUNT // 2} generated"
        note = "Drawn phantoms stand in for some real images: answers about their runs are only practice."
        return Wording("real or drawn", "Real, drawn or generated?", title, ("R",), note if stand_in else "")
    title = f"{COUNT} images: {drawn} drawn phantoms, {COUNT // 2} generated"
    note = "No image here is real: this is practice, and does not show whether generated images pass for real ones."
    return Wording("drawn", "Drawn phantom or generated?", title, ("D", "R"), note if stand_in else "")
