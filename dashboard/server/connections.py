"""Bounds of the server: how many connections are open, and how long the headers of a request may take to arrive.

Neither Streamlit nor uvicorn has them. A connection that was opened and never asks for anything costs a file
descriptor; when there are none left, the server accepts nobody, and asyncio writes a traceback for every attempt. So
`bounded` puts a gate between asyncio and the protocol that uvicorn makes for each connection, before uvicorn starts to
listen. A full server drops the connection that has been silent for longest; if all have asked for something, the new
one gets a sentence (503).
"""

import asyncio
import contextlib
import logging
import sys
from collections.abc import AsyncIterator, Callable
from typing import Any

MOST = 2000  # open connections; a page keeps about three
HEADER_SECONDS = 20.0  # from the opening of a connection, or from the first byte of a later request
_OTHERS = 160  # file descriptors for everything else: libraries, runs that are read, children
_FEWEST = 16
_WANTED_FILES = 4096
_BUSY = b"This server has too many connections open now: close some pages, and try again.\n"
_REFUSAL = (
    b"HTTP/1.1 503 Service Unavailable\r\ncontent-type: text/plain\r\nretry-after: 5\r\nconnection: close\r\n"
    b"content-length: %d\r\n\r\n%b" % (len(_BUSY), _BUSY)
)
_log = logging.getLogger(__name__)

ProtocolFactory = Callable[[], asyncio.Protocol]


@contextlib.asynccontextmanager
async def bounded(most: int | None = None, seconds: float = HEADER_SECONDS) -> AsyncIterator["Gate"]:
    """Bound the connections of every server that starts to listen in this event loop meanwhile.

    most: open connections; if None, as many as the limit of open files allows, `MOST` at most.
    """
    loop: Any = asyncio.get_running_loop()
    gate, create_server = Gate(most or _affordable(), seconds), loop.create_server

    async def create(factory: ProtocolFactory, *given: Any, **options: Any) -> Any:
        return await create_server(lambda: GatedProtocol(factory(), gate), *given, **options)

    try:
        loop.create_server = create
    except AttributeError:  # uvloop's loops cannot be changed
        _log.warning("connections have no bound here: this event loop, %s, allows none", type(loop).__module__)
        yield gate
        return
    try:
        yield gate
    finally:
        loop.create_server = create_server


def _affordable() -> int:
    """Raise this process' limit of open files, and return how many connections it leaves room for."""
    if sys.platform == "win32":
        return MOST
    import resource

    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = _WANTED_FILES if hard == resource.RLIM_INFINITY else min(_WANTED_FILES, hard)
    if soft != resource.RLIM_INFINITY and soft < wanted:
        with contextlib.suppress(ValueError, OSError):  # macOS has a lower limit of its own
            resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))
            soft = wanted
    room = MOST if soft == resource.RLIM_INFINITY else soft - _OTHERS
    return max(_FEWEST, min(MOST, room))


class Gate:
    """The connections of a server that are open, the longest silent first."""

    def __init__(self, most: int, seconds: float) -> None:
        self.most, self.seconds = most, seconds
        self._open: dict[asyncio.Transport, bool] = {}  # whether its request has arrived, in the order of opening

    def admit(self, transport: asyncio.Transport) -> bool:
        """Return whether there is room for a new connection; the longest silent one is dropped for it."""
        if len(self._open) >= self.most:
            # A connection that became a web socket ends without passing here.
            self._open = {known: asked for known, asked in self._open.items() if not known.is_closing()}
        if len(self._open) >= self.most:
            silent = next((known for known, asked in self._open.items() if not asked), None)
            if silent is None:
                return False
            self.forget(silent)
            silent.abort()
        self._open[transport] = False
        return True

    def mark(self, transport: asyncio.Transport, asked: bool) -> None:
        if transport in self._open:
            self._open[transport] = asked

    def forget(self, transport: asyncio.Transport) -> None:
        self._open.pop(transport, None)


class GatedProtocol(asyncio.Protocol):
    """Passes on what a connection brings to uvicorn's protocol; ends it if the headers of a request take too long."""

    def __init__(self, inner: Any, gate: Gate) -> None:
        self._inner, self._gate = inner, gate
        self._timer: asyncio.TimerHandle | None = None
        self._transport: asyncio.Transport | None = None  # None: not admitted

    def connection_made(self, transport: Any) -> None:
        if not self._gate.admit(transport):
            transport.write(_REFUSAL)
            transport.close()
            return
        self._transport = transport
        self._inner.connection_made(transport)
        self._wait(True)

    def data_received(self, data: bytes) -> None:
        if self._transport is None:
            return
        self._inner.data_received(data)
        # uvicorn hands a web socket to another protocol, and has a `cycle` for each request whose headers arrived.
        cycle = getattr(self._inner, "cycle", None)
        upgraded = self._transport.get_protocol() is not self
        self._wait(not upgraded and (cycle is None or cycle.response_complete))

    def _wait(self, for_headers: bool) -> None:
        """Start or stop the time that the headers have; each byte does not give them more."""
        assert self._transport is not None
        self._gate.mark(self._transport, not for_headers)
        if not for_headers and self._timer:
            self._timer.cancel()
            self._timer = None
        elif for_headers and self._timer is None and not self._transport.is_closing():
            self._timer = asyncio.get_running_loop().call_later(self._gate.seconds, self._transport.abort)

    def eof_received(self) -> bool | None:
        return None if self._transport is None else self._inner.eof_received()

    def connection_lost(self, error: Exception | None) -> None:
        if self._transport is None:
            return
        if self._timer:
            self._timer.cancel()
        self._gate.forget(self._transport)
        self._inner.connection_lost(error)

    def pause_writing(self) -> None:
        if self._transport is not None:
            self._inner.pause_writing()

    def resume_writing(self) -> None:
        if self._transport is not None:
            self._inner.resume_writing()
