"""An option of a run is declared once: from there it reaches the command line, a run's plan and the documents."""

import dataclasses
from pathlib import Path
from typing import Any

import pytest

from gan_core import cli, run_options
from gan_core.cli import parser
from gan_core.config import RunConfig
from gan_core.errors import UserError
from gan_core.run_options import RunOptions, declared, option
from gan_core.training import run_plan
from tools import document_run_options

EVERY = RunOptions(
    "pix2pix",
    "slices",
    epochs=3,
    batch_size=2,
    image_size=32,
    channels=3,
    fit="pad",
    patient_pattern=r"-(\d+)_",
    grow_from="smaller",
    freeze=True,
    preview_every=2,
    preview_start="even",
    log_every=5,
    snapshots=True,
    keep="last",
    patience=3,
    domains=("T1", "T2"),
    pair_pattern=r"-(\d+)_",
    preview_inputs="phantom:mri",
    device="cpu",
    precision="32-true",
    settings=("lr=0.1", "width=8"),
    seed=4,
)


@pytest.mark.parametrize("asked", [EVERY, RunOptions("gan", "phantom:cxr")])
def test_the_command_line_reads_what_the_options_say(asked: RunOptions) -> None:
    given = parser._parser().parse_args(["train", *asked.words()])
    assert RunOptions.of(vars(given)) == asked


def test_only_what_differs_from_the_default_is_said() -> None:
    assert RunOptions("gan", "phantom:cxr", epochs=3).words() == ["gan", "--data", "phantom:cxr", "--epochs", "3"]
    assert {name for name, one in declared().items() if getattr(EVERY, name) == one.default} == set()


def test_config_json_keeps_every_option_with_the_same_default() -> None:
    kept = {field.name: field for field in dataclasses.fields(RunConfig)}
    recorded = {name: one for name, one in declared().items() if one.recorded}
    assert recorded.keys() <= kept.keys()
    later = {name for name in recorded if kept[name].default is not dataclasses.MISSING}
    later.remove("preview_start")  # new runs begin with many previews; those before the option existed did not
    later.remove("keep")  # new runs keep their best weights; those before the option existed kept the last ones
    assert {name: kept[name].default for name in later} == {name: recorded[name].default for name in later}


def test_an_option_that_is_declared_needs_no_further_code(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A made-up one reaches --help, the plan, the words for another process, and the documents."""
    fields: list[Any] = [
        ("contrast", float, option(1.0, "how far greys are spread")),
        ("mirrors", tuple[str, ...], option((), "axes to mirror", metavar="A,B", recorded=False)),
    ]
    more = dataclasses.make_dataclass("More", fields, bases=(RunOptions,), frozen=True)
    monkeypatch.setattr(run_options, "RunOptions", more)
    planned: list[Any] = []

    def stop(asked: Any, root: Path) -> None:
        planned.append(asked)
        raise KeyboardInterrupt

    monkeypatch.setattr(run_plan, "plan", stop)
    command = ["train", "gan", "--data", "phantom:cxr", "--contrast", "0.5", "--mirrors", "x,y"]
    assert cli.main([*command, "--runs", str(tmp_path)]) == 130
    (asked,) = planned
    assert (asked.contrast, asked.mirrors) == (0.5, ("x", "y"))
    assert asked.words()[-4:] == ["--contrast", "0.5", "--mirrors", "x,y"]
    assert asked.recorded()["contrast"] == 0.5 and "mirrors" not in asked.recorded()
    assert "| `--contrast CONTRAST` | How far greys are spread (default 1.0). |" in document_run_options.table()


def test_the_documents_list_the_options_as_they_are() -> None:
    text = document_run_options.PAGE.read_text(encoding="utf-8")
    assert document_run_options.replaced(text) == text, "write the table anew: python -m tools.document_run_options"


@pytest.mark.parametrize(
    ("asked", "words"),
    [
        (RunOptions("gan", "x", domains=("a", "b")), "'gan' does not translate: --domains is for presets that do"),
        (RunOptions("gan", "x", pair_pattern="(x)"), "'gan' does not train on pairs: --pair-pattern is for presets"),
        (RunOptions("gan", "x", preview_every=0), "--preview-every 0 is too small: use 1 or more"),
        (RunOptions("gan", "x", batch_size=1), "--batch-size 1 is too small: use 2 or more"),
    ],
)
def test_what_a_preset_cannot_do_is_said_before_data_is_read(asked: RunOptions, words: str) -> None:
    with pytest.raises(UserError, match=words):
        run_plan.plan(asked)
