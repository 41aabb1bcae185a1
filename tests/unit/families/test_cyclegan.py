"""CycleGAN: its networks, its step, and what a translation run leaves behind."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch
import torch.nn.functional as F

from gan_core import cli, images, inference, losses, tensor_files
from gan_core.errors import UserError
from gan_core.families.cyclegan import PRESETS, Config, CycleGAN
from gan_core.inference.precision import fold_and_cast
from gan_core.nets import ImagePool, PatchDiscriminator, ResNetTranslator, UNetTranslator
from gan_core.nets.norm import InstanceNorm
from gan_core.runs import Run
from gan_core.training.sampler import Batches
from tests.helpers.training import SMALL_TRANSLATOR, make_pictures, small, train

pytestmark = pytest.mark.slow

SMALL = {"width": 4, "blocks": 2, "discriminator_width": 4}


def build(**changes: object) -> CycleGAN:
    torch.manual_seed(0)
    return CycleGAN(Config(**{**SMALL, **changes}), (1, 32, 32), 2)


def real(count: int = 2) -> torch.Tensor:
    return torch.rand(2 * count, 1, 32, 32, generator=torch.Generator().manual_seed(1)) * 2 - 1


@pytest.mark.parametrize("shape", [(1, 3, 8, 8), (4, 6, 5, 7)])
def test_instance_norm_is_torchs_own(shape: tuple[int, ...]) -> None:
    x = torch.randn(shape).to(memory_format=torch.channels_last).requires_grad_()
    expected = F.instance_norm(x)
    torch.testing.assert_close(InstanceNorm()(x), expected, atol=1e-5, rtol=1e-5)
    gradients = [torch.autograd.grad(y.pow(3).sum(), x)[0] for y in (InstanceNorm()(x), expected)]
    torch.testing.assert_close(gradients[0], gradients[1], atol=1e-4, rtol=1e-3)


@pytest.mark.parametrize(("strided", "size", "map_side"), [(3, 256, 30), (3, 128, 14), (4, 256, 16), (4, 128, 8)])
def test_patches(strided: int, size: int, map_side: int) -> None:
    discriminator = PatchDiscriminator(1, 4, strided)
    assert discriminator(torch.zeros(1, 1, size, size)).shape == (1, 1, map_side, map_side)


def test_a_patch_is_seventy_pixels_wide() -> None:
    """Which inputs one logit depends on, for a discriminator without norm, which looks at the whole picture."""
    discriminator = PatchDiscriminator(1, 2)
    plain = torch.nn.Sequential(*[layer for layer in discriminator.body if not isinstance(layer, InstanceNorm)])
    x = torch.randn(1, 1, 256, 256, requires_grad=True)
    (gradient,) = torch.autograd.grad(plain(x)[0, 0, 15, 15], x)
    rows = gradient[0, 0].abs().sum(1).nonzero().flatten()
    assert rows[-1] - rows[0] + 1 == 70


@pytest.mark.parametrize("upsampling", ["resize", "transposed"])
@pytest.mark.parametrize("residual", ["add", "concatenate"])
def test_resnet_keeps_the_size(residual: str, upsampling: str) -> None:
    net = ResNetTranslator(1, 4, 6, residual, upsampling)
    out = net(torch.randn(2, 1, 64, 64))
    assert out.shape == (2, 1, 64, 64)
    assert out.abs().max() <= 1
    first_up = next(m for m in net.body if isinstance(m, torch.nn.ConvTranspose2d) or type(m).__name__ == "UpConv")
    assert first_up.in_channels == (16 if residual == "add" else 16 * 7)


def test_a_network_that_draws_the_change_starts_as_the_identity() -> None:
    net = ResNetTranslator(1, 4, 2, change=True)
    x = (torch.rand(2, 1, 32, 32) * 2 - 1).requires_grad_()
    assert (net(x) - x).abs().max() < 0.006
    (gradient,) = torch.autograd.grad(net(x).square().sum(), net.body[-1].weight)
    assert gradient.abs().max() > 0
    assert torch.isfinite(torch.autograd.grad(net(torch.ones_like(x)).sum(), net.body[-1].weight)[0]).all()


def test_presets_are_of_the_papers_size() -> None:
    """Parameters in millions: 11.4 of the nine-block ResNet of CycleGAN with 3 x 3 up-samplings; light ones under 4."""
    for name, settings in PRESETS.items():
        family = CycleGAN(settings, (1, 256, 256), 2, training=False)
        millions = sum(p.numel() for p in family.generator_ab.parameters()) / 1e6
        if name == "cyclegan_resnet":
            assert millions == pytest.approx(11.36, abs=0.05)
        if name.endswith("_light"):
            assert settings.width <= 32
            assert millions < 4


def test_the_number_of_blocks_follows_the_size() -> None:
    for size, blocks in ((64, 6), (128, 6), (256, 9)):
        family = CycleGAN(Config(**SMALL | {"blocks": 0}), (1, size, size), 2, training=False)
        assert sum(type(m).__name__ == "ResidualBlock" for m in family.generator_ab.modules()) == blocks


def checkerboard(net: torch.nn.Module) -> float:
    """How far the mean picture of an untrained network differs between even and odd pixels, in its own deviations."""
    with torch.no_grad():
        mean = torch.stack([net(torch.randn(8, 1, 64, 64)).mean(0)[0, 16:48, 16:48] for _ in range(4)]).mean(0)
    phases = torch.stack([mean[i::4, j::4].mean() for i in range(4) for j in range(4)])
    within = torch.stack([mean[i::4, j::4].std() for i in range(4) for j in range(4)]).mean() / 8
    return float(phases.std() / within)


@pytest.mark.parametrize("kind", ["resnet", "unet"])
def test_the_default_upsampling_makes_no_checkerboard(kind: str) -> None:
    """Transposed convolutions reach pixels of even and odd places a different number of times; the default does not."""

    def strength(upsampling: str) -> float:
        values = []
        for seed in range(6):
            torch.manual_seed(seed)
            if kind == "resnet":
                values.append(checkerboard(ResNetTranslator(1, 8, 2, "add", upsampling)))
            else:
                values.append(checkerboard(UNetTranslator(1, 64, 8, 16, upsampling)))
        return float(np.median(values))

    assert strength("resize") < 0.5 * strength("transposed")


def test_one_call_for_translation_and_identity_is_two_calls() -> None:
    family = build(zoom=0.0, identity=5.0)
    a, b = real().chunk(2)
    together = family.generator_ab(torch.cat((a, b)))
    torch.testing.assert_close(
        together, torch.cat((family.generator_ab(a), family.generator_ab(b))), atol=1e-4, rtol=1e-3
    )


@pytest.mark.parametrize("objective", ["least_squares", "cross_entropy"])
def test_the_losses_are_the_papers(objective: str) -> None:
    """Against the losses written out again, with separate passes."""
    family = build(zoom=0.0, objective=objective)
    a, b = real(1).chunk(2)
    ab, ba = family.generator_ab, family.generator_ba
    with torch.no_grad():
        expected = {
            "loss/g_ab": losses.generator(family.discriminator_b(ab(a)), objective),
            "loss/g_ba": losses.generator(family.discriminator_a(ba(b)), objective),
            "loss/cycle_a": (ba(ab(a)) - a).abs().mean(),
            "loss/cycle_b": (ab(ba(b)) - b).abs().mean(),
            "loss/identity_a": (ba(a) - a).abs().mean(),
            "loss/identity_b": (ab(b) - b).abs().mean(),
            "loss/d_a": losses.discriminator(family.discriminator_a(a), family.discriminator_a(ba(b)), objective),
            "loss/d_b": losses.discriminator(family.discriminator_b(b), family.discriminator_b(ab(a)), objective),
        }
    scalars = family.train_step(real(1), torch.tensor([0, 1]))
    for name, value in expected.items():
        torch.testing.assert_close(scalars[name], value, atol=1e-4, rtol=1e-3)


def test_without_identity_nothing_is_paid_for_it() -> None:
    scalars = build(identity=0.0).train_step(real(), torch.tensor([0, 0, 1, 1]))
    assert scalars["loss/identity_a"] == scalars["loss/identity_b"] == 0
    assert scalars["loss/cycle_a"] > 0


def test_the_pool_fills_and_then_hands_out_older_pictures() -> None:
    torch.manual_seed(0)
    pool = ImagePool(4, (1, 2, 2))
    numbered = [torch.full((1, 1, 2, 2), float(i)) for i in range(1, 201)]
    given = [int(pool(picture, i)[0, 0, 0, 0]) for i, picture in enumerate(numbered)]
    assert given[:4] == [1, 2, 3, 4]
    fresh = sum(number == i for i, number in enumerate(given, start=1)) - 4
    assert 0.38 < fresh / 196 < 0.62
    assert all(number <= i for i, number in enumerate(given, start=1))
    assert len(set(given)) > 150  # a picture is handed out late, and no more than twice
    assert torch.equal(ImagePool(0, (1, 2, 2))(numbered[0], 0), numbered[0])


def test_the_learning_rate_falls_over_the_second_half() -> None:
    family = build()
    family.steps = 10
    rates = []
    for _ in range(10):
        family.train_step(real(1), torch.tensor([0, 1]))
        rates.append({group["lr"] for p in family.players.values() for group in p.optimizer.param_groups})
        family.step += 1
    assert [rate.pop() / 2e-4 for rate in rates] == pytest.approx([1, 1, 1, 1, 1, 1, 0.8, 0.6, 0.4, 0.2])


def test_jitter_takes_windows_and_mirrors() -> None:
    ramp = torch.linspace(-1, 1, 32).expand(64, 1, 32, 32).clone()
    torch.manual_seed(0)
    kept = build(zoom=0.0, mirror=True).jitter(ramp)
    mirrored = torch.isclose(kept, -ramp, atol=1e-4).flatten(1).all(1)
    assert 0.3 < mirrored.float().mean() < 0.7
    torch.testing.assert_close(kept[~mirrored], ramp[~mirrored], atol=1e-4, rtol=0)
    zoomed = build(zoom=0.25).jitter(ramp)
    width = (zoomed[:, 0, 0, -1] - zoomed[:, 0, 0, 0]) / 2
    assert 0.78 < width.min() < 0.85
    assert 0.95 < width.max() <= 1.001
    assert torch.equal(build(zoom=0.0).jitter(ramp), ramp)


def test_exposures_vary_as_much_as_asked_and_keep_the_range() -> None:
    ramp = torch.linspace(-1, 1, 32).expand(256, 1, 32, 32).clone()
    torch.manual_seed(0)
    exposed = build(exposure=0.5, zoom=0.0).expose(ramp)
    assert exposed.shape == ramp.shape
    assert exposed.min() >= -1 and exposed.max() <= 1
    middles = (exposed[:, 0, 0, 15] + exposed[:, 0, 0, 16]) / 4 + 0.5
    # A grey of one half becomes a half to the power of 2/3 ... 3/2, seen round a mean that moves along.
    assert 0.28 < middles.min() < 0.4 < 0.58 < middles.max() < 0.7
    assert (exposed[:, 0, 0, 1:] >= exposed[:, 0, 0, :-1]).all()
    assert torch.equal(build().expose(ramp), ramp)


def test_batches_pair_the_domains_and_visit_all_of_the_larger() -> None:
    labels = np.array([0] * 5 + [1] * 12)
    batches = Batches(labels, 2, seed=3, by_domain=True)
    assert batches.steps_per_epoch == 6
    epoch = [batches.choose(step) for step in range(6)]
    assert all((labels[chosen] == [0, 0, 1, 1]).all() for chosen in epoch)
    assert sorted(np.concatenate([chosen[2:] for chosen in epoch])) == list(range(5, 17))
    counts = np.bincount(np.concatenate([chosen[:2] for chosen in epoch]), minlength=5)
    assert counts.max() - counts.min() <= 1
    assert not np.array_equal(batches.choose(0), batches.choose(6))
    shares = [batches.choose(7, rank, 2) for rank in (0, 1)]
    assert sorted(np.concatenate(shares)) == sorted(batches.choose(7))
    assert all((labels[share] == [0, 1]).all() for share in shares)


@pytest.fixture(scope="module")
def runs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("runs")
    pictures = make_pictures(root.parent / "translation-source")
    train("cgan", pictures, root, "shapes", 1, *small("cgan")[1])
    train("cyclegan_resnet_light", pictures, root, "real", 2, *SMALL_TRANSLATOR, "--domains", "disc,bar")
    shown = (
        "--batch-size",
        "2",
        "--set",
        "width=4",
        "--set",
        "discriminator_width=4",
        "--preview-inputs",
        "run:shapes",
    )
    train("cyclegan_unet_light", pictures, root, "shown", 2, *shown)
    return root


@pytest.mark.slow
def test_previews_of_real_images_are_private(runs: Path) -> None:
    run = Run(runs / "real")
    assert run.config().domains == ("disc", "bar") == run.config().classes
    assert not run.samples()
    assert run.gif is None
    assert list(run.private_samples()) == [0, 1, 2]
    assert (run.folder / "private" / "progress.gif").is_file()
    assert not any("private" in path.parts for path in run.downloads())
    epochs = pd.read_csv(run.folder / "epochs.csv")
    shares = epochs[["change/ab", "change/ba", "cycle_error/a", "cycle_error/b"]].to_numpy()
    assert ((shares >= 0) & (shares <= 1)).all()
    metrics = pd.read_csv(run.folder / "metrics.csv")
    assert set(CycleGAN.columns) <= set(metrics)


@pytest.mark.slow
def test_pictures_of_the_pool_are_in_no_file_that_is_shown_around(runs: Path) -> None:
    run = Run(runs / "real")
    for path in (run.weights, run.discriminator):
        tensors, _ = tensor_files.load(path)
        assert {name.split(".")[0].split("_")[0] for name in tensors} <= {"generator", "discriminator"}
        assert not any("pool" in name or "pictures" in name for name in tensors)
    held, _ = tensor_files.load(run.checkpoints()[0])
    assert held["family.pool_a.pictures"].abs().sum() > 0
    assert inference.load(run).score(np.zeros((2, 32, 32, 1), np.uint8)).shape == (2,)


@pytest.mark.slow
def test_previews_of_synthetic_inputs_are_not(runs: Path) -> None:
    run = Run(runs / "shown")
    assert list(run.samples()) == [0, 1, 2]
    assert not run.private_samples()
    assert run.gif in run.downloads()
    sheets = [images.read_png(path) for path in run.samples().values()]
    assert sheets[0].shape == (4 * 34 + 2, 6 * 34 + 2, 1)
    inputs = inference.load(Run(runs / "shapes")).generate(4, label="bar", truncation=0.7)[0]
    for sheet in sheets:  # the same inputs in the first column, whatever the epoch
        for row, picture in enumerate(inputs):
            assert np.abs(sheet[2 + 34 * row :, 2:34][:32].astype(int) - picture).max() <= 1


@pytest.mark.slow
def test_a_translation_depends_on_its_picture_alone(runs: Path) -> None:
    model = inference.load(Run(runs / "shown"))
    assert (model.task, model.domains, model.encodes) == ("translate", ("bar", "disc"), False)
    pictures = np.random.default_rng(0).integers(0, 256, (6, 32, 32, 1), dtype=np.uint8)
    many = model.translate(pictures, "disc")
    assert many.shape == pictures.shape
    assert np.abs(many[2:3].astype(int) - model.translate(pictures[2:3], "disc")).max() <= 1
    assert not np.array_equal(many, model.translate(pictures, "bar"))
    with pytest.raises(UserError, match=r"does not translate to 'disk'.*Did you mean 'disc'"):
        model.translate(pictures, "disk")
    with pytest.raises(UserError, match="resize them"):
        model.translate(pictures[:, :16], "disc")
    with pytest.raises(UserError, match="does not generate any"):
        model.generate(1)
    with pytest.raises(UserError, match="does not translate: choose another"):
        inference.load(Run(runs / "shapes")).translate(pictures, "disc")


@pytest.mark.slow
def test_whichever_precision_is_faster_the_picture_is_nearly_the_same(runs: Path) -> None:
    model = inference.load(Run(runs / "shown"))
    pictures = np.random.default_rng(0).integers(0, 256, (3, 32, 32, 1), dtype=np.uint8)
    made = []
    for precision in (torch.float32, torch.bfloat16):
        model._precision = precision
        made.append(model.translate(pictures, "disc").astype(int))
    assert np.abs(made[0] - made[1]).max() <= 3
    assert np.abs(made[0] - made[1]).mean() < 0.6


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float32])
def test_settled_networks_draw_the_same_to_the_bit(dtype: torch.dtype) -> None:
    torch.manual_seed(0)
    image = torch.rand(1, 1, 64, 64) * 2 - 1
    for network in (UNetTranslator(1, 64, 8, 32), ResNetTranslator(1, 8, 2, "add", "resize")):
        network.eval()
        with torch.inference_mode(), torch.autocast("cpu", torch.bfloat16, enabled=dtype != torch.float32):
            before = network(image)
            changed = fold_and_cast(network, dtype)
            assert torch.equal(network(image), before)
        assert changed and {parameter.dtype for parameter, _ in changed} == {dtype}
        assert {data.dtype for _, data in changed} == {torch.float32}


@pytest.mark.slow
def test_a_precision_that_is_too_far_off_is_not_taken(
    runs: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr("gan_core.inference.precision.GREYS", -1.0)
    monkeypatch.setattr("gan_core.inference.precision.computes_in_bfloat16", lambda: True)
    expected, model = (inference.load(Run(runs / "shown")) for _ in range(2))
    expected._precision = torch.float32
    picture = np.zeros((1, 32, 32, 1), np.uint8)
    assert np.array_equal(model.translate(picture, "disc"), expected.translate(picture, "disc"))
    assert model._precision == torch.float32
    assert "255 grey levels: float32 is used" in caplog.text


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--domains", "bar"], "name two, as in --domains A,B"),
        (["--domains", "bar,disk"], "has no class 'disk'. Did you mean 'disc'?"),
        (["--preview-inputs", "moon"], "use held-out, phantom:cxr"),
        (["--preview-inputs", "phantom:cxr"], "has no class 'bar'"),
        (["--preview-inputs", "run:none"], "no run 'none'"),
        (["--batch-size", "99"], "too few for --batch-size 99"),
        (["--batch-size", "0"], "--batch-size 0 is too small"),
    ],
)
def test_what_cannot_be_translated_is_one_line(
    options: list[str], message: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    pictures = make_pictures(tmp_path / "source", 12)
    command = ["train", "cyclegan_resnet_light", "--data", str(pictures), "--runs", str(tmp_path), "--size", "32"]
    assert cli.main([*command, "--epochs", "1", *SMALL_TRANSLATOR, *options]) == 2
    said = capsys.readouterr().err
    assert message in said
    assert said.splitlines()[-1].startswith("error: ")
