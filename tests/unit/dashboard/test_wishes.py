"""A page shows the answer to the newest wish, whichever is ready first."""

from collections.abc import Iterator

import gradio as gr

from dashboard.live.wishes import Wishes, by_visitor, steps_unless_left, unless_left


def steps(*given: str) -> Iterator[tuple[str]]:
    yield from ((one,) for one in given)


def test_an_answer_ends_once_the_visitor_asks_for_something_else() -> None:
    wishes = Wishes()
    example = wishes.answer("run", "example", lambda: steps("loading", "example"), by_itself=True)
    assert next(example) == ("loading",)
    assert list(wishes.answer("run", "file", lambda: steps("doubt"))) == [("doubt",)]
    assert list(example) == [gr.skip()]


def test_what_the_page_asks_by_itself_does_not_repeat_what_the_visitor_sees() -> None:
    """The visitor may have pressed *Translate anyway*; a doubt must not cover the translation."""
    wishes = Wishes()
    assert list(wishes.answer("run", "file", lambda: steps("doubt"))) == [("doubt",)]
    insisted = wishes.answer("run", "file", lambda: steps("loading", "translation"))
    assert next(insisted) == ("loading",)
    assert list(wishes.answer("run", "file", lambda: steps("doubt"), by_itself=True)) == [gr.skip()]
    assert list(insisted) == [("translation",)]


def test_what_is_asked_again_is_answered_again() -> None:
    """A file that the server had deleted is uploaded again, under the same name."""
    wishes = Wishes()
    for _ in range(2):
        assert list(wishes.answer("run", "file", lambda: steps("answer"))) == [("answer",)]
    assert list(wishes.answer("run", "other", lambda: steps("answer"), by_itself=True)) == [("answer",)]
    assert list(wishes.answer("run", "file", lambda: steps("answer"), by_itself=True)) == [("answer",)]


def test_a_wish_is_new_from_the_moment_it_is_asked() -> None:
    """Not before: a generator that nobody has begun to read asks for nothing."""
    wishes = Wishes()
    first, second = (wishes.answer("run", name, lambda: steps("answer")) for name in ("first", "second"))
    assert next(second) == ("answer",)
    assert next(first) == ("answer",)
    assert list(second) == []  # it had ended when the first was asked


def test_the_choices_of_a_run_that_was_left_do_not_overwrite_those_of_the_chosen_one() -> None:
    """The requests of the page and of the visitor may overtake each other on their way to the server."""
    wishes, of_page, of_visitor = Wishes(), unless_left(str.upper), by_visitor(str.upper)
    assert of_page(wishes, "first") == "FIRST"  # the tab opens with it
    assert of_visitor(wishes, "second") == "SECOND"
    assert of_page(wishes, "first") == gr.skip()
    assert of_page(wishes, "second") == "SECOND"
    gallery = steps_unless_left(lambda run: steps(run))
    assert list(gallery(wishes, "first")) == [gr.skip()]
    assert list(gallery(wishes, "second")) == [("second",)]


def test_an_answer_by_a_run_that_was_left_is_not_asked_for_by_the_page_itself() -> None:
    wishes = Wishes()
    by_visitor(str.upper)(wishes, "second")
    assert list(wishes.answer("first", "file", lambda: steps("answer"), by_itself=True)) == [gr.skip()]
    assert list(wishes.answer("second", "file", lambda: steps("answer"), by_itself=True)) == [("answer",)]
