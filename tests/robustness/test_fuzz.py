"""What a run folder holds may be damaged or made up: every reader gives values or one readable line, nothing else."""

import json
import socket
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import strategies as st
from PIL import Image

from dashboard.library import evaluation_files, evaluations, store
from dashboard.library.store import Library
from gan_core import cli, diagnostics, runs
from gan_core.cli import listing
from gan_core.decode.worker import DecodeWorker
from gan_core.errors import UserError
from gan_core.evaluation import ranking, results
from gan_core.runs import Run
from tests.helpers import made_evaluations
from tests.helpers.pages import new_app
from tests.helpers.run_folders import make_run
from tests.robustness import hostile, hostile_dicom
from tests.robustness.fuzzing import damaged, json_files, many, odd_texts, replaced, tables

SOAK = [pytest.mark.soak, pytest.mark.timeout(3600)]
EXAMPLES = [20, pytest.param(2000, marks=SOAK)]


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    root = tmp_path_factory.mktemp("runs")
    made_evaluations.write(make_run(root, "made", "cgan", 3, 4))
    made_evaluations.write(make_run(root, "turned", "cyclegan_resnet_light", 3, 4))
    yield root


class Replaced:
    """A file of a run, to be filled with anything; what was there comes back."""

    def __init__(self, path: Path) -> None:
        self.path, self.whole = path, path.read_bytes()

    def __enter__(self) -> "Replaced":
        return self

    def __exit__(self, *_: object) -> None:
        self.path.write_bytes(self.whole)

    def fill(self, content: bytes) -> None:
        self.path.unlink(missing_ok=True)
        self.path.write_bytes(content)


def told(call: Callable[[], Any]) -> Any:
    """What a call gives, or None where it refused in one line that any terminal can show."""
    try:
        return call()
    except UserError as error:
        line = str(error)
        assert line and "\n" not in line and len(line) < 4000, line[:200]
        line.encode()
        return None


def each(examples: int, whole: Any, check: Callable[[bytes], None]) -> None:
    """Odd values in every place of a JSON file, or in some; then what hypothesis thinks of."""
    for content in replaced(whole, examples):
        check(content)
    many(examples, json_files(whole), check)


def listed(root: Path, name: str) -> None:
    """All that is shown of a run where runs are listed: the command line, the pages, what happened."""
    run = Run(root / name, root)
    listing.summary([run]).encode(errors="strict")
    library = Library(root)
    entry = library.find(name)
    assert entry is not None
    words = (entry.label, entry.family, entry.title, entry.task, entry.domains, entry.objective, entry.recipe)
    assert hash(words) and entry.boundary in (0.0, 0.5)
    assert isinstance(store.duration(entry.status.eta_seconds), str)
    told(lambda: diagnostics.compare([diagnostics.examine(run)]))
    library.curve(entry, ("loss/g",), 0.9)
    library.curve(entry, ("loss/d", "loss/g"), 0.0)
    library.histograms(entry, 1)
    library.previews(entry)


@pytest.mark.parametrize("examples", EXAMPLES)
@pytest.mark.parametrize("name", ["made", "turned"])
def test_any_config_gives_values_or_one_line(root: Path, name: str, examples: int) -> None:
    run = Run(root / name, root)

    def check(content: bytes) -> None:
        file.fill(content)
        told(run.config)
        listed(root, name)

    with Replaced(run.folder / runs.CONFIG) as file:
        each(examples, json.loads(file.whole), check)


@pytest.mark.parametrize("examples", EXAMPLES)
def test_any_status_gives_a_state(root: Path, examples: int) -> None:
    run = Run(root / "made", root)

    def check(content: bytes) -> None:
        file.fill(content)
        status = run.status()
        assert isinstance(status.state, str) and isinstance(status.alive(), bool)
        listed(root, "made")

    with Replaced(run.folder / runs.STATUS) as file:
        each(examples, json.loads(file.whole) | {"state": "running"}, check)


@pytest.mark.parametrize("examples", EXAMPLES)
@pytest.mark.parametrize("table", [runs.METRICS, runs.EPOCHS])
def test_any_table_gives_the_rows_that_are_whole(root: Path, table: str, examples: int) -> None:
    run = Run(root / "made", root)

    def check(content: bytes) -> None:
        file.fill(content)
        found = run.metrics() if table == runs.METRICS else run.epochs()
        found.poll()
        assert all(found.column(name).shape == (len(found),) for name in found.names)
        assert all(found.column(name).dtype == np.float64 for name in found.numeric())
        assert len(found.frame()) == len(found)
        listed(root, "made")

    with Replaced(run.folder / table) as file:
        many(examples, tables(file.whole), check)


@pytest.mark.parametrize("examples", EXAMPLES)
@pytest.mark.parametrize("name", ["made", "turned"])
def test_any_evaluation_gives_tables_or_one_line(root: Path, name: str, examples: int) -> None:
    run = Run(root / name, root)
    entry = Library(root).find(name)
    assert entry is not None

    def check(content: bytes) -> None:
        file.fill(content)
        told(lambda: results.read(run.evaluation))
        found = Library(root).evaluation(entry)
        if isinstance(found, results.Evaluation):
            one = [evaluations.EvaluatedRun(entry, found, name)] * 2
            for made in (evaluations.generators(one), evaluations.translators(one)):
                evaluation_files.to_markdown(made)
                evaluation_files.to_latex(made)
            evaluation_files.to_csv(one)
            told(lambda: ranking.table([found, found]))
        else:
            assert isinstance(found, str) and "\n" not in found

    with Replaced(run.evaluation) as file:
        each(examples, json.loads(file.whole), check)


# What was found, each with its smallest input.
FOUND: tuple[tuple[str, dict[str, Any] | bytes], ...] = (
    (runs.CONFIG, {"\ud800": 1}),  # a line that no terminal can show
    (runs.CONFIG, {"preset": {"x" * 5000: 1}}),  # a line of five thousand letters
    (runs.CONFIG, {"preset": "\x1b[31m"}),  # what a terminal obeys, in a table of runs
    (runs.CONFIG, {"image_size": 10**9}),
    (runs.CONFIG, {"class_counts": [1]}),
    (runs.STATUS, {"state": "running", "eta_seconds": 10**400}),
    (runs.STATUS, {"state": "running", "host": socket.gethostname(), "process": -5}),
    (runs.METRICS, b"step,epoch,loss/g,loss/d\n1,1,2,3\n2,1,2,3\n"),  # half of the players
    (runs.METRICS, b"step,loss/g,loss/d,accuracy/d_real,accuracy/d_fake\n1,2,3,1,1\n"),  # no epochs
    (runs.METRICS, b"step,epoch,loss/g\n1,1,%b\n" % (b"9" * 400)),  # a whole number that no float holds
    (runs.METRICS, b"step,epoch,loss/g,loss/d,accuracy/d_real,accuracy/d_fake\n1,1,2,3,1,1\n2,x,nan,3,1,1\n"),  # a word
    (runs.EPOCHS, b"epoch,diversity/samples\n1,0.5\n"),  # one column of a pair
    (runs.EPOCHS, b"epoch,scores/real\n1,1 2\n2,\n"),  # words, and a cell with none
    (runs.EPOCHS, b"epoch,scores/real\nnan,1 2\n"),  # nobody knows of which epoch
)


@pytest.mark.parametrize("number", range(len(FOUND)))
def test_what_was_found_once_stays_mended(root: Path, number: int) -> None:
    name, found = FOUND[number]
    run = Run(root / "made", root)
    with Replaced(run.folder / name) as file:
        whole = json.loads(file.whole) if isinstance(found, dict) else {}
        file.fill(json.dumps(whole | found).encode() if isinstance(found, dict) else found)
        told(run.config)
        assert isinstance(run.status().alive(), bool)
        listed(root, "made")


def test_a_picture_that_is_refused_late_leaves_no_bytes_behind() -> None:
    """The next one would have been given them for an answer."""
    grey = hostile.encoded(Image.fromarray(hostile.base()), "PNG")
    with DecodeWorker() as worker:
        with pytest.raises(UserError, match="too narrow for an image"):
            worker.decode(hostile.encoded(Image.new("L", (8, 10**5)), "PNG"), "strip.png")
        assert worker.decode(grey, "next.png").shape == (128, 128, 1)


def test_lines_of_odd_texts_can_be_printed(root: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """The command line's own way: its exit code, and one line."""
    with Replaced(root / "made" / runs.CONFIG) as file:
        for content in odd_texts(file.whole):
            file.fill(content)
            assert cli.main(["list", "--runs", str(root)]) == 0
            assert cli.main(["diagnose", "made", "--runs", str(root)]) in (0, 2)
    assert "Traceback" not in capsys.readouterr().err


@pytest.mark.parametrize("examples", [200, pytest.param(20_000, marks=SOAK)])
def test_any_bytes_are_a_picture_or_one_line(examples: int, record_property: Callable[[str, object], None]) -> None:
    """Whole files of every kind with a few places damaged, and noise behind the marks that formats begin with."""
    whole = [file for made in (hostile, hostile_dicom) for file in made.lawful() if len(file.data) < 100_000]
    noise = st.binary(max_size=2000)
    strategy = st.one_of(
        st.sampled_from(whole).flatmap(lambda file: st.tuples(st.just(file.name), damaged(file.data))),
        st.sampled_from(whole).flatmap(lambda file: st.tuples(st.just(file.name), damaged(file.data))),
        st.sampled_from(sorted(hostile.MAGIC.items())).flatmap(
            lambda pair: st.tuples(st.just(f"noise.{pair[0]}"), noise.map(lambda rest: pair[1] + rest))
        ),
        st.tuples(st.sampled_from(("x.png", "x.dcm")), noise),
    )
    refused = 0

    def check(given: tuple[str, bytes]) -> None:
        nonlocal refused
        name, data = given
        try:
            picture = worker.decode(data, name)
        except UserError as error:
            refused += 1
            line = str(error)
            assert line.startswith(f"{name}: ") and "\n" not in line and line.isprintable()
            # A file that crashes a decoder, or keeps it busy, is a find: it goes into the tests of that decoder.
            assert "crashed the decoder" not in line and "decoding was stopped" not in line
        else:
            assert np.isfinite(picture).all() and picture.min() >= 0 and picture.max() <= 1

    with DecodeWorker() as worker:
        many(examples, strategy, check)
    record_property(
        "measured", f"{examples} damaged or made-up pictures: {refused} refused in a line, no crash, no hang"
    )


@pytest.mark.parametrize("rounds", [2, pytest.param(60, marks=SOAK)])
def test_pages_over_damaged_runs_show_sentences(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, rounds: int) -> None:
    """Several runs, each with another file damaged, on the pages that read them."""
    monkeypatch.setenv("GANRAY_RUNS", str(tmp_path))
    names = [f"run{number}" for number in range(6)]
    made = [make_run(tmp_path, name, "cgan", 3, 4) for name in names]
    for run in made:
        made_evaluations.write(run)
    files = (runs.CONFIG, runs.STATUS, runs.METRICS, runs.EPOCHS, runs.EVALUATION)
    whole = {name: (made[0].folder / name).read_bytes() for name in files}
    hard = {name: list(replaced(json.loads(whole[name]), 400)) for name in files if name.endswith(".json")}
    rng = np.random.default_rng(0)
    for number in range(rounds):
        for run in made:
            for name in files:
                (run.folder / name).write_bytes(whole[name])
            name = files[rng.integers(len(files))]
            content = bytearray(whole[name])
            content[rng.integers(len(content))] ^= 1 << int(rng.integers(8))
            odd = hard[name][rng.integers(len(hard[name]))] if name in hard else bytes(content)
            (run.folder / name).write_bytes(odd)
        page = ("compare", "run", "evaluate")[number % 3]
        app = new_app(page, 60)
        app.query_params["runs"] = names
        app.query_params["run"] = names[0]
        app.run()
        assert not app.exception, (number, page)
