"""`Recorder`: what a training calls, and the thread that writes for it.

A call puts what it was given into a queue and returns. The thread empties the queue ten times a second. Nothing that
goes wrong there reaches the training: it is said once, on standard error.
"""

import atexit
import os
import sys
import threading
import time
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import Any

from gan_core.errors import UserError, first_line, printable
from gan_core.record import facts, generator, numbers, sheets
from gan_core.record.writing import Writing
from gan_core.runs import RecordedWriter, Run

_PAUSE = 0.1  # seconds between two looks into the queue
_MOST_WAITING = 1_000_000  # calls in the queue; the disk would have to stand still for long
_MOST_WARNINGS = 100
_MOST_STEP = 10**11  # and of epochs; status.json holds no larger ones

Job = Callable[[Writing], None]


class Recorder:
    """A training that is being recorded; made by `record.start`. Its methods may be called by any thread.

    `log` and `samples` never raise: what is wrong with a value is said once, and the value left out.
    """

    def __init__(
        self, writer: RecordedWriter | None, stated: facts.Stated, image_range: sheets.Range, resumed: bool = False
    ) -> None:
        """writer: None in all processes of a training but the first."""
        self._range = image_range
        self._warned: set[str] = set()
        self._step = -1
        self._epoch: float | None = None
        self._queue: deque[Job] = deque()
        self._process = os.getpid()
        self._ended = threading.Event()
        self._finishing = threading.Lock()
        self._thread: threading.Thread | None = None
        self._writing: Writing | None = None
        if writer is None:
            return
        self._writing = Writing(writer, stated, self.warn, resumed)
        self._step = self._writing.journal.step
        self._started = time.monotonic() - self._writing.journal.seconds
        self._thread = threading.Thread(target=self._work, name=f"record {writer.run.name}", daemon=True)
        self._thread.start()
        atexit.register(self._at_exit)

    @classmethod
    def silent(cls) -> "Recorder":
        """Return a recorder that takes everything and writes nothing."""
        return cls(None, facts.Stated(), (-1.0, 1.0))

    @property
    def active(self) -> bool:
        """Whether this recorder writes, and was not finished."""
        return self._thread is not None and not self._ended.is_set() and os.getpid() == self._process

    @property
    def run(self) -> Run | None:
        """The run folder; None in a process that does not write."""
        return self._writing.run if self._writing else None

    @property
    def folder(self) -> Path | None:
        """The run's folder; None in a process that does not write."""
        return self.run.folder.absolute() if self.run else None

    def __repr__(self) -> str:
        return f"Recorder('{self.run.name}', {self.folder})" if self.run else "Recorder(silent)"

    @property
    def step(self) -> int:
        """The last step that was logged, -1 before the first; of a run that goes on, that of its last row."""
        return self._step

    def log(self, values: Mapping[str, Any], step: int | None = None, epoch: float | None = None) -> None:
        """Log numbers of a step: Python's, numpy's, torch's on any device, or anything else that float() takes.

        Calls of one step become one row. Without `step`, each call is a step of its own.

        epoch: whole, as a loop counts it, or a fraction; used in a run that counts epochs.
        """
        if not self.active:
            return self._complain_if_finished()
        try:
            seconds = time.monotonic() - self._started
            if epoch is None and "epoch" in values:
                epoch = float(values["epoch"])
            if epoch is not None and not 0 <= epoch <= _MOST_STEP:
                raise UserError(f"an epoch of {epoch:g}: count from 0")
            number = self._step_of(step)
            taken = numbers.take(values, self._refuse)
        except Exception as error:  # a caller's mistake must not cost the training
            return self.warn(f"log: {first_line(error)}: these values are left out")
        self._step = number
        if epoch is not None:
            self._epoch = epoch
        self._put(lambda writing: writing.row(number, epoch, seconds, numbers.resolve(taken, self._refuse)))

    def samples(
        self,
        pictures: Any,
        step: int | None = None,
        epoch: float | None = None,
        *,
        image_range: Sequence[float] | None = None,
        columns: int | None = None,
        private: bool = False,
    ) -> None:
        """Write a sheet of samples; draw them from the same latent vectors each time, so that the film shows one face.

        pictures: a tensor or an array (N, C, H, W), (N, H, W, C), (N, H, W), or one picture, or a list of arrays or PIL
            images. One picture is a sheet as it is.
        step, epoch: of the sheet; by default what was logged last.
        image_range: the values of black and white, if others than `start` was told; arrays of uint8 have 0 and 255.
        columns: pictures a row; by default the sheet is as square as possible.
        private: the sheet shows pictures of real people: it is never offered for download.
        """
        if not self.active:
            return self._complain_if_finished()
        try:
            stated = self._range if image_range is None else sheets.checked_range(image_range)
            number = max(self._step, 0) if step is None else self._step_of(step)
            place = self._epoch if epoch is None else epoch
            taken = sheets.take(pictures)
        except Exception as error:  # as in `log`
            return self.warn(f"samples: {first_line(error)}: this sheet is left out")
        self._put(lambda writing: writing.sheet(number, place, taken, stated, columns, private))

    def metric(self, column: str, *, title: str = "", role: str = "", unit: str = "", meaning: str = "") -> None:
        """Say how a column with a name of its own is shown.

        title: of its chart. role: a column of GANray's whose chart it shares and whose place it takes in the diagnosis,
        such as "loss/d"; or "critic_distance", of a Wasserstein critic, which has a chart of its own. unit: "percent"
        for shares from 0 to 1, or a word. meaning: a line below the chart.

        Raises:
            UserError: there is no such role.
        """
        declared = facts.declared_metric(facts.column(column, {}), title, role, unit, meaning)
        if self.active:
            self._put(lambda writing: writing.declare(declared))

    def generator(
        self,
        draws: Any,
        latent_size: int | Sequence[int] | None = None,
        *,
        count: int = generator.POOL,
        image_range: Sequence[float] | None = None,
    ) -> None:
        """Hand over the generator, so that the run can be evaluated, asked in the quiz and drawn from in Live.

        draws: a module of torch, which is kept as an ONNX graph (the extra `onnx`), compared with the module on the
            way; or anything that is called with a number and returns so many new pictures, as `samples` takes them.
            `count` of those are kept, and nothing new can be drawn from them.
        latent_size: of a module, how many numbers a latent vector has, or their shape: (100, 1, 1).
        image_range: the values of black and white, if others than `start` was told.

        A generator that cannot draw is said in a line, and nothing is kept of it; the training goes on.

        Raises:
            UserError: latent_size, count or image_range make no sense, or `draws` cannot be called.
        """
        if not self.active:
            return self._complain_if_finished()
        stated = self._range if image_range is None else sheets.checked_range(image_range)
        if not callable(draws) or not isinstance(count, int) or count < 1:
            raise UserError("record: generator(draws, count=...): give a module or a function, and a count above 0")
        shape = generator.shape_of(latent_size) if generator.is_module(draws) else None
        try:
            made = (
                generator.handed_over(draws, shape, count, stated, self.warn)
                if shape
                else generator.as_pool(draws, count, stated, self.warn)
            )
        except Exception as error:  # whatever the generator does, the training goes on
            return self.warn(str(error) if isinstance(error, UserError) else f"generator: {first_line(error)}")
        self._put(lambda writing: writing.generator(made, stated))

    def finish(self, state: str = "finished", reason: str = "") -> None:
        """Write what is left, the animation and the state: finished, stopped or failed. Later calls do nothing."""
        with self._finishing:
            if not self.active or self._writing is None or self._thread is None:
                return
            self._ended.set()
            self._thread.join()
            self._writing.end(state, reason)
            atexit.unregister(self._at_exit)

    def __enter__(self) -> "Recorder":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.finish(*ending(error))

    def warn(self, line: str, key: str = "") -> None:
        """Say a line on standard error, once; of lines with one `key`, the first."""
        line = printable(line, 500)
        if (key or line) not in self._warned and len(self._warned) < _MOST_WARNINGS:
            self._warned.add(key or line)
            print(f"ganray record: {line}", file=sys.stderr)

    def _step_of(self, step: Any) -> int:
        if step is None:
            return self._step + 1
        number = int(step)
        if not 0 <= number <= _MOST_STEP:
            raise UserError(f"a step of {float(number):g}: count from 0 to {_MOST_STEP:g}")
        return number

    def _refuse(self, column: str, reason: str) -> None:
        self.warn(f"'{column}' is left out where it is no number: {reason}")

    def _complain_if_finished(self) -> None:
        if self._ended.is_set():
            self.warn("the run is finished: what is logged now is not kept")

    def _put(self, job: Job) -> None:
        if len(self._queue) < _MOST_WAITING:
            self._queue.append(job)
        else:
            self.warn("a million calls wait to be written: what is logged now is left out")

    def _work(self) -> None:
        while not self._ended.wait(_PAUSE):
            self._turn()
        self._turn(last=True)

    def _turn(self, last: bool = False) -> None:
        """Write what is in the queue."""
        assert self._writing is not None
        for _ in range(len(self._queue)):
            self._guarded(self._queue.popleft())
        self._guarded(lambda writing: writing.flush(last))

    def _guarded(self, job: Job) -> None:
        assert self._writing is not None
        try:
            job(self._writing)
        except Exception as error:  # whatever it is, the training goes on, and so does the thread
            self.warn(_plain(error))

    def _at_exit(self) -> None:
        # An exception that ended the program was shown, and is kept here; in a notebook it may be an old one.
        error = None if "ipykernel" in sys.modules or hasattr(sys, "ps1") else getattr(sys, "last_value", None)
        if error is not None:
            self.finish(*ending(error))
        else:
            self.finish("stopped", "the program ended without run.finish()")


def _plain(error: Exception) -> str:
    if isinstance(error, UserError):
        return f"{str(error).replace(', then resume', '')}. The training goes on, and writing is tried again"
    return f"{type(error).__name__}: {first_line(error)}"


def ending(error: BaseException | None) -> tuple[str, str]:
    """Return the state and the reason of a training that ended so."""
    if error is None:
        return "finished", ""
    if isinstance(error, KeyboardInterrupt):
        return "stopped", "interrupted by Ctrl-C"
    if isinstance(error, SystemExit):
        return ("stopped", f"the program ended with {error.code}") if error.code else ("finished", "")
    return "failed", f"{type(error).__name__}: {first_line(error)}"
