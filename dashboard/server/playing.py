"""The playground over a web socket: each connection has a process of its own, which ends with it.

The page sends requests as text (`gan_core.playground.protocol`) and gets one frame of bytes for each.
"""

import asyncio
import functools
from collections.abc import AsyncIterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager, asynccontextmanager, suppress

from starlette.websockets import WebSocket, WebSocketDisconnect, WebSocketState

from gan_core.errors import UserError
from gan_core.playground import players
from gan_core.playground.players import Full, Player
from gan_core.playground.protocol import LONGEST_REQUEST, SILENCE

FULL, FAILED, TOO_LONG = 4001, 4002, 1009  # codes of the end of a connection; the page shows the reason
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
        except TimeoutError:
            raise UserError("The page was silent for too long, so its game ended.") from None
        except KeyError:
            raise UserError("A request is text, not bytes.") from None
        if len(request) > LONGEST_REQUEST:
            await _end(socket, TOO_LONG, "The request is too long.")
            return
        await socket.send_bytes(await asyncio.get_running_loop().run_in_executor(_threads(), player.ask, request))


@asynccontextmanager
async def _seat() -> AsyncIterator[Player]:
    """`players.seat` without blocking the server."""
    seat = players.seat()
    entering = asyncio.get_running_loop().run_in_executor(_threads(), seat.__enter__)
    try:
        yield await asyncio.shield(entering)
    finally:
        # Not awaited: the server may have stopped this task. A seat that is being taken is left once it is.
        if entering.done():
            _leave(seat, entering)
        else:
            entering.add_done_callback(functools.partial(_leave, seat))


def _leave(seat: AbstractContextManager[Player], entered: "asyncio.Future[Player]") -> None:
    if entered.exception() is None:
        _threads().submit(seat.__exit__, None, None, None)


@functools.cache
def _threads() -> ThreadPoolExecutor:
    return ThreadPoolExecutor(_THREADS, "playground")


async def _end(socket: WebSocket, code: int, reason: str) -> None:
    """Close with a reason, which may have 123 bytes."""
    with suppress(RuntimeError, WebSocketDisconnect):  # it is closed already, or its viewer has gone
        await socket.close(code, reason.encode()[:120].decode(errors="ignore"))
