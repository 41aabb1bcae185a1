"""The app, started once for all the promises that are put to it over HTTP."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.conftest import ROOT
from tests.helpers.serving import serve
from tests.robustness.visitor import Visitor


@dataclass(frozen=True)
class Served:
    """The running app with the shipped runs, and where it keeps what it is given and what it says."""

    visitor: Visitor
    base: Path
    uploads: Path
    log: Path


@pytest.fixture(scope="session")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    base = tmp_path_factory.mktemp("served")
    uploads, log = base / "uploads", base / "log.txt"
    with serve(ROOT / "runs", log, GRADIO_TEMP_DIR=str(uploads)) as address:
        visitor = Visitor(address)
        visitor.ask("GET", "/gradio/config")  # the live tab is made by its first visitor
        yield Served(visitor, base, uploads, log)
