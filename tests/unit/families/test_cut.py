"""CUT: its contrast of patches, the encoder that it looks through, and a run that goes one way."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch
import torch.nn.functional as F

from gan_core import cli, images, inference, losses
from gan_core.errors import UserError
from gan_core.families.cut import CUT, PRESETS, Config
from gan_core.families.cyclegan import PRESETS as CYCLEGANS
from gan_core.families.cyclegan import CycleGAN
from gan_core.inference import translation
from gan_core.inference.discriminator import discriminator
from gan_core.nets import PatchHeads, ResNetTranslator, draw_places
from gan_core.runs import Run
from tests.helpers.training import make_pictures, small, train

NARROW = {"width": 4, "blocks": 2, "heads": 8, "discriminator_width": 4}


def build(**changes: object) -> CUT:
    torch.manual_seed(0)
    return CUT(Config(**{**NARROW, **changes}), (1, 32, 32), 2)


def real(count: int = 2) -> torch.Tensor:
    return torch.rand(2 * count, 1, 32, 32, generator=torch.Generator().manual_seed(1)) * 2 - 1


def vectors(*shape: int) -> torch.Tensor:
    return F.normalize(torch.randn(*shape, generator=torch.Generator().manual_seed(2)), dim=2)


def test_the_contrast_is_the_papers() -> None:
    """Equation 3, patch by patch: the right place against each of the wrong ones."""
    query, key = vectors(2, 5, 7), vectors(2, 5, 7).flip(1)
    expected = []
    for picture in range(2):
        for place in range(5):
            right = torch.exp(query[picture, place] @ key[picture, place] / 0.07)
            wrong = sum(torch.exp(query[picture, place] @ key[picture, p] / 0.07) for p in range(5) if p != place)
            expected.append(-torch.log(right / (right + wrong)))
    torch.testing.assert_close(losses.patch_contrast(query, key, 0.07), torch.stack(expected).mean())


def test_the_contrast_is_smallest_where_both_are_the_same() -> None:
    """Of orthogonal places: any other order of them, and any mixture, is worse."""
    key = torch.eye(6)[None]
    least = losses.patch_contrast(key, key, 0.07)
    assert float(least) < 1e-4
    for query in (key.roll(1, 1), key.flip(1), vectors(1, 6, 6), F.normalize(key + 0.5 * vectors(1, 6, 6), dim=2)):
        assert losses.patch_contrast(query, key, 0.07) > least
    assert float(losses.patch_contrast(torch.ones(1, 6, 6), torch.ones(1, 6, 6), 1.0)) == pytest.approx(np.log(6))


def test_gradients_flow_through_the_queries_alone() -> None:
    query, key = vectors(1, 4, 3).requires_grad_(), vectors(1, 4, 3).flip(1).requires_grad_()
    losses.patch_contrast(query, key, 0.07).backward()
    assert query.grad is not None and query.grad.abs().max() > 0 and key.grad is None


@pytest.mark.parametrize("residual", ["add", "concatenate"])
def test_what_the_encoder_saw_on_the_way_is_what_it_sees(residual: str) -> None:
    net, x = ResNetTranslator(1, 4, 6, residual, change=True), real()
    drawn, seen = net.translated(x)
    torch.testing.assert_close(drawn, net(x))
    assert [tuple(m.shape[1:]) for m in seen][:3] == [(1, 32, 32), (8, 16, 16), (16, 8, 8)]
    assert tuple(m.shape[1] for m in seen) == net.feature_widths
    assert len(seen) == 5
    for one, other in zip(seen, net.features(x), strict=True):
        torch.testing.assert_close(one, other)


def test_heads_give_unit_vectors_of_the_chosen_places() -> None:
    torch.manual_seed(0)
    maps = [torch.randn(2, 3, 8, 8), torch.randn(2, 5, 4, 4)]
    places = draw_places(maps, 20)
    assert [len(place) for place in places] == [20, 16]
    assert len(set(places[0].tolist())) == 20
    heads = PatchHeads((3, 5), 6)
    found = heads(maps, places)
    assert [tuple(one.shape) for one in found] == [(2, 20, 6), (2, 16, 6)]
    torch.testing.assert_close(found[0].norm(dim=2), torch.ones(2, 20))
    pixel = maps[0][1, :, int(places[0][3]) // 8, int(places[0][3]) % 8]
    torch.testing.assert_close(found[0][1, 3], F.normalize(heads.heads[0](pixel), dim=0))


@pytest.mark.parametrize("identity", [True, False])
def test_a_step_moves_the_heads_and_keeps_no_average_of_them(identity: bool) -> None:
    family = build(identity=identity)
    before = [p.clone() for p in family.heads.parameters()]
    scalars = family.train_step(real(), torch.tensor([0, 0, 1, 1]))
    assert (scalars["loss/contrast_b"] > 0) == identity
    assert all(torch.isfinite(p.grad).all() for player in family.players.values() for p in player.parameters)
    assert all(not torch.equal(old, new) for old, new in zip(before, family.heads.parameters(), strict=True))
    assert set(family.averages) == family.served == {"generator"}
    assert {name.split(".")[0] for name in family.judging_state()} == {"heads", "discriminator"}


def test_one_generator_is_half_of_a_cyclegan() -> None:
    for ours, theirs in (("cut", "cyclegan_resnet"), ("cut_light", "cyclegan_resnet_light")):
        with torch.device("meta"):
            cut = CUT(PRESETS[ours], (1, 128, 128), 2, training=False)
            cycle = CycleGAN(CYCLEGANS[theirs], (1, 128, 128), 2, training=False)
        shares = [sum(p.numel() for p in family.parameters()) for family in (cut, cycle)]
        assert 0.49 < shares[0] / shares[1] < 0.56


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Run:
    root = tmp_path_factory.mktemp("runs")
    pictures = make_pictures(root / "source")
    return Run(train("cut_light", pictures, root, "cut", 2, *small("cut")[1], "--domains", "disc,bar"))


def test_a_run_goes_one_way_and_says_so(run: Run, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    model = inference.load(run)
    assert (model.domains, model.targets) == (("disc", "bar"), ("bar",))
    pictures = np.random.default_rng(0).integers(0, 256, (2, 32, 32, 1), dtype=np.uint8)
    assert model.translate(pictures, "bar").shape == pictures.shape
    line = "translates one way, from 'disc' to 'bar', not to 'disc': train its preset with --domains bar,disc"
    with pytest.raises(UserError, match=line):
        model.translate(pictures, "disc")
    done = translation.translate_picture(model, pictures[0] / np.float32(255), "bar")
    assert done.cycled is None and "cycle_error" not in done.numbers()
    assert translation.with_cycle(model, done) is done
    assert cli.main(["translate", "cut", "x.png", "--to", "disc", "--out", str(tmp_path), "--runs", str(run.root)]) == 2
    assert line in capsys.readouterr().err


def test_its_discriminator_judges_the_target_alone(run: Run) -> None:
    judge = discriminator(run)
    assert judge.labels == ("bar",)
    assert judge.score(np.zeros((2, 32, 32, 1), np.uint8), "bar").shape == (2,)


def test_previews_show_what_changes_and_what_should_not(run: Run) -> None:
    sheet = images.read_png(run.private_samples()[2])[..., 0].astype(int)
    for row in range(4):
        for half in (0, 3):
            cells = [sheet[2 + 34 * row :, 2 + 34 * (half + i) :][:32, :32] for i in range(3)]
            assert np.abs(np.abs(cells[1] - cells[0]) - cells[2]).max() <= 1
    epochs = pd.read_csv(run.folder / "epochs.csv")
    assert (epochs[["change/ab", "change/bb"]].iloc[1:] > 0).all().all()
    assert not {"change/ba", "cycle_error/a", "cycle_error/b"} & set(epochs)
    assert epochs["memory/d"].between(0, 1).all()
    counts = [sum(map(int, text.split())) for text in epochs.filter(like="scores/").iloc[-1]]
    assert counts == [16, 2, 2]  # of one domain each: two of the twenty bars are held out in val
