"""The app, started once for all the promises that are put to it over HTTP."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.conftest import ROOT
from tests.helpers.serving import serve_forked
from tests.robustness.visitor import Served, Visitor


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        if "served" in getattr(item, "fixturenames", ()) and item.path.is_relative_to(Path(__file__).parent):
            item.add_marker(pytest.mark.processes)


@pytest.fixture(scope="session")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    base = tmp_path_factory.mktemp("served")
    uploads, log = base / "uploads", base / "log.txt"
    with serve_forked(ROOT / "runs", log, GRADIO_TEMP_DIR=str(uploads)) as address:
        visitor = Visitor(address)
        visitor.ask("GET", "/gradio/config")  # the live tab is made by its first visitor
        yield Served(visitor, base, uploads, log)
