"""Which columns of other programs mean what ours mean, and a chart of its own for every other column."""

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import chain, count

import numpy as np

from gan_core import metrics, usual_names
from gan_core.errors import UserError, nearest
from gan_core.importers import texts
from gan_core.importers.texts import shown
from gan_core.metrics import PERCENT, Metric

MOST = 150  # columns with a chart, of the 200 that a run may have
STEP, EPOCH, SECONDS, SPEED = "step", "epoch", "seconds", "images_per_second"
OWN = (STEP, EPOCH, SECONDS, SPEED)  # of every table, without a chart
STEPS = ("step", "steps", "global_step", "trainer/global_step", "iteration", "iterations", "iter", "iters", "batch")
EPOCHS = ("epoch", "epochs", "current_epoch")


@dataclass(frozen=True)
class Named:
    """A column under the name that a run gives it.

    weight: its values are divided by it. name: how its program calls it.
    """

    column: str
    title: str = ""
    weight: float = 1.0
    name: str = ""


def tidy(name: str) -> str:
    """Return a stranger's column name as one that a table can have: printable, short, without commas and quotes."""
    line = re.sub(r"[,;\"'<>`|\\]+", " ", shown(name))
    return re.sub(r"\s+", " ", line).strip() or "unnamed"


def named(
    names: Iterable[str], wanted: Mapping[str, str], known: Mapping[str, Named] | None = None
) -> dict[str, Named]:
    """Return what each column is called here.

    names: as the program calls them. wanted: `--map`, theirs to ours. known: what is known of this program's columns.
    Of two columns that mean the same, the first keeps our name.

    Raises:
        UserError: `wanted` names a column that is not there, or gives two columns one name.
    """
    names = list(names)
    for theirs in wanted:
        if theirs not in names:
            listed = ", ".join(shown(name, 40) for name in names[:12])
            raise UserError(f"--map {theirs}: there is no such column.{nearest(theirs, names)} Columns: {listed}")
    found: dict[str, Named] = {}
    taken = set(OWN)
    for theirs, ours in wanted.items():
        column = tidy(ours)
        if column in taken:
            raise UserError(f"--map {theirs}={ours}: '{column}' is the name of another column")
        taken.add(column)
        found[theirs] = Named(column, name=theirs)
    for theirs in names:
        if theirs in found:
            continue
        given = known.get(theirs) if known else None
        one = given or Named(usual_names.known_as(theirs))
        if not one.column or one.column in taken:
            one = Named(_free(tidy(theirs), taken))
        taken.add(one.column)
        found[theirs] = replace(one, name=theirs)
    return found


def _free(name: str, taken: set[str]) -> str:
    numbered = (f"{name} {number}" for number in count(2))
    return next(one for one in chain((name,), numbered) if one not in taken)


def told(columns: Mapping[str, Named]) -> str:
    """Return in words which columns got our names; empty if none did."""
    pairs = [f"{tidy(one.name)} as {one.column}" for one in columns.values() if one.column != tidy(one.name)]
    more = f" and {len(pairs) - 8} more" if len(pairs) > 8 else ""
    return f"columns under our names: {', '.join(pairs[:8])}{more}" if pairs else ""


def finished(
    table: Mapping[str, np.ndarray], columns: Mapping[str, Named], objective: str
) -> tuple[dict[str, np.ndarray], tuple[Metric, ...], tuple[str, ...]]:
    """Return a table under our names, its metrics, and notes on what was changed or left out.

    table: float64 (n,) each under their names, those of `OWN` included. Shares that were logged in percent become
    shares; columns beyond `MOST` are left out, and so is a column without any number.
    """
    made = {name: table[name] for name in OWN if name in table}
    found: list[Metric] = []
    notes = []
    filled = [name for name in columns if name in table and name not in OWN and not np.isnan(table[name]).all()]
    # Columns under our names first: those are what runs are compared by.
    kept = sorted(filled, key=lambda name: columns[name].column == tidy(name))[:MOST]
    if len(kept) < len(filled):
        notes.append(f"{len(filled) - len(kept)} of {len(filled)} columns were left out: a run has at most {MOST}")
    for name in filled:
        if name not in kept:
            continue
        one = columns[name]
        values = table[name] / one.weight if one.weight != 1 else table[name]
        metric = of(one)
        if metric.unit == PERCENT and 1.5 < np.nanmax(values, initial=0) <= 100:
            values = values / 100
        made[one.column] = values
        found.append(metric)
    return made, metrics.resolved(found, objective, {}), tuple(notes)


def objective_of(known: str, program: str) -> str:
    """Return the objective of losses: the one that is known, else one of the program's own, so that its losses share no
    chart with those of another."""
    return known or f"that of {texts.shown(program, 60)}"


def of(one: Named) -> Metric:
    """Return the metric of a column: ours if we have one of that name, else one with a chart of its own."""
    if one.column == usual_names.ACCURACY.column:
        return usual_names.ACCURACY
    shared = metrics.of_column(one.column)
    if shared.title != one.column:
        return shared
    return Metric(one.column, one.title or one.column, shared.unit, watch=False)


def unit_of(name: str) -> str:
    """Return whether a column counts steps or epochs, by its name: "step", "epoch", or ""."""
    plain = name.strip().lower()
    return "step" if plain in STEPS else "epoch" if plain in EPOCHS else ""


def counted_by(names: Sequence[str], wanted: str) -> tuple[str, str]:
    """Return the columns that count the steps and the epochs, each "" if there is none.

    wanted: `--x`, a column, or "step" or "epoch" for what the rows count.

    Raises:
        UserError: there is no column of that name.
    """
    found = {unit: next((name for name in names if unit_of(name) == unit), "") for unit in (STEP, EPOCH)}
    if not wanted:
        return found[STEP], found[EPOCH]
    if wanted not in names:
        listed = ", ".join(shown(name, 40) for name in names[:12])
        raise UserError(f"--x {wanted}: there is no such column.{nearest(wanted, names)} Columns: {listed}")
    if unit_of(wanted) == EPOCH:
        return "", wanted
    return wanted, found[EPOCH] if found[EPOCH] != wanted else ""
