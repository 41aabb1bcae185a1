"""The page Playground: two small networks play against each other, and one watches.

The game runs in a process of the viewer's own, which the page talks to over a web socket (dashboard/server/playing.py).
All else happens in the browser (components/playground*.js).
"""

from pathlib import Path

import streamlit as st

from dashboard.server import paths
from dashboard.views.playground import controls
from dashboard.widgets import components
from dashboard.widgets.text import plain
from gan_core.playground import players
from gan_core.playground.experiments import EXPERIMENTS

HERE = Path(__file__).resolve().parents[2] / "components"
SCRIPTS = ("stage_address.js", "playground_link.js", "playground_plot.js", "playground_controls.js", "playground.js")

_PLAYGROUND = components.component(
    "ganray_playground",
    html=(HERE / "playground.html").read_text(encoding="utf-8"),
    css=(HERE / "playground.css").read_text(encoding="utf-8"),
    js="\n".join((HERE / name).read_text(encoding="utf-8") for name in SCRIPTS),
)


def main() -> None:
    players.prepare()
    with st.container(horizontal=True, vertical_alignment="bottom", horizontal_alignment="distribute"):
        st.title("Playground", width="content")
        st.caption("Two small networks, trained by the same losses and optimizers as on X-rays.", width="content")
    wanted = str(st.query_params.get("experiment", ""))
    if wanted and wanted not in EXPERIMENTS:
        st.warning(f"There is no experiment '{plain(wanted[:60])}': choose one below.", icon=":material/warning:")
    _PLAYGROUND(data={"socket": paths.playing(), **controls.page_data()}, key="playground")


main()
