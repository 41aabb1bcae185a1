"""pytorch-CycleGAN-and-pix2pix (Zhu 2017, Isola 2017), and what writes as it does, such as CUT: `loss_log.txt`,
`train_opt.txt` and `web/images/epoch001_real_A.png`.

There the letter of a loss is that of the generator's input: G_A translates A to B and D_A judges B, which is our
`loss/d_b`. Cycle and identity losses are logged with their weights, from which they are freed here where the options
tell them.
"""

import re
from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np

from gan_core import foreign_settings, images
from gan_core.errors import UserError
from gan_core.importers import columns, pictures, texts
from gan_core.importers.columns import Named
from gan_core.importers.found import FoundTraining, ImportOptions, Picture
from gan_core.importers.rows import Rows

LOG, OPTIONS, IMAGES = "loss_log.txt", "train_opt.txt", "web/images"
PROGRAM = "pytorch-CycleGAN-and-pix2pix"
_HEADER = re.compile(r"=+ ?Training Loss \(")
_ROW = re.compile(r"\(epoch: (\d{1,9}), iters: (\d{1,12})(?:, time: ([\d.]++))?(?:, data: [\d.]++)?\)(.*)")
# None of these goes back over what it has read: a log may come from anybody.
_VALUE = re.compile(rf"(?<!\w)([A-Za-z_]\w{{0,100}}+): ({texts.NUMBER})")
_OPTION = re.compile(r"\s*+(\w++): (.*+)")
_DEFAULT = "[default: "  # what an option's default follows, in brackets
_PICTURE = re.compile(r"epoch(\d{1,9})_(\w+)\.png")
_OBJECTIVES = {"lsgan": "least_squares", "vanilla": "cross_entropy", "wgangp": "wasserstein"}
# The two halves of a sheet's row: from A to B and back, from B to A and back.
_CYCLE = (("real_A", "fake_B", "rec_A"), ("real_B", "fake_A", "rec_B"))
_PAIR = ("real_A", "fake_B", "real_B")


@dataclass(frozen=True)
class _Logged:
    """A line of the log: values at so many pictures of an epoch."""

    epoch: int
    pictures: int
    values: Mapping[str, float]
    first: bool  # of a training that was started or continued


def read(path: Path, options: ImportOptions) -> FoundTraining:
    """Return the training of a folder in `checkpoints/`, or of its loss_log.txt.

    Raises:
        UserError: there is no log and no picture, or they cannot be read.
    """
    folder = path if path.is_dir() else path.parent
    log = path if not path.is_dir() else folder / LOG
    chosen = _options(folder / OPTIONS) if OPTIONS in texts.names(folder) else {}
    logged = list(_lines(log)) if not path.is_dir() or LOG in texts.names(folder) else []
    stored = _stored(folder / IMAGES)
    if not logged and not stored:
        raise UserError(f"{path} holds no {LOG} with lines '(epoch: 1, iters: 100, ...) D_A: 0.25' and no {IMAGES}")
    batch = foreign_settings.whole(chosen.get("batch_size", chosen.get("batchSize")), 1, 2**16)
    table, notes, last = _table(logged, batch)
    named = columns.named([name for name in table if name not in columns.OWN], options.names, _known(chosen))
    objective = columns.objective_of(
        options.objective or _OBJECTIVES.get(str(chosen.get("gan_mode", "")), ""), folder.resolve().name
    )
    made, metrics, left = columns.finished(table, named, objective)
    unknown = [name for name in table if re.match(r"(cycle|idt)_[AB]$", name) and named[name].weight == 1]
    if unknown and "lambda_A" not in chosen:
        left = (*left, f"{OPTIONS} does not tell the weights of {', '.join(unknown)}: they are shown with them")
    cycle = any({"fake_B", "fake_A"} <= set(one) for one in stored.values()) or "cycle_A" in table
    dropped = sorted(number for number in stored if last and number > last)
    if dropped:
        left = (*left, f"{len(dropped)} pictures after epoch {last} are of an earlier training and were left out")
    if not cycle and stored:
        left = (*left, "a sheet shows input, translation and truth; pages treat it as that of a generator")
    sheets, words, size = _sheets({n: one for n, one in stored.items() if n not in dropped}, cycle)
    epochs = foreign_settings.whole(chosen.get("n_epochs", chosen.get("niter"))) + foreign_settings.whole(
        chosen.get("n_epochs_decay", chosen.get("niter_decay"))
    )
    end = max([last, *sheets])
    ended = not epochs or end >= epochs
    return FoundTraining(
        kind="cyclegan",
        place=folder.resolve().name,
        watched=(folder / IMAGES,),
        program=PROGRAM,
        preset=str(chosen.get("model", "")) or ("cycle_gan" if cycle else PROGRAM),
        columns=made,
        metrics=metrics,
        pictures=sheets,
        private=True,
        objective=objective,
        task="translate" if cycle else "generate",
        domains=_domains(chosen) if cycle else (),
        source=foreign_settings.without_path(str(chosen.get("dataroot", ""))),
        settings=foreign_settings.plain(chosen),
        image_size=size or foreign_settings.whole(chosen.get("crop_size", chosen.get("fineSize")), 1, 1024),
        epochs=epochs,
        batch_size=batch,
        state="finished" if ended else "stopped",
        reason="" if ended else f"its log ends in epoch {end} of {epochs}",
        notes=(*notes, *left, *words),
    )


def _options(path: Path) -> dict[str, Any]:
    found = {}
    for line in texts.small_text(path).splitlines():
        if match := _OPTION.fullmatch(line[:2000]):
            value = match[2].rstrip()
            found[match[1]] = foreign_settings.of_text(value.partition(_DEFAULT)[0] if value.endswith("]") else value)
    return found


def _lines(path: Path) -> list[_Logged]:
    found, first = [], False
    for line in texts.lines(path):
        line = line[: texts.LONGEST_ROW]
        if _HEADER.match(line):
            first = True
        elif match := _ROW.search(line):
            values = {name: float(value) for name, value in _VALUE.findall(match[4])}
            found.append(_Logged(int(match[1]), int(match[2]), values, first))
            first = False
    return found


def _table(logged: Sequence[_Logged], batch: int) -> tuple[dict[str, np.ndarray], tuple[str, ...], int]:
    """Return the columns of the log, notes, and the epoch that it ends in."""
    if not logged:
        return {}, (), 0
    per_epoch = _pictures_of_an_epoch(logged)
    rows = Rows()
    for line in logged:
        if line.first:
            rows.restart()
        done = (line.epoch - 1) * per_epoch + line.pictures
        rows.add(done // max(batch, 1), line.values)
    table, left = rows.table()
    table[columns.EPOCH] = table[columns.STEP] * max(batch, 1) / per_epoch
    notes = [f"an epoch has {per_epoch:,} pictures, by the counts of the log"]
    if left:
        ends = ", ".join(f"{step * max(batch, 1) / per_epoch:.1f}" for step in left[:5])
        notes.append(f"the log holds earlier trainings, which ended at epoch {ends}: only their rows before the next")
    if not batch:
        notes.append("the batch size is not known: steps are pictures")
    return table, tuple(notes), logged[-1].epoch


def _pictures_of_an_epoch(logged: Sequence[_Logged]) -> int:
    """Return how many pictures an epoch has.

    The log has a line every so many pictures, over the ends of epochs, where the count starts anew: at an end, the
    pictures are the last count, one distance between lines, less the first count of the next epoch.
    """
    steady = Counter(b.pictures - a.pictures for a, b in pairwise(logged) if a.epoch == b.epoch and not b.first)
    ends = [(a, b) for a, b in pairwise(logged) if b.epoch == a.epoch + 1 and not b.first]
    most = max(line.pictures for line in logged)
    if not steady or not ends:
        return max(most, 1)
    distance = steady.most_common(1)[0][0]
    counts = Counter(a.pictures + distance - b.pictures for a, b in ends)
    return max(counts.most_common(1)[0][0], most, 1)


def _known(chosen: Mapping[str, Any]) -> dict[str, Named]:
    """Return our names of its columns, with the weights that are known."""

    def weight(*names: str) -> float:
        values = [chosen.get(name) for name in names]
        product = float(np.prod([float(v) for v in values if isinstance(v, int | float)]))
        return product if len([v for v in values if isinstance(v, int | float)]) == len(names) and product > 0 else 1.0

    return {
        "D_A": Named("loss/d_b"),
        "D_B": Named("loss/d_a"),
        "G_A": Named("loss/g_ab"),
        "G_B": Named("loss/g_ba"),
        "cycle_A": Named("loss/cycle_a", weight=weight("lambda_A")),
        "cycle_B": Named("loss/cycle_b", weight=weight("lambda_B")),
        "idt_A": Named("loss/identity_b", weight=weight("lambda_B", "lambda_identity")),
        "idt_B": Named("loss/identity_a", weight=weight("lambda_A", "lambda_identity")),
        "G_GAN": Named("loss/g"),
        "G_L1": Named("G_L1", "Distance to the true partner", weight("lambda_L1")),
        "D_real": Named("D_real", "Discriminator loss on real images"),
        "D_fake": Named("D_fake", "Discriminator loss on translated images"),
    }


def _domains(chosen: Mapping[str, Any]) -> tuple[str, str]:
    """Return the names of the domains: of a data set called `horse2zebra` its two words, else A and B."""
    name = foreign_settings.without_path(str(chosen.get("dataroot", "")))
    match = re.fullmatch(r"([A-Za-z][A-Za-z_-]{1,30}?)(?:2|_to_|_2_)([A-Za-z][A-Za-z_-]{1,30})", name)
    pair = (match[1], match[2]) if match and match[1] != match[2] else ("A", "B")
    return (pair[1], pair[0]) if chosen.get("direction", chosen.get("which_direction")) == "BtoA" else pair


def _stored(folder: Path) -> dict[int, dict[str, Path]]:
    """Return the pictures by epoch and label."""
    if not folder.is_dir() or folder.is_symlink() or folder.parent.is_symlink():
        return {}
    found: dict[int, dict[str, Path]] = defaultdict(dict)
    for name in texts.names(folder):
        if match := _PICTURE.fullmatch(name):
            found[int(match[1])][match[2]] = folder / name
    return dict(sorted(found.items()))


def _sheets(stored: Mapping[int, Mapping[str, Path]], cycle: bool) -> tuple[dict[int, Picture], tuple[str, ...], int]:
    """Return a sheet of one row for each epoch, in our order: input, translated, back, in both directions."""
    labels = [label for way in _CYCLE for label in way] if cycle else list(_PAIR)
    made: dict[int, Picture] = {}
    for epoch, one in stored.items():
        if set(labels) <= set(one):
            made[epoch] = _sheet([pictures.of_file(one[label]) for label in labels])
    chosen, notes = pictures.thinned(made)
    if len(made) < len(stored):
        notes = (*notes, f"{len(stored) - len(made)} epochs have not all of {', '.join(labels)}: without a sheet")
    if not chosen:
        return {}, notes, 0
    height, width = next(iter(chosen.values()))().shape[:2]
    return chosen, notes, (width - 2) // len(labels) - 2 if height - 4 == (width - 2) // len(labels) - 2 else 0


def _sheet(parts: Sequence[Picture]) -> Picture:
    def read() -> np.ndarray:
        found = [part() for part in parts]
        if len({part.shape[:2] for part in found}) > 1:
            raise UserError("the pictures of an epoch have different sizes")
        channels = max(part.shape[2] for part in found)
        same = [np.repeat(part, channels, 2) if part.shape[2] < channels else part for part in found]
        return images.grid(np.stack(same).transpose(0, 3, 1, 2), columns=len(same))

    return read
