"""Nothing that the program opens is ever run: pickles in every file of a run, of data and of the program itself."""

import ast
import shutil
import subprocess
import sys
import zipfile
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from dashboard.library.store import Library
from dashboard.live.models import ModelCache
from gan_core import cli, images, inference
from gan_core.anatomy import lungs
from gan_core.data import open_prepared
from gan_core.errors import UserError
from gan_core.evaluation import classifiers, features, results
from gan_core.inference import input_check
from gan_core.runs import Run
from gan_core.training import checkpoints
from tests.conftest import ROOT
from tests.helpers import made_evaluations
from tests.helpers.pictures import fill, ready
from tests.helpers.run_folders import make_run
from tests.helpers.training import SMALL
from tests.robustness import canaries

KINDS = tuple(canaries.kinds(Path("song")))
NAMES = ("data.pt", "data.pkl", "model.ckpt", "weights.pth", "data.npy", "data.npz", "joblib.gz")
# What runs code while it reads, and what runs text.
MODULES = {"pickle", "cPickle", "_pickle", "dill", "cloudpickle", "joblib", "shelve", "marshal", "yaml", "jsonpickle"}
SAFE_YAML = ROOT / "gan_core" / "importers" / "lightning.py"  # imports yaml, and calls its safe loader alone
CALLS = {"eval", "exec", "compile", "__import__"}


@pytest.fixture
def song(tmp_path: Path) -> Iterator[Path]:
    """The file that a canary writes; at the end it must not be there."""
    song = tmp_path / "it sang"
    yield song
    assert not song.exists()


def refused(call: Callable[[], object]) -> None:
    """It may go well or end in a line, but not in an exception of another kind."""
    try:
        call()
    except UserError as error:
        assert "\n" not in str(error)


@pytest.mark.processes
@pytest.mark.parametrize("kind", KINDS[:3])
def test_the_canary_sings_where_it_is_unpickled(tmp_path: Path, kind: str) -> None:
    song, file = tmp_path / "song", tmp_path / "trap.pkl"
    file.write_bytes(canaries.kinds(song)[kind])
    subprocess.run([sys.executable, "-m", "pickle", str(file)], check=True, capture_output=True)
    assert song.exists()


def trapped(root: Path, song: Path, kind: str) -> Run:
    """A run in which everything but its tables and texts is a canary."""
    run = make_run(root, "evil", "cgan", 2, 4, "stopped")
    (run.folder / "config.json").write_bytes((ROOT / "runs" / "reference" / "cgan" / "config.json").read_bytes())
    made_evaluations.write(run)
    content = canaries.kinds(song)[kind]
    inside = ["weights.safetensors", "discriminator.safetensors", "checkpoints/step_00000008.safetensors"]
    inside += ["snapshots/epoch_0001.safetensors", "progress.gif", "samples/epoch_0001.png", "private/epoch_0001.png"]
    for name in (*inside, *NAMES, *(f"checkpoints/{name}" for name in NAMES)):
        path = run.folder / name
        path.parent.mkdir(exist_ok=True)
        path.write_bytes(content)
    return run


@pytest.mark.parametrize("kind", KINDS)
def test_a_run_full_of_pickles_runs_nothing(
    tmp_path: Path,
    song: Path,
    kind: str,
    capsys: pytest.CaptureFixture[str],
    record_property: Callable[[str, object], None],
) -> None:
    """From every command that opens a run, and from what the pages open it with."""
    root = tmp_path / "runs"
    run = trapped(root, song, kind)
    picture = tmp_path / "picture.png"
    picture.write_bytes(canaries.kinds(song)[kind])
    out = ["--runs", str(root), "--out", str(tmp_path / "out")]
    assert cli.main(["list", "--runs", str(root)]) == 0
    assert cli.main(["diagnose", "evil", "--runs", str(root)]) == 0
    for command in (
        ["resume", "evil", "--runs", str(root)],
        ["generate", "evil", "--num", "1", *out],
        ["translate", "evil", str(picture), "--to", "covid", *out],
        ["evaluate", "evil", "--data", "phantom:cxr?images=40", "--num", "8", "--runs", str(root)],
        [
            "translate",
            "reference/phantom_cxr_cyclegan",
            str(picture),
            "--to",
            "covid",
            "--runs",
            str(ROOT / "runs"),
            *out[2:],
        ],
    ):
        assert cli.main(command) in (1, 2), command
    assert cli.main(["export", "evil", "--gif", *out]) == 0  # of the grids that are pictures
    assert "Traceback" not in capsys.readouterr().err
    models, library = ModelCache(root), Library(root)
    assert models.names("generate") == ["evil"]
    entry = library.find("evil")
    assert entry is not None
    library.picture(run.samples()[1])
    calls = (
        lambda: models.get("evil"),
        lambda: inference.load(run),
        lambda: inference.load(run, epoch=1),
        lambda: checkpoints.newest(run),
        lambda: classifiers.load(run.weights),
        lambda: lungs.load(run.weights),
        lambda: features.inception(run.weights),
        lambda: features.inception(run.folder / "data.pt"),
    )
    for call in calls:
        with pytest.raises(UserError):
            call()
    assert not song.exists()
    record_property(
        "measured", f"{len(list(run.folder.rglob('*.*')))} files, 8 commands and {len(calls)} ways to load: silent"
    )


@pytest.mark.parametrize("kind", KINDS)
def test_texts_that_are_pickles_run_nothing(tmp_path: Path, song: Path, kind: str) -> None:
    run = make_run(tmp_path / "runs", "evil", "cgan", 2, 4)
    for name in ("config.json", "status.json", "metrics.csv", "epochs.csv", "evaluation.json"):
        (run.folder / name).write_bytes(canaries.kinds(song)[kind])
    for call in (run.config, lambda: results.read(run.evaluation)):
        with pytest.raises(UserError):
            call()
    assert run.status().state == "unknown"
    for table in (run.metrics(), run.epochs()):
        table.poll()
    assert cli.main(["list", "--runs", str(tmp_path / "runs")]) == 0
    assert len(Library(tmp_path / "runs").entries()) == 1


@pytest.mark.parametrize("kind", KINDS)
def test_data_with_pickles_in_it_runs_nothing(tmp_path: Path, song: Path, kind: str) -> None:
    """Beside the pictures, under a picture's name, in a zip, in what was prepared and kept, among parquet files."""
    content = canaries.kinds(song)[kind]
    fill(tmp_path / "set", [f"{label}/{number}.png" for label in "ab" for number in range(6)])
    for name in (*NAMES, "evil.png", "evil.jpg", "evil.dcm", "evil.dicom", "evil.tif", "evil.webp", "evil.bmp"):
        (tmp_path / "set" / "a" / name).write_bytes(content)
    (tmp_path / "set" / "set.py").write_text(f"open({str(song)!r}, 'w')")
    packed = Path(shutil.make_archive(str(tmp_path / "packed"), "zip", tmp_path / "set"))
    for source in (tmp_path / "set", packed):
        prepared = ready(source, tmp_path / "cache")
        assert len(prepared.names) == 12 and {Path(name).stem for name, _ in prepared.skipped} == {"evil"}
        (prepared.folder / "images.npy").write_bytes(content)
        with pytest.raises(UserError, match=r"images\.npy"):
            open_prepared(prepared.folder)
        assert len(ready(source, tmp_path / "cache").names) == 12  # made anew
    assert not zipfile.is_zipfile(packed) or len(ready(packed, tmp_path / "cache").names) == 12
    refused(lambda: ready(f"hf:{tmp_path / 'set'}", tmp_path / "cache"))
    (tmp_path / "set" / "train.parquet").write_bytes(content)
    refused(lambda: ready(f"hf:{tmp_path / 'set'}", tmp_path / "cache"))


@pytest.mark.parametrize("kind", ["torch zip", pytest.param("npy", marks=pytest.mark.soak)])
def test_training_on_such_data_runs_nothing(
    tmp_path: Path, song: Path, kind: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("GANRAY_CACHE", str(tmp_path / "cache"))
    fill(tmp_path / "set", [f"{label}/{number}.png" for label in "ab" for number in range(12)])
    for name in (*NAMES, "evil.png"):
        (tmp_path / "set" / "a" / name).write_bytes(canaries.kinds(song)[kind])
    root = tmp_path / "runs"
    told = ["--data", str(tmp_path / "set"), "--runs", str(root), "--epochs", "1", *SMALL]
    assert cli.main(["train", "gan_baseline", "--name", "one", *told]) == 0
    assert cli.main(["compare", "gan_baseline", *told]) == 0


def test_the_programs_own_weights_are_not_unpickled_either(
    tmp_path: Path, song: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for kind, content in canaries.kinds(song).items():
        path = tmp_path / f"{kind}.safetensors"
        path.write_bytes(content)
        monkeypatch.setattr(input_check, "WEIGHTS", path)
        input_check._network.cache_clear()
        with pytest.raises(UserError):
            input_check._network()
        with pytest.raises(UserError):
            lungs.load(path)
        with pytest.raises(UserError):
            images.read_png(path)
    input_check._network.cache_clear()


def test_no_module_imports_what_unpickles_or_runs_text() -> None:
    """With the two ways that libraries have of it: numpy's and torch's `load`. One of YAML's builds plain values."""
    found = []
    for path in sorted(
        [*(ROOT / "gan_core").rglob("*.py"), *(ROOT / "dashboard").rglob("*.py"), ROOT / "streamlit_app.py"]
    ):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            names = [alias.name for alias in node.names] if isinstance(node, ast.Import) else []
            names += [node.module or ""] if isinstance(node, ast.ImportFrom) else []
            if isinstance(node, ast.Call):
                call = ast.unparse(node.func)
                names += ["pickle"] if call in (*CALLS, "torch.load", "np.load", "numpy.load", "pd.read_pickle") else []
                names += ["pickle"] if any(word.arg == "allow_pickle" for word in node.keywords) else []
                names += ["pickle"] if call.startswith("yaml.") and call != "yaml.safe_load" else []
            known = {name.split(".")[0] for name in names} & MODULES
            if known and not (known == {"yaml"} and path == SAFE_YAML and isinstance(node, ast.Import)):
                found.append(f"{path.relative_to(ROOT)}: {ast.unparse(node)[:100]}")
    assert found == []
