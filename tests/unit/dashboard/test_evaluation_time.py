"""How long an evaluation takes, from those that were made."""

from pathlib import Path

import pytest

from dashboard.library import evaluation_time
from dashboard.library.store import Library
from tests.helpers import made_evaluations
from tests.helpers.run_folders import make_run


@pytest.fixture
def library(tmp_path: Path) -> Library:
    return Library(tmp_path)


def said(library: Library, name: str) -> str:
    entry = library.find(name)
    assert entry
    return evaluation_time.estimate(library, entry)


def test_what_was_measured_here_goes_before_what_others_measured(library: Library) -> None:
    make_run(library.root, "mine", "gan", 1, 1)
    make_run(library.root, "translator", "cyclegan_resnet_light", 1, 1)
    assert "no run of its kind" in said(library, "mine")
    shipped = make_run(library.root, "reference/dcgan", "dcgan", 1, 1)
    made_evaluations.write(shipped, seconds={"fidelity": 100.0, "memorisation": 80.0, "progress": 900.0})
    assert said(library, "mine") == (
        "not measured on this machine yet; where an evaluation of its kind was made it took about 3 min"
    )
    for name, seconds in (("one", 20.0), ("two", 40.0), ("three", 60.0)):
        made_evaluations.write(make_run(library.root, name, "gan", 1, 1), seconds={"fidelity": seconds})
    assert said(library, "mine") == "about 40 s, as long as 3 evaluations of its kind took on this machine"
    assert "no run of its kind" in said(library, "translator")
