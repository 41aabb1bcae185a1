"""The command report: the page and the figures of runs, made in a process of its own."""

from pathlib import Path

import pytest

from dashboard.report import command
from gan_core import cli
from tests.helpers.run_folders import make_run


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("report")
    make_run(folder, "one", "dcgan", 2, 4)
    make_run(folder, "two", "gan", 2, 4).folder.rename(folder / "-two")
    return folder


@pytest.mark.processes
def test_ganray_report_writes_what_it_says(root: Path, tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    out, figures = tmp_path / "page", tmp_path / "figures"
    places = [f"--out={out}", f"--figures={figures}"]
    assert cli.main(["report", *places, "--title=-A & b", "--runs", str(root), "--", "one", "-two"]) == 0
    said = capfd.readouterr()
    assert said.err == "" and said.out.count("\n") == 2
    text = (out / "index.html").read_text(encoding="utf-8")
    assert "<h1>-A &amp; b</h1>" in text
    assert len(list(out.glob("pictures/*/*.png"))) == 6
    assert {"samples.png", "references.bib", "README.txt"} <= {path.name for path in figures.iterdir()}


def test_a_name_that_ends_in_html_is_one_file(root: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    page = tmp_path / "p.HTML"
    assert command.main(["one", "--out", str(page), "--runs", str(root)]) == 0
    assert page.read_text(encoding="utf-8").startswith("<!doctype html>")
    assert capsys.readouterr().out == f"{page}: the page, one file\n"


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["one"], "nothing to write"),
        (["none", "--out", "x.html"], "no run 'none'"),
        (["one", "--out", "no/such/x.html"], "there is no folder"),
        (["one", "--out", "{root}"], "is there already"),
        (["one", "--figures", "{root}/one"], "is there already"),
    ],
)
def test_a_mistake_is_one_line(
    root: Path, arguments: list[str], words: str, capsys: pytest.CaptureFixture[str]
) -> None:
    given = [word.replace("{root}", str(root)) for word in arguments]
    assert command.main([*given, "--runs", str(root)]) == 2
    said = capsys.readouterr().err
    assert words in said and said.startswith("error: ") and said.count("\n") == 1
