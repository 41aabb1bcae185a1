"""The address that starts a quiz for a class, and what it takes for others to reach it."""

import ipaddress
import re
from pathlib import Path
from urllib.parse import urlencode, urlsplit

import streamlit as st

from dashboard.views.quiz.questions import Quiz

GUIDE = Path(__file__).resolve().parents[3] / "docs" / "deploy.md"  # absent from an installed package
ONLY_HERE = "**This address only works on this machine**: nobody else reaches it. To give it to a class, serve the app."
FOR_ALL = "This address starts the same quiz for everybody who reaches this app, for example a whole class."


def show_link(found: Quiz) -> None:
    """Show the address that starts this quiz, and say where it works."""
    query = urlencode([*(("quiz", part.run) for part in found.parts), ("quiz_seed", found.seed)])
    base = str(st.context.url or "").partition("?")[0]
    if only_here(base):
        with st.container(horizontal=True, vertical_alignment="center"):
            st.caption(f":material/computer: {ONLY_HERE}", width="content")
            if GUIDE.is_file():
                if st.button("How to serve it to others", icon=":material/help:", type="tertiary", key="quiz-serve"):
                    _show_guide()
            else:
                st.caption("GANray's `docs/deploy.md` says how.", width="content")
    else:
        st.caption(f":material/link: {FOR_ALL}")
    st.code(f"{base}?{query}", language=None, wrap_lines=True)


def only_here(address: str) -> bool:
    """Return whether an address names the machine of its reader: localhost, 127.0.0.1 and the like."""
    host = urlsplit(address).hostname or ""
    if host == "localhost" or host.endswith(".localhost"):
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


@st.dialog("Serving the app to others", width="large", icon=":material/dns:")
def _show_guide() -> None:
    st.markdown(guide())


def guide() -> str:
    """Return the page on serving others as Markdown, without links to files, which the app does not serve."""
    return re.sub(r"\[([^\]]*)\]\((?!https?:)[^)]*\)", r"\1", GUIDE.read_text(encoding="utf-8"))
