"""Serve the live tab alone: `python -m dashboard.live [--port 7860]`."""

import argparse
import signal
import sys
from pathlib import Path

from starlette.middleware import Middleware

from dashboard.live import uploaded
from dashboard.live.editor_stubs import without_stubs
from dashboard.live.open_stream import KeepStreamOpen
from dashboard.server.security import GradioAllowList, RequestGuard
from gan_core.runs import default_root


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m dashboard.live", description="Serve the live tab alone.")
    parser.add_argument("--port", type=int, default=7860)
    parser.add_argument("--runs", type=Path, default=default_root(), metavar="DIR", help="default %(default)s")
    options = parser.parse_args()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))  # so that what visitors uploaded is removed
    uploads = uploaded.Uploads(uploaded.folder())  # before Gradio is imported, which asks for it then
    with without_stubs():
        from dashboard.live import app, theme
    uploaded.install(uploads)
    app.build(options.runs).launch(
        server_name="127.0.0.1",
        server_port=options.port,
        ssr_mode=False,
        footer_links=[],
        max_file_size=app.MAX_FILE,
        state_session_capacity=app.VISITORS,
        app_kwargs={"middleware": [Middleware(RequestGuard), Middleware(GradioAllowList), Middleware(KeepStreamOpen)]},
        **theme.look(),
    )


if __name__ == "__main__":
    main()
