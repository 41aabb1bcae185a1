"""What the dashboard's server serves besides its pages: the live tab, and the sheets of the stage."""

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Route

from dashboard.live import server


def routes() -> list[BaseRoute]:
    return [
        *server.routes(),
        Route(f"{server.below('frames')}/{{signature}}/{{kind}}/{{run:path}}/{{file}}", _frame),
    ]


def _frame(request: Request) -> Response:
    from dashboard.server import frames  # numpy and pandas: the first page needs them, the start of the server does not

    return frames.frame(request)
