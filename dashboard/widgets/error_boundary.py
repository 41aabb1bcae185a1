"""The error boundary of a page, a fragment or a click: the user reads a sentence, the log gets the traceback."""

import contextlib
import functools
import logging
import time
from collections.abc import Callable, Iterable, Iterator
from typing import ParamSpec, TypeVar

import streamlit as st

from dashboard.widgets.text import plain
from gan_core import __version__
from gan_core.errors import UserError

P = ParamSpec("P")
T = TypeVar("T")
V = TypeVar("V")

_FAILED = "failed action"
_log = logging.getLogger("ganray.dashboard")


@contextlib.contextmanager
def boundary(what: str) -> Iterator[None]:
    """Display a sentence if the block fails. The traceback goes to the log only."""
    try:
        yield
    except UserError as error:
        st.error(plain(str(error)), icon=":material/error:")
    except Exception as error:
        _log.exception("%s failed", what)
        show_fault(what, "could not be drawn completely", _details(what, error))


def each(items: Iterable[T], make: Callable[[T], V], what: Callable[[T], str]) -> list[V]:
    """Return what `make` returns or draws for each item; one that fails is left out, with a sentence in its place.

    what: names an item in that sentence.
    """
    made = []
    for item in items:
        with boundary(what(item)):
            made.append(make(item))
    return made


def show_fault(what: str, happened: str, details: str) -> None:
    """Display an internal error, with details that the user can copy into a bug report."""
    st.error(
        f"**{plain(what)}** {happened}. Reload the page and try again; if it happens again, copy the details below "
        "into a bug report.",
        icon=":material/error:",
    )
    with st.expander("Details to copy"):
        st.code(details, language=None, wrap_lines=True)


def _details(what: str, error: Exception) -> str:
    where = f"GANray {__version__}, {what}, {time.strftime('%Y-%m-%d %H:%M:%S')}"
    return f"{where}\n{type(error).__name__}: {error}"


def script_fault(error: Exception) -> bool:
    """Handle Streamlit's `on_script_error`: an error that no boundary caught. Streamlit has logged it."""
    show_fault("This page", "ended unexpectedly", _details("page", error))
    return True


def action(call: Callable[P, None]) -> Callable[P, None]:
    """Wrap a click handler: if it fails, the page is still drawn, with a sentence at its top."""

    @functools.wraps(call)
    def called(*args: P.args, **kwargs: P.kwargs) -> None:
        what = call.__name__.strip("_").replace("_", " ")
        try:
            call(*args, **kwargs)
        except UserError as error:
            st.session_state[_FAILED] = (str(error), None)
        except Exception as error:
            _log.exception("the action '%s' failed", what)
            st.session_state[_FAILED] = (f"The action '{what}'", _details(what, error))

    return called


def failed_action() -> None:
    """Display the error of the last click, once."""
    words, details = st.session_state.pop(_FAILED, (None, None))
    if details:
        show_fault(words, "failed", details)
    elif words:
        st.error(plain(words), icon=":material/error:")


def bounded(draw: Callable[P, None]) -> Callable[P, None]:
    """Wrap a fragment in `boundary`: fragments run again without their page and its boundary."""

    @functools.wraps(draw)
    def drawn(*args: P.args, **kwargs: P.kwargs) -> None:
        with boundary(draw.__name__.strip("_").replace("_", " ")):
            draw(*args, **kwargs)

    return drawn
