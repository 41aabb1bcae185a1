"""The app of the installed package, as streamlit_app.py at the top of the repository is that of a clone."""

import streamlit as st

from dashboard.app import parts

app = st.App(**parts())
