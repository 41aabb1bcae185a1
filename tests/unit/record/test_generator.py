"""A generator that was handed over: evaluation, quiz and the live tab draw from it, without its program."""

import gc
import shutil
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import nn

from dashboard.library.store import Library
from dashboard.live.models import ModelCache
from dashboard.views.quiz import questions
from gan_core import images, inference, record, runs
from gan_core.errors import UserError
from gan_core.evaluation import evaluate
from gan_core.inference import graph_process
from gan_core.inference.graph_process import GraphProcess
from gan_core.inference.latent_space import LatentSpace
from gan_core.record import generator

LATENT, SIZE = 6, 32


class Small(nn.Module):
    """Draws grey pictures in [0, 1] from latents (N, 6, 1, 1), as many generators take them."""

    def __init__(self) -> None:
        super().__init__()
        self.layers = nn.Sequential(nn.ConvTranspose2d(LATENT, 4, 8), nn.BatchNorm2d(4), nn.Upsample(scale_factor=4))
        self.last = nn.Conv2d(4, 1, 3, padding=1)

    def forward(self, z: torch.Tensor) -> torch.Tensor:
        return torch.sigmoid(3 * self.last(self.layers(z)))


@pytest.fixture(scope="module")
def module() -> Small:
    torch.manual_seed(0)
    return Small().eval()


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory, module: Small) -> Path:
    """The runs `graph`, `pool` and `none`."""
    root = tmp_path_factory.mktemp("runs")
    for name in ("graph", "pool", "none"):
        with record.start(name, runs=root, data="phantom:cxr", image_range=(0, 1), config={"latent_size": 99}) as run:
            run.log({"loss/g": 1.0}, step=1)
            if name == "graph":
                run.generator(module, (LATENT, 1, 1))
            elif name == "pool":
                run.generator(lambda count: module(torch.randn(count, LATENT, 1, 1)), count=120)
    return root


@pytest.fixture(scope="module")
def graph(root: Path) -> Iterator[inference.Model]:
    yield inference.load(runs.find_run("graph", root))


def test_a_module_draws_the_same_without_its_program(graph: inference.Model, module: Small) -> None:
    made, names = graph.generate(5, seed=3)
    with torch.no_grad():
        own = module(graph.latents(5, seed=3).reshape(5, LATENT, 1, 1)) * 2 - 1
    assert np.abs(made.astype(int) - images.to_uint8(own).transpose(0, 2, 3, 1)).max() <= 1
    assert (made.shape, names) == ((5, SIZE, SIZE, 1), [""] * 5)
    assert graph.interpolate((1, 2), 4).shape == (4, SIZE, SIZE, 1)
    assert module.training is False and graph.latents(1).shape == (1, LATENT)


def test_a_run_that_goes_on_keeps_its_generator(root: Path, graph: inference.Model, tmp_path: Path) -> None:
    shutil.copytree(root / "graph", tmp_path / "graph")
    with record.start(
        "graph", runs=tmp_path, image_range=(0, 1), config={"latent_size": 99, "lr": 1}, resume=True
    ) as run:
        run.log({"loss/g": 1.0}, step=2)
    config = runs.find_run("graph", tmp_path).config()
    assert (config.settings["lr"], config.settings["latent_size"], config.fit) == (1, LATENT, "crop")
    made = inference.load(runs.find_run("graph", tmp_path)).generate(2, seed=3)[0]
    np.testing.assert_array_equal(made, graph.generate(2, seed=3)[0])


def test_a_pool_gives_its_pictures_and_nothing_new(root: Path) -> None:
    run = runs.find_run("pool", root)
    model = inference.load(run)
    first, again, other = (model.generate(100, seed=seed)[0] for seed in (1, 1, 2))
    assert np.array_equal(first, again) and not np.array_equal(first, other)
    assert len({picture.tobytes() for picture in first}) == 100
    with pytest.raises(UserError, match="keeps 120 pictures of its generator, and 200 are asked for"):
        model.generate(200)
    with pytest.raises(UserError, match="nothing new can be drawn"):
        model.interpolate((1, 2), 4)
    assert run.downloads()[-1].name == runs.GENERATED


def test_a_graph_has_directions_and_a_pool_says_why_it_has_none(graph: inference.Model, root: Path) -> None:
    space = LatentSpace(graph)
    assert space.sample.features is None  # nobody looks into its layers: its pictures are decomposed
    found = space.components("features", 4)
    assert np.allclose([one.step for one in found], [one.step for one in space.components("pictures", 4)])
    shares = [one.share for one in found]
    assert min(shares) > 0.05 and 0.5 < sum(shares) < 1
    seed = space.point(3)
    assert np.array_equal(space.draw([seed]), graph.generate(1, seed=3)[0])
    with pytest.raises(UserError, match="nothing new can be drawn: hand it over as a torch module"):
        LatentSpace(inference.load(runs.find_run("pool", root)))


def test_the_pages_offer_what_each_can_do(root: Path) -> None:
    assert ModelCache(root).names("generate") == ["graph"]
    library = Library(root)
    entries = [library.find(name) for name in ("graph", "pool", "none")]
    assert [entry.name for entry in questions.usable([one for one in entries if one])] == ["graph", "pool"]
    with pytest.raises(UserError, match=r"has no generator: hand one over with run\.generator"):
        ModelCache(root).get("none")


def test_a_quiz_asks_about_both(root: Path) -> None:
    library = Library(root)
    entries = [entry for name in ("graph", "pool") if (entry := library.find(name))]
    made = questions.make(questions.compose(entries, seed=1))
    assert {(one.run, one.truth) for one in made.pictures} >= {
        ("graph", questions.GENERATED),
        ("pool", questions.GENERATED),
    }


def test_real_images_are_brought_to_its_size(graph: inference.Model) -> None:
    prepared = evaluate.prepare(graph.config, "phantom:cxr?images=4")
    assert prepared.images.shape[1:] == (1, SIZE, SIZE) and len(prepared.classes) > 1


def test_a_module_without_a_latent_size_is_asked_for_it(tmp_path: Path, module: Small) -> None:
    with record.start("mine", runs=tmp_path) as run, pytest.raises(UserError, match=r"latent_size=\.\.\."):
        run.generator(module)


@pytest.mark.parametrize("size", [0, -1, (), (6, 0), 2.5, True])
def test_a_latent_size_that_makes_no_sense_is_refused(tmp_path: Path, module: Small, size: object) -> None:
    with record.start("mine", runs=tmp_path) as run, pytest.raises(UserError, match="give a whole number above 0"):
        run.generator(module, size)  # type: ignore[arg-type]


def test_latents_are_tried_as_one_pixel_too(tmp_path: Path, module: Small, capfd: pytest.CaptureFixture[str]) -> None:
    with record.start("mine", runs=tmp_path, image_range=(0, 1)) as run:
        before = torch.random.get_rng_state()
        run.generator(module, LATENT)
        assert torch.equal(before, torch.random.get_rng_state())
    model = inference.load(found := runs.find_run("mine", tmp_path))
    assert model.generate(3)[0].shape == (3, SIZE, SIZE, 1)
    settings = found.config().settings
    assert (settings["latent_size"], settings["latent_shape"]) == (LATENT, [LATENT, 1, 1])
    said = capfd.readouterr()
    assert "generator" not in said.err and not said.out


def test_what_a_module_does_never_reaches_the_training(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    def broken(count: int) -> object:
        raise KeyError("weights")

    with record.start("mine", runs=tmp_path) as run:
        run.generator(nn.ConvTranspose2d(7, 1, 8), LATENT)
        run.generator(nn.Linear(LATENT, 4), LATENT)
        run.generator(broken)
        run.generator(lambda count: np.zeros((0, 1, 8, 8)))
        run.log({"loss/g": 1.0})
    said = [line for line in capfd.readouterr().err.splitlines() if "generator" in line]
    assert len(said) == 4 and all(line.startswith("ganray record: the generator") for line in said), said
    assert "from (N, 6, 1, 1): Given transposed=1" in said[0] and "run.generator(lambda n:" in said[0]
    assert "it draws (2, 4), not square" in said[1] and "'weights'" in said[2]
    assert not any("kept in its place" in line for line in said)
    found = runs.find_run("mine", tmp_path)
    assert found.status().state == "finished" and not (found.folder / runs.GENERATOR).exists()


class Untraceable(Small):
    """Reads a value of its latents, which no graph can."""

    def forward(self, z: torch.Tensor) -> torch.Tensor:
        print("drawing")
        return super().forward(z) * (1 if float(z.sum().abs().detach().numpy()) >= 0 else 0)


def test_a_module_that_is_no_graph_leaves_pictures_and_one_line(
    tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    with record.start("mine", runs=tmp_path, image_range=(0, 1)) as run:
        run.generator(Untraceable(), (LATENT, 1, 1), count=20)
    said = capfd.readouterr()
    lines = [line for line in said.err.splitlines() if "generator" in line]
    assert len(lines) == 1 and "cannot be written as a graph" in lines[0] and "20 of its pictures are kept" in lines[0]
    assert "\x1b" not in said.err and "torch.onnx" not in said.out
    assert inference.load(runs.find_run("mine", tmp_path)).generate(20)[0].shape == (20, SIZE, SIZE, 1)


def test_without_the_packages_for_graphs_a_pool_is_kept(
    tmp_path: Path, module: Small, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setitem(sys.modules, "onnxscript", None)  # as if it were not installed
    with record.start("mine", runs=tmp_path, image_range=(0, 1)) as run:
        run.generator(module, (LATENT, 1, 1), count=60)
    said = capsys.readouterr().err
    assert "needs the extra 'onnx'" in said and "60 of its pictures are kept" in said
    assert inference.load(runs.find_run("mine", tmp_path)).generate(60)[0].shape == (60, SIZE, SIZE, 1)


def test_graphs_of_strangers_are_refused(root: Path, module: Small) -> None:
    onnx = pytest.importorskip("onnx")
    good = (root / "graph" / runs.GENERATOR).read_bytes()
    outside = onnx.load_model_from_string(good)
    tensor = outside.graph.initializer[0]
    tensor.ClearField("raw_data")
    tensor.data_location = onnx.TensorProto.EXTERNAL
    tensor.external_data.add(key="location", value="/etc/passwd")
    wide = onnx.parser.parse_model(
        '<ir_version: 8, opset_import: ["" : 18]> g (float[N, 4] z) => (float[M] p) {'
        "size = Constant<value = int64[1] {4000000000}>()  p = ConstantOfShape(size) }"
    )
    cases = {
        b"no graph": "damaged",
        outside.SerializeToString(): "refers to weights in another file",
        onnx.parser.parse_model(
            '<ir_version: 8, opset_import: ["" : 18]> g (float[N, 3, 8, 8] x) => (float[N, 3, 8, 8] y) { y = Relu(x) }'
        ).SerializeToString(): "must have one input",
    }
    for content, message in cases.items():
        with pytest.raises(UserError, match=message):
            GraphProcess(content, "theirs")
    process = GraphProcess(wide.SerializeToString(), "theirs", memory=3 * 1024**3)
    with pytest.raises(UserError, match=r"cannot draw|more memory"):  # sixteen gigabytes
        process.draw(np.zeros((1, 4), np.float32))
    process.close()


def test_a_script_may_end_with_an_open_graph(root: Path) -> None:
    script = "import gan_core, sys; model = gan_core.load(sys.argv[1]); model.generate(1, seed=0)"
    words = [sys.executable, "-c", script, str(root / "graph")]
    done = subprocess.run(words, capture_output=True, text=True, check=False, timeout=120)
    assert (done.returncode, done.stderr) == (0, "")


def test_the_process_of_a_graph_ends_with_the_last_who_knows_it(root: Path) -> None:
    model = inference.load(runs.find_run("graph", root))
    (drawing,) = (one for one in vars(model.family).values() if isinstance(one, GraphProcess))
    process = drawing._process
    assert process is not None and process.poll() is None
    del model, drawing
    gc.collect()
    assert process.poll() is not None


def test_files_that_do_not_fit_are_one_line(root: Path, tmp_path: Path) -> None:
    run = runs.find_run("graph", root)
    (tmp_path / "copy").mkdir()
    (tmp_path / "copy" / runs.GENERATOR).symlink_to(run.folder / runs.GENERATOR)
    (tmp_path / "copy" / runs.CONFIG).write_text((run.folder / runs.CONFIG).read_text())
    with pytest.raises(UserError, match="has no generator"):
        inference.load(runs.Run(tmp_path / "copy", tmp_path))
    pool = runs.find_run("pool", root)
    settings = replace(pool.config(), image_size=64)
    writer = runs.RecordedWriter.create(tmp_path, "other", settings)
    writer.write_generator((pool.folder / runs.GENERATED).read_bytes(), graph=False)
    writer.close("finished", 1, 1)
    with pytest.raises(UserError, match=r"does not fit config\.json"):
        inference.load(writer.run)
    writer.run.weights.write_bytes(b"nothing")
    with pytest.raises(UserError, match="damaged"):
        inference.load(writer.run)


def test_limits_are_stated() -> None:
    assert graph_process.MOST_BYTES < 2**31  # what protobuf reads
    assert evaluate.EvaluationRequest(()).count <= generator.POOL
