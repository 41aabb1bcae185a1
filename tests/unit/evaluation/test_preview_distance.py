"""What chooses the best weights: it sees quality, uses other eyes and images than the results, and says which."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import pytest
import torch

from gan_core.data import Prepared
from gan_core.errors import UserError
from gan_core.evaluation import classifier_choice, preview_distance
from gan_core.evaluation.preview_distance import PreviewDistance
from tests.helpers.configs import CONFIG

SIDE = 16


def prepared(
    train: int, held_out: int, source: str = "phantom:cxr", classes: tuple[str, ...] = ("normal",)
) -> Prepared:
    """Smooth blobs in noise; a third of the images of two classes is of the second one."""
    rng = np.random.default_rng(0)
    count = train + held_out
    rows, columns = np.mgrid[:SIDE, :SIDE]
    y, x = rng.uniform(4, 12, (2, count, 1, 1))
    blobs = 60 + 150 * np.exp(-((rows - y) ** 2 + (columns - x) ** 2) / 20) + rng.normal(0, 6, (count, SIDE, SIDE))
    return Prepared(
        folder=Path(),
        source=source,
        fingerprint="0",
        size=SIDE,
        channels=1,
        fit="crop",
        classes=classes,
        images=blobs.clip(0, 255).astype(np.uint8)[:, None],
        labels=np.arange(count) % 3 // 2 * (len(classes) > 1),
        names=[str(number) for number in range(count)],
        patients=[str(number) for number in range(count)],
        splits=np.array(["train"] * train + ["val"] * (held_out // 2) + ["test"] * (held_out - held_out // 2)),
        skipped=(),
        warnings=(),
    )


class Drawing:
    """Draws given pictures, blurred by noise of a strength; remembers what it was asked for."""

    latent_size, device = 4, torch.device("cpu")

    def __init__(self, pictures: np.ndarray, noise: float = 0.0) -> None:
        self.pictures, self.noise = torch.from_numpy(pictures).float() / 127.5 - 1, noise
        self.z: list[torch.Tensor] = []
        self.labels: list[int] = []

    def sample(self, z: torch.Tensor, labels: torch.Tensor) -> torch.Tensor:
        begin = len(self.labels)
        self.z.append(z)
        self.labels += labels.tolist()
        shown = self.pictures[torch.arange(begin, begin + len(z)) % len(self.pictures)]
        blur = torch.randn(shown.shape, generator=torch.Generator().manual_seed(begin))
        return shown + self.noise * blur

    @contextmanager
    def evaluating(self) -> Iterator[None]:
        with torch.inference_mode():
            yield


@pytest.mark.parametrize("measure", ["frechet", "kid"])
def test_worse_images_are_farther_and_equal_ones_equally_far(measure: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """The Fréchet distance where there are more images than features, else the kernel distance."""
    if measure == "frechet":  # 16 features in place of 268, so that few images are enough
        monkeypatch.setattr(preview_distance, "IMAGES", 80)
        blocks = lambda x: x.reshape(len(x), 4, 4, 4, 4).mean((2, 4), dtype=np.float32).reshape(len(x), 16)  # noqa: E731
        monkeypatch.setattr(PreviewDistance, "_features", lambda self, pictures: blocks(pictures[..., 0]))
    data = prepared(80, 40)
    distance = PreviewDistance(CONFIG, data)
    assert (distance.described().measure, distance.described().images) == (measure, 80 if measure == "frechet" else 100)
    unseen, before = data.images[data.splits != "train"], torch.random.get_rng_state()
    good, bad = (distance.measure(Drawing(unseen, noise)) for noise in (0.0, 0.8))
    assert 2 * good < bad
    assert distance.measure(Drawing(unseen)) == good
    assert torch.equal(torch.random.get_rng_state(), before), "a training's random numbers stay as they are"


def test_latents_and_labels_are_fixed_and_in_the_proportions_of_the_data() -> None:
    data = prepared(30, 0, classes=("covid", "normal"))
    distance, drawing = PreviewDistance(CONFIG, data), Drawing(prepared(30, 0).images)
    distance.measure(drawing)
    assert np.bincount(drawing.labels).tolist() == [67, 33]
    again = Drawing(prepared(30, 0).images)
    distance.measure(again)
    assert torch.equal(torch.cat(drawing.z), torch.cat(again.z))
    z = torch.cat(drawing.z)
    assert z.shape == (100, 4) and abs(float(z.mean())) < 0.2 and 0.8 < float(z.std()) < 1.2
    of_preview = torch.randn(100, 4, generator=torch.Generator().manual_seed(0))
    assert not torch.isin(z, of_preview).any()


@pytest.mark.parametrize(
    ("train", "held_out", "against", "measure"),
    [(900, 499, "training", "frechet"), (900, 500, "held-out", "frechet"), (200, 499, "training", "kid")],
)
def test_held_out_images_are_the_reference_where_they_are_enough(
    train: int, held_out: int, against: str, measure: str
) -> None:
    about = PreviewDistance(CONFIG, prepared(train, held_out)).described()
    assert (about.against, about.measure, about.which) == (against, measure, "last")


def test_other_eyes_measure_than_those_of_the_results() -> None:
    for source, classes in (("pneumonia", ("bacterial", "viral")), ("phantom:mri", ("t1", "t2"))):
        chosen = classifier_choice.choose(source, "0", classes)
        about = PreviewDistance(CONFIG, prepared(60, 0, source, classes)).described()
        assert about.extractor == chosen.second != chosen.reports
        assert bool(about.note) == bool(chosen.note) == (source == "phantom:mri")


def test_too_few_or_broken_images_are_not_measured() -> None:
    with pytest.raises(UserError, match="19 real images are too few"):
        PreviewDistance(CONFIG, prepared(19, 0))
    data = prepared(40, 0)
    distance = PreviewDistance(CONFIG, data)
    with pytest.raises(UserError, match="draws values that are not finite"):
        distance.measure(Drawing(data.images, float("nan")))
    with pytest.raises(UserError, match="all images have the same features"):
        distance.measure(Drawing(data.images[:1]))


def test_more_real_images_than_needed_are_a_fixed_choice(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(preview_distance, "MOST", 25)
    one, two = (PreviewDistance(CONFIG, prepared(60, 0)) for _ in range(2))
    assert len(one._index) == 25 and (one._index == two._index).all()
    assert "against 25 training images" in one.metric.meaning
