"""Why a file cannot be read, in words: the errors of decoders speak of their own insides as often as of the file."""

import re

from gan_core.errors import first_line

# Errors of these types say what a program did wrong with a damaged file, not what is wrong with the file.
_INSIDES = (TypeError, AttributeError, LookupError, ArithmeticError, AssertionError, UnicodeError, NameError)
# Words of Python and of numpy, and of no file.
_PYTHON = re.compile(
    r"NoneType|\bobjects?\b|\bliteral\b|\bdtype\b|\barrays?\b|\bbytes-like\b|\boperands?\b|\barguments?\b|\battribute\b"
    r"|\bplugins\b|\bstruct\b|\bb['\"]|\bstr\b|\bint\b|\bfloat\b|\bbuffer\b|\bunpack\b|\btuple\b|\biterable\b|<[\w.]+|\w+Error\b|\w+Exception\b"
)


def in_words(error: BaseException, otherwise: str = "") -> str:
    """Return " (REASON)" if the error's message tells a reader something of the file, else `otherwise` in brackets."""
    words = first_line(error)
    if isinstance(error, _INSIDES) or not str(error).strip() or _PYTHON.search(words):
        words = otherwise
    return f" ({words})" if words else ""
