"""A run that begins with the weights of another: its first picture, its settings, and what is refused."""

import dataclasses
import json
import shutil
import signal
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch
import torch.nn.functional as F

from gan_core import cli, config, inference, tensor_files
from gan_core.errors import UserError
from gan_core.evaluation import time_to_quality
from gan_core.families import loading, registry
from gan_core.families.loading import Family
from gan_core.nets import growing
from gan_core.run_options import RunOptions
from gan_core.runs import Run
from gan_core.training import budget, growth, run_plan, speed
from gan_core.training.trainer import Trainer
from tests.helpers.records import assert_same_run
from tests.helpers.speeds import measured_speed
from tests.helpers.training import NARROW, arguments, make_pictures, train
from tests.helpers.untrained import untrained

GROWING = ("r3gan", "dcgan", "cgan", "acgan")
SHAPE = (1, 16, 16)
WIDTHS = ("--set", "width=8", "--set", "max_width=16")


def family(name: str, size: int, channels: int = 1, training: bool = True, **changes: object) -> Family:
    torch.manual_seed(0)
    own = dataclasses.asdict(loading.load_family(name).presets[name]) | NARROW | changes
    return loading.build(name, own, (channels, size, size), 2, training)


def stirred(name: str, size: int, channels: int = 1, **changes: object) -> Family:
    """A family whose every weight has moved, as after a training; so that no zero hides a mistake."""
    found = family(name, size, channels, **changes)
    with torch.no_grad():
        for parameter in found.parameters():
            parameter.add_(0.05 * torch.randn_like(parameter))
    return found


@pytest.fixture(scope="module")
def pictures(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_pictures(tmp_path_factory.mktemp("source") / "shapes")


@pytest.fixture(scope="module")
def root(pictures: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder of runs with a finished one of 32 px."""
    found = tmp_path_factory.mktemp("runs")
    train("cgan", pictures, found, "small", 2, *WIDTHS)
    return found


@pytest.mark.parametrize("channels", [1, 3])
@pytest.mark.parametrize("name", GROWING)
def test_a_grown_generator_draws_the_smaller_ones_picture_enlarged(name: str, channels: int) -> None:
    before = stirred(name, 16, channels, width=12)
    grown = family(name, 32, channels, width=6, skips=1)
    grown.grow_from(before)
    z, labels = torch.randn(6, before.latent_size), torch.arange(6) % 2
    with before.evaluating(), grown.evaluating():
        small, large = before.sample(z, labels), grown.sample(z, labels)
    wanted = F.interpolate(torch.atanh(small), scale_factor=2, mode="bilinear").tanh()
    assert small.std() > 0.01
    torch.testing.assert_close(large, wanted, atol=1e-5, rtol=0)


@pytest.mark.parametrize("channels", [1, 3])
@pytest.mark.parametrize("name", GROWING)
def test_a_grown_discriminator_judges_as_the_smaller_one_judges_the_averaged_picture(name: str, channels: int) -> None:
    before = stirred(name, 16, channels, width=12)
    grown = family(name, 32, channels, width=6, skips=1)
    grown.grow_from(before)
    pictures, labels = torch.rand(6, channels, 32, 32) * 2 - 1, torch.arange(6) % 2
    with before.evaluating(), grown.evaluating():
        wanted = before.score(F.avg_pool2d(pictures, 2), labels)
        torch.testing.assert_close(grown.score(pictures, labels), wanted, atol=1e-4, rtol=1e-4)
    assert wanted.std() > 0


@pytest.mark.parametrize("name", GROWING)
def test_a_second_growth_begins_as_the_first_one_ended(name: str) -> None:
    before = stirred(name, 32, width=4, skips=1)
    grown = family(name, 64, width=2, skips=2)
    grown.grow_from(before)
    z, labels = torch.randn(4, before.latent_size), torch.arange(4) % 2
    with before.evaluating(), grown.evaluating():
        wanted = F.interpolate(torch.atanh(before.sample(z, labels)), scale_factor=2, mode="bilinear").tanh()
        torch.testing.assert_close(grown.sample(z, labels), wanted, atol=1e-5, rtol=0)


@pytest.mark.parametrize("name", GROWING)
def test_every_network_of_a_grown_family_learns_at_its_first_two_steps(name: str) -> None:
    grown = family(name, 32, width=4, skips=1, **({"blocks": 1} if name == "r3gan" else {}))
    grown.grow_from(stirred(name, 16))
    start = {key: value.clone() for key, value in grown.named_parameters() if value.requires_grad}
    grown.steps = 100
    for _ in range(3):  # the last layer is zero: what is before it moves at the second step
        grown.train_step(torch.rand(8, 1, 32, 32) * 2 - 1, torch.arange(8) % 2)
        grown.step += 1
    stayed = [key for key, value in grown.named_parameters() if key in start and torch.equal(value, start[key])]
    assert not stayed


@pytest.mark.parametrize("name", GROWING)
def test_a_frozen_growth_learns_in_its_new_stage_alone(name: str) -> None:
    before = stirred(name, 16)  # its average is not what the last step left
    grown = family(name, 32, width=4, skips=1, ema_decay=0.5, **({"blocks": 1} if name == "r3gan" else {}))
    grown.grow_from(before)
    grown.take_averages()
    grown.freeze()
    start = {key: value.clone() for key, value in grown.named_parameters()}
    statistics = {key: value.clone() for key, value in grown.named_buffers()}
    grown.steps = 100
    for _ in range(3):
        grown.train_step(torch.rand(8, 1, 32, 32) * 2 - 1, torch.arange(8) % 2)
        grown.step += 1
    grown.refresh_averages(torch.rand(8, 1, 32, 32) * 2 - 1, torch.zeros(8, dtype=torch.long))  # other classes
    grown.train()
    new = growing.added(grown.network("generator"))
    learning = {id(value) for module in new for value in module.parameters()}
    moved = {key for key, value in grown.named_parameters() if not torch.equal(value, start[key])}
    wanted = {
        key for key, value in grown.named_parameters() if id(value) in learning or key.startswith("discriminator")
    }
    wanted |= {f"averages.{key}" for key in wanted if key.startswith("generator")}
    assert moved == wanted and learning
    # What is frozen is the average, and the new stage draws nothing at first: the smaller run's pictures, enlarged.
    average = dict(before.averages["generator"].named_parameters())
    own = [key for key in average if f"generator.{key}" in set(start) - wanted and "skips" not in key]
    assert own and all(torch.equal(start[f"generator.{key}"], average[key]) for key in own)
    # Batch norm, too: its statistics are the average's, in training as well.
    changed = {
        key.rpartition(".")[0] for key, value in grown.named_buffers() if not torch.equal(value, statistics[key])
    }
    names = {module: key for key, module in grown.named_modules()}
    assert changed.isdisjoint(names[norm] for norm in grown.kept_norms)
    assert bool(grown.kept_norms) == bool(any("generator" in key for key in changed)) == (name != "r3gan")


def test_what_learns_beside_a_frozen_network_goes_on_learning() -> None:
    grown = family("dcgan", 32, width=4, skips=1)
    helper = torch.nn.Linear(2, 2)
    player = grown.players["g"]
    player.parameters += list(helper.parameters())
    grown.freeze()
    assert set(helper.parameters()) < set(player.parameters) == set(player.optimizer.param_groups[0]["params"])


def test_a_generator_that_does_not_name_its_new_stage_cannot_be_frozen() -> None:
    with pytest.raises(UserError, match="'ConvDiscriminator' does not name what its growth added"):
        growing.added(family("dcgan", 16).network("discriminator"))


def test_the_average_of_a_grown_run_soon_forgets_the_blurred_images_that_it_began_with() -> None:
    """With the full decay of 0.999, half of it would be those still after 700 steps."""
    grown = family("dcgan", 16)
    grown.waits, grown.steps = 3, 100
    start = next(grown.averages["generator"].parameters()).clone()
    for step in range(5):
        grown.step = step
        grown.train_step(torch.rand(8, *SHAPE), torch.zeros(8, dtype=torch.long))
        average, own = (next(net.parameters()) for net in (grown.averages["generator"], grown.network("generator")))
        if step < 3:
            assert torch.equal(average, start)
        elif step == 3:
            assert float((average - start).norm() / (own - start).norm()) == pytest.approx(0.9, abs=1e-3)


@pytest.mark.parametrize("name", GROWING)
def test_the_generator_waits_for_a_new_discriminator(name: str) -> None:
    waiting = family(name, 16)
    waiting.waits, waiting.steps = 2, 100
    moved = []
    for step in range(3):
        waiting.step = step
        before = {key: value.clone() for key, value in waiting.named_parameters()}
        found = waiting.train_step(torch.rand(8, *SHAPE) * 2 - 1, torch.arange(8) % 2)
        assert set(waiting.columns) <= set(found)
        changed = {
            key.split(".")[0] for key, value in waiting.named_parameters() if not torch.equal(value, before[key])
        }
        moved.append(changed)
    assert moved[0] == moved[1] == {"discriminator"}
    assert {"discriminator", "generator", "averages"} <= moved[2]


def test_after_it_the_generators_learning_rate_rises() -> None:
    waiting = family("r3gan", 16)
    waiting.waits, waiting.warmup, waiting.steps = 1, 4, 100
    rates = []
    for step in range(7):
        waiting.step = step
        waiting.train_step(torch.rand(8, *SHAPE) * 2 - 1, torch.arange(8) % 2)
        rates.append([waiting.players[name].optimizer.param_groups[0]["lr"] for name in ("d", "g")])
    lr = waiting.config.lr
    assert [d for d, _ in rates] == pytest.approx([lr] * 7)
    assert [g for _, g in rates[1:]] == pytest.approx([lr / 4, lr / 2, lr * 3 / 4, lr, lr, lr])


@pytest.mark.slow
def test_a_run_grows_and_says_from_what(pictures: Path, root: Path, tmp_path: Path) -> None:
    words = ["train", "cgan", "--data", str(pictures), "--runs", str(root), "--batch-size", "8", "--device", "cpu"]
    words += ["--precision", "32-true", "--log-every", "2", "--epochs", "1"]
    assert cli.main([*words, "--from", "small", "--name", "grown"]) == 0
    small, grown = Run(root / "small", root), Run(root / "grown", root)
    settled = grown.config()
    assert (settled.image_size, settled.settings["width"], settled.settings["skips"]) == (64, 4, 1)
    assert settled.settings["max_width"] == 16
    of_small = small.status().step * 8
    assert settled.grown_from is not None
    assert dataclasses.replace(settled.grown_from, seconds=1.0) == config.Ancestry(
        "small", 2, 32, small.status().step, of_small, 1.0, sources=(str(pictures),)
    )
    shutil.copytree(grown.folder, tmp_path / "again")
    spent = time_to_quality.training(inference.load(grown))
    assert spent.images == of_small + grown.status().step * 8
    assert spent.seconds > settled.grown_from.seconds > 0
    # A resume before the first checkpoint begins with the same weights again.
    for path in (grown.folder / "checkpoints").iterdir():
        path.unlink()
    for name in ("metrics.csv", "epochs.csv"):
        (grown.folder / name).unlink()
    status = json.loads((grown.folder / "status.json").read_text())
    (grown.folder / "status.json").write_text(json.dumps(status | {"state": "stopped"}))
    assert cli.main(["resume", "grown", "--runs", str(root), "--device", "cpu"]) == 0
    before, after = ((folder / "weights.safetensors").read_bytes() for folder in (tmp_path / "again", grown.folder))
    assert before == after
    shutil.rmtree(grown.folder)


def bared(root: Path) -> Path:
    """The finished run with its weights alone, as `bare`."""
    bare = root / "bare"
    shutil.copytree(root / "small", bare, ignore=shutil.ignore_patterns("checkpoints", "discriminator.safetensors"))
    (bare / "checkpoints").mkdir()
    return bare


def test_a_run_whose_generator_still_waits_is_resumed(
    pictures: Path, root: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It is stopped while the generator waits, at the last step of that, and at the first one that it learns."""
    shutil.copytree(root / "small", tmp_path / "small")
    bared(tmp_path)
    monkeypatch.setattr(growth, "WAITS", 3)
    step, stops = Trainer._step, [2, 3, 4]

    def stopping(self: Trainer) -> None:
        step(self)
        if self.family.step in stops[:1]:
            stops.pop(0)
            signal.raise_signal(signal.SIGTERM)

    more = ("--from", "bare", *WIDTHS)
    assert cli.main(arguments("cgan", pictures, tmp_path, "whole", 2, *more)) == 0
    monkeypatch.setattr(Trainer, "_step", stopping)
    assert cli.main(arguments("cgan", pictures, tmp_path, "stopped", 2, *more)) == 0
    while stops:
        assert cli.main(["resume", "stopped", "--runs", str(tmp_path), "--device", "cpu"]) == 0
    assert cli.main(["resume", "stopped", "--runs", str(tmp_path), "--device", "cpu"]) == 0
    whole, stopped = (Run(tmp_path / name, tmp_path) for name in ("whole", "stopped"))
    assert stopped.status().state == "finished" and stopped.status().step > 4
    assert_same_run(whole, stopped)


def test_frozen_batch_norm_is_that_of_the_weights_also_where_the_run_before_was_stopped(
    pictures: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its checkpoint has the statistics of its last preview, 12 steps and a few changes of the weights before."""
    step = Trainer._step

    def stopping(self: Trainer) -> None:
        step(self)
        if self.family.step == 12:
            signal.raise_signal(signal.SIGTERM)

    monkeypatch.setattr(Trainer, "_step", stopping)
    assert cli.main(arguments("cgan", pictures, tmp_path, "small", 9, *WIDTHS, "--preview-every", "9")) == 0
    monkeypatch.setattr(Trainer, "_step", step)
    more = ("--from", "small", "--freeze", "--size", "64", "--snapshots", "--keep", "last")
    assert cli.main(arguments("cgan", pictures, tmp_path, "frozen", 1, *more)) == 0
    assert Run(tmp_path / "small", tmp_path).status().state == "stopped"
    before = inference.load(Run(tmp_path / "small", tmp_path)).generate(16)[0].astype(float)
    after = inference.load(Run(tmp_path / "frozen", tmp_path), epoch=0).generate(16)[0].astype(float)
    halved = after.reshape(16, 32, 2, 32, 2, 1).mean((2, 4))
    assert np.abs(halved - before).mean() < 5


def test_a_frozen_run_is_resumed_and_says_that_it_is_frozen(
    pictures: Path,
    root: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    bared(root).rename(tmp_path / "bare")
    step = Trainer._step

    def stopping(self: Trainer) -> None:
        step(self)
        if self.family.step == 2:
            signal.raise_signal(signal.SIGTERM)

    more = ("--from", "bare", "--freeze", "--size", "64", "--set", "lr=0.001")
    assert cli.main(arguments("cgan", pictures, tmp_path, "whole", 1, *more)) == 0
    said = capsys.readouterr()
    assert "as it was after epoch 2; frozen but for the stage of 64 px, with a new discriminator" in said.err
    assert "learns alone" not in said.out, "a frozen generator forgets nothing, so that it need not wait"
    monkeypatch.setattr(Trainer, "_step", stopping)
    assert cli.main(arguments("cgan", pictures, tmp_path, "stopped", 1, *more)) == 0
    assert cli.main(["resume", "stopped", "--runs", str(tmp_path), "--device", "cpu"]) == 0
    whole, stopped = (Run(tmp_path / name, tmp_path) for name in ("whole", "stopped"))
    assert_same_run(whole, stopped)
    settled = stopped.config()
    assert settled.freeze and cli.main(["list", "--runs", str(tmp_path)]) == 0
    assert "grew from bare (epoch 2, frozen)" in capsys.readouterr().out
    assert settled.recipe != dataclasses.replace(settled, freeze=False).recipe
    kept, grown = (tensor_files.load(Run(tmp_path / name, tmp_path).weights)[0] for name in ("bare", "stopped"))
    taken = [key for key in kept if key.endswith(("weight", "running_mean", "running_var")) and key in grown]
    assert len([key for key in taken if torch.equal(kept[key], grown[key])]) == len(taken) - 1  # all but `to_image`
    path = stopped.folder / "config.json"
    given = json.loads(path.read_text())
    for change, reason in (
        ({"freeze": False, "epochs": 9}, "'freeze' in its config.json was changed from True to False"),
        ({"grown_from": None}, "'freeze' is true, and it grew from no run"),
    ):
        path.write_text(json.dumps(given | change))
        (stopped.folder / "status.json").write_text((stopped.folder / "status.json").read_text().replace("fin", "st"))
        assert cli.main(["resume", "stopped", "--runs", str(tmp_path), "--device", "cpu"]) == 2
        assert reason in capsys.readouterr().err
    again = ("--from", "whole", "--freeze", "--size", "64")
    assert cli.main(arguments("cgan", pictures, tmp_path, "again", 1, *again)) == 2
    assert "--freeze: whole does not grow at 64 px" in capsys.readouterr().err, "though it has grown before"


@pytest.mark.parametrize("preset", ["vae", "flow"])
def test_without_a_discriminator_there_is_none_to_wait_for(preset: str, tmp_path: Path) -> None:
    run = untrained(tmp_path, "bare", preset)
    run.discriminator.unlink()
    options = RunOptions(preset, "anywhere", image_size=32, grow_from="bare")
    settled = dataclasses.replace(run.config(), grown_from=growth.fitted(options, tmp_path)[2])
    assert settled.grown_from is not None and settled.grown_from.waits == 0
    begun = loading.build(settled.family, settled.settings, (1, 32, 32), 2)
    growth.begin(begun, settled, tmp_path)
    weights, _ = tensor_files.load(run.weights)
    assert all(torch.equal(value, weights[key]) for key, value in begun.served_state().items())


@pytest.mark.slow
def test_a_run_without_a_discriminator_begins_too(
    pictures: Path, root: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    bare = bared(root)
    assert cli.main(arguments("cgan", pictures, root, "from_bare", 1, "--from", "bare", *WIDTHS)) == 0
    assert f"'bare' kept no discriminator: for {growth.WAITS} steps a new one learns alone" in capsys.readouterr().out
    begun = Run(root / "from_bare", root)
    assert begun.config().grown_from == dataclasses.replace(
        begun.config().grown_from or config.Ancestry("", 0, 0, 0, 0, 0.0),
        run="bare",
        waits=growth.WAITS,
        warmup=growth.WARMUP,
        image_size=32,
    )
    assert pd.read_csv(begun.folder / "metrics.csv")["grad_norm/g"].eq(0).all()
    # The generator waited, and its pictures are those of the run that it began with, but for rounding.
    before, after = (inference.load(Run(root / name, root)).generate(4)[0] for name in ("small", "from_bare"))
    assert np.abs(before.astype(int) - after).max() <= 3
    shutil.rmtree(begun.folder)
    shutil.rmtree(bare)


@pytest.mark.parametrize(
    ("words", "reason"),
    [
        (("cgan", "--from", "nothing"), "no run 'nothing'"),
        (("dcgan", "--from", "small"), "--from small: it was trained with preset 'cgan', not 'dcgan': name that one"),
        (("cgan", "--from", "small", "--size", "128"), "--from small: it has 32 px: use --size 32 or 64"),
        (("cgan", "--from", "small", "--channels", "3"), "--from small: its images are grey: use --channels 1"),
        *(
            (
                ("cgan", "--from", "small", "--size", size, "--set", change),
                f"--from small: --set {change}: its networks",
            )
            for size in ("32", "64")
            for change in ("width=12", "max_width=64", "latent_size=50")
        ),
        (("cgan", "--from", "small", "--set", "skips=0", "--set", "lr=0.1"), "--from small: --set skips=0: its netw"),
        (("cgan", "--from", "small", "--set", "pixelwise=yes"), "--from small: --set pixelwise=True: its networks"),
        (("cgan", "--freeze"), "--freeze keeps what a run takes over from another: name that one with --from"),
        (("cgan", "--from", "small", "--size", "32", "--freeze"), "--freeze: small does not grow at 32 px: leave"),
        (("cyclegan_resnet_light", "--from", "small"), "--from small: 'cyclegan_resnet_light' translates"),
    ],
)
def test_what_does_not_fit_is_one_line(
    words: tuple[str, ...], reason: str, pictures: Path, root: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    preset, *more = words
    given = ["train", preset, "--data", str(pictures), "--runs", str(root), "--name", "refused", "--epochs", "1"]
    assert cli.main([*given, "--batch-size", "8", *more]) == 2
    error = capsys.readouterr().err.strip().splitlines()[-1]
    assert reason in error
    assert not (root / "refused").exists()


def test_what_it_begins_with_is_said(root: Path, tmp_path: Path) -> None:
    kept = config.Kept("best", 1, "frechet", 5.0, "child-a", 1000, "training")
    shutil.copytree(root / "small", tmp_path / "small")
    ancestry = config.Ancestry("small", 2, 32, 10, 80, 1.0)
    begun = dataclasses.replace(Run(root / "small", root).config(), grown_from=ancestry)
    assert growth.described(begun, tmp_path) == "begins with small, 32 px, as it was after epoch 2"
    path = tmp_path / "small" / "config.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | {"kept": dataclasses.asdict(kept)}))
    assert "(not the weights of epoch 1 that it kept" in growth.described(begun, tmp_path)
    assert growth.described(dataclasses.replace(begun, grown_from=None), tmp_path) == ""


def test_a_run_that_went_further_than_its_checkpoint_counts_as_far_as_that(root: Path, tmp_path: Path) -> None:
    shutil.copytree(root / "small", tmp_path / "small")
    options = RunOptions("cgan", "anywhere", image_size=64, grow_from="small")
    whole = growth.fitted(options, tmp_path)[2]
    status = tmp_path / "small" / "status.json"
    values = json.loads(status.read_text())
    status.write_text(json.dumps(values | {"state": "running", "step": values["step"] + 100, "epoch": 22}))
    with (tmp_path / "small" / "metrics.csv").open("a") as table:
        columns = (tmp_path / "small" / "metrics.csv").read_text().splitlines()[0].split(",")
        later = {"step": str(values["step"] + 50), "seconds": "1000"}
        table.write(",".join(later.get(name, "0") for name in columns) + "\n")
    assert growth.fitted(options, tmp_path)[2] == whole
    assert whole.epoch == 2 and whole.steps == values["step"]


def test_plan_says_what_it_begins_with_as_train_does(
    pictures: Path, root: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(speed, "measure", lambda *_: measured_speed())
    monkeypatch.setattr(budget, "ask", lambda options, root, _: budget.measure(options, root))
    given = ["plan", "cgan", "--data", str(pictures), "--runs", str(root), "--batch-size", "8", "--epochs", "1"]
    for name in ((), ("--name", "mine")):
        assert cli.main([*given, "--from", "small", *name]) == 0
        said = f"{name[-1] if name else 'cgan'} begins with small, 32 px, as it was after epoch 2"
        assert said in capsys.readouterr().err.splitlines()
    assert cli.main(given) == 0
    assert "begins with" not in capsys.readouterr().err


def test_images_that_the_run_before_was_trained_on_are_no_fresh_ones(pictures: Path, root: Path) -> None:
    options = RunOptions("cgan", str(pictures), image_size=64, batch_size=8, precision="32-true", grow_from="small")
    assert not any("'small'" in line for line in run_plan.plan(options, root)[1].doubts)
    moved, prepared = run_plan.plan(dataclasses.replace(options, patient_pattern=r"(\d)\."), root)
    assert prepared.doubts[0].startswith("'small' was trained on ")
    assert moved.data is not None and moved.data.warnings == prepared.doubts


@pytest.mark.parametrize(("width", "even"), [(33, "32 or 34"), (1, "2")])
def test_an_odd_width_names_the_nearest_even_ones(width: int, even: str) -> None:
    own = dataclasses.replace(loading.load_family("dcgan").presets["dcgan"], width=width)
    with pytest.raises(UserError, match=f"its width is {width}, .* with --set width={even}, or stay at its size$"):
        growing.larger(own)


def test_damaged_checkpoints_beside_whole_weights(
    pictures: Path, root: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    shutil.copytree(root / "small", tmp_path / "damaged")
    for path in (tmp_path / "damaged" / "checkpoints").iterdir():
        path.write_bytes(b"none")
    given = arguments("cgan", pictures, tmp_path, "begun", 1, "--from", "damaged", *WIDTHS)
    assert cli.main(given) == 2
    error = capsys.readouterr().err.strip().splitlines()[-1]
    assert error.startswith("error: --from damaged: no checkpoint of it can be read")
    assert error.endswith("delete its folder 'checkpoints' to begin with its weights")
    shutil.rmtree(tmp_path / "damaged" / "checkpoints")
    (tmp_path / "damaged" / "checkpoints").mkdir()
    assert cli.main(given) == 0


@pytest.mark.parametrize(("size", "augment"), [(16, "adaptive"), (16, "none"), (32, "adaptive"), (32, "none")])
def test_augmentation_may_be_switched_on_and_off(size: int, augment: str) -> None:
    """It keeps a state of its own, which the run before lacks, or has alone."""
    before = stirred("dcgan", 16, augment="none" if augment == "adaptive" else "adaptive")
    more = {"width": 4, "skips": 1} if size == 32 else {}
    after = family("dcgan", size, augment=augment, **more)
    if size == 32:
        after.grow_from(before)
    else:
        growth._copy(after, before)
    z, labels = torch.randn(3, before.latent_size), torch.zeros(3, dtype=torch.long)
    with before.evaluating(), after.evaluating():
        small = F.avg_pool2d(after.sample(z, labels), size // 16)
        assert (small - before.sample(z, labels)).abs().max() < 0.5
    assert hasattr(after, "augment_p") == (augment == "adaptive")


def test_its_speed_is_that_of_its_own_networks(
    root: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Those of the preset at this size are wider."""
    monkeypatch.setattr(speed, "_STEPS", 2)
    given = ["speed", "cgan", "--runs", str(root), "--batch-size", "4", "--precision", "32-true", "--json"]
    assert cli.main([*given, "--from", "small"]) == 0
    sizes = json.loads(capsys.readouterr().out)["sizes"]
    grown, whole = sizes["weights"], sizes["checkpoint"]
    assert cli.main([*given, "--size", "64"]) == 0
    preset = json.loads(capsys.readouterr().out)["sizes"]["weights"]
    assert grown < preset / 4
    assert cli.main([*given, "--from", "small", "--freeze"]) == 0
    assert json.loads(capsys.readouterr().out)["sizes"]["checkpoint"] < whole
    assert cli.main([*given, "--freeze"]) == 2
    assert "name that one with --from" in capsys.readouterr().err
    assert cli.main([*given, "--from", "nobody"]) == 2
    assert "nobody" in capsys.readouterr().err


def test_a_run_that_began_with_another_is_no_seed_of_one_that_did_not() -> None:
    plain = config.RunConfig("dcgan", "dcgan", "", "", ("a",), (8,), 16, 1, "crop", 1, 8, 0, "32-true", 1, 1)
    begun = dataclasses.replace(plain, grown_from=config.Ancestry("other", 2, 16, 10, 80, 1.0))
    assert begun.recipe != plain.recipe
    assert begun.recipe == dataclasses.replace(begun, seed=5).recipe


def test_other_classes_do_not_fit(root: Path, capsys: pytest.CaptureFixture[str]) -> None:
    given = ["train", "cgan", "--runs", str(root), "--epochs", "1", "--from", "small", "--batch-size", "8", "--data"]
    assert cli.main([*given, "phantom:cxr?images=40"]) == 2
    assert (
        "it was trained on the classes bar, disc, and phantom:cxr?images=40 has bacterial, " in capsys.readouterr().err
    )


@pytest.mark.parametrize("preset", [preset.name for preset in registry.presets().values() if preset.task == "generate"])
def test_every_generators_preset_grows_or_says_that_it_does_not(preset: str) -> None:
    """What `--from` offers is what the networks can do."""
    entry = registry.presets()[preset]
    own = dataclasses.asdict(loading.load_family(entry.family).presets[preset])
    found = config.RunConfig(
        preset, entry.family, "", "", ("a", "b"), (8, 8), 16, 1, "crop", 1, 8, 0, "32-true", 1, 1, settings=own
    )
    try:
        larger = config.to_dict(growth.larger_settings(found, "--from x"))
    except config.UserError as error:
        assert f"networks of '{preset}' do not grow; those of" in str(error)
        assert not entry.grows, "a form that offers it would be refused"
        return
    assert entry.grows
    before = loading.build(entry.family, own, SHAPE, 2)
    grown = loading.build(entry.family, larger, (1, 32, 32), 2)
    grown.grow_from(before)
