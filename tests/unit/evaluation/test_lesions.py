"""The finder of opacity: what its weights mark, who looks at whom, and how the tool trains and reads."""

import csv
import itertools
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from gan_core import tensor_files
from gan_core.anatomy import lung_view
from gan_core.anatomy.lung_view import LungViews
from gan_core.config import IMAGE_SIZES
from gan_core.decode import image_files
from gan_core.errors import UserError
from gan_core.evaluation import lesions
from gan_core.evaluation.lesions import FOLDS, LesionFinder, LesionNet
from gan_core.phantoms.chest import xray
from tools import train_lesion_finder as tool


def chests(count: int) -> LungViews:
    """Dark lungs in bright tissue, with ribs."""
    y, x = np.mgrid[:128, :128]
    mask = np.minimum(*(((x - middle) / 20) ** 2 + ((y - 64) / 50) ** 2 for middle in (36, 92))) < 1
    picture = np.where(mask, 60, 170) + 12 * (y % 16 < 5)
    pictures = np.repeat(picture[None, ..., None].astype(np.uint8), count, 0)
    return lung_view.described(pictures, np.repeat(mask[None], count, 0)).views()


def painted(views: LungViews, amount: float) -> tuple[torch.Tensor, torch.Tensor]:
    """The pictures with a dense right base, and where it is."""
    x = torch.arange(lung_view.SIZE) < lung_view.SIZE // 2
    place = views.mask * (views.downward > 0.55) * x
    return views.grey + amount * place * (views.airless - views.grey), place


def test_the_weights_mark_what_is_dense_and_little_else() -> None:
    views = chests(1)
    finder = lesions.load()
    grey, place = painted(views, 0.8)
    before, after = finder.mark(views), finder.mark(views, grey)
    assert before.shape == views.mask.shape
    assert 0 <= after.min() <= after.max() <= 1
    assert (after[views.mask == 0] == 0).all()
    assert (after - before)[place > 0.5].mean() > 0.3
    assert (after - before)[(place == 0) & (views.mask > 0.5)].mean() < 0.1
    assert lesions.opaque_share(before, views.mask).item() < 0.1


def test_the_weights_see_what_they_learned_from() -> None:
    """The marks of one drawn chest. Other values: the inputs have changed, or the weights, which are then trained anew
    and measured (docs/evaluation.md)."""
    views = chests(1)
    grey, place = painted(views, 0.5)
    inputs = lesions.inputs(views, grey)
    assert (inputs[(views.mask == 0).expand_as(inputs)] == 0).all()
    marks = lesions.load().mark(views, grey)
    assert marks[place > 0.5].mean() == pytest.approx(0.671, abs=0.01)
    assert marks[(place == 0) & (views.mask > 0.5)].mean() == pytest.approx(0.233, abs=0.01)


EACH = torch.arange(-2.0, 3.0).sigmoid()  # what each of `constant_networks` marks everywhere


def constant_networks() -> list[LesionNet]:
    networks = []
    for fold in range(FOLDS):
        network = LesionNet().eval()
        torch.nn.init.zeros_(network.opacity[0].weight)
        torch.nn.init.constant_(network.opacity[0].bias, fold - 2.0)
        networks.append(network)
    return networks


def test_only_the_network_that_did_not_learn_from_a_patient_looks_at_them() -> None:
    finder = LesionFinder(constant_networks(), {"a": 0, "b": 4})
    views = chests(3)
    marked = finder.mark(views, patients=("a", "b", "nobody")).amax((1, 2, 3))
    assert torch.allclose(marked, torch.stack((EACH[0], EACH[4], EACH.mean())), atol=1e-5)
    with pytest.raises(UserError, match="1 patients for 3 lungs"):
        finder.mark(views, patients=("a",))


def drawn(seed: int, height: int = 300) -> np.ndarray:
    """A chest, uint8 (height, 250, 1)."""
    picture = Image.fromarray(np.rint(255 * xray.draw("normal", seed, 256).image).astype(np.uint8))
    return np.asarray(picture.resize((250, height)))[..., None]


@pytest.mark.parametrize("fit", ["crop", "pad"])
@pytest.mark.parametrize("size", [32, 64, 100, 512])
def test_a_picture_that_was_learned_from_is_known_without_its_patients_name(fit: str, size: int) -> None:
    known = {one: fold for fold, seed in ((1, 5), (4, 6)) for one in tool.fingerprints_of(drawn(seed))}
    finder = LesionFinder(constant_networks(), {"a": 0}, known)
    pictures = [image_files.resize(drawn(seed) / np.float32(255), size, fit) for seed in (5, 6, 7, 5)]
    pictures = [image_files.quantise(picture).transpose(1, 2, 0) for picture in pictures]
    marked = finder.mark(chests(4), patients=("x", "y", "z", "a"), pictures=pictures).amax((1, 2, 3))
    assert torch.allclose(marked, torch.stack((EACH[1], EACH[4], EACH.mean(), EACH[0])), atol=1e-5)
    with pytest.raises(UserError, match="4 pictures for 1 lungs"):
        finder.mark(chests(1), pictures=pictures)


def test_the_weights_know_what_they_learned_from_at_every_size(real_data: Path) -> None:
    table = real_data.parent / "lesions" / "files.csv"
    if not table.is_file():
        pytest.skip("no X-rays with masks of opacity")
    with table.open(encoding="utf-8", newline="") as file:
        own = {row["same_picture_in_covid"]: row["patient"] for row in csv.DictReader(file)}
    finder = lesions.load()
    others = [f"val/NORMAL/{path.name}" for path in sorted((real_data / "covid/val/NORMAL").iterdir())[:5]]
    for name in (*sorted(filter(None, own))[::6], *others):
        picture = image_files.decode(real_data / "covid" / name, channels=1)
        for size, fit in itertools.product(IMAGE_SIZES, image_files.FITS):
            square = image_files.quantise(image_files.resize(picture, size, fit)).transpose(1, 2, 0)
            assert finder._fold_of(square) == (finder.folds[own[name]] if name in own else None)


def test_no_lungs_have_no_marks() -> None:
    assert lesions.load().mark(chests(2).of(torch.zeros(0, dtype=torch.long))).shape == (0, 1, 64, 64)


def test_the_share_is_that_of_the_lungs() -> None:
    mask, marks = torch.zeros(2, 1, 4, 4), torch.zeros(2, 1, 4, 4)
    mask[0, 0, :2] = marks[0, 0, 1:] = 1
    assert lesions.opaque_share(marks, mask).tolist() == [0.5, 0.0]


def test_the_weights_are_small_name_their_sources_and_come_with_a_licence() -> None:
    tensors, header = tensor_files.load(lesions.WEIGHTS)
    assert sum(path.stat().st_size for path in lesions.WEIGHTS.parent.iterdir()) <= 1_500_000
    assert {tensor.dtype for tensor in tensors.values()} <= {torch.float16, torch.int64}
    assert "CC BY 4.0" in header["source"] and "CC BY-NC-SA" in header["source"]
    assert "not for commercial use" in (lesions.WEIGHTS.parent / "LICENSE.md").read_text(encoding="utf-8")
    assert sorted(set(header["folds"].values())) == sorted(set(header["pictures"].values())) == list(range(FOLDS))


@pytest.mark.parametrize(
    ("folds", "pictures", "why"), [({"a": 7}, {}, "whom"), ({}, {"0" * 64: 7}, "whom"), ({}, {"a": 0}, "fingerprints")]
)
def test_weights_that_do_not_say_who_they_know_are_refused(
    tmp_path: Path, folds: dict[str, int], pictures: dict[str, int], why: str
) -> None:
    finder = LesionFinder([LesionNet() for _ in range(FOLDS)], folds, pictures)
    lesions.save(finder, tmp_path / "weights.safetensors", "nowhere")
    with pytest.raises(UserError, match=why):
        lesions.load(tmp_path / "weights.safetensors")
    with pytest.raises(UserError, match="missing"):
        lesions.load(tmp_path / "none.safetensors")


def test_folds_keep_patients_together_and_are_about_equal() -> None:
    patients = ("a",) * 4 + ("b",) * 3 + tuple("cdefghijklmnop")
    folds = tool.folds_of(patients)
    assert folds == tool.folds_of(patients[::-1])
    sizes = np.bincount([folds[patient] for patient in patients], minlength=FOLDS)
    assert sizes.min() >= 4 and sizes.max() <= 5


@pytest.mark.slow
def test_training_learns_what_is_dense_and_repeats_itself(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tool, "BATCH", 8)
    views = chests(6)
    sick, place = painted(views, 0.8)
    x, healthy = lesions.inputs(views, sick), lesions.inputs(views)
    before = torch.random.get_rng_state()
    first, again = (tool.train((x, place), healthy, steps=2, seed=1) for _ in range(2))
    assert torch.equal(torch.random.get_rng_state(), before)
    assert all(torch.equal(a, b) for a, b in zip(first.parameters(), again.parameters(), strict=True))
    network = tool.train((x, place), healthy, steps=80, seed=1)
    with torch.inference_mode():
        marked = network(x).sigmoid()
    assert marked[place > 0.5].mean() > marked[(place == 0) & (views.mask > 0.5)].mean() + 0.5


def test_varied_lungs_keep_truth_and_picture_together() -> None:
    views = chests(8)
    grey, place = painted(views, 1.0)
    x, y = tool.vary(lesions.inputs(views, grey), place, np.random.default_rng(0))
    assert x[:, 0].min() >= -0.5
    assert x[:, 0].max() <= 1.5
    assert not torch.equal(x[0], x[1])
    inside = x[:, 1:2] > 0.9
    assert x[:, :1][inside & (y > 0.9)].mean() > x[:, :1][inside & (y < 0.1)].mean() + 0.3


def test_masks_come_into_the_frame_of_their_picture() -> None:
    views = chests(1)
    whole = torch.zeros(1, 1, 256, 200)
    shown = lung_view.paste(views.mask, views.boxes, (256, 200))
    whole[shown > 0.5] = 1
    back = tool._in_frame(whole, views.boxes)
    assert ((back > 0.5) == (views.mask > 0.5)).float().mean() > 0.97


def test_lesions_are_read_with_their_patients(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for kind in ("images", "opacity"):
        (tmp_path / kind).mkdir()
    rows = ["file,patient,same_picture_in_covid"]
    drawn = np.rint(255 * xray.draw("normal", 5, 128).image).astype(np.uint8)
    for name, patient, picture in (("one", "a", drawn), ("two", "b", np.zeros_like(drawn))):
        rows.append(f"{name}.png,{patient},images/{name}.png")
        Image.fromarray(picture).save(tmp_path / "images" / f"{name}.png")
        Image.fromarray(np.full((128, 128), 120, np.uint8)).save(tmp_path / "opacity" / f"{name}.png")
    (tmp_path / "files.csv").write_text("\n".join(rows), encoding="utf-8")
    read = tool.read_lesions(tmp_path)
    assert read.patients == ("a",)
    assert len(read.views) == 1
    assert [len(fingerprints) for fingerprints in read.fingerprints] == [1 + len(IMAGE_SIZES) * len(image_files.FITS)]
    assert tool.read_lesions(tmp_path, copies=tmp_path).fingerprints == (2 * read.fingerprints[0],)
    assert (read.truth[read.views.mask > 0.5] > 0.99).all()
    assert "two.png is left out" in capsys.readouterr().out
