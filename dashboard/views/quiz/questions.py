"""The images of a quiz, from the weights and the data of its runs, and the statistics of the answers.

The runs and the seed determine a quiz: the same address gives the same images in the same order. Real images are
encoded like generated ones (the size of the run, 8 bits, the same PNG), so that only the content can tell them apart.
"""

import subprocess
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from hashlib import blake2b
from pathlib import Path

import numpy as np
import streamlit as st

from dashboard.library import csv_text, data_here
from dashboard.library.store import Entry
from gan_core import child_processes, data, files
from gan_core.config import RunConfig
from gan_core.data import Prepared, relocated
from gan_core.data.readers import phantom
from gan_core.decode.image_files import quantise
from gan_core.errors import UserError
from gan_core.families import registry
from gan_core.runs import Run

COUNT = 20  # images, half of them real
MOST = 5  # runs, so that each gives at least two generated images
REAL, GENERATED = "R", "G"
WORDS = {REAL: "real", GENERATED: "generated"}
HEADER = ("seed", "number", "run", "class", "truth", "answer", "right")
_FIRST_SEED = 10**9  # of latent vectors: far from the seeds of previews and of other pages
_FIRST_BODY = 2 * 10**15  # of phantoms: beyond those of phantom data and of previews, which begin at half of it
_PREPARE_SECONDS = 3600


@dataclass(frozen=True)
class QuizRun:
    """A run of the quiz, with everything that determines its images."""

    run: str  # name
    label: str  # tells it from the other runs of the quiz
    folder: str
    root: str
    changed: int  # modification time of the weights, ns
    source: str  # its real images on this machine; empty where phantoms replace them


@dataclass(frozen=True)
class Quiz:
    """The runs and the seed, which determine the images and their order."""

    parts: tuple[QuizRun, ...]
    seed: int

    @property
    def key(self) -> str:
        """Six hex digits that identify this quiz."""
        return blake2b(repr(self).encode(), digest_size=3).hexdigest()


@dataclass(frozen=True, eq=False)
class QuizPicture:
    """One question: an image and the truth about it."""

    pixels: np.ndarray  # uint8 (C, S, S)
    truth: str  # REAL or GENERATED
    run: str  # label of the run; a real image comes from the data of this run
    kind: str  # class; empty where there is none
    drawn: bool = False  # a phantom, which stands where a real image would


@dataclass(frozen=True, eq=False)
class PictureSet:
    """The images of a quiz in their order, with notes for the user."""

    pictures: tuple[QuizPicture, ...]
    notes: tuple[str, ...]


def usable(entries: Sequence[Entry]) -> list[Entry]:
    """Return the runs that have weights; the weights are not opened."""
    return [entry for entry in entries if entry.config and files.is_regular(entry.run.weights)]


def compose(chosen: Sequence[Entry], seed: int, folder: str = "") -> Quiz:
    """Return the quiz of these runs; real images are searched in `folder` first."""
    parts = []
    labels = [entry.label for entry in chosen]
    for entry in chosen:
        label = entry.label if labels.count(entry.label) == 1 else entry.name
        try:
            changed = entry.run.weights.stat().st_mtime_ns
        except OSError:
            changed = 0
        source = data_here.locate(entry.config, folder) if entry.config else ""
        parts.append(QuizRun(entry.name, label, str(entry.run.folder), str(entry.run.root), changed, source))
    return Quiz(tuple(parts), seed)


@st.cache_resource(max_entries=32, show_spinner=False)
def make(quiz: Quiz) -> PictureSet:
    """Return the images of a quiz, cached for everyone who takes it.

    Raises:
        UserError: Weights or data are missing, damaged, or do not fit.
    """
    pictures: list[QuizPicture] = []
    notes: list[str] = []
    taken: dict[str, set[int]] = {}
    for number, (part, count) in enumerate(zip(quiz.parts, shares(quiz), strict=True)):
        rng = np.random.default_rng([quiz.seed, number])
        run = Run(Path(part.folder), Path(part.root))
        config = run.config()
        if config.origin and not part.source:
            raise UserError(f"what {part.label} learned from is not here: name the folder of its real images")
        real = _held_out(part, config, rng, taken, notes.append) if is_data(part.source) else _drawn(config, rng)
        classes = _classes_to_show(config, count, rng)
        drawn = not is_data(part.source)
        pictures += [QuizPicture(pixels, REAL, part.label, kind, drawn) for pixels, kind in map(real, classes)]
        made = _translated(run, classes, real) if config.domains else _generated(run, count, quiz.seed)
        pictures += [QuizPicture(pixels, GENERATED, part.label, kind) for pixels, kind in made]
    order = np.random.default_rng([quiz.seed, len(quiz.parts), 1]).permutation(len(pictures))
    return PictureSet(tuple(pictures[index] for index in order), tuple(dict.fromkeys(notes)))


def accuracy(made: PictureSet, answers: str, run: str | None = None) -> tuple[int, int]:
    """Return (right answers, images), over all images or over the generated and real images of one run."""
    pairs = [(p.truth, a) for p, a in zip(made.pictures, answers, strict=True) if run in (None, p.run)]
    return sum(truth == answer for truth, answer in pairs), len(pairs)


def confusion(
    made: PictureSet, answers: str, truth: str, run: str | None = None, drawn: bool | None = None
) -> tuple[int, int]:
    """Return how often images of that truth were answered (real, generated), over all runs or one.

    drawn: counts phantoms only, or images of a data set only; None: both.
    """
    pairs = [(p, a) for p, a in zip(made.pictures, answers, strict=True) if p.truth == truth and run in (None, p.run)]
    chosen = [answer for picture, answer in pairs if drawn in (None, picture.drawn)]
    return chosen.count(REAL), chosen.count(GENERATED)


def to_csv(quiz: Quiz, made: PictureSet, answers: str, real: str = WORDS[REAL]) -> str:
    """Return the quiz and its answers as CSV, one line per image; `real` names the answer that is not `generated`."""
    rows: list[tuple[object, ...]] = [HEADER]
    for number, (picture, answer) in enumerate(zip(made.pictures, answers, strict=True), start=1):
        right = int(picture.truth == answer)
        truth = "drawn" if picture.drawn else WORDS[picture.truth]
        words = truth, real if answer == REAL else WORDS[answer]
        rows.append((quiz.seed, number, picture.run, picture.kind, *words, right))
    return csv_text.text(rows)


def shares(quiz: Quiz) -> list[int]:
    """Return the number of generated (and of real) images for each run; the seed assigns the remainder."""
    least, more = divmod(COUNT // 2, len(quiz.parts))
    first = set(np.random.default_rng([quiz.seed, 2]).permutation(len(quiz.parts))[:more].tolist())
    return [least + (number in first) for number in range(len(quiz.parts))]


def _classes_to_show(config: RunConfig, count: int, rng: np.random.Generator) -> list[str]:
    """Return the class of each real image: drawn with the training frequencies, or a translator's targets in turn."""
    if config.domains:
        targets = registry.targets(config)
        return [targets[(number + 1) % len(targets)] for number in range(count)]
    if not config.classes:
        return [""] * count  # a run that another program trained
    counts = np.array(config.class_counts, np.float64)
    return [str(name) for name in rng.choice(config.classes, count, p=counts / counts.sum())]


def is_data(source: str) -> bool:
    """Return whether a source is images of a data set, and not drawn ones."""
    return bool(source) and not source.startswith("phantom:")


# class -> a new image, uint8 (C, S, S), and its class: another one where there are no more of the class
TakePicture = Callable[[str], tuple[np.ndarray, str]]


def _held_out(
    part: QuizRun,
    config: RunConfig,
    rng: np.random.Generator,
    taken: dict[str, set[int]],
    note: Callable[[str], object],
) -> TakePicture:
    prepared = prepare(part.source, config)
    if prepared.fingerprint != config.fingerprint:
        note(f"{part.label} learned from other images than those in {part.source}: its training may have seen some")
    elif relocated.split_moved(prepared, config):
        note(f"{part.source} is now split in another way: {part.label} may have seen some of its images in training")
    names = prepared.classes
    learned = [names.index(name) for name in config.domains or config.classes if name in names]
    fitting = np.isin(prepared.labels, learned or range(len(names)))
    index = np.flatnonzero(fitting & (prepared.splits != "train"))
    if not len(index):
        note(f"{part.source} has no held-out images: {part.label} saw its real images in training")
        index = np.flatnonzero(fitting)
    used = taken.setdefault(str(prepared.folder), set())

    def take(kind: str) -> tuple[np.ndarray, str]:
        label = names.index(kind) if kind in names else -1
        left = [i for i in index if int(i) not in used]
        same = [i for i in left if prepared.labels[i] == label]
        if not left:
            raise UserError(f"{part.source} holds too few images for a quiz of {COUNT} images")
        if label >= 0 and not same:
            note(f"{part.source} holds too few images of {kind}: those of another class stand for them")
        chosen = int(rng.choice(same or left))
        used.add(chosen)
        return np.array(prepared.images[chosen]), names[prepared.labels[chosen]] if kind else ""

    return take


def _drawn(config: RunConfig, rng: np.random.Generator) -> TakePicture:
    """Return a function that draws phantoms of the run's subject; no training saw them."""
    kind = config.source.removeprefix("phantom:").partition("?")[0] if config.source.startswith("phantom:") else ""
    kind = kind or ("mri" if config.subject == "brain MRI" else "cxr")
    classes = tuple(phantom.drawer(kind).CLASSES)
    bodies = iter(_FIRST_BODY + rng.permutation(100_000))

    def take(name: str) -> tuple[np.ndarray, str]:
        label, size = _phantom_class(name, classes, rng), config.image_size
        return quantise(phantom.picture(kind, label, int(next(bodies)), size, config.channels)), name

    return take


def _phantom_class(name: str, classes: Sequence[str], rng: np.random.Generator) -> str:
    """Return the phantom class for a class of real data: one whose name it contains, else any that is not healthy."""
    lower = name.lower()
    named = [one for one in classes if one.lower() in lower]
    others = [one for one in classes if one != "normal"]
    return str(rng.choice(named or others))


def _generated(run: Run, count: int, seed: int) -> list[tuple[np.ndarray, str]]:
    from gan_core import inference  # it imports torch

    model = inference.load(run, seconds_allowed=inference.VISITOR_SECONDS)
    pictures, kinds = model.generate(count, seed=_FIRST_SEED + seed)
    return [(picture.transpose(2, 0, 1), kind) for picture, kind in zip(pictures, kinds, strict=True)]


def _translated(run: Run, targets: Sequence[str], real: TakePicture) -> list[tuple[np.ndarray, str]]:
    """Return (translation, its domain) for each target, of real images that the quiz does not show.

    Where there are no more images to translate into a target, those of the target are translated back.

    Raises:
        UserError: the run does not translate back.
    """
    from gan_core import inference

    model = inference.load(run)
    found = []
    for target in targets:
        (source,) = (name for name in model.domains if name != target)
        pixels, kind = real(source)
        to = source if kind == target else target
        if to not in registry.targets(model.config):
            raise UserError(f"there are too few images of {source} for a quiz of {COUNT} images")
        made = model.translate(pixels.transpose(1, 2, 0)[None], to)
        found.append((made[0].transpose(2, 0, 1), to))
    return found


def prepare(source: str, config: RunConfig) -> Prepared:
    """Return the images of a source as the run needs them: prepared once, then read from the user's cache folder.

    Raises:
        UserError: The source cannot be read, or lacks the classes of the run.
    """
    size, channels, fit = config.image_size, config.channels, config.fit
    prepared = _prepared(source, size, channels, fit, config.patient_pattern, config.split_seed, config.scale)
    classes = config.domains or config.classes
    if len(classes) > 1 and not set(classes) <= set(prepared.classes):
        raise UserError(
            f"{source} has the classes {', '.join(prepared.classes)}, the run learned {', '.join(classes)}: name a "
            "folder with those classes"
        )
    return prepared


@st.cache_resource(max_entries=8, show_spinner=False)
def _prepared(
    source: str,
    size: int,
    channels: int,
    fit: str,
    pattern: str | None,
    split_seed: int,
    scale: tuple[float, ...] | None,
) -> Prepared:
    # A separate process prepares the data: workers started from a page would run the page first.
    words = ["prepare", "--size", str(size), "--channels", str(channels), "--fit", fit]
    words += [f"--patient-pattern={pattern}"] if pattern else []
    words += [f"--scale={','.join(map(repr, scale)) if scale else 'own'}", "--", source]
    try:
        done = subprocess.run(
            child_processes.command("gan_core", *words),
            env=child_processes.environment(),
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=_PREPARE_SECONDS,
            check=False,
        )
    except subprocess.TimeoutExpired:
        raise UserError(
            f"{source}: preparing its images took more than an hour: prepare them on the command line"
        ) from None
    if done.returncode:
        lines = done.stderr.strip().splitlines() or ["the process ended without a message"]
        raise UserError(f"{source} cannot be prepared: {lines[-1].removeprefix('error: ')}")
    return data.prepare(
        source,
        size=size,
        channels=channels,
        fit=fit,
        patient_pattern=pattern,
        split_seed=split_seed,
        scale=scale,
        progress=False,
    )
