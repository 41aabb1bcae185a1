"""The theme of the live tab, like the dashboard: see .streamlit/config.toml and dashboard/styles."""

from pathlib import Path
from typing import Any

import gradio as gr

HERE = Path(__file__).resolve().parent
_SCRIPTS = ("painting.js", "brush.js", "explore.js", "live.js")


def look() -> dict[str, Any]:
    """Return the theme, the CSS and the scripts as keyword arguments for Gradio."""
    scripts = "".join(f"<script>{(HERE / name).read_text(encoding='utf-8')}</script>" for name in _SCRIPTS)
    return {"theme": _theme(), "css": (HERE / "live.css").read_text(encoding="utf-8"), "head": scripts}


def _theme() -> gr.themes.Base:
    """Return a theme with Streamlit's backgrounds, fields and buttons, light and dark."""
    pairs = {
        "body_background_fill": ("#ffffff", "#171614"),
        "background_fill_primary": ("#ffffff", "#171614"),
        "background_fill_secondary": ("#f7f7f5", "#22211e"),
        "body_text_color": ("#2f2d2b", "#edebe8"),
        "body_text_color_subdued": ("#6b6864", "#a5a29d"),
        "border_color_primary": ("#d9d7d3", "#3f3d39"),
        "border_color_accent": ("#2563a8", "#3b82c4"),
        "block_background_fill": ("#ffffff", "#171614"),
        "block_label_text_color": ("#2f2d2b", "#edebe8"),
        "block_title_text_color": ("#2f2d2b", "#edebe8"),
        "block_info_text_color": ("#6b6864", "#a5a29d"),
        "input_background_fill": ("#f7f7f5", "#2a2926"),
        "input_border_color": ("#d9d7d3", "#4b4843"),
        "input_border_color_focus": ("#2563a8", "#3b82c4"),
        "checkbox_label_background_fill": ("#ffffff", "#171614"),
        "checkbox_label_background_fill_hover": ("#f7f7f5", "#22211e"),
        "checkbox_label_background_fill_selected": ("#eef4fb", "#1d2c3b"),
        "checkbox_label_border_color": ("#d9d7d3", "#4b4843"),
        "checkbox_label_border_color_selected": ("#2563a8", "#3b82c4"),
        "checkbox_background_color_selected": ("#2563a8", "#3b82c4"),
        "checkbox_border_color_selected": ("#2563a8", "#3b82c4"),
        "slider_color": ("#2563a8", "#3b82c4"),
        "link_text_color": ("#2563a8", "#6cabe0"),
        "link_text_color_hover": ("#2563a8", "#6cabe0"),
        "link_text_color_visited": ("#2563a8", "#6cabe0"),
        "button_primary_background_fill": ("#2563a8", "#3b82c4"),
        "button_primary_background_fill_hover": ("#1f5490", "#3375b3"),
        "button_primary_border_color": ("#2563a8", "#3b82c4"),
        "button_primary_text_color": ("#ffffff", "#ffffff"),
        "button_secondary_background_fill": ("#ffffff", "#22211e"),
        "button_secondary_background_fill_hover": ("#f7f7f5", "#2f2d29"),
        "button_secondary_border_color": ("#d9d7d3", "#4b4843"),
        "button_secondary_text_color": ("#2f2d2b", "#edebe8"),
    }
    pairs |= dict.fromkeys(("input_border_width", "button_border_width", "checkbox_label_border_width"), ("1px", "1px"))
    settings = {name: light for name, (light, _) in pairs.items()}
    settings |= {f"{name}_dark": dark for name, (_, dark) in pairs.items()}
    # Gradio ships this font complete in two weights, but only a few letters of its successor, which Streamlit uses.
    letters = (gr.themes.LocalFont("Source Sans Pro", (400, 700)), "system-ui", "sans-serif")
    theme = gr.themes.Base(
        primary_hue="blue", neutral_hue="stone", radius_size="md", font=letters, font_mono=("monospace",)
    )
    return theme.set(color_accent="#2563a8", **settings)
