"""Evaluations as files: every number as CSV, the tables of the page as LaTeX or Markdown."""

import math
import re
from collections.abc import Iterable, Iterator, Sequence

from dashboard.library import csv_text, latex
from dashboard.library.evaluations import EVERYTHING, EvaluatedRun, MeasureRow, MeasureTable, RunColumn, decimals
from gan_core.evaluation.results import Direction, Evaluation, Fidelity, Measure, Progress, real_images

HEADER = ("run", "preset", "epoch", "part", "of", "by", "measure", "value", "low", "high", "floor", "count")


def written(value: float, digits: int, shows: str = "number") -> str:
    """Return a number as text, with a true minus sign; `shows="percent"` formats a share as per cent.

    Args:
        digits: Decimals of the value; a percentage gets two fewer.
    """
    if not math.isfinite(value):
        return "–"
    text = f"{value * 100:.{max(digits - 2, 0)}f}%" if shows == "percent" else f"{value:.{digits}f}"
    # A value that rounds to zero gets no sign.
    return text.replace("-", "−" if re.search("[1-9]", text) else "")


def interval(cell: Measure, digits: int, shows: str = "number") -> str:
    """Return the bounds of the 95 % interval as text; empty where there is none."""
    if cell.low is None or cell.high is None:
        return ""
    low, high = (written(end, digits, shows).removesuffix("%") for end in (cell.low, cell.high))
    return f"{low} to {high}" if "−" in low + high else f"{low}–{high}"


def small_print(cell: Measure, digits: int, shows: str, floor: bool) -> str:
    """Return what stands beside a value in small: its interval and, with `floor`, the value of its reference."""
    reference = f"reference {written(cell.floor, digits, shows)}" if floor and cell.floor is not None else ""
    return " · ".join(filter(None, (interval(cell, digits, shows), reference)))


def to_csv(runs: Sequence[EvaluatedRun]) -> str:
    """Return every measure of these runs as CSV, one per line."""
    rows: list[tuple[object, ...]] = [HEADER]
    for run in runs:
        found = run.found
        for part, of, by, name, cell in _all_measures(found):
            numbers = (cell.value, cell.low, cell.high, cell.floor, cell.count)
            rows.append((run.entry.name, found.preset, found.epoch, part, of, by, name, *map(as_text, numbers)))
    return csv_text.text(rows)


def to_markdown(table: MeasureTable) -> str:
    """Return the table in GitHub's Markdown; the best cell of a row is bold."""
    lines = [["Measure", *(["Real images"] if table.one_floor else []), *map(_heading, table.columns)]]
    lines.append(["---", *["---:"] * (len(lines[0]) - 1)])
    for row in table.rows:
        cells = [f"**{text}**" if best else text for text, best in _cells(row, table.one_floor)]
        lines.append([row.title, *_floor(row, table), *cells])
    return "".join(f"| {' | '.join(cell.replace('|', '/') for cell in line)} |\n" for line in lines)


def to_latex(table: MeasureTable) -> str:
    """Return the table as a `tabular` that needs the package booktabs; the best cell of a row is bold."""
    heads = ["Measure", *(["Real images"] if table.one_floor else []), *map(_heading, table.columns)]
    lines = [rf"\begin{{tabular}}{{l{'r' * (len(heads) - 1)}}}", r"\toprule", _latex_line(map(latex.escaped, heads))]
    for section in table.sections:
        lines.append(r"\midrule")
        for row in section.rows:
            found = [(latex.escaped(text), best) for text, best in _cells(row, table.one_floor)]
            cells = [rf"\textbf{{{text}}}" if best else text for text, best in found]
            lines.append(_latex_line([latex.escaped(row.title), *map(latex.escaped, _floor(row, table)), *cells]))
    return "\n".join([*lines, r"\bottomrule", r"\end{tabular}", ""])


def _all_measures(found: Evaluation) -> Iterator[tuple[str, str, str, str, Measure]]:
    """Yield (part, object, extractor or classifier, measure, value) for every number of an evaluation."""
    for part, groups in (("fidelity", found.fidelity), ("second opinion", found.second_opinion)):
        for of, one in groups.items():
            yield from ((part, of, _extractor(one), name, cell) for name, cell in one.measures.items())
    if found.progress:
        by = _extractor(found.progress)
        for point in found.progress.stands:
            of = f"epoch {point.epoch}, {point.images} images, {point.seconds:g} s"
            yield from (("progress", of, by, name, cell) for name, cell in point.measures.items())
    for score in found.utility:
        of = f"trained on {score.trained}, tested on {score.tested}"
        numbers = {name: getattr(score, name) for name in ("balanced_accuracy", "precision", "recall", "f1", "roc_auc")}
        yield "utility", of, score.classifier, "accuracy", score.accuracy
        for name, value in numbers.items():
            if value is not None:
                yield "utility", of, score.classifier, name, Measure(value, count=score.images)
    if found.memorisation:
        for space, near in found.memorisation.space.items():
            yield "memorisation", space, "", "share nearer than usual", near.share_nearer
            yield (
                "memorisation",
                space,
                "",
                "median distance",
                Measure(near.generated_median, floor=near.held_out_median),
            )
            yield "memorisation", space, "", "p-value", Measure(near.p_value)
    for way in found.audit:
        of = f"{way.source} to {way.target}"
        for flip in way.flips:
            by = flip.classifier if flip.sees == EVERYTHING else f"{flip.classifier}, sees {flip.sees}"
            yield "audit", of, by, "turned", flip.flipped
            yield (
                "audit",
                of,
                by,
                "mean chance of the target",
                Measure(flip.confidence_after, floor=flip.confidence_before),
            )
        measured = {"change": way.change, "cycle": way.cycle, "distance": way.distance}
        for what, group in {**measured, "untranslated": way.untranslated, "truth": way.truth}.items():
            yield from (("audit", of, "", f"{what}: {name}", cell) for name, cell in group.items())
        yield from _of_lungs(way, of)


def _of_lungs(way: Direction, of: str) -> Iterator[tuple[str, str, str, str, Measure]]:
    """Yield the comparison of lungs; `by` is the column."""
    for column in way.columns:
        by = f"{column.name} ({column.role})"
        yield from (("lungs", of, by, name, cell) for name, cell in column.measures.items())
        for flip in column.flips:
            yield "lungs", of, by, f"assigned to the target by {flip.classifier}, sees {flip.sees}", flip.flipped
        for space, group in column.distance.items():
            yield from (("lungs", of, by, f"{name} by {space}", cell) for name, cell in group.items())
    for dose in way.doses:
        at = f"{of}, severity {dose.severity:g}"
        yield from (("lungs", at, "", name, cell) for name, cell in dose.measures.items())
    yield from (("lungs", of, "", name, cell) for name, cell in way.grading.items())


def _extractor(one: Fidelity | Progress) -> str:
    return f"{one.extractor} ({one.features} features, {one.generated:,} generated, {real_images(one)})"


def listed(names: Sequence[str]) -> str:
    """Return names as people list them: "a", "a and b", "a, b and c"."""
    return " and ".join(filter(None, (", ".join(names[:-1]), *names[-1:])))


def as_text(value: float | None) -> str:
    """Return a number with seven significant digits, enough for float32; empty where it is missing or not finite."""
    return "" if value is None or not math.isfinite(value) else f"{value:.7g}"


def _heading(column: RunColumn) -> str:
    return f"{column.label}, {column.direction}" if column.way else column.label


def _floor(row: MeasureRow, table: MeasureTable) -> list[str]:
    if not table.one_floor:
        return []
    return ["–" if row.floor is None else written(row.floor, decimals(row.cells, row.shows), row.shows)]


def _cells(row: MeasureRow, one_floor: bool) -> Iterator[tuple[str, bool]]:
    """Yield the text of each cell and whether it is the best."""
    digits = decimals(row.cells, row.shows)
    for index, cell in enumerate(row.cells):
        if cell is None:
            yield "–", False
            continue
        text, reach = written(cell.value, digits, row.shows), interval(cell, digits, row.shows)
        beside = "" if one_floor or cell.floor is None else f"; {written(cell.floor, digits, row.shows)}"
        beside += f"; {row.seeds[index]} seeds" if row.seeds and row.seeds[index] > 1 else ""
        yield (
            f"{text} ({reach}{beside})" if reach else f"{text}{f' ({beside[2:]})' if beside else ''}",
            index == row.best,
        )


def _latex_line(cells: Iterable[str]) -> str:
    return " & ".join(cells) + r" \\"
