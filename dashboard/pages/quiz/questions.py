"""Real or generated? The pictures of a quiz, drawn from the runs' weights and their data, and what the answers say.

Its runs and its seed decide a quiz: who opens the same address gets the same pictures in the same order. A real
picture goes the way of a generated one (the run's own size, 8 bits, the same PNG), so that only what it shows can tell.
"""

import csv
import io
import os
import subprocess
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from hashlib import blake2b
from pathlib import Path

import numpy as np
import streamlit as st

from dashboard.library import data_here
from dashboard.library.store import Entry
from gan_core import data, runs
from gan_core.config import RunConfig
from gan_core.data import Prepared
from gan_core.data.readers import phantom
from gan_core.decode.image_files import quantise
from gan_core.errors import UserError
from gan_core.families import registry
from gan_core.runs import Run

COUNT = 20  # pictures, half of them real
MOST = 5  # runs: two generated pictures of each at least
REAL, GENERATED = "R", "G"
WORDS = {REAL: "real", GENERATED: "generated"}
HEADER = ("seed", "number", "run", "class", "truth", "answer", "right")
_FIRST_SEED = 10**9  # of latents: far from the ones that previews and other pages show
_FIRST_BODY = 2 * 10**15  # of drawn pictures: no phantom source reaches so far, and previews begin at half of it
_PREPARE_SECONDS = 3600


@dataclass(frozen=True)
class QuizRun:
    """A run that takes part, as far as it settles the pictures."""

    run: str  # name
    label: str
    folder: str
    root: str
    changed: int  # when its weights were written, ns
    source: str  # where its real images are on this machine; empty where drawn pictures stand in for them


@dataclass(frozen=True)
class Quiz:
    """What settles the pictures and their order."""

    parts: tuple[QuizRun, ...]
    seed: int

    @property
    def key(self) -> str:
        """Six hex digits that tell this quiz from others."""
        return blake2b(repr(self).encode(), digest_size=3).hexdigest()


@dataclass(frozen=True, eq=False)
class QuizPicture:
    """One question with its truth."""

    pixels: np.ndarray  # uint8 (C, S, S)
    truth: str  # REAL or GENERATED
    run: str  # label: a real picture is one of this run's data, and goes in beside its generated ones
    kind: str  # class, empty where there is none


@dataclass(frozen=True, eq=False)
class PictureSet:
    """The pictures of a quiz in their order, and what a reader must know of them."""

    pictures: tuple[QuizPicture, ...]
    notes: tuple[str, ...]


def usable(entries: Sequence[Entry]) -> list[Entry]:
    """The runs that can take part, as far as is seen without opening their weights."""
    return [entry for entry in entries if entry.config and entry.run.weights.is_file()]


def compose(chosen: Sequence[Entry], seed: int, folder: str = "") -> Quiz:
    """The quiz of these runs; folder: where real images are looked for first."""
    parts = []
    for entry in chosen:
        try:
            changed = entry.run.weights.stat().st_mtime_ns
        except OSError:
            changed = 0
        source = data_here.locate(entry.config, folder) if entry.config else ""
        parts.append(QuizRun(entry.name, entry.label, str(entry.run.folder), str(entry.run.root), changed, source))
    return Quiz(tuple(parts), seed)


@st.cache_resource(max_entries=32, show_spinner=False)
def make(quiz: Quiz) -> PictureSet:
    """The pictures of a quiz, kept for everyone who takes it.

    Raises:
        UserError: weights or data that are missing, damaged, or do not fit.
    """
    pictures: list[QuizPicture] = []
    notes: list[str] = []
    taken: dict[str, set[int]] = {}
    for number, (part, count) in enumerate(zip(quiz.parts, _shares(quiz), strict=True)):
        rng = np.random.default_rng([quiz.seed, number])
        run = Run(Path(part.folder), Path(part.root))
        config = run.config()
        real = _held_out(part, config, rng, taken, notes.append) if _is_data(part.source) else _drawn(config, rng)
        wanted = _wanted(config, count, rng)
        pictures += [QuizPicture(real(kind), REAL, part.label, kind) for kind in wanted]
        made = _translated(run, wanted, real) if config.domains else _generated(run, count, quiz.seed)
        pictures += [QuizPicture(pixels, GENERATED, part.label, kind) for pixels, kind in made]
    order = np.random.default_rng([quiz.seed, len(quiz.parts), 1]).permutation(len(pictures))
    return PictureSet(tuple(pictures[index] for index in order), tuple(dict.fromkeys(notes)))


def accuracy(made: PictureSet, answers: str, run: str | None = None) -> tuple[int, int]:
    """(right answers, pictures): of all, or of one run's generated pictures and the real ones shown beside them."""
    asked = [(p.truth, a) for p, a in zip(made.pictures, answers, strict=True) if run in (None, p.run)]
    return sum(truth == answer for truth, answer in asked), len(asked)


def confusion(made: PictureSet, answers: str, truth: str, run: str | None = None) -> tuple[int, int]:
    """How many pictures of that truth were taken for (real, generated): of all, or of one run's."""
    given = [a for p, a in zip(made.pictures, answers, strict=True) if p.truth == truth and run in (None, p.run)]
    return given.count(REAL), given.count(GENERATED)


def to_csv(quiz: Quiz, made: PictureSet, answers: str) -> str:
    """A line for each picture."""
    buffer = io.StringIO()
    writer = csv.writer(buffer, lineterminator="\n")
    writer.writerow(HEADER)
    for number, (picture, answer) in enumerate(zip(made.pictures, answers, strict=True), start=1):
        # A spreadsheet takes a cell that begins like a formula for one; a class is a folder's name.
        kind = f"'{picture.kind}" if picture.kind[:1] in "=+-@" and picture.kind else picture.kind
        right = int(picture.truth == answer)
        writer.writerow((quiz.seed, number, picture.run, kind, WORDS[picture.truth], WORDS[answer], right))
    return buffer.getvalue()


def _shares(quiz: Quiz) -> list[int]:
    """How many generated pictures each run gives, and as many real ones: equal but for one; the seed says to whom."""
    least, more = divmod(COUNT // 2, len(quiz.parts))
    first = set(np.random.default_rng([quiz.seed, 2]).permutation(len(quiz.parts))[:more].tolist())
    return [least + (number in first) for number in range(len(quiz.parts))]


def _wanted(config: RunConfig, count: int, rng: np.random.Generator) -> list[str]:
    """The class of each real picture: as often as in the training; what a translator translates to, in turn."""
    if config.domains:
        targets = registry.targets(config)
        return [targets[(number + 1) % len(targets)] for number in range(count)]
    counts = np.array(config.class_counts, np.float64)
    return [str(name) for name in rng.choice(config.classes, count, p=counts / counts.sum())]


def _is_data(source: str) -> bool:
    return bool(source) and not source.startswith("phantom:")


TakePicture = Callable[[str], np.ndarray]  # a picture of a class that was not taken before, uint8 (C, S, S)


def _held_out(
    part: QuizRun,
    config: RunConfig,
    rng: np.random.Generator,
    taken: dict[str, set[int]],
    note: Callable[[str], object],
) -> TakePicture:
    prepared = prepare(part.source, config)
    if prepared.fingerprint != config.fingerprint:
        note(f"{part.label} learned from other images than those in {part.source}: some may have been in its training")
    index = np.flatnonzero(prepared.splits != "train")
    if not len(index):
        note(f"nothing of {part.source} was held out: {part.label} has seen its real images in training")
        index = np.arange(len(prepared.names))
    used = taken.setdefault(str(prepared.folder), set())

    def take(kind: str) -> np.ndarray:
        label = prepared.classes.index(kind) if kind in prepared.classes else -1
        left = [i for i in index if int(i) not in used]
        same = [i for i in left if prepared.labels[i] == label]
        if not left:
            raise UserError(f"{part.source} holds too few images for a quiz of {COUNT} pictures")
        chosen = int(rng.choice(same or left))
        used.add(chosen)
        return np.array(prepared.images[chosen])

    return take


def _drawn(config: RunConfig, rng: np.random.Generator) -> TakePicture:
    """Phantoms of what the run's images show, none of which was in a training."""
    kind = config.source.removeprefix("phantom:").partition("?")[0] if config.source.startswith("phantom:") else ""
    kind = kind or ("mri" if config.subject == "brain MRI" else "cxr")
    classes = tuple(phantom.drawer(kind).CLASSES)
    bodies = iter(_FIRST_BODY + rng.permutation(100_000))

    def take(name: str) -> np.ndarray:
        label, size = _likest(name, classes, rng), config.image_size
        return quantise(phantom.picture(kind, label, int(next(bodies)), size, config.channels))

    return take


def _likest(name: str, classes: Sequence[str], rng: np.random.Generator) -> str:
    """The phantoms' class for a class of other data: of that name, named in it, else any that is not healthy."""
    lower = name.lower()
    named = [one for one in classes if one.lower() in lower]
    others = [one for one in classes if one != "normal"]
    return str(rng.choice(named or others))


def _generated(run: Run, count: int, seed: int) -> list[tuple[np.ndarray, str]]:
    from gan_core import inference  # it brings torch

    pictures, kinds = inference.load(run).generate(count, seed=_FIRST_SEED + seed)
    return [(picture.transpose(2, 0, 1), kind) for picture, kind in zip(pictures, kinds, strict=True)]


def _translated(run: Run, targets: Sequence[str], real: TakePicture) -> list[tuple[np.ndarray, str]]:
    """Translations into each of the targets, of real pictures that the quiz does not show."""
    from gan_core import inference

    model = inference.load(run)
    found = []
    for target in targets:
        (source,) = (name for name in model.domains if name != target)
        made = model.translate(real(source).transpose(1, 2, 0)[None], target)
        found.append((made[0].transpose(2, 0, 1), target))
    return found


def prepare(source: str, config: RunConfig) -> Prepared:
    """The images of a source as the run takes them: prepared once, then opened from the user's cache folder.

    Raises:
        UserError: it cannot be read, or lacks the run's classes.
    """
    size, channels, fit = config.image_size, config.channels, config.fit
    prepared = _prepared(source, size, channels, fit, config.patient_pattern, config.split_seed)
    wanted = config.domains or config.classes
    if len(wanted) > 1 and not set(wanted) <= set(prepared.classes):
        raise UserError(
            f"{source} has the classes {', '.join(prepared.classes)}, the run learned {', '.join(wanted)}: name a "
            "folder that has those"
        )
    return prepared


@st.cache_resource(max_entries=8, show_spinner=False)
def _prepared(source: str, size: int, channels: int, fit: str, pattern: str | None, split_seed: int) -> Prepared:
    # In a process of its own at first: workers started from a page would begin by running the page.
    command = [sys.executable, "-m", "gan_core", "prepare", "--size", str(size), "--channels", str(channels)]
    command += ["--fit", fit, *(["--patient-pattern", pattern] if pattern else []), "--", source]
    above = str(Path(runs.__file__).resolve().parents[2])
    paths = os.pathsep.join(filter(None, (above, os.environ.get("PYTHONPATH"))))
    try:
        done = subprocess.run(
            command,
            env=os.environ | {"PYTHONPATH": paths},
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=_PREPARE_SECONDS,
            check=False,
        )
    except subprocess.TimeoutExpired:
        raise UserError(f"{source}: preparing its images took more than an hour: do it on the command line") from None
    if done.returncode:
        lines = done.stderr.strip().splitlines() or ["it ended without a word"]
        raise UserError(f"{source} cannot be prepared: {lines[-1].removeprefix('error: ')}")
    return data.prepare(
        source,
        size=size,
        channels=channels,
        fit=fit,
        patient_pattern=pattern,
        split_seed=split_seed,
        progress=False,
    )
