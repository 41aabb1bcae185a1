"""Any table: a row a step or an epoch, and any folder of numbered pictures beside it."""

from pathlib import Path

import numpy as np

from gan_core.errors import UserError
from gan_core.importers import columns, pictures, rows, texts
from gan_core.importers.found import FoundTraining, ImportOptions, Unit
from gan_core.runs.tables import ROW_NAMES, Table

_MOST_STEPS = 2.0**53  # whole numbers in float64
_MOST_EPOCHS = 1e9


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
    found, read_as = numbers(path)
    names = list(found)
    step, epoch = columns.counted_by(names, options.x)
    notes = list(read_as)
    if not step and not epoch:
        found = {columns.STEP: np.arange(len(next(iter(found.values()))), dtype=float), **found}
        step = columns.STEP
        notes.append("no column counts steps or epochs: the rows are counted")
    merged = rows.of_columns(found, step or epoch)
    if not len(merged[step or epoch]):
        raise UserError(f"{path}: no row has a number in its column '{texts.shown(step or epoch, 60)}'")
    table, counts, words = counted(merged, step, epoch, options.steps_per_epoch)
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
            found[columns.EPOCH] = fractions(found[columns.STEP], filled(table[epoch]))
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


def fractions(steps: np.ndarray, epochs: np.ndarray) -> np.ndarray:
    """Return the epochs that are done after each step, where a table holds whole ones, as a loop counts them.

    steps, epochs: (n,) in order of steps. Loops count from 0 or from 1, which the first row tells. Epochs that are
    fractions already, that fall, or of which there is one alone, are returned as they are.
    """
    known = np.isfinite(epochs)
    whole = known.all() and len(epochs) and (epochs == np.floor(epochs)).all() and (np.diff(epochs) >= 0).all()
    starts = np.flatnonzero(np.diff(epochs, prepend=-1.0) > 0) if whole else np.empty(0, int)
    if len(starts) < 2 or len(starts) == len(epochs):
        return epochs
    lengths = np.diff(steps[starts]) / np.diff(epochs[starts])
    lengths = np.append(lengths, np.median(lengths))  # the last epoch has no end yet
    place = np.searchsorted(starts, np.arange(len(epochs)), "right") - 1
    share = (steps - steps[starts][place] + 1) / lengths[place]
    first = 0 if epochs[0] == 0 else 1
    return epochs - first + np.minimum(share, 1.0)


def filled(values: np.ndarray) -> np.ndarray:
    """Return a column with the last known number in place of each that is missing, and the first one before it."""
    known = np.flatnonzero(np.isfinite(values))
    if not len(known):
        return values
    places = np.maximum(np.searchsorted(known, np.arange(len(values)), "right") - 1, 0)
    return values[known[places]]


def numbers(path: Path) -> tuple[dict[str, np.ndarray], tuple[str, ...]]:
    """Return the numeric columns of a table, float64 (n,) each, by name; and notes on what could be read in two ways.

    Raises:
        UserError: it cannot be read, or holds no numbers.
    """
    table = Table(path, whole=True)
    table.poll()
    if table.problem.startswith(f"{path.name} cannot be read") or (table.problem and not len(table)):
        raise UserError(f"{path.parent / table.problem}")
    if not path.exists():
        raise UserError(f"{path}: there is no such file")
    found = {name: table.column(name) for name in table.names if name != ROW_NAMES}
    found = {name: values for name, values in found.items() if np.isfinite(values).any()}
    if not found:
        raise UserError(f"{path} is no table of numbers: its first line names the columns, each other line is a row")
    return found, tuple(table.notes)
