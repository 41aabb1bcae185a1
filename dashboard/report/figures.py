"""A comparison as figures for a paper: pictures, charts, the table of measures, and how to cite."""

from collections.abc import Iterator

from dashboard.charts import svg
from dashboard.library import store
from dashboard.library.evaluation_files import listed
from dashboard.library.latex import escaped
from dashboard.report import citation, curves, frames, measures_latex, sheets_picture, tables
from dashboard.report.comparison import Comparison
from dashboard.report.curves import Group, ReportedChart
from dashboard.report.folder import File, safe_name
from gan_core.images import NOTICE

SHEETS, README, LATEX, REFERENCES = "samples.png", "README.txt", "figures.tex", "references.bib"


def contents(compared: Comparison) -> Iterator[File]:
    """Yield the files: samples.png, chart-NN-TITLE.svg, measures-N.tex, references.bib, figures.tex and README.txt."""
    captions: dict[str, str] = {}
    films = frames.films(compared.chosen, compared.options.epoch, frames.NO_BOUND)
    if found := sheets_picture.comparison(films):
        picture, pictured = found
        shown = [f"{film.entry.label} ({film.at(film.opening)})" for film in pictured if film.opening]
        captions[SHEETS] = f"Samples of {listed(shown)}, at their own pixels. Generated images: {NOTICE}."
        yield SHEETS, picture
    number = 0
    for group in curves.groups(compared):
        for chart in group.charts:
            number += 1
            name = f"chart-{number:02d}-{safe_name(chart.title.lower())}.svg"
            captions[name] = caption(compared, group, chart)
            yield name, drawn(chart, captions[name])
    measured = [found for found in tables.measured(compared.library, compared.chosen) if found[0].rows]
    names = [f"measures-{number}.tex" for number in range(1, len(measured) + 1)]
    for number, (name, (table, runs)) in enumerate(zip(names, measured, strict=True), 1):
        yield name, measures_latex.table(table, runs, number).encode()
    yield REFERENCES, citation.bibtex(compared.chosen).encode()
    yield LATEX, latex(captions, names).encode()
    yield README, readme(compared, captions, names).encode()


def drawn(chart: ReportedChart, words: str) -> bytes:
    """Return a chart as an SVG file."""
    made = svg.file(chart.traces, chart.title, chart.end, words, along=chart.along, percent=chart.percent)
    return made.encode()


def caption(compared: Comparison, group: Group, chart: ReportedChart) -> str:
    """Return the caption of a chart: what it shows of whom, and how the curves were drawn."""
    names = listed([trace.name for trace in chart.traces])
    task = "" if len({entry.task for entry in compared.chosen}) == 1 else f", runs that {group.task}"
    values = "the logged values" if chart.table == store.METRICS else "the measured values"
    smoothing = compared.options.smoothing if chart.table == store.METRICS else 0
    how = f"exponential moving averages with weight {smoothing:g}; pale: {values}" if smoothing else values
    meaning = chart.meaning.strip().removesuffix(".")
    meaning = f" {meaning[:1].upper()}{meaning[1:]}." if meaning else ""
    return f"{chart.title} along {chart.along} of {names}{task}. Curves: {how}.{meaning}"


def latex(captions: dict[str, str], tables_named: list[str]) -> str:
    """Return the figures and tables as LaTeX that includes the other files."""
    lines = ["% \\usepackage{graphicx}, \\usepackage{svg} for the charts, \\usepackage{booktabs} for the table", ""]
    for name, words in captions.items():
        stem, _, kind = name.rpartition(".")
        command = "includesvg" if kind == "svg" else "includegraphics"
        lines += [
            "\\begin{figure}",
            "\\centering",
            f"\\{command}[width=\\linewidth]{{{stem if kind == 'svg' else name}}}",
            f"\\caption{{{escaped(words)}}}",
            f"\\label{{fig:{stem}}}",
            "\\end{figure}",
            "",
        ]
    lines += [f"\\input{{{name}}}" for name in tables_named]
    return "\n".join([*lines, ""])


def readme(compared: Comparison, captions: dict[str, str], tables_named: list[str]) -> str:
    """Return what is in the folder, with the captions as plain text, and what is missing and why."""
    one_line = " ".join(compared.options.title.split())
    lines = [one_line, compared.options.made, ""]
    for name, words in captions.items():
        lines += [name, f"  {words}", ""]
    lines += [f"{name}\n  The table of measures, for LaTeX with booktabs.\n" for name in tables_named]
    lines += [f"{LATEX}\n  All figures and tables with their captions, for LaTeX.\n"]
    lines += [f"{REFERENCES}\n  BibTeX: the software, the papers that the GANs come from, and the data.\n"]
    if hidden := [entry.label for entry in compared.chosen if entry.private]:
        lines += [f"Left out: the grids of {listed(hidden)}, which contain real images.\n"]
    if not tables_named:
        lines += ["There is no table of measures: none of these runs was evaluated.\n"]
    return "\n".join(lines)
