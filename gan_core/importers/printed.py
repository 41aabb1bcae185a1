"""What the scripts of Keras-GAN and PyTorch-GAN print, captured in a file, and the numbered pictures that they store.

Keras-GAN:    `120 [D loss: 0.693147, acc.: 50.00%] [G loss: 0.693147]`; the number is one batch, whatever it is called
PyTorch-GAN:  `[Epoch 1/200] [Batch 5/938] [D loss: 0.693147] [G loss: 0.693147]`; both count from 0

Some scripts of Keras-GAN print as PyTorch-GAN does, with real epochs. Both are known by their lines, not by the kind.
"""

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from gan_core import usual_names
from gan_core.errors import UserError
from gan_core.importers import columns, pictures, texts
from gan_core.importers.columns import Named
from gan_core.importers.found import FoundTraining, ImportOptions
from gan_core.importers.rows import Rows

KINDS = {"keras-gan": "Keras-GAN", "pytorch-gan": "PyTorch-GAN"}
LOGS = (".txt", ".log", ".out")
# None of these goes back over what it has read: a log may come from anybody.
_BATCH = re.compile(r"\s*+(?:(?:[Ee]poch|[Ss]tep|Iteration)\s*+:?\s*+)?(\d{1,12}+)\s*+:?\s*+(?=\[[A-Za-z])")
_EPOCH = re.compile(r"\[Epoch:? (\d{1,9})/(\d{1,9})\]\s*+\[Batch:? (\d{1,9})/(\d{1,9})\]")
_BRACKET = re.compile(r"\[([^\[\]]{1,300})\]")
_NAME = r"(?<![\w.])[A-Za-z][\w.]{0,60}+(?: [\w.]{1,60}+){0,9}+"  # up to ten words
_PAIR = re.compile(rf"({_NAME})\s*+:\s*+({texts.NUMBER})\s*+(%)?")
_LOOKED_AT = 400  # lines of a file that may be a log
_MOST_LOGS = 20
_PLOTS = "its pictures are plots of matplotlib: resampled, so that they are shown and never measured"
_STRETCHED = "its pictures were stretched to their darkest and brightest value: they are shown and never measured"


@dataclass(frozen=True)
class _Line:
    """A line of a log. epoch, epochs, batches: None where a line counts batches alone."""

    number: int
    values: dict[str, float]
    epoch: int | None = None
    epochs: int = 0
    batches: int = 0


def parsed(line: str) -> _Line | None:
    """Return what a line says; None for any other line."""
    line = line[: texts.LONGEST_ROW]
    if "[" not in line:
        return None
    if match := _EPOCH.search(line):
        epoch, epochs, batch, batches = map(int, match.groups())
        values = _values(line[match.end() :])
        return _Line(epoch * batches + batch, values, epoch, epochs, batches) if values and batches else None
    if match := _BATCH.match(line):
        values = _values(line[match.end() :])
        return _Line(int(match[1]), values) if values else None
    return None


def _values(text: str) -> dict[str, float]:
    """Return the numbers of `[D loss: 0.69, acc.: 50.00%] [G loss: 0.7, adv: 0.1] -- M: 0.5` by their names, those of a
    bracket after its first with its player: `D loss`, `D acc.`, `G loss`, `G adv`, `M`."""
    found: dict[str, float] = {}
    for bracket in _BRACKET.findall(text):
        player = ""
        for name, number, percent in _PAIR.findall(bracket):
            name = name.strip()
            head, _, rest = name.partition(" ")
            if rest and not player:
                player = head
            full = name if rest or not player else f"{player} {name}"
            found[full] = float(number) / (100 if percent else 1)
    for name, number, percent in _PAIR.findall(_BRACKET.sub(" ", text).partition("--")[2]):
        found[name.strip()] = float(number) / (100 if percent else 1)
    return found


def looks_like(lines: Iterable[str]) -> str:
    """Return which of the two programs printed lines as these: its kind, or "" for neither."""
    found = [one for line in lines if (one := parsed(line))]
    if not found:
        return ""
    return "keras-gan" if sum(one.epoch is None for one in found) * 2 > len(found) else "pytorch-gan"


def read(path: Path, options: ImportOptions, kind: str) -> FoundTraining:
    """Return the training of a log and of the numbered pictures of a folder.

    path: the log, or the folder of the script, in which the log is looked for unless `options.log` names it.
    kind: "keras-gan" or "pytorch-gan".

    Raises:
        UserError: the log has no line of such a script, or there is neither a log nor a picture.
    """
    log = options.log or (path if not path.is_dir() else _log_in(path))
    folder = path if path.is_dir() else path.parent
    # Beside a log that was named itself, pictures may be those of anything else.
    numbered = pictures.find(folder, options.images) if path.is_dir() or options.images else None
    if log is None and numbered is None:
        raise UserError(f"{path} holds no log of {KINDS[kind]} and no numbered pictures: give the log with --log FILE")
    training = _of_log(log, options, kind) if log else FoundTraining(kind, path.name, notes=("there is no log",))
    plots = kind == "keras-gan"
    training = replace(
        training,
        place=path.resolve().name,
        watched=(log,) if log else (),
        program=KINDS[kind],
        preset=KINDS[kind],
        own_pixels=False,
        counts="step" if numbered and not training.rows and numbered.unit != "epoch" else training.counts,
    )
    if numbered is None:
        return training
    training = replace(training, notes=(*training.notes, _PLOTS if plots else _STRETCHED))
    cells = replace(training, own_pixels=not plots)  # whether there are borders to cut at
    # Its pictures are named by the batches done, where lines name the epoch and the batch as well.
    unit = numbered.unit or "step"
    return replace(pictures.with_pictures(cells, replace(numbered, unit=unit), options), own_pixels=False)


def _log_in(folder: Path) -> Path | None:
    """Return the one log of a folder that a script of either program printed; None if there is none.

    Raises:
        UserError: there are several.
    """
    texts_there = [name for name in texts.names(folder) if name.lower().endswith(LOGS)][:_MOST_LOGS]
    found = [name for name in texts_there if looks_like(texts.head(folder / name, _LOOKED_AT))]
    if len(found) > 1:
        raise UserError(f"{folder} holds {len(found)} logs, {', '.join(found[:4])}: name one with --log FILE")
    return folder / found[0] if found else None


def _of_log(path: Path, options: ImportOptions, kind: str) -> FoundTraining:
    lines = list(_lines(path))
    if not lines:
        raise UserError(f"{path} has no line as {KINDS[kind]} prints them: [D loss: 0.69] [G loss: 0.69] after a count")
    real = [line for line in lines if line.epoch is not None]
    if real and len(real) < len(lines):
        lines = real
    rows = Rows()
    before = -1
    for line in lines:
        if line.number < before:
            rows.restart()
        before = line.number
        rows.add(line.number, line.values)
    table, left = rows.table()
    notes, last = [], lines[-1]
    if last.epoch is not None:
        table[columns.EPOCH] = (table[columns.STEP] + 1) / last.batches
        notes.append(f"an epoch has {last.batches:,} batches")
    elif options.steps_per_epoch:
        table[columns.EPOCH] = (table[columns.STEP] + 1) / options.steps_per_epoch
    else:
        notes.append("its numbers count batches, also where they are called epochs: taken as steps")
    if left:
        notes.append("the log holds earlier trainings: only their rows before the next one began")
    named = columns.named([name for name in table if name not in columns.OWN], options.names, _known(table))
    objective = columns.objective_of(options.objective, KINDS[kind])
    made, metrics, words = columns.finished(table, named, objective)
    # Epochs count from 0, and the last batch is number `batches - 1`.
    ended = last.epoch is None or (last.epoch + 1 >= last.epochs and last.number % last.batches + 1 == last.batches)
    return FoundTraining(
        kind=kind,
        place=path.name,
        columns=made,
        metrics=metrics,
        objective=objective,
        counts="epoch" if columns.EPOCH in table else "step",
        epochs=last.epochs,
        state="finished" if ended else "stopped",
        reason="" if ended else f"its log ends in epoch {(last.epoch or 0) + 1} of {last.epochs}",
        notes=(*notes, *words),
    )


def _lines(path: Path) -> Iterator[_Line]:
    for line in texts.lines(path):
        if found := parsed(line):
            yield found


def _known(table: dict[str, np.ndarray]) -> dict[str, Named]:
    known = {"D loss": Named("loss/d"), "G loss": Named("loss/g")}
    known |= {name: Named(usual_names.ACCURACY.column) for name in ("D acc.", "D acc") if name in table}
    return known
