"""What happened here, on the Compare page: events with links to epochs, the paragraph, marks for the curves."""

import re
import time
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from streamlit.testing.v1 import AppTest

from dashboard.library import store
from dashboard.library.store import Library
from dashboard.widgets import diagnosis
from gan_core import runs
from gan_core.runs import Run
from tests.helpers import made_evaluations
from tests.helpers.pages import open_page, texts
from tests.helpers.run_folders import make_run


def html_of(page: AppTest) -> str:
    return "\n".join(element.proto.body for element in page.get("html"))


@pytest.fixture
def root(runs_root: Path) -> Path:
    """A run in which the discriminator wins, and one without an ailment."""
    won = make_run(runs_root, "won", "dcgan", 20, 10)
    table = pd.read_csv(won.folder / runs.METRICS)
    late = table["epoch"] > 8
    table.loc[late, ["accuracy/d_real", "accuracy/d_fake"]] = 0.99
    table.loc[late, "loss/g"] = 4.0
    table.to_csv(won.folder / runs.METRICS, index=False)
    make_run(runs_root, "well", "gan", 20, 10, seed=1)
    return runs_root


def test_each_event_has_its_epoch_as_a_link_and_what_one_would_try(root: Path) -> None:
    page = open_page(runs=["won", "well"])
    shown = html_of(page)
    assert "Discriminator far ahead" in shown
    assert "hold the discriminator back" in shown
    assert re.search(r'<a href="#stage" role="button" tabindex="0" data-epoch-link="8"', shown)
    assert shown.index("won</h4>") < shown.index("Discriminator far ahead")
    assert "What happened here?" in texts(page)
    assert "the discriminator was far ahead" in texts(page).lower()


def test_the_paragraph_tells_what_was_measured_and_leads_there(root: Path) -> None:
    assert "Evaluate" not in [link.proto.label for link in open_page(runs=["won", "well"]).get("page_link")]
    made_evaluations.write(Run(root / "well", root), 0.05)
    page = open_page(runs=["won", "well"])
    words = texts(page).replace("\\", "")
    assert re.search(r"Measured variety \(coverage of the real images\): well 0\.\d\d", words)
    assert "Not measured: won." in words
    [link] = [link.proto for link in page.get("page_link") if link.proto.label == "Evaluate"]
    assert (link.page, link.query_string) == ("evaluate", "evaluated=well")
    used, images = diagnosis.METHOD.split("They do not look at the images themselves.")
    assert "pixels" in used and "Evaluate measures" in images


def test_marks_are_the_events_by_run(root: Path) -> None:
    library = Library(root)
    chosen = library.readable()
    found = diagnosis.marks(library, chosen)
    assert found.keys() == {"won", "well"}
    (mark,) = [mark for mark in found["won"] if mark.kind == "saturated"]
    assert mark.until is None
    assert mark.epoch == pytest.approx(8, abs=0.5)
    assert "loss/g" in mark.columns
    assert mark.title.startswith("Discriminator far ahead: ")


def test_a_run_is_looked_at_again_only_when_it_has_grown(root: Path) -> None:
    library = Library(root)
    entry = library.find("well")
    assert entry
    first = diagnosis.diagnosed(library, entry)
    assert diagnosis.diagnosed(library, entry) is first
    with (entry.run.folder / runs.METRICS).open() as file:
        last = file.read().splitlines()[-1]
    with (entry.run.folder / runs.METRICS).open("a") as file:
        file.write(f"{last}\n")
    assert diagnosis.diagnosed(library, entry) is not first


def test_what_a_name_or_a_reason_says_is_shown_as_it_is(root: Path) -> None:
    library = Library(root)
    entry = library.find("won")
    assert entry
    run = diagnosis.diagnosed(library, entry)
    assert run
    (event,) = [event for event in run.events if event.kind == "saturated"]
    hostile = diagnosis.Event(event.kind, 1.0, 2.0, "<script>alert(1)</script>", {}, ())
    assert "<script>" not in diagnosis._line(entry, hostile)


@pytest.mark.parametrize("steps", [0, 1, 3])
def test_a_run_that_has_hardly_begun(runs_root: Path, steps: int) -> None:
    run = make_run(runs_root, "young", "dcgan", 1, 10)
    path = run.folder / runs.METRICS
    path.write_text("".join(path.read_text().splitlines(keepends=True)[: steps + 1]))
    page = open_page(runs=["young"])
    assert "Cannot be judged yet" in html_of(page)
    assert ("nothing is logged" if steps == 0 else f"{steps} row") in html_of(page)


def test_every_kind_has_a_sign() -> None:
    assert diagnosis.ICONS.keys() == diagnosis.diagnostics.KINDS.keys()
    assert len(set(diagnosis.ICONS.values())) == len(diagnosis.ICONS)


def test_a_long_run_is_read_in_a_moment(tmp_path: Path) -> None:
    """100,000 rows take less than a tenth of a second; a loose bound, to notice a rule that is quadratic."""
    rows = 100_000
    rng = np.random.default_rng(0)
    record = diagnosis.diagnostics.Record(
        metrics={
            "epoch": np.linspace(0, 100, rows),
            **{name: rng.uniform(0.6, 0.8, rows) for name in ("loss/g", "loss/d", *store.ACCURACY, "grad_norm/g")},
        }
    )
    start = time.perf_counter()
    diagnosis.diagnostics.diagnose(record)
    assert time.perf_counter() - start < 2
