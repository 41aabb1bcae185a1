"""Any table: a row a step or an epoch, and any folder of numbered pictures beside it."""

import re
from pathlib import Path

import numpy as np

from gan_core.errors import UserError
from gan_core.importers import columns, counters, pictures, rows, texts
from gan_core.importers.found import FoundTraining, ImportOptions, Unit
from gan_core.runs.tables import ROW_NAMES, Table

_MOST_STEPS = 2.0**53  # whole numbers in float64
_MOST_EPOCHS = 1e9
_PERCENT = re.compile(r"([-+]?(?:\d{1,15}(?:[.,]\d{0,30})?|[.,]\d{1,30}))\s?%")
_TENSOR = re.compile(rf"tensor\(({texts.NUMBER})\b[^()]{{0,100}}\)")  # as torch's are written into a table
_MISSING = ("", "nan", "na", "n/a", "none", "null", "-", "inf", "+inf", "-inf")  # cells without a number


def read(path: Path, options: ImportOptions) -> FoundTraining:
    """Return the training of a table.

    path: the table, or a folder with one table, in which pictures are looked for too. Beside a table that was named
    itself, pictures are looked for with `--images` only.

    Raises:
        UserError: the table cannot be read, is larger than a run's may be, or holds no numbers.
    """
    table = path
    if path.is_dir():
        found = [name for name in texts.names(path) if name.lower().endswith((".csv", ".tsv"))]
        if len(found) != 1:
            listed = f": {', '.join(texts.shown(name, 40) for name in found[:6])}" if found else ""
            raise UserError(f"{path} holds {len(found) or 'no'} tables{listed}: name the table itself")
        table = path / found[0]
    training = of_table(table, options, "csv")
    folder = path if path.is_dir() else table.parent
    if options.images or path.is_dir():
        return pictures.with_pictures(training, pictures.find(folder, options.images), options)
    return training


def of_table(path: Path, options: ImportOptions, kind: str) -> FoundTraining:
    """Return the training of a table, without pictures. Raises: as `read`."""
    found, headers, read_as = numbers(path)
    names = list(found)
    step, epoch = columns.counted_by(names, options.x)
    notes = list(read_as)
    if not step and not epoch:
        found = {columns.STEP: np.arange(len(next(iter(found.values()))), dtype=float), **found}
        step = columns.STEP
        notes.append("no column counts steps or epochs: the rows are counted")
    known = np.isfinite(found[step or epoch])
    if not known.any():
        raise UserError(f"{path}: no row has a number in its column '{texts.shown(step or epoch, 60)}'")
    uncounted = ~known & np.any([np.isfinite(values) for values in found.values()], axis=0)
    if uncounted.any():
        notes.append(f"rows without a number in '{texts.shown(step or epoch, 60)}' were left out: {uncounted.sum():,}")
    headers = np.unique(np.append(0, np.cumsum(known))[headers])
    found = {name: values[known] for name, values in found.items()}
    found, per_epoch, words = _over_epochs(found, step, epoch, options.steps_per_epoch)
    notes += words
    found, words = _newest(found, step, epoch, headers)
    notes += words
    merged = rows.of_columns(found, step or epoch)
    table, counts, words = counted(merged, step, epoch, per_epoch)
    named = columns.named([name for name in names if name not in (step, epoch, *columns.OWN)], options.names)
    objective = columns.objective_of(options.objective, path.stem)
    made, metrics, left = columns.finished(table, named, objective)
    told = columns.told(named)
    return FoundTraining(
        kind=kind,
        place=path.name,
        preset=path.stem,
        columns=made,
        metrics=metrics,
        counts=counts,
        objective=objective,
        notes=(*notes, *words, *left, *([told] if told else [])),
    )


def _over_epochs(
    found: dict[str, np.ndarray], step: str, epoch: str, per_epoch: int
) -> tuple[dict[str, np.ndarray], int, tuple[str, ...]]:
    """Return a table whose steps count over the whole training, where they start anew in every epoch; the steps of an
    epoch that are still to be used for its epochs; and notes. Raises: as `counters.over_epochs`."""
    if step and epoch and np.isfinite(found[epoch]).any():
        epochs = counters.filled(found[epoch])
        one = counters.over_epochs(found[step], epochs, per_epoch, texts.shown(step, 60))
        if one is not None:
            places = epochs if one.epochs is None else one.epochs
            return {**found, step: one.steps, epoch: places}, 0, (one.note,)
    elif step and counters.within_epochs(step, found[step]):
        note = f"'{texts.shown(step, 60)}' starts anew again and again: the rows are counted as steps"
        return {**found, step: np.arange(len(found[step]), dtype=float)}, per_epoch, (note,)
    return found, per_epoch, ()


def _newest(
    found: dict[str, np.ndarray], step: str, epoch: str, headers: np.ndarray
) -> tuple[dict[str, np.ndarray], tuple[str, ...]]:
    """Return a table in which an earlier training ends where the next one starts, and a note if there was one."""
    counter = found[step or epoch]
    own = [values for name, values in found.items() if name not in (step, epoch)]
    given = np.isfinite(np.stack(own, axis=1)) if own else np.ones((len(counter), 1), bool)
    kept, left = rows.kept_rows(counter, counters.starts(counter, given, headers))
    if not left:
        return found, ()
    ends = ", ".join(f"{end:g}" for end in left[:5])
    note = f"the table holds earlier trainings, which ended at {'step' if step else 'epoch'} {ends}"
    return {name: values[kept] for name, values in found.items()}, (f"{note}: only their rows before the next",)


def counted(
    table: dict[str, np.ndarray], step: str, epoch: str, steps_per_epoch: int
) -> tuple[dict[str, np.ndarray], Unit, tuple[str, ...]]:
    """Return a table with the columns `step` and, where it is known, `epoch`; what the run counts; and notes.

    step, epoch: their names in the table, "" for none.

    Raises:
        UserError: the column counts nothing, since it is negative or too large.
    """
    found, notes = dict(table), []
    if epoch and not step:
        epochs = found[columns.EPOCH] = table[epoch]
        found[columns.STEP] = np.rint(epochs * steps_per_epoch) if steps_per_epoch else epochs
        if not steps_per_epoch:
            notes.append("the steps of an epoch are not known: the column step counts epochs")
    else:
        found[columns.STEP] = table[step]
        if steps_per_epoch:
            found[columns.EPOCH] = found[columns.STEP] / steps_per_epoch
        elif epoch:
            found[columns.EPOCH] = counters.fractions(found[columns.STEP], counters.filled(table[epoch]))
    steps = found[columns.STEP]
    if steps.min() < 0 or steps.max() >= _MOST_STEPS:
        wrong = steps.min() if steps.min() < 0 else steps.max()
        unit = "steps" if step else "epochs"
        raise UserError(f"the column '{texts.shown(step or epoch, 60)}' counts no {unit}: it reaches {wrong:g}")
    if columns.EPOCH in found:
        odd = ~np.isnan(known := found[columns.EPOCH]) & ~((known >= 0) & (known < _MOST_EPOCHS))
        if odd.any() and not step:
            name = texts.shown(epoch, 60)
            raise UserError(f"the column '{name}' counts no epochs: it reaches {known[odd][0]:g}")
        if odd.any():
            found.pop(columns.EPOCH)
            notes.append(f"the epochs were left out: '{texts.shown(epoch or step, 60)}' reaches {known[odd][0]:g}")
    return found, "epoch" if columns.EPOCH in found else "step", tuple(notes)


def numbers(path: Path) -> tuple[dict[str, np.ndarray], np.ndarray, tuple[str, ...]]:
    """Return the numeric columns of a table, float64 (n,) each, by name; the rows before which its line of names stands
    again; and notes on what could be read in two ways or not at all. Percentages become shares.

    Raises:
        UserError: it cannot be read, or holds no numbers.
    """
    table = Table(path, whole=True)
    table.poll()
    if table.problem.startswith(f"{path.name} cannot be read") or (table.problem and not len(table)):
        raise UserError(f"{path.parent / table.problem}")
    if not path.exists():
        raise UserError(f"{path}: there is no such file")
    names = [name for name in table.names if name != ROW_NAMES]
    headers = _headers(table, names)
    found: dict[str, np.ndarray] = {}
    shares, left, odd = [], [], []
    for name in names:
        values, percent, texts_there = _cells(table, name, headers)
        if np.isfinite(values).any():
            found[name] = values
            shares += [_short(name)] if percent else []
            odd += [f"{len(texts_there)} in {_short(name)}, such as '{_short(texts_there[0])}'"] if texts_there else []
        elif texts_there:
            left.append(_short(name))
    if not found:
        raise UserError(f"{path} is no table of numbers: its first line names the columns, each other line is a row")
    notes = list(table.notes)
    notes += [f"percentages were read as shares from 0 to 1: {_listed(shares)}"] if shares else []
    notes += [f"columns that hold no numbers were left out: {_listed(left)}"] if left else []
    notes += [f"cells that hold no numbers were left out: {_listed(odd, '; ')}"] if odd else []
    return found, np.flatnonzero(headers) - np.arange(headers.sum()), tuple(notes)


def _headers(table: Table, names: list[str]) -> np.ndarray:
    """Return which rows are the line of names once more, bool (n,): programs that append write it at every start."""
    cells = [table.text(name) for name in names]
    if not names or not all(cells):
        return np.zeros(len(table), bool)
    alike = [np.array([cell.strip() == name for cell in column]) for name, column in zip(names, cells, strict=True)]
    return np.asarray(2 * np.sum(alike, axis=0) > len(names))


def _cells(table: Table, name: str, headers: np.ndarray) -> tuple[np.ndarray, bool, list[str]]:
    """Return a column without rows of names, float64 (n,); whether it holds percentages; and its texts."""
    values, percent, odd = table.column(name).copy(), False, []
    for row, cell in enumerate(table.text(name)):
        if np.isfinite(values[row]) or headers[row] or cell.strip().lower() in _MISSING:
            continue
        if match := _PERCENT.fullmatch(cell.strip()):
            values[row], percent = float(match[1].replace(",", ".")) / 100, True
        elif match := _TENSOR.fullmatch(cell.strip()):
            values[row] = float(match[1])
        else:
            odd.append(cell.strip())
    return values[~headers], percent, odd


def _short(text: str) -> str:
    return texts.shown(text, 40)


def _listed(words: list[str], between: str = ", ") -> str:
    more = f" and {len(words) - 6} more" if len(words) > 6 else ""
    return between.join(words[:6]) + more
