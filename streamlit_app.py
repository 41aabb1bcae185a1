"""What `streamlit run streamlit_app.py` needs and nothing else: one server for the dashboard and the live tab."""

import streamlit as st
from starlette.middleware import Middleware

from dashboard.live import mount
from dashboard.server.routes import routes
from dashboard.server.security import RequestGuard


def on_script_error(error: Exception) -> bool:
    # numpy and pandas: the first page needs them, the start of the server does not
    from dashboard.widgets import error_boundary

    return error_boundary.script_fault(error)


app = st.App(
    "dashboard/main.py",
    routes=[*mount.routes(), *routes()],
    middleware=[Middleware(RequestGuard), Middleware(mount.PrepareLiveTab)],
    lifespan=mount.lifespan,
    on_script_error=on_script_error,
)
