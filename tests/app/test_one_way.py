"""Translators of other kinds than CycleGAN: those that go one way, and those that learn from pairs."""

import io
from collections.abc import Iterator
from pathlib import Path

import pytest
from PIL import Image

from dashboard.charts import run_metrics
from dashboard.library import store
from dashboard.live import input_fields
from dashboard.live.models import ModelCache
from dashboard.live.translate import Upload, translate
from dashboard.views.evaluate import translator_verdicts
from dashboard.widgets import elements
from gan_core.evaluation.results import Direction, Measure
from gan_core.families import registry
from tests.helpers.run_folders import make_run
from tests.helpers.training import make_pictures, small, train


@pytest.fixture(scope="module")
def models(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ModelCache]:
    root = tmp_path_factory.mktemp("one-way")
    pictures = make_pictures(root / "source", 12)
    train("cut_light", pictures, root / "runs", "cut", 1, *small("cut")[1], "--domains", "disc,bar")
    found = ModelCache(root / "runs")
    yield found
    found.decoder.close()


def test_the_live_tab_offers_the_one_way(models: ModelCache) -> None:
    assert input_fields.directions(models, "cut") == {"choices": [("disc → bar", "bar")], "value": "bar"}
    assert models.directions("cut") == (("disc", "bar"), ("bar",))


def test_a_translation_is_shown_without_a_way_back(models: ModelCache) -> None:
    content = io.BytesIO()
    Image.linear_gradient("L").save(content, "PNG")
    shown = list(translate(models, [Upload("a.png", content.getvalue())], "cut", "bar", insist=True))[-1]
    assert "from disc to bar" in shown.side
    assert not shown.message
    refused = list(translate(models, [Upload("a.png", content.getvalue())], "cut", "disc", insist=True))[-1]
    assert "translates one way, from &#x27;disc&#x27; to &#x27;bar&#x27;" in refused.message


@pytest.mark.parametrize(
    ("preset", "ways", "third", "charts"),
    [
        ("cyclegan_resnet_light", ("A → B", "B → A"), "back", {"Cycle loss", "Identity loss"}),
        ("pix2pix_light", ("A → B", "B → A"), "truth", {"L1 distance to the partner"}),
        ("cut_light", ("A → B", "B → B"), "change", {"Contrastive loss"}),
    ],
)
def test_sheets_and_charts_are_the_familys(
    preset: str, ways: tuple[str, str], third: str, charts: set[str], tmp_path: Path
) -> None:
    make_run(tmp_path, "mine", preset, 2, 3, domains=("A", "B"))
    (entry,) = store.Library(tmp_path).entries()
    assert entry.sheet is not None
    shown = elements.headings(entry.sheet)
    assert all(f'<span class="way">{way}</span>' in shown for way in ways)
    assert shown.count(f"<span>{third}</span>") == 2
    assert f"input, translated and {third}, from A to B and then from" in elements.described("Samples", entry.sheet)
    assert entry.targets == (("B",) if registry.find_preset(preset).traits.one_way else ("A", "B"))
    titles = {chart.title for chart in run_metrics.usual([entry])}
    assert titles == charts | {"Adversarial loss", "Discriminator loss", "Discriminator accuracy"}
    assert all(run_metrics.measured(entry, chart) for chart in run_metrics.usual([entry]))
    assert run_metrics.growth(entry)[0][0] in ("Losses", *charts)


def test_an_audit_without_a_way_back_says_so() -> None:
    way = Direction("A", "B", 5, (), {"all": Measure(0.1)}, {}, {}, {})
    assert "from A to B" in translator_verdicts._hiding_answer(way)
