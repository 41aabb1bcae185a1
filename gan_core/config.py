"""The configuration of a run: frozen dataclasses, read from and written to JSON strictly.

`config.json` holds everything needed to train a run again. An unknown key, a missing key, a value of the wrong type or
a file of a newer version raises an error that names it.
"""

import dataclasses
import json
import math
import re
import reprlib
import sys
import types
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from hashlib import blake2b
from pathlib import Path
from typing import Any, Literal, TypeVar, Union, cast, get_args, get_origin, get_type_hints

from gan_core import files
from gan_core.errors import UserError, nearest, printable
from gan_core.family_traits import FamilyTraits

FORMAT = 2  # of the run folder; increased when an older GANray can no longer read a new run
WITH_ORIGIN = 3  # the format of runs that GANray did not train
NEWEST = WITH_ORIGIN  # the last format that this GANray reads

# Family settings that format 2 renamed, old name to new. A plug-in that still uses the old name keeps it.
RENAMED = {"average": "ema_decay", "most": "max_width"}
# Suffix of the baseline presets in format 1 and today; the old one has nothing to do with random seeds.
OLD_BASELINE, BASELINE = "_seed", "_baseline"

SCALE_RULE = 2  # newest version of the rule that finds and applies the scale of images beyond 8 bits
IMAGE_SIZES = (32, 64, 128, 256)  # pixels per side that the networks support

_LARGEST = 1024  # pixels per side
# What a file of somebody else may hold at most; far beyond any training.
MOST_BATCH = 2**16
_MOST = {"epochs": 10**6, "batch_size": MOST_BATCH, "preview_every": 10**9, "log_every": 10**9}
_MOST_CLASSES = 10_000
_MOST_SETTINGS = 1000  # values, those of lists included
_MOST_METRICS = 200
MOST_WARNINGS = 100  # of the data
MOST_LETTERS = 1000  # characters of one of them
_MOST_NOTES = 100  # of an origin
_MOST_SOURCES = 1000  # of an ancestry
_LONGEST_TEXT = 500  # characters
_LONGEST_DIAGRAM = 5000  # characters
_LONGEST_SOURCE = 32_000  # characters
SUBJECTS = ("chest X-ray", "brain MRI")
_TEXTS = ("preset", "family", "fingerprint", "fit", "preview_inputs", "subject", "git_commit")
_LONG_TEXTS = ("source", "patient_pattern", "pair_pattern")
# Statements of Graphviz' DOT language without attributes: those could hold links.
_DIAGRAM = re.compile(r"[\w \n\"{};,().?'*+→>-]*")
_SURROGATE = re.compile(r"\\u[dD][89a-fA-F]")  # a lone surrogate cannot be encoded as UTF-8

T = TypeVar("T")


@dataclass(frozen=True)
class DataSummary:
    """What a run keeps of its data beside the fingerprint: what was known and doubted when it was prepared."""

    patients: int
    patients_from: str  # how the patients were found; empty where every image counts as a patient of its own
    skipped: int  # images that could not be read
    warnings: tuple[str, ...]  # a line each, for people: images that were left out, patients that are not known
    scale: tuple[float, float] | None = None  # stored values that became black and white, of images beyond 8 bits
    float_scale: tuple[float, float] | None = None  # the same of files of floats, if the data has any
    scale_rule: int = 1  # version of the rule behind `scale`
    held_out: str = ""  # digest of the names in val and test; "" in a run of an older GANray


@dataclass(frozen=True)
class Origin:
    """Where a run comes from that GANray did not train.

    kind: `recorded`, or what read it: `csv`, `tensorboard`, `lightning`, `cyclegan`, `stylegan`, `keras-gan`,
    `pytorch-gan`, `pictures`.
    program: what trained it, as far as it is known, for people.
    place: name of the file or folder it was read from; no path of a machine.
    counts: what the numbers of its sample sheets and its column `epoch` count.
    own_pixels: False if its sheets are plots or resampled; they are shown and never evaluated.
    notes: a line each, for people.
    """

    kind: str
    program: str = ""
    place: str = ""
    counts: Literal["epoch", "step"] = "epoch"
    own_pixels: bool = True
    notes: tuple[str, ...] = ()


@dataclass(frozen=True)
class Ancestry:
    """The run whose weights a run began with; counts include what that one began with itself."""

    run: str  # its name below the runs' folder, or its folder elsewhere
    epoch: int  # that its weights had reached
    image_size: int  # pixels per side; half of the run's own where that grew
    steps: int
    images: int  # seen
    seconds: float  # of training
    waits: int = 0  # steps that the generator waited at first, because its discriminator was new
    warmup: int = 0  # steps after those, in which the generator's learning rate rises to its own
    sources: tuple[str, ...] = ()  # of all images that its weights learned from, oldest first; empty: not recorded

    @property
    def name(self) -> str:
        """The name of the run, without the place that it had."""
        return re.split(r"[/\\]", self.run)[-1]


@dataclass(frozen=True)
class Kept:
    """Which weights a generator's training ended with, where the distances at its previews had a say.

    The measurement is that of the previews: `gan_core.training.best`. It says little beyond this choice, because the
    least of many distances is lower than the same weights would score on fresh images.
    """

    which: Literal["best", "last"]
    epoch: int  # of weights.safetensors
    measure: str = ""  # frechet or kid; empty if nothing could be measured
    distance: float | None = None  # of these weights; None if they were not measured
    extractor: str = ""
    images: int = 0  # generated for each measurement
    against: str = ""  # the real images: held-out or training
    note: str = ""  # what is doubtful, or why the last weights were kept; a sentence without its full stop


@dataclass(frozen=True)
class RunConfig:
    """Everything needed to train a run again.

    In a run with an `origin`, 0 for `epochs`, `batch_size`, `image_size`, `preview_every` and `log_every` says that the
    value is not known; its seed is known only if `settings` names one.
    """

    preset: str
    family: str
    source: str  # as the user gave it: a folder, a zip, hf:owner/name, phantom:cxr, phantom:mri
    fingerprint: str  # hash of the source's content and of the preparation settings
    classes: tuple[str, ...]
    class_counts: tuple[int, ...]  # training images of each class
    image_size: int  # pixels per side
    channels: int
    fit: str  # crop or pad: how images were made square
    epochs: int
    batch_size: int  # over all processes together
    seed: int
    precision: Literal["32-true", "bf16-mixed"]
    preview_every: int  # epochs
    log_every: int  # steps
    preview_start: Literal["dense", "even"] = "even"  # dense: also early previews, see `schedule`; older runs had none
    snapshots: bool = False  # whether the generator is saved at every preview
    keep: Literal["best", "last"] = "last"  # of a generator with snapshots: the weights that it ends with
    freeze: bool = False  # of a generator that grew: whether only the stage learned that the growth added
    patience: int = 0  # previews without a better distance after which the training stops; 0: never
    settings: dict[str, Any] = field(default_factory=dict)  # the family's own
    domains: tuple[str, ...] = ()  # of a translator: the two classes, A and B
    preview_inputs: str = "held-out"  # of a translator: source of the images that previews translate
    subject: str | None = None  # what the training images show, one of `SUBJECTS`, if it was recognised or is told
    patient_pattern: str | None = None
    pair_pattern: str | None = None  # of a paired translator: finds the part that both file names of a pair share
    split_seed: int = 0
    versions: dict[str, str] = field(default_factory=dict)
    git_commit: str | None = None
    data: DataSummary | None = None  # None in a run of an older GANray
    traits: FamilyTraits | None = None  # the family's declared properties; None in a run of format 1
    origin: Origin | None = None  # None in a run that GANray trained
    grown_from: Ancestry | None = None  # None in a run that began with random weights
    kept: Kept | None = None  # None where the weights are the last ones, and nothing was measured at previews
    format: int = FORMAT

    def __post_init__(self) -> None:
        if self.origin and self.format < WITH_ORIGIN:
            object.__setattr__(self, "format", WITH_ORIGIN)

    @property
    def known_seed(self) -> int | None:
        """The seed; None in a run with an origin whose seed is not known."""
        return self.seed if self.origin is None or "seed" in self.settings else None

    @property
    def scale(self) -> tuple[float, ...] | None:
        """The values that become black and white in images which do not say so themselves; see `decode.image_files`.

        Two more numbers are those of files of floats, if the data has any, and one more is the version of the rule,
        from 2 on. None scales each image by its own values: in runs of 8-bit images and in those of an older GANray.
        """
        if self.data is None or self.data.scale is None:
            return None
        rule = self.data.scale_rule
        return (*self.data.scale, *(self.data.float_scale or ()), *([rule] if rule > 1 else []))

    @property
    def settings_on(self) -> dict[str, Any]:
        """The family's settings that are switched on.

        A setting that is off equals one that did not exist yet when an older run was trained.
        """
        return {key: value for key, value in self.settings.items() if value not in (None, False, 0, "", "none")}

    @property
    def recipe(self) -> str:
        """Digest that is equal for runs that differ only in their seed, their progress and their precision.

        `--precision auto` times both for each run, so that the seeds of one preset may differ in it. The seed of a run
        with an origin is one of its `settings`.
        """
        data = (self.fingerprint, self.classes, self.domains, self.image_size, self.channels)
        before = self.grown_from
        began = (before.name, before.image_size, before.steps, *(["freeze"] if self.freeze else [])) if before else ()
        # Previews decide when patience ends a training; else they only look on.
        ends = (self.epochs, *((self.patience, self.preview_every, self.preview_start) if self.patience else ()))
        settings = {key: value for key, value in self.settings_on.items() if key != "seed" or self.origin is None}
        known = [self.preset, data, self.batch_size, ends, settings, began]
        text = json.dumps(known, sort_keys=True)
        return blake2b(text.encode(), digest_size=8).hexdigest()

    @property
    def trained_before(self) -> bool:
        """Whether the run began with trained weights: its epoch 0 counts as a preview then."""
        return self.grown_from is not None

    @property
    def drawn(self) -> bool:
        """Whether a program drew every image that the weights learned from, also those of the run they began with."""
        before = self.grown_from.sources if self.grown_from else (self.source,)
        return bool(before) and all(source.startswith("phantom:") for source in (*before, self.source))

    @property
    def images_per_step(self) -> int:
        """The training images that a step sees: one batch, of a translator one of each domain; 0 if not known."""
        return self.batch_size * (len(self.domains) or 1)

    @property
    def train_images(self) -> int:
        return sum(self.class_counts)


def to_dict(config: Any) -> dict[str, Any]:
    """A dataclass as plain JSON types. What a run does without is not named, so that older GANrays read it."""
    values = json.loads(json.dumps(dataclasses.asdict(config)))
    if isinstance(config, RunConfig):
        if config.origin is None:
            del values["origin"]
        if config.grown_from is None:
            del values["grown_from"]
        else:
            for name in ("warmup", "sources"):
                if not values["grown_from"][name]:
                    del values["grown_from"][name]
        if config.data and not config.data.held_out:
            del values["data"]["held_out"]
        if config.preview_start == "even":
            del values["preview_start"]
        for name, value in (("keep", "last"), ("freeze", False), ("patience", 0), ("kept", None)):
            if values[name] == value:
                del values[name]
    return values


def shareable(config: RunConfig) -> RunConfig:
    """Return a configuration without the names of training images and patients, which its warnings hold, and places."""
    if config.grown_from:
        config = dataclasses.replace(
            config, grown_from=dataclasses.replace(config.grown_from, run=config.grown_from.name)
        )
    if config.data is None:
        return config
    warnings = tuple(nameless(line) for line in config.data.warnings)
    return dataclasses.replace(config, data=dataclasses.replace(config.data, warnings=warnings))


def nameless(warning: str) -> str:
    """Return a warning about data without the names at its end, behind a colon or "for example".

    "3 images lie in more than one class: a/1.png = b/4.png" becomes "3 images lie in more than one class". Plain words
    behind a colon stay.
    """
    head, mark, tail = [*re.split(r"(: |, for example )", warning, maxsplit=1), "", ""][:3]
    return warning if mark == ": " and re.fullmatch(r"[a-z, ]+", tail) else head


def from_dict(kind: type[T], values: Any, where: str) -> T:
    """Build the dataclass `kind` from plain JSON types, strictly.

    Raises:
        UserError: a key is unknown or missing, or a value has the wrong type; the message starts with `where`.
    """
    if not isinstance(values, dict):
        raise UserError(f"{where}: expected an object with named values, found {type(values).__name__}")
    hints = get_type_hints(kind)
    fields = {f.name: f for f in dataclasses.fields(cast(Any, kind))}
    for key in values:
        if key not in fields:
            raise UserError(f"{where}: unknown setting '{key}'.{nearest(key, fields)} Known: {', '.join(fields)}")
    required = [
        name
        for name, f in fields.items()
        if f.default is dataclasses.MISSING and f.default_factory is dataclasses.MISSING and name not in values
    ]
    if required:
        raise UserError(f"{where}: '{required[0]}' is missing")
    return kind(**{key: _checked(hints[key], value, f"{where}: '{key}'") for key, value in values.items()})


def parse_settings(kind: type[T], base: T, pairs: list[str]) -> T:
    """`base` with `key=value` texts applied, each parsed as its field's type: lr=1e-4, channels=64,32, augment=no.

    Raises:
        UserError: a text has no `=`, a key is unknown, or a value cannot be parsed.
    """
    hints = get_type_hints(kind)
    values = to_dict(base) | parsed_settings(hints, pairs)
    for key in (pair.partition("=")[0] for pair in pairs):
        if key not in hints:
            print(f"note: --set {key}: this setting is now called {RENAMED[key]}", file=sys.stderr)
    return from_dict(kind, values, "--set")


def parsed_settings(hints: Mapping[str, Any], pairs: Sequence[str]) -> dict[str, Any]:
    """The values of `key=value` texts by setting, each of its type; a renamed one under its new name.

    hints: the type of each setting of a family by its name; the value of one whose type is `Any` stays a text.

    Raises:
        UserError: as `parse_settings`.
    """
    found = {}
    for pair in pairs:
        key, equals, text = pair.partition("=")
        if not equals:
            raise UserError(f"--set {pair}: write it as key=value, for example --set lr=0.0002")
        if key not in hints and RENAMED.get(key) in hints:
            key = RENAMED[key]
        if key not in hints:
            raise UserError(f"--set {pair}: no setting '{key}'.{nearest(key, hints)} Known: {', '.join(hints)}")
        found[key] = _checked(hints[key], _parsed(hints[key], text, f"--set {pair}"), f"--set: '{key}'")
    return found


def read_json(path: Path, most: int = files.JSON_BYTES) -> Any:
    """The content of a JSON file of at most so many bytes; some editors begin it with a byte order mark.

    Raises:
        UserError: the file is missing, cannot be read, is a link or too large, or is not JSON.
    """
    try:
        text = files.read_regular(path, most).decode("utf-8-sig")
        values = json.loads(text)
        if _SURROGATE.search(text):
            json.dumps(values, ensure_ascii=False).encode()
        return values
    except FileNotFoundError:
        raise UserError(f"{path} is missing") from None
    except OSError as error:
        raise UserError(f"{path} cannot be read: {error.strerror}") from error
    except (ValueError, RecursionError) as error:
        raise UserError(f"{path} is damaged: it is not valid JSON") from error


def read_run_config(path: Path) -> RunConfig:
    """A run's `config.json`.

    Raises:
        UserError: the file is missing, damaged, or written by a newer version.
    """
    values = read_json(path)
    version = values.get("format") if isinstance(values, dict) else None
    if isinstance(version, int) and version > NEWEST:
        raise UserError(f"{path} was written by a newer GANray (format {version}, this one reads {NEWEST}): update it")
    found = from_dict(RunConfig, _upgraded(values), str(path))
    if problem := _problem(found):
        raise UserError(f"{path} is damaged: {problem}")
    return found


def current_preset(name: str) -> str:
    """Today's name of a preset of format 1; any other name is returned as it is."""
    return name.removesuffix(OLD_BASELINE) + BASELINE if name.endswith(OLD_BASELINE) else name


def fitting_settings(kind: Any, settings: Mapping[str, Any]) -> dict[str, Any]:
    """Settings with each renamed key, old or new, spelled as the dataclass `kind` spells it."""
    known = {f.name for f in dataclasses.fields(kind)}
    swapped = RENAMED | {new: old for old, new in RENAMED.items()}
    return {
        swapped[key] if key not in known and swapped.get(key) in known else key: value
        for key, value in settings.items()
    }


def _upgraded(values: Any) -> Any:
    """The values of a config.json of format 1 under the names of format 2; of format 2, the values as they are."""
    if not isinstance(values, dict) or values.get("format", 1) != 1:
        return values
    found = dict(values)
    if isinstance(settings := found.get("settings"), dict):
        found["settings"] = {RENAMED.get(key, key): value for key, value in settings.items()}
    if isinstance(preset := found.get("preset"), str):
        found["preset"] = current_preset(preset)
    return found


def _problem(found: RunConfig) -> str:
    """The first value that is out of range though its type is right, as text; empty if there is none."""
    least = 0 if found.origin else 1  # 0: not known
    if below := [name for name in _MOST if getattr(found, name) < least]:
        return f"'{below[0]}' is {getattr(found, below[0])}"
    if above := [name for name, value in _MOST.items() if getattr(found, name) > value]:
        return f"'{above[0]}' is {getattr(found, above[0])}, more than {_MOST[above[0]]}"
    if below := [name for name in ("seed", "split_seed", "patience") if getattr(found, name) < 0]:
        return f"'{below[0]}' is {getattr(found, below[0])}"
    if not least <= found.image_size <= _LARGEST or found.channels not in (1, 3):
        return f"images of {found.image_size} pixels per side and {found.channels} channels"
    if len(found.class_counts) != len(found.classes) or min(found.class_counts, default=0) < 0:
        return "'class_counts' does not hold one count for each of 'classes'"
    if len(found.classes) > _MOST_CLASSES:
        return f"'classes' holds {len(found.classes)} names, more than {_MOST_CLASSES}"
    if problem := _problem_of_texts(found) or _problem_of_settings(found.settings):
        return problem
    if len(found.domains) not in (0, 2):
        return f"'domains' holds {len(found.domains)} names, not two"
    if found.domains and found.domains[0] == found.domains[1]:
        return "'domains' holds the same name twice"
    if found.data and (problem := _problem_of_data(found.data)):
        return problem
    if found.origin and (problem := _problem_of_origin(found.origin)):
        return problem
    if found.freeze and not (found.grown_from and found.grown_from.image_size < found.image_size):
        return "'freeze' is true, and it grew from no run"
    if found.grown_from and (problem := _problem_of_ancestry(found.grown_from)):
        return problem
    if found.kept and (problem := _problem_of_kept(found.kept)):
        return problem
    return _problem_of_traits(found.traits) if found.traits else ""


def _problem_of_texts(found: RunConfig) -> str:
    """The first text that is too long to be displayed, as text; empty if there is none."""
    texts = {
        "classes": found.classes,
        "domains": found.domains,
        "versions": (*found.versions, *found.versions.values()),
    }
    texts |= {name: (getattr(found, name) or "",) for name in (*_TEXTS, *_LONG_TEXTS)}
    for name, values in texts.items():
        most = _LONGEST_SOURCE if name in _LONG_TEXTS else _LONGEST_TEXT
        if max(map(len, values), default=0) > most:
            return f"'{name}' is longer than {most} characters"
    return ""


def _problem_of_settings(settings: Mapping[str, Any]) -> str:
    """What no family can have as its settings, as text; empty if there is nothing."""
    left: list[Any] = [settings]
    seen = 0
    while left:
        value = left.pop()
        seen += 1
        if seen > _MOST_SETTINGS:
            return f"'settings' holds more than {_MOST_SETTINGS} values"
        if isinstance(value, Mapping):
            left += [*value, *value.values()]
        elif isinstance(value, list | tuple):
            left += value
        elif isinstance(value, str) and len(value) > _LONGEST_TEXT:
            return f"a text of 'settings' is longer than {_LONGEST_TEXT} characters"
        elif isinstance(value, float) and not math.isfinite(value):
            return f"'settings' holds {value}"
        elif isinstance(value, int) and abs(value) >= 2**63:
            return "'settings' holds a number of more than 64 bits"
    return ""


def _problem_of_data(summary: DataSummary) -> str:
    """The first value of the data summary that is out of range, as text; empty if there is none."""
    if summary.patients < 0 or summary.skipped < 0:
        return "'data' counts fewer than zero patients or images"
    if (
        len(summary.warnings) > MOST_WARNINGS
        or max(map(len, (summary.patients_from, *summary.warnings))) > _LONGEST_DIAGRAM
    ):
        return "'data' holds too many or too long warnings"
    if len(summary.held_out) > _LONGEST_TEXT:
        return f"'held_out' is longer than {_LONGEST_TEXT} characters"
    if summary.scale and not 1 <= summary.scale_rule <= SCALE_RULE:
        return f"its greys were scaled by rule {summary.scale_rule}, which this GANray does not know"
    for scale in filter(None, (summary.scale, summary.float_scale)):
        if not (len(scale) == 2 and -math.inf < scale[0] < scale[1] < math.inf):
            return f"'scale' is {_short(scale)}, not a range of two numbers"
    return ""


def _problem_of_origin(origin: Origin) -> str:
    """The first value of an origin that a page could not display, as text; empty if there is none."""
    if not origin.kind:
        return "'origin' names no kind"
    if len(origin.notes) > _MOST_NOTES:
        return f"'origin' holds {len(origin.notes)} notes, more than {_MOST_NOTES}"
    if max(map(len, (origin.kind, origin.program, origin.place))) > _LONGEST_TEXT:
        return f"a text of 'origin' is longer than {_LONGEST_TEXT} characters"
    if max(map(len, origin.notes), default=0) > MOST_LETTERS:
        return f"a note of 'origin' is longer than {MOST_LETTERS} characters"
    return ""


def _problem_of_ancestry(ancestry: Ancestry) -> str:
    """The first value of an ancestry that no training writes, as text; empty if there is none."""
    if not 0 < len(ancestry.run) <= _LONGEST_TEXT:
        return "'grown_from' names no run"
    if not 1 <= ancestry.image_size <= _LARGEST:
        return f"'grown_from' has {ancestry.image_size} pixels per side"
    if len(ancestry.sources) > _MOST_SOURCES or max(map(len, ancestry.sources), default=0) > _LONGEST_SOURCE:
        return "'grown_from' names too many or too long sources"
    counts = (ancestry.epoch, ancestry.steps, ancestry.images, ancestry.seconds, ancestry.waits, ancestry.warmup)
    if not all(0 <= count < 2**53 for count in counts):
        return "'grown_from' counts less than zero, or more than any training"
    return ""


def _problem_of_kept(kept: Kept) -> str:
    """The first value of what was kept that a page could not display, as text; empty if there is none."""
    if not 0 <= kept.epoch <= _MOST["epochs"] or not 0 <= kept.images <= 10**9:
        return f"'kept' names epoch {kept.epoch} and {kept.images} images"
    if max(map(len, (kept.measure, kept.extractor, kept.against, kept.note))) > _LONGEST_TEXT:
        return f"a text of 'kept' is longer than {_LONGEST_TEXT} characters"
    return ""


def checked(found: RunConfig) -> RunConfig:
    """Return a run's configuration if it can be read again.

    Raises:
        UserError: a value has the wrong type or is out of range.
    """
    read = from_dict(RunConfig, to_dict(found), "the run's configuration")
    if problem := _problem(read):
        raise UserError(f"the run's configuration: {problem}")
    return read


def checked_traits(traits: FamilyTraits) -> FamilyTraits:
    """Return the traits if a run that stores them can be read again.

    Raises:
        UserError: a value has the wrong type, or a page could not or must not display it.
    """
    found = from_dict(FamilyTraits, to_dict(traits), "what the family declares")
    if problem := _problem_of_traits(found):
        raise UserError(f"what the family declares: {problem}")
    return found


def _problem_of_traits(traits: FamilyTraits) -> str:
    """The first property that a page cannot or must not display, as text; empty if there is none."""
    if traits.task not in ("generate", "translate"):
        return f"'task' is {_short(traits.task)}; it must be generate or translate"
    if traits.layers not in ("", "dense", "convolutional"):
        return f"'layers' is {_short(traits.layers)}; it must be dense or convolutional"
    if traits.color and not re.fullmatch(r"#[0-9a-fA-F]{6}", traits.color):
        return f"'color' is {_short(traits.color)}, not of the form #rrggbb"
    if not _DIAGRAM.fullmatch(traits.diagram):
        return "'diagram' holds more than names, arrows and braces"
    if len(traits.diagram) > _LONGEST_DIAGRAM:
        return f"'diagram' is longer than {_LONGEST_DIAGRAM} characters"
    if len(traits.metrics) > _MOST_METRICS:
        return f"'metrics' holds {len(traits.metrics)} entries, more than {_MOST_METRICS}"
    texts = (text for metric in traits.metrics for text in dataclasses.astuple(metric) if isinstance(text, str))
    if max(map(len, (traits.title, traits.objective, *texts)), default=0) > _LONGEST_TEXT:
        return f"a text of 'traits' is longer than {_LONGEST_TEXT} characters"
    return ""


def _checked(hint: Any, value: Any, where: str) -> Any:
    """`value` if it has the type `hint`; lists become tuples, and an int is accepted for a float."""
    origin, args = get_origin(hint), get_args(hint)
    if hint is Any:
        return value
    if origin in (Union, types.UnionType):
        if value is None and type(None) in args:
            return None
        return _checked(next(a for a in args if a is not type(None)), value, where)
    if origin is Literal:
        if value not in args:
            raise UserError(f"{where} is {_short(value)}; it must be one of {', '.join(map(str, args))}")
        return value
    if origin is tuple and isinstance(value, list | tuple):
        return tuple(_checked(args[0], item, where) for item in value)
    if dataclasses.is_dataclass(hint) and isinstance(hint, type):
        return from_dict(hint, value, where)
    if origin is dict and isinstance(value, dict):
        return {str(key): _checked(args[1], item, where) for key, item in value.items()}
    if hint is float and isinstance(value, float):
        if not math.isfinite(value):
            raise UserError(f"{where} is {value}; it must be a finite number")
        return value
    # JSON integers may have any length; arrays and file headers hold 64 bits.
    if hint in (int, float) and isinstance(value, int) and not isinstance(value, bool) and abs(value) < 2**63:
        return hint(value)
    if hint in (str, bool) and isinstance(value, hint):
        return value
    expected = hint.__name__ if isinstance(hint, type) and origin is None else str(hint)
    raise UserError(f"{where} should be {expected}, found {_short(value)}")


def _short(value: Any) -> str:
    return printable(reprlib.repr(value), 100)


def _parsed(hint: Any, text: str, where: str) -> Any:
    """A command-line text as the JSON type for `hint`; `_checked` validates it afterwards."""
    origin, args = get_origin(hint), get_args(hint)
    if origin is tuple:
        return [_parsed(args[0], part.strip(), where) for part in text.strip("()[]").split(",") if part.strip()]
    if hint is bool:
        words = {"true": True, "yes": True, "1": True, "false": False, "no": False, "0": False}
        if text.lower() not in words:
            raise UserError(f"{where}: say yes or no")
        return words[text.lower()]
    if hint in (int, float):
        try:
            number = hint(text)
        except ValueError:
            raise UserError(f"{where}: '{text}' is not a {'whole ' if hint is int else ''}number") from None
        if not math.isfinite(number):
            raise UserError(f"{where}: '{text}' is not a finite number")
        return number
    return text
