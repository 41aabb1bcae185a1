"""Which run a page offers first."""

import json
from pathlib import Path

from dashboard.library import best_first
from gan_core.evaluation import results
from gan_core.runs import Run
from tests.helpers import made_evaluations
from tests.helpers.run_folders import make_run


def first_to_last(*found: Run) -> list[str]:
    return [run.name for run in sorted(found, key=lambda run: best_first.place(run, run.config()))]


def test_near_to_real_images_goes_before_many_pixels(tmp_path: Path) -> None:
    near = make_run(tmp_path, "near", "dcgan", 4, 20)
    nearer = make_run(tmp_path, "nearer", "dcgan", 4, 20)
    large = make_run(tmp_path, "large", "dcgan", 4, 20)
    settled = json.loads((large.folder / "config.json").read_text())
    (large.folder / "config.json").write_text(json.dumps(settled | {"image_size": 128}))
    baseline = make_run(tmp_path, "baseline", "dcgan_baseline", 4, 20)
    translator = make_run(tmp_path, "translator", "cyclegan_resnet_light", 4, 20)
    for run, quality in ((near, 0.97), (nearer, 0.99), (baseline, 1.0)):
        made_evaluations.write(run, quality)
        measure = results.read(run.evaluation).fidelity["all"].measures["frechet"]
        assert measure.floor and measure.value < best_first.NEAR * measure.floor
    given = baseline, large, near, nearer, translator
    assert first_to_last(*given) == ["nearer", "near", "large", "translator", "baseline"]
    made_evaluations.write(large, 0.5)
    assert first_to_last(*given)[2] == "large", "measured, and far from real images"
    made_evaluations.write(large, 0.97)
    assert first_to_last(*given)[0] == "large"
