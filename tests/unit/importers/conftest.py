"""One small training of every kind, made once a session and never changed."""

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from gan_core.importers import pictures
from tests.helpers import trainings_elsewhere

Made = Callable[[str], Path]


@pytest.fixture(scope="session")
def made(tmp_path_factory: pytest.TempPathFactory) -> Made:
    """The folder of the training that a function of `trainings_elsewhere` makes, by its name."""
    root = tmp_path_factory.mktemp("trainings")

    def make(name: str) -> Path:
        folder = root / name
        return folder if folder.exists() else getattr(trainings_elsewhere, name)(folder)

    return make


@pytest.fixture(scope="session", autouse=True)
def decoder() -> Iterator[None]:
    """The process that decodes pictures, for all tests of a worker."""
    with pictures.decoding():
        yield
