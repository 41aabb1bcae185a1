"""A GAN of another package, found by its entry point: the one of docs/adding-a-gan.md, and broken ones."""

import logging
import re
import subprocess
import sys
import tomllib
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import nn

from dashboard.charts import run_metrics
from dashboard.charts.styles import run_styles
from dashboard.library.store import Library
from gan_core import cli, diagnostics, inference
from gan_core.errors import UserError
from gan_core.families import loading, registry
from gan_core.runs import Run
from tests.conftest import ROOT
from tests.helpers.run_folders import make_run
from tests.helpers.training import SMALL, make_pictures
from tests.helpers.traits import of_preset

Install = Callable[[str, str], None]
PAGE = (ROOT / "docs" / "adding-a-gan.md").read_text(encoding="utf-8")
BROKEN = '''"""BROKEN: it fails in its step."""

from dataclasses import dataclass

from gan_core.families.base import Family
from gan_core.nets import ConvGenerator


@dataclass(frozen=True)
class Config:
    latent_size: int = 4


PRESETS = {"broken": Config()}


class Broken(Family):
    columns = ("loss/g",)
    judges = False

    def build(self, config):
        self.generator = ConvGenerator(config.latent_size, (4, 4), self.image_shape)
        self.optimize("g", "generator", lr=1e-3, betas=(0.0, 0.9), average=0.9)

    def train_step(self, real, labels):
        raise RuntimeError("no such layer")
'''


def block(kind: str) -> str:
    """The first block of the page in that language."""
    found = re.search(rf"^```{kind}\n(.*?)^```$", PAGE, re.MULTILINE | re.DOTALL)
    assert found
    return found[1]


@pytest.fixture
def install(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Install]:
    """Puts a package of one module where Python finds installed ones."""
    site = tmp_path / "site"
    site.mkdir()
    monkeypatch.syspath_prepend(str(site))
    before = set(sys.modules)

    def install(name: str, source: str) -> None:
        (site / f"{name}.py").write_text(source)
        info = site / f"ganray_{name}-1.0.dist-info"
        info.mkdir()
        (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: ganray-{name}\nVersion: 1.0\n")
        (info / "entry_points.txt").write_text(f"[{registry.GROUP}]\n{name} = {name}\n")
        registry.presets.cache_clear()

    yield install
    registry.presets.cache_clear()
    for name in set(sys.modules) - before:
        if str(site) in str(getattr(sys.modules[name], "__file__", "")):
            del sys.modules[name]


def train(preset: str, root: Path, pictures: Path, *more: str) -> int:
    words = ["--data", str(pictures), "--runs", str(root), "--name", "run", "--epochs", "1"]
    return cli.main(["train", preset, *words, *SMALL, *more])


def test_the_page_says_how_a_package_is_made(tmp_path: Path) -> None:
    project = tomllib.loads(block("toml"))
    assert project["project"]["entry-points"][registry.GROUP] == {"wgan_gp": "wgan_gp"}
    assert project["tool"]["setuptools"]["py-modules"] == ["wgan_gp"]


def test_the_gan_of_the_page_trains_previews_and_generates(
    install: Install, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    install("wgan_gp", block("python"))
    preset = registry.find_preset("wgan_gp")
    assert "wgan_gp" not in sys.modules  # listed without being run
    assert (preset.task, preset.traits.conditional, preset.traits.has_discriminator) == ("generate", False, False)
    assert preset.title.startswith("WGAN-GP: a critic of slope 1")
    with pytest.raises(SystemExit):
        cli.main(["train", "--help"])
    assert "wgan_gp" in capsys.readouterr().out

    pictures = make_pictures(tmp_path / "pictures")
    narrow = ("--set", "width=4", "--set", "max_width=8")
    assert train("wgan_gp", tmp_path, pictures, *narrow, "--batch-size", "10") == 0
    run = Run(tmp_path / "run")
    assert run.status().state == "finished"
    assert list(run.samples()) == [0, 1]
    metrics = run.metrics()
    metrics.poll()
    assert len(metrics)
    for column in ("loss/d", "loss/g", "distance", "grad_norm/d", "grad_norm/g"):
        assert len(metrics.column(column)[0:]) == len(metrics)
    first, _ = inference.load(run).generate(2)
    assert first.shape == (2, 32, 32, 1)
    out = tmp_path / "made"
    assert cli.main(["generate", "run", "--runs", str(tmp_path), "--num", "2", "--out", str(out)]) == 0
    assert len(list(out.iterdir())) == 2


def test_the_penalty_of_the_page_is_the_papers(install: Install) -> None:
    install("wgan_gp", block("python"))
    family = loading.build("wgan_gp", {"width": 4, "max_width": 8}, (1, 32, 32), 1)
    family.critic = nn.Sequential(nn.Flatten(), nn.Linear(32 * 32, 1), nn.Flatten(0))  # its slope is its weights
    nn.init.constant_(family.critic[1].weight, 3 / 32)
    penalty = family.slope_penalty(torch.rand(5, 1, 32, 32), torch.rand(5, 1, 32, 32))
    assert float(penalty.detach()) == pytest.approx((3 - 1) ** 2, rel=1e-4)


def test_its_runs_say_what_a_page_and_a_diagnosis_need(install: Install, tmp_path: Path, runs_root: Path) -> None:
    """Its own batch size, colour and charts; and a run that carries them is read where the file is not installed."""
    install("wgan_gp", block("python"))
    preset = registry.find_preset("wgan_gp")
    assert (preset.batch_size, preset.image_size, preset.traits.color) == (160, 64, "#8A5A00")
    narrow = ("--set", "width=4", "--set", "max_width=8", "--batch-size", "10")
    assert train("wgan_gp", runs_root, make_pictures(tmp_path / "pictures"), *narrow) == 0
    make_run(runs_root, "dcgan", "dcgan", 2, 3)
    (Path(sys.modules["wgan_gp"].__file__ or "")).unlink()
    registry.presets.cache_clear()
    assert "wgan_gp" not in registry.presets()
    entries = {entry.name: entry for entry in Library(runs_root).entries()}
    run = entries["run"]
    assert (run.objective, run.traits.color, run_styles([run])["run"].color) == ("wasserstein", "#8A5A00", "#8A5A00")
    charts = {
        title: [entry.name for entry in group]
        for chart in run_metrics.usual(list(entries.values()))
        for title, group in run_metrics.split(chart, list(entries.values()))
    }
    assert charts["Generator loss, Wasserstein"] == charts["Wasserstein distance, the critic's estimate"] == ["run"]
    assert charts["Generator loss, cross entropy"] == charts["Discriminator accuracy"] == ["dcgan"]
    assert not diagnostics.diagnose(diagnostics.read(run.run))  # a handful of rows


def constant(t: np.ndarray) -> np.ndarray:
    return np.full_like(t, 0.02)


@pytest.mark.parametrize(
    ("estimate", "kinds", "steps"),
    [
        (lambda t: 8 * np.exp(-3 * t) + 1, {"critic_follows"}, 4000),
        (lambda t: 1 + 4 * t, {"critic_ahead"}, 4000),
        (lambda t: 1 + 4 * t, set(), 400),  # it warms up
        (constant, set(), 4000),  # noise around nothing
    ],
)
def test_a_critic_is_diagnosed_by_its_estimate(
    estimate: Callable[[np.ndarray], np.ndarray], kinds: set[str], steps: int, install: Install
) -> None:
    install("wgan_gp", block("python"))
    t = np.linspace(0, 1, 400)
    noise = np.random.default_rng(0).normal(size=(3, 400))
    found = estimate(t) + 0.05 * noise[2]
    traits = of_preset("wgan_gp")
    drifting = 40 * t - 20 + noise[0]  # a critic's scores may drift by any number: no ailment
    metrics = {"epoch": 50 * t, "loss/d": noise[1] - found, "loss/g": drifting, "distance": found}
    metrics["step"] = steps * t
    events = {event.kind for event in diagnostics.diagnose(diagnostics.Record(metrics, traits=traits))}
    assert events & {"critic_follows", "critic_ahead"} == kinds
    assert not events & {"diverged", "saturated", "fooled", "balance", "guessing"}


def test_only_what_the_family_itself_declares_counts(install: Install) -> None:
    """A function called `encode`, a variable called `task`: neither is the family's."""
    beside = "\n\ndef encode(text):\n    task = 'translate'\n    conditional = True\n    return task\n"
    inside = "        task = 'translate'\n        raise RuntimeError"
    install("broken", BROKEN.replace("        raise RuntimeError", inside) + beside)
    traits = registry.find_preset("broken").traits
    assert (traits.task, traits.encodes, traits.conditional, traits.has_discriminator) == (
        "generate",
        False,
        False,
        False,
    )
    assert traits.objective == "broken"  # never another one's


def test_a_step_that_returns_too_little_is_named(
    install: Install, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    install("broken", BROKEN.replace('raise RuntimeError("no such layer")', "return {}"))
    assert train("broken", tmp_path, make_pictures(tmp_path / "pictures")) == 2
    said = capsys.readouterr().err.splitlines()[-1]
    assert said.startswith("error: family 'broken': train_step returns no value for loss/g: return self.scalars")


def test_a_file_of_ours_that_cannot_be_read_leaves_the_others(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    (tmp_path / "good.py").write_text(BROKEN)
    (tmp_path / "torn.py").write_text("def (")
    (tmp_path / "two.py").write_text(BROKEN.replace('"broken"', '"two"') + "\n\nclass Second(Family):\n    pass\n")
    monkeypatch.setattr(registry, "_FAMILIES", tmp_path)
    registry.presets.cache_clear()
    with caplog.at_level(logging.WARNING):
        assert list(registry.presets()) == ["broken"]
    registry.presets.cache_clear()
    assert [record.getMessage().partition(":")[0] for record in caplog.records] == [
        "family 'torn' left out",
        "family 'two' left out",
    ]


def test_the_apps_list_has_it(install: Install) -> None:
    from dashboard.library import store

    install("wgan_gp", block("python"))
    assert store.about("wgan_gp") == "A critic of slope 1 measures how far apart real and generated are."


def test_a_plug_in_that_fails_while_it_trains_is_named_in_a_line(
    install: Install, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    install("broken", BROKEN)
    assert train("broken", tmp_path, make_pictures(tmp_path / "pictures")) == 1
    said = capsys.readouterr().err
    assert "Traceback" not in said
    assert "error: plug-in 'broken', line 26 of broken: RuntimeError: no such layer" in said.splitlines()
    assert Run(tmp_path / "run").status().state == "failed"


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (lambda text: "raise SystemExit('bye')\n" + text, "SystemExit: bye"),
        (lambda text: text + "import no_such_module\n", "No module named 'no_such_module'"),
        (lambda text: text.replace("class Broken(Family)", "class Broken"), "cannot be loaded"),
    ],
)
def test_a_plug_in_that_cannot_be_imported_is_a_line(
    change: Callable[[str], str], words: str, install: Install, tmp_path: Path
) -> None:
    install("broken", change(BROKEN))
    assert "broken" in registry.presets()
    with pytest.raises(UserError, match=words) as caught:
        loading.load_family("broken")
    assert str(caught.value).startswith("plug-in 'broken'")


@pytest.mark.parametrize(
    ("name", "source", "words"),
    [
        ("broken", "def (", "invalid syntax"),
        ("broken", '"""Nothing."""\n', "has no PRESETS"),
        ("broken", BROKEN.replace('"broken"', '"../up"'), "is no valid preset name"),
        ("dcgan", BROKEN, "another family has that name"),
        ("broken", BROKEN.replace('"broken"', '"cgan"'), "another preset is called 'cgan'"),
        ("broken", BROKEN + "\n\nclass Second(Family):\n    pass\n", "2 families (Broken, Second)"),
        ("broken", BROKEN.replace("(Family)", "").replace("train_step", "step"), "no class that derives from Family"),
        ("broken", BROKEN.replace("judges", "metrics = made()\n    judges"), "write metrics with plain values"),
        ("broken", BROKEN.replace("judges", "color = 'red'\n    judges"), "not of the form #rrggbb"),
        ("broken", BROKEN.replace("judges", "diagram = 'a [label=x]'\n    judges"), "names, arrows and braces"),
        ("broken", block("python").replace('"wgan_gp"', '"w"').replace("critic_distance", "far"), "'role' is 'far'"),
    ],
)
def test_a_plug_in_that_cannot_be_read_is_left_out(
    name: str, source: str, words: str, install: Install, caplog: pytest.LogCaptureFixture
) -> None:
    ours = set(registry.presets())
    install(name, source)
    with caplog.at_level(logging.WARNING):
        assert set(registry.presets()) == ours
    assert len(caplog.records) == 1
    line = caplog.records[0].getMessage()
    assert line.startswith(f"plug-in '{name}' left out: ")
    assert words in line
    assert registry.presets()["cgan"].module == ""


def test_an_entry_point_without_a_file_is_left_out(
    install: Install, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    ours = set(registry.presets())
    install("gone", BROKEN)
    (tmp_path / "site" / "gone.py").unlink()
    assert set(registry.presets()) == ours
    assert "there is no module gone" in caplog.text


@pytest.mark.processes
def test_a_plug_in_keeps_torch_out_of_the_list(install: Install, tmp_path: Path) -> None:
    """In a fresh process; a line on standard error is all that a broken one costs."""
    install("wgan_gp", block("python"))
    install("broken", "def (")
    code = (
        "import sys; from gan_core.families import registry; "
        "print('wgan_gp' in registry.presets(), 'torch' in sys.modules)"
    )
    site = str(tmp_path / "site")
    program = f"import sys; sys.path[:0] = [{str(ROOT)!r}, {site!r}]; {code}"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert done.stdout.split() == ["True", "False"]
    assert done.stderr.startswith("plug-in 'broken' left out: ")
    assert done.stderr.count("\n") == 1
