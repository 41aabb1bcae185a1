"""Python processes with limits, which do what a stranger's file could harm: they answer questions through pipes.

A question is a line of JSON and the bytes that it announces, and so is an answer. What breaks the process costs that
one answer.
"""

import contextlib
import io
import os
import subprocess
import sys
from typing import BinaryIO

from gan_core import child_processes

Process = subprocess.Popen[bytes]


def start(module: str, memory: int) -> Process:
    """Start `python -m module`, whose `main` calls `limited`.

    memory: bytes of address space, on systems that support the limit.
    """
    # One thread only: thread pools of numerical libraries would use up the address space.
    single = {f"{library}_NUM_THREADS": "1" for library in ("OMP", "OPENBLAS", "MKL")}
    return subprocess.Popen(
        child_processes.command(module, str(memory)),
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        cwd=child_processes.ROOT,
        env=child_processes.environment(**single),
    )


def pipes(process: Process) -> tuple[io.BufferedWriter, io.BufferedReader]:
    """Return where questions to the process go, and where its answers come from."""
    assert isinstance(process.stdin, io.BufferedWriter) and isinstance(process.stdout, io.BufferedReader)
    return process.stdin, process.stdout


def end(process: Process | None) -> None:
    """Kill the process, if there is one, and close its pipes."""
    if process is None:
        return
    process.kill()
    process.wait()
    for stream in (process.stdin, process.stdout):
        if stream:
            with contextlib.suppress(OSError):
                stream.close()


def limited() -> tuple[BinaryIO, BinaryIO]:
    """In the started process: limit its memory, and return its questions and its answers.

    It may write no file and leave no core. What libraries print does not get into the answers.
    """
    answers = os.fdopen(os.dup(sys.stdout.fileno()), "wb")
    os.dup2(sys.stderr.fileno(), sys.stdout.fileno())
    with contextlib.suppress(ImportError):
        import resource  # missing on Windows, where there are no limits

        limits = {resource.RLIMIT_AS: int(sys.argv[1]), resource.RLIMIT_CORE: 0, resource.RLIMIT_FSIZE: 0}
        for kind, most in limits.items():
            with contextlib.suppress(ValueError, OSError):
                resource.setrlimit(kind, (most, most))
    return sys.stdin.buffer, answers
