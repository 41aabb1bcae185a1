"""A found training, written as a run folder; and followed while it goes on."""

import contextlib
import re
import time
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from itertools import zip_longest
from pathlib import Path

import numpy as np

from gan_core.config import MOST_LETTERS, Origin, RunConfig
from gan_core.errors import UserError, printable
from gan_core.family_traits import FamilyTraits
from gan_core.importers import pictures, placing, texts
from gan_core.importers.found import FoundTraining, Picture
from gan_core.runs import Run, check_name, remote
from gan_core.runs.recorded import FAMILY, RecordedWriter

_MOST_NOTES = 50
_NAMED = 3  # pictures that cannot be read, each in a line
_LOOKED_UP = 5  # folders in which a name is looked for
_SUFFIX = re.compile(r"(?i)\.(csv|tsv|txt|log|out|jsonl)$")
# What files and folders of any training are called, with a number or without.
_EVERY = re.compile(
    r"(?i)(?:versions?|runs?|exp|experiments?|trial|logs?|loss|losses|metrics|history|progress|results?|outputs?|out|stats"
    r"|train|training|tensorboard|events?|checkpoints|loss_log|(?:lightning|tb|csv|training)_logs?|default)"
    r"[-_. ]?(\d{0,9})"
)
POLL_SECONDS, IDLE_SECONDS = 2.0, 1800.0

Say = Callable[[str], None]


def name_of(place: str, otherwise: str = "imported") -> str:
    """Return a run's name for the name of a file or folder, with the letters that a run's name may have.

    otherwise: what it is called where no letter is left; it stands before a name that is reserved.
    """
    stem = _SUFFIX.sub("", place)
    name = re.sub(r"[^A-Za-z0-9._-]+", "-", stem).strip("-._")[:80].rstrip(".") or otherwise
    try:
        return check_name(name)
    except UserError:
        return f"{otherwise}-{name}"


def run_name(found: FoundTraining, path: Path) -> str:
    """Return what a run of a training is called, unless a user says so: as its folder or file, or as the folder above
    that has a name of its own, where that one's is what every program calls it: `my_gan/lightning_logs/version_3`.

    path: where it was read.
    """
    own = _SUFFIX.sub("", found.place)
    if match := _EVERY.fullmatch(own):
        start = (found.watched[0] if found.watched else path).resolve()
        home = Path("~").expanduser()
        above = [place.name for place in (start, *start.parents)[:_LOOKED_UP] if place.name and place != home]
        if told := next((name for name in above if not _EVERY.fullmatch(_SUFFIX.sub("", name))), ""):
            own = f"{told}-{own}" if int(match[1] or 0) else told
    return name_of(own, found.kind)


def config_of(found: FoundTraining, channels: int = 1) -> RunConfig:
    """Return the configuration of a training as a run: what is not known is 0.

    channels: of its sheets, 1 or 3.
    """
    origin = Origin(
        kind=found.kind,
        program=texts.shown(found.program),
        place=texts.shown(found.place, 200),
        counts=found.counts,
        own_pixels=found.own_pixels,
        notes=tuple(printable(note[:1].upper() + note[1:], MOST_LETTERS) for note in found.notes[:_MOST_NOTES]),
    )
    traits = FamilyTraits(
        title=f"{found.program or found.kind} training, imported",
        task=found.task,
        has_discriminator=False,
        objective=found.objective,
        metrics=found.metrics,
    )
    settings = dict(found.settings)
    if found.seed is not None:
        settings["seed"] = found.seed
    return RunConfig(
        preset=texts.shown(found.preset or found.program or found.kind),
        family=FAMILY,
        source=texts.shown(found.source, 200),
        fingerprint="",
        classes=(),
        class_counts=(),
        image_size=found.image_size,
        channels=channels,
        fit="crop",
        epochs=found.epochs if found.counts == "epoch" else 0,
        batch_size=found.batch_size,
        seed=found.seed or 0,
        precision="32-true",
        preview_every=0,
        log_every=0,
        settings=settings,
        domains=found.domains,
        preview_inputs="",
        traits=traits,
        origin=origin,
    )


def write(found: FoundTraining, root: Path, name: str, *, replace: bool = False, say: Say = print) -> Run:
    """Write a training as a run folder; return the run. What fails in the middle leaves no folder behind.

    replace: whether an imported run of that name may be replaced. say: told of pictures that are left out, since they
    cannot be read.

    Raises:
        UserError: the name is taken or no name, or the folder cannot be written.
    """
    with pictures.decoding(), placing.workshop(root, name, replace) as hidden:
        writer = _written(found, hidden, name, say)
        writer.close(found.state, *found.last, found.reason)
    return _sent(Run(root / name, root))


def _written(found: FoundTraining, root: Path, name: str, say: Say) -> RecordedWriter:
    """Write the table and the sheets of a training into a new run; return its writer, which is to be closed."""
    sheets = _read(found.pictures, say)
    first = next(sheets, None)
    writer = RecordedWriter.create(root, name, config_of(found, first[1].shape[2] if first else 1))
    try:
        if found.rows:
            writer.write_table(found.columns)
        if first:
            writer.save_samples(*first, private=found.private)
        for number, sheet in sheets:
            writer.save_samples(number, sheet, private=found.private)
    except BaseException:
        writer.release()
        raise
    return writer


def _sent(run: Run) -> Run:
    """Upload a run that was made under a hidden name, if its folder of runs lies in remote storage; return it."""
    if remote.place_of(run.root):
        RecordedWriter.reopen(run).release()
    return run


def _read(wanted: Mapping[int, Picture], say: Say) -> Iterator[tuple[int, np.ndarray]]:
    """Yield the pictures by number, in order; say which cannot be read.

    The next one is decoded, in its own process, while the caller writes the last one.
    """
    problems = []
    numbers = sorted(wanted)
    with ThreadPoolExecutor(1) as ahead:
        coming = ahead.submit(wanted[numbers[0]]) if numbers else None
        for number, after in zip_longest(numbers, numbers[1:]):
            assert coming is not None
            try:
                sheet = coming.result()
            except UserError as error:
                problems.append(str(error))
                sheet = None
            coming = ahead.submit(wanted[after]) if after is not None else None
            if sheet is not None:
                yield number, sheet
    for line in problems[:_NAMED]:
        say(f"left out: {line}")
    if len(problems) > _NAMED:
        say(f"left out: {len(problems) - _NAMED} more pictures")


def follow(
    read: Callable[[], FoundTraining], path: Path, root: Path, name: str, *, replace: bool = False, say: Say = print
) -> Run:
    """Write a training that goes on, and what is new of it every few seconds; return the run when it has ended.

    It has ended when its planned epochs are done, when nothing changed for half an hour, or on Ctrl-C. Where following
    it fails, the run stays with what was read so far.

    read: reads it anew. path: where it lies: its files are watched, and those that it was read from.

    Raises:
        UserError: as `write`.
    """
    with pictures.decoding():
        found = read()
        with placing.workshop(root, name, replace) as hidden:
            writer = _written(found, hidden, name, say)
            try:
                writer.write_status("running", *found.last)
            finally:
                writer.release()
        writer = RecordedWriter.reopen(Run(root / name, root))
        try:
            found = _followed(found, read, path, writer, say)
            writer.close(found.state, *found.last, found.reason)
        except KeyboardInterrupt:
            writer.close("stopped", *_reached(writer), "the import stopped following it")
        except BaseException as error:
            with contextlib.suppress(UserError):  # of a full disk, for example: `error` tells
                writer.close("failed", *_reached(writer), f"the import ended: {error}")
            raise
    return writer.run


def _reached(writer: RecordedWriter) -> tuple[int, int]:
    status = writer.run.status()
    return status.step, status.epoch


def _followed(
    found: FoundTraining, read: Callable[[], FoundTraining], path: Path, writer: RecordedWriter, say: Say
) -> FoundTraining:
    saved = {*writer.run.samples(), *writer.run.private_samples()}
    layout = found.image_size, found.counts
    changed = time.monotonic()
    stamp = _stamp(path, found)
    while True:
        if (found.image_size, found.counts) != layout:  # numbers and sheets have another meaning now
            saved.clear()
            writer.keep_samples(-1)
            layout = found.image_size, found.counts
        sheets = list(_read({n: one for n, one in found.pictures.items() if n not in saved}, lambda line: None))
        writer.write_config(config_of(found, sheets[0][1].shape[2] if sheets else writer.config.channels))
        if found.rows:
            writer.write_table(found.columns)
        for number, sheet in sheets:
            writer.save_samples(number, sheet, private=found.private)
            saved.add(number)
        writer.write_status("running", *found.last)
        say(f"step {found.last[0]}, {len(saved)} sheets")
        if found.epochs and found.state == "finished":
            return found
        while (now := _stamp(path, found)) == stamp:
            if time.monotonic() - changed > IDLE_SECONDS:
                return found
            time.sleep(POLL_SECONDS)
        stamp, changed = now, time.monotonic()
        with contextlib.suppress(UserError):  # a file that is just being written
            found = read()


def _stamp(path: Path, found: FoundTraining) -> dict[str, tuple[int, int]]:
    """Return what changes when a training writes: the sizes and times of the files of its path and of the folders that
    it was read from, and of those right below these."""
    stamp = {}
    for top in (path, *found.watched):
        with contextlib.suppress(UserError):  # of a folder that is just being made or moved
            places = [top] if not top.is_dir() else [top, *(top / name for name in texts.folders(top)[:50])]
            for place in places:
                for one in [place] if not place.is_dir() else [place / name for name in texts.names(place)]:
                    with contextlib.suppress(OSError):
                        status = one.lstat()
                        stamp[str(one)] = status.st_size, status.st_mtime_ns
    return stamp


def summary(found: FoundTraining) -> list[str]:
    """Return in a few lines what was found, for people."""
    step, epoch = found.last
    rows = f"{found.rows:,} rows up to step {step:,}" if found.rows else "no rows"
    if found.rows and found.counts == "epoch":
        rows += f", epoch {epoch:,}"
    numbers = sorted(found.pictures)
    sheets = f"{len(numbers)} sheets, {found.counts} {numbers[0]:,} to {numbers[-1]:,}" if numbers else "no sheets"
    if found.private and numbers:
        sheets += ", of real pictures: they stay in its private folder"
    head = f"{found.kind}: {rows}; {sheets}"
    columns = ", ".join(metric.column for metric in found.metrics[:10])
    more = f" and {len(found.metrics) - 10} more" if len(found.metrics) > 10 else ""
    return [head, *([f"columns: {columns}{more}"] if columns else []), *(f"note: {note}" for note in found.notes)]
