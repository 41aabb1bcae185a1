"""The bounds on connections, with uvicorn as the app runs it."""

import asyncio
import contextlib
import socket
import threading
import time
from collections.abc import Iterator

import pytest
import uvicorn

from dashboard.server import connections
from tests.helpers.serving import free_port

ASK = b"GET / HTTP/1.1\r\nhost: x\r\n\r\n"
HALF = b"GET / HTTP/1.1\r\nhost: x\r\n"
PATIENCE = 20.0


async def answer(scope, receive, send):  # type: ignore[no-untyped-def]
    if scope["type"] == "websocket":
        await receive()
        await send({"type": "websocket.accept"})
        await receive()
        return
    await send({"type": "http.response.start", "status": 200, "headers": [(b"content-length", b"2")]})
    if scope["path"] == "/slow":
        await asyncio.sleep(1.5)
    await send({"type": "http.response.body", "body": b"ok"})


@contextlib.contextmanager
def serving(most: int, seconds: float) -> Iterator[int]:
    """A server within these bounds; its port."""
    port = free_port()
    settings = uvicorn.Config(answer, port=port, log_level="error", lifespan="off", timeout_keep_alive=5)
    server = uvicorn.Server(settings)

    async def run() -> None:
        async with connections.bounded(most, seconds):
            await server.serve()

    thread = threading.Thread(target=lambda: asyncio.run(run()), daemon=True)
    thread.start()
    end = time.monotonic() + PATIENCE
    while not server.started and time.monotonic() < end:
        time.sleep(0.01)
    try:
        yield port
    finally:
        server.should_exit = server.force_exit = True
        thread.join(PATIENCE)


def opened(port: int, said: bytes = b"") -> socket.socket:
    connection = socket.create_connection(("127.0.0.1", port), timeout=PATIENCE)
    connection.sendall(said)
    return connection


def whole(connection: socket.socket) -> bytes:
    """The first answer on a connection; empty if the server has closed it."""
    try:
        return connection.recv(4096)
    except ConnectionError:
        return b""


def status(port: int) -> bytes:
    with contextlib.closing(opened(port, ASK)) as connection:
        return whole(connection)[:12]


def test_half_requests_make_room_for_whole_ones() -> None:
    with serving(8, 60.0) as port, contextlib.ExitStack() as kept:
        halves = [kept.enter_context(contextlib.closing(opened(port, HALF))) for _ in range(40)]
        assert [status(port) for _ in range(5)] == [b"HTTP/1.1 200"] * 5
        assert whole(halves[0]) == b""  # the longest silent one has gone
        halves[-1].sendall(b"\r\n")  # the last ones are still welcome
        assert whole(halves[-1]).startswith(b"HTTP/1.1 200")


def test_a_server_full_of_requests_says_so() -> None:
    with serving(4, 60.0) as port, contextlib.ExitStack() as kept:
        slow = ASK.replace(b"/ ", b"/slow ", 1)
        for _ in range(4):
            assert whole(kept.enter_context(contextlib.closing(opened(port, slow)))).startswith(b"HTTP/1.1 200")
        with contextlib.closing(opened(port)) as refused:
            said = whole(refused)
        assert said.startswith(b"HTTP/1.1 503") and b"too many connections" in said
    with serving(1, 60.0) as port:  # and each that ends leaves its place
        assert [status(port) for _ in range(5)] == [b"HTTP/1.1 200"] * 5


@pytest.mark.parametrize("said", [b"", b"G", HALF, ASK + HALF])
def test_headers_have_a_time_limit(said: bytes) -> None:
    with serving(8, 0.4) as port, contextlib.closing(opened(port, said)) as connection:
        begun = time.monotonic()
        if said.startswith(ASK):
            assert b"200" in whole(connection)
        with contextlib.suppress(OSError):
            while time.monotonic() - begun < PATIENCE:  # each byte does not give them more time
                connection.sendall(b"x" if said else b"")
                connection.settimeout(0.05)
                try:
                    if connection.recv(100) == b"":
                        break
                except TimeoutError:
                    continue
        assert 0.3 < time.monotonic() - begun < PATIENCE / 2


def test_answers_and_web_sockets_may_take_as_long_as_they_wish() -> None:
    upgrade = ASK[:-2] + b"upgrade: websocket\r\nconnection: upgrade\r\nsec-websocket-version: 13\r\n"
    upgrade += b"sec-websocket-key: MDEyMzQ1Njc4OWFiY2RlZg==\r\n\r\n"
    with serving(2, 0.3) as port:
        with contextlib.closing(opened(port, ASK.replace(b"/ ", b"/slow ", 1))) as connection:
            said = b""
            while not said.endswith(b"ok"):
                said += connection.recv(4096)
            assert said.startswith(b"HTTP/1.1 200")
        with contextlib.closing(opened(port, upgrade)) as connection:
            assert whole(connection).startswith(b"HTTP/1.1 101")
            connection.settimeout(0.8)
            with pytest.raises(TimeoutError):
                connection.recv(1)
            assert status(port) == b"HTTP/1.1 200"
        assert [status(port) for _ in range(3)] == [b"HTTP/1.1 200"] * 3  # its place is free again


def test_the_bound_follows_the_limit_of_open_files(monkeypatch: pytest.MonkeyPatch) -> None:
    resource = pytest.importorskip("resource", reason="limits of Unix")
    asked = []
    monkeypatch.setattr(resource, "setrlimit", lambda kind, limits: asked.append(limits))
    for soft, hard, expected in ((256, 256, 96), (1024, 1024, 864), (256, 10**6, 2000), (64, 64, 16), (-1, -1, 2000)):
        monkeypatch.setattr(resource, "getrlimit", lambda kind, found=(soft, hard): found)
        assert connections._affordable() == expected
    assert asked == [(4096, 10**6)]
