"""TensorBoard's event files, of `torch.utils.tensorboard`, of Lightning, or of TensorFlow: scalars and pictures."""

import re
import struct
from array import array
from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from gan_core import foreign_settings, name_patterns, optional_dependencies
from gan_core.errors import UserError
from gan_core.importers import columns, csv_table, event_files, lightning, pictures, rows, texts
from gan_core.importers.found import FoundTraining, ImportOptions, Picture

FILES = re.compile(r"\btfevents\.")
_MOST_FILES = 500
_MOST_FOLDERS = 400  # that are looked into
_MOST_TAGS = 1000
_FLOAT, _DOUBLE, _STRING = 1, 2, 7  # of TensorFlow's DataType
_SAMPLES = re.compile(r"(?i)sample|fake|generated|gen_|recon|image")
_DAMAGED = "a record of {} is not whole, as a killed training leaves it: it was read up to there"


@dataclass(frozen=True)
class _Stored:
    """Where a picture is: read from the file when it is asked for."""

    path: Path
    place: int
    length: int
    tag: str

    def __call__(self) -> np.ndarray:
        event = _events().Event.FromString(event_files.content_at(self.path, self.place, self.length))
        for value in event.summary.value:
            if value.tag == self.tag and (content := _encoded(value)):
                return pictures.decoded(content, f"{texts.shown(self.tag)} at step {event.step}")
        raise UserError(f"{self.path} has changed while it was read")


class _Scalar:
    """The values of one tag, as they were logged."""

    def __init__(self) -> None:
        self.steps, self.values = array("q"), array("d")
        self.file = 0  # number of the file that the newest value is from

    def add(self, step: int, value: float, file: int) -> None:
        """Append a value. A training that goes on in a new file logs anew what was logged after its checkpoint."""
        if file != self.file:
            self.file = file
            steps = np.array(self.steps)
            kept = steps < step
            self.steps, self.values = array("q", steps[kept]), array("d", np.array(self.values)[kept])
        self.steps.append(step)
        self.values.append(value)


class _Read:
    """What the event files of a training hold."""

    def __init__(self) -> None:
        self.scalars: dict[str, _Scalar] = {}
        self.images: dict[str, dict[int, Picture]] = defaultdict(dict)
        self.steps, self.times = array("q"), array("d")  # of every event with scalars
        self.notes: list[str] = []

    def table(self) -> dict[str, np.ndarray]:
        """Return the columns by tag, one row a step, with `step` and `seconds`; of several values the last one counts.

        Raises:
            UserError: there are more cells than a run may have.
        """
        steps = {tag: np.array(one.steps, np.int64) for tag, one in self.scalars.items()}
        every = np.unique(np.concatenate([*steps.values(), np.empty(0, np.int64)]))
        rows.check_size(len(every), len(steps))
        found = {columns.STEP: every.astype(np.float64), columns.SECONDS: np.full(len(every), np.nan)}
        times = np.array(self.times)
        known = np.isin(self.steps, every)
        found[columns.SECONDS][np.searchsorted(every, np.array(self.steps)[known])] = (times - times.min())[known]
        for tag, one in self.scalars.items():
            values = np.full(len(every), np.nan)
            values[np.searchsorted(every, steps[tag])] = one.values
            found[tag] = values
        return found


def read(path: Path, options: ImportOptions) -> FoundTraining:
    """Return the training of the event files of one folder, or of one file.

    Raises:
        UserError: there are none, several trainings lie below the folder, a file cannot be read, or the package
            tensorboard is missing.
    """
    _events()
    folder, found = event_paths(path)
    made = _Read()
    for number, one in enumerate(found):
        _read_file(one, number, made)
    if not made.scalars and not made.images:
        raise UserError(f"{path}: its event files hold neither scalars nor pictures")
    table = made.table() if made.scalars else {}
    training = _of_table(table, made, options, folder)
    chosen, words = _pictures(made.images, options)
    training = replace(training, notes=(*training.notes, *made.notes, *words))
    if not chosen:
        return training
    cut = pictures.sheets(chosen, options.grid)
    placed, unit = pictures.placed_as(training, cut.pictures, "epoch" if options.x == "epoch" else "step")
    return replace(
        training,
        pictures=placed,
        counts=unit if training.rows or options.x == "epoch" else "step",
        image_size=cut.size,
        notes=(*training.notes, *cut.notes),
    )


def _of_table(table: dict[str, np.ndarray], made: _Read, options: ImportOptions, folder: Path) -> FoundTraining:
    chosen, words = lightning.hparams(folder / lightning.OPTIONS)
    notes = list(words)
    counts: Any = "step"
    if table:
        names = [name for name in table if name not in (columns.STEP, columns.SECONDS)]
        # The rows are counted by TensorBoard's own step, which may be epochs.
        epochs = next((name for name in names if columns.unit_of(name) == "epoch"), "")
        by_epoch = options.x == "epoch" and not epochs
        if options.x and options.x not in ("step", "epoch"):
            raise UserError(f"--x {options.x}: TensorBoard's rows count 'step'; say 'epoch' if its steps are epochs")
        table, counts, more = csv_table.counted(
            table, "" if by_epoch else columns.STEP, columns.STEP if by_epoch else epochs, options.steps_per_epoch
        )
        notes += more
    named = columns.named([name for name in made.scalars if columns.unit_of(name) != "epoch"], options.names)
    objective = columns.objective_of(options.objective, folder.resolve().name)
    finished, metrics, left = columns.finished(table, named, objective)
    told = columns.told(named)
    training = FoundTraining(
        kind="tensorboard",
        place=folder.resolve().name,
        watched=(folder,),
        program="Lightning" if (folder / lightning.OPTIONS).exists() else "",
        preset=folder.resolve().name,
        columns=finished,
        metrics=metrics,
        counts=counts,
        objective=objective,
        settings=foreign_settings.plain(chosen),
        batch_size=foreign_settings.whole(chosen.get("batch_size"), 1, 2**16),
        notes=(*notes, *left, *([told] if told else [])),
    )
    planned = lightning.planned(chosen, training)
    reason = lightning.unfinished(training, planned)
    return replace(training, epochs=planned, state="stopped" if reason else "finished", reason=reason)


def event_paths(path: Path) -> tuple[Path, list[Path]]:
    """Return the folder of one training and its event files in the order of their names, which start with the time.

    Raises:
        UserError: there are none, or several folders below hold some.
    """
    if not path.is_dir():
        return path.parent, [path]
    found = event_folders(path)
    if not found:
        raise UserError(f"{path} holds no event files of TensorBoard (events.out.tfevents...)")
    if len(found) > 1:
        listed = ", ".join(texts.shown(str(place.relative_to(path)), 60) for place in list(found)[:6])
        raise UserError(f"{path} holds {len(found)} trainings: name the folder of one of them: {listed}")
    ((place, names),) = found.items()
    return place, [place / name for name in names]


def event_folders(path: Path) -> dict[Path, list[str]]:
    """Return the folders with event files, and their names: the folder itself, else those up to two levels below it.

    Raises:
        UserError: a folder cannot be read, or holds too many.
    """
    if names := _event_names(path):
        return {path: names}
    places = [path / name for name in texts.folders(path)]
    places += [place / name for place in places for name in texts.folders(place)]
    return {place: names for place in places[:_MOST_FOLDERS] if (names := _event_names(place))}


def _event_names(folder: Path) -> list[str]:
    found = [name for name in texts.names(folder) if FILES.search(name)]
    if len(found) > _MOST_FILES:
        raise UserError(f"{folder} holds {len(found)} event files, more than {_MOST_FILES}: name the folder of one run")
    return found


def _events() -> Any:
    (events,) = optional_dependencies.need(
        "importing from TensorBoard", "tensorboard", "tensorboard.compat.proto.event_pb2"
    )
    return events


def _read_file(path: Path, number: int, made: _Read) -> None:
    event_of = _events().Event.FromString
    scalars, end = made.scalars, 0
    for place, content in event_files.records(path):
        end = place + len(content) + 4
        try:
            event = event_of(content)
        except Exception:  # the errors of protocol buffers have no base of their own in all its versions
            break
        step, logged = event.step, False
        if step < 0:
            continue
        for value in event.summary.value:
            kind = value.WhichOneof("value")
            if kind == "image" or (kind == "tensor" and _is_picture(value)):
                if len(made.images) < _MOST_TAGS:
                    made.images[value.tag][step] = _Stored(path, place, len(content), value.tag)
                continue
            scalar = value.simple_value if kind == "simple_value" else _number(value) if kind == "tensor" else None
            if scalar is None:
                continue
            tag = value.tag
            if tag not in scalars:
                scalars[tag] = _Scalar()
                if len(scalars) > _MOST_TAGS:
                    raise UserError(f"{path} holds more than {_MOST_TAGS} scalars: export those that you need as CSV")
            scalars[tag].add(step, scalar, number)
            logged = True
        if logged:
            made.steps.append(step)
            made.times.append(event.wall_time)
    if end < path.stat().st_size:
        made.notes.append(_DAMAGED.format(texts.shown(path.name)))


def _is_picture(value: Any) -> bool:
    return value.metadata.plugin_data.plugin_name == "images" or (
        value.tensor.dtype == _STRING and len(value.tensor.string_val) > 2
    )


def _encoded(value: Any) -> bytes:
    """Return the file of a picture: TensorFlow 2 stores width, height and the pictures of a batch."""
    if value.WhichOneof("value") == "image":
        return bytes(value.image.encoded_image_string)
    return bytes(value.tensor.string_val[2]) if len(value.tensor.string_val) > 2 else b""


def _number(value: Any) -> float | None:
    """Return a scalar of TensorFlow 2, None for any other tensor."""
    tensor = value.tensor
    content = tensor.tensor_content
    if tensor.dtype == _FLOAT:
        if len(tensor.float_val) == 1:
            return float(tensor.float_val[0])
        return float(struct.unpack("<f", content)[0]) if len(content) == 4 else None
    if tensor.dtype == _DOUBLE:
        if len(tensor.double_val) == 1:
            return float(tensor.double_val[0])
        return float(struct.unpack("<d", content)[0]) if len(content) == 8 else None
    return None


def _pictures(
    images: Mapping[str, Mapping[int, Picture]], options: ImportOptions
) -> tuple[dict[int, Picture], tuple[str, ...]]:
    """Return the pictures of one tag: that of `--images`, or the one called as samples are, with the most steps."""
    if not images:
        return {}, ()
    tags = list(images)
    if options.images:
        try:
            groups = re.compile(options.images).groups
        except (re.error, RecursionError, OverflowError) as error:
            raise UserError(f"--images '{options.images}' is no regular expression: {error}") from None
        pattern = options.images if groups == 1 else f"({options.images})"
        hits = name_patterns.search(pattern, tags, "--images") if groups < 2 else [None] * len(tags)
        found = [tag for tag, hit in zip(tags, hits, strict=True) if hit is not None]
        if not found:
            listed = ", ".join(texts.shown(tag, 40) for tag in tags[:8])
            raise UserError(f"--images '{options.images}' finds no tag with pictures. Tags: {listed}")
        tags = found
    chosen = max(tags, key=lambda tag: (bool(_SAMPLES.search(tag)), len(images[tag])))
    others = [texts.shown(tag, 40) for tag in images if tag != chosen]
    more = f"; not those of {', '.join(others[:6])}: choose with --images" if others else ""
    return dict(images[chosen]), (f"sheets: the pictures of {texts.shown(chosen, 60)}{more}",)
