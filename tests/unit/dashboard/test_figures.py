"""Figures for a paper: every file is valid, and whatever a name holds, it is printed and never obeyed."""

import io
import re
import xml.etree.ElementTree as ET
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from dashboard.charts import svg
from dashboard.charts.styles import run_styles
from dashboard.charts.svg import Trace
from dashboard.library import latex
from dashboard.library.curves import Curve
from dashboard.library.store import Entry, Library
from dashboard.report import citation, comparison, curves, figures, frames, measures_latex, page, sheets_picture, tables
from dashboard.report.comparison import Comparison, ReportOptions
from gan_core import __version__, images
from gan_core.config import Ancestry
from gan_core.evaluation.results import Training
from gan_core.families import registry
from tests.conftest import ROOT
from tests.helpers import made_evaluations
from tests.helpers.recorded import record_run
from tests.helpers.run_folders import make_run

HOSTILE = r"a_b % & # $ { } ~ ^ \input{x} \\[2pt] <i> | -- \end{tabular} [x]"
WANTED = ReportOptions("Figures", "2026-01-02 03:04", 2, 0.9, "", {}, {}, "")


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("figures")
    for name, preset in (("one", "dcgan"), ("two", "gan"), ("there", made_evaluations.LIGHT)):
        way = made_evaluations.progress(0.6) if preset in ("dcgan", "gan") else None
        made_evaluations.write(make_run(folder, name, preset, 4, 10), progress=way)
    make_run(folder, "private", "cyclegan_unet_light", 4, 10, private=True)
    return folder


def compared(root: Path, *names: str, label: str = "") -> Comparison:
    """The comparison of runs; `label`: what the first of them is called."""
    library = Library(root)
    chosen = [entry for name in names if (entry := library.find(name))]
    if label:
        run = chosen[0].run
        run.name = label
        chosen[0] = Entry(run, chosen[0].status, chosen[0].config)
    return Comparison(library, chosen, run_styles(chosen), WANTED)


@pytest.fixture(scope="module")
def made(root: Path) -> dict[str, bytes]:
    return dict(figures.contents(compared(root, "one", "two", "there", "private", label=HOSTILE)))


class Latex:
    """Reads as much LaTeX as the files hold: what is opened is closed, and every command is one of ours."""

    OURS = frozenset(
        {"begin", "end", "centering", "caption", "label", "toprule", "midrule", "bottomrule", "par", "smallskip"}
        | {"linewidth", "footnotesize", "textbf", "includesvg", "includegraphics", "input", "ldots"}
        | {"rightarrow", "leftrightarrow", "textbackslash", "textasciitilde", "textasciicircum"}
        | {"textless", "textgreater", "textbar", "textquotedbl", "textasciigrave"}
    )

    def __init__(self, text: str) -> None:
        self.commands: list[str] = []
        self.rows: list[int] = []  # cells of each row of a table
        self.open: list[str] = []
        code = re.sub(r"(?<!\\)%.*", "", text)
        depth = math = 0
        for sign in re.findall(r"\\[A-Za-z]+|\\.|[{}$&\n]|[^\\{}$&\n]+", code):
            if sign[0] == "\\" and sign[1].isalpha():
                assert sign[1:] in self.OURS, sign
                self.commands.append(sign[1:])
            depth += {"{": 1, "}": -1}.get(sign, 0)
            math ^= sign == "$"
            assert depth >= 0
            assert not re.search(r"[#^_~]", sign) or sign[0] == "\\" or re.fullmatch(r"[a-z0-9-]+(\.\w+)?", sign), sign
        assert depth == 0 and math == 0
        for kind, name in re.findall(r"\\(begin|end)\{(\w+)\}", code):
            if kind == "begin":
                self.open.append(name)
            else:
                assert self.open.pop() == name
        assert self.open == []
        for body in re.findall(r"\\begin\{tabular\}\{(\w+)\}(.*?)\\end\{tabular\}", code, re.DOTALL):
            for line in body[1].splitlines():
                if line.endswith(r"\\"):
                    assert len(re.findall(r"(?<!\\)&", line)) + 1 == len(body[0]), line
                    self.rows.append(len(body[0]))


def test_the_reader_finds_what_is_not_latex() -> None:
    for wrong in ("{", "a_b", r"\write18{x}", r"\begin{table}", "$x", r"\begin{tabular}{lr}a & b & c \\\end{tabular}"):
        with pytest.raises(AssertionError):
            Latex(wrong + "\n")


@pytest.mark.parametrize("sign", [*'_%&#$~^\\<>|"`[]', "{}", "{", "}", "--", "\\\\", "\n", "\0", "→", HOSTILE])
def test_every_sign_of_a_name_is_printed(sign: str) -> None:
    text = latex.escaped(f"a{sign}b")
    assert "\n" not in text and "\0" not in text
    Latex(text)
    entry = latex.in_bibtex(f"a{sign}b")
    assert entry.count("{") == entry.count("}")


def test_the_zip_holds_all_files_and_names_them(made: dict[str, bytes]) -> None:
    charts = [name for name in made if name.endswith(".svg")]
    assert any("measured" in name for name in charts)
    assert {"samples.png", "measures-1.tex", "measures-2.tex", "references.bib", "figures.tex"} < set(made)
    assert len(charts) >= 3 + 5
    words = made["README.txt"].decode()
    assert all(name in words for name in made if name != "README.txt")
    assert "Left out: the grids of private" in words
    assert all(re.fullmatch(r"[A-Za-z0-9._-]+", name) for name in made)


def test_charts_are_xml_for_paper(made: dict[str, bytes]) -> None:
    space = "{http://www.w3.org/2000/svg}"
    for name, content in made.items():
        if not name.endswith(".svg"):
            continue
        drawn = ET.fromstring(content)
        assert drawn.tag == f"{space}svg"
        title, words = drawn.findtext(f"{space}title"), drawn.findtext(f"{space}desc")
        assert title and words and words.startswith(title)
        how = "the measured values" if "measured" in title else "exponential moving averages"
        assert f"Curves: {how}" in words
        ground = drawn.find(f"{space}rect")
        assert ground is not None and ground.get("fill") == "#ffffff"
        assert (ground.get("width"), ground.get("height")) == (drawn.get("width"), drawn.get("height"))
        fonts = {one.get("font-family") for one in drawn.iter() if one.get("font-family")}
        assert fonts == {"Helvetica, Arial, sans-serif"}
        tags = {one.tag.removeprefix(space) for one in drawn.iter()}
        assert tags <= {"svg", "title", "desc", "rect", "g", "path", "text", "clipPath", "polygon"}
        assert not re.search(rb"(href|url\((?!#)|<style|on\w+=)", content)


def test_a_legend_breaks_into_lines_and_holds_any_name() -> None:
    x = np.arange(5, dtype=np.float32)
    curve = Curve(x, x, x, x, 4.0)
    names = [f"<b>&\x00{'long ' * 20}{i}" for i in range(4)]
    drawn = ET.fromstring(svg.file([Trace(n, curve, "#0072B2", "dash") for n in names], "T", 4, "about", along="<x>"))
    texts = [one for one in drawn.iter() if one.tag.endswith("text") and (one.text or "").startswith("<b>& ")]
    assert len({one.get("y") for one in texts}) == 4
    assert max(float(one.get("y", 0)) for one in texts) < float(drawn.get("height", 0))


def test_the_picture_holds_every_pixel_as_a_square(root: Path) -> None:
    both = compared(root, "one", "there", "private")
    found = sheets_picture.comparison(frames.films(both.chosen, 2))
    assert found and [film.entry.name for film in found[1]] == ["one", "there"]
    with Image.open(io.BytesIO(found[0])) as opened:
        paper = np.asarray(opened.convert("L"))
        assert opened.text["Description"] == images.NOTICE
    for name, factor in (("one", 2), ("there", 2)):
        sheet = images.read_png(root / name / "samples/epoch_0002.png")[:, :, 0]
        wanted = np.kron(sheet, np.ones((factor, factor), np.uint8))
        found = [
            (top, left)
            for top in range(paper.shape[0] - wanted.shape[0] + 1)
            for left in (24, 24 + 532 + 24)
            if left + wanted.shape[1] <= paper.shape[1]
            and (paper[top : top + wanted.shape[0], left : left + wanted.shape[1]] == wanted).all()
        ]
        assert len(found) == 1
    assert sheets_picture.comparison(frames.films(compared(root, "private").chosen, None)) is None


def test_a_damaged_sheet_is_not_in_the_caption_of_the_picture(tmp_path: Path) -> None:
    for name in ("whole", "torn"):
        make_run(tmp_path, name, "dcgan", 1, 2)
    (tmp_path / "torn/samples/epoch_0001.png").write_bytes(b"torn")
    words = dict(figures.contents(compared(tmp_path, "whole", "torn")))["README.txt"].decode()
    assert "Samples of whole (epoch 1), at their own pixels." in words


def test_tables_are_latex_with_their_footnote(made: dict[str, bytes]) -> None:
    for name in ("measures-1.tex", "measures-2.tex", "figures.tex"):
        Latex(made[name].decode())
    generators = made["measures-1.tex"].decode()
    assert Latex(generators).rows and latex.escaped(HOSTILE) in generators
    for words in (
        "95 \\% intervals",
        "features of",
        "generated and",
        "resnet on 660 images of held-out patients",
        "Seed of the training",
        "Seed of the measurement",
    ):
        assert words in generators
    assert made["figures.tex"].decode().count("\\begin{figure}") == len(made) - 5


def test_a_footnote_says_once_what_all_runs_share(root: Path) -> None:
    [(table, runs)] = tables.measured(Library(root), compared(root, "one", "two").chosen)
    alike = measures_latex.footnote(table, runs)
    seeds = next(note for note in alike if note.startswith("Seed of the measurement"))
    assert seeds == f"Seed of the measurement: {runs[0].found.seed}."
    other = [runs[0], replace(runs[1], found=replace(runs[1].found, seed=7))]
    assert f"Seed of the measurement: {runs[0].found.seed} (one); 7 (two)." in measures_latex.footnote(table, other)


def test_a_footnote_warns_of_unequal_trainings_by_the_names_of_today(root: Path) -> None:
    [(table, runs)] = tables.measured(Library(root), compared(root, "one", "two").chosen)
    costs = [Training(0, images, 1.0, "") for images in (100, 200)]
    told = [
        replace(run, found=replace(run.found, run="renamed since", training=cost))
        for run, cost in zip(runs, costs, strict=True)
    ]
    assert "Unequal budgets: one saw 100 images; two saw 200 images." in measures_latex.footnote(table, told)


def test_every_paper_that_a_family_cites_has_an_entry() -> None:
    families = {preset.family for preset in registry.presets().values() if not preset.module}
    cited = {number for family in families for number in re.findall(r"arXiv:([\d.]+\d)", registry.docstring(family))}
    assert cited and set(citation.papers()) == cited
    for entry in citation.papers().values():
        assert entry.count("{") == entry.count("}") and re.search(r"author = .+\n  title = .+\n", entry)
    assert registry.docstring("../errors") == registry.docstring("") == ""


def test_references_cite_the_software_the_papers_and_the_data(root: Path) -> None:
    chosen = list(compared(root, "one", "two").chosen)
    config = chosen[0].config
    assert config
    before = Ancestry("first", 2, 32, 20, 80, 1.0, sources=("hf:other/first",))
    odd = replace(config, source="hf:owner/name:full", grown_from=before), replace(config, source=f"{HOSTILE}")
    chosen += [Entry(chosen[0].run, chosen[0].status, one) for one in odd]
    text = citation.bibtex(chosen)
    assert f"version = {{{__version__}}}" in text and "radford2015" in text and "goodfellow2014" in text
    assert r"\url{https://huggingface.co/datasets/owner/name}" in text
    assert r"\url{https://huggingface.co/datasets/other/first}" in text
    keys = re.findall(r"^@\w+\{([^,]+),$", text, re.MULTILINE)
    assert len(keys) == len(set(keys)) >= 5
    for entry in re.findall(r"^@.*?^\}", text, re.MULTILINE | re.DOTALL):
        assert entry.count("{") == entry.count("}")


def test_the_citation_file_names_this_version() -> None:
    text = (ROOT / "CITATION.cff").read_text(encoding="utf-8")
    assert re.search(rf"^version: {re.escape(__version__)}$", text, re.MULTILINE)
    assert f"(c) {citation.YEAR} " in (ROOT / "LICENSE").read_text(encoding="utf-8")


def test_a_comparison_of_named_runs_has_their_names_in_its_title(root: Path) -> None:
    assert comparison.named(["one", "two"], root).options.title == "Comparison of one and two"


def test_a_column_without_a_meaning_has_no_lone_full_stop(root: Path) -> None:
    record_run(root, "theirs")
    both = compared(root, "dcgan", "theirs")
    charts = [chart for group in curves.groups(both) for chart in group.charts]
    own = next(chart for chart in charts if chart.title == "Structure")
    assert not own.meaning.startswith(".") and any(chart.meaning for chart in charts)
    assert not any(chart.meaning.startswith((".", " ")) for chart in charts)
    text = page.in_one_file(both)
    assert "<p class='quiet'>.</p>" not in text and "<p class='quiet'></p>" not in text


@pytest.mark.parametrize("level", [1e-4, 2.5e-7, -1e-4, 0.02, 123.0, 5e6, 3e12])
def test_the_numbers_of_an_axis_have_room(level: float) -> None:
    x = np.linspace(0, 50, 20, dtype=np.float32)
    y = np.full(20, level, np.float32)
    drawn = svg.chart([Trace("lr", Curve(x, y, x, y, level), "#0072B2", "solid")], "lr", 50)
    numbers = re.findall(r'text-anchor="end">([^<]+)<', drawn)
    assert len(numbers) > 2 and len(set(numbers)) == len(numbers)
    assert all(6.7 * len(number) < svg.LEFT - 2 for number in numbers), numbers
    assert min(abs(float(n.replace("k", "e3").replace("M", "e6")) / level - 1) for n in numbers) < 0.05
