"""Decoding of untrusted images in a separate, reused process, so that a malicious file cannot harm the caller.

    with DecodeWorker() as worker:
        picture = worker.decode(data, "upload.png")

The process is `python -m gan_core.decode.worker`. It reads requests from standard input and writes answers to standard
output. Each is a line of JSON, then the bytes that the line announces.
"""

import contextlib
import io
import json
import math
import signal
import threading
from collections.abc import Callable, Iterator
from typing import Any, BinaryIO, TypeVar

import numpy as np
from PIL import Image

from gan_core import limited_processes
from gan_core.decode import image_files
from gan_core.decode.unscaled import SAMPLE
from gan_core.errors import UserError, printable

SECONDS = 8.0  # per image; with all other steps, an upload gets its answer within ten seconds
MEMORY = 1024**3  # bytes of address space of the process, on systems that support the limit
LONGEST = 4096  # pixels per side of a result; larger images are shrunk
WHOLE = image_files.MAX_PIXELS // image_files.MIN_SIDE  # the longest side possible: nothing is shrunk
IDLE = 30.0  # seconds without use after which the shared process ends
TOO_MUCH = "needs more memory than one image may use"
_MOST_VALUES = 3 * SAMPLE**2  # of a sample
_LONGEST_KIND = 60  # characters
_LINE = 65_536  # largest length of an answer's JSON line

T = TypeVar("T")


class DecodeWorker:
    """A reusable process that decodes images; threads take turns. It restarts after an image has crashed it."""

    def __init__(self, seconds: float = SECONDS, memory: int = MEMORY) -> None:
        self.seconds, self.memory = seconds, memory
        self._lock = threading.Lock()
        self._process: limited_processes.Process | None = None

    def __enter__(self) -> "DecodeWorker":
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    @property
    def process(self) -> int | None:
        """The process ID; None while there is no process."""
        return self._process.pid if self._process else None

    def start(self) -> None:
        """Start the process in advance."""
        with self._lock:
            self._running()

    def close(self) -> None:
        with self._lock:
            self._end()

    def decode(
        self,
        data: bytes,
        name: str,
        longest: int = LONGEST,
        channels: int | None = None,
        seconds: float | None = None,
        scale: image_files.Scale | None = None,
    ) -> np.ndarray:
        """Decode one image from the bytes of its file, see `image_files.decode`.

        longest: largest side in pixels; larger images are shrunk, with their aspect ratio. channels: 1, 3, or None for
        1 if all colours are grey and 3 otherwise. seconds: time limit, by default the worker's. scale: the scale of the
        run that the image is for, `RunConfig.scale`.

        Returns:
            float32 (H, W, C) in [0, 1].

        Raises:
            UserError: the image is invalid, needed too much time or memory, or crashed the process.
        """
        request = {"name": name, "task": "decode", "longest": longest, "channels": channels, "scale": scale}
        return self._answer(request, data, seconds or self.seconds, _received_values)[0]

    def sample(self, data: bytes, name: str, seconds: float | None = None) -> image_files.Sample:
        """Return what one image tells of its data set's scale, see `image_files.sample`.

        Raises:
            UserError: as `decode`.
        """
        request = {"name": name, "task": "sample", "longest": _MOST_VALUES}
        values, kind = self._answer(request, data, seconds or self.seconds, _received_values)
        return image_files.Sample(kind, values.ravel())

    def header(self, data: bytes, name: str, seconds: float | None = None) -> image_files.Header:
        """Return what the header of a file says, see `image_files.header`.

        seconds: time limit, by default the worker's.

        Raises:
            UserError: the file is too large, needed too much time, or crashed the process.
        """
        return self._answer({"name": name, "task": "header"}, data, seconds or self.seconds, _received_header)

    def _answer(
        self, request: dict[str, Any], data: bytes, seconds: float, received: Callable[..., T | UserError]
    ) -> T:
        """Send a request with a file's bytes and return what `received` makes of the answer; end a process in trouble.

        Raises:
            UserError: the file is too large, needed too much time, or crashed the process, or its error is passed on.
        """
        name = request["name"]
        if len(data) > image_files.MAX_BYTES:
            raise UserError(f"{name}: larger than the limit of {image_files.MAX_BYTES // 1024**2} MB")
        request = {**request, "bytes": len(data), "seconds": seconds}
        with self._lock:
            process = self._running()
            late = threading.Event()
            watch = threading.Timer(seconds, _stop, (process, late))
            watch.daemon = True
            watch.start()
            try:
                found = _ask(process, request, data, received)
            except (OSError, ValueError, KeyError, TypeError):
                self._end()
                if late.is_set():
                    line = f"{request['name']}: decoding was stopped after {seconds:g} seconds"
                else:
                    line = f"{request['name']}: damaged, it crashed the decoder, which will restart"
                raise UserError(line) from None
            finally:
                watch.cancel()
                watch.join()
                if late.is_set():
                    self._end()
        if isinstance(found, UserError):
            raise found
        return found

    def _running(self) -> limited_processes.Process:
        if self._process is None or self._process.poll() is not None:
            self._end()
            self._process = limited_processes.start("gan_core.decode.worker", self.memory)
        return self._process

    def _end(self) -> None:
        process, self._process = self._process, None
        limited_processes.end(process)


class _Shared(DecodeWorker):
    """A worker whose process ends `IDLE` seconds after its last use; a later use starts another."""

    def __init__(self) -> None:
        super().__init__()
        self._timer: threading.Timer | None = None
        self._timer_lock = threading.Lock()  # the other one is held for as long as a picture takes

    def keep(self) -> None:
        """Let the process live for a use that begins."""
        with self._timer_lock:
            if self._timer:
                self._timer.cancel()

    def used(self) -> None:
        """Begin to wait for another use."""
        timer = threading.Timer(IDLE, self.close)
        timer.daemon = True
        with self._timer_lock:
            if self._timer:
                self._timer.cancel()
            self._timer = timer
            timer.start()


_shared = _Shared()


@contextlib.contextmanager
def shared() -> Iterator[DecodeWorker]:
    """The worker that the program's own commands share; its process ends `IDLE` seconds after the last use."""
    _shared.keep()
    try:
        yield _shared
    finally:
        _shared.used()


def _stop(process: limited_processes.Process, late: threading.Event) -> None:
    late.set()
    process.kill()


def _ask(process: limited_processes.Process, request: dict[str, Any], data: bytes, received: Callable[..., T]) -> T:
    """Send a file to the process; return what `received` makes of (request, answer, the stream behind it).

    Raises:
        OSError, ValueError, KeyError, TypeError: the process crashed, or its answer is invalid: a malicious file may
            control it.
    """
    questions, answers = limited_processes.pipes(process)
    questions.write(json.dumps(request).encode() + b"\n")
    questions.write(data)
    questions.flush()
    return received(request, json.loads(answers.readline(_LINE)), answers)


def _received_values(
    request: dict[str, Any], answer: dict[str, Any], stream: io.BufferedReader
) -> tuple[np.ndarray, str] | UserError:
    """Return the decoded image, or the sample and its kind, or the error; raise as `_ask`."""
    if "error" in answer:
        return UserError(" ".join(str(answer["error"]).split()))
    height, width, channels = (int(side) for side in answer["shape"])
    least = 1 if request["task"] == "decode" else 0  # a sample may be empty
    sides = least <= height <= request["longest"] and least <= width <= request["longest"]
    if not (sides and height * width <= image_files.MAX_PIXELS and channels in (1, 3)):
        raise ValueError
    picture = np.empty((height, width, channels), np.float32)
    if picture.nbytes and stream.readinto(picture.data) != picture.nbytes:
        raise ValueError
    return picture, printable(str(answer.get("kind", "")), _LONGEST_KIND)


def _received_header(request: dict[str, Any], answer: dict[str, Any], stream: io.BufferedReader) -> image_files.Header:
    """Return the header, or one that says nothing after an error; raise as `_ask`."""
    if "error" in answer:
        return image_files.NO_HEADER
    patient, frames = answer["header"]
    return image_files.Header(str(patient), int(frames))


def serve(requests: BinaryIO, answers: BinaryIO) -> None:
    """Answer requests until the input ends; runs in the worker process."""
    while line := requests.readline():
        request = json.loads(line)
        data = requests.read(request["bytes"])
        set_alarm(math.ceil(request["seconds"]) + 1)
        name, picture = request["name"], None
        answer: dict[str, Any]
        try:
            if request["task"] == "header":
                answer = {"header": image_files.header(data, name)}
            else:
                kind, picture = _read(data, request)
                answer = {"shape": picture.shape, "kind": kind}
        except UserError as error:
            answer = {"error": str(error)}
        except MemoryError:
            answer = {"error": f"{name}: {TOO_MUCH}"}
        answers.write(json.dumps(answer).encode() + b"\n")
        if picture is not None:
            answers.write(picture.tobytes() if not picture.size else picture.data)
        answers.flush()
        set_alarm(0)


def _read(data: bytes, request: dict[str, Any]) -> tuple[str, np.ndarray]:
    """Return the kind and the values (1, n, 1) of a sample, or an empty text and the decoded image (H, W, C)."""
    name = request["name"]
    if request["task"] == "sample":
        kind, values = image_files.sample(data, name)
        return kind, values[None, :, None]
    channels, scale = request["channels"], request["scale"]
    picture = image_files.decode(data, channels=channels, name=name, scale=tuple(scale) if scale else None)
    return "", _shrink(picture if channels else _drop_equal_channels(picture), request["longest"], name)


def set_alarm(seconds: int) -> None:
    """End this process after this time, 0 for never; needed in case the caller has died."""
    if hasattr(signal, "alarm"):  # not on Windows
        signal.alarm(seconds)


def _drop_equal_channels(picture: np.ndarray) -> np.ndarray:
    """Return one channel if all are equal, otherwise the image itself."""
    grey = picture.shape[2] == 3 and _is_grey(picture[::16, ::16]) and _is_grey(picture)
    return picture[..., :1] if grey else picture


def _shrink(picture: np.ndarray, longest: int, name: str) -> np.ndarray:
    """Shrink an image so that no side is longer than `longest` pixels.

    Raises:
        UserError: the other side would be shorter than `MIN_SIDE`.
    """
    height, width, channels = picture.shape
    scale = longest / max(height, width)
    if scale >= 1:
        return np.ascontiguousarray(picture)
    size = (round(width * scale), round(height * scale))
    if min(size) < image_files.MIN_SIDE:
        raise UserError(f"{name}: {width} x {height} pixels are too narrow for an image")
    result = np.empty((size[1], size[0], channels), np.float32)
    for channel in range(channels):
        plane = Image.fromarray(np.ascontiguousarray(picture[..., channel]))
        result[..., channel] = plane.resize(size, Image.Resampling.BOX, reducing_gap=2.0)
    return np.clip(result, 0.0, 1.0)


def _is_grey(picture: np.ndarray) -> bool:
    return np.array_equal(picture[..., 0], picture[..., 1]) and np.array_equal(picture[..., 0], picture[..., 2])


def main() -> None:
    """Run the worker process: limit its memory, then answer requests."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C reaches every process of a terminal; the caller handles it
    serve(*limited_processes.limited())


if __name__ == "__main__":
    main()
