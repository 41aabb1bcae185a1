"""The event stream of a page of the live tab."""

from starlette.datastructures import Headers
from starlette.types import ASGIApp, Message, Receive, Scope, Send

_DONE = b'"msg":"close_stream"'


class KeepStreamOpen:
    """ASGI middleware around Gradio that keeps the stream of a browser open until its page closes.

    Gradio ends the stream whenever nothing is pending, and opens another one for the next event. An event in between is
    lost: its answer goes into the ending stream, or Gradio takes the end of that stream for the end of the visit and
    cancels all events of the visitor. This middleware therefore hides the end from browsers and requests the stream
    again. Programs (gradio_client) wait for the end and send one request at a time, so they receive it.
    """

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if not _is_browser_stream(scope):
            await self.app(scope, receive, send)
            return
        started = over = False

        async def listen() -> Message:
            nonlocal over
            message = await receive()
            over = over or message["type"] == "http.disconnect"
            return message

        async def pass_on(message: Message) -> None:
            nonlocal started, over
            if message["type"] == "http.response.start":
                over = message["status"] != 200
                if not started:
                    await send(message)
                started = True
            elif over or (message.get("more_body") and _DONE not in message["body"]):
                await send(message)

        while not over:
            await self.app(dict(scope), listen, pass_on)  # a copy: its path is shortened on the way to Gradio


def _is_browser_stream(scope: Scope) -> bool:
    if scope["type"] != "http" or not scope["path"].endswith("/queue/data"):
        return False
    # Every browser names itself so, and no client library does. Chromium without a window sends no language, and no
    # browser sends its Sec-Fetch headers to a plain http address of another machine.
    return Headers(scope=scope).get("user-agent", "").startswith("Mozilla/")
