"""One server for the dashboard and the live tab: what `st.App` is made of.

Two files make the app of it, as `streamlit run` looks for the call in the file that it is given: streamlit_app.py at
the top of the repository, and launcher/streamlit_app.py for the installed package, which `ganray app` starts.
"""

from pathlib import Path
from typing import Any

from starlette.middleware import Middleware

from dashboard.live import mount
from dashboard.server.routes import routes
from dashboard.server.security import RequestGuard


def parts() -> dict[str, Any]:
    """The arguments of `st.App`."""
    return {
        "script_path": Path(__file__).resolve().with_name("main.py"),
        "routes": [*mount.routes(), *routes()],
        "middleware": [Middleware(RequestGuard), Middleware(mount.PrepareLiveTab)],
        "lifespan": mount.lifespan,
        "on_script_error": _on_script_error,
    }


def _on_script_error(error: Exception) -> bool:
    # numpy and pandas: the first page needs them, the start of the server does not
    from dashboard.widgets import error_boundary

    return error_boundary.script_fault(error)
