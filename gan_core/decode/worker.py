"""Decodes pictures of strangers in a process of its own, kept warm: what a crafted file does, it does to that one.

    with DecodeWorker() as worker:
        picture = worker.decode(data, "upload.png")

The other end is `python -m gan_core.decode.worker`: requests on standard input, answers on standard output, each a line
of JSON and as many bytes as it says.
"""

import contextlib
import io
import json
import math
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
from PIL import Image

from gan_core.decode import image_files
from gan_core.errors import UserError

SECONDS = 8.0  # that one picture may take: with all that comes before and after, an upload is answered in ten
MEMORY = 1024**3  # bytes of addresses that the process may use, where the system knows such a limit
LONGEST = 4096  # pixels a side that come back; larger pictures are shrunk
WHOLE = image_files.MAX_PIXELS // image_files.MIN_SIDE  # the longest side there is: nothing is shrunk
IDLE = 30.0  # seconds after which the shared process ends
TOO_MUCH = "it takes more memory than one picture may use"
_LINE = 65_536  # characters that an answer may need besides the picture


class DecodeWorker:
    """One warm process that decodes; threads take turns. It is started anew when a picture has brought it down."""

    def __init__(self, seconds: float = SECONDS, memory: int = MEMORY) -> None:
        self.seconds, self.memory = seconds, memory
        self._lock = threading.Lock()
        self._process: subprocess.Popen[bytes] | None = None

    def __enter__(self) -> "DecodeWorker":
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    @property
    def process(self) -> int | None:
        """The process's number; None while there is none."""
        return self._process.pid if self._process else None

    def start(self) -> None:
        """Start the process before it is needed."""
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
    ) -> np.ndarray:
        """Read one picture from its file's bytes; see `image_files.decode`. seconds: that it may take, by default the
        worker's own.

        Returns:
            float32 (H, W, C) in [0, 1]; C is as asked for, or 1 where all colours are greys and 3 where they are not. A
            side longer than `longest` pixels is shrunk to it, aspect kept.

        Raises:
            UserError: whatever is wrong with the picture, it took too long or too much memory, or broke the process.
        """
        if len(data) > image_files.MAX_BYTES:
            raise UserError(f"{name}: larger than the {image_files.MAX_BYTES // 1024**2} MB that are read")
        seconds = seconds or self.seconds
        request = {"name": name, "longest": longest, "channels": channels, "bytes": len(data), "seconds": seconds}
        with self._lock:
            process = self._running()
            late = threading.Event()
            watch = threading.Timer(seconds, _stop, (process, late))
            watch.daemon = True
            watch.start()
            try:
                found = _ask(process, request, data)
            except (OSError, ValueError, KeyError, TypeError):
                self._end()
                if late.is_set():
                    line = f"{name}: reading it took more than {seconds:g} seconds: it was given up"
                else:
                    line = f"{name}: damaged in a way that broke the decoder, which was started again"
                raise UserError(line) from None
            finally:
                watch.cancel()
                watch.join()
                if late.is_set():
                    self._end()
        if isinstance(found, str):
            raise UserError(found)
        return found

    def _running(self) -> "subprocess.Popen[bytes]":
        if self._process is None or self._process.poll() is not None:
            self._end()
            # One thread: pools of mathematics libraries would eat the addresses that pictures may use.
            single = {f"{library}_NUM_THREADS": "1" for library in ("OMP", "OPENBLAS", "MKL")}
            above = str(Path(__file__).resolve().parents[2])
            paths = os.pathsep.join(filter(None, (above, os.environ.get("PYTHONPATH"))))
            self._process = subprocess.Popen(
                [sys.executable, "-m", "gan_core.decode.worker", str(self.memory)],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.DEVNULL,
                env=os.environ | single | {"PYTHONPATH": paths},
            )
        return self._process

    def _end(self) -> None:
        if self._process is None:
            return
        self._process.kill()
        self._process.wait()
        for stream in (self._process.stdin, self._process.stdout):
            if stream:
                with contextlib.suppress(OSError):
                    stream.close()
        self._process = None


_shared = DecodeWorker()


@contextlib.contextmanager
def shared() -> Iterator[DecodeWorker]:
    """The process that this program's own commands decode in; it ends a while after it was used last."""
    try:
        yield _shared
    finally:
        # Who takes it up again meanwhile gets a new process where this one ends.
        timer = threading.Timer(IDLE, _shared.close)
        timer.daemon = True
        timer.start()


def _stop(process: "subprocess.Popen[bytes]", late: threading.Event) -> None:
    late.set()
    process.kill()


def _ask(process: "subprocess.Popen[bytes]", request: dict[str, Any], data: bytes) -> np.ndarray | str:
    """Send a picture and wait for the answer: the picture, or the line that says what is wrong with it.

    OSError, ValueError, KeyError or TypeError where the worker breaks, or answers what it should not: a file may have
    taken it over.
    """
    assert isinstance(process.stdin, io.BufferedWriter) and isinstance(process.stdout, io.BufferedReader)
    process.stdin.write(json.dumps(request).encode() + b"\n")
    process.stdin.write(data)
    process.stdin.flush()
    answer = json.loads(process.stdout.readline(_LINE))
    if "error" in answer:
        return " ".join(str(answer["error"]).split())
    height, width, channels = (int(side) for side in answer["shape"])
    sides = 0 < height <= request["longest"] and 0 < width <= request["longest"]
    if not (sides and height * width <= image_files.MAX_PIXELS and channels in (1, 3)):
        raise ValueError
    picture = np.empty((height, width, channels), np.float32)
    if process.stdout.readinto(picture.data) != picture.nbytes:
        raise ValueError
    return picture


def serve(requests: BinaryIO, answers: BinaryIO) -> None:
    """Answer requests until there are no more: the worker's side."""
    while line := requests.readline():
        request = json.loads(line)
        data = requests.read(request["bytes"])
        ring(math.ceil(request["seconds"]) + 1)
        name, picture = request["name"], None
        try:
            picture = _read(data, name, request["longest"], request["channels"])
            answer: dict[str, Any] = {"shape": picture.shape}
        except UserError as error:
            answer = {"error": str(error)}
        except MemoryError:
            answer = {"error": f"{name}: {TOO_MUCH}"}
        answers.write(json.dumps(answer).encode() + b"\n")
        if picture is not None:
            answers.write(picture.data)
        answers.flush()
        ring(0)


def _read(data: bytes, name: str, longest: int, channels: int | None) -> np.ndarray:
    picture = image_files.decode(data, channels=channels, name=name)
    return _shrunk(picture if channels else _plain(picture), longest, name)


def ring(seconds: int) -> None:
    """End this process then, 0 for never: the one that asked may itself be gone by that time."""
    if hasattr(signal, "alarm"):  # not on Windows
        signal.alarm(seconds)


def _plain(picture: np.ndarray) -> np.ndarray:
    """One channel where all are equal."""
    grey = picture.shape[2] == 3 and _is_grey(picture[::16, ::16]) and _is_grey(picture)
    return picture[..., :1] if grey else picture


def _shrunk(picture: np.ndarray, longest: int, name: str) -> np.ndarray:
    """No side longer than `longest`. Raises UserError: then the other one is too short."""
    height, width, channels = picture.shape
    scale = longest / max(height, width)
    if scale >= 1:
        return np.ascontiguousarray(picture)
    size = (round(width * scale), round(height * scale))
    if min(size) < image_files.MIN_SIDE:
        raise UserError(f"{name}: {width} x {height} pixels are too long a strip to be a picture")
    shrunk = np.empty((size[1], size[0], channels), np.float32)
    for channel in range(channels):
        plane = Image.fromarray(np.ascontiguousarray(picture[..., channel]))
        shrunk[..., channel] = plane.resize(size, Image.Resampling.BOX, reducing_gap=2.0)
    return np.clip(shrunk, 0.0, 1.0)


def _is_grey(picture: np.ndarray) -> bool:
    return np.array_equal(picture[..., 0], picture[..., 1]) and np.array_equal(picture[..., 0], picture[..., 2])


def main() -> None:
    """The worker's process."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C reaches every process of a terminal; the caller decides
    # What a library prints must not get among the answers.
    answers = os.fdopen(os.dup(sys.stdout.fileno()), "wb")
    os.dup2(sys.stderr.fileno(), sys.stdout.fileno())
    with contextlib.suppress(ImportError):
        import resource  # not on Windows, which goes without the limits

        limits = {resource.RLIMIT_AS: int(sys.argv[1]), resource.RLIMIT_CORE: 0, resource.RLIMIT_FSIZE: 0}
        for kind, most in limits.items():
            with contextlib.suppress(ValueError, OSError):
                resource.setrlimit(kind, (most, most))
    serve(sys.stdin.buffer, answers)


if __name__ == "__main__":
    main()
