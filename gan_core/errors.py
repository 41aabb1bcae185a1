"""What a user did, told apart from what we promised ourselves."""

import difflib
from collections.abc import Iterable

_LONGEST = 2000  # characters of a line


class UserError(ValueError):
    """Bad input: the message is one line that names the thing and says what to do.

    The command line prints it and exits with code 2; the app shows it where the input was made. What it quotes may be
    of any length and hold what a terminal would obey: it is made harmless here.
    """

    def __init__(self, line: str) -> None:
        super().__init__(printable(line, _LONGEST))


def printable(text: str, most: int) -> str:
    """One line of what can be shown, of so many characters at most."""
    line = "".join(letter if letter.isprintable() else " " if letter.isspace() else "?" for letter in text[: most + 1])
    return line if len(line) <= most else f"{line[: most - 3]}..."


def nearest(word: str, known: Iterable[str]) -> str:
    """A hint to end an error line with: " Did you mean 'dcgan'?", or nothing if no known word is close."""
    close = difflib.get_close_matches(word, list(known), n=1, cutoff=0.5)
    return f" Did you mean '{close[0]}'?" if close else ""


def first_line(error: BaseException) -> str:
    """What a library says is wrong, in short."""
    return printable((str(error).strip().splitlines() or [type(error).__name__])[0], 200)
