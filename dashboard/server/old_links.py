"""Links to the page Compare from the time when it was the page that the app opens on: `/?runs=...`."""

from urllib.parse import parse_qsl

from starlette.responses import RedirectResponse
from starlette.types import ASGIApp, Receive, Scope, Send

from dashboard.server import paths

# What the address of Compare holds: the choices, and the settings of its scrubber, sheets and curves.
KEYS = frozenset(
    {"runs", "find", "epoch", "speed", "zoom", "window", "level", "against", "real", "sample", "large", "shown"}
    | {"smoothing", "x", "zoom_x", "columns", "clip", "logx", "logy", "seeds", "multiples"}
    | {"every-setting-generate", "every-setting-translate", "discriminator_scores"}
)


class OldLinks:
    """ASGI middleware that sends them to Compare's own address, with the whole query as it is."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http" and scope["method"] in ("GET", "HEAD") and scope["path"] in _home():
            query = scope["query_string"].decode("latin-1")
            if any(key in KEYS for key, _ in parse_qsl(query, keep_blank_values=True)):
                answer = RedirectResponse(f"{paths.below('compare')}?{query}", 307, {"cache-control": "no-store"})
                await answer(scope, receive, send)
                return
        await self.app(scope, receive, send)


def _home() -> tuple[str, ...]:
    return paths.below(""), paths.below("").rstrip("/") or "/"
