"""The live tab in the dashboard's server, on the same port.

Gradio takes seconds to import, so the tab is built when the first visitor needs it.
"""

import asyncio
import contextlib
import importlib
import signal
import threading
from collections.abc import AsyncIterator, Callable, Iterator
from types import FrameType
from typing import Any

import streamlit as st
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import HTMLResponse, RedirectResponse
from starlette.routing import BaseRoute, Mount, Route
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from dashboard.library import garbage
from dashboard.live import process_folder
from dashboard.live.editor_stubs import without_stubs
from dashboard.server import paths
from dashboard.server.security import GradioAllowList


class LazyApp:
    """An ASGI application that the first request builds."""

    def __init__(self) -> None:
        self._made: Any = None
        self._lock = asyncio.Lock()
        self._streams: set[asyncio.Task[None]] = set()
        self._running = contextlib.AsyncExitStack()
        self._start_task: asyncio.Task[None] | None = None

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if self._made is None and _is_page(scope):
            # The next request of this page builds the application and is answered afterwards.
            await HTMLResponse(_STARTING_PAGE, headers={"cache-control": "no-store"})(scope, receive, send)
            return
        await self._make()
        complete = False

        async def pass_on(message: Message) -> None:
            nonlocal complete
            complete = message["type"] == "http.response.body" and not message.get("more_body")
            if message["type"] == "http.response.start" and _streams(message):
                self._streams.add(answer)
                # A proxy must not buffer the steps of an answer.
                message = {**message, "headers": [*message["headers"], (b"x-accel-buffering", b"no")]}
            await send(message)

        below = {**scope, "root_path": scope.get("app_root_path", "")}
        answer = asyncio.create_task(self._made(below, receive, pass_on))
        try:
            await answer
        except asyncio.CancelledError:
            if answer in self._streams:  # else leave() ended it
                raise
            if not complete:
                await send({"type": "http.response.body", "body": b"", "more_body": False})
        finally:
            self._streams.discard(answer)

    async def _make(self) -> None:
        async with self._lock:
            if self._made is None:
                made = await asyncio.to_thread(application, paths.live_tab())
                # Without its lifespan, Gradio's queue never starts and every call hangs.
                await self._running.enter_async_context(made.router.lifespan_context(made))
                self._made = made
                # Import torch, which takes seconds, while the browser loads the page.
                threading.Thread(target=_import_torch, daemon=True).start()

    def begin(self) -> None:
        """Build the application now, ahead of its first request."""
        if self._made is None and self._start_task is None:
            self._start_task = asyncio.create_task(self._make())

    def leave(self) -> None:
        """Cancel the streams of open pages: a stopping server would wait for them forever."""
        while self._streams:
            self._streams.pop().cancel()

    async def close(self) -> None:
        await self._running.aclose()


def _import_torch() -> None:
    importlib.import_module("gan_core.evaluation.predicted_classes")
    garbage.spare_modules()


class PrepareLiveTab:
    """ASGI middleware that starts building the live tab when a browser requests the page Live."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http" and scope["path"].rstrip("/") == paths.below("live"):
            _live.begin()
        await self.app(scope, receive, send)


def application(at: str) -> Any:
    """Return a FastAPI application that serves the live tab at a path."""
    from dashboard.live import uploaded

    uploads = uploaded.Uploads(uploaded.folder())  # before Gradio is imported, which asks for it then
    with without_stubs():
        import gradio as gr
    from fastapi import FastAPI

    from dashboard.live import app, theme
    from dashboard.live.open_stream import KeepStreamOpen
    from gan_core.runs import default_root

    uploaded.install(uploads)
    blocks = app.build(default_root())
    options: dict[str, Any] = {"ssr_mode": False, "footer_links": [], "max_file_size": app.MAX_FILE, **theme.look()}
    outer = FastAPI(openapi_url=None, middleware=[Middleware(GradioAllowList, at), Middleware(KeepStreamOpen)])
    return gr.mount_gradio_app(outer, blocks, at, root_path=at, **options)


def _is_page(scope: Scope) -> bool:
    """Return whether a browser requests the page itself."""
    if scope["type"] != "http" or scope["method"] != "GET" or scope["path"].rstrip("/") != paths.live_tab():
        return False
    return b"text/html" in dict(scope["headers"]).get(b"accept", b"")


_STARTING_PAGE = """<!doctype html>
<html lang="en"><meta charset="utf-8"><meta name="color-scheme" content="light dark"><title>GANray live</title>
<style>
  body { margin: 0; padding: 3rem 0; font: 1.05rem/1.5 "Source Sans 3", system-ui, sans-serif; text-align: center;
    background: #ffffff; color: #6b6864; }
  .dark body { background: #171614; color: #a5a29d; }
  i { display: block; width: 1.6rem; height: 1.6rem; margin: 0 auto 1rem; border: 3px solid currentColor;
    border-top-color: transparent; border-radius: 50%; opacity: 0.6; animation: turn 1s linear infinite; }
  @keyframes turn { to { transform: rotate(1turn); } }
</style>
<script>
  document.documentElement.className = new URLSearchParams(location.search).get("__theme") || "";
  fetch("config").then((answer) => {
    if (!answer.ok) throw new Error();
    location.reload();
  }).catch(() => {
    document.body.textContent = "The live tab did not start. The terminal of the app says why.";
  });
</script>
<body role="status"><i></i>The live tab is starting. The first visit takes a few seconds.</body></html>
"""


def _streams(message: Message) -> bool:
    return any(k == b"content-type" and v.startswith(b"text/event-stream") for k, v in message["headers"])


_live = LazyApp()


def routes() -> list[BaseRoute]:
    """Return the routes of the live tab for the dashboard's server."""

    async def with_slash(request: Request) -> RedirectResponse:
        query = f"?{request.url.query}" if request.url.query else ""
        return RedirectResponse(f"{paths.live_tab()}/{query}", 307)

    return [Route(paths.live_tab(), with_slash), Mount(paths.live_tab(), _live)]


@contextlib.asynccontextmanager
async def lifespan(_: st.App) -> AsyncIterator[None]:
    """Serve the live tab; whether or not anybody opens it, nothing of an earlier app's visitors stays on the disk."""
    loop = asyncio.get_running_loop()
    await asyncio.to_thread(process_folder.remove_left)
    try:
        with _on_stop(lambda: loop.call_soon_threadsafe(_live.leave)):
            yield
    finally:
        try:
            await _live.close()
        finally:
            # Not left to atexit: a server that was stopped by a signal ends by that signal, which skips it.
            await asyncio.to_thread(process_folder.remove_own)


@contextlib.contextmanager
def _on_stop(do: Callable[[], object]) -> Iterator[None]:
    """Call `do` on SIGINT and SIGTERM, before the existing handler."""
    if threading.current_thread() is not threading.main_thread():
        yield  # only the main thread can set signal handlers
        return
    before = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)}

    def on_signal(number: int, frame: FrameType | None) -> None:
        do()
        then = before[signal.Signals(number)]
        if callable(then):
            then(number, frame)

    for number in before:
        signal.signal(number, on_signal)
    yield
