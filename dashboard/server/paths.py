"""Paths of what this server serves besides its pages, below its own base path if it has one."""

import streamlit as st


def below(name: str) -> str:
    """The path of something that is called so."""
    base = str(st.get_option("server.baseUrlPath") or "").strip("/")
    return f"/{base}/{name}" if base else f"/{name}"


def live_tab() -> str:
    """Where the live tab is served. The page around it is /live: the two must not share a name."""
    return below("gradio")
