"""What a visitor has asked of a tab last: older answers, and choices for a run that was left, are not shown.

Several events of one visitor may be computed side by side, and their requests may overtake each other: an example is
still being translated, and the choices of the first run are still on their way, when the visitor takes another run and
uploads a file. The page cancels an event only where it knows already that it runs. So each asks here if it is wanted.
"""

from collections.abc import Callable, Hashable, Iterator
from dataclasses import dataclass
from typing import Any

import gradio as gr

# The last step of an answer that is not shown. With no step at all, Gradio would empty every output.
_NOTHING = gr.skip()


@dataclass
class Wishes:
    """The last wishes of one visitor in one tab; a `gr.State` holds it, which gives every visitor a copy."""

    run: str | None = None  # that the visitor has chosen; None where the tab shows the run that it opened with
    newest: Hashable = None
    asked: int = 0

    def left(self, run: str | None) -> bool:
        """Return whether the visitor has chosen another run meanwhile."""
        return self.run not in (None, run)

    def answer(
        self, run: str | None, wish: Hashable, steps: Callable[[], Iterator[Any]], by_itself: bool = False
    ) -> Iterator[Any]:
        """Yield the steps of an answer by a run until the visitor asks for something else.

        by_itself: the page asks, at the end of what it had to fill in first. That is no new wish where it is what the
        visitor asked for last: the visitor may have answered its question meanwhile.
        """
        if by_itself and ((run, wish) == self.newest or self.left(run)):
            yield _NOTHING
            return
        self.newest, self.asked = (run, wish), self.asked + 1
        own = self.asked
        for step in steps():
            if self.asked != own:
                yield _NOTHING
                return
            yield step


def by_visitor(fill: Callable[..., Any]) -> Callable[..., Any]:
    """Return the event of a visitor who chooses a run: its inputs are the wishes, the run, and what `fill` takes."""

    def event(wishes: Wishes, run: str | None, *rest: Any) -> Any:
        wishes.run = run
        return fill(run, *rest)

    return event


def unless_left(fill: Callable[..., Any]) -> Callable[..., Any]:
    """Return an event like `by_visitor`, by which the page fills in what belongs to a run: not to one that was left."""

    def event(wishes: Wishes, run: str | None, *rest: Any) -> Any:
        return _NOTHING if wishes.left(run) else fill(run, *rest)

    return event


def steps_unless_left(fill: Callable[..., Iterator[Any]]) -> Callable[..., Iterator[Any]]:
    """Return `unless_left` of a generator."""

    def event(wishes: Wishes, run: str | None, *rest: Any) -> Iterator[Any]:
        yield from [_NOTHING] if wishes.left(run) else fill(run, *rest)

    return event
