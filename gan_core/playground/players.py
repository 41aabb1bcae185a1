"""The app's side of the playground: at most so many processes, each for one viewer, and their ends.

with players.seat() as player:
    frame = player.ask(b'{"begin": {}}')
"""

import contextlib
import functools
import os
import socket
import struct
import subprocess
import threading
from collections.abc import Callable, Iterator
from typing import IO

from gan_core import child_processes
from gan_core.errors import UserError
from gan_core.playground.protocol import ANSWER_SECONDS, LONGEST_FRAME, LONGEST_REQUEST, START_SECONDS

MOST_VARIABLE = "GANRAY_PLAYGROUNDS"
_A_CORE = 4  # games for each processor core, by default
_SINGLE = {f"{library}_NUM_THREADS": "1" for library in ("OMP", "OPENBLAS", "MKL")}
_FORKS = hasattr(os, "fork") and hasattr(socket, "send_fds")


class Full(UserError):
    """All places are taken."""


class Player:
    """One process that plays a game. One thread at a time."""

    def __init__(self, requests: IO[bytes], answers: IO[bytes], end: Callable[[], None]) -> None:
        self._requests, self._answers = requests, answers
        self._end: Callable[[], None] | None = end
        self._lock = threading.Lock()

    def ask(self, request: bytes, seconds: float = ANSWER_SECONDS) -> bytes:
        """Return the frame that answers a request, JSON.

        Raises:
            UserError: the request is too long, or the process ended or took too long.
        """
        if len(request) > LONGEST_REQUEST:
            raise UserError(f"a request has at most {LONGEST_REQUEST} bytes")
        watch = threading.Timer(seconds, self.close)
        watch.daemon = True
        watch.start()
        try:
            self._requests.write(request.replace(b"\n", b" ") + b"\n")  # within JSON a line end is a space
            self._requests.flush()
            (size,) = struct.unpack("<I", self._exactly(4))
            if size > LONGEST_FRAME:
                raise ValueError
            return self._exactly(size)
        except (OSError, ValueError, struct.error):
            self.close()
            raise UserError("The game's process ended. Restart it.") from None
        finally:
            watch.cancel()

    def _exactly(self, size: int) -> bytes:
        content = self._answers.read(size)
        if content is None or len(content) != size:
            raise ValueError
        return content

    def close(self) -> None:
        """End the process."""
        with self._lock:
            end, self._end = self._end, None
        if end:
            end()


class Starter:
    """Starts processes: forks of one that has imported torch, or processes of their own where there is no fork."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._process: subprocess.Popen[bytes] | None = None
        self._control: socket.socket | None = None

    def prepare(self) -> None:
        """Start the process that imports torch, if it is not there; does not wait for it."""
        if _FORKS and self._lock.acquire(blocking=False):  # who holds it is starting a game just now
            try:
                self._running()
            finally:
                self._lock.release()

    def start(self) -> Player:
        """Start a process.

        Raises:
            UserError: none could be started.
        """
        if not _FORKS:
            return _on_its_own()
        for _ in range(2):  # an idle one may be ending just now
            ours, theirs = socket.socketpair()
            with theirs:
                try:
                    with self._lock:
                        number = self._fork(theirs)
                except (OSError, struct.error):
                    ours.close()
                    self.close()
                    continue
            end = functools.partial(self._end, ours, number)
            return Player(ours.makefile("wb"), ours.makefile("rb"), end)
        raise UserError("The playground's process could not be started. Try again.")

    def close(self) -> None:
        """End the process that starts others, and with it all games."""
        with self._lock:
            process, control, self._process, self._control = self._process, self._control, None, None
        if control:
            control.close()
        if process:
            process.kill()
            process.wait()

    def _fork(self, theirs: socket.socket) -> int:
        control = self._running()
        socket.send_fds(control, [b"n" + bytes(4)], [theirs.fileno()])
        return int(struct.unpack("<I", control.recv(4))[0])

    def _running(self) -> socket.socket:
        if self._process is None or self._process.poll() is not None or self._control is None:
            if self._control:
                self._control.close()
            self._control, theirs = socket.socketpair()
            self._control.settimeout(START_SECONDS)
            with theirs:
                self._process = subprocess.Popen(
                    child_processes.command("gan_core.playground.starter"),
                    stdin=theirs.fileno(),
                    stdout=subprocess.DEVNULL,
                    stderr=subprocess.DEVNULL,
                    cwd=child_processes.ROOT,
                    # No graphics card: its driver would not survive a fork, and the networks are too small for one.
                    env=child_processes.environment(**_SINGLE, CUDA_VISIBLE_DEVICES=""),
                )
        return self._control

    def _end(self, ours: socket.socket, number: int) -> None:
        with contextlib.suppress(OSError):
            ours.shutdown(socket.SHUT_RDWR)
        ours.close()
        with self._lock, contextlib.suppress(OSError):
            if self._control:
                self._control.sendall(b"e" + struct.pack("<I", number))


def _on_its_own() -> Player:
    process = subprocess.Popen(
        child_processes.command("gan_core.playground.worker"),
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        cwd=child_processes.ROOT,
        env=child_processes.environment(**_SINGLE, CUDA_VISIBLE_DEVICES=""),
    )
    assert process.stdin and process.stdout

    def end() -> None:
        process.kill()
        process.wait()

    return Player(process.stdin, process.stdout, end)


def most() -> int:
    """How many games are played at a time: GANRAY_PLAYGROUNDS, by default four for each processor core.

    Raises:
        UserError: the variable is no number.
    """
    given = os.environ.get(MOST_VARIABLE, "").strip()
    if not given:
        return _A_CORE * (os.cpu_count() or 1)
    if not given.isdecimal() or len(given) > 4:
        raise UserError(f"{MOST_VARIABLE}: a whole number is needed, 0 for no playground")
    return int(given)


_starter = Starter()
_taken = 0
_counting = threading.Lock()


def prepare() -> None:
    """Have the first game start quickly: a page that shows a playground calls it."""
    _starter.prepare()


@contextlib.contextmanager
def seat() -> Iterator[Player]:
    """A place and its process, which ends with it.

    Raises:
        Full: all places are taken.
        UserError: no process could be started.
    """
    global _taken
    limit = most()
    with _counting:
        if _taken >= limit:
            words = "game is" if limit == 1 else "games are"
            raise Full(f"All places are taken: {limit} {words} played here now. Try again in a minute.")
        _taken += 1
    player: Player | None = None
    try:
        player = _starter.start()
        yield player
    finally:
        if player:
            player.close()
        with _counting:
            _taken -= 1
