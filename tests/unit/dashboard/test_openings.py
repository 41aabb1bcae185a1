"""What a tab opens with is computed once, for all who come."""

import threading
from collections.abc import Iterator

from dashboard.live.openings import MOST, Openings


def good(step: str) -> bool:
    return step != "error"


def test_the_second_visitor_gets_the_last_step_of_the_first() -> None:
    openings, calls = Openings(), []

    def make() -> Iterator[str]:
        calls.append(1)
        yield from ("loading", "picture")

    assert list(openings.steps("a", make, "wait", good)) == ["loading", "picture"]
    assert list(openings.steps("a", make, "wait", good)) == ["picture"]
    assert list(openings.steps("b", make, "wait", good)) == ["loading", "picture"]
    assert len(calls) == 2


def test_who_comes_meanwhile_waits_and_nothing_is_computed_twice() -> None:
    openings, begun, go, seen = Openings(), threading.Event(), threading.Event(), []

    def make() -> Iterator[str]:
        begun.set()
        assert go.wait(20)
        yield "picture"

    def visit() -> None:
        seen.append(list(openings.steps("a", make, "wait", good)))

    first = threading.Thread(target=visit)
    first.start()
    assert begun.wait(20)
    second = openings.steps("a", make, "wait", good)
    assert next(second) == "wait"
    go.set()
    assert list(second) == ["picture"]
    first.join()
    assert seen == [["picture"]]


def test_an_error_and_a_visitor_who_left_are_not_kept() -> None:
    openings = Openings()
    assert list(openings.steps("a", lambda: iter(["error"]), "wait", good)) == ["error"]
    left = openings.steps("a", lambda: iter(["half", "whole"]), "wait", good)
    assert next(left) == "half"
    left.close()
    assert list(openings.steps("a", lambda: iter(["whole"]), "wait", good)) == ["whole"]


def test_only_the_newest_are_kept() -> None:
    openings = Openings()
    for number in range(MOST + 5):
        list(openings.steps(number, lambda: iter(["picture"]), "wait", good))
    assert len(openings._kept) == MOST
