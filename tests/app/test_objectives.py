"""Runs that play by other rules than real against generated: pairs, and no discriminator at all."""

from pathlib import Path

import pytest

from dashboard.charts import curve_payloads, run_metrics
from dashboard.charts.styles import run_styles
from dashboard.library.store import Entry, Library
from dashboard.views.run import discriminator_scores
from tests.helpers.pages import open_page, plotted, texts
from tests.helpers.run_folders import make_run

PRESETS = ("dcgan", "r3gan", "vae")
LOSSES = ["Generator loss", "Discriminator loss"]
LIKELIHOOD = ["Reconstruction error", "Divergence of the latents"]


@pytest.fixture(scope="module")
def library(tmp_path_factory: pytest.TempPathFactory) -> Library:
    root = tmp_path_factory.mktemp("objectives")
    for preset in PRESETS:
        make_run(root, preset, preset, 6, 20)
    return Library(root)


def found(library: Library, *names: str) -> list[Entry]:
    known = {entry.name: entry for entry in library.readable()}
    return [known[name] for name in names]


@pytest.mark.parametrize(
    ("names", "titles"),
    [
        (("dcgan",), [*LOSSES, "Discriminator accuracy"]),
        (("r3gan",), [*LOSSES, "Pairwise accuracy"]),
        (("vae",), LIKELIHOOD),
        (PRESETS, [*LIKELIHOOD, *LOSSES, "Discriminator accuracy", "Pairwise accuracy"]),
    ],
)
def test_each_is_compared_by_what_it_learns(library: Library, names: tuple[str, ...], titles: list[str]) -> None:
    group = found(library, *names)
    assert [chart.title for chart in run_metrics.usual(group)] == titles
    data = curve_payloads.payload(library, group, run_styles(group), curve_payloads.CurveView(), {})
    for chart in data["charts"]:
        assert chart["curves"], chart["title"]
    for entry in group:
        rows = run_metrics.last_values(library, entry, group)
        known = {chart.title for chart in run_metrics.usual([entry])}
        assert all((rows[title] == "–") != (title in known) for title in titles)
        for _, curves, _ in run_metrics.growth(entry):
            assert any(len(library.curve(entry, columns, 0.9).x) for columns in curves.values())


def test_losses_of_pairs_are_not_drawn_beside_those_of_sides(library: Library) -> None:
    group = found(library, *PRESETS)
    chart = next(chart for chart in run_metrics.usual(group) if chart.title == "Generator loss")
    assert run_metrics.split(chart, group) == [
        ("Generator loss, cross entropy", [group[0]]),
        ("Generator loss, relativistic", [group[1]]),
    ]


def test_the_pages_show_them(runs_root: Path) -> None:
    for preset in PRESETS:
        make_run(runs_root, preset, preset, 3, 5)
    app = open_page("run", run="vae")
    assert "no discriminator that scores single images" in texts(app)
    assert discriminator_scores.MEANING not in texts(app)
    titles = [chart["title"] for chart in plotted(open_page(runs=list(PRESETS)))]
    assert {"Pairwise accuracy", *LIKELIHOOD} <= set(titles)
