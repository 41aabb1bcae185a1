"""The process that plays one visitor's game.

It answers requests, one by one: a line of JSON each, answered by the length of a frame (4 bytes, little endian) and the
frame (`view.packed`). A request is one of

    {"begin": settings}   a new game
    {"change": settings}  go on under other settings
    {"turns": n, "d": n, "g": n}  turns, or steps of one player; without any, the game is only looked at

Bad input is answered by a frame with an "error". The process ends when its input ends, and when nothing was asked for
`SILENCE` seconds.
"""

import contextlib
import json
import os
import signal
import struct
import sys
import threading
from typing import Any, BinaryIO

import torch

from gan_core.errors import UserError
from gan_core.playground import settings, view
from gan_core.playground.game import Game
from gan_core.playground.protocol import LONGEST_REQUEST, MEMORY, MOST_TURNS, SILENCE
from gan_core.playground.view import View

NICENESS = 5  # the app itself comes first
LOOK_EVERY = 5  # turns: what the diagnosis sees of many turns in one request


class Table:
    """The game that is played, and the answers to requests about it."""

    def __init__(self) -> None:
        self.view: View | None = None

    def answer(self, request: Any) -> bytes:
        """The frame that answers a request.

        Raises:
            UserError: the request is not valid.
        """
        if not isinstance(request, dict):
            raise UserError("a request is a JSON object")
        if "begin" in request:
            self.view = View(Game(settings.read(request["begin"])))
            return self.view.first()
        if self.view is None:
            raise UserError("no game has begun yet")
        game = self.view.game
        if "change" in request:
            wanted = settings.read(request["change"])
            if game.settings.begins_anew(wanted):
                raise UserError("these settings begin a new game")
            game.change(wanted)
        for _ in range(_count(request, "d")):
            game.step_d()
        for _ in range(_count(request, "g")):
            game.step_g()
        for number in range(_count(request, "turns")):
            game.turn()
            if number % LOOK_EVERY == LOOK_EVERY - 1:
                self.view.note()
        return self.view.frame()


def _parsed(line: bytes) -> Any:
    try:
        return json.loads(line)
    except (json.JSONDecodeError, UnicodeDecodeError, RecursionError):
        raise UserError("the request is no JSON") from None
    except ValueError:  # Python reads no whole number of more than 4300 digits
        raise UserError("a number of the request has too many digits") from None


def _count(request: dict[str, Any], name: str) -> int:
    count = request.get(name, 0)
    if type(count) is not int or not 0 <= count <= MOST_TURNS:
        raise UserError(f"{name}: a whole number from 0 to {MOST_TURNS} is needed")
    return count


def serve(requests: BinaryIO, answers: BinaryIO, silence: float = SILENCE) -> None:
    """Answer requests until the input ends; end the process when nothing was asked for `silence` seconds."""
    table = Table()
    watch = _Watch(silence)
    while (line := requests.readline(LONGEST_REQUEST + 1)).endswith(b"\n"):
        watch.heard()
        try:
            content = table.answer(_parsed(line))
        except UserError as error:
            content = view.packed({"error": str(error)}, {})
        except MemoryError:
            content = view.packed({"error": "the game needs more memory than it may use"}, {})
        except (ValueError, TypeError) as error:  # a library refuses what the settings allow
            content = view.packed({"error": f"the game cannot be played so: {' '.join(str(error).split())}"}, {})
        answers.write(struct.pack("<I", len(content)) + content)
        answers.flush()


class _Watch:
    """Ends the process when it has not been told of a request for some seconds."""

    def __init__(self, seconds: float) -> None:
        self._seconds, self._heard = seconds, threading.Event()
        threading.Thread(target=self._wait, daemon=True).start()

    def heard(self) -> None:
        self._heard.set()

    def _wait(self) -> None:
        while self._heard.wait(self._seconds):
            self._heard.clear()
        os._exit(0)


def prepare() -> None:
    """Limit what this process may use."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C reaches every process of a terminal; the app ends this one
    torch.set_num_threads(1)
    if hasattr(os, "nice"):
        os.nice(NICENESS)
    with contextlib.suppress(ImportError):
        import resource  # missing on Windows, where there are no limits

        for kind, most in ((resource.RLIMIT_DATA, MEMORY), (resource.RLIMIT_CORE, 0), (resource.RLIMIT_FSIZE, 0)):
            with contextlib.suppress(ValueError, OSError):
                resource.setrlimit(kind, (most, most))


def warm_up() -> None:
    """Import what a first step imports, without taking one: a backward pass starts threads, which a fork would lose."""
    View(Game(settings.Settings())).generated()


def main() -> None:
    """Run the process on its own, with requests from standard input and answers to standard output."""
    answers = os.fdopen(os.dup(sys.stdout.fileno()), "wb")
    os.dup2(sys.stderr.fileno(), sys.stdout.fileno())  # keep the output of libraries out of the answers
    prepare()
    serve(sys.stdin.buffer, answers)


if __name__ == "__main__":
    main()
