"""Writing a run that GANray did not train: `RecordedWriter`, for `gan_core.record` and for imports.

The folder is that of any other run: a table, sheets of samples, a status. Its config has an `origin`, and what is not
known of the training is 0 there.
"""

import dataclasses
import re
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import numpy as np

from gan_core import config, files, images
from gan_core.config import RunConfig
from gan_core.errors import UserError, printable
from gan_core.runs import tables
from gan_core.runs.run import EPOCHS, GENERATED, GENERATOR, GIF, METRICS, PRIVATE, Run
from gan_core.runs.tables import Table
from gan_core.runs.writer import RunWriter

# Settings of a run that has a generator: how many numbers a latent vector has, its shape if the module took another
# than (latent_size,), and the values of black and white in its pictures.
LATENT_SIZE, LATENT_SHAPE, BLACK_WHITE = "latent_size", "latent_shape", "generator_range"
FAMILY = "recorded"  # the family of every such run; no file in families/ has this name
STATES = ("running", "finished", "stopped", "failed")
# The first columns of each table, as the trainer writes them.
FIRST = {METRICS: ("step", "epoch", "seconds", "images_per_second"), EPOCHS: ("epoch", "step")}
_LONGEST_NAME = 200  # characters of a column's name
_FRAMES = 200  # of the animation, at most
_SIDE = 1024  # pixels of its longer side, at most


class RecordedWriter:
    """The one writer of a run that GANray did not train; use `create` or `reopen`, then `close`."""

    def __init__(self, writer: RunWriter, settings: RunConfig) -> None:
        if settings.origin is None:
            raise AssertionError("a run that GANray trained is written by RunWriter")
        self._writer = writer
        self._config = settings

    @classmethod
    def create(cls, root: Path, name: str, settings: RunConfig) -> "RecordedWriter":
        """Create a run folder with its config.json, which must have an origin.

        Raises:
            UserError: the name is invalid or taken, the folder cannot be written, or the configuration could not be
                read again.
        """
        settings = config.checked(dataclasses.replace(settings, family=FAMILY))
        return cls(RunWriter.create(root, name, settings), settings)

    @classmethod
    def reopen(cls, run: Run) -> "RecordedWriter":
        """Open such a run to go on writing it.

        Raises:
            UserError: GANray trained the run, it is a shipped one, or another process writes it.
        """
        settings = run.config()
        if settings.origin is None:
            raise UserError(f"run '{run.name}' was trained by GANray and is not recorded over: choose another name")
        return cls(RunWriter.reopen(run), settings)

    @property
    def run(self) -> Run:
        return self._writer.run

    @property
    def config(self) -> RunConfig:
        return self._config

    def write_config(self, settings: RunConfig) -> None:
        """Replace config.json, for example when a column with a title of its own is new.

        Raises:
            UserError: the configuration could not be read again, or the file cannot be written.
        """
        self._config = config.checked(dataclasses.replace(settings, family=FAMILY))
        self._writer.write_config(self._config)

    def write_table(self, columns: Mapping[str, np.ndarray], table: str = METRICS) -> None:
        """Replace a whole table atomically.

        columns: name -> values (n,), not-a-number for empty cells; `step` is required. `epoch` is added where it is
        missing (of a run that counts steps, the step), and in metrics.csv `seconds` and `images_per_second` as well.

        Raises:
            UserError: `step` is missing, the columns differ in length, a name cannot stand in a table, or the table is
                larger than GANray reads.
        """
        text = table_text(self._completed(columns, table))
        if len(text) > files.TABLE_BYTES:
            raise UserError(f"{table} of run '{self.run.name}' would have {len(text) >> 20} MB: log fewer rows")
        files.write_bytes(self.run.folder / table, text)

    def append(self, rows: Iterable[Mapping[str, Any]], table: str = METRICS) -> None:
        """Append rows with the same columns, in one write; see `RunWriter.log`."""
        self._writer.log(list(rows), table)

    def replace_last(self, row: Mapping[str, Any], table: str = METRICS) -> None:
        """Write the last row of a table anew, which got more numbers."""
        tables.replace_last(self.run.folder / table, row)

    def read_table(self, table: str = METRICS) -> dict[str, np.ndarray]:
        """The columns of a table so far, float64 (n,) each, by name; a cell that is no number is not-a-number."""
        found = Table(self.run.folder / table)
        found.poll()
        return {name: found.column(name).copy() for name in found.names}

    def keep_rows(self, last: int) -> None:
        """Remove the rows after step `last`."""
        for table in (METRICS, EPOCHS):
            self._writer.keep_rows(table, "step", last)

    def keep_samples(self, last: int) -> None:
        """Delete the sheets after number `last`, which counts what the origin counts."""
        self._writer.keep_samples(last)

    def save_samples(self, number: int, picture: np.ndarray, private: bool = False) -> None:
        """Write a sheet of samples, uint8 (H, W), (H, W, 1) or (H, W, 3).

        number: counts what the origin counts. private: it shows real pictures, see `RunWriter.save_samples`.

        Raises:
            UserError: it is no such picture, or one that is larger than GANray reads.
        """
        sheet = picture[:, :, None] if picture.ndim == 2 else picture
        if number < 0:
            raise UserError(f"a sheet has the number {number}: sheets are numbered from 0")
        if sheet.dtype != np.uint8 or sheet.ndim != 3 or sheet.shape[2] not in (1, 3) or not sheet.size:
            raise UserError(f"sheet {number}: expected uint8 (H, W, 1 or 3), found {picture.dtype} {picture.shape}")
        encoded = b""
        if sheet.shape[0] * sheet.shape[1] <= images.MOST:
            encoded = images.png_bytes(sheet)
        if not encoded or len(encoded) > files.PICTURE_BYTES:
            raise UserError(
                f"sheet {number} of {sheet.shape[1]} x {sheet.shape[0]} px is too large: keep fewer pictures"
            )
        self._writer.write_samples(number, encoded, private)

    def write_generator(self, content: bytes, *, graph: bool) -> None:
        """Write the generator as an ONNX graph, or pictures that it drew as a safetensors file; one replaces the other.

        Raises:
            UserError: the file cannot be written.
        """
        name, other = (GENERATOR, GENERATED) if graph else (GENERATED, GENERATOR)
        files.write_bytes(self.run.folder / name, content)
        with files.readable_os_errors(self.run.folder):
            (self.run.folder / other).unlink(missing_ok=True)

    def write_status(self, state: str, step: int, epoch: int, reason: str = "", **values: Any) -> None:
        """Replace status.json; `epochs` and `steps` are 0 where they are not known."""
        if state not in STATES:
            raise AssertionError(f"no state of a run: {state}")
        known = {"epochs": self._config.epochs, "steps": 0} | values
        reason = printable(reason, config.MOST_LETTERS)
        self._writer.write_status(state=state, step=step, epoch=epoch, reason=reason or None, **known)

    def write_gif(self) -> None:
        """Write progress.gif from the sheets, if there are any: those of the last one's size, 200 at most.

        That of private sheets goes to their folder.
        """
        for sheets, folder in (
            (self.run.samples(), self.run.folder),
            (self.run.private_samples(), self.run.folder / PRIVATE),
        ):
            if frames := _frames(list(sheets.values())):
                images.save_gif(folder / GIF, frames)

    def close(self, state: str, step: int, epoch: int, reason: str = "", **values: Any) -> None:
        """Write the animation and the status, and release the lock.

        Raises:
            UserError: a file cannot be written; the lock is released all the same.
        """
        try:
            self.write_gif()
            self.write_status(state, step, epoch, reason, **values)
        finally:
            self._writer.close()

    def release(self) -> None:
        """Release the lock and write nothing."""
        self._writer.close()

    def _completed(self, columns: Mapping[str, np.ndarray], table: str) -> dict[str, np.ndarray]:
        """The columns in a table's order, with those that every table has."""
        if "step" not in columns:
            raise UserError(f"{table} needs a column 'step'")
        rows = len(columns["step"])
        for name, values in columns.items():
            if name != column_name(name):
                raise UserError(f"column {name[:80]!r} cannot stand in a table: call it {column_name(name)!r}")
            if np.shape(values) != (rows,):
                raise UserError(f"column '{name}' has the shape {np.shape(values)}, not ({rows},) as 'step'")
        origin = self._config.origin
        missing = np.full(rows, np.nan)
        added = {"epoch": columns["step"] if origin and origin.counts == "step" else missing}
        first = {name: columns.get(name, added.get(name, missing)) for name in FIRST[table]}
        return first | {name: values for name, values in columns.items() if name not in first}


def column_name(text: str) -> str:
    """The nearest name of a column that can stand in a table: one line without commas, quotes and outer spaces."""
    line = printable(text, _LONGEST_NAME)
    return re.sub(r"\s+", " ", re.sub(r"[,;\"\t]", " ", line)).strip() or "column"


def table_text(columns: Mapping[str, np.ndarray]) -> bytes:
    """A table as CSV, its header first: whole numbers in full, others with seven digits, as the trainer writes them.

    columns: name -> values (n,).
    """
    arrays = [np.asarray(values, np.float64) for values in columns.values()]
    line = ",".join("%.16g" if _whole(values) else "%.7g" for values in arrays)
    lines = [line % row for row in zip(*(values.tolist() for values in arrays), strict=True)]
    return ("\n".join([",".join(columns), *lines]) + "\n").encode()


def _whole(values: np.ndarray) -> bool:
    finite = values[np.isfinite(values)]
    return bool((finite == np.floor(finite)).all() and (np.abs(finite) < 2**53).all())


def _frames(sheets: list[Path]) -> list[np.ndarray]:
    """The frames of an animation, uint8 (H, W, C) of one shape: evenly chosen, made smaller where they are large."""
    if len(sheets) > _FRAMES:
        sheets = [sheets[index] for index in np.linspace(0, len(sheets) - 1, _FRAMES).round().astype(int)]
    found = []
    for path in sheets:
        try:
            found.append(_smaller(images.read_png(path)))
        except UserError:
            continue  # a damaged sheet costs one frame
    return [frame for frame in found if frame.shape == found[-1].shape]


def _smaller(sheet: np.ndarray) -> np.ndarray:
    factor = -(-max(sheet.shape[:2]) // _SIDE)
    if factor == 1:
        return sheet
    picture = np.asarray(images.to_pil(sheet).reduce(factor))
    return picture[:, :, None] if picture.ndim == 2 else picture
