"""The process that starts the playground's processes: it imports torch once, and each game is a fork of it.

A fork is there in some ten milliseconds, and shares the memory of the libraries; a process of its own would import
torch for seconds. The app sends, over a socket that is this process' standard input,

    b"n" with a file descriptor   start a game that is played over this socket; answered by its process ID, 4 bytes
    b"e" and a process ID         end it

It ends, and its games with it, when the app ends, and when no game was played for `IDLE` seconds.
"""

import contextlib
import os
import select
import signal
import socket
import struct

from gan_core.playground import worker
from gan_core.playground.protocol import IDLE

NEW, END = b"n", b"e"
MESSAGE = 5  # bytes: its letter and a process ID, 0 for a new game
_LOOK = 1.0  # seconds between looks at which games have ended


def run(control: socket.socket) -> None:
    """Start and end games until the app is gone, or nothing was played for long."""
    games: set[int] = set()
    quiet = 0.0
    while quiet < IDLE:
        ready, _, _ = select.select([control], [], [], _LOOK)
        _reap(games)
        quiet = 0.0 if games or ready else quiet + _LOOK
        if not ready:
            continue
        message, given, _, _ = socket.recv_fds(control, MESSAGE, 1)
        if len(message) < MESSAGE:
            break
        number = struct.unpack("<I", message[1:])[0]
        if message[:1] == NEW and given:
            games.add(_start(control, given[0]))
        elif message[:1] == END and number in games:  # only its own children: a number may be in use again elsewhere
            with contextlib.suppress(ProcessLookupError):
                os.kill(number, signal.SIGKILL)
    for game in games:
        with contextlib.suppress(ProcessLookupError):
            os.kill(game, signal.SIGKILL)


def _reap(games: set[int]) -> None:
    for game in tuple(games):
        with contextlib.suppress(ChildProcessError):
            if os.waitpid(game, os.WNOHANG)[0]:
                games.discard(game)


def _start(control: socket.socket, played_over: int) -> int:
    """Fork a game and return its process ID."""
    child = os.fork()
    if child:
        os.close(played_over)
        control.sendall(struct.pack("<I", child))
        return child
    try:
        control.close()
        with open(os.devnull, "rb") as nothing:  # noqa: PTH123
            os.dup2(nothing.fileno(), 0)
        worker.prepare()
        with socket.socket(fileno=played_over) as own, own.makefile("rb") as requests, own.makefile("wb") as answers:
            worker.serve(requests, answers)
    finally:
        os._exit(0)


def main() -> None:
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C reaches every process of a terminal; the app ends this one
    worker.warm_up()
    run(socket.socket(fileno=os.dup(0)))


if __name__ == "__main__":
    main()
