"""Children forked from a process that has imported torch, Streamlit and Gradio: each begins at once, for the seconds of
processor time that the imports take.

A child has the environment, the current folder and the modules of that process; who needs another start takes a
process of its own.
"""

import multiprocessing
import sys
from collections.abc import Callable
from multiprocessing.context import ForkServerProcess
from types import ModuleType
from unittest import mock

# One process for all that a worker's tests fork: the trainings of tests/robustness, and the apps that a browser opens.
_PRELOADED = ["pytest", "tests.helpers.imported", "tests.robustness.children", "tests.robustness.injections"]


def start(target: Callable[..., None], *arguments: object) -> ForkServerProcess:
    """A child that calls a function of a module."""
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(_PRELOADED)
    child = context.Process(target=target, args=arguments)
    # An app test leaves a page as the main module, which a child would run.
    with mock.patch.dict(sys.modules, {"__main__": ModuleType("__main__")}):
        child.start()
    return child
