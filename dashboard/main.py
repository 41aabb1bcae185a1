"""The dashboard's frame: the navigation, the style sheets, help and tour, and the error boundary around each page.

Run it with `streamlit run streamlit_app.py`.
"""

from pathlib import Path

import streamlit as st

from dashboard.library import garbage, pages
from dashboard.widgets import error_boundary, frame, terms

HERE = Path(__file__).resolve().parent


def main() -> None:
    st.set_page_config(page_title="GANray", page_icon=str(HERE / "icon.svg"), layout="wide")
    st.logo(str(HERE / "logo.svg"), size="medium")
    st.html(f"<style>{''.join(path.read_text('utf-8') for path in sorted((HERE / 'styles').glob('*.css')))}</style>")
    addresses = {
        st.Page(
            page.script, url_path=page.address, title=page.title, default=page.address == pages.HOME, help=page.help
        ): page.address
        for page in pages.PAGES
    }
    page = st.navigation(list(addresses), position="top")
    frame.show()
    with error_boundary.boundary(page.title):
        error_boundary.failed_action()
        page.run()
    terms.show_words(page.url_path or pages.HOME)
    garbage.spare_modules()


main()
