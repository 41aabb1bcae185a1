"""The dashboard's frame: the navigation, the style sheets and the error boundary around each page.

Run it with `streamlit run streamlit_app.py`.
"""

from pathlib import Path

import streamlit as st

from dashboard.widgets import error_boundary

HERE = Path(__file__).resolve().parent


def main() -> None:
    st.set_page_config(page_title="GANray", page_icon=str(HERE / "icon.svg"), layout="wide")
    st.logo(str(HERE / "logo.svg"), size="medium")
    st.html(f"<style>{''.join(path.read_text('utf-8') for path in sorted((HERE / 'styles').glob('*.css')))}</style>")
    page = st.navigation(
        [
            st.Page(
                "views/compare/page.py",
                url_path="compare",
                title="Compare",
                default=True,
                help="Several runs side by side.",
            ),
            st.Page(
                "views/run/page.py",
                url_path="run",
                title="Run",
                help="One run in depth: curves, grids, settings, files.",
            ),
            st.Page(
                "views/evaluate/page.py",
                url_path="evaluate",
                title="Evaluate",
                help="How real, how varied and how useful are the images? Are they copies?",
            ),
            st.Page(
                "views/live/page.py",
                url_path="live",
                title="Live",
                help="Translate, generate and encode images with the trained runs.",
            ),
            st.Page(
                "views/playground/page.py",
                url_path="playground",
                title="Playground",
                help="Watch two small networks play against each other.",
            ),
            st.Page(
                "views/quiz/page.py",
                url_path="quiz",
                title="Quiz",
                help="Real or generated? Twenty images, one at a time.",
            ),
            st.Page("views/train/page.py", url_path="train", title="Train", help="Start a training and follow it."),
        ],
        position="top",
    )
    with error_boundary.boundary(page.title):
        error_boundary.failed_action()
        page.run()


main()
