"""The arguments of `st.App`: one server for the dashboard and the live tab.

`streamlit run` looks for the call of `st.App` in the file that it is given. Two files hold that call: streamlit_app.py
at the top of the repository, and launcher/streamlit_app.py in the installed package, which `ganray app` starts.
"""

import contextlib
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import streamlit as st
from starlette.middleware import Middleware

from dashboard.live import mount
from dashboard.server import connections, log_limit
from dashboard.server.old_links import OldLinks
from dashboard.server.routes import routes
from dashboard.server.security import RequestGuard


def parts() -> dict[str, Any]:
    """Return the keyword arguments of `st.App`: the page script, routes, middleware, lifespan and error handler."""
    return {
        "script_path": Path(__file__).resolve().with_name("main.py"),
        "routes": [*mount.routes(), *routes()],
        "middleware": [Middleware(RequestGuard), Middleware(OldLinks), Middleware(mount.PrepareLiveTab)],
        "lifespan": _lifespan,
        "on_script_error": _on_script_error,
    }


@contextlib.asynccontextmanager
async def _lifespan(app: st.App) -> AsyncIterator[None]:
    with log_limit.limited():
        async with connections.bounded(), mount.lifespan(app):
            yield


def _on_script_error(error: Exception) -> bool:
    # Imported here: it brings numpy and pandas, which would slow the start of the server.
    from dashboard.widgets import error_boundary

    return error_boundary.script_fault(error)
