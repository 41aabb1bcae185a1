"""The stream by which a page of the live tab gets its answers."""

from starlette.datastructures import Headers
from starlette.types import ASGIApp, Message, Receive, Scope, Send

_DONE = b'"msg":"close_stream"'


class KeepStreamOpen:
    """ASGI middleware around Gradio: a browser's stream stays open until its page is left.

    Gradio ends the stream whenever nothing is pending, and opens another one for the next event. An event that comes in
    between is lost: its answer goes into the stream that ends, or the end of that stream is taken for the visitor's
    leaving, and everything of theirs is cancelled. So the end is kept from browsers, and Gradio is asked on. Programs
    (gradio_client) wait for the end, and ask one thing at a time: they get it.
    """

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if not _is_stream_of_a_page(scope):
            await self.app(scope, receive, send)
            return
        begun = over = False

        async def hear() -> Message:
            nonlocal over
            message = await receive()
            over = over or message["type"] == "http.disconnect"
            return message

        async def pass_on(message: Message) -> None:
            nonlocal begun, over
            if message["type"] == "http.response.start":
                over = message["status"] != 200
                if not begun:
                    await send(message)
                begun = True
            elif over or (message.get("more_body") and _DONE not in message["body"]):
                await send(message)

        while not over:
            await self.app(dict(scope), hear, pass_on)  # a copy: its path is shortened on the way to Gradio


def _is_stream_of_a_page(scope: Scope) -> bool:
    if scope["type"] != "http" or not scope["path"].endswith("/queue/data"):
        return False
    return "accept-language" in Headers(scope=scope)  # which browsers send and programs do not
