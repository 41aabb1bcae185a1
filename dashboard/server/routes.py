"""The routes of the dashboard's server besides its pages and the live tab: sample sheets of runs, the playground."""

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Route, WebSocketRoute
from starlette.websockets import WebSocket

from dashboard.server import paths


def routes() -> list[BaseRoute]:
    return [
        Route(f"{paths.below('frames')}/{{signature}}/{{kind}}/{{run:path}}/{{file}}", _frame),
        WebSocketRoute(paths.playing(), _play),
    ]


def _frame(request: Request) -> Response:
    from dashboard.server import frames  # imported here: it brings numpy and pandas, which would slow the start

    return frames.frame(request)


async def _play(socket: WebSocket) -> None:
    from dashboard.server import playing  # as above

    await playing.play(socket)
