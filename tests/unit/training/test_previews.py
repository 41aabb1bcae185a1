"""What a preview measures."""

import numpy as np
import pytest
import torch
from sklearn.metrics import roc_auc_score

from gan_core.training.previews import generators, statistics, translators
from tests.helpers.small_families import build


def test_diversity_sees_collapse_and_not_grain() -> None:
    generator = torch.Generator().manual_seed(0)
    coarse = torch.nn.functional.interpolate(torch.randn(32, 1, 4, 4, generator=generator) * 0.3, size=64)
    collapsed = coarse[:1].repeat(32, 1, 1, 1)
    grain = torch.randn(32, 1, 64, 64, generator=generator) * 0.3
    assert statistics.diversity(collapsed) == 0
    assert statistics.diversity(collapsed + grain) < 0.4 * generators.diversity(coarse)
    # Two independent values of deviation 0.3 differ by 0.3 * sqrt(2), root mean square.
    assert statistics.diversity(coarse) == pytest.approx(0.3 * 2**0.5, rel=0.1)
    assert np.isnan(statistics.diversity(coarse[:1]))


def test_histogram_counts_everything_once() -> None:
    counts = list(map(int, statistics.histogram(np.array([-100.0, -10, 0.1, 0.4, 9.9, 1e9])).split()))
    assert len(counts) == 40
    assert sum(counts) == 6
    assert (counts[0], counts[20], counts[39]) == (2, 2, 2)


def test_runs_of_one_seed_see_the_same_latents() -> None:
    images = np.zeros((20, 1, 32, 32), np.uint8)
    labels = np.arange(20) % 2
    fixed = [
        generators.fix_inputs(build(name), (images, labels), (images[:3], labels[:3]), 4) for name in ("gan", "cgan")
    ]
    assert torch.equal(fixed[0].z, fixed[1].z)
    assert fixed[0].grid_labels.tolist() == [0] * 8 + [1] * 8
    assert len(fixed[0].held_out) == 3
    assert len(fixed[0].batch_norm) == 512


@pytest.mark.parametrize("preset", ["gan", "cgan", "bigan_baseline"])
def test_a_look_works_without_held_out_images(preset: str) -> None:
    family = build(preset)
    images = np.random.default_rng(0).integers(0, 256, (12, 1, 32, 32), dtype=np.uint8)
    labels = np.arange(12) % 2
    sheet, row = generators.fix_inputs(family, (images, labels), (images[:0], labels[:0]), 0).look(family)
    assert sheet.shape == (138, 138, 1)
    assert np.isnan(row["accuracy/d_held_out"]) and np.isnan(row["memory/d"])
    assert 0 < row["diversity/data"] < 2
    assert sum(map(int, row["scores/held_out"].split())) == 0


def test_memory_compares_images_of_a_class() -> None:
    rng = np.random.default_rng(0)
    (ours, theirs), (labels, others) = rng.normal(size=(2, 60)), rng.integers(0, 2, (2, 60))
    ours = ours + 0.7 + 50 * labels  # a class that scores higher is none that is known better
    theirs = theirs + 50 * others
    pairs = [(ours[labels == c], theirs[others == c]) for c in (0, 1)]
    sizes = [len(a) * len(b) for a, b in pairs]
    exact = [roc_auc_score([1] * len(a) + [0] * len(b), np.concatenate((a, b))) for a, b in pairs]
    assert statistics.memory(ours, theirs, labels, others) == pytest.approx(np.average(exact, weights=sizes))
    assert statistics.memory(np.zeros(3), np.zeros(2), np.zeros(3), np.zeros(2)) == 0.5
    assert np.isnan(statistics.memory(ours, theirs, labels * 0, others * 0 + 1))


def test_relativistic_scores_are_told_from_the_middle_of_the_moment() -> None:
    """Whatever the discriminator adds to all logits of a class: it means nothing to its loss."""
    family = build("r3gan")
    images = np.random.default_rng(0).integers(0, 256, (40, 1, 32, 32), dtype=np.uint8)
    labels = np.arange(40) % 2
    fixed = generators.fix_inputs(family, (images, labels), (images[:20], labels[:20]), 0)
    _, before = fixed.look(family)
    family.discriminator.middle -= torch.tensor([7.0, -3.0])
    _, after = fixed.look(family)
    assert after == before
    real, generated = ([int(n) for n in before[f"scores/{kind}"].split()] for kind in ("real", "generated"))
    assert sum(real[20:]) > 0 and sum(generated[:20]) > 0


@pytest.mark.parametrize("preset", ["cyclegan_resnet_light", "cut_light", "pix2pix_light"])
def test_a_translators_memory_is_of_the_domain_that_is_judged(preset: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """In A the training pictures are brighter than the held-out ones, in B darker; brighter scores higher."""
    family, labels = build(preset), np.arange(12) % 2
    grey = np.where(labels, 50, 200).astype(np.uint8)[:, None, None, None]
    bright = np.broadcast_to(grey, (12, 1, 32, 32)).copy()
    held_out = np.full((12, 1, 32, 32), 100, np.uint8)
    monkeypatch.setattr(family, "score", lambda images, labels, z: images.mean((1, 2, 3)) + 9 * labels)
    fixed = translators.fix_inputs(family, (bright, labels), (held_out, labels), 0, None)
    _, row = fixed.look(family)
    assert row["memory/d"] == (0.0 if family.one_way else 0.5)
    _, alone = translators.fix_inputs(family, (bright, labels), (held_out[:0], labels[:0]), 0, None).look(family)
    assert np.isnan(alone["memory/d"])
