"""The dashboard's frame: navigation and the boundary around each page.

streamlit run streamlit_app.py
"""

from pathlib import Path

import streamlit as st

from dashboard import parts

HERE = Path(__file__).resolve().parent


def main() -> None:
    st.set_page_config(page_title="GANray", page_icon=str(HERE / "icon.svg"), layout="wide")
    st.logo(str(HERE / "logo.svg"), size="medium")
    st.html(f"<style>{''.join(path.read_text('utf-8') for path in sorted((HERE / 'styles').glob('*.css')))}</style>")
    page = st.navigation(
        [
            st.Page("views/compare.py", title="Compare", default=True, help="Several runs side by side."),
            st.Page("views/run.py", title="Run", help="One run in depth: curves, grids, settings, files."),
            st.Page("views/evaluate.py", title="Evaluate", help="How real, how varied, how useful, does it copy?"),
            st.Page("views/live.py", title="Live", help="Translate, generate and encode with the trained runs."),
            st.Page("views/quiz.py", title="Quiz", help="Real or generated? Twenty pictures, one at a time."),
            st.Page("views/train.py", title="Train", help="Start a training and follow it."),
        ],
        position="top",
    )
    with parts.boundary(page.title):
        parts.failed_action()
        page.run()


main()
