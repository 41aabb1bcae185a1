"""Access control of the server: allowed hosts and origins, allowed routes of Gradio, content security policy.

A foreign web page in the user's browser can send requests to this machine: under its own name that resolves to this
machine (DNS rebinding), or from its own origin. Both are refused before anything is read.
"""

import re
import socket
from ipaddress import ip_address
from typing import Any
from urllib.parse import urlsplit

import streamlit as st
from starlette.datastructures import Headers, MutableHeaders
from starlette.responses import PlainTextResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from gan_core.errors import printable

_HOST = (
    "This server does not answer under the name '{host}'. Open it as localhost or by its IP address, or start it with "
    "--server.allowedHosts {host}\n"
)
_ORIGIN = (
    "Refused: the request comes from a page of another site. If that site is yours, start the server with "
    "--server.corsAllowedOrigins {origin}\n"
)
# The routes that the live tab's page and gradio_client use. Gradio's other routes proxy, log in, edit code or show
# usage data: nothing here needs them.
_GRADIO = re.compile(
    r"(config|theme\.css|robots\.txt|favicon\.ico|manifest\.json|pwa_icon(/\d+)?|(assets|static|svelte)/.+"
    r"|gradio_api/(info|app_id|startup-events|upload|upload_progress|queue/(join|data|status)|cancel|reset"
    r"|heartbeat/\w+|call(/v2)?/\w+(/\w+)?|file=(?!\w+:/).+))?/?"
)

_RANGE = "Only one range of bytes can be asked for at a time, as in bytes=0-99.\n"
_PLAIN_RANGE = re.compile(r"bytes=(\d{1,18})-(\d{0,18})|bytes=-\d{1,18}", re.ASCII)
_SCHEME = re.compile(r"\s*[a-z][a-z0-9+.-]+:", re.IGNORECASE)  # two letters or more: one letter is a Windows drive


class RequestGuard:
    """ASGI middleware that refuses foreign hosts and origins, and sets the content security policy."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] not in ("http", "websocket"):
            await self.app(scope, receive, send)
            return
        headers = Headers(scope=scope)
        if refused := refusal(headers):
            await _refuse(scope, receive, send, refused, 403)
            return
        if scope["type"] == "http" and not _is_plain_range(headers.get("range")):
            await _refuse(scope, receive, send, _RANGE, 416)
            return
        policy = _policy(headers.get("host", ""))

        async def pass_on(message: Message) -> None:
            if message["type"] == "http.response.start":
                answer = MutableHeaders(scope=message)
                answer["content-security-policy"] = policy
                answer["x-content-type-options"] = "nosniff"
                answer["referrer-policy"] = "same-origin"
            await send(message)

        await self.app(scope, receive, pass_on)


class GradioAllowList:
    """ASGI middleware that lets only the routes of the live tab reach the Gradio app below `at`."""

    def __init__(self, app: ASGIApp, at: str = "") -> None:
        self.app, self.at = app, at

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        route = scope["path"].removeprefix(self.at).removeprefix("/") if scope["type"] != "lifespan" else ""
        if _GRADIO.fullmatch(route):
            await self.app(scope, receive, send)
        else:
            await _refuse(scope, receive, send, "There is nothing at this address.\n", 404)


def refusal(headers: Headers) -> str | None:
    """Return the reason, as a sentence, why a request is refused; None if it is allowed.

    Allowed hosts: localhost, this machine's name, IP addresses (DNS rebinding needs a name), and Streamlit's
    `server.allowedHosts`. Allowed origins: the host itself, and `server.corsAllowedOrigins`.
    """
    given = headers.get("host", "")
    host = _parts(f"//{given}")
    if host is None or not _is_allowed_host(host[0]):
        return _HOST.format(host=printable(given.rpartition(":")[0] or given, 100))
    origin = headers.get("origin")
    if origin is None:
        # Requests for images and scripts have no origin, but browsers send sec-fetch-site. A foreign page may only link
        # to this server (mode "navigate").
        site, mode = headers.get("sec-fetch-site", "none"), headers.get("sec-fetch-mode", "navigate")
        foreign = site in ("cross-site", "same-site") and mode != "navigate"
        return _ORIGIN.format(origin="ITS_ORIGIN") if foreign else None
    if origin in (st.get_option("server.corsAllowedOrigins") or ()):
        return None
    source = _parts(origin)
    # A proxy may forward the host without its port.
    same = source is not None and source[0] == host[0] and (host[1] is None or host[1] == _port(origin))
    return None if same else _ORIGIN.format(origin=printable(origin, 100))


def _is_plain_range(given: str | None) -> bool:
    """Return whether a request is for a whole file, or for one range of it; Gradio answers others with a fault."""
    if given is None:
        return True
    found = _PLAIN_RANGE.fullmatch(given.strip())
    if found is None:
        return False
    start, end = found.groups()
    return not end or int(start) <= int(end)


def _is_allowed_host(name: str) -> bool:
    try:
        ip_address(name)
        return True
    except ValueError:
        pass
    patterns = [str(one).lower().rstrip(".") for one in st.get_option("server.allowedHosts") or ()]
    if name in ("localhost", socket.gethostname().lower(), *patterns) or "*" in patterns:
        return True
    return any(one.startswith("*.") and name.endswith(one[1:]) for one in patterns)


def _parts(url: str) -> tuple[str, int | None] | None:
    """Return (host, port) of a URL or of `//host:port`; None if it has other parts or no host."""
    try:
        split = urlsplit(url)
        name, port = split.hostname, split.port
    except ValueError:
        return None
    if not name or split.username is not None or split.path or split.query or split.fragment:
        return None
    return name.lower().rstrip("."), port


def _port(origin: str) -> int | None:
    return urlsplit(origin).port or {"http": 80, "https": 443}.get(urlsplit(origin).scheme)


def _policy(host: str) -> str:
    """Return the content security policy: pages load from this server only, so a run's text cannot fetch an image."""
    framing = " ".join(("'self'", *map(str, st.get_option("server.corsAllowedOrigins") or ())))
    return (
        "default-src 'self' data: blob: 'unsafe-inline' 'unsafe-eval'; "
        # In some browsers 'self' does not include web sockets of the same host.
        f"connect-src 'self' data: blob: ws://{host} wss://{host}; "
        f"frame-ancestors {framing}; object-src 'none'; base-uri 'self'; form-action 'self'"
    )


async def _refuse(scope: Scope, receive: Receive, send: Send, words: str, status: int) -> None:
    if scope["type"] == "websocket":
        await receive()
        await send({"type": "websocket.close", "code": 1008, "reason": ""})
        return
    await PlainTextResponse(words, status, headers={"cache-control": "no-store"})(scope, receive, send)


def outside(value: Any) -> bool:
    """Whether a user's input names a file by URL, which Gradio would fetch."""
    if isinstance(value, dict):
        path = value.get("path")
        return (isinstance(path, str) and _SCHEME.match(path) is not None) or any(map(outside, value.values()))
    return isinstance(value, list | tuple) and any(map(outside, value))
