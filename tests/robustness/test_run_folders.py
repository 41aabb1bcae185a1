"""A run folder is a stranger's file: links, pipes, giants and impossible values cost a line about that run alone."""

import json
import math
import os
import shutil
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from PIL import Image

from dashboard.library import data_here, store
from dashboard.live.models import ModelCache
from gan_core import cli, files, images, inference, runs, tensor_files
from gan_core.data.readers import combined
from gan_core.errors import UserError
from gan_core.evaluation import results
from gan_core.inference import loaded_model
from gan_core.runs import Run, RunWriter, hub_models
from tests.helpers.pages import new_app, texts
from tests.helpers.run_folders import make_run
from tests.helpers.training import arguments, make_pictures
from tests.helpers.untrained import untrained

unix = pytest.mark.skipif(os.name == "nt", reason="links and pipes of Unix")

SECONDS = 20.0  # on a busy machine; reading or building what is refused would take minutes, or gigabytes


@pytest.fixture
def run(tmp_path: Path) -> Run:
    return make_run(tmp_path / "runs", "own", "gan", 2, 2, "stopped")


def elsewhere(path: Path, outside: Path) -> Path:
    """Move a file or folder of a run outside, leave a link to it, and return its new place."""
    path.rename(outside)
    path.symlink_to(outside)
    return outside


def state_of(folder: Path) -> dict[str, tuple[int, bytes]]:
    """Every file below a folder with its time and content."""
    return {
        str(path.relative_to(folder)): (path.stat().st_mtime_ns, path.read_bytes())
        for path in folder.rglob("*")
        if path.is_file()
    }


@unix
@pytest.mark.parametrize("name", ["samples", "checkpoints", "metrics.csv", "epochs.csv", "status.json", ".lock"])
def test_a_run_with_a_link_in_it_is_not_written_to(run: Run, tmp_path: Path, name: str) -> None:
    outside = tmp_path / "outside"
    outside.mkdir()
    (run.folder / ".lock").touch()
    elsewhere(run.folder / name, outside / name)
    before, inside = state_of(outside), state_of(run.folder)
    with pytest.raises(UserError, match=f"'{name}' in it is a link") as error:
        RunWriter.reopen(run)
    assert "\n" not in str(error.value)
    assert state_of(outside) == before
    assert state_of(run.folder) == inside


@unix
def test_a_run_folder_that_is_a_link_is_only_read(run: Run, tmp_path: Path) -> None:
    (tmp_path / "link").symlink_to(run.folder)
    linked = runs.find_run(str(tmp_path / "link"), tmp_path / "runs")
    assert linked.config() == run.config()
    assert linked.samples()
    with pytest.raises(UserError, match="is a link and is only read"):
        RunWriter.reopen(linked)
    with pytest.raises(UserError, match="is a link and is only read"):
        linked.check_writable()


@unix
def test_a_new_run_does_not_take_a_folder_that_holds_a_link(run: Run, tmp_path: Path) -> None:
    (tmp_path / "outside").mkdir()
    (run.root / "fresh").mkdir()
    (run.root / "fresh" / "samples").symlink_to(tmp_path / "outside")
    with pytest.raises(UserError, match="exists already"):
        RunWriter.create(run.root, "fresh", run.config())


@unix
def test_no_file_of_a_run_is_read_through_a_link(run: Run, tmp_path: Path) -> None:
    secret = tmp_path / "secret"
    secret.mkdir()
    for name in ("config.json", "status.json", "metrics.csv", "epochs.csv", "progress.gif", "checkpoints", "samples"):
        elsewhere(run.folder / name, secret / name)
    with pytest.raises(UserError, match="is a link, which GANray does not follow"):
        run.config()
    assert run.status().state == "unknown"
    assert "is a link" in (run.status().reason or "")
    for table in (run.metrics(), run.epochs()):
        table.poll()
        assert not len(table)
        assert "is a link" in table.problem
    assert (run.checkpoints(), run.samples(), run.gif) == ([], {}, None)
    assert [path.name for path in run.downloads() if path.name != runs.WEIGHTS] == []


@unix
def test_neither_weights_nor_evaluations_nor_pictures_are_read_through_a_link(tmp_path: Path) -> None:
    run = untrained(tmp_path / "runs", "own")
    picture = run.samples()[1]
    for path, read in (
        (run.weights, lambda: tensor_files.load(run.weights)),
        (run.evaluation, lambda: results.read(run.evaluation)),
        (picture, lambda: images.read_png(picture)),
    ):
        path.touch()
        elsewhere(path, tmp_path / path.name)
        with pytest.raises(UserError):
            read()


def pipe(path: Path) -> None:
    os.mkfifo(path)


def endless(path: Path) -> None:
    path.symlink_to("/dev/zero")


def giant(path: Path) -> None:
    with path.open("wb") as file:
        file.truncate(6 * 1024**3)


def folder(path: Path) -> None:
    path.mkdir()


@unix
@pytest.mark.parametrize("make", [pipe, endless, giant, folder])
def test_what_is_no_ordinary_file_costs_a_line_and_no_time(run: Run, make: Callable[[Path], None]) -> None:
    picture, table = run.samples()[1], run.metrics()
    for path in (run.folder / runs.CONFIG, run.folder / runs.STATUS, table.path, picture, run.weights, run.evaluation):
        path.unlink(missing_ok=True)
        make(path)
    start = time.perf_counter()
    for read in (
        run.config,
        lambda: images.read_png(picture),
        lambda: tensor_files.load(run.weights),
        lambda: results.read(run.evaluation),
    ):
        with pytest.raises(UserError):
            read()
    table.poll()
    assert table.problem.startswith("metrics.csv cannot be read: it ")
    assert run.status().state == "unknown"
    assert [found.name for found in runs.list_runs(run.root)] == ["own"]
    assert time.perf_counter() - start < SECONDS


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (",".join(map(str, range(10**6))) + "\n1,2\n", "more than 1000 columns"),
        ("a" * 10**6 + "\n1\n", "columns"),
        (",".join(map(str, range(1000))) + "\n" + "1\n" * 10**5, "more than 10 million cells"),
    ],
    ids=["columns", "header", "cells"],
)
def test_a_table_beyond_all_measure_is_named_and_left_out(run: Run, content: str, reason: str) -> None:
    table = run.metrics()
    table.path.write_text(content)
    start = time.perf_counter()
    assert table.poll()
    assert not table.poll()
    assert reason in table.problem
    assert len(table) == 0
    assert table.names == []
    assert time.perf_counter() - start < SECONDS


def test_a_table_that_is_mended_is_read_again(run: Run) -> None:
    table, whole = run.metrics(), run.metrics().path.read_bytes()
    table.path.write_text(",".join(map(str, range(2000))) + "\n")
    table.poll()
    table.path.write_bytes(whole)
    assert table.poll()
    assert table.problem == ""
    assert len(table)


def test_a_large_evaluation_is_refused_before_it_is_read(run: Run) -> None:
    run.evaluation.write_bytes(b"[" + b"1," * files.JSON_BYTES)
    with pytest.raises(UserError, match=r"it has 8 MB, more than the 4 MB allowed"):
        results.read(run.evaluation)


def edit(path: Path, **values: Any) -> None:
    """Change values of a JSON file; `a__b` is the value `b` inside `a`."""
    found = json.loads(path.read_text())
    for name, value in values.items():
        *outer, last = name.split("__")
        place = found
        for part in outer:
            place = place[part]
        place[last] = value
    path.write_text(json.dumps(found))


@pytest.mark.parametrize(
    ("name", "value"),
    [
        *[("step", -1), ("epoch", -1), ("steps", 10**18), ("eta_seconds", math.nan), ("eta_seconds", math.inf)],
        *[("updated", math.nan), ("updated", -math.inf), ("updated", 1e300), ("updated", -5.0)],
    ],
)
def test_a_status_with_an_impossible_value_is_named(run: Run, name: str, value: float) -> None:
    edit(run.folder / runs.STATUS, **{name: value})
    status = run.status()
    assert status.state == "unknown"
    assert name in (status.reason or "")


def test_a_run_elsewhere_that_was_written_in_years_to_come_is_not_alive(run: Run) -> None:
    for ahead, state in ((60, "running"), (10 * 86_400, "stopped")):
        edit(run.folder / runs.STATUS, state="running", host="elsewhere", updated=time.time() + ahead)
        assert run.status().state == state


@pytest.mark.parametrize(
    ("name", "value"),
    [
        *[("epochs", 0), ("epochs", 10**7), ("batch_size", 10**9), ("seed", -1), ("split_seed", -1)],
        *[("image_size", 4096), ("classes", ["x" * 501]), ("classes", ["x"] * 10_001)],
        *[("source", "x" * 10**5), ("preset", "x" * 501)],
        *[("settings__lr", math.nan), ("settings__widths", [1] * 10**5), ("settings__lr", 10**400)],
    ],
)
def test_a_config_beyond_all_measure_is_named(run: Run, name: str, value: Any) -> None:
    counts = {"class_counts": [1] * len(value)} if name == "classes" else {}
    edit(run.folder / runs.CONFIG, **{name: value}, **counts)
    with pytest.raises(UserError, match="is damaged") as error:
        run.config()
    assert name.partition("__")[0] in str(error.value) or name == "image_size"
    assert len(str(error.value)) < 500


@pytest.mark.parametrize(
    ("preset", "settings"),
    [
        ("r3gan", {"settings__blocks": 10**6}),
        ("dcgan", {"settings__generator": [8] * 900}),
        ("dcgan", {"settings__generator": [10**9, 10**9]}),
        ("dcgan", {"settings__latent_size": 10**12}),
        ("dcgan", {"settings__width": 10**5, "settings__max_width": 10**5}),
        ("cyclegan_resnet", {"settings__blocks": 10**6}),
        ("dcgan", {"image_size": 1024}),
    ],
)
def test_networks_beyond_all_measure_are_refused_before_they_are_built(
    tmp_path: Path, preset: str, settings: dict[str, Any]
) -> None:
    run = untrained(tmp_path, "own", preset)
    edit(run.folder / runs.CONFIG, **settings)
    start = time.perf_counter()
    with pytest.raises(UserError):
        inference.load(run)
    assert time.perf_counter() - start < SECONDS


def test_weights_are_compared_with_the_config_before_they_are_read(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = untrained(tmp_path, "own", "dcgan")
    edit(run.folder / runs.CONFIG, settings__max_width=16)
    monkeypatch.setattr(tensor_files, "load", lambda *_: pytest.fail("the numbers were read"))
    with pytest.raises(UserError, match=r"weights.safetensors does not fit config.json: .* is \("):
        inference.load(run)


@pytest.mark.parametrize("value", [math.nan, math.inf])
def test_weights_that_are_not_finite_are_a_line_and_no_black_pictures(tmp_path: Path, value: float) -> None:
    run = untrained(tmp_path, "own", "dcgan")
    tensors, header = tensor_files.load(run.weights)
    name = next(name for name, tensor in tensors.items() if tensor.is_floating_point())
    tensors[name].view(-1)[0] = value
    tensor_files.save(run.weights, tensors, header)
    with pytest.raises(UserError, match=f"'{name}' holds values that are not finite"):
        inference.load(run)


def test_networks_that_draw_what_is_not_finite_say_so(tmp_path: Path) -> None:
    run = untrained(tmp_path, "own", "dcgan")
    tensors, header = tensor_files.load(run.weights)
    for name in [name for name in tensors if name.endswith("running_var")]:
        tensors[name] -= 100
    tensor_files.save(run.weights, tensors, header)
    with pytest.raises(UserError, match="draw values that are not finite"):
        inference.load(run).generate(2)


def test_large_pictures_are_drawn_in_batches_that_fit_memory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    model = inference.load(untrained(tmp_path, "own", "dcgan"))
    assert model._batch == 64
    whole, _ = model.generate(9, seed=1)
    monkeypatch.setattr(loaded_model, "_ACTIVATION_BYTES", 4 * 8 * 32**2 * 2)
    small = inference.load(model.run)
    assert small._batch == 2
    parts, _ = small.generate(9, seed=1)
    assert abs(whole.astype(int) - parts.astype(int)).max() <= 1
    monkeypatch.setattr(loaded_model, "_MOST_EACH", 1000)
    with pytest.raises(UserError, match="more memory than GANray allows"):
        inference.load(model.run)


def test_a_visitor_of_a_slow_run_is_told_how_much_it_can_do(tmp_path: Path) -> None:
    run = untrained(tmp_path, "own", "dcgan")
    model = inference.load(run, seconds_allowed=1e-9)
    assert model.generate(1)[0].shape[0] == 1  # one batch is all that is asked for
    model._batch = 8
    with pytest.raises(UserError, match=r"'own' would take about 0 s here for 64 images, .* ask for at most 1$"):
        model.generate(64)
    model.seconds_allowed = SECONDS
    assert model.generate(64)[0].shape[0] == 64


def test_a_run_that_loads_for_long_does_not_delay_the_others(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    slow, quick = untrained(tmp_path, "slow", "dcgan"), untrained(tmp_path, "quick", "dcgan")
    load, begun, go_on, loads = inference.load, threading.Event(), threading.Event(), []

    def held(run: Run, **options: Any) -> inference.Model:
        loads.append(run.name)
        if run.name == slow.name:
            begun.set()
            assert go_on.wait(20)
        return load(run, **options)

    monkeypatch.setattr(inference, "load", held)
    models, found = ModelCache(tmp_path), []
    waiting = [threading.Thread(target=lambda: found.append(models.get("slow"))) for _ in range(2)]
    for thread in waiting:
        thread.start()
    assert begun.wait(20)
    assert models.get("quick").run.name == quick.name
    assert models.is_loaded("quick") and not models.is_loaded("slow")
    go_on.set()
    for thread in waiting:
        thread.join(20)
    assert found[0] is found[1]
    assert sorted(loads) == ["quick", "slow"]


def test_a_run_that_failed_to_load_is_tried_again(tmp_path: Path) -> None:
    run, models = untrained(tmp_path, "own", "dcgan"), ModelCache(tmp_path)
    whole = run.weights.read_bytes()
    stamp = run.weights.stat()
    run.weights.write_bytes(whole[:-1] + bytes([whole[-1] ^ 1]))
    os.utime(run.weights, ns=(stamp.st_atime_ns, stamp.st_mtime_ns))
    with pytest.raises(UserError, match="checksum"):
        models.get("own")
    run.weights.write_bytes(whole)
    os.utime(run.weights, ns=(stamp.st_atime_ns, stamp.st_mtime_ns))
    assert models.get("own").run.name == "own"


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> Run:
    """A run of two epochs whose status says that it was stopped."""
    base = tmp_path_factory.mktemp("trained")
    with torch.random.fork_rng(devices=[]):
        assert not cli.main(arguments("gan", make_pictures(base / "set"), base / "runs", "own", 2))
    found = Run(base / "runs" / "own", base / "runs")
    edit(found.folder / runs.STATUS, state="stopped")
    return found


@pytest.mark.parametrize(
    ("name", "value", "reason"),
    [
        ("batch_size", 4, "'batch_size' in its config.json was changed from 8 to 4"),
        ("seed", 7, "'seed' in its config.json was changed from 0 to 7"),
        ("settings__lr", 0.5, "'settings' in its config.json was changed"),
        ("epochs", 1, "has trained 8 steps, and its config.json asks for 4 (1 epochs)"),
        ("batch_size", 60_000, "more than there are training images"),
    ],
)
def test_a_run_whose_config_was_edited_is_not_resumed_as_if_it_were_the_same(
    trained: Run, tmp_path: Path, capsys: pytest.CaptureFixture[str], name: str, value: Any, reason: str
) -> None:
    shutil.copytree(trained.folder, tmp_path / "own")
    edit(tmp_path / "own" / runs.CONFIG, **{name: value})
    tables = {path.name: path.read_bytes() for path in (tmp_path / "own").glob("*.csv")}
    assert cli.main(["resume", "own", "--runs", str(tmp_path)]) == 2
    said = capsys.readouterr().err
    assert reason in said
    assert {path.name: path.read_bytes() for path in (tmp_path / "own").glob("*.csv")} == tables


@pytest.mark.parametrize("source", ["classes:a=/**/x;b=/tmp/*", "classes:a=/*/*/*/*/x", "~nobody-here/x", "classes:=;"])
def test_a_source_of_a_run_is_not_searched_to_draw_a_page(
    run: Run, monkeypatch: pytest.MonkeyPatch, source: str
) -> None:
    for walk in ("glob", "rglob", "iterdir"):
        monkeypatch.setattr(Path, walk, lambda *_: pytest.fail(f"{source} was searched"))
    monkeypatch.setattr(combined, "_matches", lambda *_: pytest.fail(f"{source} was searched"))
    assert data_here.is_named_here(source) is (source == "classes:a=/*/*/*/*/x")


def test_one_broken_card_leaves_the_buttons_of_the_others(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GANRAY_RUNS", str(tmp_path))
    for name in ("broken", "healthy", "odd"):
        made = make_run(tmp_path, name, "gan", 2, 2, "running")
        edit(made.folder / runs.STATUS, state="running", host="elsewhere", updated=time.time())
    edit(tmp_path / "broken" / runs.STATUS, step=-1)
    monkeypatch.setattr(
        "dashboard.library.store.Library.curve",
        lambda *_: (_ for _ in ()).throw(ZeroDivisionError("a value that nobody thought of")),
    )
    app = new_app("train").run()
    assert not app.exception
    assert "could not be drawn completely" in texts(app)
    assert {"Stop healthy", "Stop odd"} <= {button.key for button in app.button}
    assert "broken" in texts(app)


@unix
def test_a_download_cache_lends_only_its_own_contents(tmp_path: Path) -> None:
    """The Hub's cache holds links to `blobs`; a folder that only looks like one may lead elsewhere."""
    run = untrained(tmp_path / "models--me--own" / "snapshots", "a" * 40)
    blobs, outside = run.folder.parents[1] / "blobs", tmp_path / "outside"
    outside.mkdir()
    elsewhere(run.weights, outside / "weights")
    name = f"hub:{run.folder}"
    with pytest.raises(UserError, match="is a link"):
        inference.load(hub_models.find(name, tmp_path))
    blobs.symlink_to(outside)
    run.weights.unlink()
    run.weights.symlink_to(blobs / "weights")
    with pytest.raises(UserError, match="is a link"):
        inference.load(hub_models.find(name, tmp_path))
    blobs.unlink()
    outside.rename(blobs)
    assert inference.load(hub_models.find(name, tmp_path)).generate(1)


def test_a_picture_that_unpacks_to_gigabytes_is_not_shown(run: Run) -> None:
    picture = run.samples()[1]
    whole = picture.read_bytes()
    library = store.Library(run.root)
    assert library.picture(picture) == whole
    packed = Image.new("L", (20_000, 20_000))
    packed.save(picture, "PNG")
    assert picture.stat().st_size < 10**6
    assert library.picture(picture) is None
    with pytest.raises(UserError, match=r"cannot be shown|was not written by GANray"):
        images.read_png(picture)
