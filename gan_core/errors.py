"""What a user did, told apart from what we promised ourselves."""

import difflib
from collections.abc import Iterable


class UserError(ValueError):
    """Bad input: the message is one line that names the thing and says what to do.

    The command line prints it and exits with code 2; the app shows it where the input was made.
    """


def nearest(word: str, known: Iterable[str]) -> str:
    """A hint to end an error line with: " Did you mean 'dcgan'?", or nothing if no known word is close."""
    close = difflib.get_close_matches(word, list(known), n=1, cutoff=0.5)
    return f" Did you mean '{close[0]}'?" if close else ""
