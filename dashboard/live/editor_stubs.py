"""A faster import of Gradio, without the stubs that it writes for editors."""

import contextlib
import inspect
from collections.abc import Iterator
from typing import Any


@contextlib.contextmanager
def without_stubs() -> Iterator[None]:
    """Keep Gradio from writing editor stubs while it is imported inside this context.

    On every import Gradio reads the source of each component and writes a stub beside it, which takes two fifths of
    the import time. It writes none for a class whose file is unknown.
    """
    getfile = inspect.getfile

    def unknown(object: Any) -> str:
        if isinstance(object, type) and object.__module__.startswith("gradio."):
            raise OSError
        return getfile(object)

    inspect.getfile = unknown
    try:
        yield
    finally:
        inspect.getfile = getfile
