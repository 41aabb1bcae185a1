"""What the scripts of Keras-GAN and PyTorch-GAN and the DCGAN of PyTorch's examples print, captured in a file, and the
numbered pictures that they store.

Keras-GAN:    `120 [D loss: 0.693147, acc.: 50.00%] [G loss: 0.693147]`; the number is one batch, whatever it is called
PyTorch-GAN:  `[Epoch 1/200] [Batch 5/938] [D loss: 0.693147] [G loss: 0.693147]`; both count from 0
the DCGAN:    `[0/25][0/1583] Loss_D: 1.7 Loss_G: 2.3 D(x): 0.4 D(G(z)): 0.2 / 0.1`; both count from 0

Some scripts of Keras-GAN print as PyTorch-GAN does, with real epochs. All are known by their lines, not by the kind.
Scripts that were made of these may count from 1, which their lines tell.
"""

import re
from collections import Counter
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
# None of these goes back over what it has read: a log may come from anybody.
_BATCH = re.compile(r"\s*+(?:(?:[Ee]poch|[Ss]tep|Iteration)\s*+:?\s*+)?(\d{1,12}+)\s*+:?\s*+(?=\[[A-Za-z])")
_EPOCH = re.compile(r"\[Epoch:? (\d{1,9})/(\d{1,9})\]\s*+\[Batch:? (\d{1,9})/(\d{1,9})\]")
_BRACKET = re.compile(r"\[([^\[\]]{1,300})\]")
_NAME = r"(?<![\w.])[A-Za-z][\w.]{0,60}+(?: [\w.]{1,60}+){0,9}+"  # up to ten words
_PAIR = re.compile(rf"({_NAME})\s*+:\s*+({texts.NUMBER})\s*+(%)?")
_COUNTS = re.compile(r"\s*+\[(\d{1,9})/(\d{1,9})\]\s*+\[(\d{1,9})/(\d{1,9})\]")
_WORD = re.compile(
    rf"(?<![\w.])([A-Za-z][\w.()]{{0,40}}+)\s*+[:=]\s*+({texts.NUMBER})(?:\s*+/\s*+({texts.NUMBER}))?(?![\w.])"
)
_DCGAN = "DCGAN of PyTorch's examples"
_FAKE = "D(G(z))"  # printed before and after the discriminator's step
_AFTER = f"{_FAKE} after"
_LOOKED_AT = 400  # lines of a file that may be a log
_MOST_LOGS = 20
_PLOTS = "its pictures are plots of matplotlib: resampled, so that they are shown and never measured"
_STRETCHED = "its pictures were stretched to their darkest and brightest value: they are shown and never measured"


@dataclass(frozen=True)
class _Line:
    """A line of a log. epoch: None where a line counts batches alone; then epochs and batches are 0. program: "" for
    that of the importer."""

    number: int
    values: dict[str, float]
    epoch: int | None = None
    epochs: int = 0
    batches: int = 0
    program: str = ""


def parsed(line: str) -> _Line | None:
    """Return what a line says; None for any other line."""
    line = line[: texts.LONGEST_ROW]
    if "[" not in line:
        return None
    if match := _EPOCH.search(line):
        epoch, epochs, batch, batches = map(int, match.groups())
        values = _values(line[match.end() :])
        return _Line(epoch * batches + batch, values, epoch, epochs, batches) if values and batches else None
    if match := _COUNTS.match(line):
        epoch, epochs, batch, batches = map(int, match.groups())
        values = _words(line[match.end() :])
        program = _DCGAN if _AFTER in values else ""
        return _Line(epoch * batches + batch, values, epoch, epochs, batches, program) if values and batches else None
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


def _words(text: str) -> dict[str, float]:
    """Return the numbers of `Loss_D: 1.7 D(x): 0.4 D(G(z)): 0.2 / 0.1` by their names; the second one of a pair is
    called `after`."""
    found: dict[str, float] = {}
    for name, number, after in _WORD.findall(text):
        found[name] = float(number)
        if after:
            found[f"{name} after"] = float(after)
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
    training = (
        _of_log(log, options, kind) if log else FoundTraining(kind, path.name, notes=(pictures.without_log(folder),))
    )
    plots = kind == "keras-gan"
    training = replace(
        training,
        place=path.resolve().name,
        watched=(log,) if log else (),
        program=training.program or KINDS[kind],
        preset=training.program or KINDS[kind],
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
    texts_there = [name for name in texts.names(folder) if name.lower().endswith(texts.LOGS)][:_MOST_LOGS]
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
    lines = _from_zero(lines)
    rows = Rows()
    before, distances = -1, Counter[int]()
    for line in lines:
        if line.number < before:
            rows.restart()
        if 0 <= before < line.number:
            distances[line.number - before] += 1
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
    if last.program and "Loss_D" in table:
        notes.append("loss/d is half of Loss_D, which is the sum over real and generated images")
    program = last.program or KINDS[kind]
    named = columns.named([name for name in table if name not in columns.OWN], options.names, _known(table, program))
    objective = columns.objective_of(options.objective, program)
    made, metrics, words = columns.finished(table, named, objective)
    # The last batch is number `batches - 1`, and is printed where every batch is.
    apart = distances.most_common(1)[0][0] if distances else 1
    ended = last.epoch is None or last.epochs * last.batches - 1 - last.number < apart
    return FoundTraining(
        kind=kind,
        place=path.name,
        program=last.program,
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


def _from_zero(lines: list[_Line]) -> list[_Line]:
    """Return lines with their epochs and batches counted from 0."""
    real = [(line, line.epoch, line.number - line.epoch * line.batches) for line in lines if line.epoch is not None]
    if not real:
        return lines
    epoch = int(
        all(epoch > 0 for _, epoch, _ in real) and (real[0][1] == 1 or any(e == one.epochs for one, e, _ in real))
    )
    batch = int(all(batch > 0 for _, _, batch in real) and any(batch == one.batches for one, _, batch in real))
    if not epoch and not batch:
        return lines
    return [replace(one, epoch=e - epoch, number=one.number - epoch * one.batches - batch) for one, e, _ in real]


def _known(table: dict[str, np.ndarray], program: str) -> dict[str, Named]:
    known = {"D loss": Named("loss/d"), "G loss": Named("loss/g")}
    if program == _DCGAN:
        known |= {
            "Loss_D": Named("loss/d", weight=2.0),
            "D(x)": Named("D(x)", "Discriminator's output on real images"),
            _FAKE: Named(_FAKE, "Discriminator's output on generated images"),
            _AFTER: Named(_AFTER, "Discriminator's output on generated images, after its step"),
        }
    known |= {name: Named(usual_names.ACCURACY.column) for name in ("D acc.", "D acc") if name in table}
    return known
