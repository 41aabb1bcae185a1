"""Several forked processes that train as one, as torchrun starts them, but without the time of their imports."""

import os
import signal
import sys
from collections.abc import Callable
from multiprocessing.context import ForkServerProcess
from pathlib import Path

from tests.helpers import forks
from tests.helpers.serving import free_port


def start(count: int, log: Path, act: Callable[..., object], *given: object) -> list[ForkServerProcess]:
    """Children that call `act(*given)` on this machine, the one of rank 0 first; what they say goes to `log`."""
    port = free_port()
    return [forks.start(_live, rank, count, port, log, act, given) for rank in range(count)]


def _live(rank: int, count: int, port: int, log: Path, act: Callable[..., object], given: tuple[object, ...]) -> None:
    with log.open("a") as output:
        os.dup2(output.fileno(), 1)
        os.dup2(output.fileno(), 2)
    signal.signal(signal.SIGINT, signal.default_int_handler)
    numbers = {"RANK": rank, "LOCAL_RANK": rank, "GROUP_RANK": 0, "WORLD_SIZE": count, "LOCAL_WORLD_SIZE": count}
    os.environ.update({name: str(number) for name, number in numbers.items()})
    os.environ |= {"MASTER_ADDR": "127.0.0.1", "MASTER_PORT": str(port), "TORCHELASTIC_RUN_ID": "forked"}
    code = act(*given)
    sys.stdout.flush()
    sys.exit(code if isinstance(code, int) else 0)


def train(command: list[str]) -> int:
    """Train by the command line, as one of several processes."""
    from gan_core import cli
    from gan_core.cli import arguments

    arguments.FIRST = os.environ["RANK"] == "0"  # it is set when the module is imported, which was before the fork
    return cli.main(command)
