"""Open the app in any folder: `ganray app`, or `python -m dashboard [--runs DIR] [--port N]`.

`python -m dashboard report RUN ... --out PAGE` makes a page instead: `ganray report`.
"""

import argparse
import os
import sys
from pathlib import Path

SCRIPT = Path(__file__).resolve().parent / "launcher" / "streamlit_app.py"


def main() -> None:
    if sys.argv[1:2] == ["report"]:
        from dashboard.report import command

        raise SystemExit(command.main(sys.argv[2:]))
    parser = argparse.ArgumentParser(prog="python -m dashboard", description="Open the app.")
    parser.add_argument("--runs", metavar="DIR", help="folder of runs, or its URL")
    parser.add_argument("--port", type=int, metavar="N", help="port of the address http://127.0.0.1:N (default 8501)")
    options = parser.parse_args()
    if options.runs:
        os.environ["GANRAY_RUNS"] = options.runs  # the trainings that the app starts inherit it
    from streamlit.web import cli

    port = [] if options.port is None else ["--server.port", str(options.port)]
    sys.argv = ["streamlit", "run", str(SCRIPT), *port]  # Streamlit reads sys.argv in several places
    cli.main(prog_name="streamlit")


if __name__ == "__main__":
    main()
