"""The routes of the dashboard's server besides its pages and the live tab: the sample sheets of runs."""

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Route

from dashboard.server import paths


def routes() -> list[BaseRoute]:
    return [Route(f"{paths.below('frames')}/{{signature}}/{{kind}}/{{run:path}}/{{file}}", _frame)]


def _frame(request: Request) -> Response:
    from dashboard.server import frames  # imported here: it brings numpy and pandas, which would slow the start

    return frames.frame(request)
