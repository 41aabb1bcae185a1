"""The command line as a stranger uses it: help, results, and one clear line with exit code 2 for a mistake."""

import json
import subprocess
import sys
from pathlib import Path
from typing import Any, Literal

import pytest
from PIL import Image

from gan_core import cli, data
from gan_core.cli import arguments, listing, parser, training
from gan_core.evaluation import results
from gan_core.families import registry
from gan_core.run_options import RunOptions
from gan_core.runs import Run, list_runs
from gan_core.training import ray_cluster, trainer
from gan_core.version import __version__
from tests.helpers.run_folders import make_run
from tests.helpers.training import SMALL, make_pictures
from tests.helpers.untrained import untrained

Capture = pytest.CaptureFixture[str]
COUNTS = {"steps": 100, "images": 800, "seconds": 9.0}  # of the run that another began with
COMMANDS = ["train", "compare", "resume", "list", "generate", "translate", "diagnose", "prepare", "export"]


@pytest.mark.parametrize("command", COMMANDS)
def test_help(command: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        cli.main([command, "--help"])
    assert ended.value.code == 0
    said = capsys.readouterr().out
    assert f"gan_core {command}" in said
    if command in ("train", "compare"):
        assert all(name in said for name in registry.presets())


@pytest.mark.processes
def test_help_does_without_torch() -> None:
    code = """
import sys
from gan_core import cli
try:
    cli.main(["--help"])
except SystemExit:
    assert "torch" not in sys.modules
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


@pytest.mark.slow
def test_compare_list_and_export(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    pictures = make_pictures(tmp_path / "shapes")
    root = tmp_path / "runs"
    common = ["--data", str(pictures), "--runs", str(root), "--epochs", "1", *SMALL]
    assert cli.main(["compare", "gan", "cgan", "--seeds", "2", *common]) == 0
    table = capsys.readouterr().out.splitlines()[-5:]
    assert table[0].split()[:3] == ["run", "preset", "state"]
    assert [line.split()[0] for line in table[1:]] == ["gan-s0", "cgan-s0", "gan-s1", "cgan-s1"]
    assert all("finished" in line for line in table[1:])
    assert [Run(root / f"gan-s{seed}").config().seed for seed in (0, 1)] == [0, 1]
    assert cli.main(["list", "--runs", str(root)]) == 0
    assert capsys.readouterr().out.count("finished") == 4
    assert cli.main(["export", "gan-s0", "--gif", "--runs", str(root), "--out", str(tmp_path / "a.gif")]) == 0
    with Image.open(tmp_path / "a.gif") as gif:
        assert gif.n_frames == 2


@pytest.mark.slow
def test_a_study_is_one_command_and_can_be_taken_up(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    root = tmp_path / "runs"
    pictures = make_pictures(tmp_path / "shapes", per_class=31)
    command = ["compare", "gan", "--data", str(pictures), "--runs", str(root), *SMALL]
    assert cli.main([*command, "--epochs", "1", "--seeds", "2", "--evaluate", "--num", "20"]) == 0
    said = capsys.readouterr().out
    assert "gan x 2" in said
    assert said.count("KID by images seen: ") == 2
    found = results.read(Run(root / "gan-s1").evaluation)
    assert found.progress
    assert [stand.epoch for stand in found.progress.stands] == [0, 1]
    assert found.memorisation or any(line.startswith("memorisation: ") for line in found.notes)
    before = Run(root / "gan-s0").weights.stat().st_mtime_ns
    assert cli.main([*command, "--epochs", "1", "--seeds", "2", "--resume"]) == 0
    assert sorted(path.name for path in root.iterdir()) == ["gan-s0", "gan-s1"]
    assert Run(root / "gan-s0").weights.stat().st_mtime_ns == before
    assert cli.main([*command, "--epochs", "2", "--seeds", "2", "--resume"]) == 2
    assert "run 'gan-s0' has --epochs 1, not 2: give" in capsys.readouterr().err


STUDY = ["--size", "32", "--batch-size", "4", "--epochs", "2", "--log-every", "5", "--resume"]
STUDY += ["--set", "width=4", "--set", "max_width=8", "--set", "latent_size=6"]


@pytest.fixture
def handed_out(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The names of the runs that comparisons of a test would train or resume."""
    names: list[str] = []
    monkeypatch.setattr(training, "_one_by_one", lambda _, jobs: names.extend(job.name for job in jobs) or 0)
    return names


@pytest.mark.parametrize(
    ("words", "said"),
    [
        ([], ""),
        (["--epochs", "3"], "--epochs 2, not 3"),
        (["--size", "64"], "--size 32, not 64"),
        (["--batch-size", "8"], "--batch-size 4, not 8"),
        (["--data", "phantom:mri"], "--data phantom:cxr, not phantom:mri"),
        (["--fit", "pad"], "--fit crop, not pad"),
        (["--precision", "bf16-mixed"], "--precision 32-true, not bf16-mixed"),
        (["--snapshots"], "--snapshots off, not on"),
        (["--set", "lr=0.01"], "--set lr=0.0005, not lr=0.01"),
        (["--set", "width=8"], "--set width=4, not width=8"),
        (["--set", "augment=fixed"], "--set augment=none, not augment=fixed"),
    ],
)
def test_a_resumed_comparison_has_the_same_options(
    words: list[str], said: str, handed_out: list[str], tmp_path: Path, capsys: Capture
) -> None:
    untrained(tmp_path, "cgan-s0")
    command = ["compare", "cgan", "--data", "phantom:cxr", "--runs", str(tmp_path), "--seeds", "2", *STUDY, *words]
    assert cli.main(command) == (2 if said else 0)
    assert handed_out == ([] if said else ["cgan-s0", "cgan-s1"])
    error = f"error: run 'cgan-s0' has {said}: give the options that it has, or leave --resume out\n" if said else ""
    assert capsys.readouterr().err == error


@pytest.mark.parametrize("first", [True, False])
def test_of_several_processes_the_first_one_speaks(
    first: bool, handed_out: list[str], tmp_path: Path, capsys: Capture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(arguments, "FIRST", first)
    monkeypatch.setattr(trainer, "resume", lambda *_: None)  # of a finished run, nothing would be left to train
    untrained(tmp_path, "cgan")
    assert cli.main(["resume", "cgan", "--runs", str(tmp_path)]) == 0
    assert capsys.readouterr().out == (f"{tmp_path / 'cgan'}: finished\n" if first else "")
    command = ["compare", "gan_baseline", "cgan", "--data", "phantom:cxr", "--runs", str(tmp_path), "--set"]
    assert cli.main([*command, "r1_every=2"]) == 0
    said = capsys.readouterr()
    assert [bool(said.out), bool(said.err)] == [first, first]


def test_a_setting_that_no_network_uses_does_not_set_runs_apart(handed_out: list[str], tmp_path: Path) -> None:
    path = untrained(tmp_path, "cgan-s0").folder / "config.json"
    found = json.loads(path.read_text())
    found["settings"]["dropout"] = 0.3  # of perceptrons alone, and accepted before
    path.write_text(json.dumps(found))
    command = ["compare", "cgan", "--data", "phantom:cxr", "--runs", str(tmp_path), "--seeds", "2", *STUDY]
    assert cli.main(command) == 0
    assert handed_out == ["cgan-s0", "cgan-s1"]


def test_a_setting_is_for_those_presets_of_a_comparison_that_use_it(
    handed_out: list[str], tmp_path: Path, capsys: Capture
) -> None:
    command = ["compare", "gan_baseline", "cgan", "--data", "phantom:cxr", "--runs", str(tmp_path), "--set"]
    assert cli.main([*command, "r1_every=2"]) == 0
    assert handed_out == ["gan_baseline", "cgan"]
    said = "--set r1_every: the networks of 'gan_baseline' do not use it"
    assert capsys.readouterr().err.splitlines() == [f"note: {said}"]
    assert cli.main(["compare", "gan_baseline", *command[3:], "r1_every=2"]) == 2
    assert said in capsys.readouterr().err


def test_a_finished_comparison_may_be_evaluated_later(handed_out: list[str], tmp_path: Path) -> None:
    untrained(tmp_path, "cgan")
    assert cli.main(["compare", "cgan", "--data", "phantom:cxr", "--runs", str(tmp_path), *STUDY, "--snapshots"]) == 0
    assert handed_out == ["cgan"]


@pytest.mark.parametrize(
    ("seeds", "there", "found"),
    [
        ("2", "cgan", ["cgan", "cgan-s1"]),
        ("1", "cgan-s0", ["cgan-s0"]),
    ],
)
def test_a_comparison_may_get_other_seeds(
    seeds: str, there: str, found: list[str], handed_out: list[str], tmp_path: Path
) -> None:
    untrained(tmp_path, there)
    command = ["compare", "cgan", "--data", "phantom:cxr", "--runs", str(tmp_path), "--seeds", seeds, *STUDY]
    assert cli.main(command) == 0
    assert handed_out == found
    # A run of that name which is none of the comparison stays alone.
    assert cli.main([*command, "--epochs", "9"]) == 0
    assert there not in handed_out[len(found) :]


@pytest.mark.parametrize(
    "source",
    [
        "SHAPES",
        "patients:SHAPES?table=a.csv&file=a",
        "classes:disc=SHAPES/disc;bar=SHAPES/*",
        "hf:./SHAPES:a",
    ],
)
def test_workers_find_a_source_that_is_named_from_here(
    source: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "shapes").mkdir()
    monkeypatch.chdir(tmp_path)
    sources: list[str] = []
    monkeypatch.setattr(ray_cluster, "train_all", lambda jobs, train, options, *_: sources.append(options.source) or {})
    here = source.replace("SHAPES", "shapes")
    command = ["compare", "cgan", "--data", here, "--runs", str(tmp_path / "runs"), *STUDY]
    assert cli.main([*command, "--on", "ray"]) == 0
    there = source.replace("./", "").replace("SHAPES", str(tmp_path / "shapes"))
    assert sources == [there]
    # A run that a worker trained is one of the comparison, whether workers go on with it or this process.
    untrained(tmp_path / "runs", "cgan", source=there)
    assert cli.main(command) == 0
    assert cli.main([*command, "--on", "ray"]) == 0


def test_a_name_is_found_when_none_is_given(tmp_path: Path) -> None:
    pictures = make_pictures(tmp_path / "shapes")
    for _ in range(2):
        command = ["train", "gan", "--data", str(pictures), "--runs", str(tmp_path / "runs"), "--epochs", "1", *SMALL]
        assert cli.main(command) == 0
    assert sorted(path.name for path in (tmp_path / "runs").iterdir()) == ["gan", "gan-2"]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["train", "dcgann", "--data", "phantom:cxr"], "Did you mean 'dcgan'"),
        (["train", "gan", "--data", "/no/such/folder"], "/no/such/folder"),
        (["train", "gan", "--data", "phantom:leg"], "phantom:"),
        (["train", "gan", "--data", "SHAPES", "--name", "../x"], "run name '../x'"),
        (["train", "gan", "--data", "SHAPES", "--name", "a/b"], "run name 'a/b'"),
        (["train", "gan", "--data", "SHAPES", "--batch-size", "500"], "too few"),
        (["train", "gan", "--data", "SHAPES", "--batch-size", "1"], "--batch-size"),
        (["train", "gan", "--data", "SHAPES", "--epochs", "0"], "--epochs"),
        (["train", "gan", "--data", "SHAPES", "--size", "48"], "--size 48"),
        (["train", "gan", "--data", "SHAPES", "--set", "rate=1"], "no setting 'rate'"),
        (["train", "gan", "--data", "SHAPES", "--patient-pattern", "("], "pattern"),
        (["train", "cgan", "--data", "SHAPES/bar"], "two classes"),
        (["train", "gan", "--data", "EMPTY"], "no images"),
        (["resume", "nothing"], "no run 'nothing'"),
        (["generate", "nothing", "--num", "1", "--out", "x"], "no run 'nothing'"),
        (["diagnose", "nothing"], "no run 'nothing'"),
        (["export", "nothing", "--gif"], "no run 'nothing'"),
        (["prepare", "SHAPES", "--folders"], "--folders needs DEST"),
    ],
)
def test_mistakes(
    arguments: list[str],
    message: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.chdir(tmp_path)
    make_pictures(tmp_path / "SHAPES")
    (tmp_path / "EMPTY").mkdir()
    extra = [] if arguments[0] == "prepare" else ["--runs", str(tmp_path / "runs")]
    fixed = SMALL if arguments[0] == "train" else []
    assert cli.main([arguments[0], *arguments[1:2], *fixed, *extra, *arguments[2:]]) == 2
    (line,) = [line for line in capsys.readouterr().err.splitlines() if line.startswith("error:")]
    assert message in line
    assert not list((tmp_path / "runs").glob("*"))


def test_an_existing_name_is_refused_before_anything_is_prepared(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "config.json").touch()
    assert cli.main(["train", "gan", "--data", "nowhere", "--runs", str(tmp_path), "--name", "mine"]) == 2
    assert "exists already" in capsys.readouterr().err


def test_prepare_describes_and_writes_folders(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    pictures = make_pictures(tmp_path / "shapes")
    (pictures / "bar" / "bar000.png").write_bytes(b"")
    assert cli.main(["prepare", str(pictures), str(tmp_path / "out"), "--size", "32", "--folders"]) == 0
    said = capsys.readouterr()
    assert "bar000.png" in said.out + said.err
    written = sorted(path.relative_to(tmp_path / "out").parts[:2] for path in (tmp_path / "out").rglob("*.png"))
    assert {parts[0] for parts in written} == {"train", "val", "test"}
    assert len(written) == 39


@pytest.mark.parametrize("arguments", [[], ["trian"], ["train"], ["train", "gan", "--data", "x", "--epochs", "three"]])
def test_a_wrong_call_is_one_line_too(arguments: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        cli.main(arguments)
    assert ended.value.code == 2
    (line,) = capsys.readouterr().err.splitlines()
    assert line.startswith("error: ")
    assert line.endswith("--help")


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (["--set", "lr=nan"], "lr=nan: 'nan' is not a finite number"),
        (["--set", "lr=-1"], "lr is -1.0: use more than 0"),
        (["--set", "lr=0"], "lr is 0.0: use more than 0"),
        (["--set", "ema_decay=2"], "ema_decay is 2.0: use 0 or more, and less than 1"),
        (["--set", "width=0"], "width is 0: use 1 or more"),
        (["--set", "max_width=-4"], "max_width is -4: use 1 or more"),
        (["--set", "latent_size=-1"], "latent_size is -1: use 1 or more"),
        (["--set", "latent_size=0"], "latent_size is 0: use 1 or more"),
        (["--set", "generator=0,0"], "generator is (0, 0): use 1 or more"),
        (["--seed", "-1"], "--seed -1 is too small: use 0 or more"),
    ],
)
def test_impossible_settings_are_one_line(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], options: list[str], words: str
) -> None:
    command = ["train", "dcgan", "--data", "phantom:cxr?images=40", "--size", "32", "--batch-size", "4"]
    assert cli.main([*command, "--runs", str(tmp_path / "runs"), *options]) == 2
    said = capsys.readouterr().err
    assert words in said and "Traceback" not in said
    assert not (tmp_path / "runs").exists()


@pytest.mark.parametrize(
    "arguments",
    [
        ["compare", "gan", "--data", "phantom:cxr", "--seeds", "0"],
        ["evaluate", "gan", "--num", "0"],
        ["generate", "gan", "--num", "0", "--out", "x"],
        ["evaluate", "gan", "--seed", "-1"],
        ["evaluate", "gan", "--trainings", "0"],
    ],
)
def test_numbers_out_of_range_are_refused(arguments: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit, match="2"):
        cli.main(arguments)
    assert "is too small" in capsys.readouterr().err


def test_the_version_is_printed(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit, match="0"):
        cli.main(["--version"])
    assert capsys.readouterr().out == f"GANray {__version__}\n"


@pytest.mark.parametrize("name", ["-x", "--help", "--runs"])
def test_a_run_whose_name_looks_like_an_option_is_found(
    name: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    make_run(tmp_path, "mine", "gan", 2, 2).folder.rename(tmp_path / name)
    for words in (["--", name], [f"./{name}"]):
        assert (
            cli.main(
                ["export", "--gif", "--out", str(tmp_path / "out.gif"), "--overwrite", f"--runs={tmp_path}", *words]
            )
            == 0
        )
    assert (tmp_path / "out.gif").stat().st_size > 0
    if name == "-x":
        capsys.readouterr()
        with pytest.raises(SystemExit):
            cli.main(["export", "--gif", name])
        assert "if '-x' is a name, write ./-x, or -- before it" in capsys.readouterr().err


REFUSED_EARLY = [
    (["--set", "nosuch=1"], "no setting 'nosuch'"),
    (["--set", "width=abc"], "'abc' is not a whole number"),
    (["--set", "augment=much"], "'augment' is 'much'; it must be one of none, fixed, adaptive"),
    (["--set", "width=0"], "width is 0: use 1 or more"),
    (["--set", "lr=0"], "lr is 0.0: use more than 0"),
    (["--patience", "3"], "--patience 3: distances are measured at snapshots: add --snapshots"),
    (["--keep", "best"], "--keep best: it chooses among the snapshots of previews: add --snapshots"),
    (["--from", "NOSUCH"], "no run 'NOSUCH'"),
    (["--from", "other"], "--from other: it was trained with preset 'gan', not 'dcgan': name that one"),
    (["--size", "48"], "--size 48: choose one of"),
    (["--batch-size", "1"], "--batch-size 1 is too small"),
    (["--domains", "a,b"], "'dcgan' does not translate: --domains is for presets that do"),
    (["--patient-pattern", "("], "pattern"),
    (["--data", "phantom:cxr?pictures=3"], "no option 'pictures'"),
    (["--data", "/no/such/folder"], "there is no '/no/such/folder': give a folder"),
    (["--data", "x" * 5000], "a name is not as long as that"),
]


@pytest.mark.parametrize("command", ["train", "plan", "compare"])
@pytest.mark.parametrize(("options", "words"), REFUSED_EARLY, ids=[" ".join(each)[:40] for each, _ in REFUSED_EARLY])
def test_what_needs_neither_torch_nor_data_is_refused_without(
    command: str, options: list[str], words: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: Capture
) -> None:
    if command == "compare" and "--from" in options:
        pytest.skip("compare begins with random weights")
    for module in ("run_plan", "growth", "trainer"):  # all that a training imports with torch
        monkeypatch.setitem(sys.modules, f"gan_core.training.{module}", None)
    monkeypatch.setattr(data, "prepare", lambda *_, **__: pytest.fail("the data was read"))
    make_run(tmp_path, "other", "gan", 2, 2)
    given = [command, "dcgan", "--data", "phantom:cxr", "--runs", str(tmp_path), *options]
    assert cli.main(given) == 2
    said = capsys.readouterr()
    (line,) = said.err.splitlines()
    assert line.startswith("error: ") and words in line and len(line) < 300
    assert said.out == "" and [path.name for path in tmp_path.iterdir()] == ["other"]


@pytest.mark.processes
def test_an_early_refusal_does_without_torch() -> None:
    code = """
import sys
from gan_core import cli
for options in (["--set", "nosuch=1"], ["--patience", "3"], ["--data", "/nope"], ["--from", "NOSUCH"]):
    assert cli.main(["train", "dcgan", "--data", "phantom:cxr", *options]) == 2
assert "torch" not in sys.modules
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


def test_networks_that_cannot_be_are_refused_before_the_data_is_read(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: Capture
) -> None:
    from gan_core.training import run_plan

    monkeypatch.setattr(run_plan.data, "prepare", lambda *_, **__: pytest.fail("the data was read"))
    for preset, setting, words in (
        ("dcgan", "skips=9", "--set skips=9: there are 4 resolutions below the image's"),
        ("dcgan", "width=900000", "networks of more than 1e+09 numbers"),
        ("opacity", "widths=24,41,60,80", "use multiples of 8, for example --set widths=24,40,64,80"),
    ):
        given = ["train", preset, "--data", "phantom:cxr", "--runs", str(tmp_path), "--set", setting]
        assert cli.main([*given, "--set", "max_width=900000"] if "900000" in setting else given) == 2
        (line,) = capsys.readouterr().err.splitlines()
        assert words in line


def test_the_best_weights_of_a_translator_are_refused(tmp_path: Path, capsys: Capture) -> None:
    given = ["train", "cut", "--data", "phantom:cxr", "--runs", str(tmp_path), "--keep", "best", "--snapshots"]
    assert cli.main(given) == 2
    assert "--keep best: 'cut' does not generate" in capsys.readouterr().err


@pytest.mark.parametrize(("snapshots", "keep"), [(False, "best"), (False, "last"), (True, "best"), (True, "last")])
def test_what_the_train_page_asks_for_is_accepted(snapshots: bool, keep: Literal["best", "last"]) -> None:
    """It names `--keep` only where that is not the default, with snapshots or without."""
    asked = RunOptions("dcgan", "phantom:cxr", snapshots=snapshots, keep=keep)
    for command in ("train", "plan"):
        given = parser._parser().parse_args([command, *asked.words()])
        assert arguments.training(given, "dcgan").keep == keep


def test_the_list_says_what_a_run_began_with_and_which_weights_it_kept(tmp_path: Path, capsys: Capture) -> None:
    changes: dict[str, dict[str, Any]] = {
        "plain": {},
        "grown": {"grown_from": {"run": "small", "epoch": 10, "image_size": 32} | COUNTS},
        "other": {"grown_from": {"run": "/far/away/small", "epoch": 7, "image_size": 64} | COUNTS},
        "early": {"patience": 3, "epochs": 40, "kept": {"which": "best", "epoch": 5, "distance": 4.0}},
        "late": {"patience": 3, "kept": {"which": "best", "epoch": 10, "distance": 4.0}},
    }
    for name, change in changes.items():
        folder = make_run(tmp_path, name, "dcgan", 10, 2).folder
        (folder / "config.json").write_text(json.dumps(json.loads((folder / "config.json").read_text()) | change))
    status = tmp_path / "early" / "status.json"
    status.write_text(json.dumps(json.loads(status.read_text()) | {"epochs": 40}))
    assert cli.main(["list", "--runs", str(tmp_path)]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert max(map(len, lines)) <= 100
    below = {lines[place - 1].split()[0]: line.strip() for place, line in enumerate(lines) if line.startswith("  ")}
    assert below == {
        "grown": "grew from small (epoch 10)",
        "other": "goes on from small (epoch 7)",
        "early": "stopped early, kept epoch 5",
    }


@pytest.mark.parametrize(("window", "columns"), [(None, 10), (200, 10), (50, 6), (10, 4)])
def test_the_list_leaves_out_what_does_not_fit(tmp_path: Path, window: int | None, columns: int) -> None:
    make_run(tmp_path, "plain", "dcgan", 10, 2)
    head, line, *rest = listing.summary(list_runs(tmp_path), window).splitlines()
    names = ["run", "preset", "state", "epoch", "loss/g", "loss/d", "real", "fake", "held out", "diversity"]
    assert head.split() == " ".join(names[:columns]).split() and len(line.split()) == columns
    assert rest == ([f"left out, as the window is narrow: {', '.join(names[columns:])}"] if columns < 10 else [])
