"""Serves the live tab: below the dashboard on its port, or alone.

Gradio takes seconds to import, so that it is built when the first visitor asks for it.
"""

import asyncio
import contextlib
from collections.abc import AsyncIterator
from typing import Any

import streamlit as st
from starlette.requests import Request
from starlette.responses import HTMLResponse, RedirectResponse
from starlette.routing import BaseRoute, Mount, Route
from starlette.types import Message, Receive, Scope, Send


def path() -> str:
    """Where the live tab is served. The page around it is /live: the two must not share a name."""
    return below("gradio")


def below(name: str) -> str:
    """The path of something that this server serves besides its pages, below its own base path if it has one."""
    base = str(st.get_option("server.baseUrlPath") or "").strip("/")
    return f"/{base}/{name}" if base else f"/{name}"


class Lazy:
    """An ASGI application that is made by the first request."""

    def __init__(self) -> None:
        self._made: Any = None
        self._lock = asyncio.Lock()
        self._running = contextlib.AsyncExitStack()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if self._made is None and _is_page(scope):
            # What the page asks for next makes the application, and is answered when that is done.
            await HTMLResponse(_WAITING, headers={"cache-control": "no-store"})(scope, receive, send)
            return
        async with self._lock:
            if self._made is None:
                made = await asyncio.to_thread(mounted, path())
                # Without its lifespan Gradio's queue never starts, and every call waits for ever.
                await self._running.enter_async_context(made.router.lifespan_context(made))
                self._made = made

        async def pass_on(message: Message) -> None:
            if message["type"] == "http.response.start" and _streams(message):
                # A proxy must hand on each step of an answer as it comes.
                message = {**message, "headers": [*message["headers"], (b"x-accel-buffering", b"no")]}
            await send(message)

        await self._made({**scope, "root_path": scope.get("app_root_path", "")}, receive, pass_on)

    async def close(self) -> None:
        await self._running.aclose()


def mounted(at: str) -> Any:
    """A FastAPI application with the live tab at a path."""
    import gradio as gr
    from fastapi import FastAPI

    from dashboard.live import app, look
    from gan_core.runs import default_root

    blocks = app.build(default_root())
    options: dict[str, Any] = {"ssr_mode": False, "footer_links": [], "max_file_size": app.MAX_FILE, **look.look()}
    return gr.mount_gradio_app(FastAPI(openapi_url=None), blocks, at, root_path=at, **options)


def _is_page(scope: Scope) -> bool:
    """Whether a browser asks for the page itself."""
    if scope["type"] != "http" or scope["method"] != "GET" or scope["path"].rstrip("/") != path():
        return False
    return b"text/html" in dict(scope["headers"]).get(b"accept", b"")


_WAITING = """<!doctype html>
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


_live = Lazy()


def routes() -> list[BaseRoute]:
    """What the dashboard's server has to serve besides its pages."""

    async def with_slash(request: Request) -> RedirectResponse:
        query = f"?{request.url.query}" if request.url.query else ""
        return RedirectResponse(f"{path()}/{query}", 307)

    return [Route(path(), with_slash), Mount(path(), _live)]


@contextlib.asynccontextmanager
async def lifespan(_: st.App) -> AsyncIterator[None]:
    try:
        yield
    finally:
        await _live.close()
