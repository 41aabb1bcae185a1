"""The playground over a web socket: each connection has a process of its own, which ends with it.

The page sends requests as text (`gan_core.playground.protocol`) and gets one frame of bytes for each.
"""

import asyncio
import functools
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from typing import TypeVar

import anyio
from anyio import to_thread
from starlette.websockets import WebSocket, WebSocketDisconnect, WebSocketState

from gan_core.errors import UserError
from gan_core.playground import players
from gan_core.playground.players import Full, Player
from gan_core.playground.protocol import LONGEST_REQUEST, SILENCE

FULL, FAILED, TOO_LONG = 4001, 4002, 1009  # codes of the end of a connection; the page shows the reason
T = TypeVar("T")
_THREADS = 256  # of all games: each waits in one while its process answers


async def play(socket: WebSocket) -> None:
    """Serve one viewer until the page is closed, is silent for long, or its process ends."""
    try:
        async with _seat() as player:
            # Not before there is a process: a connection whose messages wait answers no pings, and is given up.
            await socket.accept()
            await _answer_all(socket, player)
    except WebSocketDisconnect:
        pass  # the page was closed
    except UserError as error:
        if socket.application_state == WebSocketState.CONNECTING:
            await socket.accept()  # a browser is told the reason of an end only where there was a beginning
        await _end(socket, FULL if isinstance(error, Full) else FAILED, str(error))


async def _answer_all(socket: WebSocket, player: Player) -> None:
    while True:
        try:
            async with asyncio.timeout(SILENCE):
                request = (await socket.receive_text()).encode()
        except (TimeoutError, KeyError):  # KeyError: bytes in place of text
            raise UserError("The page was silent for too long, so its game ended.") from None
        if len(request) > LONGEST_REQUEST:
            await _end(socket, TOO_LONG, "The request is too long.")
            return
        await socket.send_bytes(await _in_thread(functools.partial(player.ask, request)))


@asynccontextmanager
async def _seat() -> AsyncIterator[Player]:
    """`players.seat` without blocking the server."""
    seat = players.seat()
    player = await _in_thread(seat.__enter__)
    try:
        yield player
    finally:
        # Also when the server stops this task: else the process would stay until it notices by itself.
        with anyio.CancelScope(shield=True):
            await _in_thread(functools.partial(seat.__exit__, None, None, None))


async def _in_thread(call: Callable[[], T]) -> T:
    return await to_thread.run_sync(call, limiter=_limiter())


@functools.cache
def _limiter() -> anyio.CapacityLimiter:
    return anyio.CapacityLimiter(_THREADS)


async def _end(socket: WebSocket, code: int, reason: str) -> None:
    """Close with a reason, which may have 123 bytes."""
    with suppress(RuntimeError):  # it is closed already
        await socket.close(code, reason.encode()[:120].decode(errors="ignore"))
