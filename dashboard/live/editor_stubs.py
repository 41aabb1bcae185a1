"""What Gradio does for editors, kept from the start of the live tab."""

import contextlib
import inspect
from collections.abc import Iterator
from typing import Any


@contextlib.contextmanager
def without_stubs() -> Iterator[None]:
    """Import Gradio without what it does for editors whenever it is imported: it reads the source of each of its
    components and writes a stub beside it, two fifths of the time that it takes. A class whose file cannot be told gets
    none.
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
