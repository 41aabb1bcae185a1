"""The elements that the browser draws by scripts of ours (dashboard/components), and what they are told."""

import json
from typing import TYPE_CHECKING, Any

import streamlit as st

if TYPE_CHECKING:
    from streamlit.components.v2.types import ComponentRenderer


def component(name: str, **parts: Any) -> "ComponentRenderer":
    """Register an element and return the function that draws it; parts: its html, css and js.

    That function raises ValueError for data with a number that is not finite: Streamlit would send NaN, which is no
    JSON, and the element would show the browser's error.
    """
    drawn = st.components.v2.component(name, **parts)

    def draw(*, data: Any = None, **options: Any) -> Any:
        json.dumps(data, allow_nan=False)
        return drawn(data=data, **options)

    return draw
