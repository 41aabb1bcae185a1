"""A game's process ends with its page, however the page or the app goes; strangers get none; places are bounded."""

import asyncio
import contextlib
import io
import json
import os
import struct
import time
from collections.abc import Callable, Iterator
from urllib.parse import urlsplit

import psutil
import pytest
from websockets.asyncio.client import connect
from websockets.exceptions import ConnectionClosed, InvalidStatus

from gan_core.playground.protocol import LONGEST_REQUEST
from tests.helpers.serving import serve_forked
from tests.robustness.visitor import server_of

pytestmark = pytest.mark.processes

WAIT = 30.0  # seconds for what has to happen: a loaded machine is slow
PLACES = 2


@pytest.fixture(scope="module")
def app(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    base = tmp_path_factory.mktemp("playground")
    with serve_forked(base, base / "log.txt", GANRAY_PLAYGROUNDS=str(PLACES)) as address:
        yield address


def games(app: str) -> list[psutil.Process]:
    """The processes that play a game: the children of the one that starts them."""
    starters = [one for one in server_of(app).children() if "gan_core.playground.starter" in " ".join(one.cmdline())]
    return [game for starter in starters for game in starter.children()]


def until(holds: Callable[[], bool]) -> None:
    end = time.monotonic() + WAIT
    while not holds():
        assert time.monotonic() < end
        time.sleep(0.05)


def socket(app: str, **given: object) -> connect:
    own = urlsplit(app)
    return connect(f"ws://{own.netloc}/playing", origin=app, open_timeout=60, **given)


def step_of(frame: bytes) -> int:
    (size,) = struct.unpack("<I", frame[:4])
    return int(json.loads(frame[4 : 4 + size])["step"])


def test_games_are_bounded_and_end_with_their_connections(app: str) -> None:
    async def story() -> None:
        async with contextlib.AsyncExitStack() as stack:
            viewers = [await stack.enter_async_context(socket(app)) for _ in range(PLACES)]
            for number, viewer in enumerate(viewers, 1):
                await viewer.send('{"begin": {"batch_size": 8, "width": 8}}')
                assert step_of(await viewer.recv()) == 0
                await viewer.send(json.dumps({"turns": number}))
                assert step_of(await viewer.recv()) == number  # each has a game of its own
            assert len(games(app)) == PLACES
            assert all(game.nice() > 0 for game in games(app))

            late = await stack.enter_async_context(socket(app))
            with pytest.raises(ConnectionClosed) as refused:
                await late.recv()
            assert refused.value.rcvd and refused.value.rcvd.code == 4001
            assert refused.value.rcvd.reason.startswith("All places are taken: 2 games")

            # A page that is closed, and one that is gone without a word.
            await viewers[0].close()
            await asyncio.to_thread(until, lambda: len(games(app)) == 1)
            viewers[1].transport.abort()
            await asyncio.to_thread(until, lambda: not games(app))

            # Nonsense is answered by a line, and what is too long ends the connection.
            again = await stack.enter_async_context(socket(app))
            for wrong in ("no json", "[]", '{"turns": 1}', '{"begin": {"width": 1e9}}', "\n", "[" * 20_000):
                await again.send(wrong)
                assert b'"error"' in (await again.recv())[:400]
            await again.send('{"begin": {"seed": 1%s}}' % ("0" * 400))
            assert b"seed: a whole number" in await again.recv()
            await again.send("x" * (LONGEST_REQUEST + 1))
            with pytest.raises(ConnectionClosed):
                await again.recv()
            await asyncio.to_thread(until, lambda: not games(app))

    asyncio.run(story())


def test_strangers_open_no_game(app: str) -> None:
    async def refused(**given: object) -> int:
        with pytest.raises(InvalidStatus) as found:
            async with connect(f"ws://{urlsplit(app).netloc}/playing", open_timeout=60, **given):
                pass
        return found.value.response.status_code

    async def story() -> None:
        assert await refused(origin="https://evil.example") == 403
        assert await refused(additional_headers={"Sec-Fetch-Site": "cross-site", "Sec-Fetch-Mode": "websocket"}) == 403

    asyncio.run(story())


def test_a_silent_game_ends_by_itself() -> None:
    from gan_core.playground import worker

    read, write = os.pipe()
    child = os.fork()
    if not child:
        with contextlib.suppress(BaseException), os.fdopen(read, "rb") as requests, io.BytesIO() as answers:
            worker.serve(requests, answers, silence=0.2)
        os._exit(3)
    begun = time.monotonic()
    _, status = os.waitpid(child, 0)  # its input stays open
    os.close(write)
    assert os.waitstatus_to_exitcode(status) == 0
    assert time.monotonic() - begun < WAIT


def test_at_last_a_game_ends_with_a_killed_app(app: str) -> None:
    """The app of the tests above, which nobody needs any more."""
    family: list[psutil.Process] = []

    async def story() -> None:
        async with socket(app) as viewer:
            await viewer.send('{"begin": {}}')
            await viewer.recv()
            assert games(app)
            server = server_of(app)
            family.extend(server.children(recursive=True))
            server.kill()

    with contextlib.suppress(ConnectionClosed):
        asyncio.run(story())
    assert len(family) >= 2  # the game, and the process that started it
    until(lambda: not any(one.is_running() and one.status() != psutil.STATUS_ZOMBIE for one in family))
