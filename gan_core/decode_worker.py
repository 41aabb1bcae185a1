"""Decodes pictures of strangers in a process of its own, kept warm: what a crafted file does, it does to that one.

    with DecodeWorker() as worker:
        picture = worker.decode(data, "upload.png")

The other end is `python -m gan_core.decode_worker`: requests on standard input, answers on standard output, each a line
of JSON and as many bytes as it says.
"""

import contextlib
import json
import os
import selectors
import subprocess
import sys
import threading
import time
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
from PIL import Image

from gan_core import decoding
from gan_core.errors import UserError

SECONDS = 10.0  # that one picture may take
MEMORY = 1024**3  # bytes of addresses that the process may use, where the system knows such a limit
LONGEST = 4096  # pixels a side that come back; larger pictures are shrunk
_CHUNK = 1 << 20


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

    def start(self) -> None:
        """Start the process before it is needed."""
        with self._lock:
            self._running()

    def close(self) -> None:
        with self._lock:
            self._end()

    def decode(self, data: bytes, name: str, longest: int = LONGEST) -> np.ndarray:
        """Read one picture from its file's bytes; see `decoding.decode`.

        Returns:
            float32 (H, W, C) in [0, 1]; C is 1 where all colours are greys, else 3. A side longer than `longest` pixels
            is shrunk to it, aspect kept.

        Raises:
            UserError: whatever is wrong with the picture, it took too long or too much memory, or broke the process.
        """
        if len(data) > decoding.MAX_BYTES:
            raise UserError(f"{name}: larger than the {decoding.MAX_BYTES // 1024**2} MB that are read")
        request = {"name": name, "longest": longest, "bytes": len(data)}
        with self._lock:
            process = self._running()
            try:
                answer, content = _ask(process, request, data, time.monotonic() + self.seconds)
            except TimeoutError:
                self._end()
                raise UserError(
                    f"{name}: reading it took more than {self.seconds:g} seconds: it was given up"
                ) from None
            except (OSError, ValueError):
                self._end()
                raise UserError(f"{name}: damaged in a way that broke the decoder, which was started again") from None
        if "error" in answer:
            raise UserError(answer["error"])
        return np.frombuffer(content, np.float32).reshape(answer["shape"])

    def _running(self) -> "subprocess.Popen[bytes]":
        if self._process is None or self._process.poll() is not None:
            self._end()
            # One thread: pools of mathematics libraries would eat the addresses that pictures may use.
            single = {f"{library}_NUM_THREADS": "1" for library in ("OMP", "OPENBLAS", "MKL")}
            above = str(Path(__file__).resolve().parent.parent)
            paths = os.pathsep.join(filter(None, (above, os.environ.get("PYTHONPATH"))))
            self._process = subprocess.Popen(
                [sys.executable, "-m", "gan_core.decode_worker", str(self.memory)],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.DEVNULL,
                bufsize=0,
                env=os.environ | single | {"PYTHONPATH": paths},
            )
            assert self._process.stdin is not None
            os.set_blocking(self._process.stdin.fileno(), False)  # a write must not outlast the time that is left
        return self._process

    def _end(self) -> None:
        if self._process is None:
            return
        self._process.kill()
        for stream in (self._process.stdin, self._process.stdout):
            if stream:
                with contextlib.suppress(OSError):
                    stream.close()
        self._process.wait()
        self._process = None


def _ask(
    process: "subprocess.Popen[bytes]", request: dict[str, Any], data: bytes, until: float
) -> tuple[dict[str, Any], bytearray]:
    """Send a picture and wait for the answer; TimeoutError, OSError or ValueError where none comes."""
    assert process.stdin is not None and process.stdout is not None
    stdin, stdout = process.stdin.fileno(), process.stdout.fileno()
    outgoing = memoryview(json.dumps(request).encode() + b"\n" + data)
    incoming = bytearray()
    expected: int | None = None
    answer: dict[str, Any] = {}
    with selectors.DefaultSelector() as selector:
        selector.register(stdin, selectors.EVENT_WRITE)
        selector.register(stdout, selectors.EVENT_READ)
        while expected is None or len(incoming) < expected:
            ready = selector.select(until - time.monotonic())
            if not ready:
                raise TimeoutError
            for key, _ in ready:
                if key.fd == stdin:
                    outgoing = outgoing[os.write(stdin, outgoing[:_CHUNK]) :]
                    if not outgoing:
                        selector.unregister(stdin)
                else:
                    part = os.read(stdout, _CHUNK)
                    if not part:
                        raise BrokenPipeError
                    incoming += part
            if expected is None and b"\n" in incoming:
                line, _, rest = incoming.partition(b"\n")
                answer, incoming = json.loads(line), bytearray(rest)
                expected = int(answer["bytes"])
    return answer, incoming


def serve(requests: BinaryIO, answers: BinaryIO) -> None:
    """Answer requests until there are no more: the worker's side."""
    while line := requests.readline():
        request = json.loads(line)
        data = requests.read(request["bytes"])
        content = b""
        try:
            picture = _plain(decoding.decode(data, channels=3, name=request["name"]), request["longest"])
            content = picture.tobytes()
            answer: dict[str, Any] = {"shape": picture.shape}
        except UserError as error:
            answer = {"error": str(error)}
        except MemoryError:
            answer = {"error": f"{request['name']}: it takes more memory than one picture may use"}
        answers.write(json.dumps(answer | {"bytes": len(content)}).encode() + b"\n" + content)
        answers.flush()


def _plain(picture: np.ndarray, longest: int) -> np.ndarray:
    """One channel where all are equal, and no side longer than `longest`."""
    if np.array_equal(picture[..., 0], picture[..., 1]) and np.array_equal(picture[..., 0], picture[..., 2]):
        picture = picture[..., :1]
    height, width, channels = picture.shape
    scale = longest / max(height, width)
    if scale >= 1:
        return np.ascontiguousarray(picture)
    size = (max(1, round(width * scale)), max(1, round(height * scale)))
    planes = [Image.fromarray(np.ascontiguousarray(picture[..., c])) for c in range(channels)]
    shrunk = [np.asarray(plane.resize(size, Image.Resampling.BOX, reducing_gap=2.0)) for plane in planes]
    return np.clip(np.stack(shrunk, 2), 0.0, 1.0)


def main() -> None:
    """The worker's process."""
    with contextlib.suppress(ImportError, ValueError, OSError):
        import resource  # not on Windows, which goes without the limit

        limit = int(sys.argv[1])
        resource.setrlimit(resource.RLIMIT_AS, (limit, limit))
        resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    serve(sys.stdin.buffer, sys.stdout.buffer)


if __name__ == "__main__":
    main()
