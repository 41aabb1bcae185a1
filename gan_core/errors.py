"""UserError for invalid input, and helpers for one-line messages. Violated invariants raise AssertionError instead."""

import difflib
from collections.abc import Iterable

_LONGEST = 2000  # characters of a line


class UserError(ValueError):
    """Invalid input: the message is one line that names the thing and says what to do.

    The command line prints it and exits with code 2; the app shows it beside the input. A quoted value may have any
    length and contain terminal escape sequences, so the message is shortened and made printable here.
    """

    def __init__(self, line: str) -> None:
        super().__init__(printable(line, _LONGEST))


def printable(text: str, most: int) -> str:
    """`text` as one line of printable characters, cut to `most` characters."""
    line = "".join(letter if letter.isprintable() else " " if letter.isspace() else "?" for letter in text[: most + 1])
    return line if len(line) <= most else f"{line[: most - 3]}..."


def nearest(word: str, known: Iterable[str]) -> str:
    """A hint that ends an error line, such as " Did you mean 'dcgan'?"; empty if no known word is close."""
    close = difflib.get_close_matches(word, list(known), n=1, cutoff=0.5)
    return f" Did you mean '{close[0]}'?" if close else ""


def first_line(error: BaseException) -> str:
    """The first line of an error's message, at most 200 characters; its type's name if the message is empty."""
    return printable((str(error).strip().splitlines() or [type(error).__name__])[0], 200)
