from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from gan_core import data
from gan_core.data.readers import phantom
from gan_core.errors import UserError
from gan_core.evaluation import classifiers
from gan_core.evaluation.augmentation import jittered_lungs
from tools import train_classifiers

ABOUT = {"subject": "chest X-ray", "shows": "drawn X-rays", "data_sets": ("drawn",), "role": "reports"}
SEEING = ["child-a", "child-b", "adult-a", "adult-b"]


def phantoms(kind: str, count: int, size: int = 128, first: int = 900_000) -> np.ndarray:
    drawn = [phantom.drawer("cxr").draw(kind, first + number, size).image for number in range(count)]
    return np.rint(np.stack(drawn)[..., None] * 255).astype(np.uint8)


@pytest.fixture(scope="module")
def chests() -> np.ndarray:
    return phantoms("normal", 4)


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> classifiers.Classifier:
    prepared = data.prepare("phantom:cxr?images=40&seed=5", size=64, progress=False)
    how = {"sees": "everything", "seed": 1, "epochs": 1, "about": ABOUT}
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(train_classifiers, "BATCH", 8)
        return train_classifiers.train(prepared, "tiny", "small residual", rules={}, **how)


@pytest.mark.slow
def test_a_trained_one_is_read_back_as_it_was(
    trained: classifiers.Classifier, chests: np.ndarray, tmp_path: Path
) -> None:
    path = tmp_path / "tiny.safetensors"
    train_classifiers.save(trained, path)
    again = classifiers.load(path)
    assert again.card == trained.card
    np.testing.assert_allclose(again.chances(chests), trained.chances(chests), atol=0.02)
    np.testing.assert_allclose(again.features(chests), trained.features(chests), atol=0.05, rtol=0.05)


@pytest.mark.slow
def test_its_card_counts_patients_that_it_never_saw(trained: classifiers.Classifier) -> None:
    card = trained.card
    assert card.classes == ("bacterial", "covid", "normal", "viral")
    assert card.train_images + card.held_out_images == 40
    assert 0 <= card.held_out <= 1


@pytest.mark.slow
@pytest.mark.parametrize("architecture", classifiers.ARCHITECTURES)
def test_training_lowers_the_loss(architecture: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Bright squares against dark ones: learned within a few steps, or something is broken."""
    monkeypatch.setattr(train_classifiers, "BATCH", 8)
    monkeypatch.setattr(train_classifiers, "SIZE", 32)  # the smallest that all four stages halve
    torch.manual_seed(0)
    labels = torch.arange(24) % 2
    x = (labels.float() * 1.2 - 0.6)[:, None, None, None] + torch.randn(24, 1, 32, 32) / 9
    network = classifiers.ARCHITECTURES[architecture](2)
    train_classifiers.fit(network, train_classifiers.Examples(x, labels), sees="everything", epochs=5, seed=0)
    with torch.inference_mode():
        answers = classifiers.logits(network, x).argmax(1)
    assert (answers == labels).float().mean() > 0.95


def test_classes_can_be_told_apart_by_file_names() -> None:
    prepared = data.prepare("phantom:cxr?images=20&seed=5", size=32, progress=False)
    names = [f"a/person{i}_{'virus' if i % 2 else 'bacteria'}_{i}.png" for i in range(len(prepared.names))]
    changed = train_classifiers.relabelled(replace(prepared, names=names), {"bacterial": "bacteria", "viral": "virus"})
    assert changed[0] == ("bacterial", "viral")
    assert changed[1].tolist() == [i % 2 for i in range(len(names))]


@pytest.mark.parametrize("name", SEEING)
def test_shipped_ones_give_chances_and_features_at_any_size(name: str, chests: np.ndarray) -> None:
    judge = classifiers.shipped(name)
    for pictures in (chests, chests[:, ::2, ::2], np.repeat(chests, 3, axis=3)):
        chances, features = judge.chances(pictures), judge.features(pictures)
        np.testing.assert_allclose(chances.sum(1), 1, atol=1e-5)
        assert features.shape == (4, 3 * classifiers.SCALES + sum(judge.network.widths))
        assert np.isfinite(features).all()


def test_the_two_of_a_data_set_differ_in_architecture_and_seed() -> None:
    for kind in ("child", "adult"):
        first, second = (classifiers.shipped(f"{kind}-{letter}").card for letter in "ab")
        assert first.classes == second.classes
        assert first.architecture != second.architecture
        assert first.seed != second.seed
        assert first.fingerprint == second.fingerprint


@pytest.mark.parametrize("name", SEEING)
def test_shipped_ones_were_right_about_patients_they_never_saw(name: str) -> None:
    card = classifiers.shipped(name).card
    assert card.held_out_images >= 100
    assert card.held_out_balanced > (0.9 if name.startswith("adult") else 0.75)


def test_patterns_are_heights_of_what_is_locked_to_the_grid() -> None:
    """Stripes of 6 grey levels across, checks of 4: each in its own place, at its own scale; ramps in none."""
    side = torch.arange(classifiers.SIZE)
    fine = 3.0 * (1 - 2 * (side % 2)).expand(classifiers.SIZE, -1)
    checks = 2.0 * (1 - 2 * ((side[:, None] // 2 + side // 2) % 2))
    noise = 20 * torch.randn(classifiers.SIZE, classifiers.SIZE, generator=torch.Generator().manual_seed(0))
    given = torch.stack((fine, checks, noise, torch.full_like(noise, 50.0)))[:, None] / 127.5
    found = classifiers.patterns(given)
    assert found.shape == (4, 3 * classifiers.SCALES)
    wanted = torch.zeros(2, 3 * classifiers.SCALES)
    wanted[0, 0], wanted[1, 5] = 6.0, 4.0
    torch.testing.assert_close(found[:2], wanted, atol=1e-3, rtol=0)
    assert found[2, :6].abs().max() < 1.5  # grain alone leaves next to nothing
    assert found[3].abs().max() < 1e-3


def test_groups_add_up(chests: np.ndarray) -> None:
    judge = classifiers.shipped("child-b")
    chances = judge.chances(chests)
    pneumonia = judge.chances_of(("NORMAL", "PNEUMONIA"), chests)
    np.testing.assert_allclose(pneumonia[:, 0], chances[:, judge.classes.index("normal")], atol=1e-6)
    assert not judge.knows(("T1", "T2"))
    with pytest.raises(UserError, match="does not know 'T1'"):
        judge.chances_of(("T1", "T2"), chests)


def test_the_control_of_the_box_does_not_see_the_centre(chests: np.ndarray) -> None:
    judge = classifiers.shipped("adult-box")
    changed, border = chests.copy(), chests.copy()
    low, high = (round(edge * 128) for edge in classifiers.BOX)
    changed[:, low:high, low:high] = 255 - changed[:, low:high, low:high]
    border[:, :low] = 255 - border[:, :low]
    before = judge.chances(chests)
    np.testing.assert_array_equal(judge.chances(changed), before)
    assert np.abs(judge.chances(border) - before).max() > 1e-4


def test_the_control_of_the_lungs_does_not_see_them(chests: np.ndarray) -> None:
    judge = classifiers.shipped("adult-hull")
    masks = np.zeros(chests.shape[:3], bool)
    masks[:, 30:100, 20:110] = True
    changed = chests.copy()
    changed[masks] = 255 - changed[masks]
    np.testing.assert_allclose(judge.chances(changed, masks), judge.chances(chests, masks), atol=1e-6)
    with pytest.raises(UserError, match="needs masks"):
        judge.chances(chests)


LUNGS = ["adult-lungs-a", "adult-lungs-b"]


def drawn_lungs(count: int) -> tuple[np.ndarray, np.ndarray]:
    """Chests of phantoms, uint8 (N, 128, 128, 1) that use the middle of the grey scale, and their lungs."""
    bodies = [phantom.drawer("cxr").draw("normal", 900_000 + number, 128) for number in range(count)]
    pictures = np.rint(np.stack([body.image for body in bodies])[..., None] * 120 + 60).astype(np.uint8)
    return pictures, np.stack([body.lungs for body in bodies])


@pytest.mark.parametrize("name", LUNGS)
def test_a_judge_of_the_lungs_alone_sees_neither_their_outside_nor_exposure(name: str) -> None:
    judge = classifiers.shipped(name)
    pictures, masks = drawn_lungs(3)
    before = judge.chances(pictures, masks)
    np.testing.assert_allclose(before.sum(1), 1, atol=1e-5)
    far = ~classifiers.lungs.hull(masks, margin=0.12)
    lettered, clouded = pictures.copy(), pictures.copy()
    lettered[far] = 255
    np.testing.assert_allclose(judge.chances(lettered, masks), before, atol=1e-6)
    exposed = np.rint(pictures * 0.8 + 30.0).astype(np.uint8)
    np.testing.assert_allclose(judge.chances(exposed, masks), before, atol=0.1)
    clouded[masks & (np.arange(128)[:, None] > 70)] = 200
    assert np.abs(judge.chances(clouded, masks) - before).max() > 0.1
    features = judge.features(pictures, masks)
    assert features.shape == (3, 3 * classifiers.SCALES + sum(judge.network.widths)) and np.isfinite(features).all()


def test_a_judge_of_the_lungs_alone_needs_lungs() -> None:
    judge = classifiers.shipped(LUNGS[0])
    pictures, masks = drawn_lungs(2)
    with pytest.raises(UserError, match="needs masks"):
        judge.chances(pictures)
    masks[1] = False
    with pytest.raises(UserError, match="mask of picture 1 cannot be two lungs"):
        judge.chances(pictures, masks)


def test_augmented_lungs_stay_lungs() -> None:
    """Nothing appears outside of where a mask can move, air stays air, and the generator decides everything."""
    pictures, masks = drawn_lungs(4)
    x, inside = classifiers.neutral_lungs(pictures, masks)
    made = [jittered_lungs(x, inside, torch.Generator().manual_seed(seed), -classifiers.AIR) for seed in (0, 0, 1)]
    torch.testing.assert_close(made[0], made[1], rtol=0, atol=0)
    assert (made[0] - made[2]).abs().max() > 0.1
    for one in made:
        assert one.shape == x.shape and one.min() >= -classifiers.AIR and one.max() <= 1
        assert (one[..., 0, 0] == -classifiers.AIR).all()
    empty = jittered_lungs(x, torch.zeros_like(inside), torch.Generator().manual_seed(0), -classifiers.AIR)
    assert (empty == -classifiers.AIR).all()


@pytest.mark.slow
def test_lungs_that_are_half_dense_are_learned_within_a_few_steps(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(train_classifiers, "BATCH", 16)
    pictures, masks = drawn_lungs(8)
    x, inside = classifiers.neutral_lungs(pictures, masks)
    x, inside = x.repeat(4, 1, 1, 1), inside.repeat(4, 1, 1, 1)
    labels = torch.arange(32) % 2
    x[labels == 1, :, 32:] = torch.where(inside[labels == 1, :, 32:] > 0.5, 0.6, -classifiers.AIR)
    torch.manual_seed(0)
    network = classifiers.ARCHITECTURES["small residual"](2)
    given = train_classifiers.Examples(x, labels, inside)
    train_classifiers.fit(network, given, sees=classifiers.LUNGS_ALONE, epochs=24, seed=0)
    with torch.inference_mode():
        answers = classifiers.logits(network, train_classifiers.shown(given, classifiers.LUNGS_ALONE)).argmax(1)
    assert (answers == labels).float().mean() > 0.95


def test_an_unknown_name_is_told() -> None:
    with pytest.raises(UserError, match=r"no classifier 'child-c'.*Classifiers: .*child-a"):
        classifiers.shipped("child-c")


def test_a_file_that_is_no_classifier_is_told(tmp_path: Path) -> None:
    path = tmp_path / "x.safetensors"
    path.write_bytes(b"nothing of the kind")
    with pytest.raises(UserError, match="damaged"):
        classifiers.load(path)
