"""URL paths of everything but the pages, below the server's base path if it has one."""

import streamlit as st


def below(name: str) -> str:
    """Return the URL path of `name` below the server's base path."""
    base = str(st.get_option("server.baseUrlPath") or "").strip("/")
    return f"/{base}/{name}" if base else f"/{name}"


def live_tab() -> str:
    """Return the URL path of the live tab. The page that embeds it is /live: the two must have different names."""
    return below("gradio")


def playing() -> str:
    """Return the URL path of the playground's web socket. Its page is /playground: the two must differ."""
    return below("playing")
