"""What the writer's thread does with the calls of a training: rows, sheets, the configuration and the status."""

import dataclasses
import math
import time
from typing import Any

from gan_core import usual_names
from gan_core.errors import UserError
from gan_core.metrics import Metric
from gan_core.record import facts, sheets
from gan_core.record.epochs import EpochPlaces
from gan_core.record.generator import HandedOver
from gan_core.record.journal import MOST_COLUMNS, Journal, Row
from gan_core.runs import RecordedWriter, Run
from gan_core.runs.recorded import BLACK_WHITE, FIRST, LATENT_SHAPE, LATENT_SIZE, METRICS

_STATUS_SECONDS = 2.0  # between two writes of status.json while something changes
_ALIVE_SECONDS = (
    60.0  # while nothing does: readers on other machines take a run for dead that wrote nothing for minutes
)


class Writing:
    """The run folder of a training that is being recorded, written by one thread."""

    def __init__(self, writer: RecordedWriter, stated: facts.Stated, warn: sheets.Warn, resumed: bool) -> None:
        self._writer, self._stated, self._warn = writer, stated, warn
        places = EpochPlaces(stated.steps_per_epoch) if stated.counts_epochs else None
        self._counts_epochs = stated.counts_epochs
        self.journal = Journal(writer, places, writer.config.batch_size)
        self._declared: dict[str, Metric] = {}
        self._own: list[str] = []  # columns of the run's own, in order
        self._shown: tuple[object, ...] = ()  # what config.json says already
        self._image_size, self._channels = writer.config.image_size, writer.config.channels
        self._resumed = resumed  # and nothing was logged yet
        self._waiting: list[tuple[int, float | None, Any, sheets.Range, int | None, bool]] = []
        self._names: dict[Any, str] = {}
        self._renamed: dict[str, str] = {}  # a usual name of a column -> ours
        if resumed:
            self.journal.resume()
            self._own = [name for name in self.journal.columns if name not in FIRST[METRICS]]
            self._declared = {one.column: one for one in (writer.config.traits.metrics if writer.config.traits else ())}
        self._known = {*self._own, *FIRST[METRICS]}
        self._before = frozenset(self._own)  # columns of the run that goes on
        self._began, self._first_step = time.monotonic(), self.journal.step
        self._written_at = 0.0
        self._status: tuple[int, int] | None = None
        self._write_status()

    @property
    def run(self) -> Run:
        return self._writer.run

    def row(self, step: int, epoch: float | None, seconds: float, values: Row) -> None:
        """Take the numbers of one call."""
        if self._resumed:
            self._forget_newer(step, epoch)
        self.journal.add(step, epoch, seconds, self._columns(values))

    def _columns(self, values: Row) -> Row:
        """Return the numbers by names that can stand in a table, without those of too many columns."""
        found: Row = {}
        for given, value in values.items():
            name = self._name(given, values)
            if name in ("step", "epoch"):  # said by the call
                continue
            if name not in self._known:
                if len(self._own) >= MOST_COLUMNS:
                    self._warn(f"a run has {MOST_COLUMNS} columns at most: further ones are left out")
                    continue
                self._own.append(name)
                self._known.add(name)
            found[name] = value
        return found

    def _name(self, given: Any, values: Row) -> str:
        """Return the name of a column, ours where it is a usual name of one of ours that nothing else has.

        A column that was declared keeps its name, and so does an accuracy in percent.
        """
        if given in self._names:
            return self._names[given]
        name = facts.column(given, self._names)
        if name in self._renamed.values():  # its usual name came first
            self._names[given] = f"{name} 2"
            self._warn(f"'{name}' is kept as '{name} 2': another column has that name already")
            return self._names[given]
        ours = "" if name in self._declared or name in self._known else usual_names.known_as(name)
        if not ours or ours == name or ours in values or ours in self._renamed.values():
            return name
        if ours.startswith("accuracy") and not 0 <= values[given] <= 1:
            return name
        if ours in self._known and ours not in self._before:
            return name
        self._renamed[name] = self._names[given] = ours
        self._warn(f"'{name}' is kept as '{ours}': run.metric('{name}', ...) beforehand keeps a name of your own")
        return ours

    def sheet(
        self, step: int, epoch: float | None, taken: Any, stated: sheets.Range, columns: int | None, private: bool
    ) -> None:
        """Write a sheet of samples. In a run that goes on, it waits for the first row, which says where that is."""
        if self._resumed:
            self._waiting.append((step, epoch, taken, stated, columns, private))
            return
        picture, size = sheets.sheet(taken, stated, self._warn, columns)
        if size or not self._image_size:
            self._image_size, self._channels = size, picture.shape[2]
        number = step
        if self._counts_epochs:
            number = int(epoch if epoch is not None and math.isfinite(epoch) else self.journal.epoch)
        self._writer.save_samples(number, picture, private)

    def generator(self, made: HandedOver, stated: sheets.Range) -> None:
        """Write the generator, and what is to be known of it into config.json."""
        self._writer.write_generator(made.content, graph=made.graph)
        self._image_size, self._channels = made.size, made.channels
        found = self._writer.config
        known: dict[str, Any] = {}
        if made.graph:
            known = {LATENT_SIZE: made.latent_size, BLACK_WHITE: list(stated)}
            known |= {LATENT_SHAPE: list(made.latent_shape)} if len(made.latent_shape) > 1 else {}
        settings = {name: value for name, value in found.settings.items() if name not in (BLACK_WHITE, LATENT_SHAPE)}
        settings |= known
        self._writer.write_config(
            dataclasses.replace(found, settings=settings, image_size=made.size, channels=made.channels, fit="crop")
        )

    def declare(self, metric: Metric) -> None:
        """Take how a column is shown."""
        self._declared[metric.column] = metric

    def flush(self, last: bool = False) -> None:
        """Write the rows that are ready, and what changed beside them.

        Raises:
            UserError: a file cannot be written; the training may go on, and so does the next flush.
        """
        if last and self._resumed:  # nothing was logged
            self._forget_newer(self.journal.step + 1, None)
        self.journal.flush(last)
        self._write_config()
        place = (self.journal.step, self._epoch)
        pause = _STATUS_SECONDS if place != self._status else _ALIVE_SECONDS
        if not last and time.monotonic() - self._written_at > pause:
            self._write_status()

    def end(self, state: str, reason: str) -> None:
        """Write the animation and the last status, and release the run."""
        try:
            epoch = self._last_epoch() if state == "finished" else self._epoch
            self._writer.close(state, max(self.journal.step, 0), epoch, reason, steps=self._steps)
        except UserError as error:
            self._warn(str(error))

    @property
    def _epoch(self) -> int:
        """How far the run is, in what it counts."""
        return int(self.journal.epoch) if self._counts_epochs else max(self.journal.step, 0)

    def _last_epoch(self) -> int:
        """How far a run is that ended as it should: its last row may lie just before the end of its last epoch."""
        if not self._counts_epochs:
            return self._epoch
        place = self.journal.epoch
        return self._stated.epochs if 0 < self._stated.epochs - place <= 1 else math.ceil(place)

    @property
    def _steps(self) -> int:
        """How many steps there will be; 0 if that is not known."""
        return self._stated.steps or self._stated.epochs * self.journal.steps_per_epoch

    def _write_status(self) -> None:
        done, left = self.journal.step - self._first_step, self._steps - self.journal.step
        eta = None
        if done > 0 and left > 0:
            eta = round((time.monotonic() - self._began) / done * left, 1)
        self._written_at = time.monotonic()
        self._status = (self.journal.step, self._epoch)
        step = max(self.journal.step, 0)
        self._writer.write_status("running", step, self._epoch, steps=self._steps, eta_seconds=eta)

    def _write_config(self) -> None:
        """Write config.json if columns, their titles or the pictures' size are new."""
        shown = (*self._own, *sorted(self._declared.items()), self._image_size, self._channels)
        if shown == self._shown:
            return
        found = dataclasses.replace(self._writer.config, image_size=self._image_size, channels=self._channels)
        self._writer.write_config(facts.with_columns(found, self._own, self._declared))
        self._shown = shown

    def _forget_newer(self, step: int, epoch: float | None) -> None:
        """Remove what is newer than the first row of a run that goes on: it is trained again."""
        self._resumed = False
        self.journal.forget_from(step)
        if not self._counts_epochs:
            self._writer.keep_samples(step)
        elif epoch is not None or self.journal.steps_per_epoch:
            self._writer.keep_samples(int(step / self.journal.steps_per_epoch if epoch is None else epoch))
        waiting, self._waiting = self._waiting, []
        for number, *sheet in waiting:
            self.sheet(min(number, step), *sheet)
